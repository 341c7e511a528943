package e2e

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"

	"vrfwd/packet"
)

// input is a frame that both routers are sent.
type input struct {
	id      uint16 // in the IPv4 header, and in what a reply may quote
	in      *circuit
	frame   []byte
	oddity  string // what is wrong with the frame, or special in it; "": nothing
	ip      packet.IPv4
	to      route // where a packet of its destination goes
	options string
}

// generator makes packets at random: most are what users send, some are at the edge of the rules, some beyond it.
type generator struct {
	net  *network
	rand *rand.Rand
	next uint16
	used map[netip.Addr]int // how often a packet came from an address
}

func newGenerator(n *network, seed uint64) *generator {
	return &generator{net: n, rand: rand.New(rand.NewPCG(seed, 1)), used: map[netip.Addr]int{}}
}

func (g *generator) one(in int) bool { return g.rand.IntN(in) == 0 }

func pick[T any](g *generator, from ...T) T { return from[g.rand.IntN(len(from))] }

// packet makes the next packet.
func (g *generator) packet() input {
	in := pick(g, g.net.circuits...)
	i := input{id: g.next, in: in}
	if g.next++; g.next == markID {
		g.next++
	}
	from, to := g.source(in), g.destination(in)
	i.to = g.net.lookup(in, to)
	header := ipHeader{id: i.id, from: from, to: to, tos: pick[uint8](g, 0, 0, 0, 0x10, 0xb8, 0x03, 0xff), ttl: g.ttl()}
	header.protocol = pick[uint8](g, 17, 17, 17, 6, 6, 1, 1, 47, 253)
	switch g.rand.IntN(20) {
	case 0:
		header.fragment = packet.FlagMF
	case 1:
		header.fragment = uint16(1 + g.rand.IntN(100))
	case 2:
		header.fragment = packet.FlagMF | uint16(1+g.rand.IntN(100))
	case 3, 4, 5, 6, 7, 8, 9:
		header.fragment = packet.FlagDF
	}
	if g.one(16) {
		i.options, header.options = g.optionList()
	}
	length := g.length(in) - packet.IPv4HeaderLen - len(header.options)
	header.payload = g.payload(header, max(length, 8))
	i.ip = header.packet()
	i.frame = frameOf(in.router(), in.station(in.stations()[0]), packet.EtherTypeIPv4, i.ip)
	if g.one(8) {
		g.damage(&i)
	}
	if len(i.frame) < 60 && !g.one(4) {
		// Ethernet's padding, of no meaning.
		padded := make([]byte, 60)
		for n := copy(padded, i.frame); n < len(padded); n++ {
			padded[n] = byte(g.rand.Uint32())
		}
		i.frame = padded
	}
	return i
}

func (g *generator) ttl() uint8 {
	return pick[uint8](g, 64, 64, 64, 64, 64, 64, 64, 64, 255, 128, 3, 2, 2, 1, 1, 0)
}

// length is an IPv4 total length: from the smallest frame to what the link carries.
func (g *generator) length(in *circuit) int {
	switch g.rand.IntN(8) {
	case 0, 1:
		return 46
	case 2:
		return in.mtu
	case 3:
		return min(in.mtu, pick(g, 600, 601, 599, 604, 1500, 1496, 576))
	default:
		return 28 + g.rand.IntN(in.mtu-27)
	}
}

// source: mostly a customer's or an Internet host's address; sometimes a station, one of the router's, or no host's.
func (g *generator) source(in *circuit) netip.Addr {
	for {
		var a netip.Addr
		switch g.rand.IntN(12) {
		case 0:
			a = pick(g, in.stations()...)
		case 1:
			a = g.special(in)
		case 2:
			a = addr4(g.rand.Uint32())
		default:
			a = g.routed(in.vr)
		}
		// Linux sends an address no more than five unreachables at once (ip_error in net/ipv4/route.c, whose limit is the
		// machine's): so many packets may be answered.
		if g.used[a] < 5 {
			g.used[a]++
			return a
		}
	}
}

func (g *generator) destination(in *circuit) netip.Addr {
	switch g.rand.IntN(16) {
	case 0:
		return pick(g, in.stations()...)
	case 1:
		return g.special(in)
	case 2:
		return addr4(g.rand.Uint32())
	case 3:
		return in.addr.Addr()
	case 4, 5, 6, 7, 8, 9:
		return g.routed("")
	}
	return g.routed(in.vr)
}

// routed is an address that a VR has a route for: the first, the last or any of a prefix, or one just outside.
func (g *generator) routed(vr string) netip.Addr {
	r := pick(g, g.net.fib(vr)...)
	first, last := host4(r.prefix.Masked().Addr()), host4(lastOf(r.prefix))
	switch g.rand.IntN(10) {
	case 0:
		return addr4(first)
	case 1:
		return addr4(last)
	case 2:
		return addr4(last + 1)
	case 3:
		return addr4(first - 1)
	}
	return addr4(first + g.rand.Uint32()&(last-first))
}

// special is an address that no ordinary packet has there.
func (g *generator) special(in *circuit) netip.Addr {
	c := pick(g, g.net.circuits...)
	switch g.rand.IntN(8) {
	case 0:
		return pick(g, g.net.loopbacks...).addr
	case 1:
		return c.addr.Addr()
	case 2:
		return lastOf(pick(g, in, c).addr)
	case 3:
		return c.addr.Masked().Addr()
	case 4:
		return netip.MustParseAddr(pick(g, "255.255.255.255", "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.9.9.9"))
	case 5:
		return netip.MustParseAddr(pick(g, "224.0.0.1", "224.0.0.5", "239.1.2.3", "232.0.0.9"))
	case 6:
		return netip.MustParseAddr(pick(g, "240.0.0.1", "250.1.2.3", "255.255.255.254"))
	}
	return netip.MustParseAddr(pick(g, "169.254.1.1", "192.0.2.200", "100.64.0.1", "10.255.255.255", "172.16.0.1"))
}

// payload makes what a protocol's packet holds, with a checksum that is right where the whole of it is there.
func (g *generator) payload(h ipHeader, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.rand.Uint32())
	}
	if h.fragment&packet.FragmentOffset != 0 {
		return b
	}
	from, to := host4(h.from), host4(h.to)
	put := binary.BigEndian.PutUint16
	switch h.protocol {
	case packet.ProtoUDP:
		put(b, h.id)
		put(b[2:], 1024+uint16(g.rand.IntN(60000)))
		put(b[4:], uint16(n))
		put(b[6:], 0)
		if !g.one(8) {
			put(b[6:], cmpOr(packet.ChecksumPseudo(from, to, h.protocol, b), 0xffff))
		}
	case packet.ProtoTCP:
		if n < packet.TCPHeaderLen {
			break
		}
		put(b, h.id)
		b[12] = 5 << 4
		b[13] = pick(g, packet.TCPSyn, packet.TCPAck, packet.TCPAck|packet.TCPPsh, packet.TCPRst, packet.TCPFin|packet.TCPAck)
		put(b[16:], 0)
		put(b[16:], packet.ChecksumPseudo(from, to, h.protocol, b))
	case packet.ProtoICMP:
		g.icmp(h, b)
	}
	return b
}

func cmpOr(a, b uint16) uint16 {
	if a == 0 {
		return b
	}
	return a
}

// icmp makes an ICMP message: an echo request mostly, other queries, or an error about a packet of the same id.
func (g *generator) icmp(h ipHeader, b []byte) {
	b[0], b[1] = pick[uint8](g, 8, 8, 8, 8, 8, 8, 0, 13, 15, 17, 3, 11, 12, 42), 0
	binary.BigEndian.PutUint16(b[4:], h.id)
	if icmpError(b[0]) {
		if len(b) < 8+28 {
			b[0] = packet.ICMPEcho
		} else {
			clear(b[4:8])
			b[1] = pick[uint8](g, 0, 1, 1, 3)
			if b[0] != packet.ICMPDestUnreachable {
				b[1] = 0
			}
			quoted := ipHeader{id: h.id, from: h.to, to: h.from, ttl: 9, protocol: 17, payload: b[28 : 28+8]}
			copy(b[8:], quoted.packet())
		}
	}
	binary.BigEndian.PutUint16(b[2:], 0)
	binary.BigEndian.PutUint16(b[2:], packet.Checksum(b))
	if g.one(16) {
		b[2]++ // wrong
	}
}

func icmpError(icmpType uint8) bool {
	switch icmpType {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}

// optionList makes IPv4 options, padded to words (RFC 791 3.1).
func (g *generator) optionList() (name string, b []byte) {
	name = pick(g, "nop", "eol", "record-route", "record-route-full", "timestamp", "timestamp-address", "router-alert", "security", "stream", "unknown",
		"loose-route", "strict-route", "loose-route-done", "bad-length", "bad-zero", "bad-pointer", "two")
	hop := g.routed("").As4()
	switch name {
	case "nop":
		b = []byte{1, 1, 1, 1}
	case "eol":
		b = []byte{0, 0, 0, 0}
	case "record-route":
		b = append([]byte{7, 11, 4}, make([]byte, 8)...)
	case "record-route-full":
		b = []byte{7, 7, 8, 1, 2, 3, 4}
	case "timestamp":
		b = append([]byte{68, 12, 5, 0}, make([]byte, 8)...)
	case "timestamp-address":
		b = append([]byte{68, 20, 5, 1}, make([]byte, 16)...)
	case "router-alert":
		b = []byte{148, 4, 0, 0}
	case "security":
		b = append([]byte{130, 11}, make([]byte, 9)...)
	case "stream":
		b = []byte{136, 4, 1, 2}
	case "unknown":
		b = []byte{0x9e, 6, 1, 2, 3, 4}
	case "loose-route", "strict-route":
		b = append([]byte{131, 7, 4}, hop[:]...)
		if name == "strict-route" {
			b[0] = 137
		}
	case "loose-route-done":
		b = append([]byte{131, 7, 8}, hop[:]...)
	case "bad-length":
		b = []byte{7, 39, 4, 0}
	case "bad-zero":
		b = []byte{7, 0, 0, 0}
	case "bad-pointer":
		b = []byte{7, 7, 3, 0, 0, 0, 0}
	case "two":
		b = append([]byte{148, 4, 0, 0, 7, 11, 4}, make([]byte, 8)...)
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return name, b
}

// damage makes a frame odd. What does not change the IPv4 header's meaning keeps the checksum right, so that each fault
// stands alone.
func (g *generator) damage(i *input) {
	ip := i.frame[packet.EthernetLen:]
	total := int(binary.BigEndian.Uint16(ip[2:]))
	header := int(ip[0]&15) * 4
	sum := func() {
		if n := int(ip[0]&15) * 4; n >= 20 && n <= len(ip) {
			binary.BigEndian.PutUint16(ip[10:], 0)
			binary.BigEndian.PutUint16(ip[10:], packet.Checksum(ip[:n]))
		}
	}
	i.oddity = pick(g, "checksum", "version", "header-length", "header-beyond", "total-short", "total-long", "truncated", "trailer",
		"broadcast", "multicast", "other-station", "ethertype", "ipv6", "802.3", "tagged", "priority-tag", "runt")
	switch i.oddity {
	case "checksum":
		ip[10] ^= byte(1 + g.rand.IntN(255))
	case "version":
		ip[0] = ip[0]&15 | byte(pick(g, 0, 3, 5, 6, 15))<<4
		sum()
	case "header-length":
		ip[0] = 0x40 | byte(g.rand.IntN(5))
	case "header-beyond":
		ip[0] = 0x4f
		i.frame = i.frame[:packet.EthernetLen+min(len(ip), 20+g.rand.IntN(40))]
	case "total-short":
		binary.BigEndian.PutUint16(ip[2:], uint16(g.rand.IntN(header)))
		sum()
	case "total-long":
		binary.BigEndian.PutUint16(ip[2:], uint16(max(total, 60)+1+g.rand.IntN(1000)))
		sum()
	case "truncated":
		i.frame = i.frame[:packet.EthernetLen+header+g.rand.IntN(total-header)]
	case "trailer":
		for range min(1+g.rand.IntN(100), i.in.mtu-total) {
			i.frame = append(i.frame, byte(g.rand.Uint32()))
		}
	case "broadcast":
		copy(i.frame, net.HardwareAddr{255, 255, 255, 255, 255, 255})
	case "multicast":
		copy(i.frame, net.HardwareAddr{1, 0, 0x5e, 1, 2, 3})
	case "other-station":
		copy(i.frame, net.HardwareAddr{2, 0xaa, 0, 0, 0, 1})
	case "ethertype":
		binary.BigEndian.PutUint16(i.frame[12:], pick[uint16](g, 0x88b5, 0x0801, 0x8847, 0x0600))
	case "ipv6":
		binary.BigEndian.PutUint16(i.frame[12:], packet.EtherTypeIPv6)
	case "802.3":
		binary.BigEndian.PutUint16(i.frame[12:], uint16(min(len(ip), 1500)))
	case "tagged", "priority-tag":
		tag := []byte{0x81, 0, 0, 0}
		if i.oddity == "tagged" {
			binary.BigEndian.PutUint16(tag[2:], uint16(1+g.rand.IntN(4094)))
		} else {
			tag[2] = byte(g.rand.IntN(8)) << 5
		}
		i.frame = append(append(append([]byte{}, i.frame[:12]...), tag...), i.frame[12:]...)
	case "runt":
		i.frame = i.frame[:packet.EthernetLen+1+g.rand.IntN(19)]
	}
}

// ipHeader is the fields of an IPv4 packet.
type ipHeader struct {
	id, fragment       uint16
	from, to           netip.Addr
	tos, ttl, protocol uint8
	options, payload   []byte
}

// packet writes the packet, with the right lengths and checksum.
func (h ipHeader) packet() packet.IPv4 {
	n := packet.IPv4HeaderLen + len(h.options)
	b := make([]byte, n, n+len(h.payload))
	b[0] = 0x40 | byte(n/4)
	b[1] = h.tos
	binary.BigEndian.PutUint16(b[2:], uint16(n+len(h.payload)))
	binary.BigEndian.PutUint16(b[4:], h.id)
	binary.BigEndian.PutUint16(b[6:], h.fragment)
	b[8], b[9] = h.ttl, h.protocol
	binary.BigEndian.PutUint32(b[12:], host4(h.from))
	binary.BigEndian.PutUint32(b[16:], host4(h.to))
	copy(b[20:], h.options)
	binary.BigEndian.PutUint16(b[10:], packet.Checksum(b))
	return append(b, h.payload...)
}

// frameOf writes an Ethernet frame.
func frameOf(to, from net.HardwareAddr, etherType uint16, payload []byte) []byte {
	b := make([]byte, 0, packet.EthernetLen+len(payload))
	b = append(append(b, to...), from...)
	b = binary.BigEndian.AppendUint16(b, etherType)
	return append(b, payload...)
}
