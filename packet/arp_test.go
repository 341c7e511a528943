package packet

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func TestARP(t *testing.T) {
	b := arpPacket(t)
	a, err := ParseARP(append(b, make([]byte, 18)...))
	if err != nil {
		t.Fatal(err)
	}
	sender := MAC{2, 0, 0, 0, 0, 1}
	if len(a) != ARPLen || a.Op() != ARPRequest || a.SenderMAC() != sender || a.SenderIP() != 0x0a000001 ||
		a.TargetMAC() != (MAC{}) || a.TargetIP() != 0x0a0000fe {
		t.Errorf("%x", []byte(a))
	}
	made := ARP(bytes.Repeat([]byte{0xff}, ARPLen))
	made.Set(ARPRequest, sender, 0x0a000001, MAC{}, 0x0a0000fe)
	if !bytes.Equal(made, b) {
		t.Errorf("wrote %x, want %x", made, b)
	}
	for n := range ARPLen {
		if a, err := ParseARP(b[:n]); err != ErrShort || a != nil {
			t.Errorf("%d bytes: %v, %v", n, a, err)
		}
	}
	for i := range 6 {
		b[i] ^= 1
		if a, err := ParseARP(b); err != ErrARPAddress || a != nil {
			t.Errorf("byte %d changed: %v, %v", i, a, err)
		}
		b[i] ^= 1
	}
}

// FuzzARP compares with gopacket. Ours is rightly stricter: gopacket takes all hardware and protocol address families
// and lengths.
func FuzzARP(f *testing.F) {
	f.Add(arpPacket(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseARP(b)
		if err == ErrARPAddress && [6]byte(b) == [6]byte{0, 1, 8, 0, 6, 4} || err == ErrShort && len(b) >= ARPLen {
			t.Fatalf("%v for %x", err, b)
		}
		if err != nil {
			return
		}
		var g layers.ARP
		if err := g.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil {
			t.Fatalf("gopacket: %v, ours takes %x", err, b)
		}
		sender, target := a.SenderMAC(), a.TargetMAC()
		if g.AddrType != layers.LinkTypeEthernet || g.Protocol != layers.EthernetTypeIPv4 || a.Op() != g.Operation ||
			!bytes.Equal(sender[:], g.SourceHwAddress) || a.SenderIP() != binary.BigEndian.Uint32(g.SourceProtAddress) ||
			!bytes.Equal(target[:], g.DstHwAddress) || a.TargetIP() != binary.BigEndian.Uint32(g.DstProtAddress) ||
			!bytes.Equal(a, g.Contents) {
			t.Errorf("ours %x, gopacket %+v", []byte(a), g)
		}
	})
}
