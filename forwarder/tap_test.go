package forwarder

import (
	"bytes"
	"testing"

	"vrfwd/packet"
)

// captured is a copy and what is known of it.
type captured struct {
	Captured
	port  uint16
	bytes []byte
}

func drain(t *Tap) (all []captured) {
	d := make([]packet.Desc, 7) // less than a burst
	for n := t.Pop(d); n > 0; n = t.Pop(d) {
		for _, one := range d[:n] {
			all = append(all, captured{t.About(one), one.Port, bytes.Clone(t.Arena().Frame(one))})
		}
		t.Free(d[:n])
	}
	return all
}

func newTap(t *testing.T, frames, size int) *Tap {
	tap, err := NewTap(frames, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tap.Close() })
	return tap
}

const everything = 1<<Received | 1<<Sent | 1<<Dropped

// TestTap forwards one good frame, one without a route and one that is not IPv4, and captures them in every way.
func TestTap(t *testing.T) {
	for _, c := range []struct {
		name   string
		filter Filter
		want   []Captured // Length and Time are filled in
	}{
		{"all", Filter{Directions: everything, AllPorts: true}, []Captured{
			{Iface: 3, Direction: Received}, {Iface: 3, Direction: Received}, {Iface: 3, Direction: Received},
			{Iface: 1001, Direction: Sent},
			{Iface: 3, Direction: Dropped, Reason: NotIPv4}, {Iface: 3, Direction: Dropped, Reason: NoRoute}}},
		{"sent on the uplink", Filter{Directions: 1<<Received | 1<<Sent, Port: 1}, []Captured{{Iface: 1001, Direction: Sent}}},
		{"uplink interface", Filter{Directions: everything, AllPorts: true, Iface: 1001}, []Captured{{Iface: 1001, Direction: Sent}}},
		{"drops", Filter{Directions: 1 << Dropped, AllPorts: true}, []Captured{
			{Iface: 3, Direction: Dropped, Reason: NotIPv4}, {Iface: 3, Direction: Dropped, Reason: NoRoute}}},
		{"one reason", Filter{Directions: 1 << Dropped, AllPorts: true, Reasons: 1 << NoRoute}, []Captured{
			{Iface: 3, Direction: Dropped, Reason: NoRoute}}},
		{"nothing", Filter{Directions: everything, Port: 7}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := benchBed(t)
			good, lost, odd := ipv4Frame(host, 16<<24, 64, 46, 3), ipv4Frame(host, 90<<24, 64, 46, 3), ipv4Frame(host, 16<<24, 64, 46, 3)
			odd[16] = 0x86 // EtherType behind the tag
			frames := [][]byte{good, lost, odd}
			l := newLooped(t, frames)
			tap := newTap(t, 16, 256)
			w := b.worker(Config{Ports: []Port{l, &FuncPort{Memory: l.Memory, Tx: l.Tx}}, Tap: tap, Burst: len(frames)})
			w.Poll()
			if got := drain(tap); got != nil {
				t.Fatalf("captured %+v before it was armed", got)
			}
			tap.Arm(c.filter)
			w.Poll()
			tap.Disarm()
			w.Poll()
			balanced(t, w)
			got := drain(tap)
			if len(got) != len(c.want) {
				t.Fatalf("captured %d frames, want %d: %+v", len(got), len(c.want), got)
			}
			for i, g := range got {
				want := c.want[i]
				if g.Time == 0 || int(g.Length) != len(g.bytes) || g.Direction != want.Direction || g.Reason != want.Reason ||
					g.Iface != want.Iface {
					t.Errorf("%d: %+v, want %+v", i, g.Captured, want)
				}
				switch {
				case g.Direction == Sent: // rewritten: its TTL is one less
					if g.port != 1 || bytes.Equal(g.bytes, good) || packet.IPv4(g.bytes[packet.EthernetLen:]).TTL() != 63 {
						t.Errorf("%d: port %d, % x", i, g.port, g.bytes)
					}
				case g.Reason == NoRoute:
					if g.port != 0 || !bytes.Equal(g.bytes, lost) {
						t.Errorf("%d: port %d, % x", i, g.port, g.bytes)
					}
				}
			}
		})
	}
}

// TestTapFull: a tap whose consumer sleeps holds nobody up, counts what it misses, and works again once it is drained.
func TestTapFull(t *testing.T) {
	b := benchBed(t)
	l := newLooped(t, benchFrames(64))
	tap := newTap(t, 4, 64)
	w := b.worker(Config{Ports: []Port{l, &FuncPort{Memory: l.Memory, Tx: l.Tx}}, Tap: tap, Burst: 64})
	tap.Arm(Filter{Directions: 1 << Sent, AllPorts: true, Snap: 20})
	for range 3 {
		before := tap.Missed()
		w.Poll()
		got := drain(tap)
		if len(got) != 4 || tap.Missed()-before != 60 {
			t.Fatalf("%d captured, %d missed", len(got), tap.Missed()-before)
		}
		for _, g := range got {
			if len(g.bytes) != 20 || g.Length <= 20 {
				t.Errorf("%+v", g)
			}
		}
	}
	if s := balanced(t, w); s.Forwarded != 192 {
		t.Error(s)
	}
}

// TestTapUntaken: what an egress port does not take was not sent; it was dropped there.
func TestTapUntaken(t *testing.T) {
	b := benchBed(t)
	l := newLooped(t, benchFrames(8))
	tap := newTap(t, 64, 256)
	full := &FuncPort{Memory: l.Memory, Tx: func(from *packet.Arena, d []packet.Desc) int { return l.Tx(from, d[:3]) }}
	w := b.worker(Config{Ports: []Port{l, full}, Tap: tap, Burst: 8})
	tap.Arm(Filter{Directions: 1<<Sent | 1<<Dropped, Port: 1})
	w.Poll()
	sent, dropped := 0, 0
	for _, g := range drain(tap) {
		switch {
		case g.Direction == Sent:
			sent++
		case g.Direction == Dropped && g.Reason == TxFull && g.Iface > 1000:
			dropped++
		}
	}
	if sent != 3 || dropped != 5 {
		t.Errorf("%d sent, %d dropped", sent, dropped)
	}
	balanced(t, w)
}

// TestTapNoAllocations: an armed tap copies, and leaves nothing to the garbage collector.
func TestTapNoAllocations(t *testing.T) {
	b := benchBed(t)
	l := newLooped(t, benchFrames(64))
	tap := newTap(t, 256, 256)
	w := b.worker(Config{Ports: []Port{l, &FuncPort{Memory: l.Memory, Tx: l.Tx}}, Tap: tap})
	tap.Arm(Filter{Directions: everything, AllPorts: true})
	d := make([]packet.Desc, 256)
	if n := testing.AllocsPerRun(100, func() {
		w.Poll()
		tap.Free(d[:tap.Pop(d)])
	}); n != 0 {
		t.Errorf("%v allocations per Poll", n)
	}
}
