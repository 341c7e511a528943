package main

import (
	"math"
	"slices"
)

// estimate is a median and the interval that holds the median of what was sampled with at least 95 % confidence, as far
// as there are samples enough: from six on. With fewer it is the range.
type estimate struct {
	median, low, high float64
	samples           int
}

// estimateOf needs no assumption about the distribution: the interval runs from the k-th lowest to the k-th highest
// sample, for the largest k that binomial(n, 1/2) leaves 95 % for. For 10 samples that is the second to the ninth
// (97.9 %).
func estimateOf(samples []float64) estimate {
	s := slices.Clone(samples)
	slices.Sort(s)
	n := len(s)
	e := estimate{median: (s[(n-1)/2] + s[n/2]) / 2, samples: n}
	k, tail := 0, math.Pow(0.5, float64(n)) // tail: probability that at most k samples lie below the median
	for term := tail; 2*(tail+term*float64(n-k)/float64(k+1)) <= 0.05; k++ {
		term *= float64(n-k) / float64(k+1)
		tail += term
	}
	e.low, e.high = s[k], s[n-1-k]
	return e
}

// paired combines sample by sample: those of one round stand side by side, so that a machine that drifts takes both
// with it.
func paired(a, b []float64, combine func(a, b float64) float64) estimate {
	both := make([]float64, min(len(a), len(b)))
	for i := range both {
		both[i] = combine(a[i], b[i])
	}
	return estimateOf(both)
}
