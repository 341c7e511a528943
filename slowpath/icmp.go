package slowpath

import (
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// The shape of what is made here.
const (
	madeTTL   = 64
	errorSize = 576 // most bytes of an ICMP error, IP header included: RFC 1812 4.3.2.3

	tosMask        = 0x1e // type of service proper
	internetworkCt = 0xc0 // precedence of ICMP errors: RFC 1812 4.3.2.5
)

// answer makes an ICMP error about a packet, where the rules and the limits allow one. rest is the second word of the
// message. The packet's own fate is told by what is returned.
func (p *Path) answer(d *datagram, m Message, rest uint32) Outcome {
	if d.origin == made {
		return Undeliverable
	}
	src, ok := p.errorSource(d)
	switch {
	case !ok || !p.mayAnswer(d):
		p.count.Messages[m].Suppressed++
		return Suppressed
	case !p.allow(m, d.iface):
		p.count.Messages[m].Limited++
		return Limited
	}
	quote := d.ip[:min(len(d.ip), errorSize-packet.IPv4HeaderLen-packet.ICMPv4HeaderLen)]
	ip := p.newPacket(src, d.ip.Src(), d.ip.TOS()&tosMask|internetworkCt, nil, packet.ICMPv4HeaderLen+len(quote))
	p.message(ip, d.scope, m, rest, quote)
	return Answered
}

// newPacket makes the header of an ICMP packet, with room for size bytes behind it.
func (p *Path) newPacket(src, dst uint32, tos uint8, options []byte, size int) packet.IPv4 {
	ip := make(packet.IPv4, packet.IPv4HeaderLen+len(options)+size)
	copy(ip[packet.IPv4HeaderLen:], options)
	ip.SetHeaderLen(packet.IPv4HeaderLen + len(options))
	ip.SetTOS(tos)
	ip.SetTotalLen(len(ip))
	ip.SetID(p.id)
	ip.SetTTL(madeTTL)
	ip.SetProtocol(packet.ProtoICMP)
	ip.SetSrc(src)
	ip.SetDst(dst)
	ip.SetChecksum()
	p.id++
	return ip
}

// message fills in the ICMP message and routes the packet.
func (p *Path) message(ip packet.IPv4, in scope, m Message, rest uint32, data []byte) {
	icmp := packet.ICMPv4(ip.Payload())
	icmp.SetType(messages[m].icmpType)
	icmp.SetCode(messages[m].code)
	icmp.SetRest(rest)
	copy(icmp.Payload(), data)
	icmp.SetChecksum()
	p.count.Messages[m].Made++
	p.count.Originated++
	p.settle(p.route(&datagram{scope: in, ip: ip, origin: made}))
}

// errorSource returns the address that an error about d comes from: one of the ingress primary. An error of the host that
// was addressed comes from the address that was. So does one to a program behind a TUN device: all own addresses are the
// kernel's too, which takes nothing from outside that has one of them as its source.
func (p *Path) errorSource(d *datagram) (uint32, bool) {
	if d.origin == fromHost || p.view.Lookup(d.table, d.flags, d.ip.Dst()).Kind == vrftable.Local {
		return d.ip.Dst(), true
	}
	in := p.links.byIface[d.iface]
	if in == nil {
		return 0, false
	}
	src := p.source(in, d.ip.Src())
	return src, src != 0
}

// mayAnswer applies RFC 1812 4.3.2.7 (RFC 1122 3.2.2): no error about an ICMP error, a broadcast or multicast of either
// layer, a fragment other than the first, or a source that is not one host's.
func (p *Path) mayAnswer(d *datagram) bool {
	src := d.ip.Src()
	switch {
	case d.group, d.ip.FragmentOffset() != 0, !unicast(src), d.ip.Dst()>>28 >= 0xe:
		return false
	case d.ip.Protocol() == packet.ProtoICMP:
		if b := d.ip.Payload(); len(b) == 0 || !query(b[0]) {
			return false
		}
	}
	if d.origin == fromHost {
		return true
	}
	if in := p.links.byIface[d.iface]; in != nil && in.broadcast(src) {
		return false
	}
	to := p.view.Lookup(d.table, d.flags, d.ip.Dst())
	if on := p.links.byIface[to.Iface]; to.Kind == vrftable.Glean && to.Gateway == 0 && on != nil && on.broadcast(d.ip.Dst()) {
		return false
	}
	return p.view.Lookup(d.table, d.flags, src).Kind != vrftable.Local
}

// unicast tells whether an address can be that of one host: RFC 1812 5.3.7.
func unicast(a uint32) bool { return a>>24 != 0 && a>>24 != 127 && a>>28 < 0xe }

// query tells whether an ICMP type is a question or its answer, and certainly not an error: echo, router discovery,
// timestamp, information, address mask. An unknown type may be an error: nothing answers it (RFC 1122 3.2.2).
func query(icmpType uint8) bool {
	switch icmpType {
	case 0, 8, 9, 10, 13, 14, 15, 16, 17, 18:
		return true
	}
	return false
}

// echo answers an echo request to an own address (RFC 792, RFC 1122 3.2.2.6): record route and timestamp are filled in and
// go back with it.
func (p *Path) echo(d *datagram, request packet.ICMPv4) Outcome {
	if d.group || !unicast(d.ip.Src()) {
		p.count.Messages[EchoReply].Suppressed++
		return Suppressed
	}
	if !p.allow(EchoReply, d.iface) {
		p.count.Messages[EchoReply].Limited++
		return Limited
	}
	ip := p.newPacket(d.ip.Dst(), d.ip.Src(), d.ip.TOS(), recorders(d.ip.Options()), len(request))
	if len(ip.Options()) > 0 {
		p.stamp(ip, d.scope, d.ip.Dst())
	}
	p.message(ip, d.scope, EchoReply, request.Rest(), request.Payload())
	return Answered
}
