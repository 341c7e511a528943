package search

import (
	"context"
	"fmt"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/bench/trial"
)

// LatencyOptions are those of a latency measurement.
type LatencyOptions struct {
	Options
	NDR    float64       // pps that the shares are of; 0: found first, by NDR with a short duration sum
	Shares []float64     // percent of it; nil: 10, 50 and 90. At the limit itself a queue fills, and latency is its length
	Length time.Duration // at each share; 0: 10 s
}

// ndrTrials is the duration sum, in trials, of the search before a latency measurement: the shares need not be exact.
const ndrTrials = 5

// Latency times every frame at shares of the NDR. Errors: ErrStopped, or the device's; the sample holds the shares until then.
func Latency(ctx context.Context, d trial.Device, o LatencyOptions) (*sample.Sample, error) {
	if o.Shares == nil {
		o.Shares = []float64{10, 50, 90}
	}
	if o.Length == 0 {
		o.Length = 10 * time.Second
	}
	s := begin(ctx, d, sample.OfLatency, o.Options)
	s.set("length", o.Length)
	s.set("shares", o.Shares)
	return s.end(s.latency(&o))
}

func (s *search) latency(o *LatencyOptions) error {
	if err := s.latencyBase(o); err != nil {
		return err
	}
	for _, share := range o.Shares {
		rate := o.NDR * share / 100
		out, err := s.run(trial.Order{Rate: rate, Duration: o.Length, Latency: true})
		if err != nil {
			return err
		}
		s.tell()
		if out.Latency == nil || out.Latency.Frames == 0 {
			s.out.Faults = append(s.out.Faults, fmt.Sprintf("no frame was timed at %g %% of the NDR", share))
			continue
		}
		l, err := out.Latency.Sample()
		if err != nil {
			return err
		}
		l.Share, l.Rate, l.Lost, l.Corrected, l.Clock = share, rate, out.Lost, true, out.Clock
		s.out.Latency = append(s.out.Latency, l)
		if l.Negative > 0 {
			s.out.Faults = append(s.out.Faults, fmt.Sprintf("%d frames came before they were sent: clocks disagree", l.Negative))
		}
	}
	return nil
}

// latencyBase finds what the shares are of.
func (s *search) latencyBase(o *LatencyOptions) error {
	if o.NDR > 0 {
		s.set("ndr", fmt.Sprintf("%gpps", o.NDR))
		s.out.Add(sample.Count(sample.FigRate, "pps", o.NDR))
		return nil
	}
	if err := s.limit(); err != nil {
		return err
	}
	m := newMLR(s, []Goal{{Name: sample.FigNDR, Loss: 0, Exceed: 0.5, Sum: ndrTrials * s.opts.Trial, Width: max(s.opts.Width, 0.02)}})
	bounds, err := m.all()
	if err != nil {
		return err
	}
	if bounds[0].low == 0 {
		return fmt.Errorf("no rate without loss: latency has no shares to be measured at")
	}
	o.NDR = bounds[0].low
	s.out.Add(sample.Between(sample.FigRate, "pps", bounds[0].low, bounds[0].high))
	return nil
}
