package slowpath

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"vrfwd/vrftable"
)

// TestARPRequest: every primary answers for its own addresses, in its own VLAN, whether the tag comes in the frame or
// beside it, and nobody else does.
func TestARPRequest(t *testing.T) {
	b := newBed(t, Config{})
	b.receive(1, frame(everyone, macCEA, 10, arpOf(1, macCEA, "10.0.0.2", vrftable.MAC{}, "10.0.0.1")))
	p := b.one(1)
	wantL2(t, p, macCEA, macP1, 10)
	wantARP(t, p, 2, macP1, "10.0.0.1", macCEA, "10.0.0.2")

	b.rx[1] = append(b.rx[1], rxFrame{frame(everyone, macCEB, 0, arpOf(1, macCEB, "10.0.0.2", vrftable.MAC{}, "10.0.0.1")), 20 | 3<<13})
	b.poll()
	p = b.one(1)
	wantL2(t, p, macCEB, macP1, 20)
	wantARP(t, p, 2, macP1, "10.0.0.1", macCEB, "10.0.0.2")

	b.receive(0, frame(macP0, macISP, 0, arpOf(1, macISP, "192.0.2.2", vrftable.MAC{}, "192.0.2.1")))
	p = b.one(0)
	wantL2(t, p, macISP, macP0, 0)
	wantARP(t, p, 2, macP0, "192.0.2.1", macISP, "192.0.2.2")
	b.outcome(ARPAnswered, 3)

	// A probe (RFC 5227 2.1.1) is answered; nothing is learned of it.
	b.receive(0, frame(everyone, macISP, 0, arpOf(1, macISP, "0.0.0.0", vrftable.MAC{}, "192.0.2.1")))
	wantARP(t, b.one(0), 2, macP0, "192.0.2.1", macISP, "0.0.0.0")

	// Not answered: other hosts' addresses, a loopback's, another interface's; neither are replies and odd operations.
	for _, target := range []string{"10.0.0.3", "10.255.0.1", "192.0.2.1", "198.18.0.1"} {
		b.receive(1, frame(everyone, macCEA, 10, arpOf(1, macCEA, "10.0.0.9", vrftable.MAC{}, target)))
	}
	b.receive(1, frame(macP1, macCEA, 10, arpOf(2, macCEA, "10.0.0.9", macP1, "10.0.0.1")))
	b.receive(1, frame(macP1, macCEA, 10, arpOf(8, macCEA, "10.0.0.9", macP1, "10.0.0.1")))
	b.receive(1, frame(everyone, macP1, 10, arpOf(1, macP1, "10.0.0.9", vrftable.MAC{}, "10.0.0.1"))) // our own, looped
	b.receive(1, frame(everyone, macCEA, 10, arpOf(1, everyone, "10.0.0.9", vrftable.MAC{}, "10.0.0.1")))
	b.none()
	b.outcome(ARPIgnored, 8)
	short := frame(everyone, macCEA, 0, arpOf(1, macCEA, "10.0.0.9", vrftable.MAC{}, "10.0.0.1"))[:40]
	b.rx[1] = append(b.rx[1], rxFrame{short, 10})
	b.poll()
	b.none()
	b.outcome(Malformed, 1)

	if n := b.path.Neighbors(); len(n) != 3 || n[0].Interface != "a-ce" || n[0].MAC != macCEA || n[0].State != Reachable {
		t.Errorf("neighbours learned from what they asked: %+v", n)
	}
	if n := b.tab.Neighbors(); len(n) != 3 || !n[0].Learned {
		t.Errorf("neighbours in the table: %+v", n)
	}
}

// TestGratuitousARP: an announcement changes what is known, and makes no new neighbour (RFC 826, RFC 5227 3).
func TestGratuitousARP(t *testing.T) {
	b := newBed(t, Config{})
	b.receive(1, frame(everyone, macCEA, 10, arpOf(1, macCEA, "10.0.0.2", vrftable.MAC{}, "10.0.0.2")))
	b.outcome(ARPIgnored, 1)
	b.receive(1, frame(macP1, macCEA, 10, arpOf(1, macCEA, "10.0.0.2", vrftable.MAC{}, "10.0.0.1")))
	b.sent(1)
	for i, op := range []uint16{1, 2} {
		mac := vrftable.MAC{2, 0, 0, 0, 9, byte(i)}
		b.receive(1, frame(everyone, mac, 10, arpOf(op, mac, "10.0.0.2", everyone, "10.0.0.2")))
		b.none()
		if n := b.tab.Neighbors(); len(n) != 1 || n[0].MAC != mac {
			t.Errorf("%+v, want the new address %v", n, mac)
		}
	}
	b.outcome(ARPTaken, 2)
	if c := b.path.Counters(); c.Moved != 2 {
		t.Errorf("%d moves, want 2", c.Moved)
	}
}

// TestARPConflict: another station with an own address is noted, told off once in a while, and not learned.
func TestARPConflict(t *testing.T) {
	var text bytes.Buffer
	b := newBed(t, Config{Log: slog.New(slog.NewTextHandler(&text, nil))})
	thief := vrftable.MAC{2, 6, 6, 6, 6, 6}
	for range 3 {
		b.receive(1, frame(everyone, thief, 10, arpOf(1, thief, "10.0.0.1", vrftable.MAC{}, "10.0.0.1")))
	}
	p := b.one(1)
	wantL2(t, p, everyone, macP1, 10)
	wantARP(t, p, 1, macP1, "10.0.0.1", vrftable.MAC{}, "10.0.0.1")
	b.outcome(ARPConflict, 3)
	if !strings.Contains(text.String(), "02:06:06:06:06:06") || strings.Count(text.String(), "\n") != 1 {
		t.Errorf("log: %s", text.String())
	}
	b.pass(defendInterval)
	b.receive(1, frame(everyone, thief, 10, arpOf(2, thief, "10.0.0.1", macCEA, "10.0.0.2")))
	b.one(1)
	if n := b.path.Neighbors(); len(n) != 0 {
		t.Errorf("%+v", n)
	}
}

// TestAnnounce: an interface that is new, comes up or changes its MAC address says so.
func TestAnnounce(t *testing.T) {
	b := newBed(t, Config{})
	if c := b.path.Counters(); c.Announcements != 3 {
		t.Errorf("%d announcements at the start, want 3", c.Announcements)
	}
	b.apply(vrftable.SetPortState{Port: "p0", Up: false})
	b.poll()
	b.none()
	b.apply(vrftable.SetPortState{Port: "p0", Up: true})
	b.poll()
	wantARP(t, b.one(0), 1, macP0, "192.0.2.1", vrftable.MAC{}, "192.0.2.1")
	b.apply(vrftable.AddLayer2{Name: "l", Port: "p0", VLAN: 30},
		vrftable.AddInterface{Name: "i", VR: "b", Layer2: "l", Addresses: prefixes("10.9.0.1/24")})
	b.poll()
	p := b.one(0)
	wantL2(t, p, everyone, macP0, 30)
	wantARP(t, p, 1, macP0, "10.9.0.1", vrftable.MAC{}, "10.9.0.1")
	b.apply(vrftable.SetPort{Name: "p0", MAC: macISP, MTU: 1500})
	b.poll()
	if n := len(b.sent(0)); n != 2 {
		t.Errorf("%d announcements after a change of the MAC address, want 2", n)
	}
	b.pass(time.Second)
	b.none()
}
