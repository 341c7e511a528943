package live

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// presentSchedule asks about the calling thread, whose policy threads that it starts inherit; one without real-time priority
// where the system does not tell.
func presentSchedule() schedule {
	s := schedule{cpus: runtime.NumCPU()}
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) == nil {
		s.cpus = set.Count()
	}
	if attr, err := unix.SchedGetAttr(0, 0); err == nil {
		s.realtime = attr.Policy == unix.SCHED_FIFO || attr.Policy == unix.SCHED_RR
	}
	return s
}
