package live

import (
	"sync/atomic"
	"testing"
	"time"

	"vrfwd/forwarder"
	"vrfwd/gen"
	"vrfwd/packet"
)

// sendInFakeTime sends a spec's streams on one cable, in the time that the sender's own waiting makes.
func sendInFakeTime(t *testing.T, text string, c *cable, tx forwarder.Port) *sender {
	t.Helper()
	spec, clock := mustSpec(t, text), new(fakeClock)
	all, err := spec.traffics(make([]macs, len(spec.Circuits)))
	if err != nil {
		t.Fatal(err)
	}
	s := &sender{name: "eth0", link: &Link{Tx: tx}, clock: clock, stop: new(atomic.Bool)}
	for i, tr := range all {
		if err := s.add(&spec.Streams[i], tr, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.prepare(); err != nil {
		t.Fatal(err)
	}
	s.run(1000)
	return s
}

const twoStreams = `
circuits: [{name: a, port: eth0}]
streams:
- {name: x, from: a, to: discard, destination: 198.18.0.0/15, rate: 10kpps, burst: 8, duration: 1s, flows: 100}
- {name: y, from: a, to: discard, destination: 198.18.0.0/15, rate: 1Mbit/s, size: 125, count: 500, delay: 100ms, flows: 7}
`

// TestSender: each stream has its rate, its limits and its delay; frames are numbered and stamped with the time they were
// sent at.
func TestSender(t *testing.T) {
	c := newCable(t)
	s := sendInFakeTime(t, twoStreams, c, c.tx())
	x, y := s.streams[0], s.streams[1]
	if s.err != nil || x.pace != (gen.Pace{Sent: 10_000, Late: x.pace.Late}) || y.pace != (gen.Pace{Sent: 500, Late: y.pace.Late}) {
		t.Fatalf("%v %+v %+v", s.err, x.pace, y.pace)
	}
	if x.took != time.Second || y.took < 498*time.Millisecond || y.took > 520*time.Millisecond || x.pace.Late > time.Millisecond {
		t.Error(x.took, y.took, x.pace.Late)
	}
	seen := map[uint32]uint32{}
	last, number := int64(0), map[bool]int{}
	for _, frame := range c.sent {
		stamp, ok := gen.ParseStamp(frame)
		if !ok || !stamp.Full || stamp.Seq != seen[stamp.Flow] {
			t.Fatalf("%+v %v, want sequence %d", stamp, ok, seen[stamp.Flow])
		}
		seen[stamp.Flow]++
		at := stamp.Time - fakeWall - 1000
		if at < last {
			t.Fatal("stamps go back")
		}
		last = at
		ofX := stamp.Flow < 100
		due := int64(number[ofX]/8) * 800_000
		if !ofX {
			due = int64(100*time.Millisecond) + int64(number[ofX])*1_000_000
		}
		if at < due-1 || at > due+1000 {
			t.Fatalf("frame %d of stream x=%v sent at %d, due at %d", number[ofX], ofX, at, due)
		}
		number[ofX]++
	}
	if len(seen) != 107 || s.sent() != 10_500 || x.bytes.Load() != 10_000*60 || y.bytes.Load() != 500*121 {
		t.Error(len(seen), s.sent(), x.bytes.Load(), y.bytes.Load())
	}
}

// TestSenderRefused: what the port refuses at first is sent later; no number is left out.
func TestSenderRefused(t *testing.T) {
	c := newCable(t)
	calls, open := 0, c.tx()
	tx := &forwarder.FuncPort{Memory: c.arena, Tx: func(from *packet.Arena, d []packet.Desc) int {
		if calls++; calls%3 != 0 {
			return open.TxBurst(from, d[:min(len(d), calls%4)])
		}
		return 0
	}}
	s := sendInFakeTime(t, twoStreams, c, tx)
	if s.err != nil || s.sent() != 10_500 || s.refused.Load() == 0 {
		t.Fatal(s.err, s.sent(), s.refused.Load())
	}
	seen := map[uint32]uint32{}
	for _, frame := range c.sent {
		stamp, _ := gen.ParseStamp(frame)
		if stamp.Seq != seen[stamp.Flow] {
			t.Fatalf("%+v, want sequence %d", stamp, seen[stamp.Flow])
		}
		seen[stamp.Flow]++
	}
}

// TestSenderStuck: a port that takes nothing ends the run with its reason, after a while.
func TestSenderStuck(t *testing.T) {
	tx := &forwarder.FuncPort{}
	s := sendInFakeTime(t, twoStreams, nil, tx)
	if s.err == nil || s.sent() != 0 || s.err.Error() != "port eth0 has taken no frame for 10s: its queue stays full" {
		t.Fatal(s.err)
	}
	if p := s.streams[0].pace; p.Sent != 0 || p.Missed != 10_000 {
		t.Errorf("%+v", p)
	}
}

// TestSenderMTU: frames that the port can never take are refused before the first is sent.
func TestSenderMTU(t *testing.T) {
	spec := mustSpec(t, `
circuits: [{name: a, port: eth0, vlan: 3}]
streams: [{name: x, from: a, to: discard, destination: 198.18.0.0/15, rate: 1pps, size: "64,1522"}]
`)
	all, err := spec.traffics(make([]macs, 1))
	if err != nil {
		t.Fatal(err)
	}
	s := &sender{name: "eth0", link: &Link{MTU: 1500}}
	if err := s.add(&spec.Streams[0], all[0], true); err != nil {
		t.Error(err)
	}
	const want = "stream x: frames of 1522 bytes do not fit port eth0, whose MTU is 1499: at most 1521, with FCS"
	if s.link.MTU = 1499; s.add(&spec.Streams[0], all[0], true).Error() != want {
		t.Error(s.add(&spec.Streams[0], all[0], true))
	}
}
