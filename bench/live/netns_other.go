//go:build !linux

package live

import (
	"fmt"
	"runtime"
)

func inNetns(name string, f func() error) error {
	if name == "" {
		return f()
	}
	return fmt.Errorf("network namespace %s: there are none on %s", name, runtime.GOOS)
}
