package lpm

import (
	"sync/atomic"
	"unsafe"
)

func sizeOf[T any](t T) int { return int(unsafe.Sizeof(t)) }

// at reads pool element i without a bounds check: i comes from published structure, and the reservation never shrinks.
func at[T any](p *T, i uint32) T {
	return *(*T)(unsafe.Add(unsafe.Pointer(p), uintptr(i)*unsafe.Sizeof(*p)))
}

// load is at for the one kind of word that is swapped while it is published.
func load(p *uint32, i uint32) uint32 {
	return atomic.LoadUint32((*uint32)(unsafe.Add(unsafe.Pointer(p), uintptr(i)*4)))
}
