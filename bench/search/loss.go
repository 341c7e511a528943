package search

import (
	"context"
	"fmt"

	"vrfwd/bench/sample"
	"vrfwd/bench/trial"
)

// LossOptions are those of a loss curve.
type LossOptions struct {
	Options
	Step   float64 // percent of the highest rate between two steps; 0: 10, the most that RFC 2544 allows
	Repeat int     // trials at each step; 0: 3
}

// Loss measures the share of frames lost at falling rates, from the highest on, until two steps in a row lose nothing (RFC 2544
// 26.3). Errors: ErrStopped, or the device's; the sample holds the steps until then.
func Loss(ctx context.Context, d trial.Device, o LossOptions) (*sample.Sample, error) {
	if o.Step == 0 {
		o.Step = 10
	}
	if o.Repeat == 0 {
		o.Repeat = 3
	}
	s := begin(ctx, d, sample.Loss, o.Options)
	s.set("step", fmt.Sprintf("%g%%", o.Step))
	s.set("repeat", o.Repeat)
	return s.end(s.loss(&o))
}

func (s *search) loss(o *LossOptions) error {
	if err := s.limit(); err != nil {
		return err
	}
	best, clean := 0.0, 0
	for percent := 100.0; percent > 1e-9 && clean < 2; percent -= o.Step {
		step := sample.Step{Offered: s.opts.Max * percent / 100, Percent: percent}
		var lost, rates []float64
		for range o.Repeat {
			out, err := s.run(trial.Order{Rate: step.Offered})
			if err != nil {
				return err
			}
			lost, rates = append(lost, lossRatio(&out.Trial)), append(rates, out.Rate)
			s.tell()
		}
		step.Loss, step.Rate = sample.Median(sample.FigLoss, "1", lost), sample.Median(sample.FigRate, "pps", rates).Value
		s.out.Curve = append(s.out.Curve, step)
		if step.Loss.High > 0 {
			s.high, clean = step.Offered, 0
			continue
		}
		if clean++; clean == 1 {
			best = step.Offered
		}
		s.low = best
	}
	high := best
	if s.high > 0 {
		high = s.high
	}
	s.out.Add(sample.Between(sample.FigLossFree, "pps", best, high))
	return nil
}
