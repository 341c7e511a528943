package gen

import (
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"vrfwd/lpm"
)

var update = flag.Bool("update", false, "write internet.model from the real table")

// TestModelIsMeasured proves that the embedded model is what the real table shows.
func TestModelIsMeasured(t *testing.T) {
	skipIfShort(t)
	m := new(model)
	m.measure(realTable(t, 1))
	text := string(m.append(nil))
	if *update {
		if err := os.WriteFile("internet.model", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != internetModel {
		t.Error("internet.model is not what the real table shows; go test -run ModelIsMeasured -update writes it")
	}
}

// shape is what a table looks like, counted the plain way.
type shape struct {
	lengths  [33]float64 // share of prefixes by length
	overlap  float64     // share of prefixes inside a shorter one
	deep     float64     // share of prefixes inside two or more
	coverage float64     // share of all addresses
	blocks16 int         // /16s that hold longer prefixes
	blocks24 int         // /24s that hold longer prefixes
	quantile [5]int      // prefixes in such a /16: 10th, 25th, 50th, 75th, 90th percentile
	run      float64     // mean length of maximal runs of consecutive /24s
	inRuns   [3]float64  // share of the /24s in runs of 1, of 4 and more, of 16 and more
}

func shapeOf(routes []lpm.Route) shape {
	var s shape
	var cover []lpm.Route
	blocks16, blocks24 := map[uint32]int{}, map[uint32]int{}
	var run, runs, longs int
	var inRuns [3]int
	end := uint32(0) // address after the current run of /24s
	closeRun := func() {
		if run > 0 {
			runs++
			longs += run
			for i, counts := range [3]bool{run == 1, run >= 4, run >= 16} {
				if counts {
					inRuns[i] += run
				}
			}
		}
		run = 0
	}
	for _, r := range routes {
		s.lengths[r.Len] += 1 / float64(len(routes))
		for len(cover) > 0 && !holds(cover[len(cover)-1], r.Addr) {
			cover = cover[:len(cover)-1]
		}
		switch len(cover) {
		case 0:
			s.coverage += float64(last(r)-r.Addr+1) / (1 << 32)
		case 1:
			s.overlap += 1 / float64(len(routes))
		default:
			s.overlap += 1 / float64(len(routes))
			s.deep += 1 / float64(len(routes))
		}
		cover = append(cover, r)
		if r.Len > 16 {
			blocks16[r.Addr>>16]++
		}
		if r.Len > 24 {
			blocks24[r.Addr>>8]++
		}
		if r.Len == 24 {
			if r.Addr != end {
				closeRun()
			}
			run++
			end = r.Addr + 256
		}
	}
	closeRun()
	s.blocks16, s.blocks24 = len(blocks16), len(blocks24)
	counts := slices.Sorted(maps.Values(blocks16))
	for i, q := range [5]float64{0.10, 0.25, 0.50, 0.75, 0.90} {
		if len(counts) > 0 {
			s.quantile[i] = counts[int(q*float64(len(counts)))]
		}
	}
	s.run = float64(longs) / float64(max(runs, 1))
	for i, n := range inRuns {
		s.inRuns[i] = float64(n) / float64(max(longs, 1))
	}
	return s
}

// TestSyntheticLooksReal compares synthetic tables of the real one's size with it.
func TestSyntheticLooksReal(t *testing.T) {
	skipIfShort(t)
	real := realTable(t, 1)
	want := shapeOf(real)
	for seed := range uint64(3) {
		got := shapeOf(mustSynthetic(t, TableConfig{Routes: len(real), Seed: seed}))
		for length, share := range want.lengths {
			within(t, fmt.Sprintf("share of /%d", length), got.lengths[length], share-0.005, share+0.005)
		}
		within(t, "overlap", got.overlap, want.overlap-0.05, want.overlap+0.05)
		within(t, "overlap by two and more", got.deep, want.deep-0.06, want.deep+0.06)
		within(t, "coverage", got.coverage, want.coverage-0.02, want.coverage+0.02)
		within(t, "/16 blocks", float64(got.blocks16), 0.95*float64(want.blocks16), 1.05*float64(want.blocks16))
		within(t, "/24 blocks", float64(got.blocks24), 0.8*float64(want.blocks24), 1.2*float64(want.blocks24))
		for i, n := range want.quantile {
			within(t, "prefixes in a /16, quantile", float64(got.quantile[i]), 0.9*float64(n)-1, 1.1*float64(n)+1)
		}
		within(t, "mean run of /24s", got.run, 0.9*want.run, 1.1*want.run)
		for i, share := range want.inRuns {
			within(t, "share of /24s in runs", got.inRuns[i], share-0.04, share+0.04)
		}
	}
}

// TestRealTableFacts pins what is said of the real table in this package's comments and in the design.
func TestRealTableFacts(t *testing.T) {
	s := shapeOf(realTable(t, 1))
	if s.blocks16 != 25_398 || s.blocks24 != 451 {
		t.Errorf("%d /16 and %d /24 blocks hold longer prefixes, want 25,398 and 451", s.blocks16, s.blocks24)
	}
	within(t, "share of /24", s.lengths[24], 0.5955, 0.5965)
	within(t, "coverage", s.coverage, 0.7125, 0.7135)
	if s.lengths[0] != 0 {
		t.Error("the real table has a default route")
	}
}

func TestSyntheticSizes(t *testing.T) {
	skipIfShort(t)
	for _, n := range []int{1, 2, 10, 20_000, 901_898, 901_900, MaxRoutes} {
		routes := mustSynthetic(t, TableConfig{Routes: n, NextHops: 64, Seed: uint64(n)})
		if len(routes) != n {
			t.Errorf("%d routes, want %d", len(routes), n)
		}
		checkTable(t, routes, 64)
		for _, r := range routes {
			if r.Len < 8 || !routable(r) {
				t.Fatalf("%v in a table of %d routes is not routable", r, n)
			}
		}
	}
	if n := len(mustSynthetic(t, TableConfig{})); n != DefaultRoutes {
		t.Errorf("default is %d routes, want %d", n, DefaultRoutes)
	}
}

// TestSyntheticScales: a smaller table is as clustered as the full one; a larger one is denser in the same space.
func TestSyntheticScales(t *testing.T) {
	skipIfShort(t)
	full := shapeOf(mustSynthetic(t, TableConfig{Routes: 901_899}))
	small := shapeOf(mustSynthetic(t, TableConfig{Routes: 90_190}))
	large := shapeOf(mustSynthetic(t, TableConfig{Routes: MaxRoutes}))
	within(t, "small table's share of /24", small.lengths[24], full.lengths[24]-0.02, full.lengths[24]+0.02)
	within(t, "small table's prefixes in a /16", float64(small.quantile[2]), 0.7*float64(full.quantile[2]), 1.4*float64(full.quantile[2]))
	within(t, "small table's mean run", small.run, 0.9*full.run, 1.1*full.run)
	within(t, "large table's coverage", large.coverage, full.coverage-0.05, full.coverage+0.05)
	within(t, "large table's /16 blocks", float64(large.blocks16), float64(full.blocks16), 1.4*float64(full.blocks16))
	within(t, "large table's share longer than /24", large.longer(), 0, 0.05)
}

// longer returns the share of prefixes longer than /24.
func (s shape) longer() (share float64) {
	for _, x := range s.lengths[25:] {
		share += x
	}
	return share
}

func TestSyntheticIsDeterministic(t *testing.T) {
	c := TableConfig{Routes: 50_000, NextHops: 200, Seed: 7}
	a, b := mustSynthetic(t, c), mustSynthetic(t, c)
	if Hash(a) != Hash(b) {
		t.Error("same seed, different tables")
	}
	if c.Seed++; Hash(mustSynthetic(t, c)) == Hash(a) {
		t.Error("different seeds, same table")
	}
}

func TestSyntheticRefuses(t *testing.T) {
	for _, c := range []TableConfig{
		{Routes: -1}, {Routes: MaxRoutes + 1}, {Routes: 1, NextHops: -1}, {Routes: 1, NextHops: 1 << 16}, {Routes: 1, Locality: 9},
	} {
		if routes, err := Synthetic(c); err == nil || routes != nil {
			t.Errorf("%+v: %d routes, error %v; want an error alone", c, len(routes), err)
		}
	}
}

func TestParseModelRefuses(t *testing.T) {
	octets := strings.Repeat("1 ", 256)
	for _, text := range []string{
		"", "1 2 3", "x" + octets[1:] + "\n\n", octets + "\n\n8 0\n", octets + "\n\n7 0 1 0:1\n", octets + "\n\n8 9 1 0:1\n",
		octets + "\n\n8 0 1 0\n", octets + "\n\n8 0 1 x:1\n", octets + "\n\n8 0 x 0:1\n",
	} {
		if _, err := parseModel(text); err == nil {
			t.Errorf("model %.20q...: no error", text[min(len(text), len(octets)):])
		}
	}
}

// TestSizeClasses: the classes partition the sizes, and every split survives its code up to its class.
func TestSizeClasses(t *testing.T) {
	for n := 1; n < 200_000; n++ {
		if low, high := sizesOf(sizeOf(n)); n < low || n > high || sizeOf(low) != sizeOf(n) || sizeOf(high) != sizeOf(n) {
			t.Fatalf("%d is in class %d, which is %d to %d", n, sizeOf(n), low, high)
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for m := range 300 {
		for left := range m + 1 {
			code := splitCode(left, m)
			if again := splitCode(splitLeft(code, m, rng), m); again != code && code < codeEven {
				t.Fatalf("%d of %d: code %d comes back as %d", left, m, code, again)
			}
		}
	}
}

func TestAssignHops(t *testing.T) {
	routes := mustSynthetic(t, TableConfig{Routes: 200_000, NextHops: 100, Seed: 3})
	count, same, inherits, covered := make([]int, 101), 0, 0, 0
	var cover []lpm.Route
	for i, r := range routes {
		count[r.Hop]++
		if i > 0 && routes[i-1].Hop == r.Hop {
			same++
		}
		for len(cover) > 0 && !holds(cover[len(cover)-1], r.Addr) {
			cover = cover[:len(cover)-1]
		}
		if len(cover) > 0 {
			covered++
			if cover[len(cover)-1].Hop == r.Hop {
				inherits++
			}
		}
		cover = append(cover, r)
	}
	slices.SortFunc(count, func(a, b int) int { return b - a })
	n := float64(len(routes))
	within(t, "share of neighbours with one next hop", float64(same)/n, 0.6, 0.9)
	within(t, "share of prefixes that follow their cover", float64(inherits)/float64(covered), 0.7, 0.9)
	within(t, "share of the busiest of 100 next hops", float64(count[0])/n, 0.15, 0.25) // 1/H(100) = 0.193
	within(t, "share of the tenth", float64(count[9])/n, 0.01, 0.03)

	if err := AssignHops(routes, 100, Hashed, 3); err != nil {
		t.Fatal(err)
	}
	clear(count)
	for _, r := range routes {
		count[r.Hop]++
	}
	for _, c := range count[1:] {
		within(t, "share of a hashed next hop", float64(c)/n, 0.009, 0.011)
	}
}

func TestZipf(t *testing.T) {
	const n, draws = 1000, 2_000_000
	for _, s := range []float64{0, 0.8, 1, 1.2} {
		z, rng := newZipf(n, s), rand.New(rand.NewPCG(1, 2))
		count := make([]float64, n)
		for range draws {
			count[z.draw(rng)]++
		}
		sum := 0.0
		for i := range n {
			sum += math.Pow(float64(i+1), -s)
		}
		for _, i := range []int{0, 1, 9, 99, 999} {
			p := math.Pow(float64(i+1), -s) / sum
			sigma := math.Sqrt(p * draws)
			within(t, fmt.Sprintf("draws of rank %d at s=%g", i, s), count[i], p*draws-5*sigma, p*draws+5*sigma)
		}
	}
}

func mustSynthetic(t testing.TB, c TableConfig) []lpm.Route {
	t.Helper()
	routes, err := Synthetic(c)
	if err != nil {
		t.Fatal(err)
	}
	return routes
}

func BenchmarkSynthetic(b *testing.B) {
	for b.Loop() {
		if _, err := Synthetic(TableConfig{Routes: DefaultRoutes, NextHops: 64, Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/DefaultRoutes, "ns/route")
}

// skipIfShort leaves tests of full-size tables out where they are slow and show nothing more, as under -race.
func skipIfShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("full-size tables: not with -short")
	}
}
