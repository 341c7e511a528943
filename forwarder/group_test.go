package forwarder

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"vrfwd/lpm"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// TestGroupMembers: each packet to a group leaves by the member of its flow, all of a flow by the same, and counts for
// that member; packets beside it, to no group or to what does not forward, do as ever.
func TestGroupMembers(t *testing.T) {
	b := newBed(t, 4, 1)
	b.primary(0, 0, 1, 0, true)
	for m := range 3 {
		b.adjacency(lpm.Hop(1+m), uint16(10+m), 1+m)
	}
	b.kind(4, vrftable.Glean)
	b.group(100, 5, 1, 2, 3)
	b.group(101, 6, 2, 4)
	b.route(0, "20.0.0.0", 8, 100)
	b.route(0, "21.0.0.0", 8, 101)
	b.route(0, "22.0.0.0", 8, 1)
	s := newSource(t, MaxBurst, 2048, 4, 0)
	w := b.worker(Config{Ports: s.sinks})
	r := rand.New(rand.NewPCG(8, 8))
	var frames []input
	var want [MaxBurst]struct{ group, member int }
	var sums [2][vrftable.MaxPaths]Traffic
	for i := range want {
		f := ipv4Frame(host, uint32(20+r.IntN(3))<<24|r.Uint32N(4), 64, 46)
		ip := packet.IPv4(f[14:])
		ip.SetProtocol([]byte{packet.ProtoTCP, packet.ProtoUDP, packet.ProtoICMP}[r.IntN(3)])
		if r.IntN(4) == 0 {
			ip.SetFragment(uint16(r.IntN(2)) | packet.FlagMF)
		}
		binary.BigEndian.PutUint32(ip[20:], r.Uint32N(8))
		ip.SetChecksum()
		frames = append(frames, input{frame: f})
		want[i].group = int(ip.Dst()>>24) - 20
		if g := want[i].group; g < 2 {
			hash := b.view.Seed.FlowHash(ip.Src(), ip.Dst(), ip.Ports(), ip.Protocol())
			_, m := b.view.Groups[5+g].Load(hash)
			want[i].member = int(m)
			sums[g][m].Packets++
			sums[g][m].Bytes += uint64(ip.TotalLen())
		}
	}
	s.fill(frames)
	w.Poll()
	balanced(t, w)
	for i, x := range want {
		got := s.got[i]
		switch {
		case x.group == 0 && got.port != uint16(1+x.member), x.group == 1 && x.member == 0 && got.port != 2, x.group == 2 && got.port != 1:
			t.Errorf("packet %d to group %d, member %d: sent by port %d", i, x.group, x.member, got.port)
		case x.group == 1 && x.member == 1 && got.frame != nil:
			t.Errorf("packet %d to a neighbour that is not known was sent", i)
		}
	}
	for g := range sums {
		if got := SumGroup(uint16(5+g), w); got != sums[g] {
			t.Errorf("group %d: %v, want %v", g, got, sums[g])
		}
		if sums[g][0].Packets == 0 || sums[g][1].Packets == 0 {
			t.Errorf("group %d: %v", g, sums[g])
		}
	}
	if n := Sum(w); n.Drops[Glean] != sums[1][1].Packets {
		t.Errorf("%v, want %d for the neighbour that is not known", n, sums[1][1].Packets)
	}
}
