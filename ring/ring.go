// Package ring passes values from one thread to another: a single-producer single-consumer ring with bulk push and
// pop, without locks and without waiting.
//
// The layout follows Snabb's core/link and lib/interlink: producer and consumer each write one cache line of their
// own, keep a private copy of the other's index, and look at the other's line only when that copy says full or empty.
package ring

import (
	"fmt"
	"math/bits"
	"reflect"
	"sync/atomic"
)

// MaxSize is the largest ring in elements.
const MaxSize = 1 << 26

// line is the distance in bytes between data written by different cores: two cache lines, since x86 cores prefetch
// lines in aligned pairs.
const line = 128

// SPSC is a ring of a fixed number of Ts between one producer, who calls Push, and one consumer, who calls Pop. Each
// role belongs to one goroutine at a time; Len and Cap may be called by anyone. Make one with New; it must not be
// copied.
//
// What is pushed is handed over: elements are copied in and out, and what they stand for (a descriptor's frame)
// belongs to the consumer as soon as Push has counted it. What the producer wrote before Push, to the frame for
// instance, the consumer sees after the Pop that returns it. T is free of pointers: a slot is not cleared when it is
// popped and would keep what it points at alive.
//
// The indices count elements since the beginning and wrap at 2^32; the slot is the index modulo the size, and the
// fill their difference:
//
//	size 8, head 13, tail 18: 5 elements in slots 5, 6, 7, 0, 1
//
//	slot   0   1   2   3   4   5   6   7
//	     | x | x |   |   |   | x | x | x |
//	               ^ tail      ^ head
type SPSC[T any] struct {
	slots []T // read-only, as is its header; len is the size
	mask  uint32

	_        [line]byte
	tail     atomic.Uint32 // producer's: index of the next element pushed
	headSeen uint32        // producer's private copy of head, at or behind it

	_        [line]byte
	head     atomic.Uint32 // consumer's: index of the next element popped
	tailSeen uint32        // consumer's private copy of tail, at or behind it

	_ [line]byte
}

// New makes an empty ring of size elements, a power of two from 1 to MaxSize. The memory is the Go heap's. A T that
// holds pointers is refused.
func New[T any](size int) (*SPSC[T], error) {
	switch {
	case size < 1:
		return nil, fmt.Errorf("ring: size %d: use a power of two from 1 to %d", size, MaxSize)
	case size > MaxSize:
		return nil, fmt.Errorf("ring: size %d is too large: use a power of two up to %d", size, MaxSize)
	case size&(size-1) != 0:
		above := 1 << bits.Len(uint(size))
		return nil, fmt.Errorf("ring: size %d is not a power of two: use %d or %d", size, above/2, above)
	}
	if t := reflect.TypeFor[T](); !pointerFree(t) {
		return nil, fmt.Errorf("ring: %v holds pointers: pass an index or an offset instead", t)
	}
	return &SPSC[T]{slots: make([]T, size), mask: uint32(size - 1)}, nil
}

// pointerFree reports whether values of type t hold nothing that the garbage collector follows.
func pointerFree(t reflect.Type) bool {
	switch k := t.Kind(); k {
	case reflect.Array:
		return t.Len() == 0 || pointerFree(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !pointerFree(t.Field(i).Type) {
				return false
			}
		}
		return true
	default:
		return k >= reflect.Bool && k <= reflect.Complex128
	}
}

// Room returns how many of n elements a Push now would take. Producer only.
func (r *SPSC[T]) Room(n int) int {
	tail := r.tail.Load()
	free := uint32(len(r.slots)) - (tail - r.headSeen)
	if uint64(free) < uint64(n) {
		r.headSeen = r.head.Load()
		free = uint32(len(r.slots)) - (tail - r.headSeen)
	}
	return min(n, int(free))
}

// Push appends the first n elements of v and returns n, less than len(v) when the ring fills up and 0 when it is
// full. It never waits. The caller no longer owns v[:n] and still owns v[n:]; v itself may be reused at once. Producer
// only.
func (r *SPSC[T]) Push(v []T) int {
	n := r.Room(len(v))
	if n == 0 {
		return 0
	}
	tail := r.tail.Load()
	k := copy(r.slots[tail&r.mask:], v[:n])
	copy(r.slots, v[k:n])
	storeRelease(&r.tail, tail+uint32(n)) // one publication per call, after the copies
	return n
}

// Pop moves the n oldest elements to v[:n] and returns n, less than len(v) when the ring runs empty and 0 when it is
// empty. It never waits. The caller owns v[:n]. Consumer only.
func (r *SPSC[T]) Pop(v []T) int {
	head := r.head.Load()
	fill := r.tailSeen - head
	if uint64(fill) < uint64(len(v)) {
		r.tailSeen = r.tail.Load()
		fill = r.tailSeen - head
	}
	n := min(len(v), int(fill))
	if n == 0 {
		return 0
	}
	k := copy(v[:n], r.slots[head&r.mask:])
	copy(v[k:n], r.slots)
	storeRelease(&r.head, head+uint32(n))
	return n
}

// Len returns the number of elements in the ring, 0 to Cap. To the producer it is the most there can be, to the
// consumer the least; to anyone else a snapshot.
func (r *SPSC[T]) Len() int {
	// Head first: it never passes a tail read later. Elements moved in between can only make the difference too
	// large.
	head := r.head.Load()
	return min(int(r.tail.Load()-head), len(r.slots))
}

// Cap returns the size given to New.
func (r *SPSC[T]) Cap() int { return len(r.slots) }
