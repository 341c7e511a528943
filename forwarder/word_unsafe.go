package forwarder

import (
	"unsafe"

	"vrfwd/vrftable"
)

// memory is the first byte of an arena. Loads and stores at an offset of it are single unaligned moves, without
// bounds checks: the burst's descriptors have been checked against the arena in classify, and every later offset
// lies between Reserve bytes before the frame and its end.
type memory struct{ base unsafe.Pointer }

// memoryOf returns the memory of b and its size in bytes.
func memoryOf(b []byte) (memory, uint) {
	return memory{unsafe.Pointer(unsafe.SliceData(b))}, uint(len(b))
}

func (m memory) load8(off uint) uint8   { return *(*uint8)(unsafe.Add(m.base, off)) }
func (m memory) load16(off uint) uint16 { return *(*uint16)(unsafe.Add(m.base, off)) }
func (m memory) load32(off uint) uint32 { return *(*uint32)(unsafe.Add(m.base, off)) }
func (m memory) load64(off uint) uint64 { return *(*uint64)(unsafe.Add(m.base, off)) }

func (m memory) store32(off uint, v uint32) { *(*uint32)(unsafe.Add(m.base, off)) = v }

// storeHeader writes the layer 2 header of a in front of off, as three words that end at off. Shorter headers than 24
// bytes are preceded by what precedes them in the adjacency: 10 bytes for a header of 14, which fall before the
// frame, into its Reserve.
//
//	adjacency   | Kind ... Gateway, VR | Header, 14 bytes | pad |
//	                    |<---- 24 bytes ----------------->|
//	frame       | reserve | old headers                   | IPv4 ...
//	                    ^ off-24      ^ off-14            ^ off
func (m memory) storeHeader(off uint, a *vrftable.Adjacency) {
	from := unsafe.Add(unsafe.Pointer(a), unsafe.Offsetof(a.Header)+uintptr(a.HdrLen)-24)
	*(*[3]uint64)(unsafe.Add(m.base, off-24)) = *(*[3]uint64)(from)
}
