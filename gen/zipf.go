package gen

import (
	"math"
	"math/rand/v2"
)

// zipf draws ranks 0..n-1 with probability proportional to 1/(rank+1)^s, by Vose's alias method: one random number
// and one table entry a draw, exact for every s >= 0 (math/rand/v2's Zipf needs s > 1).
type zipf struct {
	cut   []uint32 // below it (of 2^32): the column itself, else its alias
	alias []uint32
}

func newZipf(n int, s float64) *zipf {
	w := make([]float64, n)
	sum := 0.0
	for i := range w {
		w[i] = math.Pow(float64(i+1), -s)
		sum += w[i]
	}
	z := &zipf{cut: make([]uint32, n), alias: make([]uint32, n)}
	var small, large []int
	for i := range w {
		w[i] *= float64(n) / sum
		if w[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		z.cut[s], z.alias[s] = uint32(w[s]*(1<<32)), uint32(l)
		if w[l] -= 1 - w[s]; w[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	for _, rest := range [][]int{small, large} { // what is left is 1, but for rounding
		for _, i := range rest {
			z.cut[i], z.alias[i] = math.MaxUint32, uint32(i)
		}
	}
	return z
}

func (z *zipf) draw(rng *rand.Rand) int {
	x := rng.Uint64()
	i := x >> 32 * uint64(len(z.cut)) >> 32
	if uint32(x) < z.cut[i] {
		return int(i)
	}
	return int(z.alias[i])
}

// geometric draws 1, 2, 3, ... with the given mean (>= 1).
func geometric(rng *rand.Rand, mean float64) int {
	if mean <= 1 {
		return 1
	}
	return 1 + int(math.Log(1-rng.Float64())/math.Log(1-1/mean))
}
