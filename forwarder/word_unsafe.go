package forwarder

import (
	"encoding/binary"
	"unsafe"

	"vrfwd/packet"
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

// headerOf returns a's layer 2 header, at least 14 bytes.
func headerOf(a *vrftable.Adjacency) memory { return memory{unsafe.Pointer(&a.Header)} }

// adjSize is what an adjacency takes, in bytes.
const adjSize = uint32(unsafe.Sizeof(vrftable.Adjacency{}))

// wordsOf returns a descriptor as two words, which are stored whole. Field by field it takes six stores, and a composite is
// put together on the stack and copied by a load that has to wait for the narrower stores it overlaps (8 of 11 ns a packet).
//
//	| Off (32) | Len (16) | TCI (16) |   | Port (16) | Flags (16) | Mark (32) |      little-endian, as memory is
func wordsOf(d *packet.Desc) *[2]uint64 { return (*[2]uint64)(unsafe.Pointer(d)) }

const (
	descLen   = 32
	descFlags = 16
)

// A descriptor is what wordsOf says.
const _ = uint(0) - uint(unsafe.Sizeof(packet.Desc{})-16) - uint(unsafe.Offsetof(packet.Desc{}.Len)-4) -
	uint(unsafe.Offsetof(packet.Desc{}.Port)-8) - uint(unsafe.Offsetof(packet.Desc{}.Flags)-10) - uint(unsafe.Offsetof(packet.Desc{}.Mark)-12)
