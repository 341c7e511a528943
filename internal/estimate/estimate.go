// Package estimate says what repeated samples tell of the thing sampled: the median and its interval.
package estimate

import (
	"math"
	"slices"
)

// Estimate is a median and the interval that holds the median of what was sampled with at least 95 % confidence, as far
// as there are samples enough: from six on. With fewer it is the range.
type Estimate struct {
	Median, Low, High float64
	Samples           int
}

// Of estimates from at least one sample. It needs no assumption about the distribution: the interval runs from the k-th
// lowest to the k-th highest sample, for the largest k that binomial(n, 1/2) leaves 95 % for. For 10 samples that is the
// second to the ninth (97.9 %).
func Of(samples []float64) Estimate {
	s := slices.Clone(samples)
	slices.Sort(s)
	n := len(s)
	e := Estimate{Median: (s[(n-1)/2] + s[n/2]) / 2, Samples: n}
	k, tail := 0, math.Pow(0.5, float64(n)) // tail: probability that at most k samples lie below the median
	for term := tail; 2*(tail+term*float64(n-k)/float64(k+1)) <= 0.05; k++ {
		term *= float64(n-k) / float64(k+1)
		tail += term
	}
	e.Low, e.High = s[k], s[n-1-k]
	return e
}

// Paired combines sample by sample: those of one round stand side by side, so that a machine that drifts takes both
// with it. Both hold at least one.
func Paired(a, b []float64, combine func(a, b float64) float64) Estimate {
	both := make([]float64, min(len(a), len(b)))
	for i := range both {
		both[i] = combine(a[i], b[i])
	}
	return Of(both)
}
