package packet

import (
	"bytes"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func TestMAC(t *testing.T) {
	m := MAC{0x02, 0x00, 0x5e, 0x10, 0xff, 0x01}
	if m.String() != "02:00:5e:10:ff:01" || m.IsGroup() {
		t.Errorf("%v: group %v", m, m.IsGroup())
	}
	if !Broadcast().IsGroup() || !(MAC{0x01, 0x00, 0x5e}).IsGroup() {
		t.Error("broadcast and multicast are groups")
	}
}

func TestEthernet(t *testing.T) {
	b := make([]byte, 20)
	e, err := ParseEthernet(b)
	if err != nil {
		t.Fatal(err)
	}
	dst, src := MAC{1, 2, 3, 4, 5, 6}, MAC{7, 8, 9, 10, 11, 12}
	e.SetDst(dst)
	e.SetSrc(src)
	e.SetEtherType(EtherTypeARP)
	want := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x08, 0x06, 0, 0, 0, 0, 0, 0}
	if !bytes.Equal(b, want) {
		t.Errorf("wrote %x, want %x", b, want)
	}
	if e.Dst() != dst || e.Src() != src || e.EtherType() != EtherTypeARP || len(e.Payload()) != 6 {
		t.Errorf("read %v %v %#04x, payload %d", e.Dst(), e.Src(), e.EtherType(), len(e.Payload()))
	}
	for n := range EthernetLen {
		if e, err := ParseEthernet(b[:n]); err != ErrShort || e != nil {
			t.Errorf("%d bytes: %v, %v", n, e, err)
		}
	}
}

// FuzzEthernet compares with gopacket. Difference: gopacket reads an EtherType below 0x0600 as an 802.3 length, which
// it reports apart and cuts the payload to; our EtherType and Payload give what the frame holds.
func FuzzEthernet(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEthernet(b)
		var g layers.Ethernet
		gerr := g.DecodeFromBytes(b, gopacket.NilDecodeFeedback)
		if (err == nil) != (gerr == nil) {
			t.Fatalf("ours: %v, gopacket: %v", err, gerr)
		}
		if err != nil {
			return
		}
		dst, src := e.Dst(), e.Src()
		if !bytes.Equal(dst[:], g.DstMAC) || !bytes.Equal(src[:], g.SrcMAC) {
			t.Errorf("addresses %v %v, gopacket %v %v", dst, src, g.DstMAC, g.SrcMAC)
		}
		if e.EtherType() >= EtherTypeMin {
			if e.EtherType() != uint16(g.EthernetType) || !bytes.Equal(e.Payload(), g.Payload) {
				t.Errorf("EtherType %#04x payload %x, gopacket %#04x %x", e.EtherType(), e.Payload(), uint16(g.EthernetType), g.Payload)
			}
		} else if e.EtherType() != g.Length || !bytes.HasPrefix(e.Payload(), g.Payload) {
			t.Errorf("length %d payload %x, gopacket %d %x", e.EtherType(), e.Payload(), g.Length, g.Payload)
		}
	})
}
