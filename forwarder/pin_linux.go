package forwarder

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// pin binds the calling thread, which the caller has locked, to one CPU. The function returned restores what was.
func pin(cpu int) (undo func(), err error) {
	var old, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		return nil, fmt.Errorf("sched_getaffinity: %w", err)
	}
	if one.Set(cpu); cpu < 0 || !old.IsSet(cpu) {
		return nil, fmt.Errorf("not among the %d CPUs that this process may run on (see taskset, cpuset)", old.Count())
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return nil, fmt.Errorf("sched_setaffinity: %w", err)
	}
	return func() { _ = unix.SchedSetaffinity(0, &old) }, nil
}
