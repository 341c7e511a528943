//go:build !linux

package live

import "runtime"

func presentSchedule() schedule { return schedule{cpus: runtime.NumCPU()} }
