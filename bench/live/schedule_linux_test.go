package live

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vrfwd/internal/testnet"
)

// TestRealTime: a run whose threads could starve each other says so and sends nothing; at the usual priority it runs.
func TestRealTime(t *testing.T) {
	testnet.Need(t, "sys_nice")
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	attr, err := unix.SchedGetAttr(0, 0)
	if err == nil {
		err = unix.SchedSetaffinity(0, &one)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.SchedSetaffinity(0, &all) }()
	b := newTestbed(t, vpns)
	b.there.router = forward
	if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0); err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), b.spec, b.links, Options{})
	if restored := unix.SchedSetAttr(0, attr, 0); restored != nil {
		t.Fatal(restored)
	}
	var plan *PlanError
	if !errors.As(err, &plan) || !strings.Contains(plan.Reason, "at real-time priority, on 1 CPUs") {
		t.Fatalf("at real-time priority on one CPU: %v", err)
	}
	if r := b.run(t, Options{}); !r.OK {
		t.Errorf("at the usual priority: %v", r.Faults)
	}
}
