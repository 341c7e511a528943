package live

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"vrfwd/gen"
	"vrfwd/packet"
)

// arpHost answers ARP for the tester's addresses and asks for the router's (RFC 826). It belongs to the sink's thread and
// sends through the links' Rx.
type arpHost struct {
	spec  *Spec
	links []Link
	own   [][]*gen.Pool // by circuit: addresses that are answered for
	asked []uint32      // by circuit: the gateway that is being asked for; 0: none
	found []packet.MAC  // by circuit
	arena *packet.Arena

	Answered, Requests uint64
}

// newARPHost makes a host that answers for the circuits' addresses and, if all is set, for what streams come from and go to
// as well: hosts on the router's connected networks.
func newARPHost(s *Spec, links []Link, all bool) (*arpHost, error) {
	n := len(s.Circuits)
	h := &arpHost{spec: s, links: links, own: make([][]*gen.Pool, n), asked: make([]uint32, n), found: make([]packet.MAC, n)}
	for i := range s.Circuits {
		if p := s.Circuits[i].Addresses; p != nil {
			h.own[i] = append(h.own[i], p)
		}
	}
	if all {
		for i := range s.Streams {
			h.answerFor(&s.Streams[i])
		}
	}
	var err error
	h.arena, err = packet.NewArena(1, 128)
	return h, err
}

func (h *arpHost) answerFor(stream *Stream) {
	add := func(circuits []int, p *gen.Pool) {
		for _, c := range circuits {
			if c != Discard {
				h.own[c] = append(h.own[c], p)
			}
		}
	}
	add(stream.From, stream.Source)
	add(stream.To, stream.Destination)
	for _, x := range stream.Except {
		add(x.To, x.Destination)
	}
}

// waiting tells whether a gateway that was asked for has not answered yet.
func (h *arpHost) waiting() bool {
	return slices.ContainsFunc(h.asked, func(gateway uint32) bool { return gateway != 0 })
}

func (h *arpHost) close() { h.arena.Close() }

// mac is the tester's address on a circuit.
func (s *Spec) mac(circuit int, links []Link) packet.MAC {
	c := &s.Circuits[circuit]
	if c.MAC != (packet.MAC{}) {
		return c.MAC
	}
	return links[c.Port].MAC
}

// receive takes an ARP packet that came in on a circuit.
func (h *arpHost) receive(circuit int, payload []byte) {
	a, err := packet.ParseARP(payload)
	if err != nil {
		return
	}
	// Whoever speaks tells his own address, whatever he asks for.
	if want := h.asked[circuit]; want != 0 && a.SenderIP() == want {
		h.found[circuit], h.asked[circuit] = a.SenderMAC(), 0
	}
	if a.Op() != packet.ARPRequest || a.SenderIP() == a.TargetIP() || a.TargetIP() == h.spec.Circuits[circuit].Gateway {
		return
	}
	for _, p := range h.own[circuit] {
		if p.Holds(a.TargetIP()) {
			mac := h.spec.mac(circuit, h.links)
			h.send(circuit, a.SenderMAC(), func(reply packet.ARP) {
				reply.Set(packet.ARPReply, mac, a.TargetIP(), a.SenderMAC(), a.SenderIP())
			})
			h.Answered++
			return
		}
	}
}

// ask sends a request for each circuit whose gateway is not known yet, from one of the tester's addresses there, and returns
// how many there are.
func (h *arpHost) ask(from func(circuit int) uint32) (waiting int) {
	for circuit, gateway := range h.asked {
		if gateway == 0 {
			continue
		}
		waiting++
		h.Requests++
		h.send(circuit, packet.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, func(request packet.ARP) {
			request.Set(packet.ARPRequest, h.spec.mac(circuit, h.links), from(circuit), packet.MAC{}, gateway)
		})
	}
	return waiting
}

// send sends one ARP packet. What the port has no room for is lost, as on any wire: who asks will ask again.
func (h *arpHost) send(circuit int, dst packet.MAC, fill func(packet.ARP)) {
	c := &h.spec.Circuits[circuit]
	d := h.arena.Desc(0)
	l2 := packet.EthernetLen
	if c.VLAN != 0 {
		l2 += packet.TagLen
	}
	d.Len = uint16(l2 + packet.ARPLen)
	frame := h.arena.Frame(d)
	eth := packet.Ethernet(frame)
	eth.SetDst(dst)
	eth.SetSrc(h.spec.mac(circuit, h.links))
	if c.VLAN != 0 {
		eth.SetEtherType(packet.EtherTypeVLAN)
		binary.BigEndian.PutUint16(frame[packet.EthernetLen:], c.VLAN)
	}
	binary.BigEndian.PutUint16(frame[l2-2:], packet.EtherTypeARP)
	fill(packet.ARP(frame[l2:]))
	h.links[c.Port].Rx.TxBurst(h.arena, []packet.Desc{d})
}

// addrText gives an address as people write it.
func addrText(addr uint32) string {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, addr))).String()
}
