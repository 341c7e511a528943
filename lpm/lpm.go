package lpm

import (
	"errors"
	"fmt"
)

// Hop is what a lookup returns: an index into the adjacencies. 0 means that no route matches.
type Hop uint32

// MaxHop is the largest hop a table stores: leaves are at most 16 bits wide, and one value is an escape.
const MaxHop Hop = 1<<16 - 2

// Route is one prefix and its hop. Addr is in host order with its host bits zero; Len is 0..32.
type Route struct {
	Addr uint32
	Len  uint8
	Hop  Hop // 0 in a change: delete the prefix
}

// Key is one packet's question to LookupDual.
type Key struct {
	Addr  uint32 // destination, host order
	Table uint16 // the VRF's table in the Set; 0 is the parent VR: no table of its own
	Flags uint16 // Fallback or 0
}

// Fallback lets a key that its VRF has no route for be looked up in the global table.
const Fallback uint16 = 1

// Errors of Build, Apply, NewTable and NewSet; they come wrapped with the route or the size in question.
var (
	ErrPrefix = errors.New("not a prefix: length above 32 or host bits set")
	ErrHop    = errors.New("hop out of range")
	ErrTable  = errors.New("no such table")
	ErrFull   = errors.New("table memory is full")
)

// Check tells whether the route can be stored: prefix canonical, hop at most MaxHop.
func (r Route) Check() error {
	if r.Len > 32 || r.Addr&^mask(r.Len) != 0 {
		return fmt.Errorf("lpm: %v: %w", r, ErrPrefix)
	}
	if r.Hop > MaxHop {
		return fmt.Errorf("lpm: %v: %w: at most %d", r, ErrHop, MaxHop)
	}
	return nil
}

// String gives the route as "192.0.2.0/24 -> 7".
func (r Route) String() string {
	a := r.Addr
	return fmt.Sprintf("%d.%d.%d.%d/%d -> %d", a>>24, a>>16&255, a>>8&255, a&255, r.Len, r.Hop)
}

// mask returns the network mask of a prefix length 0..32. A shift by 32 gives 0 in Go, so /0 needs no case.
func mask(length uint8) uint32 { return uint32(0xffffffff) << (32 - uint(length)) }

// checkAll checks every route before the first is applied.
func checkAll(routes []Route) error {
	for i := range routes {
		if err := routes[i].Check(); err != nil {
			return err
		}
	}
	return nil
}
