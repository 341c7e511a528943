package bench

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/bench/search"
)

// sustaining is a worker under a load, beside a thread that changes the parent's routes.
type sustaining struct {
	bed   *Bed
	rate  float64       // frames a second offered
	trial time.Duration // each
}

// keepsUp tells whether so many changes a second, at least 1, are applied as they fall due: at the end of a trial no more than
// a hundredth of them wait, or than fall due between two ticks.
func (s *sustaining) keepsUp(changes int) (bool, Trial, error) {
	t, err := s.bed.Run(context.Background(), Run{Duration: s.trial, Rate: s.rate, Churn: changes})
	if err != nil {
		return false, t, err
	}
	due := float64(changes) * t.Churn.Elapsed.Seconds()
	return due-float64(t.Churn.Changes) <= max(0.01*due, float64(changes)*churnTick.Seconds()), t, nil
}

// highest halves the interval between none and somewhat more than is applied when as many as possible are made, down to width of
// its upper end, and returns the highest rate that was kept up with, 0 if none was.
func (s *sustaining) highest(width float64) (low int, err error) {
	_, t, err := s.keepsUp(churnBatch * int(time.Second/churnTick))
	if err != nil {
		return 0, err
	}
	high := int(1.2 * float64(t.Churn.Changes) / t.Churn.Elapsed.Seconds())
	for float64(high-low) > max(1, width*float64(high)) {
		middle := (low + high) / 2
		ok, _, err := s.keepsUp(middle)
		if err != nil {
			return 0, err
		}
		if ok {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}

// BenchmarkSustain forwards at a share of the loss-free rate (NDR, RFC 9971), with generator and sink on the worker's core, while
// another thread changes as many of the parent's routes a second as are applied when they fall due: better paths and more
// specific prefixes, announced and withdrawn, all of which change the FIB. lost-% is of the frames of a last trial at that rate of
// changes, lost-without-% of one before it without changes: on a shared machine the worker loses frames whenever it is not run.
func BenchmarkSustain(b *testing.B) {
	trial, width, goal := 250*time.Millisecond, 0.02, search.Goals(250 * time.Millisecond)[0]
	if testing.Short() {
		trial, width = 20*time.Millisecond, 0.5
		goal.Sum = trial
	}
	goal.Width = width
	s := scenario(b, Fallback)
	_, l := Defaults()
	l.Check = Signed
	ndr := sync.OnceValues(func() (float64, error) {
		bed, err := s.NewBed(l)
		if err != nil {
			return 0, err
		}
		defer bed.Close()
		found, err := search.NDR(context.Background(), Tester{Bed: bed}, search.Options{Trial: trial, Warmup: trial / 4}, []search.Goal{goal})
		if err != nil {
			return 0, err
		}
		f, _ := found.Figure(sample.FigNDR)
		return f.Value, nil
	})
	for _, load := range []int{50, 90} {
		b.Run(fmt.Sprintf("load=%d", load), func(b *testing.B) {
			best, err := ndr()
			if err != nil {
				b.Fatal(err)
			}
			bed, err := s.NewBed(l)
			if err != nil {
				b.Fatal(err)
			}
			defer bed.Close()
			updates, lost, without, longest := 0.0, 0.0, 0.0, time.Duration(0)
			for b.Loop() {
				u := sustaining{bed: bed, rate: best * float64(load) / 100, trial: trial}
				changes, err := u.highest(width)
				if err != nil {
					b.Fatal(err)
				}
				u.trial = 8 * trial
				still, err := bed.Run(context.Background(), Run{Duration: u.trial, Rate: u.rate})
				if err != nil {
					b.Fatal(err)
				}
				_, t, err := u.keepsUp(max(changes, 1))
				if err != nil {
					b.Fatal(err)
				}
				a := t.Account
				a.Sent, a.Lost = a.Sent-a.Lost, 0
				if !a.OK() {
					b.Fatalf("%s %v", a.Verdict(), t.Faults)
				}
				updates += float64(t.Churn.Changes) / t.Churn.Elapsed.Seconds()
				lost += 100 * float64(t.Account.Lost) / float64(t.Account.Sent)
				without += 100 * float64(still.Account.Lost) / float64(still.Account.Sent)
				longest = max(longest, t.Churn.Longest)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(updates/float64(b.N), "updates/s")
			b.ReportMetric(lost/float64(b.N), "lost-%")
			b.ReportMetric(without/float64(b.N), "lost-without-%")
			b.ReportMetric(best*float64(load)/100/1e6, "offered-Mpps")
			b.ReportMetric(longest.Seconds()*1e3, "longest-ms/batch")
		})
	}
}
