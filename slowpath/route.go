package slowpath

import (
	"vrfwd/forwarder"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// origin says where a packet comes from.
type origin uint8

const (
	transit  origin = iota // received by a worker
	fromHost               // read from a TUN device
	made                   // an ICMP message of this package
)

// scope is the context that a packet, and what answers it, is routed in: see the package documentation.
type scope struct {
	table, flags uint16
	iface        uint16 // the ingress primary; 0: none
}

// datagram is a packet on its way. ip is never written to: it may be quoted by an error later.
type datagram struct {
	scope
	ip     packet.IPv4
	origin origin
	group  bool // came in a link-layer broadcast or multicast
}

// punted handles a frame from a worker.
func (p *Path) punted(frame []byte, desc packet.Desc) Outcome {
	l2, err := packet.ParseVLAN(frame)
	if err != nil {
		return Malformed
	}
	vlan := uint16(0)
	switch {
	case l2.Tags() > 1 || l2.Tags() == 1 && desc.Flags&packet.FlagTCI != 0:
		return Malformed
	case l2.Tags() == 1:
		vlan = l2.TCI(0).VID()
	case desc.Flags&packet.FlagTCI != 0:
		vlan = packet.TCI(desc.TCI).VID()
	}
	in := p.ingress(desc.Port, vlan)
	if in.State&vrftable.IngressUp == 0 {
		return NoInterface
	}
	if l2.EtherType() == packet.EtherTypeARP {
		return p.arp(frame[len(l2):], p.links.byKey[keyOf(desc.Port, vlan)])
	}
	ip, err := packet.ParseIPv4(frame[len(l2):])
	if err != nil || l2.EtherType() != packet.EtherTypeIPv4 || !ip.ChecksumOK() {
		return Malformed
	}
	return p.route(&datagram{
		scope: scope{in.Table, in.Flags, in.Iface}, ip: ip, origin: transit, group: packet.Ethernet(frame).Dst().IsGroup(),
	})
}

// ingress returns the record of a layer 2 interface, as workers see it.
func (p *Path) ingress(port, vlan uint16) vrftable.Ingress {
	if int(port) < len(p.view.Ports) && p.view.Ports[port] != nil {
		return p.view.Ports[port][vlan]
	}
	return vrftable.Ingress{}
}

// route decides what becomes of a packet, in the order in which a worker does.
func (p *Path) route(d *datagram) Outcome {
	if fault, routed := checkOptions(d.ip.Options()); fault >= 0 {
		return p.answer(d, ParameterProblem, uint32(packet.IPv4HeaderLen+fault)<<24)
	} else if routed {
		return SourceRouted
	}
	a := *p.adjacency(d)
	switch a.Kind {
	case vrftable.Forward, vrftable.Glean:
	case vrftable.Local:
		return p.local(d, a.VR)
	case vrftable.Reject:
		return p.answer(d, HostUnreachable, 0)
	case vrftable.Discard:
		return Discarded
	default:
		return p.answer(d, NetUnreachable, 0)
	}
	on := p.links.byIface[a.Iface]
	if a.Kind == vrftable.Glean && on == nil { // a share on a layer 2 interface without primary: nobody speaks ARP there
		return p.answer(d, HostUnreachable, 0)
	}
	if a.Kind == vrftable.Glean && a.Gateway == 0 {
		a.Gateway = d.ip.Dst()
		if on.broadcast(a.Gateway) {
			return Broadcast
		}
	}
	switch {
	case d.origin == transit && d.ip.TTL() < 2:
		return p.answer(d, TimeExceeded, 0)
	case len(d.ip) > int(a.MTU) && d.ip.DF():
		return p.answer(d, FragmentationNeeded, uint32(a.MTU))
	}
	if a.Kind == vrftable.Forward {
		return p.forward(d, &a, a.Header[:a.HdrLen], on)
	}
	return p.resolve(d, &a, on)
}

// adjacency returns what a packet leads to: of a group of next hops the member that a worker chooses for its flow too.
func (p *Path) adjacency(d *datagram) *vrftable.Adjacency {
	a := p.view.Lookup(d.table, d.flags, d.ip.Dst())
	if a.Kind == vrftable.Group {
		a = p.view.Member(a, p.view.Seed.FlowHash(d.ip.Src(), d.ip.Dst(), d.ip.Ports(), d.ip.Protocol()))
	}
	return a
}

// forward sends a packet: with one hop less and its options filled in if it only passes through, and in fragments if it
// is too large. on is the egress link; nil: a static neighbour on a layer 2 interface without primary.
func (p *Path) forward(d *datagram, a *vrftable.Adjacency, header []byte, on *link) Outcome {
	ip := packet.IPv4(p.scratch[:copy(p.scratch[:packet.MaxFrameSize], d.ip)])
	if d.origin == transit {
		if len(ip.Options()) > 0 {
			p.stamp(ip, d.scope, p.egressAddress(on, a.Gateway))
		}
		ip.DecrementTTL()
	}
	if len(ip) <= int(a.MTU) {
		return p.send(ip, a, header)
	}
	for f := range fragments(ip, int(a.MTU), p.scratch[packet.MaxFrameSize:]) {
		if sent := p.send(f, a, header); sent != Sent {
			return sent
		}
	}
	return Fragmented
}

// egressAddress is what record route writes: the address of the interface that the packet leaves by (RFC 1812 5.2.4.2).
func (p *Path) egressAddress(on *link, gateway uint32) uint32 {
	if on == nil {
		return 0
	}
	return p.source(on, gateway)
}

// send sends one IPv4 packet and counts it on its egress interface.
func (p *Path) send(ip packet.IPv4, a *vrftable.Adjacency, header []byte) Outcome {
	if o := p.transmit(a.Port, header, ip); o != Sent {
		return o
	}
	p.traffic.iface(a.Iface, len(ip))
	return Sent
}

// transmit puts a frame together and sends it.
func (p *Path) transmit(number uint16, header, payload []byte) Outcome {
	if int(number) >= len(p.ports) || p.ports[number] == nil {
		return NoPort
	}
	size := len(header) + len(payload)
	if size > packet.MaxFrameSize {
		return TxFull
	}
	d := [1]packet.Desc{p.out.Desc(0)}
	d[0].Len, d[0].Port = uint16(size), number
	frame := p.out.Frame(d[0])
	copy(frame[copy(frame, header):], payload)
	if p.ports[number].TxBurst(p.out, d[:]) != 1 {
		return TxFull
	}
	p.traffic.port(number, size)
	return Sent
}

// traffic is what the slow path has sent, as the workers count it: forwarder.IfaceCount, forwarder.PortCount.
type traffic struct {
	ifaces map[uint16]forwarder.Traffic
	ports  [forwarder.MaxPorts]forwarder.Traffic
}

func (t *traffic) iface(index uint16, size int) {
	if t.ifaces == nil {
		t.ifaces = map[uint16]forwarder.Traffic{}
	}
	n := t.ifaces[index]
	t.ifaces[index] = forwarder.Traffic{Packets: n.Packets + 1, Bytes: n.Bytes + uint64(size)}
}

func (t *traffic) port(number uint16, size int) {
	t.ports[number].Packets++
	t.ports[number].Bytes += uint64(size)
}

// IfaceTx returns what the slow path has sent by an IP interface: packets, and their bytes from layer 3 on. Add it to the
// workers' forwarder.IfaceCount.Tx.
func (p *Path) IfaceTx(index uint16) forwarder.Traffic {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.traffic.ifaces[index]
}

// PortTx returns what the slow path has sent by a port: frames, ARP among them, and their bytes without FCS and padding.
// Add it to the workers' forwarder.PortCount.Tx.
func (p *Path) PortTx(number uint16) forwarder.Traffic {
	if number >= forwarder.MaxPorts {
		return forwarder.Traffic{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.traffic.ports[number]
}
