package afpacket

import "errors"

// What State and Open wrap.
var (
	ErrDown    = errors.New("the interface is down")
	ErrRemoved = errors.New("no such interface")
)
