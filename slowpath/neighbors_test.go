package slowpath

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"vrfwd/forwarder"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// TestGlean: a packet to a neighbour that is not known waits; when the neighbour answers it leaves as if a worker had
// forwarded it, and from then on workers do. Through a VRF, fallback, and shares in both directions.
func TestGlean(t *testing.T) {
	for _, c := range []struct {
		name           string
		in             int
		frame          []byte
		out            int
		vlan           uint16
		asker, wanted  string
		mac, neighbour vrftable.MAC
		changes        []vrftable.Change
		iface          string // counts the transmission
	}{
		{"connected", 1, fromA(udp(header("10.0.0.2", "10.0.0.9", 17), 10)...), 1, 10, "10.0.0.1", "10.0.0.9", macP1, macCEA, nil, "a-ce"},
		{"gateway", 0, fromISP(udp(header("192.0.2.2", "8.1.2.3", 17), 10)...), 0, 0, "192.0.2.1", "192.0.2.2", macP0, macISP, nil, "uplink"},
		{"fallback", 1, fromA(udp(header("10.1.0.2", "8.1.2.3", 17), 900)...), 0, 0, "192.0.2.1", "192.0.2.2", macP0, macISP, nil, "uplink"},
		{"share to the uplink", 1, fromA(udp(header("10.1.0.2", "5.1.2.3", 17), 10)...), 0, 0, "192.0.2.1", "192.0.2.2", macP0, macISP,
			[]vrftable.Change{static("a", "5.0.0.0/8", vrftable.Via{Gateway: ip("192.0.2.2"), Interface: "a-up"})}, "a-up"},
		{"share to the customer", 0, fromISP(udp(header("8.0.0.1", "20.1.2.3", 17), 10)...), 1, 10, "10.0.0.1", "10.0.0.2", macP1, macCEA,
			[]vrftable.Change{static("", "20.1.0.0/16", vrftable.Via{Gateway: ip("10.0.0.2"), Interface: "to-a"})}, "to-a"},
		{"gateway outside the primary's network", 0, fromISP(udp(header("8.0.0.1", "20.1.2.3", 17), 10)...), 1, 10, "10.0.0.1", "172.16.0.9",
			macP1, macCEA, []vrftable.Change{static("", "20.1.0.0/16", vrftable.Via{Gateway: ip("172.16.0.9"), Interface: "to-a"})}, "to-a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, Config{}, c.changes...)
			b.receive(c.in, c.frame)
			p := b.one(c.out)
			wantL2(t, p, everyone, c.mac, c.vlan)
			wantARP(t, p, 1, c.mac, c.asker, vrftable.MAC{}, c.wanted)
			b.outcome(Waiting, 1)

			b.receive(c.out, frame(c.mac, c.neighbour, c.vlan, arpOf(2, c.neighbour, c.wanted, c.mac, c.asker)))
			waited := b.sent(c.out)
			b.outcome(Sent, 1)
			b.outcome(ARPTaken, 1)
			b.receive(c.in, c.frame)
			direct := b.sent(c.out)
			if c := b.path.Counters(); c.Outcomes[Sent] != 1 {
				t.Errorf("the second packet was not the worker's: %v", c)
			}
			if len(waited) != 1 || len(direct) != 1 || !bytes.Equal(waited[0], direct[0]) {
				t.Fatalf("sent by the slow path\n% x\nby a worker\n% x", waited, direct)
			}
			wantL2(t, decode(t, direct[0]), c.neighbour, c.mac, c.vlan)
			if n := b.path.IfaceTx(b.tab.InterfaceIndex(c.iface)); n.Packets != 1 || n.Bytes != uint64(len(packetOf(direct[0]))) {
				t.Errorf("counted on %s: %+v", c.iface, n)
			}
			if n := b.path.PortTx(uint16(c.out)); n.Packets < 2 {
				t.Errorf("counted on the port: %+v", n)
			}
		})
	}
}

// TestQueue: packets leave in the order in which they came; the oldest give way.
func TestQueue(t *testing.T) {
	b := newBed(t, Config{Neighbors: NeighborConfig{Queue: 3, Packets: 4}})
	for i := range 5 {
		b.receive(1, fromA(udp(header("10.1.0.2", "8.1.2.3", 17, func(h *layers.IPv4) { h.Id = uint16(i) }), 10)...))
	}
	b.receive(1, fromA(udp(header("10.0.0.2", "10.0.0.9", 17), 10)...))
	b.receive(1, fromA(udp(header("10.0.0.2", "10.0.0.9", 17), 10)...)) // one too many of all
	b.outcome(Waiting, 4)
	b.outcome(QueueFull, 3)
	if n := len(b.sent(0)); n != 1 {
		t.Errorf("%d requests for one neighbour in one second, want 1", n)
	}
	b.receive(0, fromISP(arpOf(2, macISP, "192.0.2.2", macP0, "192.0.2.1")))
	frames := b.sent(0)
	if len(frames) != 3 {
		t.Fatalf("%d packets left, want 3", len(frames))
	}
	for i, f := range frames {
		if id := decode(t, f).Layer(layers.LayerTypeIPv4).(*layers.IPv4).Id; int(id) != i+2 {
			t.Errorf("place %d: packet %d", i, id)
		}
	}
}

// TestUnresolved: a neighbour that does not answer is asked three times, then the senders are told; for a while packets to
// it are answered at once, and then it is asked again.
func TestUnresolved(t *testing.T) {
	b := newBed(t, Config{}, vrftable.AddNeighbor{Interface: "a-ce", Addr: ip("10.0.0.2"), MAC: macCEA})
	lost := udp(header("10.1.0.2", "10.0.0.9", 17), 10)
	b.receive(1, fromA(lost...))
	b.receive(1, fromA(lost...))
	b.pass(2900 * time.Millisecond)
	if n := len(b.sent(1)); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
	b.outcome(Waiting, 2)
	b.pass(100 * time.Millisecond)
	f := b.sent(1)
	if len(f) != 2 {
		t.Fatalf("%d frames, want two errors", len(f))
	}
	p := decode(t, f[0])
	wantL2(t, p, macCEA, macP1, 10)
	wantICMP(t, p, "10.0.0.1", "10.1.0.2", 3, 1)
	b.receive(1, fromA(lost...))
	wantICMP(t, b.one(1), "10.0.0.1", "10.1.0.2", 3, 1)
	b.outcome(Answered, 3)
	if n := b.path.Neighbors(); len(n) != 2 || n[1].State != Failed || n[0].State != Static {
		t.Errorf("%+v", n)
	}
	b.pass(3 * time.Second)
	b.receive(1, fromA(lost...))
	wantARP(t, b.one(1), 1, macP1, "10.0.0.1", vrftable.MAC{}, "10.0.0.9")
	// It wakes up and asks for us: that is an answer too.
	late := vrftable.MAC{2, 0, 0, 0, 2, 9}
	b.receive(1, frame(everyone, late, 10, arpOf(1, late, "10.0.0.9", vrftable.MAC{}, "10.0.0.1")))
	if f = b.sent(1); len(f) != 2 {
		t.Fatalf("%d frames, want the packet and the reply", len(f))
	}
	wantL2(t, decode(t, f[0]), late, macP1, 10)
}

// TestAgeing: a neighbour is asked again by unicast, then by broadcast, and packets never stop; one that does not answer
// goes, and packets to it wait once more.
func TestAgeing(t *testing.T) {
	b := newBed(t, Config{Neighbors: NeighborConfig{Reachable: time.Minute}})
	steady := fromA(udp(header("10.1.0.2", "8.1.2.3", 17), 10)...)
	b.receive(0, fromISP(arpOf(1, macISP, "192.0.2.2", vrftable.MAC{}, "192.0.2.1")))
	b.sent(0)
	flow := func(d time.Duration) (requests []string) {
		t.Helper()
		for end := b.now.Add(d); b.now.Before(end); {
			b.pass(500 * time.Millisecond)
			b.receive(1, steady)
			through := 0
			for _, f := range b.sent(0) {
				p := decode(t, f)
				if p.Layer(layers.LayerTypeARP) != nil {
					wantARP(t, p, 1, macP0, "192.0.2.1", vrftable.MAC{}, "192.0.2.2")
					requests = append(requests, p.LinkLayer().LinkFlow().Dst().String())
				} else {
					through++
				}
			}
			if through != 1 {
				t.Fatalf("%d packets went through, want 1, state %+v", through, b.path.Neighbors())
			}
		}
		return requests
	}
	if r := flow(40 * time.Second); len(r) != 0 {
		t.Errorf("asked too soon: %v", r)
	}
	began := b.now
	for b.path.Neighbors()[0].State == Reachable {
		if r := flow(500 * time.Millisecond); len(r) > 0 && r[0] != macISP.String() {
			t.Errorf("asked %v, want by unicast", r)
		}
	}
	if n := b.path.Neighbors(); n[0].State != Stale || n[0].MAC != macISP || b.now.Sub(began) > 21*time.Second {
		t.Errorf("%+v after %v", n, b.now.Sub(began))
	}
	b.receive(0, fromISP(arpOf(2, macISP, "192.0.2.2", macP0, "192.0.2.1")))
	if n := b.path.Neighbors(); n[0].State != Reachable || n[0].Age != 0 {
		t.Errorf("%+v", n)
	}
	if c := b.path.Counters(); c.Refreshed != 1 || c.Outcomes[Sent] != 0 {
		t.Errorf("refreshed %d; packets that did not go by the worker: %d", c.Refreshed, c.Outcomes[Sent])
	}
	flow(40 * time.Second)
	for b.path.Neighbors()[0].State != Stale {
		b.pass(100 * time.Millisecond)
	}
	b.sent(0)
	var asked []string
	for len(b.tab.Neighbors()) > 0 {
		b.pass(100 * time.Millisecond)
		for _, f := range b.sent(0) {
			asked = append(asked, decode(t, f).LinkLayer().LinkFlow().Dst().String())
		}
	}
	// The first unicast request was taken with what was sent before.
	u, all := macISP.String(), "ff:ff:ff:ff:ff:ff"
	if got, want := fmt.Sprint(asked), fmt.Sprint([]string{u, u, all, all, all}); got != want {
		t.Errorf("asked %v, want %v", got, want)
	}
	if c := b.path.Counters(); c.Expired != 1 {
		t.Errorf("%d expired, want 1", c.Expired)
	}
	b.receive(1, steady)
	b.outcome(Waiting, 1)
}

// TestStaticNeighbors: what is configured is neither asked nor forgotten, and wins over what was learned.
func TestStaticNeighbors(t *testing.T) {
	b := newBed(t, Config{Neighbors: NeighborConfig{Reachable: time.Minute}}, known()...)
	other := vrftable.MAC{2, 0, 0, 0, 9, 9}
	b.receive(1, frame(everyone, other, 10, arpOf(1, other, "10.0.0.2", vrftable.MAC{}, "10.0.0.1")))
	wantL2(t, b.one(1), other, macP1, 10)
	for range 10 {
		b.pass(30 * time.Second)
		b.none()
	}
	n := b.path.Neighbors()
	if len(n) != 3 || n[0].MAC != macCEA || n[0].State != Static {
		t.Errorf("%+v", n)
	}
	b.receive(1, frame(everyone, other, 10, arpOf(1, other, "10.0.0.2", vrftable.MAC{}, "10.0.0.1")))
	b.one(1)
	// No longer configured: it is asked for when it is needed.
	b.apply(vrftable.DeleteNeighbor{Interface: "a-ce", Addr: ip("10.0.0.2")})
	b.receive(1, fromA(udp(header("10.0.0.3", "10.1.0.1", 17), 10)...))
	wantARP(t, b.one(1), 1, macP1, "10.0.0.1", vrftable.MAC{}, "10.0.0.2")
	b.receive(1, frame(macP1, other, 10, arpOf(2, other, "10.0.0.2", macP1, "10.0.0.1")))
	wantL2(t, b.one(1), other, macP1, 10)
	// Learned, then configured: the next time it would be asked, it is left alone.
	if n := b.path.Neighbors(); n[0].State != Reachable || n[0].MAC != other {
		t.Errorf("%+v", n)
	}
	b.apply(known()...)
	b.pass(61 * time.Second)
	if f := b.sent(1); len(f) > 1 {
		t.Errorf("a static neighbour was asked %d times", len(f))
	}
	b.pass(time.Minute)
	b.none()
	if n := b.tab.Neighbors(); len(n) != 3 || n[0].MAC != macCEA {
		t.Errorf("%+v", n)
	}
}

// TestNeighborTable: a flood of addresses fills one interface's table and no other's; those that do not answer make room.
func TestNeighborTable(t *testing.T) {
	b := newBed(t, Config{Neighbors: NeighborConfig{Table: 4}}, vrftable.AddNeighbor{Interface: "a-ce", Addr: ip("10.0.0.2"), MAC: macCEA})
	for i := range 6 {
		b.receive(1, fromA(udp(header("10.0.0.2", fmt.Sprintf("10.0.0.%d", 10+i), 17), 10)...))
	}
	b.outcome(NeighborsFull, 2)
	b.outcome(Waiting, 4)
	b.receive(1, fromB(udp(header("10.0.0.2", "10.0.0.9", 17), 10)...))
	b.outcome(Waiting, 5)
	b.pass(3100 * time.Millisecond)
	b.receive(1, fromA(udp(header("10.0.0.2", "10.0.0.99", 17), 10)...))
	b.outcome(NeighborsFull, 2)
	// b's error to 10.0.0.2 has to wait for that neighbour.
	if n := b.path.Neighbors(); len(n) != 7 {
		t.Errorf("%d neighbours, want a static, 4 of a and two of b: %+v", len(n), n)
	}
}

// TestLinkDown: the neighbours of an interface that goes down, or goes away, are forgotten; so is what waits for them.
func TestLinkDown(t *testing.T) {
	for name, c := range map[string][]vrftable.Change{
		"down":    {vrftable.SetPortState{Port: "p0", Up: false}},
		"deleted": {vrftable.DeleteInterface{Name: "uplink"}},
		"replaced": {vrftable.DeleteInterface{Name: "uplink"},
			vrftable.AddInterface{Name: "uplink", VR: "b", Layer2: "core", Addresses: prefixes("192.0.2.1/30")}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, Config{})
			b.receive(0, fromISP(arpOf(1, macISP, "192.0.2.2", vrftable.MAC{}, "192.0.2.1")))
			b.receive(0, fromISP(udp(header("8.0.0.1", "192.0.2.3", 17), 10)...)) // a broadcast address: nobody is asked
			b.outcome(Broadcast, 1)
			b.receive(1, fromA(udp(header("10.0.0.2", "10.0.0.9", 17), 10)...))
			b.apply(c...)
			b.poll()
			if n := b.tab.Neighbors(); len(n) != 0 {
				t.Errorf("%+v", n)
			}
			if n := b.path.Neighbors(); len(n) != 1 || n[0].Interface != "a-ce" {
				t.Errorf("%+v", n)
			}
			b.apply(vrftable.SetAdmin{Interface: "a-ce", Up: false})
			b.poll()
			b.outcome(NoInterface, 1)
			b.outcome(Waiting, 0)
		})
	}
}

// TestBusy: while the table takes no changes, packets to new neighbours go by the slow path; nothing is lost, and when it
// takes changes again workers are told.
func TestBusy(t *testing.T) {
	var text bytes.Buffer
	b := newBed(t, Config{Log: slog.New(slog.NewTextHandler(&text, nil))}, vrftable.AddNeighbor{Interface: "uplink", Addr: ip("192.0.2.2"), MAC: macISP})
	var routes []vrftable.Route
	for i := range 300 { // so many that a change of the neighbour copies the adjacencies
		routes = append(routes, vrftable.Route{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 0}), 24),
			Source: vrftable.Static, NextHop: vrftable.Via{Gateway: ip("192.0.2.2")}})
	}
	b.apply(vrftable.AddRoutes{Routes: routes})
	holder := b.tab.Domain().Register()
	defer holder.Close()
	holder.Online()
	var err error
	for i := 0; err == nil; i++ {
		err = b.tab.Apply([]vrftable.Change{vrftable.AddNeighbor{Interface: "uplink", Addr: ip("192.0.2.2"), MAC: vrftable.MAC{2, 1, byte(i >> 8), byte(i)}}})
	}
	if !errors.Is(err, vrftable.ErrBusy) {
		t.Fatal(err)
	}
	through := fromA(udp(header("10.0.0.9", "10.0.0.2", 17), 10)...)
	b.receive(1, through)
	b.one(1)
	b.receive(1, frame(macP1, macCEA, 10, arpOf(2, macCEA, "10.0.0.2", macP1, "10.0.0.1")))
	wantL2(t, b.one(1), macCEA, macP1, 10)
	for i := range uint64(3) {
		b.receive(1, through)
		b.one(1)
		b.outcome(Sent, 2+i)
	}
	if n := len(b.tab.Neighbors()); n != 1 {
		t.Errorf("%d neighbours in the table", n)
	}
	holder.Quiesce()
	b.pass(1100 * time.Millisecond)
	b.receive(1, through)
	b.one(1)
	b.outcome(Sent, 4)
	if n := len(b.tab.Neighbors()); n != 2 {
		t.Errorf("%d neighbours in the table", n)
	}
	if strings.Count(text.String(), "cannot be installed") != 1 {
		t.Errorf("log: %s", text.String())
	}
}

// TestRestart: a new Path does not inherit what an old one had learned.
func TestRestart(t *testing.T) {
	b := newBed(t, Config{}, vrftable.AddNeighbor{Interface: "b-ce", Addr: ip("10.0.0.2"), MAC: macCEB})
	b.receive(0, fromISP(arpOf(1, macISP, "192.0.2.2", vrftable.MAC{}, "192.0.2.1")))
	p, err := New(Config{Table: b.tab, Sources: b.path.sources})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if n := b.tab.Neighbors(); len(n) != 1 || n[0].Learned {
		t.Errorf("%+v", n)
	}
}

// TestFlush: learned neighbours go, static ones and those that are being asked stay.
func TestFlush(t *testing.T) {
	b := newBed(t, Config{}, vrftable.AddNeighbor{Interface: "b-ce", Addr: ip("10.0.0.2"), MAC: macCEB})
	b.receive(0, fromISP(arpOf(1, macISP, "192.0.2.2", vrftable.MAC{}, "192.0.2.1")))
	b.receive(1, frame(macP1, macCEA, 10, arpOf(1, macCEA, "10.0.0.2", vrftable.MAC{}, "10.0.0.1")))
	b.receive(1, fromA(udp(header("10.0.0.2", "10.0.0.9", 17), 10)...))
	if n := b.path.FlushNeighbors("a-ce"); n != 1 {
		t.Errorf("%d forgotten, want 1", n)
	}
	if n := b.path.FlushNeighbors(""); n != 1 {
		t.Errorf("%d forgotten, want 1", n)
	}
	if n := b.tab.Neighbors(); len(n) != 1 || n[0].Learned {
		t.Errorf("%+v", n)
	}
	b.outcome(Waiting, 1)
	b.balanced()
}

// TestNoPrimary: a share on a layer 2 interface where nobody can speak ARP.
func TestNoPrimary(t *testing.T) {
	b := newBed(t, Config{}, append(known(), vrftable.AddLayer2{Name: "l", Port: "p0", VLAN: 30},
		vrftable.AddInterface{Name: "s", VR: "a", Layer2: "l", Shared: true},
		static("a", "5.0.0.0/8", vrftable.Via{Gateway: ip("172.16.0.1"), Interface: "s"}))...)
	b.receive(1, fromA(udp(header("10.1.0.2", "5.1.2.3", 17), 10)...))
	wantICMP(t, b.one(1), "10.0.0.1", "10.1.0.2", 3, 1)
}

// TestUnnumbered: a primary without addresses asks and answers with an address of its VR, a loopback's first.
func TestUnnumbered(t *testing.T) {
	b := newBed(t, Config{}, vrftable.AddLayer2{Name: "l", Port: "p0", VLAN: 30},
		vrftable.AddInterface{Name: "un", VR: "a", Layer2: "l"},
		static("a", "5.0.0.0/8", vrftable.Via{Gateway: ip("172.16.0.1"), Interface: "un"}))
	b.receive(1, fromA(udp(header("10.1.0.2", "5.1.2.3", 17), 10)...))
	p := b.one(0)
	wantL2(t, p, everyone, macP0, 30)
	wantARP(t, p, 1, macP0, "10.255.0.1", vrftable.MAC{}, "172.16.0.1")
	b.receive(0, frame(macP0, macISP, 30, arpOf(2, macISP, "172.16.0.1", macP0, "10.255.0.1")))
	b.one(0)
	b.receive(0, frame(macP0, macISP, 30, udp(header("5.1.2.3", "9.9.9.9", 17), 10)...))
	wantICMP(t, b.one(0), "10.255.0.1", "5.1.2.3", 3, 0)

	// A VR without any address has no voice.
	b.apply(vrftable.AddVRF{Name: "c"}, vrftable.AddLayer2{Name: "mute", Port: "p0", VLAN: 40},
		vrftable.AddInterface{Name: "mute", VR: "c", Layer2: "mute"})
	b.receive(0, frame(macP0, macISP, 40, udp(header("5.1.2.3", "9.9.9.9", 17), 10)...))
	b.outcome(Suppressed, 1)
	b.none()
}

// TestVanished: an interface is deleted while a pass learns one of its neighbours, and while one of its frames is on its way.
func TestVanished(t *testing.T) {
	b := newBed(t, Config{})
	b.rx[1] = append(b.rx[1], rxFrame{frame(macP1, macCEA, 10, arpOf(1, macCEA, "10.0.0.2", vrftable.MAC{}, "10.0.0.1")), -1})
	b.worker.Poll()
	b.path.pass(func() {
		b.path.count.Punted[forwarder.ARP]++
		b.path.settle(b.path.punted(frame(macP1, macCEA, 10, arpOf(1, macCEA, "10.0.0.2", vrftable.MAC{}, "10.0.0.1")), packet.Desc{Port: 1}))
		b.apply(vrftable.DeleteInterface{Name: "a-ce"})
	})
	if n := b.path.Neighbors(); len(n) != 0 {
		t.Errorf("%+v", n)
	}
	b.one(1)
	b.path.Poll()
	b.outcome(NoInterface, 1)
	b.none()
}
