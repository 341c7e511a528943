package trial

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"vrfwd/bench/sample"
)

// Latency is the latencies of some frames, in nanoseconds. Its zero value has no histogram and only knows extremes and the
// mean. It belongs to one goroutine.
type Latency struct {
	Frames   uint64
	Negative uint64 // frames that came before they were sent: clocks that do not agree; nothing else counts them
	Min, Max int64
	sum      int64

	distribution *hdrhistogram.Histogram
}

// maxLatency is the largest latency that a histogram tells apart.
const maxLatency = 100 * time.Second

// NewLatency makes one with a histogram of so many significant digits: 3 take 220 KiB, 2 take 30.
func NewLatency(digits int) Latency {
	return Latency{distribution: hdrhistogram.New(1, int64(maxLatency), digits)}
}

// Add takes one.
func (l *Latency) Add(ns int64) {
	if ns < 0 {
		l.Negative++
		return
	}
	if l.Frames == 0 || ns < l.Min {
		l.Min = ns
	}
	l.Frames++
	l.sum += ns
	l.Max = max(l.Max, ns)
	if l.distribution != nil {
		_ = l.distribution.RecordValue(min(ns, int64(maxLatency)))
	}
}

// Merge adds those of another.
func (l *Latency) Merge(o *Latency) {
	if o.Frames > 0 && (l.Frames == 0 || o.Min < l.Min) {
		l.Min = o.Min
	}
	l.Frames += o.Frames
	l.Negative += o.Negative
	l.sum += o.sum
	l.Max = max(l.Max, o.Max)
	if l.distribution != nil && o.distribution != nil {
		l.distribution.Merge(o.distribution)
	}
}

// Mean is 0 where there are none.
func (l *Latency) Mean() int64 {
	if l.Frames == 0 {
		return 0
	}
	return l.sum / int64(l.Frames)
}

// Timed tells whether there is a histogram with something in it.
func (l *Latency) Timed() bool { return l.distribution != nil && l.Frames > 0 }

// At returns the latency that so many percent of the frames did not exceed. Only where Timed.
func (l *Latency) At(percent float64) int64 {
	// A histogram's bucket may end beyond the largest value in it.
	return min(l.distribution.ValueAtPercentile(percent), l.Max)
}

// percentiles are those that are reported where the count allows it.
var percentiles = []float64{50, 75, 90, 95, 99, 99.9, 99.99, 99.999}

// beyond is how many frames must be beyond a percentile for it to be reported: with fewer it is one frame's fate.
const beyond = 10

// Sample gives the distribution as samples have it: percentiles that the count allows, and the whole histogram. Share, Rate,
// Lost, Corrected and Clock are the caller's to fill in.
func (l *Latency) Sample() (sample.Latency, error) {
	s := sample.Latency{Frames: l.Frames, Negative: l.Negative, Min: l.Min, Mean: l.Mean(), Max: l.Max, Percentiles: []sample.Percentile{}}
	if !l.Timed() {
		return s, nil
	}
	for _, p := range percentiles {
		if float64(l.Frames)*(100-p)/100 >= beyond*(1-1e-9) { // 100-99.9 is a little less than 0.1
			s.Percentiles = append(s.Percentiles, sample.Percentile{Percent: p, NS: l.At(p)})
		}
	}
	b, err := l.distribution.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return s, fmt.Errorf("trial: histogram: %w", err)
	}
	s.Histogram = string(b)
	return s, nil
}
