package slowpath

import (
	"time"

	"vrfwd/packet"
)

// Reassembly is for ICMP to the router itself alone: a ping larger than the MTU. Everything else that is in fragments is
// the business of whoever it is for, a host or the kernel behind a TUN device.
const (
	partialTime  = 30 * time.Second // Linux' ipfrag_time; RFC 1122 3.3.2 says 60 to 120
	partialMost  = 64               // datagrams at a time
	partialParts = 64               // fragments of one
)

// fragmentKey is what the fragments of one datagram have in common (RFC 791 3.2), in one context.
type fragmentKey struct {
	scope    scope
	src, dst uint32
	id       uint16
	protocol uint8
}

// partial is a datagram of which some fragments are there, in the order of their places, none overlapping another.
type partial struct {
	due   time.Time
	parts []datagram
	size  int // of the whole payload; 0: the last fragment is not there
}

// reassemble takes a fragment. It returns the whole datagram with the last one of it, and Reassembled; otherwise what
// became of the fragment. Overlapping fragments condemn the datagram, as in Linux: they are an attack (RFC 5722).
func (p *Path) reassemble(d *datagram) (*datagram, Outcome) {
	key := fragmentKey{d.scope, d.ip.Src(), d.ip.Dst(), d.ip.ID(), d.ip.Protocol()}
	start, end := d.ip.FragmentOffset(), d.ip.FragmentOffset()+len(d.ip.Payload())
	if d.ip.MF() && len(d.ip.Payload())%8 != 0 || start == end || end > packet.MaxFrameSize-packet.IPv4HeaderLen {
		return nil, Malformed
	}
	w := p.partial[key]
	if w == nil {
		if len(p.partial) >= partialMost {
			p.abandonOldest()
		}
		w = &partial{due: p.now.Add(partialTime)}
		p.partial[key] = w
		p.wake(w.due)
	}
	at := 0
	for at < len(w.parts) && w.parts[at].ip.FragmentOffset() < start {
		at++
	}
	if at < len(w.parts) && w.parts[at].ip.FragmentOffset() == start && w.parts[at].end() == end {
		return nil, ReassemblyFailed // the same again
	}
	overlaps := at > 0 && w.parts[at-1].end() > start || at < len(w.parts) && w.parts[at].ip.FragmentOffset() < end
	beyond := w.size != 0 && (end > w.size || !d.ip.MF())
	if !d.ip.MF() && len(w.parts) > 0 && w.parts[len(w.parts)-1].end() > end {
		beyond = true
	}
	if overlaps || beyond || len(w.parts) == partialParts {
		p.abandon(key, w)
		return nil, ReassemblyFailed
	}
	if !d.ip.MF() {
		w.size = end
	}
	whole := *d
	whole.ip = append(packet.IPv4(nil), d.ip...)
	w.parts = append(w.parts, datagram{})
	copy(w.parts[at+1:], w.parts[at:])
	w.parts[at] = whole
	if !w.complete() {
		return nil, Waiting
	}
	delete(p.partial, key)
	for range len(w.parts) - 1 {
		p.resettle(Reassembled)
	}
	return w.join(), Reassembled
}

// end is the offset behind a fragment's payload.
func (d *datagram) end() int { return d.ip.FragmentOffset() + len(d.ip.Payload()) }

func (w *partial) complete() bool {
	next := 0
	for i := range w.parts {
		if w.parts[i].ip.FragmentOffset() != next {
			return false
		}
		next = w.parts[i].end()
	}
	return w.size != 0 && next == w.size
}

// join makes one packet of all fragments, with the header of the first.
func (w *partial) join() *datagram {
	whole := w.parts[0]
	ip := append(packet.IPv4(nil), whole.ip...)
	for _, part := range w.parts[1:] {
		ip = append(ip, part.ip.Payload()...)
	}
	ip.SetTotalLen(len(ip))
	ip.SetFragment(0)
	ip.SetChecksum()
	whole.ip = ip
	return &whole
}

// abandon gives up a datagram.
func (p *Path) abandon(key fragmentKey, w *partial) {
	delete(p.partial, key)
	for range w.parts {
		p.resettle(ReassemblyFailed)
	}
}

// abandonOldest makes room for a datagram.
func (p *Path) abandonOldest() {
	var oldest fragmentKey
	var due time.Time
	for key, w := range p.partial {
		if due.IsZero() || w.due.Before(due) {
			oldest, due = key, w.due
		}
	}
	p.abandon(oldest, p.partial[oldest])
}

// agePartials gives up the datagrams whose time is over. The sender is told if the first fragment came (RFC 1122 3.3.2).
func (p *Path) agePartials() {
	for key, w := range p.partial {
		if p.now.Before(w.due) {
			p.wake(w.due)
			continue
		}
		if len(w.parts) > 0 && w.parts[0].ip.FragmentOffset() == 0 {
			delete(p.partial, key)
			p.resettle(p.answer(&w.parts[0], ReassemblyTimeExceeded, 0))
			w.parts = w.parts[1:]
		}
		p.abandon(key, w)
	}
}
