package packet

import (
	"bytes"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func TestTCI(t *testing.T) {
	for v := range 1 << 16 {
		c := TCI(v)
		if got := NewTCI(c.PCP(), c.DEI(), c.VID()); got != c {
			t.Fatalf("%#04x: PCP %d DEI %v VID %d make %#04x", v, c.PCP(), c.DEI(), c.VID(), got)
		}
	}
	if c := NewTCI(5, true, 100); c != 0xb064 || c.PCP() != 5 || !c.DEI() || c.VID() != 100 {
		t.Errorf("NewTCI(5, true, 100) = %#04x", c)
	}
	if c := NewTCI(8, false, 4096); c != 0 {
		t.Errorf("values out of range leave %#04x", c)
	}
}

func TestVLAN(t *testing.T) {
	ip := udpPacket(t)
	for _, tags := range [][][2]uint16{
		nil,
		{{0x8100, 0xb064}},
		{{0x88a8, 0x0064}},
		{{0x88a8, 0x1fff}, {0x8100, 0x0001}},
		{{0x8100, 0x0000}, {0x8100, 0xffff}},
	} {
		b := tagged(t, ip, layers.EthernetTypeIPv4, tags...)
		v, err := ParseVLAN(b)
		if err != nil {
			t.Fatalf("%x: %v", tags, err)
		}
		if v.Tags() != len(tags) || len(v) != EthernetLen+TagLen*len(tags) || v.EtherType() != EtherTypeIPv4 {
			t.Errorf("%x: %d tags, %d bytes, EtherType %#04x", tags, v.Tags(), len(v), v.EtherType())
		}
		if !bytes.HasPrefix(b[len(v):], ip) {
			t.Errorf("%x: payload %x", tags, b[len(v):])
		}
		for i, tag := range tags {
			if v.TPID(i) != tag[0] || v.TCI(i) != TCI(tag[1]) {
				t.Errorf("%x: tag %d is %#04x %#04x", tags, i, v.TPID(i), v.TCI(i))
			}
			v.SetTCI(i, TCI(i+7))
			if v.TCI(i) != TCI(i+7) || v.TPID(i) != tag[0] {
				t.Errorf("%x: SetTCI(%d) left %#04x %#04x", tags, i, v.TPID(i), v.TCI(i))
			}
		}
		for n := range v {
			if v, err := ParseVLAN(b[:n]); err != ErrShort || v != nil {
				t.Errorf("%x, %d bytes: %v, %v", tags, n, v, err)
			}
		}
	}
	three := tagged(t, ip, layers.EthernetTypeIPv4, [2]uint16{0x88a8, 1}, [2]uint16{0x8100, 2}, [2]uint16{0x8100, 3})
	if v, err := ParseVLAN(three); err != ErrTags || v != nil {
		t.Errorf("three tags: %v, %v", v, err)
	}
}

// FuzzVLAN compares with gopacket's Ethernet and Dot1Q layers, tag by tag. Difference: gopacket follows any number of
// tags, ours refuses the third.
func FuzzVLAN(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseVLAN(b)
		var e layers.Ethernet
		if e.DecodeFromBytes(b, gopacket.NilDecodeFeedback) != nil {
			if err != ErrShort {
				t.Fatalf("%v for a frame without Ethernet header", err)
			}
			return
		}
		next, rest := e.EthernetType, b[EthernetLen:]
		for i := 0; next == layers.EthernetTypeDot1Q || next == layers.EthernetTypeQinQ; i++ {
			var g layers.Dot1Q
			if i == 2 {
				if err != ErrTags {
					t.Fatalf("%v for three tags", err)
				}
				return
			}
			if g.DecodeFromBytes(rest, gopacket.NilDecodeFeedback) != nil {
				if err != ErrShort {
					t.Fatalf("%v for a tag cut short", err)
				}
				return
			}
			if err == nil {
				c := v.TCI(i)
				if v.TPID(i) != uint16(next) || c.PCP() != g.Priority || c.DEI() != g.DropEligible || c.VID() != g.VLANIdentifier {
					t.Errorf("tag %d: %#04x %#04x, gopacket %+v", i, v.TPID(i), c, g)
				}
			}
			next, rest = g.Type, g.Payload
		}
		if err != nil {
			t.Fatalf("%v for a frame that gopacket takes", err)
		}
		if next != layers.EthernetTypeLLC && v.EtherType() != uint16(next) || !bytes.Equal(b[len(v):], rest) {
			t.Errorf("EtherType %#04x payload %x, gopacket %#04x %x", v.EtherType(), b[len(v):], uint16(next), rest)
		}
	})
}
