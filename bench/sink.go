package bench

import (
	"encoding/binary"
	"math/bits"

	"vrfwd/forwarder"
	"vrfwd/gen"
	"vrfwd/packet"
)

// tally is what the sink needs of a flow: eight of them to a cache line.
type tally struct {
	n    uint32 // frames that came out
	port uint16 // that they must come out of
	next uint16 // the two bytes after the EtherType, as little-endian: the TCI, or those of an untagged IPv4 header
}

const (
	untagged = 0x0045 // version 4, IHL 5, TOS 0
	nowhere  = 0xffff // port of a flow whose frames must not come out
)

// sink takes what comes out of one worker, and what comes back without having come out. It belongs to the thread that
// collects.
type sink struct {
	check    Check
	model    *model
	arena    *packet.Arena
	from     []*gen.Traffic // in the order of their flow numbers, without gap
	base     uint32         // first flow
	flows    []tally
	places   []*place // by flow; nil: no route
	started  []uint32 // by flow: sent before the trial
	frames   uint64   // came out
	bytes    uint64   // of these: L2 without FCS, with the padding that the shortest frame needs
	freed    uint64   // came back
	wrong    uint64
	strange  uint64  // frames of no flow, or outside the memory
	ahead    uintptr // the generator's next lines, prefetched while frames are counted; 0: unknown
	step     uintptr // from line to line
	checker  *gen.Checker
	verifier *verifier
}

// newSink makes a sink for the flows of these traffics, the first of which has the number base.
func newSink(c Check, m *model, a *packet.Arena, from []*gen.Traffic, base uint32) (*sink, error) {
	s := &sink{check: c, model: m, arena: a, from: from, base: base}
	for _, t := range from {
		for i := range t.Flows() {
			f, want := t.Flow(i), tally{port: nowhere}
			p := m.lookup(circuit{f.Ingress.Port, f.Ingress.VLAN}, f.Dst)
			if p != nil && p.outcome == forwarded {
				if want = (tally{port: p.circuit.port, next: bits.ReverseBytes16(p.circuit.vlan)}); p.circuit.vlan == 0 {
					want.next = untagged
				}
			}
			s.flows = append(s.flows, want)
			s.places = append(s.places, p)
		}
	}
	s.started = make([]uint32, len(s.flows))
	if c >= Signed {
		var err error
		if s.checker, err = gen.NewChecker(from...); err != nil {
			return nil, err
		}
	}
	if c == Verify {
		s.verifier = newVerifier(m, a)
	}
	return s, nil
}

// reset begins a trial: the traffics have stopped and drained.
func (s *sink) reset(churn bool) {
	s.frames, s.bytes, s.freed, s.wrong, s.strange = 0, 0, 0, 0, 0
	at := 0
	for _, t := range s.from {
		for i := range t.Flows() {
			s.flows[at].n = 0
			s.started[at] = t.Sent(i)
			at++
		}
	}
	if s.checker != nil {
		s.checker.Reset()
	}
	if s.verifier != nil {
		s.verifier.reset(churn)
	}
}

// take judges frames that came out; Desc.Port is the port. It does not keep them.
func (s *sink) take(d []packet.Desc) {
	s.count(d)
	if s.check == Count {
		return
	}
	for i := range d {
		frame := s.arena.Frame(d[i])
		l2, owner := s.model.plan.layer2(circuitOf(d[i].Port, frame))
		s.checker.Check(frame, l2, owner)
		if s.verifier != nil {
			s.verifier.sent(&d[i], frame)
		}
	}
}

// count is all that a trial of the rate does with a frame: one more of its flow, and was it the right port and VLAN?
func (s *sink) count(d []packet.Desc) {
	s.frames += uint64(len(d))
	for len(d) > 0 {
		n, wrong, bytes := tallyRun(d, s.arena.Bytes(), s.flows, s.base, s.ahead, s.step)
		s.wrong += wrong
		s.bytes += bytes
		s.ahead += uintptr(n) * s.step
		if d = d[n:]; len(d) > 0 { // a frame of no flow, or there is no kernel
			n = min(len(d), tallyEach)
			s.countEach(d[:n])
			d = d[n:]
		}
	}
}

// countEach does so for frames one by one.
func (s *sink) countEach(d []packet.Desc) {
	mem, flows, bytes := s.arena.Bytes(), s.flows, uint64(0)
	for i := range d {
		flow, at := d[i].Mark-s.base, uint64(d[i].Off)+packet.EthernetLen
		if uint64(flow) >= uint64(len(flows)) || at+2 > uint64(len(mem)) {
			s.strange++
			continue
		}
		t := &flows[flow]
		t.n++
		if t.port != d[i].Port || t.next != binary.LittleEndian.Uint16(mem[at:]) {
			s.wrong++
		}
		bytes += uint64(max(d[i].Len, forwarder.MinFrame))
	}
	s.bytes += bytes
}

// back takes note of frames that came back without having come out.
func (s *sink) back(d []packet.Desc) {
	s.freed += uint64(len(d))
	if s.verifier != nil {
		for i := range d {
			s.verifier.kept(&d[i])
		}
	}
}

// circuitOf tells which layer 2 interface a frame left through: its port, and its outermost tag if it has one.
func circuitOf(port uint16, frame []byte) circuit {
	c := circuit{port: port}
	if len(frame) >= packet.EthernetLen+packet.TagLen && packet.IsTPID(packet.Ethernet(frame).EtherType()) {
		c.vlan = binary.BigEndian.Uint16(frame[packet.EthernetLen:]) & 0xfff
	}
	return c
}

// account adds up all flows, after the drain. Frames that came out by IP interface are added to ifaces.
func (s *sink) account(ifaces map[string]uint64) (a Account) {
	at := 0
	for _, t := range s.from {
		for i := range t.Flows() {
			f, p := &s.flows[at], s.places[at]
			sent := uint64(t.Sent(i) - s.started[at])
			got := min(uint64(f.n), sent)
			a.Sent += sent
			a.Received += got
			a.Duplicated += uint64(f.n) - got
			if f.port == nowhere {
				a.Discarded += sent - got
			} else {
				a.Lost += sent - got
				ifaces[p.iface] += uint64(f.n)
			}
			at++
		}
	}
	a.WrongEgress, a.Corrupt = s.wrong, s.strange
	if s.checker != nil {
		c := s.checker.Summary()
		a = Account{Sent: c.Sent, Received: c.Received, Lost: c.Lost, Discarded: c.Discarded, Duplicated: c.Duplicate + c.Late,
			WrongEgress: c.WrongEgress, Leak: c.Leak, Reordered: c.Reordered, Corrupt: c.Corrupt + s.strange}
	}
	if s.verifier != nil {
		a.Mismatched = s.verifier.wrong
	}
	return a
}
