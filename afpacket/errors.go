package afpacket

import "errors"

// What State wraps.
var (
	ErrDown    = errors.New("interface is down")
	ErrRemoved = errors.New("interface is gone")
)
