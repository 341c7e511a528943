package gen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"vrfwd/lpm"
	"vrfwd/packet"
)

// Ingress is a layer 2 interface that generated frames enter the router through.
type Ingress struct {
	Port   uint16     // becomes Desc.Port
	VLAN   uint16     // 1..4094: frames carry this tag (802.1Q); 0: untagged
	Table  uint16     // VRF that its primary IP interface belongs to; 0: the parent VR. For Expect
	SrcMAC packet.MAC // the neighbour's: CE or peer
	DstMAC packet.MAC // the router's
	// Routes are the destinations behind the router that this ingress reaches without the parent's table. For a VPN
	// circuit its VRF's routes, sorted (leave out a default route that stands for the Internet); for an uplink the
	// customers' prefixes that the Internet may reach.
	Routes []lpm.Route
	// Hosts are the prefixes that source addresses come from; empty: for a VPN circuit its private Routes, or all if
	// it has none; for an uplink, and where there are none at all, Config.Global.
	Hosts []lpm.Route
}

// Class is what kind of destination a flow has.
type Class uint8

const (
	Local    Class = iota // VPN circuit to one of its VRF's own routes
	Internet              // VPN circuit to an address that its VRF has no route for: fallback
	Inbound               // uplink to a customer's prefix
	classes
)

var classNames = [...]string{Local: "local", Internet: "internet", Inbound: "inbound"}

// String gives the class as results name it.
func (c Class) String() string {
	if c < classes {
		return classNames[c]
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// Keys says how destinations are drawn, flow by flow.
type Keys uint8

const (
	// Routed: a prefix of the table, each as likely as any other, then an address in it.
	Routed Keys = iota
	// Covered: an address that the table covers, each as likely as any other.
	Covered
	// Uniform: like Covered, but Internet destinations are drawn from all routable addresses, whether the global
	// table covers them or not. Expect returns egress 0 for those it does not.
	Uniform
	// Each: the table's prefixes one after another, so that as many flows as prefixes meet every one, then an address in
	// it. Internet destinations only; others are Routed.
	Each
)

var keysNames = [...]string{Routed: "routed", Covered: "covered", Uniform: "uniform", Each: "each"}

// String gives the keys as flags and results name them.
func (k Keys) String() string {
	if int(k) < len(keysNames) {
		return keysNames[k]
	}
	return fmt.Sprintf("Keys(%d)", uint8(k))
}

// ParseKeys is String's inverse.
func ParseKeys(name string) (Keys, error) {
	if i := slices.Index(keysNames[:], name); i >= 0 {
		return Keys(i), nil
	}
	return 0, fmt.Errorf("gen: destinations %q: routed, covered, uniform and each are known", name)
}

// Sizes of a Traffic.
const (
	DefaultFlows = 64 << 10
	MaxFlows     = 4 << 20 // 64 bytes each, and 32 where lines are packed
)

// Config describes traffic.
type Config struct {
	VPN     []Ingress   // circuits of the customers
	Uplink  []Ingress   // interfaces of the parent VR to the Internet
	Global  []lpm.Route // the parent's table, sorted; where Internet destinations come from
	Inbound float64     // share of frames that enter through Uplink, 0..1; needs Uplink and their Routes
	// Fallback is the share of the VPN circuits' frames that go to the Internet, 0..1. Circuits without Routes send
	// Internet traffic only, and count towards it as the others do.
	Fallback float64

	Flows    int     // 0: DefaultFlows. Fewer than 4,096 are for tests: they stay in the caches
	First    uint32  // number of the first flow: traffic of several generators into one Checker
	Keys     Keys    // how destinations are drawn
	FlowZipf float64 // exponent s: frames by flow are Zipf distributed; 0: every flow in turn
	VRFZipf  float64 // exponent s: flows by ingress are Zipf distributed, ranks shuffled; 0: even
	Sizes    []Size  // empty: FixedSize(64)
	TTL      uint8   // 0: 64
	Seed     uint64

	// Unsigned leaves signature and sequence out: the template as it is, for the cheapest generator. Sent is then 0.
	Unsigned bool
	// Expect tells what must become of a frame: the IP interface it leaves through and the VR or VRF table that this
	// interface belongs to; egress 0: it is discarded. Called once per flow while the Traffic is made. Needed unless
	// Unsigned.
	Expect func(in *Ingress, dst uint32) (egress, context uint16)
}

// Flow tells what one flow is.
type Flow struct {
	Class    Class
	Ingress  *Ingress // in Config.VPN or Config.Uplink
	Src, Dst uint32   // host order
	Egress   uint16   // expected; 0: discarded
	Context  uint16   // expected
}

// Traffic fills frames. It is a fixed set of flows and an endless order over them, both made from the seed before the
// first frame, so that a frame costs one copy, one increment and no random number.
//
// Every flow is one cache line: the frame's first 60 bytes, complete with checksum and signature, and what belongs in
// the descriptor; a frame is a copy of the line with a sequence number written in.
//
//	0                                                              60     62    63    64
//	| Ethernet | [802.1Q] | IPv4 | UDP | signature | [0 0 0 0]    | Port  | seq | -   |
//	                                      ^ at frame[seq] the sequence number goes
//
// Flows in turn (FlowZipf 0) lie in the order in which they are sent, packed to half where their lines are alike (form):
// destinations and VRFs jump about, the lines are read in sequence, and the sequence number of all of them is the number
// of the round. Otherwise the order is a period of at least a million Zipf draws, made beforehand, and every flow has a
// counter. Counting in the line itself made every line dirty and took 1 ns more.
//
// IP header: 20 bytes, DF set and ID 0 (an atomic datagram, RFC 6864 4.1). UDP: checksum 0, "not computed" (RFC 768).
//
// A Traffic belongs to one goroutine. The same Config gives the same frames in the same order.
type Traffic struct {
	lines    [][LineLen]byte   // by flow
	packed   [][packedLen]byte // the same, for flows in turn, where they can be packed and there is a kernel to unpack them
	form     form
	flows    int
	first    uint32
	signed   bool
	order    []uint32 // flow by position, a power of two long; nil: flows in turn
	position int      // next in order, or the next flow
	round    uint32   // flows in turn: how often all have been sent
	next     []uint32 // otherwise: next sequence number by flow
	sizes    []resize
	pattern  []uint16 // index into sizes by frame; nil: all frames have the size in sizes[0]
	sized    int      // next in pattern
	sent     uint64
	kinds    []flowKind
	vpn      []Ingress
	uplink   []Ingress
}

// resize turns the lines' frame, of the smallest size, into one of another size.
type resize struct {
	length uint16 // Desc.Len
	more   uint16 // bytes more than the smallest
}

type flowKind struct {
	class   Class
	ingress uint32
}

const (
	LineLen = 64 // of a flow: a cache line
	portAt  = 60 // in a line
	seqOff  = 62
	// The sequence number is at 48, or 52 with a tag; written so, the compiler sees that it lies in the line.
	seqLow, seqMask = 48, 4
)

// A line holds the smallest frame.
const _ = uint(portAt - (signatureAt + packet.TagLen + signatureLen))

// Fill writes one frame of the traffic into each descriptor's slot: d[i].Off says where and stays; Len, Port (the
// ingress) and Mark (the flow's number) are set, TCI and Flags cleared. The tag is in the frame. At least 64 bytes from Off
// on must lie in the arena and are written; the slot must have room for MaxLen bytes.
func (t *Traffic) Fill(a *packet.Arena, d []packet.Desc) { t.fill(a.Bytes(), d) }

// FillSlots is Fill for slots of an arena that has some (packet.NewArena) that follow each other, from first on, each with its whole
// headroom: d need not say where.
func (t *Traffic) FillSlots(a *packet.Arena, first int, d []packet.Desc) {
	if t.order == nil && t.pattern == nil {
		t.fillInTurn(a.Bytes(), d, a.Desc(first).Off, uint32(a.Stride()))
		t.sent += uint64(len(d))
		return
	}
	for i := range d {
		d[i].Off = a.Desc(first + i).Off
	}
	t.fill(a.Bytes(), d)
}

func (t *Traffic) fill(mem []byte, d []packet.Desc) {
	if t.order != nil {
		t.fillOrdered(mem, d)
	} else {
		t.fillInTurn(mem, d, 0, 0)
	}
	if t.pattern != nil {
		t.resize(mem, d)
	}
	t.sent += uint64(len(d))
}

// fillInTurn fills frames that lie where the descriptors say or, with a stride, from off on so far apart.
func (t *Traffic) fillInTurn(mem []byte, d []packet.Desc, off, stride uint32) {
	for len(d) > 0 {
		n := t.fillRound(mem, d, off, stride)
		d, off = d[n:], off+uint32(n)*stride
	}
}

// fillRound does so for as many frames as the round has flows left, and returns how many.
func (t *Traffic) fillRound(mem []byte, d []packet.Desc, off, stride uint32) int {
	d = d[:min(len(d), t.flows-t.position)]
	mark, length, seq := t.first+uint32(t.position), t.sizes[0].length, t.round
	if !t.signed {
		seq = 0 // what the line has
	}
	i := 0
	if t.packed != nil {
		t.form.number(seq)
		i = stampPacked(d, mem, off, stride, t.packed[t.position:], &t.form, length, mark)
	}
	for lines := t.lines[t.position:]; i < len(d); i++ {
		if stride != 0 {
			d[i].Off = off + uint32(i)*stride
		}
		at := int(d[i].Off)
		frame := (*[LineLen]byte)(mem[at : at+LineLen : at+LineLen])
		stamp(&d[i], frame, &lines[i], length, mark+uint32(i), seq)
	}
	if t.position += len(d); t.position == t.flows {
		t.position = 0
		t.round++
	}
	return len(d)
}

// stamp makes one frame of its flow's line, and describes it. The copy is *frame = *line without the call to memmove
// that the compiler would make of it, as it cannot know that the two do not overlap: a fourth of Fill's time.
func stamp(d *packet.Desc, frame, line *[LineLen]byte, length uint16, mark, seq uint32) {
	*(*[16]byte)(frame[0:]) = *(*[16]byte)(line[0:])
	*(*[16]byte)(frame[16:]) = *(*[16]byte)(line[16:])
	*(*[16]byte)(frame[32:]) = *(*[16]byte)(line[32:])
	*(*[16]byte)(frame[48:]) = *(*[16]byte)(line[48:])
	binary.BigEndian.PutUint32(frame[line[seqOff]&seqMask+seqLow:][:4], seq)
	d.Len, d.TCI = length, 0
	d.Port, d.Flags = binary.LittleEndian.Uint16(line[portAt:]), 0
	d.Mark = mark
}

func (t *Traffic) fillOrdered(mem []byte, d []packet.Desc) {
	mask, length, step := len(t.order)-1, t.sizes[0].length, uint32(0)
	if t.signed {
		step = 1
	}
	for i := range d {
		flow := t.order[(t.position+i)&mask]
		seq := t.next[flow]
		t.next[flow] = seq + step
		off := int(d[i].Off)
		frame := (*[LineLen]byte)(mem[off : off+LineLen : off+LineLen])
		stamp(&d[i], frame, &t.lines[flow], length, t.first+flow, seq)
	}
	t.position = (t.position + len(d)) & mask
}

// resize gives the frames their sizes: lengths in the descriptor, the IP and the UDP header, and the checksum as RFC
// 1624 updates it, which for a growing field is one addition.
func (t *Traffic) resize(mem []byte, d []packet.Desc) {
	for i := range d {
		s := t.sizes[t.pattern[t.sized]]
		if t.sized++; t.sized == len(t.pattern) {
			t.sized = 0
		}
		frame := (*[LineLen]byte)(mem[d[i].Off:])
		ip := frame[packet.EthernetLen:]
		if binary.BigEndian.Uint16(frame[12:]) != packet.EtherTypeIPv4 {
			ip = frame[packet.EthernetLen+packet.TagLen:]
		}
		binary.BigEndian.PutUint16(ip[2:], binary.BigEndian.Uint16(ip[2:])+s.more)
		sum := uint32(^binary.BigEndian.Uint16(ip[10:])) + uint32(s.more)
		binary.BigEndian.PutUint16(ip[10:], ^uint16(sum+sum>>16))
		udp := ip[packet.IPv4HeaderLen:]
		binary.BigEndian.PutUint16(udp[4:], binary.BigEndian.Uint16(udp[4:])+s.more)
		d[i].Len = s.length
	}
}

// Rewind takes back the last len(d) frames, as Fill made them and in that order: they were not sent, and Fill makes
// them again.
func (t *Traffic) Rewind(d []packet.Desc) {
	if t.order != nil {
		for i := range d {
			if t.signed {
				t.next[d[i].Mark-t.first]--
			}
		}
		t.position = (t.position - len(d)) & (len(t.order) - 1)
	} else {
		for t.position -= len(d); t.position < 0; t.position += t.flows {
			t.round--
		}
	}
	if t.pattern != nil {
		for t.sized -= len(d); t.sized < 0; t.sized += len(t.pattern) {
			continue
		}
	}
	t.sent -= uint64(len(d))
}

// Total returns the number of frames filled, less those taken back.
func (t *Traffic) Total() uint64 { return t.sent }

// Sent returns the number of frames filled for flow i, 0 <= i < Flows, less those taken back, modulo 2^32; 0 where
// the traffic is unsigned.
func (t *Traffic) Sent(i int) uint32 {
	switch {
	case !t.signed:
		return 0
	case t.order != nil:
		return t.next[i]
	case i < t.position:
		return t.round + 1
	}
	return t.round
}

// Flows returns the number of flows. Their numbers in Desc.Mark and in signatures are First..First+Flows-1.
func (t *Traffic) Flows() int { return t.flows }

// MaxLen returns the largest Desc.Len that Fill sets.
func (t *Traffic) MaxLen() int {
	most := uint16(0)
	for _, s := range t.sizes {
		most = max(most, s.length)
	}
	return int(most)
}

// Flow returns what flow i is, 0 <= i < Flows.
func (t *Traffic) Flow(i int) Flow {
	line, kind := &t.lines[i], t.kinds[i]
	f := Flow{Class: kind.class}
	if kind.class == Inbound {
		f.Ingress = &t.uplink[kind.ingress]
	} else {
		f.Ingress = &t.vpn[kind.ingress]
	}
	ip := line[packet.EthernetLen:]
	if f.Ingress.VLAN != 0 {
		ip = ip[packet.TagLen:]
	}
	f.Src, f.Dst = binary.BigEndian.Uint32(ip[12:]), binary.BigEndian.Uint32(ip[16:])
	if s, ok := ParseSignature(line[:portAt]); ok {
		f.Egress, f.Context = s.Egress, s.Context
	}
	return f
}

// check refuses what cannot be generated.
func (c *Config) check() error {
	share := func(name string, x float64) error {
		if !(x >= 0 && x <= 1) {
			return fmt.Errorf("gen: %s share %g: 0 to 1 is possible", name, x)
		}
		return nil
	}
	exponent := func(name string, s float64) error {
		if !(s >= 0 && s <= 8) {
			return fmt.Errorf("gen: Zipf exponent %g of %s: 0 to 8 is possible", s, name)
		}
		return nil
	}
	if err := errors.Join(share("inbound", c.Inbound), share("fallback", c.Fallback),
		exponent("flows", c.FlowZipf), exponent("VRFs", c.VRFZipf), checkSizes(c.Sizes)); err != nil {
		return err
	}
	switch {
	case c.Flows < 1 || c.Flows > MaxFlows:
		return fmt.Errorf("gen: %d flows: 1 to %d are possible", c.Flows, MaxFlows)
	case uint64(c.First)+uint64(c.Flows) > math.MaxUint32:
		return fmt.Errorf("gen: flows from %d on: their numbers end at %d", c.First, uint32(math.MaxUint32))
	case int(c.Keys) >= len(keysNames):
		return fmt.Errorf("gen: %v: routed, covered, uniform and each are known", c.Keys)
	case !c.Unsigned && c.Expect == nil:
		return errors.New("gen: signed traffic needs Expect, to say where frames must come out")
	case c.Inbound < 1 && len(c.VPN) == 0:
		return errors.New("gen: traffic from VPNs needs a VPN ingress")
	case c.Inbound > 0 && len(c.Uplink) == 0:
		return errors.New("gen: inbound traffic needs an uplink ingress")
	}
	for _, side := range [][]Ingress{c.VPN, c.Uplink} {
		for _, in := range side {
			if in.VLAN > 4094 {
				return fmt.Errorf("gen: VLAN %d of port %d: 1 to 4094, or 0 for untagged", in.VLAN, in.Port)
			}
		}
	}
	return nil
}
