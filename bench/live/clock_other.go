//go:build !linux

package live

import (
	"runtime"
	"time"
)

func nanosleep(d time.Duration) { time.Sleep(d) }

func preciseTimers() (done func()) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}
