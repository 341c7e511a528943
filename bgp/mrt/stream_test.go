package mrt

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"vrfwd/gen"
	"vrfwd/internal/testnet"
)

func zip(t testing.TB, file []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestCompressed: what is compressed is the same file, and one that is damaged or cut short is refused.
func TestCompressed(t *testing.T) {
	_, file := table(t, gen.DumpConfig{Peers: 3, Seed: 1}, 3000)
	want := read(t, file, Choice{})
	check := func(name string, packed []byte) {
		if d := read(t, packed, Choice{}); !slices.Equal(d.text(), want.text()) {
			t.Errorf("%s: other routes", name)
		}
		cut := packed[:len(packed)/2]
		damaged := slices.Clone(packed)
		damaged[len(damaged)/2] ^= 0x10
		for what, bad := range map[string][]byte{"cut short": cut, "without an end": packed[:len(packed)-2], "damaged": damaged} {
			d, err := Read(bytes.NewReader(bad), "rib", Choice{All: true})
			var e *Error
			if d != nil || !errors.As(err, &e) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	check("gzip", zip(t, file))
	check("gzip of two members", cat(zip(t, file[:5000]), zip(t, file[5000:])))
	if _, err := Read(strings.NewReader("\x1f\x8b\x08\xff"), "rib", Choice{}); err == nil || !strings.Contains(err.Error(), "gzip") &&
		!strings.Contains(err.Error(), "cut short") {
		t.Error(err)
	}
	t.Run("bzip2", func(t *testing.T) {
		testnet.Need(t, "bzip2")
		cmd := exec.Command("bzip2")
		cmd.Stdin = bytes.NewReader(file)
		packed, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		check("bzip2", packed)
	})
}

// TestTake: bytes come in order however they are asked for, over the borders of chunks.
func TestTake(t *testing.T) {
	want := make([]byte, 5*chunkSize/2)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range want {
		want[i] = byte(rng.Uint32())
	}
	want[0] = 0
	for _, r := range []io.Reader{bytes.NewReader(want), iotest.DataErrReader(bytes.NewReader(want))} {
		s := newStream(r)
		var got []byte
		for len(got) < len(want) {
			n := min(len(want)-len(got), rng.IntN(chunkSize*3/2))
			if s.offset != int64(len(got)) {
				t.Fatal(s.offset, len(got))
			}
			b, err := s.take(n)
			if err != nil || len(b) != n {
				t.Fatal(err)
			}
			got = append(got, b...)
		}
		if !bytes.Equal(got, want) {
			t.Error("other bytes")
		}
		for range 2 {
			if _, err := s.take(1); err != io.EOF {
				t.Error(err)
			}
		}
		s.Close()
	}
	broken := errors.New("broken")
	s := newStream(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)))
	defer s.Close()
	if _, err := s.take(2); err != nil {
		t.Error(err)
	}
	if _, err := s.take(2); err != broken {
		t.Error(err)
	}
}

// TestClose: a stream that nobody reads to its end ends.
func TestClose(t *testing.T) {
	s := newStream(strings.NewReader(strings.Repeat("x", (chunks+3)*chunkSize)))
	if _, err := s.take(chunkSize + 1); err != nil {
		t.Fatal(err)
	}
	s.Close()
}
