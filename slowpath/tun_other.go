//go:build !linux

package slowpath

import (
	"errors"
	"fmt"
)

// openTUN makes a TUN device; here there are none.
func openTUN(h Host) (device, error) {
	return nil, fmt.Errorf("TUN device %s: %w: only Linux has them here", h.Device, errors.ErrUnsupported)
}
