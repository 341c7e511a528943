package slowpath

import (
	"encoding/binary"
	"time"

	"vrfwd/packet"
)

// defendInterval is the least time between two announcements that answer a conflict (RFC 5227 2.4).
const defendInterval = 10 * time.Second

// arp handles an ARP packet that came in on a link (RFC 826). There is no proxy ARP.
func (p *Path) arp(b []byte, on *link) Outcome {
	if on == nil {
		return NoInterface
	}
	a, err := packet.ParseARP(b)
	if err != nil {
		return Malformed
	}
	sender, mac, target := a.SenderIP(), a.SenderMAC(), a.TargetIP()
	switch {
	case a.Op() != packet.ARPRequest && a.Op() != packet.ARPReply, mac.IsGroup(), mac == packet.MAC{}, mac == on.mac:
		return ARPIgnored
	case on.owns(sender):
		p.conflict(on, sender, mac)
		return ARPConflict
	}
	asked := a.Op() == packet.ARPRequest && on.owns(target)
	taken := p.glean(on, sender, mac, asked)
	switch {
	case asked:
		p.sendARP(on, packet.ARPReply, mac, mac, target, sender)
		p.count.ARPReplies++
		return ARPAnswered
	case taken:
		return ARPTaken
	}
	return ARPIgnored
}

// glean takes what an ARP packet says of its sender, if the sender is known, or asked for an own address from a network of
// the primary: an answer will be wanted soon (RFC 826's merge flag).
func (p *Path) glean(on *link, sender uint32, mac packet.MAC, asked bool) bool {
	key := neighborKey{on.key, sender}
	n := p.neighbors[key]
	if n == nil {
		if !asked || !unicast(sender) || !on.subnet(sender) || on.broadcast(sender) {
			return false
		}
		if n = p.newNeighbor(key); n == nil {
			return false
		}
	}
	p.hear(n, on, mac)
	return true
}

// conflict notes that another station uses an own address, and says once more whose it is.
func (p *Path) conflict(on *link, addr uint32, mac packet.MAC) {
	if p.now.Sub(on.defended) < defendInterval {
		return
	}
	on.defended = p.now
	p.log.Warn("slowpath: another station uses this router's address", "interface", on.name, "address", address(addr),
		"mac", mac)
	p.announceAddress(on, addr)
}

// announce tells the stations of a link the primary's addresses (RFC 5227 2.3).
func (p *Path) announce(on *link) {
	for _, a := range on.addrs {
		p.announceAddress(on, host(a.Addr()))
	}
}

func (p *Path) announceAddress(on *link, addr uint32) {
	p.sendARP(on, packet.ARPRequest, packet.Broadcast(), packet.MAC{}, addr, addr)
	p.count.Announcements++
}

// sendARP sends an ARP packet from an own address. What the port does not take is lost: ARP asks again.
func (p *Path) sendARP(on *link, op uint16, to, targetMAC packet.MAC, sender, target uint32) {
	var header [packet.EthernetLen + packet.TagLen]byte
	var b [packet.ARPLen]byte
	packet.ARP(b[:]).Set(op, on.mac, sender, targetMAC, target)
	p.transmit(on.port, header[:putHeader(header[:], to, on, packet.EtherTypeARP)], b[:])
}

// putHeader writes the layer 2 header of what leaves by a link, tag and all, and returns its length.
func putHeader(b []byte, to packet.MAC, on *link, etherType uint16) int {
	copy(b, to[:])
	copy(b[6:], on.mac[:])
	n := 12
	if on.vlan != 0 {
		binary.BigEndian.PutUint16(b[n:], packet.EtherTypeVLAN)
		binary.BigEndian.PutUint16(b[n+2:], on.vlan)
		n += packet.TagLen
	}
	binary.BigEndian.PutUint16(b[n:], etherType)
	return n + 2
}
