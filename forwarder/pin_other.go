//go:build !linux

package forwarder

import (
	"errors"
	"runtime"
)

func pin(int) (undo func(), err error) {
	return nil, errors.New("pinning is not supported on " + runtime.GOOS)
}
