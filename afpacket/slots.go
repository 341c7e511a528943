package afpacket

import "vrfwd/packet"

// Offsets in struct tpacket2_hdr (include/uapi/linux/if_packet.h).
const (
	v2Status   = 0  // u32
	v2Length   = 4  // u32
	v2Stored   = 8  // u32
	v2Mac      = 12 // u16
	v2Seconds  = 16 // u32
	v2Nanos    = 20 // u32
	v2TCI      = 24 // u16
	v2TPID     = 26 // u16
	v2Header   = 32
	v2Address  = v2Header // struct sockaddr_ll
	v2FrameMin = v2Address + sllLen + reserve
)

// rxGap is what the kernel leaves between the address and an Ethernet frame: its alignment and the virtio-net header.
const rxGap = 24

// slots walks a TPACKET_V2 receive ring: one slot per frame, filled and handed over in order, and given back one by one,
// in whatever order.
//
//	slot   | tpacket2_hdr 32 | sockaddr_ll 20 | free >= 14 | virtio_net_hdr 10 | frame ... |
type slots struct {
	judge
	shape
	mem  []byte
	at   []uint32 // slot -> offset
	held []bool   // by slot: given out and not freed
	cur  uint32   // the next slot
}

func newSlots(mem []byte, s shape, j judge) *slots {
	return &slots{judge: j, shape: s, mem: mem, at: s.offsets(), held: make([]bool, s.slots)}
}

// burst gives out up to len(d) frames.
func (r *slots) burst(d []packet.Desc) (n int) {
	for n < len(d) {
		base := r.at[r.cur]
		if r.held[r.cur] || loadWord(r.mem, base+v2Status)&statusUser == 0 {
			break
		}
		if r.take(base, &d[n]) {
			r.held[r.cur] = true
			n++
		} else {
			storeWord(r.mem, base+v2Status, statusKernel)
		}
		if r.cur++; int(r.cur) == len(r.held) {
			r.cur = 0
		}
	}
	return n
}

// take describes the frame of a slot.
func (r *slots) take(base uint32, t *packet.Desc) bool {
	slot := r.mem[base:][:r.slot]
	h := slot[:v2Address+sllLen]
	mac := load16(h[v2Mac:])
	e := entry{
		status: load32(h[v2Status:]), length: load32(h[v2Length:]), stored: load32(h[v2Stored:]),
		kind: load16(h[v2TPID:])<<16 | uint32(h[v2Address+sllPktType]),
	}
	if mac < v2FrameMin || uint64(mac)+uint64(e.stored-1) >= uint64(len(slot)) {
		r.count.rxBad.Add(1)
		return false
	}
	if !r.plain(e) && !r.odd(slot, mac, e) {
		return false
	}
	r.describe(t, base+mac, e, load16(h[v2TCI:]), load32(h[v2Seconds:])*second+load32(h[v2Nanos:]))
	return true
}

// free takes frames back. Each has its first byte in the slot that it was received in.
func (r *slots) free(d []packet.Desc) {
	for i := range d {
		slot := r.slotOf(d[i].Off)
		if !r.held[slot] {
			panic("afpacket: Port.Free: a frame that was not received, or was freed twice")
		}
		r.held[slot] = false
		storeWord(r.mem, r.at[slot]+v2Status, statusKernel)
	}
}
