//go:build !purego

package lpm

import "testing"

// kernels runs f with each of the kernels that this CPU can run, and without any.
func kernels(t *testing.T, f func(t *testing.T)) {
	stages, gathers := staging, gathering
	defer func() { staging, gathering = stages, gathers }()
	for _, k := range []struct {
		name            string
		can             bool
		stages, gathers bool
	}{{"gathers", canStage && canGather, true, true}, {"stages", canStage, true, false}, {"go", true, false, false}} {
		t.Run(k.name, func(t *testing.T) {
			if !k.can {
				t.Skip("this CPU has none")
			}
			staging, gathering = k.stages, k.gathers
			f(t)
		})
	}
}
