package packet

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func TestICMPv4(t *testing.T) {
	m, err := ParseICMPv4(icmpPacket(t)[20:])
	if err != nil {
		t.Fatal(err)
	}
	if m.Type() != ICMPEcho || m.Code() != 0 || m.ID() != 0xabcd || m.Seq() != 7 || m.Rest() != 0xabcd0007 ||
		string(m.Payload()) != "ping" || !m.ChecksumOK() {
		t.Errorf("%x", []byte(m))
	}
	m.SetType(ICMPDestUnreachable)
	m.SetCode(4)
	m.SetRest(1500)
	if m.ChecksumOK() {
		t.Error("the old checksum is still right")
	}
	m.SetChecksum()
	if !m.ChecksumOK() || !bytes.Equal(m[:2], []byte{3, 4}) || !bytes.Equal(m[4:8], []byte{0, 0, 0x05, 0xdc}) {
		t.Errorf("wrote %x", []byte(m))
	}
	for n := range ICMPv4HeaderLen {
		if m, err := ParseICMPv4(make([]byte, n)); err != ErrShort || m != nil {
			t.Errorf("%d bytes: %v, %v", n, m, err)
		}
	}
}

// FuzzICMPv4 compares with gopacket; both ask for 8 bytes and no more.
func FuzzICMPv4(f *testing.F) {
	f.Add(icmpPacket(f)[20:])
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseICMPv4(b)
		var g layers.ICMPv4
		gerr := g.DecodeFromBytes(b, gopacket.NilDecodeFeedback)
		if (err == nil) != (gerr == nil) {
			t.Fatalf("ours: %v, gopacket: %v", err, gerr)
		}
		if err != nil {
			return
		}
		if m.Type() != g.TypeCode.Type() || m.Code() != g.TypeCode.Code() || m.Checksum() != g.Checksum ||
			m.ID() != g.Id || m.Seq() != g.Seq || m.Rest() != binary.BigEndian.Uint32(g.Contents[4:]) ||
			!bytes.Equal(m.Payload(), g.Payload) {
			t.Errorf("ours %x, gopacket %+v", []byte(m), g)
		}
		if m.ChecksumOK() != (naiveChecksum(m) == 0) {
			t.Errorf("ChecksumOK = %v for %x", m.ChecksumOK(), []byte(m))
		}
	})
}
