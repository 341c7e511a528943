//go:build !purego

package gen

import (
	"unsafe"

	"github.com/klauspost/cpuid/v2"

	"vrfwd/packet"
)

// wide: there are registers of half a line.
var wide = cpuid.CPU.Supports(cpuid.AVX)

// stampLines stamps frames of lines that follow each other, and of flows that do, one for each descriptor, up to the first whose slot
// does not lie in mem. It returns how many. Slots lie where the descriptors say or, with a stride, from off on so far apart.
func stampLines(d []packet.Desc, mem []byte, off, stride uint32, lines [][LineLen]byte, length uint16, mark, seq uint32) int {
	if len(d) == 0 || !wide {
		return 0
	}
	return copyLines(&d[0], len(d), unsafe.SliceData(mem), len(mem)-LineLen, &lines[0], uint32(length), mark, seq, off, stride)
}

// The layout that copyLines counts on.
const _ = uint(0) - uint(unsafe.Sizeof(packet.Desc{})-16) - uint(unsafe.Offsetof(packet.Desc{}.Len)-4) -
	uint(unsafe.Offsetof(packet.Desc{}.Port)-8) - uint(unsafe.Offsetof(packet.Desc{}.Mark)-12)

//go:noescape
func copyLines(d *packet.Desc, n int, mem *byte, most int, lines *[LineLen]byte, length, mark, seq, off, stride uint32) int
