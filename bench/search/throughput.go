package search

import (
	"context"

	"vrfwd/bench/sample"
	"vrfwd/bench/trial"
)

// Throughput finds the highest rate at which no frame is lost (RFC 2544 26.1, RFC 1242 3.17), by bisection with loss
// verification (ETSI GS NFV-TST 009 12.3.2): a rate is too high only if Options.Recheck more trials at it lose as well. Errors:
// ErrStopped, or the device's; the sample holds the trials until then.
func Throughput(ctx context.Context, d trial.Device, o Options) (*sample.Sample, error) {
	s := begin(ctx, d, sample.Throughput, o)
	s.set("width", s.opts.Width)
	s.set("recheck", max(0, s.opts.Recheck))
	return s.end(s.throughput())
}

func (s *search) throughput() error {
	if err := s.limit(); err != nil {
		return err
	}
	low, high, err := s.bisect()
	if err != nil {
		return err
	}
	if low == 0 {
		s.out.Faults = append(s.out.Faults, "frames are lost even at the lowest rate")
	}
	s.bound(sample.FigThroughput, sample.FigBits, low, high)
	return nil
}

// bisect returns the highest rate without loss, 0 where there is none, and the lowest with it.
func (s *search) bisect() (low, high float64, err error) {
	high = s.opts.Max
	s.planned = len(s.out.Trials) + 1 + halvings(0, high, s.opts.Width)
	for rate := high; ; rate = (low + high) / 2 {
		if rate < s.opts.Min {
			return 0, high, nil
		}
		clean, err := s.clean(rate)
		if err != nil {
			return 0, 0, err
		}
		if clean {
			low = rate
		} else {
			high = rate
		}
		s.low, s.high = low, high
		s.tell()
		if narrow(low, high, s.opts.Width) {
			return low, high, nil
		}
	}
}

// clean tells whether a trial at the rate loses nothing, or one of those that verify the loss.
func (s *search) clean(rate float64) (clean bool, err error) {
	for range 1 + max(0, s.opts.Recheck) {
		out, err := s.run(trial.Order{Rate: rate})
		if err != nil {
			return false, err
		}
		if lossRatio(&out.Trial) == 0 {
			return true, nil
		}
	}
	return false, nil
}
