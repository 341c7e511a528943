package live

import (
	"time"

	"vrfwd/bench/sample"
)

// Clock gives the time and waits. Tests have one that they move themselves. Now and Wall are safe for concurrent use.
type Clock interface {
	Now() int64            // nanoseconds since some moment, never back, never a jump: what pacers go by
	Wall() int64           // nanoseconds since 1970: what stamps go by, as it is one clock for all processes of a machine
	Sleep(until int64)     // waits until Now is about to be that, less than spin before, or has been
	Wait(d time.Duration)  // waits about so long, where exactness does not matter
	Thread() (done func()) // called by each thread that will Sleep, once
}

// spin is how long before its time a sender wakes to look at the clock until it comes: about what waking up takes at
// most on a machine with a free CPU. The rest of the waiting time costs nothing to those it shares the CPU with.
const spin = 30 * time.Microsecond

// systemClock is the machine's.
type systemClock struct{ base time.Time }

// SystemClock returns the machine's clock.
func SystemClock() Clock { return systemClock{time.Now()} }

func (c systemClock) Now() int64  { return int64(time.Since(c.base)) }
func (c systemClock) Wall() int64 { return time.Now().UnixNano() }

func (c systemClock) Sleep(until int64) {
	if d := time.Duration(until-c.Now()) - spin; d > 0 {
		nanosleep(d)
	}
}

func (c systemClock) Wait(d time.Duration) { nanosleep(d) }

func (c systemClock) Thread() (done func()) { return preciseTimers() }

// clockFrom remembers both clocks at one moment.
type clockFrom struct{ wall, mono int64 }

func clockStart(c Clock) clockFrom { return clockFrom{c.Wall(), c.Now()} }

// report measures the clock and compares.
func (f clockFrom) report(c Clock) sample.ClockError {
	var r sample.ClockError
	const reads = 4096
	from, last := c.Now(), c.Wall()
	for range reads {
		now := c.Wall()
		if step := now - last; step > 0 && (r.Step == 0 || step < r.Step) {
			r.Step = step
		}
		last = now
	}
	r.Read = (c.Now() - from) / reads
	r.Drift = (c.Wall() - f.wall) - (c.Now() - f.mono)
	return r
}
