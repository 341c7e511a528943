//go:build !purego

package forwarder

import "testing"

// twice runs f with the kernels, where this CPU can run them, and without.
func twice(t *testing.T, f func(t *testing.T)) {
	with, some := kernels, each
	defer func() { kernels, each = with, some }()
	t.Run("kernels", func(t *testing.T) {
		if !with {
			t.Skip("this CPU can run none")
		}
		f(t)
	})
	kernels, each = false, MaxBurst
	t.Run("go", f)
}
