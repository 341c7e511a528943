package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// allowedCPUs lists the CPUs that this process may run on, ascending.
func allowedCPUs() []int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return []int{0}
	}
	cpus := make([]int, 0, set.Count())
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

// pinThread binds the calling thread, which the caller has locked, to one CPU. The function returned restores what was.
func pinThread(cpu int) (undo func(), err error) {
	var old, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		return nil, fmt.Errorf("bench: sched_getaffinity: %w", err)
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return nil, fmt.Errorf("bench: CPU %d: sched_setaffinity: %w", cpu, err)
	}
	return func() { _ = unix.SchedSetaffinity(0, &old) }, nil
}

// memoryLimit returns the bytes that a scenario may fill: three quarters of what /proc/meminfo calls available, or of
// the control group's limit where that is less.
func memoryLimit() int64 {
	limit := int64(8 << 30)
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
				if kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64); err == nil {
					limit = kib << 10
				}
			}
		}
	}
	if b, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if n, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64); err == nil {
			limit = min(limit, n)
		}
	}
	return limit / 4 * 3
}

// kernel names the running kernel.
func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// mitigations says what the kernel does about each CPU vulnerability, those that do not affect the CPU left out
// (Documentation/ABI/testing/sysfs-devices-system-cpu).
func mitigations() string {
	files, _ := filepath.Glob("/sys/devices/system/cpu/vulnerabilities/*")
	var out []string
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && !bytes.HasPrefix(b, []byte("Not affected")) {
			out = append(out, filepath.Base(f)+": "+strings.TrimSpace(string(b)))
		}
	}
	return strings.Join(out, "; ")
}

// hugePages says how the kernel gives out transparent huge pages: the word in brackets of
// /sys/kernel/mm/transparent_hugepage/enabled.
func hugePages() string {
	b, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil {
		return "unknown"
	}
	_, rest, _ := strings.Cut(string(b), "[")
	word, _, _ := strings.Cut(rest, "]")
	return word
}

// loadOnce gives the machine's load averages (proc_loadavg(5)) when it is first called: later ones are of the measurement
// itself.
var loadOnce = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(b))
	return strings.Join(fields[:min(3, len(fields))], " ")
})
