package packet

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// naiveChecksum is RFC 1071's definition: 16-bit words, big-endian, end-around carry.
func naiveChecksum(b []byte) uint16 {
	var sum uint32
	for i, v := range b {
		if i%2 == 0 {
			sum += uint32(v) << 8
		} else {
			sum += uint32(v)
		}
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// naivePseudo is naiveChecksum over the pseudo header written out.
func naivePseudo(src, dst uint32, protocol uint8, b []byte) uint16 {
	var h []byte
	h = binary.BigEndian.AppendUint32(h, src)
	h = binary.BigEndian.AppendUint32(h, dst)
	h = append(h, 0, protocol)
	h = binary.BigEndian.AppendUint16(h, uint16(len(b)))
	return naiveChecksum(append(h, b...))
}

// TestChecksumRFC1071 is the example of RFC 1071 3.
func TestChecksumRFC1071(t *testing.T) {
	if got := ^Checksum([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}); got != 0xddf2 {
		t.Errorf("sum = %#04x, want 0xddf2", got)
	}
}

// TestChecksumLengths compares with the naive twin at every length to 2049 and every alignment, over random bytes and
// over those that carry most and least.
func TestChecksumLengths(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	random, ones, zeros := make([]byte, 2100), make([]byte, 2100), make([]byte, 2100)
	for i := range random {
		random[i], ones[i] = byte(rng.Uint32()), 0xff
	}
	for n := range 2050 {
		for name, b := range map[string][]byte{"random": random, "ones": ones, "zeros": zeros} {
			b = b[n%8 : n%8+n]
			if got, want := Checksum(b), naiveChecksum(b); got != want {
				t.Fatalf("%s, length %d: %#04x, want %#04x", name, n, got, want)
			}
			src, dst, proto := rng.Uint32(), rng.Uint32(), uint8(rng.Uint32())
			if got, want := ChecksumPseudo(src, dst, proto, b), naivePseudo(src, dst, proto, b); got != want {
				t.Fatalf("%s, length %d, pseudo %x %x %d: %#04x, want %#04x", name, n, src, dst, proto, got, want)
			}
		}
	}
}

// TestChecksumCarries drives all chains of carries: every word is one of the values around which carries happen.
func TestChecksumCarries(t *testing.T) {
	words := []uint64{0, 1, 1<<32 - 1, 1 << 32, 1<<63 - 1, 1 << 63, ^uint64(0) - 1, ^uint64(0)}
	b := make([]byte, 40)
	for i := range 1 << 15 {
		for j := range 5 {
			binary.LittleEndian.PutUint64(b[8*j:], words[i>>(3*j)&7])
		}
		if got, want := Checksum(b), naiveChecksum(b); got != want {
			t.Fatalf("%x: %#04x, want %#04x", b, got, want)
		}
		if got, want := ChecksumHeader20(b), naiveChecksum(b[:20]); got != want {
			t.Fatalf("%x: header %#04x, want %#04x", b[:20], got, want)
		}
	}
}

func TestChecksumHeader20(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, 24)
	for range 200_000 {
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		if got, want := ChecksumHeader20(b), naiveChecksum(b[:20]); got != want {
			t.Fatalf("%x: %#04x, want %#04x", b[:20], got, want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("19 bytes must panic")
		}
	}()
	ChecksumHeader20(b[:19])
}

// TestUpdateChecksum compares with full recomputation, over all values of the word that changes and of the old
// checksum, on a sample of new values that contains the corners.
func TestUpdateChecksum(t *testing.T) {
	if got := UpdateChecksum(0xdd2f, 0x5555, 0x3285); got != 0x0000 {
		t.Errorf("RFC 1624 4's example gives %#04x, want 0x0000", got)
	}
	news := []uint16{0x0000, 0x0001, 0x00ff, 0x0100, 0x7fff, 0x8000, 0xfeff, 0xff00, 0xfffe, 0xffff}
	for rest := range 1 << 16 { // the sum of all words that do not change
		for _, old := range []uint16{0x0000, 0x0001, 0x00ff, 0x3285, 0x5555, 0x8000, 0xfffe, 0xffff, uint16(rest), ^uint16(rest)} {
			sum := sumWords(uint16(rest), old)
			for _, m := range news {
				want := sumWords(uint16(rest), m)
				if rest == 0 && m == 0 {
					want = 0 // the documented exception: nothing but zeros is left
				}
				if got := UpdateChecksum(sum, old, m); got != want {
					t.Fatalf("rest %#04x, %#04x to %#04x: %#04x to %#04x, want %#04x", rest, old, m, sum, got, want)
				}
			}
		}
	}
}

// sumWords is the checksum of two words.
func sumWords(a, b uint16) uint16 {
	return naiveChecksum([]byte{byte(a >> 8), byte(a), byte(b >> 8), byte(b)})
}

func TestUpdateChecksum32(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	corners := []uint32{0, 1, 0xffff, 0x10000, 0xffff0000, 0xfffffffe, 0xffffffff, 0x80000000}
	value := func() uint32 {
		if rng.IntN(2) == 0 {
			return corners[rng.IntN(len(corners))]
		}
		return rng.Uint32()
	}
	b := make([]byte, 12)
	for range 500_000 {
		binary.BigEndian.PutUint32(b[0:], 0x45000001+value()>>8) // never zero: a header has a version
		binary.BigEndian.PutUint32(b[4:], value())
		old, m := value(), value()
		binary.BigEndian.PutUint32(b[8:], old)
		sum := naiveChecksum(b)
		binary.BigEndian.PutUint32(b[8:], m)
		if got, want := UpdateChecksum32(sum, old, m), naiveChecksum(b); got != want {
			t.Fatalf("%x, %#08x to %#08x: %#04x to %#04x, want %#04x", b, old, m, sum, got, want)
		}
	}
}

func FuzzChecksum(f *testing.F) {
	f.Add([]byte{}, uint32(0), uint32(0))
	f.Add([]byte{0xff}, uint32(0xffffffff), uint32(0))
	f.Add([]byte("an odd number of bytes, more than thirty-two of them"), uint32(0x0a000001), uint32(0xc0a80101))
	f.Fuzz(func(t *testing.T, b []byte, x, y uint32) {
		if len(b) > MaxFrameSize {
			return
		}
		if got, want := Checksum(b), naiveChecksum(b); got != want {
			t.Errorf("Checksum(%x) = %#04x, want %#04x", b, got, want)
		}
		if len(b) >= 20 {
			if got, want := ChecksumHeader20(b), naiveChecksum(b[:20]); got != want {
				t.Errorf("ChecksumHeader20(%x) = %#04x, want %#04x", b[:20], got, want)
			}
		}
		if got, want := ChecksumPseudo(x, y, ProtoTCP, b), naivePseudo(x, y, ProtoTCP, b); got != want {
			t.Errorf("ChecksumPseudo(%x, %x, %x) = %#04x, want %#04x", x, y, b, got, want)
		}
		if len(b) < 8 || b[0] == 0 { // b[0] stays and keeps the whole from being zero
			return
		}
		before := naiveChecksum(b)
		c := append([]byte(nil), b...)
		binary.BigEndian.PutUint32(c[4:], x)
		if got, want := UpdateChecksum32(before, binary.BigEndian.Uint32(b[4:]), x), naiveChecksum(c); got != want {
			t.Errorf("UpdateChecksum32 of %x to %x: %#04x, want %#04x", b, c, got, want)
		}
		c = append(c[:0], b...)
		binary.BigEndian.PutUint16(c[2:], uint16(y))
		if got, want := UpdateChecksum(before, binary.BigEndian.Uint16(b[2:]), uint16(y)), naiveChecksum(c); got != want {
			t.Errorf("UpdateChecksum of %x to %x: %#04x, want %#04x", b, c, got, want)
		}
	})
}
