//go:build !purego

package lpm

import "testing"

// kernels runs f with each of the kernels that this CPU has, and without any.
func kernels(t *testing.T, f func(t *testing.T)) {
	prefetches, gathers := prefetching, gathering
	defer func() { prefetching, gathering = prefetches, gathers }()
	for _, k := range []struct {
		name                string
		prefetches, gathers bool
	}{{"gathers", prefetches, gathers}, {"prefetches", prefetches, false}, {"go", false, false}} {
		t.Run(k.name, func(t *testing.T) {
			if k.name == "gathers" && !gathers || k.name == "prefetches" && !prefetches {
				t.Skip("this CPU has none")
			}
			prefetching, gathering = k.prefetches, k.gathers
			f(t)
		})
	}
}
