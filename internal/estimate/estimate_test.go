package estimate

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestEstimate: the interval against a twin that counts binomial tails in exact arithmetic.
func TestEstimate(t *testing.T) {
	for n := 1; n <= 60; n++ {
		samples := make([]float64, n)
		for i := range samples {
			samples[i] = float64(i)
		}
		rand.Shuffle(n, func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
		k := 0
		for below := big.NewInt(1); ; k++ { // below: ways to have at most k of n samples below the median
			below.Add(below, new(big.Int).Binomial(int64(n), int64(k+1)))
			if new(big.Int).Mul(below, big.NewInt(40)).Cmp(new(big.Int).Lsh(big.NewInt(1), uint(n))) > 0 {
				break
			}
		}
		e := Of(samples)
		if e.Median != float64(n-1)/2 || e.Low != float64(k) || e.High != float64(n-1-k) || e.Samples != n {
			t.Errorf("%d samples: %+v, want the median of 0..%d and %d from either end", n, e, n-1, k)
		}
	}
}

func TestRatioPairs(t *testing.T) {
	if e := Paired([]float64{400, 220, 270}, []float64{4, 2, 3}, func(a, b float64) float64 { return a / b }); e.Median != 100 || e.Low != 90 || e.High != 110 {
		t.Errorf("%+v, want 100 [90, 110]", e)
	}
}

func TestDifferencePairs(t *testing.T) {
	if e := Paired([]float64{90, 110, 100}, []float64{50, 60, 70}, func(a, b float64) float64 { return a - b }); e.Median != 40 || e.Low != 30 || e.High != 50 {
		t.Errorf("%+v, want 40 [30, 50]", e)
	}
}
