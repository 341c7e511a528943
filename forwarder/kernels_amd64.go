//go:build !purego

package forwarder

import (
	"math"
	"unsafe"

	"github.com/klauspost/cpuid/v2"

	"vrfwd/lpm"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// kernels: the stages run by them, and by their twins only from where a kernel stops. The race detector watches the twins alone.
var kernels = cpuid.CPU.Supports(cpuid.AVX2) && !raceDetector

// each is how many packets a twin takes before its kernel has another try: as many as two of the kernels take at a time.
func each() int {
	if kernels {
		return 8
	}
	return MaxBurst
}

// classifyRun is classifyEach by a kernel, for the frames from the i-th on up to the first eight of which one is unusual. It returns how
// many these are, and their bytes.
func (b *burst) classifyRun(i, m int, ports *[vrftable.VLANs]vrftable.Ingress) (done int, bytes uint64) {
	if !kernels {
		return 0, 0
	}
	framed, done, bytes := classifyKernel(b, i, m, b.in.mem, uint32(min(b.in.size, math.MaxUint32)), &ports[0])
	if done < framed {
		bytes = lengths(b.d[i : i+done])
	}
	return done, bytes
}

// validateRun is validateEach by a kernel, for the packets from the j-th on up to the first eight of which one is unusual. It returns how
// many these are. It has work enough meanwhile to prefetch what the lookup loads first.
func (w *Worker) validateRun(v *vrftable.View, j, m int) (done int) {
	if !kernels {
		return 0
	}
	return validateKernel(&w.b, j, m, w.b.in.mem, w.count.ifRx, v.VRFs.Root())
}

// places has the places of all hops' adjacencies for rewriteKernel, 0, where no route stands, for a hop without one.
func (b *burst) places(v *vrftable.View) {
	if kernels {
		placesKernel(b, uint(b.live+adjacencyAhead), uint32(len(v.Adj)))
	}
}

// rewriteRun is rewriteEach by a kernel, for the packets from the j-th on up to the first that is unusual, whose place it returns.
func (w *Worker) rewriteRun(v *vrftable.View, j int) (next int) {
	if !kernels {
		return j
	}
	return rewriteKernel(w, j, w.b.live, w.b.in.mem, &v.Adj[0], w.count.ifTx)
}

// lengths adds up the frames' lengths.
func lengths(d []packet.Desc) uint64 {
	if !kernels {
		return lengthsEach(d)
	}
	fours := len(d) &^ 3
	return lengthsKernel(unsafe.SliceData(d), fours) + lengthsEach(d[fours:])
}

// classifyKernel returns how many frames are as usual, how many of these came in through an interface that is up, both in eights, and the
// bytes of the former.
//
//go:noescape
func classifyKernel(b *burst, from, live int, mem memory, size uint32, ports *vrftable.Ingress) (framed, done int, bytes uint64)

//go:noescape
func validateKernel(b *burst, from, live int, mem memory, ifRx *ifaces, root *uint32) (done int)

//go:noescape
func rewriteKernel(w *Worker, from, to int, mem memory, adj *vrftable.Adjacency, ifTx *ifaces) (next int)

//go:noescape
func placesKernel(b *burst, n uint, adjs uint32)

// lengthsKernel adds up the lengths of n frames, a multiple of four.
//
//go:noescape
func lengthsKernel(d *packet.Desc, n int) (bytes uint64)

// What the kernels know of other packages' records; go_asm.h has our own.
const (
	rootShift  = lpm.RootShift
	adjShift   = 6 // log2 of adjSize
	adjForward = vrftable.Forward
	adjKind    = unsafe.Offsetof(vrftable.Adjacency{}.Kind)
	adjHdrLen  = unsafe.Offsetof(vrftable.Adjacency{}.HdrLen)
	adjMTU     = unsafe.Offsetof(vrftable.Adjacency{}.MTU)
	adjPort    = unsafe.Offsetof(vrftable.Adjacency{}.Port)
	adjIface   = unsafe.Offsetof(vrftable.Adjacency{}.Iface)
	adjHeader  = unsafe.Offsetof(vrftable.Adjacency{}.Header)
)

// What else they count on: an ingress record is | Iface (16) | Table (16) | Flags (16) | State (16) |, a key of the lookup
// | address (32) | Table (16) | Flags (16) |, an adjacency 64 bytes, a counter of traffic 16; and the flags' bits.
const _ = uint(0) - uint(unsafe.Sizeof(vrftable.Ingress{})-8) - uint(unsafe.Offsetof(vrftable.Ingress{}.Table)-2) -
	uint(unsafe.Offsetof(vrftable.Ingress{}.Flags)-4) - uint(unsafe.Offsetof(vrftable.Ingress{}.State)-6) -
	uint(adjSize-1<<adjShift) -
	uint(unsafe.Sizeof(lpm.Key{})-8) - uint(unsafe.Offsetof(lpm.Key{}.Table)-4) - uint(unsafe.Offsetof(lpm.Key{}.Flags)-6) -
	uint(unsafe.Sizeof(traffic{})-16) - uint(packet.FlagTCI-1) - uint(vrftable.IngressUp-1) - uint(vrftable.VLANs-4096)
