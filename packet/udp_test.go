package packet

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func TestUDP(t *testing.T) {
	p, err := ParseIPv4(udpPacket(t))
	if err != nil {
		t.Fatal(err)
	}
	u, err := ParseUDP(append(p.Payload(), "trailer"...))
	if err != nil {
		t.Fatal(err)
	}
	if u.SrcPort() != 1024 || u.DstPort() != 53 || u.Len() != 15 || len(u) != 15 || string(u.Payload()) != "payload" {
		t.Errorf("%d to %d, length %d, payload %q", u.SrcPort(), u.DstPort(), u.Len(), u.Payload())
	}
	want := u.Checksum() // gopacket's
	if !u.ChecksumOK(p.Src(), p.Dst()) || u.ChecksumOK(p.Src(), p.Dst()+1) {
		t.Error("ChecksumOK is wrong")
	}
	u.SetChecksum(p.Src(), p.Dst())
	if u.Checksum() != want {
		t.Errorf("SetChecksum: %#04x, gopacket %#04x", u.Checksum(), want)
	}
	u.ClearChecksum()
	if u.Checksum() != 0 || !u.ChecksumOK(p.Src(), p.Dst()) {
		t.Error("an absent checksum is right")
	}
	u.SetSrcPort(1)
	u.SetDstPort(2)
	u.SetLen(15)
	if !bytes.Equal(u[:8], []byte{0, 1, 0, 2, 0, 15, 0, 0}) {
		t.Errorf("wrote %x", u[:8])
	}
}

// TestUDPChecksumZero: whatever the ports, the stored checksum is never 0, and it verifies.
func TestUDPChecksumZero(t *testing.T) {
	u := UDP{0, 0, 0, 53, 0, 8, 0, 0}
	corner := false
	for port := range 1 << 16 {
		u.SetSrcPort(uint16(port))
		u.SetChecksum(0x0a000001, 0x0a000002)
		if u.Checksum() == 0 || !u.ChecksumOK(0x0a000001, 0x0a000002) {
			t.Fatalf("port %d: checksum %#04x", port, u.Checksum())
		}
		corner = corner || u.Checksum() == 0xffff
	}
	if !corner {
		t.Error("the corner was not met")
	}
}

func TestParseUDPRefuses(t *testing.T) {
	for _, c := range []struct {
		b    []byte
		want error
	}{
		{nil, ErrShort},
		{make([]byte, 7), ErrShort},
		{make([]byte, 8), ErrLength},
		{[]byte{0, 1, 0, 2, 0, 7, 0, 0}, ErrLength},
		{[]byte{0, 1, 0, 2, 0, 8, 0, 0}, nil},
		{[]byte{0, 1, 0, 2, 0, 9, 0, 0}, ErrTruncated},
	} {
		if u, err := ParseUDP(c.b); err != c.want || (u == nil) != (err != nil) {
			t.Errorf("%x: %v, want %v", c.b, err, c.want)
		}
	}
}

// FuzzUDP compares with gopacket. Ours is rightly stricter: gopacket takes a length of 0 (an IPv6 jumbogram) and one
// beyond the buffer.
func FuzzUDP(f *testing.F) {
	f.Add(udpPacket(f)[20:])
	f.Add([]byte{0, 1, 0, 2, 0, 8, 0, 0, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := ParseUDP(b)
		var g layers.UDP
		gerr := g.DecodeFromBytes(b, gopacket.NilDecodeFeedback)
		if err != nil {
			if gerr == nil && !(g.Length == 0 && err == ErrLength) && !(int(g.Length) > len(b) && err == ErrTruncated) {
				t.Fatalf("ours: %v, gopacket takes %x", err, b)
			}
			return
		}
		if gerr != nil {
			t.Fatalf("gopacket: %v, ours takes %x", gerr, b)
		}
		if u.SrcPort() != uint16(g.SrcPort) || u.DstPort() != uint16(g.DstPort) || u.Len() != int(g.Length) ||
			u.Checksum() != g.Checksum || !bytes.Equal(u.Payload(), g.Payload) {
			t.Errorf("ours %x, gopacket %+v", []byte(u), g)
		}
		src, dst := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		want := u.Checksum() == 0 || naivePseudo(src, dst, ProtoUDP, u) == 0
		if u.ChecksumOK(src, dst) != want {
			t.Errorf("ChecksumOK = %v for %x", !want, []byte(u))
		}
	})
}
