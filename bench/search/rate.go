package search

import (
	"context"
	"errors"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/bench/trial"
)

// MRR measures the maximum receive rate: how many frames come out when as many go in as the generator makes, or Options.Max.
// It is no search: repeat trials, 10 where it is 0, and their median. Errors: ErrStopped, or the device's.
func MRR(ctx context.Context, d trial.Device, o Options, repeat int) (*sample.Sample, error) {
	if repeat == 0 {
		repeat = 10
	}
	s := begin(ctx, d, sample.MRR, o)
	s.set("repeat", repeat)
	return s.end(s.repeat(repeat))
}

// repeat runs the same trial again and again.
func (s *search) repeat(n int) error {
	self, err := s.device.SelfTest(s.ctx, trial.Order{Duration: min(s.opts.Trial, selfTest)})
	if err != nil {
		return err
	}
	s.out.Generator.SelfTest, s.out.Generator.SelfTestLost = self.Rate, self.Lost
	s.planned = n
	var rates, bits, ns, cycles []float64
	for range n {
		out, err := s.run(trial.Order{Rate: s.opts.Max})
		if err != nil {
			return err
		}
		rates, bits = append(rates, out.Rate), append(bits, out.Bits)
		if out.NS > 0 {
			ns, cycles = append(ns, out.NS), append(cycles, out.Cycles)
		}
		s.tell()
	}
	s.out.Add(sample.Median(sample.FigRate, "pps", rates))
	s.out.Add(sample.Median(sample.FigBits, "bit/s", bits))
	if len(ns) == n {
		s.out.Add(sample.Median(sample.FigTime, "ns/pkt", ns))
		s.out.Add(sample.Median(sample.FigCycles, "cycles/pkt", cycles))
	}
	return nil
}

// SoakOptions are those of a soak.
type SoakOptions struct {
	Options               // Trial is the length of an interval
	Rate    float64       // pps; 0: as many as the generator makes
	Length  time.Duration // of all; 0: one minute
}

// Soak offers one rate for long, interval after interval, and accounts for every frame of each. Between two intervals the device
// drains. Errors: ErrStopped, or the device's; the sample has the figures of the intervals until then.
func Soak(ctx context.Context, d trial.Device, o SoakOptions) (*sample.Sample, error) {
	if o.Length == 0 {
		o.Length = time.Minute
	}
	if o.Trial == 0 {
		o.Trial = min(10*time.Second, o.Length)
	}
	s := begin(ctx, d, sample.Soak, o.Options)
	s.opts.Max = o.Rate
	s.set("length", o.Length)
	if o.Rate > 0 {
		s.set("rate", o.Rate)
	}
	n := max(1, int((o.Length+o.Trial/2)/o.Trial))
	err := s.repeat(n)
	if err != nil && (!errors.Is(err, ErrStopped) || len(s.out.Trials) == 0) {
		return s.end(err)
	}
	lost, due := 0.0, 0.0
	var rates []float64
	for i := range s.out.Trials {
		t := &s.out.Trials[i]
		lost, due = lost+float64(t.Lost), due+float64(t.Sent)
		rates = append(rates, t.Rate)
	}
	s.out.Add(sample.Median(sample.FigRate, "pps", rates))
	s.out.Add(sample.Count(sample.FigLoss, "1", lost/max(due, 1)))
	return s.end(err)
}
