package bench

import (
	"fmt"
	"sync"
	"time"

	"github.com/klauspost/cpuid/v2"
)

// Clock is the frequency by which times become cycles.
type Clock struct {
	GHz float64 `json:"ghz"`
	How string  `json:"how"` // it was found
}

// calibrate is long enough for four digits.
const calibrate = 20 * time.Millisecond

// TSC returns the frequency of the time-stamp counter, which runs at one rate whatever the core's clock does: cycles are
// cycles of it, and more or fewer than the core's where that is boosted or throttled. It is measured against the
// monotonic clock, once; where the CPU has no RDTSCP, it is the frequency that CPUID states, or 0.
func TSC() Clock { return tscOnce() }

var tscOnce = sync.OnceValue(func() Clock {
	if !cpuid.CPU.Supports(cpuid.RDTSCP) {
		return Clock{float64(cpuid.CPU.Hz) / 1e9, "cpuid"}
	}
	best := 0.0
	for range 3 { // an interruption between the two clocks makes a sample wrong, in either direction
		began, from := time.Now(), cpuid.CPU.RTCounter()
		time.Sleep(calibrate)
		to, passed := cpuid.CPU.RTCounter(), time.Since(began)
		best = max(best, float64(to-from)/float64(passed.Nanoseconds()))
	}
	return Clock{best, fmt.Sprintf("rdtscp over %v, largest of 3", calibrate)}
})
