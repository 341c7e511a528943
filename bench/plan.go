package bench

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"vrfwd/packet"
)

// The plan of the network: who has which port, VLAN, name and address. Everything follows from the number of an uplink
// u, a customer c or a next hop h, all from 0, so that the vrftable.Table and the model are made from the same plan and
// from nothing of each other.
//
//	ports     0 .. uplinks-1            uplinks, untagged
//	          uplinks ..                trunks of 2,000 customers each
//	VLANs     1+2c, 2+2c (of a trunk)   circuit of customer c, and its second circuit
//	addresses 100.64+u.0.0/16           uplink u: the router is .0.1, next hops from .0.2 on
//	          100.80.0.0/12             customers' public prefixes: /24 each, /26 where there are more than 4,096
//	          100.96.0.0/13             second circuits: /30 each
//	          100.112.0.0/14            CE loopbacks: /32 each
//	          100.127.254.1             the parent's loopback
//	          100.127.255.0/30          PE-CE circuit, the same in every VRF: the router is .1, the CE .2
//
// All of it is shared address space (RFC 6598), in which no Internet table has prefixes.
type plan struct{ uplinks, customers int }

const (
	trunkCustomers = 2000
	maxWire        = 1518 // bytes, with tag and FCS: what leaves fits MTU 1500
	ownAddresses   = 100 << 24
)

// planned is all of the plan's addresses.
func planned() netip.Prefix { return prefix4(ownAddresses|64<<16, 10) }

func host4(a uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], a)
	return netip.AddrFrom4(b)
}

func prefix4(a uint32, bits int) netip.Prefix { return netip.PrefixFrom(host4(a), bits) }

// circuit is a layer 2 interface.
type circuit struct{ port, vlan uint16 }

func (p plan) trunks() int { return (p.customers + trunkCustomers - 1) / trunkCustomers }
func (p plan) ports() int  { return p.uplinks + p.trunks() }

func (p plan) uplink(u int) circuit { return circuit{port: uint16(u)} }

func (p plan) first(c int) circuit {
	return circuit{uint16(p.uplinks + c/trunkCustomers), uint16(1 + 2*(c%trunkCustomers))}
}

func (p plan) second(c int) circuit {
	l := p.first(c)
	l.vlan++
	return l
}

// Names.

func portName(port uint16) string { return fmt.Sprintf("port%d", port) }

func (l circuit) name() string { return fmt.Sprintf("port%d.%d", l.port, l.vlan) }

func uplinkName(u int) string    { return fmt.Sprintf("uplink%d", u) }
func vrfName(c int) string       { return fmt.Sprintf("vpn%d", c) }
func ceName(c int) string        { return vrfName(c) + "-ce" }       // primary on the circuit
func secondName(c int) string    { return vrfName(c) + "-internet" } // primary on the second circuit, in the parent
func shareName(c int) string     { return vrfName(c) + "-uplink" }   // the VRF's share on an uplink
func backShareName(c int) string { return "to-" + vrfName(c) }       // the parent's share on the circuit

// Addresses.

func uplinkNet(u int) uint32 { return ownAddresses | uint32(64+u)<<16 }

// uplinkOf returns the uplink of a next hop and its place there.
func (p plan) uplinkOf(h int) (u, place int) { return h % p.uplinks, h / p.uplinks }

func (p plan) nextHop(h int) uint32 {
	u, place := p.uplinkOf(h)
	return uplinkNet(u) + 2 + uint32(place)
}

const publicSpace = ownAddresses | 80<<16

// public is customer c's prefix that the Internet may reach.
func (p plan) public(c int) (addr uint32, bits int) {
	if p.customers <= 4096 {
		return publicSpace + uint32(c)<<8, 24
	}
	return publicSpace + uint32(c)<<6, 26
}

func secondNet(c int) uint32  { return ownAddresses | 96<<16 + uint32(c)<<2 }
func ceLoopback(c int) uint32 { return ownAddresses | 112<<16 + uint32(c) }

const (
	loopback = ownAddresses | 127<<16 | 254<<8 | 1
	ceNet    = ownAddresses | 127<<16 | 255<<8
	ceRouter = ceNet + 1
	ceHost   = ceNet + 2
)

// MAC addresses: locally administered.

func portMAC(port uint16) packet.MAC { return packet.MAC{2, 0, 0, 0, byte(port >> 8), byte(port)} }
func nextHopMAC(h int) packet.MAC    { return packet.MAC{2, 1, 0, byte(h >> 16), byte(h >> 8), byte(h)} }
func ceMAC(c int) packet.MAC         { return packet.MAC{2, 2, 0, byte(c >> 16), byte(c >> 8), byte(c)} }

// What the sink can tell of a frame is the layer 2 interface that it left through, and whose that is. These numbers are
// gen.Signature's Egress and Context; IP interfaces, shares among them, are proved by their counters.

func uplinkL2(u int) uint16          { return uint16(1 + u) }
func (p plan) firstL2(c int) uint16  { return uint16(1 + p.uplinks + 2*c) }
func (p plan) secondL2(c int) uint16 { return p.firstL2(c) + 1 }
func ownerOf(c int) uint16           { return uint16(1 + c) }

// layer2 is the inverse: the number and the owner of a layer 2 interface, 0 where the plan has none.
func (p plan) layer2(l circuit) (number, owner uint16) {
	if int(l.port) < p.uplinks {
		if l.vlan != 0 {
			return 0, 0
		}
		return uplinkL2(int(l.port)), 0
	}
	c := (int(l.port)-p.uplinks)*trunkCustomers + (int(l.vlan)-1)/2
	if l.vlan == 0 || int(l.vlan) > 2*trunkCustomers || c >= p.customers {
		return 0, 0
	}
	return p.firstL2(c) + (l.vlan-1)%2, ownerOf(c)
}
