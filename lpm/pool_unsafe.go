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

// half is at for half words, of which i counts the halves.
func half(p *uint32, i uint32) uint16 {
	return *(*uint16)(unsafe.Add(unsafe.Pointer(p), uintptr(i)*2))
}

// halves returns words as twice as many halves.
func halves(words []uint32) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(words))), 2*len(words))
}

// load is at for the one kind of word that is swapped while it is published.
func load(p *uint32, i uint32) uint32 {
	return atomic.LoadUint32((*uint32)(unsafe.Add(unsafe.Pointer(p), uintptr(i)*4)))
}
