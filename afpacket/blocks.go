package afpacket

import "vrfwd/packet"

// Offsets in the two headers of TPACKET_V3 (include/uapi/linux/if_packet.h): struct tpacket_block_desc and struct
// tpacket3_hdr.
const (
	blockStatus = 8  // u32
	blockFrames = 12 // u32
	blockFirst  = 16 // u32, offset of the first header in the block
	blockHeader = 48

	v3Next     = 0  // u32, offset of the next header from this one
	v3Seconds  = 4  // u32
	v3Nanos    = 8  // u32
	v3Stored   = 12 // u32, tp_snaplen
	v3Length   = 16 // u32, tp_len
	v3Status   = 20 // u32
	v3Mac      = 24 // u16, offset of the frame from the header
	v3TCI      = 32 // u32
	v3TPID     = 36 // u16
	v3Header   = 48
	v3Address  = v3Header // struct sockaddr_ll
	v3FrameMin = v3Address + sllLen + reserve
)

// blocks walks a TPACKET_V3 receive ring. The kernel fills blocks in order and hands each over whole; frames are given
// out in place, and the block goes back when the last of them has been freed, in whatever order.
//
//	block   | header 48 | entry | entry | ... |       refs[b]: frames given out, plus 1 while it is being walked
//	entry   | tpacket3_hdr 48 | sockaddr_ll 20 | free >= 14 | virtio_net_hdr 10 | frame ... | pad
//	        ^ cur<<shift + at                                                   ^ Desc.Off
//
// What is in the ring is not trusted: an offset or a length that leaves the block ends its walk. A block that comes up
// again before all of it was freed is waited for, as the kernel does.
type blocks struct {
	judge
	mem   []byte
	shift uint     // log2 of the block size
	refs  []uint32 // by block
	cur   uint32   // the block being walked, or waited for
	at    uint32   // the next entry, from the start of the block
	left  uint32   // entries not yet seen; 0: no block is being walked
}

func newBlocks(mem []byte, shift uint, j judge) *blocks {
	return &blocks{judge: j, mem: mem, shift: shift, refs: make([]uint32, len(mem)>>shift)}
}

// burst gives out up to len(d) frames.
func (r *blocks) burst(d []packet.Desc) (n int) {
	for n < len(d) && (r.left > 0 || r.open()) {
		n += r.walk(d[n:])
	}
	return n
}

// open begins the next block, if it is there and holds frames.
func (r *blocks) open() bool {
	base := r.cur << r.shift
	if r.refs[r.cur] != 0 || loadWord(r.mem, base+blockStatus)&statusUser == 0 {
		return false
	}
	h := r.mem[base : base+blockHeader]
	r.refs[r.cur] = 1
	r.left, r.at = load32(h[blockFrames:]), load32(h[blockFirst:])
	if r.left == 0 {
		r.close()
	}
	return r.left > 0
}

// close ends the walk of a block.
func (r *blocks) close() {
	r.left = 0
	r.unref(r.cur, 1)
	if r.cur++; int(r.cur) == len(r.refs) {
		r.cur = 0
	}
}

// unref takes n references of a block back; the last one returns it to the kernel.
func (r *blocks) unref(block, n uint32) {
	if r.refs[block] < n {
		panic("afpacket: Port.Free: more frames than were received: one was freed twice")
	}
	if r.refs[block] -= n; r.refs[block] == 0 {
		storeWord(r.mem, block<<r.shift+blockStatus, statusKernel)
	}
}

// walk gives out frames of the current block.
func (r *blocks) walk(d []packet.Desc) (n int) {
	base := r.cur << r.shift
	block := r.mem[base:][:1<<r.shift]
	for r.left > 0 && n < len(d) {
		if uint64(r.at)+v3Address+sllLen > uint64(len(block)) {
			return r.broken(n)
		}
		h := block[r.at:][:v3Address+sllLen]
		mac := load16(h[v3Mac:])
		e := entry{
			status: load32(h[v3Status:]), length: load32(h[v3Length:]), stored: load32(h[v3Stored:]),
			kind: load16(h[v3TPID:])<<16 | uint32(h[v3Address+sllPktType]),
		}
		off := r.at + mac
		if mac < v3FrameMin || uint64(off)+uint64(e.stored-1) >= uint64(len(block)) {
			return r.broken(n)
		}
		if r.plain(e) || r.odd(block, off, e) {
			stamp := load32(h[v3Seconds:])*second + load32(h[v3Nanos:])
			r.describe(&d[n], base+off, e, load32(h[v3TCI:]), stamp)
			n++
		}
		next := load32(h[v3Next:])
		if r.left--; r.left > 0 && (next < v3Header || next&7 != 0 || next >= 1<<r.shift-r.at) {
			return r.broken(n)
		}
		r.at += next
	}
	r.refs[r.cur] += uint32(n)
	if r.left == 0 {
		r.close()
	}
	return n
}

// broken gives up the rest of a block that makes no sense.
//
//go:noinline
func (r *blocks) broken(n int) int {
	r.count.rxBad.Add(max(1, uint64(r.left)))
	r.refs[r.cur] += uint32(n)
	r.close()
	return n
}

// free takes frames back. Each has its first byte in the block that it was received in.
func (r *blocks) free(d []packet.Desc) {
	for i := 0; i < len(d); {
		block, run := d[i].Off>>r.shift, i+1
		for run < len(d) && d[run].Off>>r.shift == block {
			run++
		}
		r.unref(block, uint32(run-i))
		i = run
	}
}
