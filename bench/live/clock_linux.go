package live

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// nanosleep waits in the kernel. time.Sleep would wait in the runtime's poller, whose timeout has milliseconds.
func nanosleep(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil) // ended early by a signal: the caller looks at the clock
}

// preciseTimers keeps the goroutine on a thread whose sleeps the kernel does not lengthen: by default it may add 50 us
// to bundle wake-ups (prctl(2), PR_SET_TIMERSLACK).
func preciseTimers() (done func()) {
	runtime.LockOSThread()
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	}
	return func() {
		if err == nil {
			_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0)
		}
		runtime.UnlockOSThread()
	}
}
