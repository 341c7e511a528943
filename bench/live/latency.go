package live

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// latency is the latencies of some frames. Its zero value has no histogram and only knows extremes and the mean.
type latency struct {
	n, negative  uint64
	sum          int64
	least, most  int64
	distribution *hdrhistogram.Histogram
}

// maxLatency is the largest latency that a histogram tells apart.
const maxLatency = 100 * time.Second

// newLatency makes one with a histogram of so many significant digits: 3 take 220 KiB, 2 take 30.
func newLatency(digits int) latency {
	return latency{distribution: hdrhistogram.New(1, int64(maxLatency), digits)}
}

// add takes one. Negative ones come of clocks that do not agree: they are counted, and nothing else.
func (l *latency) add(ns int64) {
	if ns < 0 {
		l.negative++
		return
	}
	if l.n == 0 || ns < l.least {
		l.least = ns
	}
	l.n++
	l.sum += ns
	l.most = max(l.most, ns)
	if l.distribution != nil {
		_ = l.distribution.RecordValue(min(ns, int64(maxLatency)))
	}
}

// LatencyReport is a distribution of latencies, from the stamp in the frame to its reception, in nanoseconds. Quantiles are
// absent where no histogram was kept.
type LatencyReport struct {
	Frames    uint64    `json:"frames"`
	Negative  uint64    `json:"negative,omitempty"` // frames that came before they were sent: the clocks disagree
	Min       int64     `json:"min_ns"`
	Mean      int64     `json:"mean_ns"`
	Max       int64     `json:"max_ns"`
	Quantiles Quantiles `json:"quantiles_ns,omitempty"`
}

// quantiles are those that are reported, in percent.
var quantiles = []struct {
	name    string
	percent float64
}{{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}, {"p99.99", 99.99}}

// Quantiles are latencies in nanoseconds by name: p50, p90, p99, p99.9 and p99.99.
type Quantiles map[string]int64

func (l *latency) report() *LatencyReport {
	if l.n+l.negative == 0 {
		return nil
	}
	r := &LatencyReport{Frames: l.n, Negative: l.negative, Min: l.least, Max: l.most}
	if l.n == 0 {
		return r
	}
	r.Mean = l.sum / int64(l.n)
	if l.distribution != nil {
		r.Quantiles = Quantiles{}
		for _, q := range quantiles {
			// A histogram's bucket may end beyond the largest value in it.
			r.Quantiles[q.name] = min(l.distribution.ValueAtPercentile(q.percent), l.most)
		}
	}
	return r
}
