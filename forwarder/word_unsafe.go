package forwarder

import (
	"encoding/binary"
	"unsafe"

	"vrfwd/vrftable"
)

// memory is the first byte of an arena. Little-endian loads and stores at an offset of it, unaligned and without bounds
// checks, are single moves on amd64 and arm64: the burst's descriptors have been checked against the arena in classify,
// and every later offset lies between Reserve bytes before the frame and its end.
type memory struct{ base unsafe.Pointer }

// memoryOf returns the memory of b and its size in bytes.
func memoryOf(b []byte) (memory, uint) {
	return memory{unsafe.Pointer(unsafe.SliceData(b))}, uint(len(b))
}

func (m memory) load8(off uint) uint8 { return *(*uint8)(unsafe.Add(m.base, off)) }

func (m memory) load16(off uint) uint16 {
	return binary.LittleEndian.Uint16((*[2]byte)(unsafe.Add(m.base, off))[:])
}

func (m memory) load32(off uint) uint32 {
	return binary.LittleEndian.Uint32((*[4]byte)(unsafe.Add(m.base, off))[:])
}

func (m memory) load64(off uint) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(m.base, off))[:])
}

func (m memory) store32(off uint, v uint32) {
	binary.LittleEndian.PutUint32((*[4]byte)(unsafe.Add(m.base, off))[:], v)
}

func (m memory) store64(off uint, v uint64) {
	binary.LittleEndian.PutUint64((*[8]byte)(unsafe.Add(m.base, off))[:], v)
}

// headerOf returns the 24 bytes of a that end with its layer 2 header, to be stored as three words that end at the
// IPv4 header, whatever the header's length. One of 14 or 18 bytes is preceded by what precedes it in the adjacency; up
// to 10 bytes fall before the frame, into its Reserve.
//
//	adjacency   | Kind ... Gateway, VR | Header, 14 bytes | pad |
//	                    |<---- 24 bytes ----------------->|
//	frame       | reserve | old headers                   | IPv4 ...
//	                    ^ l3-24       ^ l3-14             ^ l3
func headerOf(a *vrftable.Adjacency) memory {
	return memory{unsafe.Add(unsafe.Pointer(a), unsafe.Offsetof(a.Header)+uintptr(a.HdrLen)-24)}
}
