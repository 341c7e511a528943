//go:build !linux

package bench

import "runtime"

// allowedCPUs lists all CPUs: there is no affinity to ask for.
func allowedCPUs() []int {
	cpus := make([]int, runtime.NumCPU())
	for i := range cpus {
		cpus[i] = i
	}
	return cpus
}

// pinThread leaves the thread to the scheduler.
func pinThread(int) (undo func(), err error) { return func() {}, nil }

// memoryLimit returns the bytes that a scenario may fill: a guess.
func memoryLimit() int64 { return 6 << 30 }

func kernel() string      { return runtime.GOOS }
func mitigations() string { return "" }
func hugePages() string   { return "unknown" }
func loadOnce() string    { return "" }
