package lpm_test

import (
	"math/rand/v2"
	"testing"

	"vrfwd/internal/qsbr"
	"vrfwd/lpm"
)

// hostRoutes are n /32s from 198.18.0.0 on, of a few hops.
func hostRoutes(n int) []lpm.Route {
	routes := make([]lpm.Route, n)
	for i := range routes {
		routes[i] = lpm.Route{Addr: 198<<24 | 18<<16 + uint32(i), Len: 32, Hop: lpm.Hop(1 + i%5)}
	}
	return routes
}

// TestHostRoutes: batches of many prefixes of one block, with some that lie among them and some that stay as they are, lead
// where they would one by one.
func TestHostRoutes(t *testing.T) {
	table, err := lpm.NewTable(new(qsbr.Domain))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	set, err := lpm.NewSet(table, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	r := rand.New(rand.NewPCG(3, 4))
	want := map[uint32]lpm.Hop{}
	for round := range 8 {
		var batch []lpm.Route
		for _, c := range hostRoutes(20_000) {
			switch r.IntN(4) {
			case 0:
				c.Hop = 0
			case 1:
				c.Hop = lpm.Hop(1 + r.IntN(200))
			case 2:
				continue
			}
			batch = append(batch, c)
			if want[c.Addr] = c.Hop; c.Hop == 0 {
				delete(want, c.Addr)
			}
			if r.IntN(1000) == 0 {
				batch = append(batch, lpm.Route{Addr: c.Addr &^ 0xff, Len: 24, Hop: lpm.Hop(7 * (round % 2))})
			}
		}
		for base := uint32(198<<24 | 18<<16); base < 198<<24|18<<16+20_000; base += 256 {
			batch = append(batch, lpm.Route{Addr: base, Len: 24}) // in the end no /24 is left
		}
		if err := table.Apply(batch); err != nil {
			t.Fatal(err)
		}
		if err := set.Apply(2, batch); err != nil {
			t.Fatal(err)
		}
		for a := uint32(198<<24 | 18<<16 - 10); a < 198<<24|18<<16+20_010; a++ {
			if got, in := table.Lookup(a), set.Lookup(2, a); got != want[a] || in != want[a] {
				t.Fatalf("round %d: %x leads to %d and %d, want %d", round, a, got, in, want[a])
			}
		}
	}
}

// BenchmarkHostRoutes reports ns a route of 65,536 /32s of one /16 that come, and go, in one batch.
func BenchmarkHostRoutes(b *testing.B) {
	routes := hostRoutes(1 << 16)
	gone := make([]lpm.Route, len(routes))
	for i, r := range routes {
		gone[i] = lpm.Route{Addr: r.Addr, Len: r.Len}
	}
	table, err := lpm.NewTable(new(qsbr.Domain))
	if err != nil {
		b.Fatal(err)
	}
	defer table.Close()
	set, err := lpm.NewSet(table, 3)
	if err != nil {
		b.Fatal(err)
	}
	defer set.Close()
	for _, c := range []struct {
		name  string
		apply func([]lpm.Route) error
	}{{"fib", table.Apply}, {"set", func(r []lpm.Route) error { return set.Apply(2, r) }}} {
		b.Run("engine="+c.name, func(b *testing.B) {
			for b.Loop() {
				if err := c.apply(routes); err != nil {
					b.Fatal(err)
				}
				if err := c.apply(gone); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(2*len(routes)*b.N), "ns/route")
		})
	}
}
