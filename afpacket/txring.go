package afpacket

import (
	"encoding/binary"
	"sync/atomic"

	"vrfwd/packet"
)

// Status words of transmit slots.
const (
	statusAvailable   = 0
	statusSendRequest = 1
	statusWrongFormat = 4
)

// slotLayout says where the fields of a transmit slot lie. In both versions the data follow the header at once:
// tp_hdrlen - sizeof(struct sockaddr_ll), tpacket_parse_header in net/packet/af_packet.c. V3 sends slots of one size
// as well: its tp_next_offset stays 0.
type slotLayout struct{ status, length, data uint32 }

var (
	v2Slot = slotLayout{v2Status, v2Length, v2Header}
	v3Slot = slotLayout{v3Status, v3Length, v3Header}
)

// linear is how much of a frame the kernel copies into the packet it makes; the rest becomes a reference to the ring's
// page. The virtio-net header says so, as its hdr len. Without that header the kernel copies 14 bytes and refers to the
// rest, and every receiver in the same machine has to allocate a page per packet and copy again (skb_orphan_frags, by
// veth): 1.28 us per packet of 60 bytes and 1.33 of 1514, instead of 0.92 and 0.98. Frames of the usual MTU are copied
// whole; a larger copy would ask for several pages in a row.
const linear = 2048

// txRing fills transmit slots and has the kernel send them. After each burst no slot is left waiting to be sent: what
// the kernel would not take is taken back from the ring, so nothing stale is ever sent, and the caller knows.
//
//	slot   | header 32 or 48 | virtio_net_hdr 10 | frame ... |
type txRing struct {
	sizes
	mem    []byte
	at     []uint32 // slot -> offset
	layout slotLayout
	kick   func() error // the system call
	next   uint32       // the slot to fill next, and the one that the kernel looks at next
	count  *counters
}

func newTxRing(mem []byte, s shape, layout slotLayout, limits sizes, kick func() error, count *counters) *txRing {
	return &txRing{sizes: limits, mem: mem, at: s.offsets(), layout: layout, kick: kick, count: count}
}

// maxKicks bounds the system calls of one burst that do not go well.
const maxKicks = 4

// burst sends copies of the first frames of d, and returns how many it is done with.
func (r *txRing) burst(from *packet.Arena, d []packet.Desc) (done int) {
	for tries := 0; done < len(d) && tries < maxKicks; {
		first := r.next
		filled, taken := r.fill(from, d[done:])
		sent := filled
		var err error
		if filled > 0 {
			err = r.kick()
			sent = r.sent(first, filled)
		}
		if sent == filled {
			add(&r.count.txFrames, sent)
			add(&r.count.txTooLong, taken-sent)
			if done += taken; filled == 0 && done < len(d) {
				add(&r.count.txFull, len(d)-done)
				return done
			}
			continue
		}
		tries++
		wrong := loadWord(r.mem, r.at[r.slot(first, sent)]+r.layout.status)&statusWrongFormat != 0
		r.cancel(first, sent, filled)
		taken = r.passed(from, d[done:], sent)
		add(&r.count.txFrames, sent)
		add(&r.count.txTooLong, taken-sent)
		done += taken
		switch {
		case wrong:
			r.count.txWrong.Add(1)
			done++
		case sent == 0 && err != nil:
			tries = maxKicks
		}
	}
	add(&r.count.txRefused, len(d)-done)
	return done
}

// fill copies frames into free slots. It returns the slots filled, and the frames of d that are dealt with: those that
// do not fit are passed over.
func (r *txRing) fill(from *packet.Arena, d []packet.Desc) (filled, taken int) {
	for ; taken < len(d); taken++ {
		off := r.at[r.next]
		if loadWord(r.mem, off+r.layout.status) != statusAvailable {
			break
		}
		frame := from.Frame(d[taken])
		if !r.fits(frame) {
			continue
		}
		slot := r.mem[off:]
		n := putFrame(slot[r.layout.data+vnetLen:], frame, d[taken])
		binary.NativeEndian.PutUint16(slot[r.layout.data+2:], uint16(min(n, linear)))
		store32(slot[r.layout.length:], uint32(n+vnetLen))
		// A plain store: the kernel reads it in a system call of this thread.
		store32(slot[r.layout.status:], statusSendRequest)
		filled++
		if r.next++; int(r.next) == len(r.at) {
			r.next = 0
		}
	}
	return filled, taken
}

// slot returns the n-th slot from first.
func (r *txRing) slot(first uint32, n int) uint32 { return (first + uint32(n)) % uint32(len(r.at)) }

// sent returns how many of the slots filled from first on the kernel has taken, in order.
func (r *txRing) sent(first uint32, filled int) (n int) {
	const waiting = statusSendRequest | statusWrongFormat
	last := r.at[r.slot(first, filled-1)]
	if loadWord(r.mem, last+r.layout.status)&waiting == 0 {
		return filled
	}
	for n < filled && loadWord(r.mem, r.at[r.slot(first, n)]+r.layout.status)&waiting == 0 {
		n++
	}
	return n
}

// cancel takes back what the kernel has not taken. Its position is the first of these, where ours goes back to.
func (r *txRing) cancel(first uint32, sent, filled int) {
	for i := sent; i < filled; i++ {
		storeWord(r.mem, r.at[r.slot(first, i)]+r.layout.status, statusAvailable)
	}
	r.next = r.slot(first, sent)
}

// passed returns how many frames of d were dealt with when the kernel has taken sent of them: those, and the ones
// before the next that do not fit.
func (r *txRing) passed(from *packet.Arena, d []packet.Desc, sent int) (n int) {
	for ; n < len(d); n++ {
		if !r.fits(from.Frame(d[n])) {
			continue
		}
		if sent == 0 {
			break
		}
		sent--
	}
	return n
}

// sizes say which frames can be sent.
type sizes struct {
	room int           // bytes that a slot holds, without a tag to be inserted
	mtu  *atomic.Int32 // the device's
}

// fits reports whether a frame can be sent: at most the device's MTU behind an Ethernet header and, as the kernel has it
// (packet_extra_vlan_len_allowed), one tag.
func (s sizes) fits(frame []byte) bool {
	over := len(frame) - int(s.mtu.Load()) - packet.EthernetLen
	return frame != nil && len(frame) <= s.room &&
		(over <= 0 || over <= packet.TagLen && packet.IsTPID(binary.BigEndian.Uint16(frame[12:])))
}

// putFrame copies a frame to b, a tag received out of band in its place (IEEE 802.1Q 9.3) and zeros behind a short one,
// and returns its length.
func putFrame(b, frame []byte, d packet.Desc) (n int) {
	if d.Flags&packet.FlagTCI != 0 && len(frame) >= packet.EthernetLen {
		n = copy(b, frame[:12])
		binary.BigEndian.PutUint16(b[12:], tpid8021Q)
		binary.BigEndian.PutUint16(b[14:], d.TCI)
		n += packet.TagLen + copy(b[16:], frame[12:])
	} else {
		n = copy(b, frame)
	}
	if n < minFrame {
		clear(b[n:minFrame])
		n = minFrame
	}
	return n
}
