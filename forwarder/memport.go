package forwarder

import (
	"fmt"
	"math/bits"

	"vrfwd/packet"
	"vrfwd/ring"
)

// MemPort is a port in memory: four rings of descriptors between a worker and the outside, one thread each. The
// inside is the Port interface; the outside generates and collects.
//
//	 outside                        inside (worker)
//	Inject  --> rx ring         --> RxBurst
//	Freed   <-- free ring       <-- Free
//	Collect <-- tx ring         <-- TxBurst
//	Lend    --> lend ring       --> TxBurst, to copy into
//
// Ports that share an arena hand frames over without copying: what the worker received on one is collected from
// another. A port that sends frames of another arena copies them into frames of its own that the outside has lent
// it; without any, nothing is taken. These are AF_XDP's four rings (Documentation/networking/af_xdp.rst) with the
// roles set for a zero-copy forwarder.
type MemPort struct {
	arena *packet.Arena
	rx    *ring.SPSC[packet.Desc]
	tx    *ring.SPSC[packet.Desc]
	free  *ring.SPSC[packet.Desc]
	lend  *ring.SPSC[packet.Desc]
	stash []packet.Desc // inside: scratch for lent frames being copied into
}

var _ Port = (*MemPort)(nil)

// NewMemPort makes a port over the frames of a, with an rx and a tx ring of size descriptors each, a power of two.
// The arena may be shared with other ports and stays the caller's to close. Its frames belong to the outside at
// first. Frames hold at least MinFrame bytes.
func NewMemPort(a *packet.Arena, size int) (*MemPort, error) {
	if a.FrameSize() < MinFrame+Reserve {
		return nil, fmt.Errorf("forwarder: arena frames of %d bytes: a port needs %d", a.FrameSize(), MinFrame+Reserve)
	}
	p := &MemPort{arena: a, stash: make([]packet.Desc, MaxBurst)}
	all := 1 << bits.Len(uint(a.Frames()-1)) // Free and Lend must never find their ring full
	for _, r := range []struct {
		ring **ring.SPSC[packet.Desc]
		size int
	}{{&p.rx, size}, {&p.tx, size}, {&p.free, all}, {&p.lend, all}} {
		var err error
		if *r.ring, err = ring.New[packet.Desc](r.size); err != nil {
			return nil, fmt.Errorf("forwarder: port of %d descriptors: %w", size, err)
		}
	}
	return p, nil
}

// Arena implements Port.
func (p *MemPort) Arena() *packet.Arena { return p.arena }

// RxBurst implements Port.
func (p *MemPort) RxBurst(d []packet.Desc) int { return p.take(p.rx, d) }

// take pops frames that come from the other side: another core has their lines. Where they go out by several ports they come
// back in no order; then it is worth most: 13.3 to 17.6 Mpps over both cores' loop with four uplinks (Zen 5).
func (p *MemPort) take(r *ring.SPSC[packet.Desc], d []packet.Desc) int {
	n := r.Pop(d)
	p.arena.Prefetch(d[:n])
	return n
}

// TxBurst implements Port.
func (p *MemPort) TxBurst(from *packet.Arena, d []packet.Desc) int {
	if from != p.arena {
		return p.copyBurst(from, d)
	}
	d = d[:p.tx.Room(len(d))]
	Pad(p.arena, d)
	return p.tx.Push(d)
}

// copyBurst sends copies. A frame too large for the arena is not taken, nor are those behind it.
func (p *MemPort) copyBurst(from *packet.Arena, d []packet.Desc) int {
	room := p.tx.Room(min(len(d), len(p.stash)))
	for i := range d[:room] {
		if int(d[i].Len) > p.arena.FrameSize() {
			room = i
			break
		}
	}
	lent := p.stash[:p.lend.Pop(p.stash[:room])]
	for i := range lent {
		to := p.arena.Desc(p.arena.Slot(lent[i]))
		to.Len, to.TCI, to.Port, to.Flags, to.Mark = d[i].Len, d[i].TCI, d[i].Port, d[i].Flags, d[i].Mark
		copy(p.arena.Frame(to), from.Frame(d[i]))
		lent[i] = to
	}
	Pad(p.arena, lent)
	return p.tx.Push(lent)
}

// Free implements Port. More frames than the arena has can only mean that one was freed twice: that panics.
func (p *MemPort) Free(d []packet.Desc) {
	if p.free.Push(d) != len(d) {
		panic("forwarder: MemPort.Free: more frames than the arena has: one was freed twice")
	}
}

// Room returns how many of n frames Inject would take now.
func (p *MemPort) Room(n int) int { return p.rx.Room(n) }

// Inject offers frames for reception. The port owns d[:n], the outside keeps d[n:]: the ring is full.
func (p *MemPort) Inject(d []packet.Desc) (n int) { return p.rx.Push(d) }

// Collect takes frames that were sent. The outside owns d[:n].
func (p *MemPort) Collect(d []packet.Desc) (n int) { return p.take(p.tx, d) }

// Freed takes back injected frames that were not handed on. The outside owns d[:n].
func (p *MemPort) Freed(d []packet.Desc) (n int) { return p.free.Pop(d) }

// Lend gives the port frames of its own arena to send copies in; they come back by Collect. The port owns d[:n];
// d[n] is outside the arena, or there are more than the arena has.
func (p *MemPort) Lend(d []packet.Desc) (n int) {
	for i := range d {
		if p.arena.Slot(d[i]) < 0 {
			d = d[:i]
			break
		}
	}
	return p.lend.Push(d)
}
