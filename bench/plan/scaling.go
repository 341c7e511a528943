package plan

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Scaling is the Universal Scalability Law: how the rate grows with workers.
type Scaling struct {
	Sigma float64 `json:"sigma"` // contention: the share that only one worker at a time does
	Kappa float64 `json:"kappa"` // coherence: what each pair of workers costs
	Most  int     `json:"most"`  // the most workers measured
	// Points are what it was fitted to: the capacity at each number of workers, in those of one.
	Points []ScalingPoint `json:"points"`
	Fit    float64        `json:"fit_error"` // the largest relative distance of a point from the law
}

// ScalingPoint is the rate at a number of workers, in rates of one.
type ScalingPoint struct {
	Workers  int     `json:"workers"`
	Capacity float64 `json:"capacity"`
}

// Capacity is the rate of n workers, in rates of one.
func (s *Scaling) Capacity(n int) float64 {
	f := float64(n)
	return f / (1 + s.Sigma*(f-1) + s.Kappa*f*(f-1))
}

// Peak is the number of workers beyond which more make it slower; 0: there is none.
func (s *Scaling) Peak() int {
	if s.Kappa <= 0 || s.Sigma >= 1 {
		return 0
	}
	return max(1, int(math.Floor(math.Sqrt((1-s.Sigma)/s.Kappa))))
}

// FitScaling fits the law to rates by number of workers, the rate of one among them. n/C(n) - 1 = σ(n-1) + κn(n-1) is linear in
// both. Errors: no rate of one worker.
func FitScaling(rates map[int]float64) (Scaling, error) {
	one := rates[1]
	if one <= 0 {
		return Scaling{}, fmt.Errorf("no sample with one worker")
	}
	s := Scaling{}
	for n, rate := range rates {
		s.Points = append(s.Points, ScalingPoint{n, rate / one})
		s.Most = max(s.Most, n)
	}
	slices.SortFunc(s.Points, func(a, b ScalingPoint) int { return a.Workers - b.Workers })
	var rows [][]float64
	var want []float64
	for _, p := range s.Points[1:] {
		f := float64(p.Workers)
		row := []float64{f - 1, f * (f - 1)}
		if len(s.Points) < 3 {
			row = row[:1]
		}
		// Divided by f/C: relative errors of the rate, not of its inverse.
		scale := p.Capacity / f
		for i := range row {
			row[i] *= scale
		}
		rows, want = append(rows, row), append(want, (f/p.Capacity-1)*scale)
	}
	if len(rows) > 0 {
		c := leastSquares(rows, want)
		if s.Sigma = c[0]; len(c) > 1 {
			s.Kappa = c[1]
		}
	}
	for _, p := range s.Points {
		s.Fit = max(s.Fit, math.Abs(s.Capacity(p.Workers)/p.Capacity-1))
	}
	return s, nil
}

// leastSquares finds the coefficients, none negative, for which rows times them come nearest to want. Of each set of columns
// the solution is tried: there are few, and the best without a negative one is the one (Lawson and Hanson, Solving Least
// Squares Problems, 1974, chapter 23, says so of its last passive set).
func leastSquares(rows [][]float64, want []float64) []float64 {
	columns := len(rows[0])
	best, least := make([]float64, columns), math.Inf(1)
	for set := range 1 << columns {
		var chosen []int
		for c := range columns {
			if set>>c&1 == 1 {
				chosen = append(chosen, c)
			}
		}
		if len(chosen) > len(rows) {
			continue
		}
		c := make([]float64, columns)
		if len(chosen) > 0 && !solve(rows, want, chosen, c) {
			continue
		}
		sum := 0.0
		for i, row := range rows {
			d := -want[i]
			for j := range row {
				d += row[j] * c[j]
			}
			sum += d * d
		}
		if sum < least*(1-1e-12) {
			best, least = c, sum
		}
	}
	return best
}

// solve finds the coefficients of the chosen columns, in c; false where there are none, or a negative one.
func solve(rows [][]float64, want []float64, chosen []int, c []float64) bool {
	a, b := mat.NewDense(len(rows), len(chosen), nil), mat.NewVecDense(len(want), want)
	scale := make([]float64, len(chosen))
	for j, column := range chosen {
		for i := range rows {
			scale[j] = max(scale[j], math.Abs(rows[i][column]))
		}
		if scale[j] == 0 {
			return false
		}
		for i := range rows {
			a.Set(i, j, rows[i][column]/scale[j])
		}
	}
	var x mat.VecDense
	if err := x.SolveVec(a, b); err != nil { // singular, or nearly: another set says the same
		return false
	}
	for j, column := range chosen {
		if c[column] = x.AtVec(j) / scale[j]; c[column] < 0 {
			return false
		}
	}
	return true
}
