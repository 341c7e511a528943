package ring

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// pin locks the calling goroutine to its thread and the thread to the i-th CPU it may run on. The function that it
// returns undoes both.
func pin(b *testing.B, i int) func() {
	runtime.LockOSThread()
	var allowed, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		b.Logf("not pinned: %v", err)
		return runtime.UnlockOSThread
	}
	for cpu := range 64 * len(allowed) {
		if allowed.IsSet(cpu) {
			if i == 0 {
				one.Set(cpu)
				break
			}
			i--
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		b.Logf("not pinned: %v", err)
		return runtime.UnlockOSThread
	}
	return func() {
		if err := unix.SchedSetaffinity(0, &allowed); err == nil {
			runtime.UnlockOSThread()
		}
	}
}
