package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/bench/trial"
)

// Options are what all searches have alike. Zero values mean the defaults that complete gives.
type Options struct {
	Max      float64       // highest rate offered, pps; 0: found by a trial without limit
	Min      float64       // lowest; 0: a ten-thousandth of the highest
	Trial    time.Duration // each; 0: 1 s
	Warmup   time.Duration // before each
	Width    float64       // of the interval that a search ends with, as a share of its upper end; 0: 0.5 %
	Recheck  int           // how often Throughput repeats a trial that lost, and takes the best: 0: DefaultRecheck; below 0: never
	Progress func(Progress)
}

// Defaults of Options.
const (
	DefaultTrial = time.Second
	DefaultWidth = 0.005
	// DefaultRecheck lets one pause of a shared machine pass, which would halve the rate where it meets an early bisection.
	DefaultRecheck = 2
)

// Forgiven is the share of the frames due that a generator may miss without the trial counting them as lost.
const Forgiven = 0.001

// Progress is told after each trial.
type Progress struct {
	Kind      sample.Kind
	Trials    int
	Last      sample.Trial
	Low, High float64 // what is known: pps, frames for back-to-back; 0: nothing yet
	Elapsed   time.Duration
	Left      time.Duration // about; 0: unknown
}

// ErrStopped is a search that its context ended. The sample beside it holds the trials so far and no result.
var ErrStopped = errors.New("stopped before the search was over")

// search is one search.
type search struct {
	ctx     context.Context
	device  trial.Device
	opts    Options
	began   time.Time
	out     *sample.Sample
	low     float64
	high    float64
	planned int  // trials in all, about; 0: unknown
	tester  bool // a burst was too long for the generator, not for the device
}

func begin(ctx context.Context, d trial.Device, kind sample.Kind, o Options) *search {
	if o.Trial == 0 {
		o.Trial = DefaultTrial
	}
	if o.Width == 0 {
		o.Width = DefaultWidth
	}
	if o.Recheck == 0 {
		o.Recheck = DefaultRecheck
	}
	s := &search{ctx: ctx, device: d, opts: o, began: time.Now(), out: &sample.Sample{Format: sample.Format, Kind: kind, Settings: map[string]string{}}}
	s.set("trial", o.Trial)
	if o.Warmup > 0 {
		s.set("warmup", o.Warmup)
	}
	if o.Max > 0 {
		s.set("max", fmt.Sprintf("%gpps", o.Max))
	}
	return s
}

func (s *search) set(key string, value any) { s.out.Settings[key] = fmt.Sprint(value) }

// run runs a trial and takes note of it.
func (s *search) run(o trial.Order) (trial.Outcome, error) {
	if s.ctx.Err() != nil {
		return trial.Outcome{}, ErrStopped
	}
	o.Warmup = s.opts.Warmup
	if o.Frames == 0 && o.Duration == 0 {
		o.Duration = s.opts.Trial
	}
	out, err := s.device.Trial(s.ctx, o)
	switch {
	case err != nil && s.ctx.Err() != nil:
		return out, ErrStopped
	case err != nil:
		return out, err
	}
	s.out.Trials = append(s.out.Trials, out.Trial)
	s.out.Generator.Account(&out.Trial)
	if out.Stopped {
		return out, ErrStopped
	}
	return out, nil
}

// tell reports progress.
func (s *search) tell() {
	if s.opts.Progress == nil || len(s.out.Trials) == 0 {
		return
	}
	p := Progress{Kind: s.out.Kind, Trials: len(s.out.Trials), Last: s.out.Trials[len(s.out.Trials)-1], Low: s.low, High: s.high,
		Elapsed: time.Since(s.began)}
	if s.planned > p.Trials {
		p.Left = p.Elapsed / time.Duration(p.Trials) * time.Duration(s.planned-p.Trials)
	}
	s.opts.Progress(p)
}

// lossRatio is the share of the intended frames that were not forwarded and should have been.
func lossRatio(t *sample.Trial) float64 {
	due := float64(t.Sent + t.Missed)
	if due == 0 {
		return 1
	}
	return (float64(t.Lost) + max(0, float64(t.Missed)-Forgiven*due)) / due
}

// limit finds the highest rate to offer, where it was not given, and runs the self-test. Where the device lost nothing of
// what it was sent as fast as could be, it may take more than that: then the self-test's rate is the limit.
func (s *search) limit() error {
	if s.ctx.Err() != nil {
		return ErrStopped
	}
	self, err := s.device.SelfTest(s.ctx, trial.Order{Duration: min(s.opts.Trial, selfTest)})
	if err != nil {
		return err
	}
	s.out.Generator.SelfTest, s.out.Generator.SelfTestLost = self.Rate, self.Lost
	if s.opts.Max == 0 {
		out, err := s.run(trial.Order{})
		if err != nil {
			return err
		}
		if out.Seconds > 0 {
			s.opts.Max = float64(out.Sent) / out.Seconds
		}
		if out.Lost == 0 {
			s.opts.Max = max(s.opts.Max, self.Rate)
		}
		if s.opts.Max == 0 {
			return errors.New("no frame was sent: is the port up, and the next hop known?")
		}
		s.tell()
	}
	if s.opts.Min == 0 {
		s.opts.Min = s.opts.Max / 10_000
	}
	return nil
}

// selfTest is the longest that a self-test takes.
const selfTest = 500 * time.Millisecond

// end judges the trials and completes the sample. err is the search's.
func (s *search) end(err error) (*sample.Sample, error) {
	out, sum := s.out, sample.Trial{}
	for i := range out.Trials {
		t := &out.Trials[i]
		sum.Duplicated += t.Duplicated
		sum.Reordered += t.Reordered
		sum.Wrong += t.Wrong
		sum.Leaked += t.Leaked
		sum.Corrupt += t.Corrupt
		sum.Miscounted += t.Miscounted
		sum.Unreturned += t.Unreturned
	}
	out.Faults = append(out.Faults, sum.Faults()...)
	if err != nil {
		out.Faults = append(out.Faults, err.Error())
	}
	if g := &out.Generator; g.SelfTestLost > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("the tester itself lost %d frames in its self-test", g.SelfTestLost))
	}
	out.OK, out.Time = len(out.Faults) == 0, time.Now().UTC().Truncate(time.Millisecond)
	return out, err
}

// bound adds the figures of a rate that a search has found, between the highest load that met the goal and the lowest
// that did not.
func (s *search) bound(name, bits string, low, high float64) {
	s.out.Add(sample.Between(name, "pps", low, high))
	if per := s.bitsPerFrame(); per > 0 {
		s.out.Add(sample.Between(bits, "bit/s", low*per, high*per))
	}
	if low >= s.opts.Max {
		s.out.Notes = append(s.out.Notes, fmt.Sprintf("%s: the highest rate offered was met: the device may do more", name))
		return
	}
	for i := range s.out.Trials {
		// Was it the generator that failed the lowest load above?
		if t := &s.out.Trials[i]; t.Offered == high && t.Shortfall() > Forgiven && t.Lost == 0 {
			s.out.Notes = append(s.out.Notes, fmt.Sprintf("%s: at the next higher load the generator fell short by %.2g %% and the device lost nothing: "+
				"the generator is the limit", name, 100*t.Shortfall()))
			return
		}
	}
}

// bitsPerFrame is of layer 1, as the trials had it on average.
func (s *search) bitsPerFrame() float64 {
	bits, frames := 0.0, 0.0
	for i := range s.out.Trials {
		bits += s.out.Trials[i].Bits
		frames += s.out.Trials[i].Rate
	}
	if frames == 0 {
		return 0
	}
	return bits / frames
}

// narrow tells whether an interval is narrow enough. What rounding does to a width that is met exactly is let pass.
func narrow(low, high, width float64) bool { return high-low <= width*high*(1+1e-9) }

// halvings is how many bisections an interval takes.
func halvings(low, high, width float64) int {
	if narrow(low, high, width) {
		return 0
	}
	return int(math.Ceil(math.Log2((high - low) / (width * high))))
}
