package e2e

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"vrfwd/packet"
)

// output is what a router sent because of one input, without what routers may choose freely.
type output struct {
	out  *circuit
	made bool   // by the router itself: an ICMP message, a TCP reset
	ip   []byte // the IPv4 packet; if made, without what differs freely: see plain
	macs [12]byte
	flaw string // what no router's frame may be; "": nothing
}

// String names an output for people.
func (o output) String() string {
	if len(o.ip) < packet.IPv4HeaderLen {
		return fmt.Sprintf("%s: %x", o.out.name, o.ip)
	}
	ip := packet.IPv4(o.ip)
	s := fmt.Sprintf("%s: %v > %v protocol %d TTL %d length %d id %d", o.out.name, addr4(ip.Src()), addr4(ip.Dst()), ip.Protocol(), ip.TTL(), len(ip), ip.ID())
	if f := ip.Fragment(); f&^packet.FlagDF != 0 {
		s += fmt.Sprintf(" fragment %d more %t", f&packet.FragmentOffset*8, f&packet.FlagMF != 0)
	}
	if o.made {
		if m := o.icmp(); m != nil {
			s += fmt.Sprintf(" ICMP %d/%d", m[0], m[1])
		} else {
			s += " made by the router"
		}
	}
	if o.flaw != "" {
		s += " FLAW: " + o.flaw
	}
	return fmt.Sprintf("%s to %x\n      %x", s, o.macs[:6], o.ip[:min(len(o.ip), 96)])
}

// icmp returns the ICMP message of an output that the router made; nil: it is none, or a later fragment of one.
func (o output) icmp() []byte {
	if !o.made || len(o.ip) < packet.IPv4HeaderLen {
		return nil
	}
	ip := packet.IPv4(o.ip)
	body := o.ip[min(ip.HeaderLen(), len(o.ip)):]
	if ip.Protocol() != packet.ProtoICMP || ip.Fragment()&packet.FragmentOffset != 0 || len(body) < packet.ICMPv4HeaderLen {
		return nil
	}
	return body
}

// tells reports whether the router made an ICMP message of this type and code.
func (o output) tells(icmpType, code uint8) bool {
	m := o.icmp()
	return m != nil && m[0] == icmpType && m[1] == code
}

// account holds, for the inputs of the last batches, what a router made of them.
type account struct {
	network *network
	byID    map[uint16]*entry
	strays  []arrival              // nobody's
	groups  map[fragmentKey]*entry // of the router's own datagrams that left in fragments
	marks   map[*circuit]int       // the last mark that came back on a circuit
}

// entry is an input and what came of it.
type entry struct {
	input   *input
	outputs []output
}

type fragmentKey struct {
	from, to netip.Addr
	protocol uint8
	id       uint16
}

func newAccount(n *network) *account {
	return &account{network: n, byID: map[uint16]*entry{}, groups: map[fragmentKey]*entry{}, marks: map[*circuit]int{}}
}

func (a *account) expect(in *input) { a.byID[in.id] = &entry{input: in} }

// take returns what came of an input and forgets it.
func (a *account) take(in *input) []output {
	e := a.byID[in.id]
	delete(a.byID, in.id)
	slices.SortFunc(e.outputs, func(x, y output) int {
		return cmp.Or(cmp.Compare(x.out.number, y.out.number), cmp.Compare(offset(x), offset(y)), bytes.Compare(x.ip, y.ip))
	})
	return e.outputs
}

func offset(o output) uint16 {
	if len(o.ip) < packet.IPv4HeaderLen {
		return 0
	}
	return packet.IPv4(o.ip).Fragment() & packet.FragmentOffset
}

// markID is the ICMP identifier of marks: echo requests whose replies tell that what was sent before has been handled.
const markID = 0xffff

// add attributes what a router sent to the input that it was made of.
func (a *account) add(got arrival) {
	ip, flaw := parse(got.frame)
	if ip == nil {
		a.strays = append(a.strays, got)
		return
	}
	body := ip[ip.HeaderLen():]
	first := ip.Fragment()&packet.FragmentOffset == 0
	whole := ip.Protocol() == packet.ProtoICMP && first && len(body) >= packet.ICMPv4HeaderLen
	word := func(at int) uint16 { return binary.BigEndian.Uint16(body[at:]) }
	if whole && body[0] == packet.ICMPEchoReply && word(4) == markID && addr4(ip.Src()) == got.out.addr.Addr() {
		a.marks[got.out] = int(word(6))
		return
	}
	key := fragmentKey{addr4(ip.Src()), addr4(ip.Dst()), ip.Protocol(), ip.ID()}
	var e *entry
	switch {
	case whole && icmpError(body[0]) && len(body) >= packet.ICMPv4HeaderLen+packet.IPv4HeaderLen:
		// About a packet of this number, which an error that is itself an input has too.
		e = a.byID[packet.IPv4(body[packet.ICMPv4HeaderLen:]).ID()]
	case a.forwarded(ip) != nil:
		e = a.forwarded(ip)
	case a.groups[key] != nil && !first:
		e = a.groups[key]
	case whole:
		e = a.byID[word(4)]
	case ip.Protocol() == packet.ProtoTCP && first && len(body) >= packet.TCPHeaderLen:
		e = a.byID[word(2)] // a reset, to the port that is the id
	}
	if e == nil {
		a.strays = append(a.strays, got)
		return
	}
	o := output{out: got.out, made: a.forwarded(ip) != e, ip: slices.Clone(ip), flaw: flaw}
	copy(o.macs[:], got.frame)
	if packet.Checksum(o.ip[:ip.HeaderLen()]) != 0 {
		o.flaw = "header checksum"
	}
	o.clock(o.ip)
	if o.made {
		if ip.Fragment()&packet.FlagMF != 0 && first {
			a.groups[key] = e
		}
		o.plain()
	}
	e.outputs = append(e.outputs, o)
}

// forwarded returns the input that a packet, or its fragment, is a copy of: its own, by number and addresses.
func (a *account) forwarded(ip packet.IPv4) *entry {
	e := a.byID[ip.ID()]
	if e == nil || e.input.ip.Src() != ip.Src() || e.input.ip.Dst() != ip.Dst() || e.input.ip.Protocol() != ip.Protocol() {
		return nil
	}
	return e
}

// parse returns the IPv4 packet in a frame, without padding; nil: there is none, or a wrong one. A frame that is padded to
// Ethernet's minimum is as good as one that is not, which a veth carries as well; the padding is zeros (RFC 1042).
func parse(frame []byte) (ip packet.IPv4, flaw string) {
	if len(frame) < packet.EthernetLen || binary.BigEndian.Uint16(frame[12:]) != packet.EtherTypeIPv4 {
		return nil, ""
	}
	ip, err := packet.ParseIPv4(frame[packet.EthernetLen:])
	if err != nil {
		return nil, ""
	}
	if padding := frame[packet.EthernetLen+len(ip):]; len(padding) > 0 {
		if len(frame) != 60 {
			flaw = fmt.Sprintf("%d bytes follow the packet in a frame of %d", len(padding), len(frame))
		}
		if slices.ContainsFunc(padding, func(b byte) bool { return b != 0 }) {
			flaw = fmt.Sprintf("padding %x", padding)
		}
	}
	return ip, flaw
}

// plain takes out of a message that the router made what each router chooses: the identification, and with that the
// checksums, once it has seen that the ICMP message's is right.
func (o *output) plain() {
	ip := packet.IPv4(o.ip)
	clear(o.ip[4:6])
	clear(o.ip[10:12])
	m := o.icmp()
	if m == nil || ip.Fragment()&packet.FlagMF != 0 {
		return
	}
	if packet.Checksum(m) != 0 {
		o.flaw = "ICMP checksum"
	}
	clear(m[2:4])
	switch quoted := m[packet.ICMPv4HeaderLen:]; {
	case m[0] == icmpTimestampReply && len(m) >= 20:
		o.times(m[12:20])
	case icmpError(m[0]) && len(quoted) >= packet.IPv4HeaderLen:
		o.clock(quoted)
	}
}

// icmpTimestampReply is an ICMP type (RFC 792).
const icmpTimestampReply = 14

// clock takes the times that routers wrote into a timestamp option (RFC 791 3.1) out of a packet, and its checksum with
// them. The times of the two routers are not the same; both must be of today.
func (o *output) clock(ip packet.IPv4) {
	options := ip[packet.IPv4HeaderLen:min(ip.HeaderLen(), len(ip))]
	for len(options) >= 4 && options[0] != 0 {
		if options[0] == 1 {
			options = options[1:]
			continue
		}
		length, pointer := int(options[1]), int(options[2])-1
		if length < 4 || length > len(options) {
			return
		}
		if options[0] == 68 && pointer > 4 && pointer <= length {
			clear(ip[10:12])
			step := 4
			if options[3]&15 != 0 {
				step = 8 // an address before each time
			}
			for at := 4 + step; at <= pointer; at += step {
				o.times(options[at-4 : at])
			}
		}
		options = options[length:]
	}
}

// times takes out times in milliseconds since midnight UTC.
func (o *output) times(b []byte) {
	midnight := time.Now().UTC().Truncate(24 * time.Hour)
	for ; len(b) >= 4; b = b[4:] {
		at := midnight.Add(time.Duration(binary.BigEndian.Uint32(b)) * time.Millisecond)
		if late := time.Since(at).Abs(); late > time.Minute && late < 24*time.Hour-time.Minute {
			o.flaw = fmt.Sprintf("a time of %v", at)
		}
		clear(b[:4])
	}
}
