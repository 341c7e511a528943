package forwarder

import (
	"math/bits"

	"vrfwd/packet"
	"vrfwd/vrftable"
)

// forward takes one burst from a port and runs it to completion. The stages, in the order of a packet's journey:
//
//	receive    take descriptors from the port's queue
//	classify   layer 2: the tag, the layer 2 interface, its primary: which VRF, which fallback
//	validate   layer 3: version, header length, total length, checksum, martians; the key, and what TTL and checksum will be
//	look up    VRF, then parent where allowed: one hop per packet
//	rewrite    hop -> adjacency: TTL, checksum, layer 2 header, egress queue
//	transmit   one TxBurst per egress port
//	settle     whatever left on the way is dropped or punted, counted and given back
//
// While a Tap is armed, receive, transmit and settle show it their frames.
//
// Each stage goes through the whole burst before the next begins, without branches that packets disagree on, so that
// the core overlaps their cache misses. What is unusual is decided out of line, in odd.go.
//
// Classify, validate and rewrite take runs of usual packets by kernels, where there are any (kernels_amd64.s), and the few packets that a
// kernel stops at one by one: the Each of a stage says what it does, and does it all where there are no kernels.
func (w *Worker) forward(in *ingress) int {
	n := w.receive(in)
	if n == 0 {
		return 0
	}
	v := w.view()
	if f := w.tap.filter.Load(); f != nil {
		w.tapReceived(v, f)
	}
	w.classify(v)
	w.validate(v)
	w.lookup(v)
	w.rewrite(v)
	w.transmit(v)
	w.settle(v)
	if w.b.tap != nil {
		w.tapDone()
	}
	return n
}

func (w *Worker) receive(in *ingress) int {
	b := &w.b
	n := in.port.RxBurst(b.d[:w.limit])
	b.in, b.n, b.gone = in, n, 0
	if n > 0 {
		w.count.received.add(uint64(n))
		w.count.portRx[in.number&(MaxPorts-1)].packets.add(uint64(n))
	}
	return n
}

// In the byte order of memory: the values of EtherType fields as a little-endian load sees them.
const (
	leIPv4 = packet.EtherTypeIPv4>>8 | packet.EtherTypeIPv4&0xff<<8
	leVLAN = packet.EtherTypeVLAN>>8 | packet.EtherTypeVLAN&0xff<<8
	leQinQ = packet.EtherTypeQinQ>>8 | packet.EtherTypeQinQ&0xff<<8
)

// shortest is an Ethernet and an IPv4 header.
const shortest = packet.EthernetLen + packet.IPv4HeaderLen

// classify finds the layer 2 interface of each frame, by its outermost tag, and the VRF of its primary. A priority tag
// (VLAN 0) counts as none.
func (w *Worker) classify(v *vrftable.View) {
	b, ports, m, bytes := &w.b, w.ingressOf(v), 0, uint64(0)
	for i := 0; i < b.n; {
		done, sum := b.classifyRun(i, m, ports)
		bytes += sum
		from := i + done
		i = min(from+each(), b.n)
		m, sum = b.classifyEach(from, i, m+done, ports)
		bytes += sum
	}
	b.live = m
	w.count.portRx[b.in.number&(MaxPorts-1)].bytes.add(bytes)
}

// classifyEach does so for the frames from the first to the last one by one, and appends the packets to the dense arrays from the m-th
// place on. It returns the place behind them, and the bytes of all frames.
func (b *burst) classifyEach(first, last, m int, ports *[vrftable.VLANs]vrftable.Ingress) (place int, bytes uint64) {
	mem, size := b.in.mem, b.in.size
	for i, n := uint(first), within(last); i < n; i++ {
		d := &b.d[i]
		off, length := uint(d.Off), uint(d.Len)
		bytes += uint64(length)
		if off < Reserve || off+length > size || length < shortest {
			b.leave(i, badFrame(off, length, size))
			continue
		}
		w8 := mem.load64(off + 8) // source MAC, EtherType, TCI or the first 2 bytes of IPv4
		etherType, vlan, l2 := uint16(w8>>32), uint(0), uint(packet.EthernetLen)
		if d.Flags&packet.FlagTCI != 0 {
			vlan = uint(d.TCI)
		} else if etherType == leVLAN || etherType == leQinQ {
			vlan, l2 = uint(bits.ReverseBytes16(uint16(w8>>48))), packet.EthernetLen+packet.TagLen
			etherType = mem.load16(off + 16)
		}
		p := &ports[vlan%vrftable.VLANs]
		if etherType != leIPv4 || mem.load8(off)&1 != 0 || p.Iface == 0 || p.State&vrftable.IngressUp == 0 ||
			length < l2+packet.IPv4HeaderLen {
			b.leave(i, oddFrame(p, etherType, length-l2))
			continue
		}
		k := m & (MaxBurst - 1)
		b.at[k], b.l3[k], b.room[k] = uint8(i), uint32(off+l2), uint16(length-l2)
		b.iface[k], b.from[k] = p.Iface, uint32(p.Table)|uint32(p.Flags)<<16
		m++
	}
	return m, bytes
}

// validate checks each IPv4 header (RFC 1812 5.2.2, 5.3.7), 20 bytes in three loads, and makes its key. The errors are
// collected as bits, so that a good packet passes one branch.
//
// The checksum is a one's complement sum, of words of any size and byte order (RFC 1071 2(B), 2(C)): 0xffff for a good
// header. Adding the 64-bit sum to itself rotated by half leaves the sum of its halves, carry included, in the upper one.
//
// What stands here anyway it has for rewrite, in place of another load of the header: the TTL one less, 0 where none is left, and the
// checksum that follows from it by RFC 1624 eqn. 3.
func (w *Worker) validate(v *vrftable.View) {
	b, m := &w.b, 0
	for j := 0; j < b.live; {
		done := w.validateRun(v, j, m)
		from := j + done
		j = min(from+each(), b.live)
		m = w.validateEach(from, j, m+done)
	}
	b.live = m
}

// validateEach does so for the packets from the first to the last one by one, and packs the good ones from the m-th place on. It returns
// the place behind them.
func (w *Worker) validateEach(first, last, m int) int {
	b, mem, ifRx := &w.b, w.b.in.mem, w.count.ifRx
	for j, n := uint(first), within(last); j < n; j++ {
		l3 := uint(b.l3[j])
		w0, w8, w16 := mem.load64(l3), mem.load64(l3+8), mem.load32(l3+16)
		sum, carry := bits.Add64(w0, w8, 0)
		sum, carry = bits.Add64(sum, uint64(w16), carry)
		sum += carry
		sum += bits.RotateLeft64(sum, 32)
		half := uint32(sum >> 32)
		half += bits.RotateLeft32(half, 16)
		total := uint64(bits.ReverseBytes16(uint16(w0 >> 16)))
		bad := (w0&0xff ^ 0x45) | uint64(half>>16^0xffff) | (uint64(b.room[j])-total)>>63 | (total-packet.IPv4HeaderLen)>>63 |
			uint64(w.martian[uint8(w8>>32)]|w.martian[uint8(w16)])
		if bad != 0 {
			if r, ok := w.oddHeader(l3, uint(b.room[j])); !ok {
				b.leave(uint(b.at[j]), r)
				continue
			}
		}
		k, from := m&(MaxBurst-1), b.from[j]
		key := &b.key[k]
		key.Addr, key.Table, key.Flags = bits.ReverseBytes32(w16), uint16(from), uint16(from>>16)
		b.at[k], b.l3[k], b.total[k], b.ttl[k] = b.at[j], uint32(l3), uint16(total), lessTTL(uint32(w8))
		c := &ifRx[b.iface[j]]
		c.packets.add(1)
		c.bytes.add(total)
		m++
	}
	return m
}

// lessTTL returns a word of TTL, protocol and checksum with a TTL of one less, if there is one. One less in the first byte of a word is,
// in the complement, one more in the first byte of the checksum, with the carry brought around: the corner of 0xffff + 1 included.
func lessTTL(t uint32) uint32 {
	sum := t>>16 + 1
	sum += (sum + 1) >> 16
	return t&0xffff - (0-t&0xff)>>31 | sum<<16
}

func (w *Worker) lookup(v *vrftable.View) {
	b := &w.b
	v.VRFs.LookupDual(b.key[:b.live], b.hop[:b.live])
	clear(b.hop[b.live : b.live+adjacencyAhead])
	b.places(v)
}

// rewrite makes each packet ready to be sent: its TTL is decremented, once, after the final lookup, and the checksum follows;
// the adjacency's layer 2 header replaces the received one, tags and all, by moving the frame's start; what was padding falls off its end. At the first group of next hops, choose puts members in the place of all groups
// of the burst.
func (w *Worker) rewrite(v *vrftable.View) {
	for j := 0; j < w.b.live; {
		from := w.rewriteRun(v, j)
		j = min(from+each(), w.b.live)
		w.rewriteEach(v, from, j)
	}
}

// rewriteEach does so for the packets from the first to the last one by one.
func (w *Worker) rewriteEach(v *vrftable.View, first, last int) {
	b, mem, adj, ifTx := &w.b, w.b.in.mem, v.Adj, w.count.ifTx
	for j, n := uint(first), within(last); j < n; {
		a, l3, total := &adj[b.hop[j]], uint(b.l3[j]), uint32(b.total[j])
		t := b.ttl[j]
		odd := uint32(a.Kind^vrftable.Forward) | (t&0xff-1)>>31 | (uint32(a.MTU)-total)>>31 | uint32(a.Port)>>8
		out := w.out[uint8(a.Port)]
		if odd != 0 || out == nil {
			if a.Kind == vrftable.Group {
				w.choose(v, j)
				continue // with a member, as if that had been found
			}
			b.leave(uint(b.at[j]), oddHop(a, t&0xff, total, mem.load16(l3+6)))
			j++
			continue
		}
		mem.store32(l3+8, t)
		// The header, of 14, 18 or 22 bytes, in three words that overlap: from 0, from 4, 6 or 8, and its last 8.
		h, hdr := headerOf(a), uint(a.HdrLen)
		start, mid, end := l3-hdr, hdr/2-3, hdr-8
		mem.store64(start, h.load64(0))
		mem.store64(start+mid, h.load64(mid))
		mem.store64(start+end, h.load64(end))
		k := out.n & (MaxBurst - 1)
		if k == 0 {
			b.queue[b.queues&(MaxBurst-1)] = uint8(a.Port)
			b.queues++
		}
		d, sent := wordsOf(&b.d[b.at[j]]), wordsOf(&out.d[k])
		sent[0] = uint64(start) | uint64(total+uint32(hdr))<<descLen
		sent[1] = d[1]&^(0xffff|uint64(packet.FlagTCI)<<descFlags) | uint64(a.Port)
		out.n++
		c := &ifTx[a.Iface]
		c.packets.add(1)
		c.bytes.add(uint64(total))
		j++
	}
}

// transmit sends what rewrite has queued, one burst per egress port. The port has its frames by hand-over or as copies.
func (w *Worker) transmit(v *vrftable.View) {
	b := &w.b
	for _, number := range b.queue[:b.queues] {
		out := w.out[number]
		bytes, n := lengths(out.d[:out.n]), 0 // before the port pads them
		if b.tap == nil {
			n = out.port.TxBurst(b.in.arena, out.d[:out.n])
		} else {
			n = w.tapTx(v, out, number)
		}
		if n < out.n {
			bytes -= w.untaken(v, out, n, TxFull)
		}
		if out.arena != b.in.arena {
			b.in.port.Free(out.d[:n])
		}
		w.count.sent.add(uint64(n))
		w.count.portTx[number].packets.add(uint64(n))
		w.count.portTx[number].bytes.add(bytes)
		out.n = 0
	}
	b.queues = 0
}

// lengthsEach adds the frames' lengths up one by one.
func lengthsEach(d []packet.Desc) (bytes uint64) {
	for i := range d {
		bytes += uint64(d[i].Len)
	}
	return bytes
}
