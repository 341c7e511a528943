package mrt

import "fmt"

// Error says where a file is malformed, what was wrong and what is allowed.
type Error struct {
	File   string
	Offset int64 // of the record or the field, in bytes from the start of the file as decompressed
	Reason string
	Err    error // of reading or decompressing, or the attribute decoder's; nil: found here
}

// Error gives "file: byte N: reason".
func (e *Error) Error() string { return fmt.Sprintf("%s: byte %d: %s", e.File, e.Offset, e.Reason) }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// fault is an Error in the making: what reads a record's body knows where in the record.
type fault struct {
	at     int // bytes after the body's start
	reason string
	err    error
}

func (f *fault) Error() string { return f.reason }

func wrong(at int, format string, args ...any) error {
	return &fault{at: at, reason: fmt.Sprintf(format, args...)}
}
