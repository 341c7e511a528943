package live

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"vrfwd/bench/trial"
	"vrfwd/gen"
	"vrfwd/packet"
)

// sink receives on all links and judges each frame. It belongs to one thread.
type sink struct {
	spec    *Spec
	links   *Links
	clock   Clock
	arp     *arpHost
	dump    *Dump
	checker *gen.Checker
	stop    *atomic.Bool
	sums    bool // flows have no histograms

	circuits [][]uint16 // by port and VLAN: circuit+1; 0: none
	flows    []flowSeen
	streams  []streamSeen
	ports    []uint64 // frames by port
	foreign  map[string]uint64
	unknown  uint64 // stamped, but no flow of ours
	burst    []packet.Desc

	now  int64 // of the clock, once a burst
	seen seen
}

// flowSeen is what the checker does not know of a flow.
type flowSeen struct {
	src, dst    uint32
	stream      uint32
	wrong, leak uint32
	latency     trial.Latency
}

type streamSeen struct {
	frames, bytes uint64 // that came back, without FCS
	first, last   int64
	latency       trial.Latency
}

// seen is what others may look at meanwhile.
type seen struct {
	frames, bytes, duplicate, reordered, wrong, leak, foreign atomic.Uint64
	latencies, latencySum                                     atomic.Int64
	latencyMost                                               atomic.Int64 // since somebody looked
	last                                                      atomic.Int64 // when the newest stamped frame came, by Clock.Now; 0: none yet
	before                                                    [2]int64     // latencies and latencySum when somebody last looked
}

// latency returns mean and maximum since it was last called, by one goroutine.
func (s *seen) latency() (mean, most time.Duration) {
	n, sum := s.latencies.Load(), s.latencySum.Load()
	if n > s.before[0] {
		mean = time.Duration((sum - s.before[1]) / (n - s.before[0]))
	}
	s.before = [2]int64{n, sum}
	return mean, time.Duration(s.latencyMost.Swap(0))
}

// histogramFlows is the number of flows up to which each has a histogram of its own: 30 MiB.
const histogramFlows = 1024

const rxBatch = 256

func newSink(s *Spec, links *Links, clock Clock, arp *arpHost, stop *atomic.Bool) *sink {
	k := &sink{spec: s, links: links, clock: clock, arp: arp, stop: stop, foreign: map[string]uint64{},
		circuits: make([][]uint16, len(s.Ports)), ports: make([]uint64, len(s.Ports)), burst: make([]packet.Desc, rxBatch)}
	for i := range k.circuits {
		k.circuits[i] = make([]uint16, 4096)
	}
	for i := range s.Circuits {
		k.circuits[s.Circuits[i].Port][s.Circuits[i].VLAN] = uint16(i + 1)
	}
	return k
}

// expect tells it what the streams' frames look like.
func (k *sink) expect(all []*gen.Traffic) (err error) {
	if k.checker, err = gen.NewChecker(all...); err != nil {
		return err
	}
	flows := 0
	for _, t := range all {
		flows += t.Flows()
	}
	k.flows = make([]flowSeen, 0, flows)
	for i, t := range all {
		k.streams = append(k.streams, streamSeen{latency: trial.NewLatency(3)})
		for j := range t.Flows() {
			f := t.Flow(j)
			one := flowSeen{src: f.Src, dst: f.Dst, stream: uint32(i)}
			if !k.sums && flows <= histogramFlows {
				one.latency = trial.NewLatency(2)
			}
			k.flows = append(k.flows, one)
		}
	}
	return nil
}

// run receives until it is told to stop.
func (k *sink) run() {
	defer k.clock.Thread()()
	for !k.stop.Load() {
		if k.poll() == 0 {
			k.wait()
		}
	}
	for k.poll() > 0 {
		continue
	}
}

// idleWait is for how long a sink without frames sleeps at most.
const idleWait = time.Millisecond

func (k *sink) wait() {
	if k.links.Wait != nil {
		k.links.Wait(idleWait)
	} else {
		k.clock.Wait(idleWait / 20)
	}
}

// poll takes one burst from every link and returns the number of frames.
func (k *sink) poll() (n int) {
	for port := range k.links.All {
		link := &k.links.All[port]
		if link.Rx == nil {
			continue
		}
		d := k.burst[:link.Rx.RxBurst(k.burst)]
		if len(d) == 0 {
			continue
		}
		now, arena := k.clock.Wall(), link.Rx.Arena()
		k.now = k.clock.Now()
		for i := range d {
			at := now
			if link.Timed { // the moment nearest to now that has these low bits
				at += int64(int32(d[i].Mark - uint32(now)))
			}
			k.take(port, arena.Frame(d[i]), &d[i], at)
		}
		link.Rx.Free(d)
		n += len(d)
	}
	return n
}

// take judges one frame that was received at a time.
func (k *sink) take(port int, frame []byte, d *packet.Desc, at int64) {
	k.ports[port]++
	if k.dump != nil {
		k.dump.write(port, frame, d, at)
	}
	vlan, length := uint16(0), len(frame)
	switch {
	case d.Flags&packet.FlagTCI != 0:
		vlan = d.TCI & 0xfff
		length += packet.TagLen
	case len(frame) >= packet.EthernetLen+packet.TagLen && packet.IsTPID(packet.Ethernet(frame).EtherType()):
		vlan = binary.BigEndian.Uint16(frame[packet.EthernetLen:]) & 0xfff
	}
	circuit := int(k.circuits[port][vlan]) - 1
	s, ok := gen.ParseStamp(frame)
	if !ok {
		k.stranger(circuit, frame)
		return
	}
	if uint64(s.Flow) >= uint64(len(k.flows)) || k.flows[s.Flow].src != s.Src || k.flows[s.Flow].dst != s.Dst {
		k.unknown++
		return
	}
	k.judge(&s, circuit, length, at)
}

// judge takes a frame of one of the flows.
func (k *sink) judge(s *gen.Stamp, circuit, length int, at int64) {
	f := &k.flows[s.Flow]
	st := &k.streams[f.stream]
	// A place that nobody named is a wrong one, but no leak that could be proved.
	egress, context := uint16(unlisted), k.checker.Context(s.Flow)
	if circuit >= 0 {
		egress, context = egressOf(circuit), k.spec.contextOf(circuit)
	}
	v := k.checker.Judge(s.Flow, s.Seq, egress, context)
	if st.frames == 0 {
		st.first = at
	}
	st.last = at
	k.seen.last.Store(k.now)
	st.frames++
	st.bytes += uint64(length)
	add(&k.seen.frames, 1)
	add(&k.seen.bytes, uint64(length))
	if v&(gen.Duplicate|gen.Late) == 0 {
		age := s.Age(at)
		st.latency.Add(age)
		f.latency.Add(age)
		if age >= 0 {
			k.seen.latencies.Store(k.seen.latencies.Load() + 1)
			k.seen.latencySum.Store(k.seen.latencySum.Load() + age)
			if age > k.seen.latencyMost.Load() {
				k.seen.latencyMost.Store(age)
			}
		}
	}
	if v != 0 {
		k.fault(f, v)
	}
}

// add is for counters that only one thread writes: cheaper than an atomic addition.
func add(c *atomic.Uint64, n uint64) { c.Store(c.Load() + n) }

func (k *sink) fault(f *flowSeen, v gen.Verdict) {
	switch {
	case v&gen.Leak != 0:
		f.leak++
		add(&k.seen.leak, 1)
	case v&gen.WrongEgress != 0:
		f.wrong++
		add(&k.seen.wrong, 1)
	}
	switch {
	case v&gen.Reordered != 0:
		add(&k.seen.reordered, 1)
	case v&(gen.Duplicate|gen.Late) != 0:
		add(&k.seen.duplicate, 1)
	}
}

// stranger takes a frame without a stamp: counted by kind, and ARP answered.
func (k *sink) stranger(circuit int, frame []byte) {
	kind, payload := kindOf(frame)
	k.foreign[kind]++
	add(&k.seen.foreign, 1)
	if payload != nil && circuit >= 0 {
		k.arp.receive(circuit, payload)
	}
}

// kindOf names what a frame is; payload is that of an ARP packet.
func kindOf(frame []byte) (kind string, payload []byte) {
	l2, err := packet.ParseVLAN(frame)
	if err != nil {
		return "malformed", nil
	}
	payload = frame[len(l2):]
	switch l2.EtherType() {
	case packet.EtherTypeARP:
		return "ARP", payload
	case packet.EtherTypeIPv6:
		return "IPv6", nil
	case packet.EtherTypeIPv4:
	default:
		if l2.EtherType() < packet.EtherTypeMin {
			return "802.3", nil
		}
		return fmt.Sprintf("EtherType 0x%04x", l2.EtherType()), nil
	}
	ip, err := packet.ParseIPv4(payload)
	if err != nil {
		return "malformed IPv4", nil
	}
	if !ip.ChecksumOK() {
		return "IPv4 with a wrong checksum", nil
	}
	switch ip.Protocol() {
	case packet.ProtoTCP:
		return "TCP", nil
	case packet.ProtoUDP:
		return "UDP", nil
	case packet.ProtoICMP:
		return icmpKind(ip), nil
	}
	return fmt.Sprintf("IPv4 protocol %d", ip.Protocol()), nil
}

func icmpKind(ip packet.IPv4) string {
	m, err := packet.ParseICMPv4(ip[ip.HeaderLen():])
	if err != nil {
		return "malformed ICMP"
	}
	switch m.Type() {
	case packet.ICMPEcho:
		return "ICMP echo request"
	case packet.ICMPEchoReply:
		return "ICMP echo reply"
	case packet.ICMPTimeExceeded:
		return "ICMP time exceeded"
	case packet.ICMPDestUnreachable:
		return fmt.Sprintf("ICMP unreachable, code %d", m.Code())
	}
	return fmt.Sprintf("ICMP type %d", m.Type())
}

// arpTries is how often a gateway is asked for, a second apart.
const arpTries = 3

// resolve finds the gateways that the arpHost is to ask for.
func (k *sink) resolve(ctx context.Context, from func(circuit int) uint32) error {
	for range arpTries {
		if k.arp.ask(from) == 0 {
			return nil
		}
		for until := k.clock.Now() + int64(time.Second); k.clock.Now() < until; {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if k.poll() == 0 {
				k.wait()
			}
			if !k.arp.waiting() {
				return nil
			}
		}
	}
	for i, gateway := range k.arp.asked {
		if gateway != 0 {
			c := &k.spec.Circuits[i]
			return fmt.Errorf("circuit %s: no ARP reply from gateway %s on %s in %d s: is the router up and the address right? "+
				"gateway-mac goes without asking", c.Name, addrText(gateway), k.spec.place(c), arpTries)
		}
	}
	return nil
}
