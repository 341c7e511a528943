package packet

import (
	"fmt"

	"vrfwd/internal/offheap"
)

// CacheLine is the size in bytes of the line that slots are rounded to and aligned at.
const CacheLine = 64

// Headroom is the number of free bytes before each frame that Arena.Desc hands out: room to grow the layer 2 header
// by tags without moving the packet.
const Headroom = 64

// apart is the number of bytes behind an arena that no other thread writes to.
const apart = 4096

// MaxFrameSize is the largest frame in bytes, as Desc.Len counts it.
const MaxFrameSize = 1<<16 - 1

// Arena is one region of off-heap memory cut into equal slots, one frame each:
//
//	slot i                                              slot i+1
//	| headroom 64 | frame, frameSize bytes ... | pad  | headroom 64 | ...
//	^ i*stride    ^ Desc(i).Off                       ^ (i+1)*stride
//
// The stride is an odd number of cache lines. With an even number, as a power of two would give, the headers of
// consecutive frames would fall into a few of the L1 cache's 64 sets and evict each other: 2048 bytes are 32 lines,
// which leaves 2 sets for all headers; 33 lines pass through all 64. A 1518-byte frame takes
// 64+1518 = 1582 bytes = 25 lines, already odd; a 2048-byte frame 64+2048 = 33 lines.
//
// Behind the last slot a page stays free. Frames are written in sequence, and the prefetchers of the core that does so run
// on beyond the end: where another thread's arena began right there, they took its first lines away once a burst, and cost
// it a tenth of its rate.
//
// The memory comes from internal/offheap: on Linux an anonymous mapping, backed by huge pages where it is 2 MiB or
// more and the kernel grants them, by plain pages otherwise; on other systems one pointer-free heap object. It is
// zeroed and backed lazily: touch it before timing anything.
//
// An Arena knows its geometry, not who owns which slot: that is passed on with the Desc. Its methods are safe for
// concurrent use until Close; the bytes of a frame belong to the owner of its Desc. Its zero value has no frames. An
// Arena must not be copied.
type Arena struct {
	bytes     []byte
	stride    uint32 // bytes from slot to slot
	inverse   uint64 // ceil(2^38 / lines per slot): Slot divides by multiplying
	slotted   uint64 // bytes that are cut into slots: all, or none of foreign memory
	frames    int
	frameSize int
	region    *offheap.Region
}

// NewArena maps an arena of at least one frame of 1 to MaxFrameSize bytes each. Its slots together may not exceed the
// 4 GiB that Desc.Off can address. A mapping refused by the kernel wraps offheap.ErrNoMemory.
func NewArena(frames, frameSize int) (*Arena, error) {
	if frameSize < 1 || frameSize > MaxFrameSize {
		return nil, fmt.Errorf("packet: arena frame size %d bytes is not in 1..%d", frameSize, MaxFrameSize)
	}
	lines := (Headroom+frameSize+CacheLine-1)/CacheLine | 1
	stride := lines * CacheLine
	if most := 1 << 32 / uint64(stride); frames < 1 || uint64(frames) > most {
		return nil, fmt.Errorf("packet: arena of %d frames: 1 to %d of %d bytes fit in 4 GiB", frames, most, frameSize)
	}
	size := frames * stride
	region, err := offheap.Alloc(size + apart)
	if err != nil {
		return nil, fmt.Errorf("packet: arena of %d frames of %d bytes: %w", frames, frameSize, err)
	}
	return &Arena{
		bytes:     region.Bytes()[:size:size],
		stride:    uint32(stride),
		inverse:   (1<<inverseShift + uint64(lines) - 1) / uint64(lines),
		slotted:   uint64(size),
		frames:    frames,
		frameSize: frameSize,
		region:    region,
	}, nil
}

// ArenaOver makes an arena of foreign memory, such as a receive ring that the kernel shares: descriptors point into b,
// and what lies where in it is the owner's business. There are no slots: Frames, FrameSize and Stride are 0, Slot is -1,
// HeadroomOf 0, and Desc has no meaning. b is at most the 4 GiB that Desc.Off can address, more is out of reach. It stays
// the caller's to unmap, after Close.
func ArenaOver(b []byte) *Arena {
	return &Arena{bytes: b[:min(uint64(len(b)), 1<<32)]}
}

// Frames returns the number of slots.
func (a *Arena) Frames() int { return a.frames }

// FrameSize returns the largest frame in bytes that a slot has room for after its headroom.
func (a *Arena) FrameSize() int { return a.frameSize }

// Stride returns the bytes from one slot to the next, an odd number of cache lines.
func (a *Arena) Stride() int { return int(a.stride) }

// Huge reports whether the kernel accepted the advice to back the arena by huge pages.
func (a *Arena) Huge() bool { return a.region != nil && a.region.Huge() }

// Bytes returns the whole arena, headrooms included. Desc.Off counts from its start. Valid until Close.
func (a *Arena) Bytes() []byte { return a.bytes }

// Desc returns an empty descriptor of slot i, 0 <= i < Frames(), with the whole headroom before it.
func (a *Arena) Desc(i int) Desc { return Desc{Off: uint32(i)*a.stride + Headroom} }

// Frame returns the Len bytes that d describes, or nil where they reach outside the arena. It does not look at slot
// borders: a Desc grown into its headroom (Off less, Len more) is as good as a fresh one. Valid until Close.
func (a *Arena) Frame(d Desc) []byte {
	off, end := uint64(d.Off), uint64(d.Off)+uint64(d.Len)
	if end > uint64(len(a.bytes)) {
		return nil
	}
	return a.bytes[off:end:end]
}

// inverseShift makes the division in Slot exact: with lines < 2^11, inverse*lines = 2^38 + e, e < 2^11, and a line
// number n < 2^26, the product n*inverse>>38 is off by less than n*e/2^38/lines < 1/(2*lines), too little to reach
// the next integer; and n*inverse < 2^26 * 2^37 fits in 64 bits.
//
// Worked: 33 lines, inverse = ceil(2^38/33) = 8329633529; line 65: 65*8329633529>>38 = 1, line 66: 2.
const inverseShift = 38

// Slot returns the number of the slot that holds d's first byte, headroom included, or -1 where that lies outside
// the arena or the arena has no slots.
func (a *Arena) Slot(d Desc) int {
	if uint64(d.Off) >= a.slotted {
		return -1
	}
	return int(uint64(d.Off/CacheLine) * a.inverse >> inverseShift)
}

// HeadroomOf returns the free bytes before d in its slot: by how much its frame may grow at the front. 0 outside the
// arena.
func (a *Arena) HeadroomOf(d Desc) int {
	s := a.Slot(d)
	if s < 0 {
		return 0
	}
	return int(d.Off - uint32(s)*a.stride)
}

// Close unmaps the memory. Every slice taken from the arena is invalid afterwards, also for reading, so the workers
// that use it must have stopped. Frame then returns nil and Slot -1. Foreign memory stays mapped. Closing twice is
// harmless.
func (a *Arena) Close() error {
	a.bytes, a.slotted = nil, 0
	if a.region == nil {
		return nil
	}
	return a.region.Close()
}
