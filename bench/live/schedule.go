package live

// schedule is how the system lets a process run.
type schedule struct {
	realtime bool // its threads run until they wait, whoever else wants to (sched(7): SCHED_FIFO, SCHED_RR)
	cpus     int  // that it may run on
}

// admits refuses threads that could keep each other from running. A sender at its highest rate never waits, nor does a sink
// that frames keep coming to: at the usual priority the scheduler divides a CPU among them, at real-time priority
// the first one has it for good, and neither the other nor what ends the run gets on.
func (s schedule) admits(threads int) error {
	if !s.realtime || s.cpus > threads {
		return nil
	}
	return unfit("%d threads that send and receive, at real-time priority, on %d CPUs (taskset -p, chrt -p): one that does not wait "+
		"keeps the others of its CPU from ever running: run it at the usual priority (chrt --other 0), or on %d CPUs", threads, s.cpus, threads+1)
}
