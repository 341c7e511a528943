package forwarder

import (
	"testing"

	"golang.org/x/sys/unix"
)

// pinnable returns a worker that is to be pinned to a CPU that this process may use.
func pinnable(t *testing.T, b *bed) *Worker {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		t.Fatal(err)
	}
	for cpu := 0; ; cpu++ {
		if allowed.IsSet(cpu) {
			return b.worker(Config{Pin: true, CPU: cpu})
		}
	}
}
