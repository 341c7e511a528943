package packet

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/gopacket/layers"
)

// TestAllocations walks a frame as a worker does, and one that every parser refuses: nothing may allocate.
func TestAllocations(t *testing.T) {
	arena := mustArena(t, 2, 256)
	d := arena.Desc(1)
	b := tagged(t, udpPacket(t), layers.EthernetTypeIPv4, [2]uint16{0x8100, 100})
	d.Len = uint16(len(b))
	copy(arena.Frame(d), b)
	arp := arpPacket(t)
	var sink uint32
	walk := func() {
		f := arena.Frame(d)
		e, _ := ParseEthernet(f)
		v, _ := ParseVLAN(e)
		p, err := ParseIPv4(f[len(v):])
		if err != nil || !p.ChecksumOK() {
			t.Fatal(err)
		}
		p.DecrementTTL()
		p.SetTTL(64)
		p.SetChecksum()
		u, err := ParseUDP(p.Payload())
		if err != nil || !u.ChecksumOK(p.Src(), p.Dst()) {
			t.Fatal(err)
		}
		u.SetChecksum(p.Src(), p.Dst())
		a, _ := ParseARP(arp)
		s, dst := e.Src(), e.Dst()
		e.SetDst(s)
		e.SetSrc(dst)
		sink += p.Dst() + uint32(u.DstPort()) + uint32(v.TCI(0)) + a.SenderIP() + uint32(arena.Slot(d))
	}
	if n := testing.AllocsPerRun(100, walk); n != 0 {
		t.Errorf("%v allocations per frame, want 0", n)
	}
	bad := make([]byte, 4)
	refused := func() {
		_, e1 := ParseEthernet(bad)
		_, e2 := ParseVLAN(bad)
		_, e3 := ParseIPv4(bad)
		_, e4 := ParseUDP(bad)
		_, e5 := ParseTCP(bad)
		_, e6 := ParseICMPv4(bad)
		_, e7 := ParseARP(bad)
		for _, err := range [...]error{e1, e2, e3, e4, e5, e6, e7} {
			if err != ErrShort {
				t.Fatal(err)
			}
		}
	}
	if n := testing.AllocsPerRun(100, refused); n != 0 {
		t.Errorf("%v allocations per refused frame, want 0", n)
	}
}

func TestError(t *testing.T) {
	seen := map[string]bool{}
	for e := ErrShort; e <= ErrARPAddress; e++ {
		if s := e.Error(); !strings.HasPrefix(s, "packet: ") || seen[s] {
			t.Errorf("%d: %q", e, s)
		} else {
			seen[s] = true
		}
		if !errors.Is(fmt.Errorf("port 3: %w", e), e) {
			t.Errorf("%v is lost by wrapping", e)
		}
	}
	for _, e := range []Error{0, ErrARPAddress + 1} {
		if e.Error() != "packet: unknown error" {
			t.Errorf("%d: %q", e, e.Error())
		}
	}
}
