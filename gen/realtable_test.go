package gen

import (
	"errors"
	"os"
	"testing"

	"vrfwd/lpm"
)

// realTable is the module's table, or a skip where it is missing (a failure under CI=true: there it must be).
func realTable(t testing.TB, nextHops int) []lpm.Route {
	t.Helper()
	routes, err := RealTable(nextHops, 1)
	if errors.Is(err, ErrNoRealTable) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return routes
}

func TestRealTable(t *testing.T) {
	routes := realTable(t, 64)
	checkTable(t, routes, 64)
	if len(routes) != 901_899 {
		t.Errorf("%d routes, want 901,899", len(routes))
	}
	byHop := make([]int, 65)
	for _, r := range routes {
		byHop[r.Hop]++
		if r.Len == 0 || !routable(r) && r.Len >= 8 {
			t.Errorf("%v is in the real table", r)
		}
	}
	for _, n := range byHop[1:] {
		within(t, "share of a hashed next hop", float64(n)*64/float64(len(routes)), 0.95, 1.05)
	}
}

func TestRealTableRefusesHops(t *testing.T) {
	for _, n := range []int{0, -1, int(lpm.MaxHop) + 1} {
		if _, err := RealTable(n, 1); err == nil {
			t.Errorf("%d next hops: no error", n)
		}
	}
}

func TestRealTableNeedsGo(t *testing.T) {
	t.Setenv("PATH", "")
	if _, err := RealTable(1, 1); !errors.Is(err, ErrNoRealTable) {
		t.Errorf("without a go command: %v, want ErrNoRealTable", err)
	}
}

func BenchmarkRealTable(b *testing.B) {
	for b.Loop() {
		realTable(b, 256)
	}
}
