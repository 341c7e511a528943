package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/cpuid/v2"

	"vrfwd/bench/sample"
)

// calibrate is long enough for four digits.
const calibrate = 20 * time.Millisecond

// TSC returns the frequency of the time-stamp counter, which runs at one rate whatever the core's clock does: cycles are
// cycles of it, and more or fewer than the core's where that is boosted or throttled. It is measured against the
// monotonic clock, once; where the CPU has no RDTSCP, it is the frequency that CPUID or the kernel states, or 0.
func TSC() sample.Clock { return tscOnce() }

var tscOnce = sync.OnceValue(func() sample.Clock {
	if !cpuid.CPU.Supports(cpuid.RDTSCP) {
		return stated()
	}
	best := 0.0
	for range 3 { // an interruption between the two clocks makes a sample wrong, in either direction
		began, from := time.Now(), cpuid.CPU.RTCounter()
		time.Sleep(calibrate)
		to, passed := cpuid.CPU.RTCounter(), time.Since(began)
		best = max(best, float64(to-from)/float64(passed.Nanoseconds()))
	}
	return sample.Clock{GHz: best, How: fmt.Sprintf("rdtscp over %v, largest of 3", calibrate)}
})

// stated is the frequency that the CPU states or, where a hypervisor hides that, the kernel.
func stated() sample.Clock {
	if cpuid.CPU.Hz > 0 {
		return sample.Clock{GHz: float64(cpuid.CPU.Hz) / 1e9, How: "cpuid"}
	}
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return sample.Clock{How: "unknown"} // not Linux
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if mhz, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && strings.TrimSpace(name) == "cpu MHz" {
			return sample.Clock{GHz: mhz / 1e3, How: "/proc/cpuinfo, cpu MHz"}
		}
	}
	return sample.Clock{How: "unknown"}
}
