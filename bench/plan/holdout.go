package plan

import (
	"math"

	"vrfwd/bench/sample"
)

// Comparison is a prediction beside what was measured.
type Comparison struct {
	Predicted float64 `json:"predicted"`
	Measured  float64 `json:"measured"`
}

// Error is the relative error: 0.1 is 10 % too much.
func (c *Comparison) Error() float64 { return c.Predicted/c.Measured - 1 }

// Held is the model at a sample that it was not fitted to.
type Held struct {
	Sample  *sample.Sample `json:"-"`
	Rate    Comparison     `json:"rate"`   // pps
	Memory  Comparison     `json:"memory"` // bytes, frames and rings not among them: they are settings
	Refused string         `json:"refused,omitempty"`
	Ground
}

// HeldBack compares the model with the samples that were held back from it, in their order.
func (m *Model) HeldBack() (all []Held) {
	for _, s := range m.held {
		h := Held{Sample: s}
		t, g, err := m.timeAt(placeOf(&s.Point))
		if err != nil {
			h.Refused = err.Error()
			all = append(all, h)
			continue
		}
		h.Ground = g
		n := max(s.Point.Workers, 1)
		measured, _ := m.time(s)
		h.Rate = Comparison{1e9 / t.ns * m.scaling.Capacity(n), float64(n) * 1e9 / measured.Value}
		if s.Memory != nil {
			parts, _, _ := m.memoryAt(countedOf(s))
			for _, p := range parts {
				if p.Key != "arena" && p.Key != "rings" {
					h.Memory.Predicted += p.Bytes
					h.Memory.Measured += bytesOf(s.Memory, p.Key)
				}
			}
		}
		all = append(all, h)
	}
	return all
}

// Errors are the largest errors at the samples held back, as shares, and the number of them.
func (m *Model) Errors() (rate, memory float64, n int) {
	for _, h := range m.HeldBack() {
		if h.Refused != "" {
			continue
		}
		n++
		rate = max(rate, math.Abs(h.Rate.Error()))
		if h.Memory.Measured > 0 {
			memory = max(memory, math.Abs(h.Memory.Error()))
		}
	}
	return rate, memory, n
}
