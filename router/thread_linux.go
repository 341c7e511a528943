package router

import (
	"time"

	"golang.org/x/sys/unix"
)

// workerNice is the nice value of workers' threads (sched(7)): where all CPUs are busy, packets come before what the control
// side does. A full table that is learned takes half a minute of CPU time; the rings hold milliseconds.
const workerNice = -10

// preferThread gives the calling thread workerNice, where that is allowed (CAP_SYS_NICE); elsewhere workers are scheduled as
// everything else.
func preferThread() { _ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), workerNice) }

// threadID returns the system's number of the calling thread.
func threadID() int { return unix.Gettid() }

// threadTime returns the CPU time, user and system, of a thread of this process; 0 once it has ended. The clock's number is
// made as the kernel's include/linux/posix-timers_types.h has it: the complement of the thread's, CPUCLOCK_PERTHREAD_MASK
// and CPUCLOCK_SCHED.
func threadTime(id int) time.Duration {
	const perThread, sched = 4, 2
	var t unix.Timespec
	if unix.ClockGettime(int32(^id<<3|perThread|sched), &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
