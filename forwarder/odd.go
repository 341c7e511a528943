package forwarder

import (
	"math/bits"

	"vrfwd/lpm"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// The cold arms of the stages: why a packet is not like the others. They see one packet at a time and are kept out of
// the stages' code.

// badFrame judges a descriptor that classify cannot use.
//
//go:noinline
func badFrame(off, length, size uint) Reason {
	if off < Reserve || off+length > size {
		return BadDescriptor
	}
	return Runt
}

// oddFrame judges a frame that is not IPv4 to a port's primary. etherType is in the byte order of memory and l3 the
// bytes after the layer 2 header, not below 0 for a frame of shortest bytes and at most one tag.
//
//go:noinline
func oddFrame(p *vrftable.Ingress, etherType uint16, l3 uint) Reason {
	switch {
	case p.Iface == 0:
		return NoPrimary
	case p.State&vrftable.IngressUp == 0:
		return InterfaceDown
	case etherType == packet.EtherTypeARP>>8|packet.EtherTypeARP&0xff<<8:
		return ARP
	case etherType != leIPv4:
		return NotIPv4
	case l3 < packet.IPv4HeaderLen:
		return Runt
	}
	return LinkMulticast
}

// oddHeader judges an IPv4 header that is not plain and good: in the order of RFC 1812 5.2.2, then options, then
// martians. It returns true for one that has nothing wrong but options that ask nothing of a router.
//
//go:noinline
func (w *Worker) oddHeader(l3, room uint) (Reason, bool) {
	frame := w.b.in.arena.Bytes()[l3 : l3+room]
	if frame[0]>>4 != 4 {
		return BadVersion, false
	}
	header := int(frame[0]&0xf) * 4
	if header < packet.IPv4HeaderLen || header > len(frame) {
		return BadIHL, false
	}
	if total := int(frame[2])<<8 | int(frame[3]); total < header || total > len(frame) {
		return BadLength, false
	}
	if packet.Checksum(frame[:header]) != 0 {
		return BadChecksum, false
	}
	switch {
	case w.martian[frame[12]] != 0:
		return MartianSource, false
	case w.martian[frame[16]] != 0:
		return MartianDestination, false
	}
	return oddOptions(frame[packet.IPv4HeaderLen:header])
}

// The options that ask a router to act.
const (
	optionEnd         = 0
	optionNop         = 1
	optionRecordRoute = 7   // RFC 791 3.1
	optionTimestamp   = 68  // RFC 791 3.1
	optionLooseRoute  = 131 // RFC 791 3.1
	optionStrictRoute = 137 // RFC 791 3.1
	optionRouterAlert = 148 // RFC 2113
)

// oddOptions walks the options. Those that every router may ignore are passed on as they are (RFC 1812 4.2.2.6).
func oddOptions(o []byte) (Reason, bool) {
	act := false
	for len(o) > 0 && o[0] != optionEnd {
		n := 1
		if o[0] != optionNop {
			if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
				return BadOptions, false
			}
			n = int(o[1])
		}
		switch o[0] {
		case optionRecordRoute, optionTimestamp, optionLooseRoute, optionStrictRoute, optionRouterAlert:
			act = true
		}
		o = o[n:]
	}
	return Options, !act
}

// oddHop judges a packet that is not simply forwarded. ttl is what would be sent; fragment is the flags and fragment offset
// in the byte order of memory. The router itself takes packets of any TTL (RFC 1812 5.3.1).
//
//go:noinline
func oddHop(a *vrftable.Adjacency, ttl, total uint32, fragment uint16) Reason {
	switch a.Kind {
	case vrftable.NoRoute:
		return NoRoute
	case vrftable.Discard:
		return Discard
	case vrftable.Reject:
		return Reject
	case vrftable.Local:
		return Local
	case vrftable.Glean, vrftable.Forward:
	default:
		return Unknown
	}
	const dontFragment = 0x40
	switch {
	case ttl == 0:
		return TTLExpired
	case a.Kind == vrftable.Glean:
		return Glean
	case total <= uint32(a.MTU):
		return NoPort
	case fragment&dontFragment != 0:
		return MTUExceeded
	}
	return Fragment
}

// leFragment are the bits of a fragment in the byte order of memory: more fragments, or an offset.
const leFragment = uint16(packet.FlagMF|packet.FragmentOffset)>>8 | uint16(packet.FlagMF|packet.FragmentOffset)&0xff<<8

// choose replaces the hops that are groups, from packet first on, by those of the members that the packets' flows go by,
// which are no groups, and counts the packets for these. It goes over the burst once, so that the core overlaps what the
// packets wait for: one by one it takes two to three times as long.
//
// Fragments of a packet go one way, that of its addresses and protocol: none but the first has ports.
//
//go:noinline
func (w *Worker) choose(v *vrftable.View, first uint) {
	b, mem, n := &w.b, w.b.in.mem, uint(0)
	for j, live := first, within(b.live); j < live; j++ {
		b.group[n&(MaxBurst-1)] = uint8(j)
		n += (uint(v.Adj[b.hop[j]].Kind^vrftable.Group) - 1) >> (bits.UintSize - 1)
	}
	for _, j := range b.group[:min(n, MaxBurst)] {
		l3, total, group := uint(b.l3[j]), uint(b.total[j]), v.Adj[b.hop[j]].Group%vrftable.MaxGroups
		protocol, ports := mem.load8(l3+9), uint32(0)
		header := uint(mem.load8(l3)&0xf) * 4
		if (protocol == packet.ProtoTCP || protocol == packet.ProtoUDP) && mem.load16(l3+6)&leFragment == 0 && total >= header+4 {
			ports = bits.ReverseBytes32(mem.load32(l3 + header))
		}
		hash := v.Seed.FlowHash(bits.ReverseBytes32(mem.load32(l3+12)), b.key[j].Addr, ports, protocol)
		slot, member := v.Groups[group].Load(hash)
		b.hop[j], b.place[j] = lpm.Hop(slot), uint32(slot)*adjSize
		c := &w.count.groups[group][member%vrftable.MaxPaths]
		c.packets.add(1)
		c.bytes.add(uint64(total))
	}
}

// untaken drops the frames of a queue that the port did not take, and takes them back from the egress interfaces'
// counters, which rewrite had already given them to. It returns their bytes.
//
//go:noinline
func (w *Worker) untaken(v *vrftable.View, out *egress, taken int, r Reason) (bytes uint64) {
	b, j := &w.b, 0
	for _, d := range out.d[taken:out.n] {
		bytes += uint64(d.Len)
		j = b.packetOf(d, j)
		iface := v.Adj[b.hop[j]].Iface
		c := &w.count.ifTx[iface]
		c.packets.add(^uint64(0))
		c.bytes.add(-uint64(b.total[j]))
		if b.tap != nil {
			w.tapDropped(d, d.Port, iface, r)
		}
	}
	w.count.dropped[r].add(uint64(out.n - taken))
	b.in.port.Free(out.d[taken:out.n])
	return bytes
}

// packetOf returns the place in the dense arrays of the packet that a queued frame is, which is the j-th or one behind it: the only one
// whose IPv4 header is where the frame's can be.
func (b *burst) packetOf(d packet.Desc, j int) int {
	for j < b.live-1 && b.l3[j]-d.Off > maxHeader {
		j++
	}
	return j
}

// maxHeader is the longest layer 2 header of an adjacency, in bytes.
const maxHeader = uint32(len(vrftable.Adjacency{}.Header))

// settle drops or punts every packet that left the fast path, counts it once and gives its frame back.
func (w *Worker) settle(v *vrftable.View) {
	b := &w.b
	if b.gone == 0 {
		return
	}
	for k := range b.gone {
		d, r := b.d[b.left[k]], b.why[k]
		b.back[k] = d
		if w.slow != nil && r.Verdict() == Slow {
			if w.slow.punt(b.in, d, r) {
				w.count.punted[r].add(1)
				continue
			}
			if !r.ICMPError() {
				r = SlowFull
			}
		}
		w.count.dropped[r].add(1)
		if b.tap != nil {
			w.tapDropped(d, b.in.number, w.ingressIface(v, d), r)
		}
	}
	if w.slow != nil {
		w.slow.publish()
	}
	b.in.port.Free(b.back[:b.gone])
}
