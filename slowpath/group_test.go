package slowpath

import (
	"fmt"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vrfwd/packet"
	"vrfwd/vrftable"
)

// TestGroup: what the slow path sends to a group of next hops goes by the member that a worker chooses for the flow:
// packets with options by that of their ports, fragments of a packet by that of the packet, and fragments that came as
// such by that of their addresses. ICMP errors, which are flows of their own, go by theirs.
func TestGroup(t *testing.T) {
	b := newBed(t, Config{}, append(known(),
		vrftable.AddNeighbor{Interface: "a-ce", Addr: ip("10.0.0.3"), MAC: macCEB},
		static("", "9.0.0.0/8", vrftable.Via{Gateway: ip("10.0.0.2"), Interface: "to-a"}),
		static("", "9.0.0.0/8", vrftable.Via{Gateway: ip("10.0.0.3"), Interface: "to-a"}),
		vrftable.SetMTU{Interface: "to-a", MTU: 600})...)
	member := func(v packet.IPv4) vrftable.MAC {
		view := b.tab.View()
		a := view.Member(view.Lookup(0, 1, v.Dst()), view.Seed.FlowHash(v.Src(), v.Dst(), v.Ports(), v.Protocol()))
		return vrftable.MAC(a.Header[:6])
	}
	taken := map[vrftable.MAC]int{}
	for i := range 64 {
		h := header("8.1.1.1", fmt.Sprint("9.0.0.", i), layers.IPProtocolUDP)
		size := 100
		switch i % 3 {
		case 0: // record route
			h.Options = []layers.IPv4Option{{OptionType: 7, OptionLength: 7, OptionData: []byte{4, 0, 0, 0, 0}}}
		case 1:
			size = 1200
		case 2:
			h.Flags, size = layers.IPv4MoreFragments, 1192
		}
		u := &layers.UDP{SrcPort: layers.UDPPort(1000 + i), DstPort: 53}
		u.SetNetworkLayerForChecksum(h)
		f := frame(macP0, macISP, 0, h, u, gopacket.Payload(make([]byte, size)))
		v, err := packet.ParseIPv4(f[14:])
		if err != nil {
			t.Fatal(err)
		}
		want := member(v)
		taken[want]++
		b.receive(0, f)
		sent := b.sent(1)
		if pieces := []int{1, 3, 3}[i%3]; len(sent) != pieces {
			t.Fatalf("packet %d: %d frames, want %d: %v", i, len(sent), pieces, b.path.Counters())
		}
		for _, f := range sent {
			if got := vrftable.MAC(f[:6]); got != want {
				t.Errorf("packet %d went to %v, want %v", i, got, want)
			}
		}
	}
	if len(taken) != 2 {
		t.Errorf("members taken: %v", taken)
	}
	// Echo replies of the router itself, to sources behind the group.
	for i := range 16 {
		h := header(fmt.Sprint("9.1.0.", i), "192.0.2.1", layers.IPProtocolICMPv4)
		b.receive(0, frame(macP0, macISP, 0, h, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}, gopacket.Payload("ping")))
		sent := b.sent(1)
		if len(sent) != 1 {
			t.Fatalf("%d answers: %v", len(sent), b.path.Counters())
		}
		l2, err := packet.ParseVLAN(sent[0])
		if err != nil {
			t.Fatal(err)
		}
		if got, want := vrftable.MAC(sent[0][:6]), member(packet.IPv4(sent[0][len(l2):])); got != want {
			t.Errorf("answer %d went to %v, want %v", i, got, want)
		}
	}
	b.none()
}
