package live

import "vrfwd/bench/trial"

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

func latencyReport(l *trial.Latency) *LatencyReport {
	if l.Frames+l.Negative == 0 {
		return nil
	}
	r := &LatencyReport{Frames: l.Frames, Negative: l.Negative, Min: l.Min, Mean: l.Mean(), Max: l.Max}
	if l.Timed() {
		r.Quantiles = Quantiles{}
		for _, q := range quantiles {
			r.Quantiles[q.name] = l.At(q.percent)
		}
	}
	return r
}
