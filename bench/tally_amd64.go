//go:build !purego

package bench

import (
	"unsafe"

	"vrfwd/forwarder"
	"vrfwd/packet"
)

const (
	tallyEach = 1                  // frames counted one by one where the kernel has stopped
	minFrame  = forwarder.MinFrame // for the kernel: go_asm.h has it
)

// tallyRun is countEach by a kernel, up to the first frame that is of no flow or does not lie in mem. It returns how many these are, how
// many of them came out wrong, and their bytes. Meanwhile it prefetches a line a frame from ahead on, step bytes apart, unless that is 0.
func tallyRun(d []packet.Desc, mem []byte, flows []tally, base uint32, ahead, step uintptr) (n int, wrong, bytes uint64) {
	if ahead == 0 { // the first descriptor, again and again
		ahead = uintptr(unsafe.Pointer(&d[0]))
	}
	return tallyFrames(&d[0], len(d), unsafe.SliceData(mem), len(mem)-packet.EthernetLen-2, unsafe.SliceData(flows), len(flows), base,
		ahead, step)
}

//go:noescape
func tallyFrames(d *packet.Desc, n int, mem *byte, most int, flows *tally, count int, base uint32, ahead, step uintptr) (
	done int, wrong, bytes uint64)

// The layout that the kernel counts on.
const _ = uint(0) - uint(unsafe.Sizeof(packet.Desc{})-16) - uint(unsafe.Offsetof(packet.Desc{}.Len)-4) -
	uint(unsafe.Offsetof(packet.Desc{}.Port)-8) - uint(unsafe.Offsetof(packet.Desc{}.Mark)-12) - uint(unsafe.Sizeof(tally{})-8)
