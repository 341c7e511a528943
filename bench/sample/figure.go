package sample

import "vrfwd/internal/estimate"

// Figure is a number with its unit and interval.
type Figure struct {
	Name  string    `json:"name"`
	Unit  string    `json:"unit"` // pps, bit/s, ns, ns/pkt, cycles/pkt, frames, B or 1 (a share)
	Value float64   `json:"value"`
	Low   float64   `json:"low"` // Low <= Value <= High
	High  float64   `json:"high"`
	Of    string    `json:"of"`            // what the interval is: see the constants
	Raw   []float64 `json:"raw,omitempty"` // repeated samples, in the order they were taken
}

// What a figure's interval is.
const (
	Confidence = "95 %"   // holds the median of what was sampled with 95 % confidence
	Range      = "range"  // of fewer than six samples: the lowest and the highest
	Bounds     = "bounds" // of a search: the highest load that met the goal, and the lowest that did not
	Exact      = "exact"  // counted: no interval
)

// Median makes a figure of repeated samples, at least one: the median, with the interval that holds it with 95 % confidence
// from six samples on, whatever the distribution, and the range of fewer.
func Median(name, unit string, raw []float64) Figure {
	e := estimate.Of(raw)
	f := Figure{Name: name, Unit: unit, Value: e.Median, Low: e.Low, High: e.High, Of: Confidence, Raw: raw}
	if e.Samples < 6 {
		f.Of = Range
	}
	return f
}

// Between makes a figure of a search: value is low, the highest load that met the goal; high is the lowest that did not.
func Between(name, unit string, low, high float64) Figure {
	return Figure{Name: name, Unit: unit, Value: low, Low: low, High: max(low, high), Of: Bounds}
}

// Count makes a figure that was counted.
func Count(name, unit string, v float64) Figure {
	return Figure{Name: name, Unit: unit, Value: v, Low: v, High: v, Of: Exact}
}
