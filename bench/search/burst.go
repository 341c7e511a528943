package search

import (
	"context"
	"fmt"

	"vrfwd/bench/sample"
	"vrfwd/bench/trial"
)

// BurstOptions are those of back-to-back.
type BurstOptions struct {
	Options
	Throughput float64 // pps; 0: found first
	Most       uint64  // frames of the longest burst; 0: two seconds' at the highest rate (RFC 2544 26.4)
	Repeat     int     // searches; 0: 5. RFC 9004 6.3 asks for 50
}

// BackToBack finds the longest burst at the highest rate of which no frame is lost (RFC 9004), and from it how long the
// device's buffers hold. It means something only where the highest rate is above the throughput. Errors: ErrStopped, or the
// device's.
func BackToBack(ctx context.Context, d trial.Device, o BurstOptions) (*sample.Sample, error) {
	if o.Repeat == 0 {
		o.Repeat = 5
	}
	s := begin(ctx, d, sample.BackToBack, o.Options)
	s.set("repeat", o.Repeat)
	return s.end(s.backToBack(&o))
}

func (s *search) backToBack(o *BurstOptions) error {
	if err := s.limit(); err != nil {
		return err
	}
	if o.Throughput == 0 {
		low, high, err := s.bisect()
		if err != nil {
			return err
		}
		o.Throughput = low
		s.out.Add(sample.Between(sample.FigThroughput, "pps", low, high))
	}
	if o.Most == 0 {
		o.Most = uint64(2 * s.opts.Max)
	}
	s.low, s.high, s.planned = 0, 0, 0
	var bursts []float64
	for range o.Repeat {
		n, err := s.burst(o.Most)
		if err != nil {
			return err
		}
		bursts = append(bursts, float64(n))
	}
	f := sample.Median(sample.FigBurst, "frames", bursts)
	f.Value, f.Low, f.High, f.Of = mean(bursts), f.Raw[0], f.Raw[0], sample.Range
	for _, b := range bursts {
		f.Low, f.High = min(f.Low, b), max(f.High, b)
	}
	s.out.Add(f)
	if f.High >= float64(o.Most) {
		s.out.Notes = append(s.out.Notes, fmt.Sprintf("bursts of %d frames and more pass: the device keeps up with the highest rate, "+
			"and nothing is known of its buffers", o.Most))
		return nil
	}
	if s.tester {
		s.out.Notes = append(s.out.Notes, "the generator fell short in longer bursts, of which the device lost nothing: they may be longer, and nothing is known of its buffers")
		return nil
	}
	scaled := func(name string, by float64) {
		g := f
		g.Name, g.Unit, g.Value, g.Low, g.High, g.Raw = name, "ns", f.Value*by, f.Low*by, f.High*by, nil
		s.out.Add(g)
	}
	implied := 1e9 / s.opts.Max // RFC 9004 6.4: at the maximum frame rate
	scaled(sample.FigBufferTime, implied)
	if o.Throughput < s.opts.Max { // what the device forwarded meanwhile did not have to be held
		scaled(sample.FigCorrected, implied*(1-o.Throughput/s.opts.Max))
	}
	return nil
}

// burst finds the longest burst without loss, exactly up to a thousand frames and to a thousandth above.
func (s *search) burst(most uint64) (uint64, error) {
	low, high := uint64(0), most+1
	for high-low > max(1, low/1000) {
		n := low + (high-low)/2
		if low == 0 && high == most+1 {
			n = most
		}
		out, err := s.run(trial.Order{Rate: s.opts.Max, Frames: n})
		if err != nil {
			return 0, err
		}
		if lossRatio(&out.Trial) == 0 {
			low = n
		} else {
			high = n
			s.tester = s.tester || out.Lost == 0
		}
		s.low, s.high = float64(low), float64(high)
		s.tell()
	}
	return low, nil
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}
