package live

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"vrfwd/bench/double"
	"vrfwd/bench/sample"
	"vrfwd/bench/trial"
	"vrfwd/gen"
	"vrfwd/packet"
)

// Tester runs trials over links: a trial.Device. The streams' rates in the Spec are shares of what is offered; where all are
// 0, it is the same for each. Frames that come out where this process does not receive are no trial: an error.
type Tester struct {
	Spec    *Spec
	Links   Links
	Options Options // Due, Duration, Idle and MaxLoss are not looked at
	Known   sample.Point
}

var _ trial.Device = Tester{}

// layer1 is what a frame takes on the wire besides its bytes with FCS: preamble and start delimiter 8, inter-frame gap 12
// (IEEE 802.3 3.1.1, 4.4.2).
const layer1 = 20

// Trial implements trial.Device. Warm-up is a run of its own.
func (t Tester) Trial(ctx context.Context, o trial.Order) (trial.Outcome, error) {
	return t.trial(ctx, o, t.Links, t.Options)
}

func (t Tester) trial(ctx context.Context, o trial.Order, links Links, opts Options) (trial.Outcome, error) {
	if opts.Lockstep && o.Rate == 0 {
		return trial.Outcome{}, unfit("a trial without a rate never ends on a clock that moves when somebody sleeps")
	}
	opts.Due, opts.Duration, opts.Idle = true, 0, 0
	if o.Warmup > 0 {
		warm := o
		warm.Frames, warm.Duration, warm.Warmup = 0, o.Warmup, 0
		if out, err := t.one(ctx, warm, links, opts); err != nil || out.Stopped {
			return out, err
		}
	}
	return t.one(ctx, o, links, opts)
}

// one is one run.
func (t Tester) one(ctx context.Context, o trial.Order, links Links, opts Options) (trial.Outcome, error) {
	spec, err := t.ordered(o)
	if err != nil {
		return trial.Outcome{}, err
	}
	r, err := newRun(ctx, spec, links, opts)
	if err != nil {
		return trial.Outcome{}, err
	}
	report, err := r.run(ctx)
	if err != nil {
		return trial.Outcome{}, err
	}
	for _, tx := range r.senders {
		if tx.err != nil {
			return trial.Outcome{}, fmt.Errorf("live: %w", tx.err)
		}
	}
	return r.outcome(o, report)
}

// ordered is the Spec with the streams as a trial wants them.
func (t Tester) ordered(o trial.Order) (*Spec, error) {
	if o.Duration <= 0 && o.Frames == 0 {
		return nil, errors.New("live: a trial needs a duration or a number of frames")
	}
	spec, sum := *t.Spec, 0.0
	spec.Streams = append([]Stream(nil), spec.Streams...)
	for i := range spec.Streams {
		sum += spec.Streams[i].Rate
	}
	for i := range spec.Streams {
		s := &spec.Streams[i]
		share := 1 / float64(len(spec.Streams))
		if sum > 0 {
			share = s.Rate / sum
		}
		s.Rate, s.Delay, s.Count, s.Duration = o.Rate*share, 0, 0, o.Duration
		if o.Frames > 0 {
			s.Duration, s.Count = 0, max(1, uint64(math.Round(float64(o.Frames)*share)))
		}
		if s.Rate > gen.MaxRate {
			return nil, unfit("stream %s: %g frames a second: at most %g are possible", s.Name, s.Rate, gen.MaxRate)
		}
	}
	return &spec, nil
}

// outcome is a run's report as a trial's.
func (r *run) outcome(o trial.Order, p *Report) (trial.Outcome, error) {
	c := &p.Total
	if c.Observed < c.Sent {
		return trial.Outcome{}, unfit("%d of %d frames come out where this process does not receive: a trial needs all of them", c.Sent-c.Observed, c.Sent)
	}
	out := trial.Outcome{Clock: p.Clock, Stopped: p.Interrupted}
	out.Trial = sample.Trial{Offered: o.Rate, Burst: o.Frames, Sent: c.Sent, Received: c.Received - min(c.Unsent, c.Received),
		Lost: c.Lost, Discarded: c.Discarded, Duplicated: c.Duplicate + c.Late, Reordered: c.Reordered, Wrong: c.WrongEgress, Leaked: c.Leak,
		Corrupt: c.Unsent + p.Unknown}
	for _, s := range p.Streams {
		out.Missed += s.Missed
		out.Late = max(out.Late, s.LateMax)
		out.Seconds = max(out.Seconds, s.Seconds)
	}
	bytes := uint64(0)
	for i := range r.sink.streams {
		bytes += r.sink.streams[i].bytes + (fcs+layer1)*r.sink.streams[i].frames
	}
	if out.Seconds > 0 {
		out.Rate, out.Bits = float64(out.Received)/out.Seconds, 8*float64(bytes)/out.Seconds
	}
	if o.Latency {
		all := trial.NewLatency(3)
		for i := range r.sink.streams {
			all.Merge(&r.sink.streams[i].latency)
		}
		out.Latency = &all
	}
	return out, nil
}

// SelfTest implements trial.Device: the same senders and sink with a cable in memory between them in place of the ports. What
// the kernel takes for a frame is in no figure of it.
func (t Tester) SelfTest(ctx context.Context, o trial.Order) (trial.Outcome, error) {
	opts := t.Options
	if opts.Clock == nil {
		opts.Clock = SystemClock()
	}
	longest := 0
	for _, s := range t.Spec.Streams {
		for _, size := range s.Sizes {
			longest = max(longest, size.Bytes)
		}
	}
	cable, err := double.New(double.Config{FrameLen: longest + 64}, opts.Clock)
	if err != nil {
		return trial.Outcome{}, err
	}
	defer cable.Close()
	spec, links := t.looped(cable)
	self := Tester{Spec: spec, Options: opts}
	return self.trial(ctx, o, links, opts)
}

// looped is the Spec with all streams on one cable: what is sent on a circuit comes out on a twin of it.
func (t Tester) looped(cable *double.Device) (*Spec, Links) {
	from, to := t.Spec, *t.Spec
	to.Ports = []Port{{Name: "in"}, {Name: "out"}}
	to.Circuits, to.Streams = nil, append([]Stream(nil), from.Streams...)
	for i := range to.Streams {
		s := &to.Streams[i]
		vlan := uint16(0)
		if c := &from.Circuits[s.From[0]]; c.VLAN != 0 || i > 0 { // as long as the original where it has a tag
			vlan = uint16(i + 1)
		}
		to.Circuits = append(to.Circuits, Circuit{Name: s.Name + " in", VLAN: vlan}, Circuit{Name: s.Name + " out", Port: 1, VLAN: vlan})
		s.From, s.To, s.Except = []int{2 * i}, []int{2*i + 1}, nil
	}
	return &to, Links{All: []Link{{Tx: cable.In()}, {Rx: cable.Out(), Timed: true, MAC: packet.MAC{2, 0, 0, 0, 0, 2}}}}
}

// Point implements trial.Device.
func (t Tester) Point() sample.Point {
	p := t.Known
	p.Ports, p.Seed = "live", t.Spec.Seed
	seen := map[string]bool{}
	for i := range t.Spec.Streams {
		s := &t.Spec.Streams[i]
		p.Flows += s.Flows
		p.Burst = max(p.Burst, s.Burst)
		if p.Size == "" {
			p.Size, p.Keys = gen.SizesText(s.Sizes), s.Keys.String()
		} else if p.Size != gen.SizesText(s.Sizes) {
			p.Size = "streams'"
		}
		ways := t.Spec.Ports[t.Spec.Circuits[s.From[0]].Port].Name
		if s.To[0] != Discard {
			ways += " > " + t.Spec.Ports[t.Spec.Circuits[s.To[0]].Port].Name
		}
		if !seen[ways] {
			seen[ways] = true
			p.Target = strings.TrimPrefix(p.Target+", "+ways, ", ")
		}
	}
	p.VRFs = len(t.Spec.VRFs)
	return p
}
