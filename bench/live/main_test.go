package live

import (
	"os"
	"runtime"
	"testing"
)

// TestMain gives the tests what trafgen has: a processor for each thread that does not give it back while it waits or looks at
// the clock, and some for the rest, however few CPUs there are.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(runtime.NumCPU() + 2)
	os.Exit(m.Run())
}
