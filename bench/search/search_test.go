package search_test

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"vrfwd/bench/double"
	"vrfwd/bench/live"
	"vrfwd/bench/sample"
	"vrfwd/bench/search"
	"vrfwd/bench/trial"
	"vrfwd/packet"
)

// clock is moved by who sleeps: a second of it takes milliseconds.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() int64            { return c.now.Load() }
func (c *clock) Wall() int64           { return 1_700_000_000e9 + c.now.Load() }
func (c *clock) Sleep(until int64)     { c.now.Store(max(until, c.now.Load())) }
func (c *clock) Wait(d time.Duration)  { c.now.Add(int64(d)) }
func (c *clock) Thread() (done func()) { return func() {} }

// top is the highest rate offered. It and the capacities are low so that a trial has few frames.
const top = 40_000

// device puts a double between a tester's ports: one stream on VLAN 5 of a VRF, and a circuit of another VRF where misrouted
// frames may come out.
func device(t *testing.T, c double.Config, flows string) (trial.Device, *double.Device) {
	t.Helper()
	now := &clock{}
	d, err := double.New(c, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	doc, err := live.Parse("test.yaml", ".", []byte(`
circuits:
- {name: in, port: a, vlan: 5, vrf: red}
- {name: out, port: b, vlan: 5, vrf: red}
- {name: blue, port: b, vlan: 6, vrf: blue}
streams:
- {name: s, from: in, to: out, destination: 198.18.0.0/15, rate: max, flows: `+flows+`}
`))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := doc.Spec()
	if err != nil {
		t.Fatal(err)
	}
	links := live.Links{All: []live.Link{{Tx: d.In()}, {Rx: d.Out(), Timed: true, MAC: packet.MAC{2, 0, 0, 0, 0, 2}}}}
	return paced{live.Tester{Spec: spec, Links: links, Options: live.Options{Clock: now, Lockstep: true, Drain: 20 * time.Millisecond}}}, d
}

// paced has a limit where none is given: on its clock no time passes while frames are sent.
type paced struct{ live.Tester }

func (p paced) SelfTest(ctx context.Context, o trial.Order) (trial.Outcome, error) {
	o.Rate = 2 * top
	return p.Tester.SelfTest(ctx, o)
}

func options() search.Options { return search.Options{Max: top} }

// figure is a figure that must be there.
func figure(t *testing.T, s *sample.Sample, name string) sample.Figure {
	t.Helper()
	f, ok := s.Figure(name)
	if !ok {
		t.Fatalf("no figure %s: %+v", name, s.Figures)
	}
	return f
}

// near fails where a value is not within a share of what it should be.
func near(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if math.Abs(got-want) > share*want {
		t.Errorf("%s: %g, want %g within %g %%", what, got, want, 100*share)
	}
}

// valid fails where a sample could not be written.
func valid(t *testing.T, s *sample.Sample, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	s.Point, s.Conditions.Go = sample.Point{Ports: "double", Size: "64"}, "go"
	if err := sample.Append(discard{}, *s); err != nil {
		t.Error(err)
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// TestCapacity: every search finds the rate that the double forwards at, and bisection and MLRsearch agree within their width.
func TestCapacity(t *testing.T) {
	for _, rate := range []float64{top / 10, 17_300, top * 0.97} {
		d, _ := device(t, double.Config{Rate: rate, Queue: 20}, "100")
		bisected, err := search.Throughput(t.Context(), d, options())
		valid(t, bisected, err)
		mlr, err := search.NDR(t.Context(), d, options(), nil)
		valid(t, mlr, err)
		mrr, err := search.MRR(t.Context(), d, options(), 6)
		valid(t, mrr, err)
		throughput, ndr, pdr := figure(t, bisected, sample.FigThroughput), figure(t, mlr, sample.FigNDR), figure(t, mlr, sample.FigPDR)
		for _, f := range []sample.Figure{throughput, ndr, figure(t, mrr, sample.FigRate)} {
			near(t, f.Name, f.Value, rate, 0.01)
		}
		near(t, "pdr", pdr.Value, rate/(1-0.005), 0.01)
		if !bisected.OK || !mlr.OK || !mrr.OK {
			t.Error(bisected.Faults, mlr.Faults, mrr.Faults)
		}
		for _, f := range []sample.Figure{throughput, ndr, pdr} {
			if f.High-f.Low > search.DefaultWidth*f.High*1.001 {
				t.Errorf("%s: %g to %g is wider than the goal", f.Name, f.Low, f.High)
			}
		}
		if math.Abs(throughput.Value-ndr.Value) > search.DefaultWidth*ndr.High {
			t.Errorf("bisection %g, MLRsearch %g", throughput.Value, ndr.Value)
		}
		if c := figure(t, mlr, "pdr-conditional"); c.Value < pdr.Value*0.995 || c.Value > pdr.Value {
			t.Errorf("conditional throughput %g of %g", c.Value, pdr.Value)
		}
		if bits := figure(t, mlr, "ndr-bits"); math.Abs(bits.Value-8*84*ndr.Value) > 0.001*bits.Value { // 64 bytes, preamble, gap
			t.Errorf("%g bit/s at %g pps", bits.Value, ndr.Value)
		}
		if mlr.Generator.SelfTest <= 0 || mlr.Generator.Missed > 0 {
			t.Errorf("%+v", mlr.Generator)
		}
	}
}

// TestNoLimit: where the highest rate is met, all searches say so.
func TestNoLimit(t *testing.T) {
	d, _ := device(t, double.Config{}, "100")
	o := options()
	o.Max = 5000
	for name, run := range map[string]func() (*sample.Sample, error){
		sample.FigThroughput: func() (*sample.Sample, error) { return search.Throughput(t.Context(), d, o) },
		sample.FigNDR:        func() (*sample.Sample, error) { return search.NDR(t.Context(), d, o, nil) },
	} {
		s, err := run()
		valid(t, s, err)
		if f := figure(t, s, name); f.Value != o.Max || f.High != o.Max || len(s.Notes) == 0 {
			t.Errorf("%+v %v", f, s.Notes)
		}
	}
}

// TestNoRate: a device that loses at any rate has no throughput, and the searches end.
func TestNoRate(t *testing.T) {
	d, _ := device(t, double.Config{DropEvery: 2}, "100")
	o := options()
	o.Max, o.Min = 5000, 500
	s, err := search.Throughput(t.Context(), d, o)
	valid(t, s, err)
	if f := figure(t, s, sample.FigThroughput); f.Value != 0 || s.OK {
		t.Error(f, s.Faults)
	}
	s, err = search.NDR(t.Context(), d, o, nil)
	valid(t, s, err)
	if _, ok := s.Figure(sample.FigNDR); ok || s.OK || len(s.Faults) != 2 {
		t.Error(s.Figures, s.Faults)
	}
	if _, err := search.Latency(t.Context(), d, search.LatencyOptions{Options: o}); err == nil {
		t.Error("latency at shares of nothing")
	}
}

// TestLoss: the curve is that of a device that forwards its rate of what it is offered, and of one that drops every k-th.
func TestLoss(t *testing.T) {
	const rate = 18_000 // 45 %
	d, _ := device(t, double.Config{Rate: rate, Queue: 20}, "100")
	s, err := search.Loss(t.Context(), d, search.LossOptions{Options: options()})
	valid(t, s, err)
	if len(s.Curve) != 8 { // 100 to 50 with loss, 40 and 30 without
		t.Fatalf("%+v", s.Curve)
	}
	for _, step := range s.Curve {
		want := max(0, 1-rate/step.Offered)
		if math.Abs(step.Loss.Value-want) > 0.003 || (want == 0) != (step.Loss.Value == 0) {
			t.Errorf("%g pps: lost %g, want %g", step.Offered, step.Loss.Value, want)
		}
	}
	if f := figure(t, s, sample.FigLossFree); f.Value != 0.4*top || math.Abs(f.High-0.5*top) > 1e-6 {
		t.Error(f)
	}
	d, _ = device(t, double.Config{DropEvery: 8}, "100")
	o := search.LossOptions{Options: search.Options{Max: 4000}, Step: 25, Repeat: 2}
	s, err = search.Loss(t.Context(), d, o)
	valid(t, s, err)
	for _, step := range s.Curve {
		if step.Loss.Low != 0.125 || step.Loss.High != 0.125 { // each trial has a multiple of 8 frames
			t.Errorf("%+v", step)
		}
	}
}

// TestFaults: loss, order, duplicates and leaks are those that the double made, frame by frame.
func TestFaults(t *testing.T) {
	for _, c := range []double.Config{
		{DropEvery: 7}, {DuplicateEvery: 11}, {SwapEvery: 13}, {MisrouteEvery: 17, Misroute: 6}, {MisrouteEvery: 17, Misroute: 9},
		{DropEvery: 101, DuplicateEvery: 103, SwapEvery: 107, MisrouteEvery: 109, Misroute: 6, Rate: 3000, Queue: 5, Delay: time.Millisecond},
	} {
		d, double := device(t, c, "1") // one flow: neighbours are of it
		out, err := d.Trial(t.Context(), trial.Order{Rate: 4000, Duration: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		n := double.Count()
		leaked, wrong := n.Misrouted, uint64(0)
		if c.Misroute == 9 { // nobody's circuit
			leaked, wrong = 0, n.Misrouted
		}
		if out.Sent != n.In || out.Lost != n.Overflow+n.Dropped || out.Duplicated != n.Duplicated || out.Reordered != n.Swapped ||
			out.Leaked != leaked || out.Wrong != wrong || out.Corrupt != 0 || out.Received+out.Duplicated != n.Out {
			t.Errorf("%+v:\n%+v\n%+v", c, out.Trial, n)
		}
		if n.Dropped+n.Duplicated+n.Swapped+n.Misrouted == 0 {
			t.Errorf("%+v did nothing", c)
		}
		s, err := search.MRR(t.Context(), d, search.Options{Max: 1000}, 1)
		valid(t, s, err)
		if faulty := n.Duplicated+n.Swapped+n.Misrouted > 0; s.OK == faulty || len(s.Faults) > 0 != faulty {
			t.Errorf("%+v: %v %v", c, s.OK, s.Faults)
		}
	}
}

// TestLatency: a delay is found to a thousandth, at shares of the rate, and a queue's where it builds up.
func TestLatency(t *testing.T) {
	const delay = 1234 * time.Microsecond
	d, _ := device(t, double.Config{Rate: 20_000, Queue: 20, Delay: delay, Frames: 8192}, "100")
	o := search.LatencyOptions{Options: options(), Length: 2 * time.Second}
	s, err := search.Latency(t.Context(), d, o)
	valid(t, s, err)
	if len(s.Latency) != 3 || !s.OK {
		t.Fatal(s.Latency, s.Faults)
	}
	near(t, "ndr", figure(t, s, sample.FigRate).Value, 20_000, 0.03)
	want := float64(delay) + 1e9/20_000 // and the frame's own time
	for i, l := range s.Latency {
		near(t, "lowest", float64(l.Min), want, 1e-4)
		near(t, "highest", float64(l.Max), want, 1e-4)
		if l.Share != []float64{10, 50, 90}[i] || l.Frames < 3000 || !l.Corrected || l.Histogram == "" || l.Clock.Of != "kernel" {
			t.Errorf("%+v", l)
		}
		for _, p := range l.Percentiles {
			near(t, "percentile", float64(p.NS), want, 1e-3)
		}
		last := l.Percentiles[len(l.Percentiles)-1].Percent
		if beyond := float64(l.Frames) * (100 - last) / 100; beyond < 9.99 || beyond > 120 {
			t.Errorf("%d frames: p%g", l.Frames, last)
		}
	}
	o.NDR, o.Shares = 40_000, []float64{100} // twice what it forwards: 21 frames wait
	s, err = search.Latency(t.Context(), d, o)
	valid(t, s, err)
	near(t, "full queue", float64(s.Latency[0].Max), float64(delay)+21e9/20_000, 0.01)
}

// TestBackToBack: the burst is what the queue holds and the device forwards meanwhile.
func TestBackToBack(t *testing.T) {
	for _, c := range []struct {
		rate  float64
		queue int
	}{{10_000, 30}, {30_000, 300}} {
		d, _ := device(t, double.Config{Rate: c.rate, Queue: c.queue}, "100")
		s, err := search.BackToBack(t.Context(), d, search.BurstOptions{Options: options(), Repeat: 3})
		valid(t, s, err)
		want := float64(c.queue)/(1-c.rate/top) + 1
		f := figure(t, s, sample.FigBurst)
		near(t, "burst", f.Value, want, 0.01+1/want)
		if f.Low != f.High || len(f.Raw) != 3 {
			t.Error(f)
		}
		near(t, "buffer time", figure(t, s, sample.FigBufferTime).Value, f.Value*1e9/top, 1e-9)
		near(t, "corrected", figure(t, s, sample.FigCorrected).Value, float64(c.queue)*1e9/top, 0.05)
	}
	d, _ := device(t, double.Config{}, "100")
	s, err := search.BackToBack(t.Context(), d, search.BurstOptions{Options: options(), Repeat: 1, Most: 3000})
	valid(t, s, err)
	if f := figure(t, s, sample.FigBurst); f.Value != 3000 || len(s.Notes) == 0 {
		t.Error(f, s.Notes)
	}
}

func TestSoak(t *testing.T) {
	d, _ := device(t, double.Config{DropEvery: 1000}, "100")
	o := search.SoakOptions{Options: search.Options{Trial: time.Second}, Rate: 2000, Length: 5 * time.Second}
	s, err := search.Soak(t.Context(), d, o)
	valid(t, s, err)
	if f := figure(t, s, sample.FigLoss); len(s.Trials) != 5 || f.Value != 0.001 {
		t.Error(f, len(s.Trials))
	}
}

// TestStopped: a search that is stopped returns the trials until then.
func TestStopped(t *testing.T) {
	d, _ := device(t, double.Config{Rate: 10_000, Queue: 10}, "100")
	ctx, stop := context.WithCancel(t.Context())
	told := 0
	o := options()
	o.Progress = func(p search.Progress) {
		if told++; told == 3 {
			stop()
		}
		if p.Trials != told || p.Last.Sent == 0 {
			t.Errorf("%d: %+v", told, p)
		}
	}
	s, err := search.NDR(ctx, d, o, nil)
	if !errors.Is(err, search.ErrStopped) || s.OK || len(s.Trials) != 3 || len(s.Figures) > 0 {
		t.Error(err, s)
	}
	if s, err := search.Throughput(ctx, d, o); !errors.Is(err, search.ErrStopped) || len(s.Trials) != 0 {
		t.Error(err, s)
	}
}

// TestSlowGenerator: a tester that cannot send what is offered makes no device look fast.
func TestSlowGenerator(t *testing.T) {
	d, _ := device(t, double.Config{}, "100")
	d2 := slow{d, 9_000}
	s, err := search.Throughput(t.Context(), d2, options())
	valid(t, s, err)
	if f := figure(t, s, sample.FigThroughput); f.Value > 9_000*1.002 || f.Value < 9_000*0.99 || len(s.Notes) == 0 || s.Generator.Shortfall < 0.5 {
		t.Error(f, s.Notes, s.Generator)
	}
	s, err = search.BackToBack(t.Context(), d2, search.BurstOptions{Options: options(), Repeat: 1, Most: 1000, Throughput: 10_000})
	valid(t, s, err)
	if _, ok := s.Figure(sample.FigBufferTime); ok || len(s.Notes) == 0 || figure(t, s, sample.FigBurst).Value >= 1000 {
		t.Error(s.Figures, s.Notes)
	}
}

// TestRecheck: losses that do not come back halve no rate, unless one trial is to decide; those that do are the device's.
func TestRecheck(t *testing.T) {
	for recheck, want := range map[int]float64{0: 10_000, 1: 10_000, -1: 5_000} {
		d, _ := device(t, double.Config{}, "100")
		o := search.Options{Max: 10_000, Recheck: recheck}
		s, err := search.Throughput(t.Context(), &hiccup{Device: d, lossy: 2}, o)
		valid(t, s, err)
		if f := figure(t, s, sample.FigThroughput); f.Value > want || f.Value < want*0.99 {
			t.Errorf("recheck %d: %v, want %v", recheck, f, want)
		}
	}
}

// hiccup is a device that loses a frame in each of its first trials.
type hiccup struct {
	trial.Device
	lossy int
}

func (d *hiccup) Trial(ctx context.Context, o trial.Order) (trial.Outcome, error) {
	out, err := d.Device.Trial(ctx, o)
	if d.lossy > 0 {
		d.lossy--
		out.Lost, out.Received = 1, out.Received-1
	}
	return out, err
}

// slow is a device whose generator has a limit.
type slow struct {
	trial.Device
	limit float64
}

func (d slow) Trial(ctx context.Context, o trial.Order) (trial.Outcome, error) {
	want := o.Rate
	o.Rate = min(o.Rate, d.limit)
	out, err := d.Device.Trial(ctx, o)
	out.Offered, out.Missed = want, uint64(max(0, want-d.limit)*o.Duration.Seconds())
	if o.Frames > 100 { // what it has ready
		out.Missed = o.Frames - 100
	}
	return out, err
}
