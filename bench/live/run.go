package live

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vrfwd/gen"
	"vrfwd/packet"
)

// Options say how a run goes. The zero value sends until the streams are over and reports.
type Options struct {
	AnswerARP bool          // also for the addresses that streams come from and go to
	PerFlow   bool          // report every flow
	MaxLoss   float64       // share of the frames sent that may be lost or come twice, late or out of order, 0..1
	Duration  time.Duration // of a run without streams of its own; 0: until it is stopped
	Idle      time.Duration // a run without streams of its own ends when no frame has come for so long after the first; 0: it does not
	Drain     time.Duration // after the last frame sent, frames are awaited until none has come for so long; 0: 300 ms
	Dump      *Dump         // where received frames go as well; nil: nowhere
	Progress  func(Progress)
	Clock     Clock // nil: SystemClock
	// Due stamps frames with the time that they were due at, not that they left: then what a late sender, or a port that takes
	// nothing, delays counts as latency, as it does for who uses the network (coordinated omission).
	Due bool
	// Lockstep has senders and sink take turns on one goroutine, for a Clock that only moves when somebody sleeps: a run is
	// then the same every time.
	Lockstep bool
}

// Progress is what is known while a run lasts, once a second. Counts are since the start, bytes with FCS.
type Progress struct {
	Elapsed                 time.Duration
	Sending, Receiving      bool
	Sent, SentBytes         uint64
	Refused                 uint64 // frames that a port had no room for at first
	Received, ReceivedBytes uint64 // duplicates included
	Missing                 uint64 // sent, to come out here, and not here yet; about
	Duplicate, Reordered    uint64
	WrongEgress, Leak       uint64
	Foreign                 uint64
	LatencyMean, LatencyMax time.Duration // since the last Progress; 0: no frame came
	Down                    []string      // ports that are down
}

// run is one run.
type run struct {
	spec    *Spec
	links   Links
	opts    Options
	clock   Clock
	arp     *arpHost
	sink    *sink
	all     []*gen.Traffic
	senders []*sender
	sending map[int]*sending // by stream
	assumed bool             // frames go to the MAC of the port that they come out on: nobody said where else
	stopTx  atomic.Bool
	stopRx  atomic.Bool
}

const defaultDrain = 300 * time.Millisecond

// drainLimit ends the waiting for frames where they keep coming, in a loop of the network for instance.
const drainLimit = 10 * time.Second

// Run sends the streams that start on ports of this process, receives on all ports that it can, and reports. It ends when the
// streams are over, or when ctx is done: then too what is in flight is awaited, and the report is complete.
func Run(ctx context.Context, s *Spec, links Links, opts Options) (*Report, error) {
	r, err := newRun(ctx, s, links, opts)
	if err != nil {
		return nil, err
	}
	return r.run(ctx)
}

// newRun makes all that a run needs.
func newRun(ctx context.Context, s *Spec, links Links, opts Options) (*run, error) {
	r := &run{spec: s, links: links, opts: opts, clock: opts.Clock, sending: map[int]*sending{}}
	if r.clock == nil {
		r.clock = SystemClock()
	}
	if r.opts.Drain == 0 {
		r.opts.Drain = defaultDrain
	}
	if len(links.All) != len(s.Ports) {
		return nil, fmt.Errorf("live: %d links for %d ports", len(links.All), len(s.Ports))
	}
	if err := presentSchedule().admits(links.threads()); err != nil {
		return nil, err
	}
	var err error
	if r.arp, err = newARPHost(s, links.All, opts.AnswerARP); err != nil {
		return nil, err
	}
	r.sink = newSink(s, &r.links, r.clock, r.arp, &r.stopRx)
	r.sink.dump, r.sink.sums = opts.Dump, opts.Due // a trial is of all flows together
	if err := r.prepare(ctx); err != nil {
		r.arp.close()
		return nil, err
	}
	return r, nil
}

// sends tells whether a stream starts in this process.
func (r *run) sends(i int) bool { return r.link(r.spec.Streams[i].From[0]).Tx != nil }

func (r *run) link(circuit int) *Link { return &r.links.All[r.spec.Circuits[circuit].Port] }

// prepare finds the MACs and makes the traffic.
func (r *run) prepare(ctx context.Context) (err error) {
	s, known := r.spec, make([]macs, len(r.spec.Circuits))
	from := map[int]uint32{} // an address of the tester's on a circuit
	for i := range s.Streams {
		if !r.sends(i) {
			continue
		}
		for _, at := range s.Streams[i].From {
			c := &s.Circuits[at]
			known[at] = macs{s.mac(at, r.links.All), c.GatewayMAC}
			switch {
			case c.GatewayMAC != (packet.MAC{}):
				continue
			case c.Gateway == 0 && r.backToBack(i, at) != (packet.MAC{}):
				known[at].gateway, r.assumed = r.backToBack(i, at), true
				continue
			case c.Gateway == 0:
				return unfit("circuit %s: which MAC do its frames go to? Give the router's gateway-mac, or its address as gateway "+
					"to ask by ARP", c.Name)
			case r.link(at).Rx == nil:
				return unfit("circuit %s: a port that only sends cannot ask for gateway %s: give gateway-mac", c.Name, addrText(c.Gateway))
			}
			r.arp.asked[at] = c.Gateway
			if from[at] = s.Streams[i].Source.First(); c.Addresses != nil {
				from[at] = c.Addresses.First()
			}
		}
	}
	if err := r.sink.resolve(ctx, func(circuit int) uint32 { return from[circuit] }); err != nil {
		return err
	}
	for at, mac := range r.arp.found {
		if mac != (packet.MAC{}) && known[at].gateway == (packet.MAC{}) {
			known[at].gateway = mac
		}
	}
	if r.all, err = s.traffics(known); err != nil {
		return err
	}
	if err := r.sink.expect(r.all); err != nil {
		return err
	}
	return r.makeSenders()
}

// backToBack is the MAC of the port that a stream comes out on where that is in this process: without a router between them,
// frames may go there as they are.
func (r *run) backToBack(stream, circuit int) packet.MAC {
	s := &r.spec.Streams[stream]
	if to := s.To[slices.Index(s.From, circuit)]; to != Discard {
		return r.link(to).MAC
	}
	return packet.MAC{}
}

func (r *run) makeSenders() error {
	byPort := make([]*sender, len(r.spec.Ports))
	for i := range r.spec.Streams {
		if !r.sends(i) {
			continue
		}
		stream := &r.spec.Streams[i]
		c := &r.spec.Circuits[stream.From[0]]
		tx := byPort[c.Port]
		if tx == nil {
			tx = &sender{name: r.spec.Ports[c.Port].Name, link: &r.links.All[c.Port], clock: r.clock, stop: &r.stopTx, due: r.opts.Due}
			byPort[c.Port] = tx
			r.senders = append(r.senders, tx)
		}
		if err := tx.add(stream, r.all[i], c.VLAN != 0); err != nil {
			return err
		}
		r.sending[i] = tx.streams[len(tx.streams)-1]
		r.sending[i].share = r.share(r.all[i])
	}
	if len(r.senders) == 0 && !r.links.receives() {
		return unfit("none of the ports is in this process: there is nothing to do")
	}
	for _, tx := range r.senders {
		if err := tx.prepare(); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) run(ctx context.Context) (*Report, error) {
	defer r.arp.close()
	began := time.Now()
	clocks := clockStart(r.clock)
	if r.opts.Lockstep {
		took, interrupted := r.lockstep(ctx)
		return r.report(began, took, interrupted, clocks), nil
	}
	var rx, tx sync.WaitGroup
	if r.links.receives() {
		rx.Go(r.sink.run)
	}
	start := r.clock.Now()
	for _, s := range r.senders {
		tx.Go(func() { s.run(start) })
	}
	sent := make(chan struct{})
	go func() {
		tx.Wait()
		close(sent)
	}()
	interrupted := r.wait(ctx, start, sent)
	r.stopTx.Store(true)
	<-sent
	took := time.Duration(r.clock.Now() - start)
	if r.links.receives() && len(r.senders) > 0 {
		r.drain()
	}
	r.stopRx.Store(true)
	rx.Wait()
	return r.report(began, took, interrupted, clocks), nil
}

// lockstep sends, receives and drains on one goroutine.
func (r *run) lockstep(ctx context.Context) (took time.Duration, interrupted bool) {
	start := r.clock.Now()
	for _, s := range r.senders {
		s.start(start)
	}
	for over := false; !over; {
		now := r.clock.Now()
		if interrupted = ctx.Err() != nil; interrupted {
			break
		}
		next, busy := now+int64(stopCheck), false
		over = true
		for _, s := range r.senders {
			at, sent, ended := s.turn(now)
			next, busy, over = min(next, at), busy || sent, over && (ended || s.err != nil)
		}
		if r.sink.poll() == 0 && !busy && !over {
			r.clock.Sleep(next)
		}
	}
	for _, s := range r.senders {
		s.finish()
	}
	took = time.Duration(r.clock.Now() - start)
	for from := r.clock.Now(); r.clock.Now()-max(r.sink.seen.last.Load(), from) < int64(r.opts.Drain); {
		if r.sink.poll() == 0 {
			r.clock.Wait(r.opts.Drain / drainSteps)
		}
	}
	return took, interrupted
}

// drainSteps is how often a lockstep run looks for frames while it drains.
const drainSteps = 16

// wait returns when the streams are over, or the time is, or nothing comes any more, or ctx is done.
func (r *run) wait(ctx context.Context, start int64, sent <-chan struct{}) (interrupted bool) {
	if len(r.senders) == 0 { // a sink: what is sent ends elsewhere
		sent = nil
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	next := start + int64(time.Second)
	for {
		select {
		case <-sent:
			return false
		case <-ctx.Done():
			return true
		case <-tick.C:
		}
		now := r.clock.Now()
		if now >= next {
			next += int64(time.Second)
			if r.opts.Progress != nil {
				r.opts.Progress(r.progress(now - start))
			}
		}
		if sent == nil && (r.opts.Duration > 0 && now-start >= int64(r.opts.Duration) || r.idle(now)) {
			return false
		}
	}
}

// idle tells whether frames came, but none for the time that ends a sink.
func (r *run) idle(now int64) bool {
	last := r.sink.seen.last.Load()
	return r.opts.Idle > 0 && last > 0 && now-last >= int64(r.opts.Idle)
}

// drain waits for frames in flight.
func (r *run) drain() {
	from := r.clock.Now()
	for now := from; now-from < int64(drainLimit); now = r.clock.Now() {
		if now-max(r.sink.seen.last.Load(), from) >= int64(r.opts.Drain) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (r *run) progress(elapsed int64) Progress {
	p := Progress{Elapsed: time.Duration(elapsed), Sending: len(r.senders) > 0, Receiving: r.links.receives()}
	due := 0.0
	for _, s := range r.senders {
		for _, st := range s.streams {
			n := st.frames.Load()
			p.Sent += n
			p.SentBytes += st.bytes.Load() + n*fcs
			due += float64(n) * st.share
		}
		p.Refused += s.refused.Load()
	}
	seen := &r.sink.seen
	p.Received, p.ReceivedBytes = seen.frames.Load(), seen.bytes.Load()+seen.frames.Load()*fcs
	p.Duplicate, p.Reordered = seen.duplicate.Load(), seen.reordered.Load()
	if missing := due - float64(p.Received-p.Duplicate); missing > 0 {
		p.Missing = uint64(missing)
	}
	p.WrongEgress, p.Leak, p.Foreign = seen.wrong.Load(), seen.leak.Load(), seen.foreign.Load()
	p.LatencyMean, p.LatencyMax = seen.latency()
	for i := range r.links.All {
		if l := &r.links.All[i]; (l.Tx != nil || l.Rx != nil) && l.state() != nil {
			p.Down = append(p.Down, r.spec.Ports[i].Name)
		}
	}
	return p
}

// observed tells whether this process receives where a flow must come out; where it must not come out, whether it receives
// anywhere at all.
func (r *run) observed(f gen.Flow) bool {
	if f.Egress == nowhere {
		return r.links.receives()
	}
	return r.link(int(f.Egress)-1).Rx != nil
}

// share is the part of a traffic's frames that are to come out where this process receives.
func (r *run) share(t *gen.Traffic) float64 {
	n := 0
	for i := range t.Flows() {
		if f := t.Flow(i); f.Egress != nowhere && r.observed(f) {
			n++
		}
	}
	return float64(n) / float64(t.Flows())
}

// rate is n a second.
func rate(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return math.Round(float64(n)/d.Seconds()*10) / 10
}
