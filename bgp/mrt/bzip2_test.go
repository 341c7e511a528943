package mrt

import (
	"bytes"
	"compress/bzip2"
	"io"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"

	"vrfwd/gen"
	"vrfwd/internal/testnet"
)

// bzip compresses with the program.
func bzip(t testing.TB, file []byte, level string) []byte {
	t.Helper()
	cmd := exec.Command("bzip2", level)
	cmd.Stdin = bytes.NewReader(file)
	packed, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func unbzip(packed []byte) ([]byte, error) {
	z := newBzipReader(bytes.NewReader(packed))
	defer z.Close()
	return io.ReadAll(z)
}

// TestBzip: blocks decoded side by side are what the standard library, which decodes them one after the other, makes of the
// file; and what it refuses is refused.
func TestBzip(t *testing.T) {
	testnet.Need(t, "bzip2")
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 350_000) // blocks that do not compress
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	_, dump := table(t, gen.DumpConfig{Peers: 3, Seed: 1}, 3000)
	for name, file := range map[string][]byte{
		"dump": bzip(t, dump, "-1"), "dump, level 9": bzip(t, dump, "-9"), "noise": bzip(t, noise, "-1"), "empty": bzip(t, nil, "-9"),
		"a byte": bzip(t, []byte{7}, "-9"), "two streams": cat(bzip(t, dump[:150_000], "-1"), bzip(t, dump[150_000:], "-1")),
		"empty between": cat(bzip(t, dump[:10], "-1"), bzip(t, nil, "-1"), bzip(t, dump[10:20], "-1")),
	} {
		want, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(file)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := unbzip(file)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, %d bytes, want %d", name, err, len(got), len(want))
		}
		for range 20 {
			bad := slices.Clone(file)
			if at := rng.IntN(len(bad)); rng.IntN(2) == 0 {
				bad = bad[:at]
			} else {
				bad[at] ^= 1 << rng.IntN(8)
			}
			_, theirs := io.ReadAll(bzip2.NewReader(bytes.NewReader(bad)))
			if _, err := unbzip(bad); (err == nil) != (theirs == nil) && len(bad) > 0 {
				t.Errorf("%s, damaged: %v, the standard library: %v", name, err, theirs)
			}
		}
	}
	// What is not read to its end ends.
	z := newBzipReader(bytes.NewReader(bzip(t, noise, "-1")))
	if _, err := z.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	if err := z.Close(); err != nil {
		t.Error(err)
	}
}

// FuzzMRTBzip: what the standard library decompresses is decompressed alike, and what it refuses is refused.
func FuzzMRTBzip(f *testing.F) {
	f.Add([]byte("BZh9\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00"))
	f.Add([]byte("BZh91AY&SY\x58\x0b\x88\x3d\x00\x00\x00\x01\x00\x01\x00\x20\x00\x21\x00\x82\x0b\x17\x72\x45\x38\x50\x90\x58\x0b\x88\x3d"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		want, theirs := io.ReadAll(io.LimitReader(bzip2.NewReader(bytes.NewReader(packed)), 8<<20))
		got, err := unbzip(packed)
		if len(want) == 8<<20 || len(packed) == 0 {
			return
		}
		if (err == nil) != (theirs == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%v, %d bytes; the standard library: %v, %d bytes", err, len(got), theirs, len(want))
		}
	})
}
