//go:build !purego

package lpm

import "testing"

// kernels runs f with each of the kernels that this CPU has, and without any.
func kernels(t *testing.T, f func(t *testing.T)) {
	stages, gathers := staging, gathering
	defer func() { staging, gathering = stages, gathers }()
	for _, k := range []struct {
		name            string
		stages, gathers bool
	}{{"gathers", stages, gathers}, {"stages", stages, false}, {"go", false, false}} {
		t.Run(k.name, func(t *testing.T) {
			if k.name == "gathers" && !gathers || k.name == "stages" && !stages {
				t.Skip("this CPU has none")
			}
			staging, gathering = k.stages, k.gathers
			f(t)
		})
	}
}
