package gen

import (
	"slices"
	"testing"

	"vrfwd/lpm"
)

// TestDestinations: routed and Zipf destinations are routed, prefixes are drawn evenly, Zipf's are few and unequal, and
// all of them are drawn again alike.
func TestDestinations(t *testing.T) {
	const n = 1 << 16
	routes := []lpm.Route{{Addr: 10 << 24, Len: 8, Hop: 1}, {Addr: 192<<24 | 168<<16, Len: 32, Hop: 2}, {Addr: 172 << 24, Len: 31, Hop: 3}}
	of := func(addr uint32) int {
		return slices.IndexFunc(routes, func(r lpm.Route) bool { return addr>>(32-r.Len) == r.Addr>>(32-r.Len) })
	}
	for _, kind := range []string{DestinationsUniform, DestinationsRouted, DestinationsZipf} {
		addrs, err := Destinations(kind, routes, n)
		if err != nil || len(addrs) != n {
			t.Fatalf("%s: %d addresses, %v", kind, len(addrs), err)
		}
		again, _ := Destinations(kind, routes, n)
		if !slices.Equal(addrs, again) {
			t.Errorf("%s: two draws differ", kind)
		}
		by, distinct := [4]int{}, map[uint32]int{}
		for _, a := range addrs {
			by[of(a)+1]++
			distinct[a]++
		}
		most := 0
		for _, count := range distinct {
			most = max(most, count)
		}
		switch kind {
		case DestinationsUniform:
			if by[0] < n*9/10 || len(distinct) < n*9/10 {
				t.Errorf("uniform: %v by route, %d distinct", by, len(distinct))
			}
		case DestinationsRouted:
			for i, count := range by[1:] {
				if count < n/4 || count > n/2 {
					t.Errorf("routed: route %d has %d of %d", i, count, n)
				}
			}
			fallthrough
		case DestinationsZipf:
			if by[0] > 0 {
				t.Errorf("%s: %d addresses without a route", kind, by[0])
			}
		}
		if kind == DestinationsZipf && most < n/20 {
			t.Errorf("zipf: the most frequent address has %d of %d", most, n)
		}
	}
	if _, err := Destinations("hot", routes, 1); err == nil {
		t.Error("an unknown kind is taken")
	}
	if _, err := Destinations(DestinationsRouted, nil, 1); err == nil {
		t.Error("routed destinations of no routes")
	}
}
