//go:build !purego

package gen

import (
	"encoding/binary"
	"unsafe"

	"github.com/klauspost/cpuid/v2"

	"vrfwd/packet"
)

// unpacks: there are shuffles of half a line.
var unpacks = cpuid.CPU.Supports(cpuid.AVX2)

// stampPacked is stamp for frames of packed lines that follow each other, and of flows that do, one for each descriptor, up to the first
// whose slot does not lie in mem. It returns how many. Slots lie where the descriptors say or, with a stride, from off on so far apart.
func stampPacked(d []packet.Desc, mem []byte, off, stride uint32, packed [][packedLen]byte, f *form, length uint16, mark uint32) int {
	n := len(d)
	if stride != 0 {
		n = min(n, slotsIn(len(mem), off, stride))
	}
	if n == 0 {
		return 0
	}
	port := binary.LittleEndian.Uint16(f.common[portAt:])
	return unpackLines(&d[0], n, unsafe.SliceData(mem), len(mem)-LineLen, &packed[0], f,
		&packet.Desc{Off: off, Len: length, Port: port, Mark: mark}, stride)
}

// slotsIn returns how many lines there is room for from off on, so far apart.
func slotsIn(size int, off, stride uint32) int {
	if int(off) > size-LineLen {
		return 0
	}
	return (size-LineLen-int(off))/int(stride) + 1
}

// The layout that unpackLines counts on.
const _ = uint(0) - uint(unsafe.Sizeof(packet.Desc{})-16) - uint(unsafe.Offsetof(packet.Desc{}.Len)-4) -
	uint(unsafe.Offsetof(packet.Desc{}.Port)-8) - uint(unsafe.Offsetof(packet.Desc{}.Mark)-12) - uint(LineLen-64)

//go:noescape
func unpackLines(d *packet.Desc, n int, mem *byte, most int, packed *[packedLen]byte, f *form, first *packet.Desc, stride uint32) int
