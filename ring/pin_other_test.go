//go:build !linux

package ring

import (
	"runtime"
	"testing"
)

// pin locks the calling goroutine to its thread; which CPU that runs on is the system's choice.
func pin(*testing.B, int) func() {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}
