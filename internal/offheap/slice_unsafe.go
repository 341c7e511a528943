package offheap

import "unsafe"

// Slice views the first n elements of the region as a []T. T must be free of Go pointers, and the region at least
// n*sizeof(T) bytes; both are the caller's to keep, a region too small panics. The slice is valid until Close.
func Slice[T any](r *Region, n int) []T {
	var t T
	size := int(unsafe.Sizeof(t))
	if n == 0 {
		return nil
	}
	if n < 0 || n*size > len(r.bytes) {
		panic("offheap: slice exceeds its region")
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&r.bytes[0])), n)
}
