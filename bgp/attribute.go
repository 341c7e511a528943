package bgp

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// attribute is a path attribute as it stands in a message (RFC 4271 4.3). kind is what the RFC calls its type.
//
//	0       1      2                                          3 or 4
//	| flags | kind | bytes of value; 2 with flagExtended: | value |
type attribute struct{ raw, value []byte }

func (a attribute) flags() byte { return a.raw[0] }

func (a attribute) kind() wire.BGPAttrType { return wire.BGPAttrType(a.raw[1]) }

const (
	flagOptional   = byte(wire.BGP_ATTR_FLAG_OPTIONAL)
	flagTransitive = byte(wire.BGP_ATTR_FLAG_TRANSITIVE)
	flagPartial    = byte(wire.BGP_ATTR_FLAG_PARTIAL)
	flagExtended   = byte(wire.BGP_ATTR_FLAG_EXTENDED_LENGTH)
)

// cutAttribute cuts off the first attribute; false: it is longer than what there is.
func cutAttribute(b []byte) (a attribute, rest []byte, ok bool) {
	if len(b) < 3 {
		return a, nil, false
	}
	n, header := int(b[2]), 3
	if b[0]&flagExtended != 0 {
		if len(b) < 4 {
			return a, nil, false
		}
		n, header = int(binary.BigEndian.Uint16(b[2:])), 4
	}
	end := header + n
	if end > len(b) {
		return a, nil, false
	}
	return attribute{b[:end:end], b[header:end:end]}, b[end:], true
}

func appendAttribute(b []byte, flags byte, kind wire.BGPAttrType, value []byte) []byte {
	if n := len(value); n > 255 {
		b = append(b, flags|flagExtended, byte(kind), byte(n>>8), byte(n))
	} else {
		b = append(b, flags&^flagExtended, byte(kind), byte(n))
	}
	return append(b, value...)
}

// known are the attributes that mean something here, or whose form is known, with their flags. They are not decoded by the
// codec: what it knows of the others could end sessions that have nothing to do with them, and it would not pass them on
// byte by byte.
var known = [256]byte{
	wire.BGP_ATTR_TYPE_ORIGIN:               flagTransitive,
	wire.BGP_ATTR_TYPE_AS_PATH:              flagTransitive,
	wire.BGP_ATTR_TYPE_NEXT_HOP:             flagTransitive,
	wire.BGP_ATTR_TYPE_MULTI_EXIT_DISC:      flagOptional,
	wire.BGP_ATTR_TYPE_LOCAL_PREF:           flagTransitive,
	wire.BGP_ATTR_TYPE_ATOMIC_AGGREGATE:     flagTransitive,
	wire.BGP_ATTR_TYPE_AGGREGATOR:           flagOptional | flagTransitive,
	wire.BGP_ATTR_TYPE_COMMUNITIES:          flagOptional | flagTransitive,
	wire.BGP_ATTR_TYPE_ORIGINATOR_ID:        flagOptional,
	wire.BGP_ATTR_TYPE_CLUSTER_LIST:         flagOptional,
	wire.BGP_ATTR_TYPE_MP_REACH_NLRI:        flagOptional,
	wire.BGP_ATTR_TYPE_MP_UNREACH_NLRI:      flagOptional,
	wire.BGP_ATTR_TYPE_EXTENDED_COMMUNITIES: flagOptional | flagTransitive,
	wire.BGP_ATTR_TYPE_AS4_PATH:             flagOptional | flagTransitive,
	wire.BGP_ATTR_TYPE_AS4_AGGREGATOR:       flagOptional | flagTransitive,
	wire.BGP_ATTR_TYPE_LARGE_COMMUNITY:      flagOptional | flagTransitive,
}

// block is a decoded block of attributes.
type block struct {
	attrs                *vrftable.Attributes // nil: it announces nothing
	announced, withdrawn []netip.Prefix       // by MP_REACH_NLRI and MP_UNREACH_NLRI of IPv4 unicast
	endOfRIB             bool
	malformed, refused   string
}

// parser decodes one block of attributes by RFC 7606: what is wrong with it has its prefixes withdrawn (malformed), costs
// it an attribute or, as an error, ends the session.
type parser struct {
	d    *decoder
	b    *block
	a    vrftable.Attributes
	seen [256]bool
	set  bool // the path has a segment that is not an AS_SEQUENCE

	as4                []uint32
	aggregator         attribute // its value as it came: of 2-octet numbers, or 4
	aggregator4, other []byte
}

// parse decodes a block; nlri: prefixes follow it.
func (d *decoder) parse(attrs []byte, nlri bool) (*block, error) {
	p := parser{d: d, b: &block{}}
	for len(attrs) > 0 {
		a, rest, ok := cutAttribute(attrs)
		if !ok {
			p.malform("the last path attribute is longer than their field")
			break
		}
		if err := p.take(a); err != nil {
			return nil, err
		}
		attrs = rest
	}
	p.finish(nlri)
	return p.b, nil
}

// malform notes the first of the reasons why what the block announces is withdrawn.
func (p *parser) malform(format string, args ...any) {
	if p.b.malformed == "" {
		p.b.malformed = fmt.Sprintf(format, args...)
	}
}

func (p *parser) take(a attribute) error {
	kind := a.kind()
	if p.seen[kind] {
		if kind == wire.BGP_ATTR_TYPE_MP_REACH_NLRI || kind == wire.BGP_ATTR_TYPE_MP_UNREACH_NLRI {
			return faultf(wire.BGP_ERROR_UPDATE_MESSAGE_ERROR, wire.BGP_ERROR_SUB_MALFORMED_ATTRIBUTE_LIST,
				"UPDATE: two attributes %v", kind)
		}
		return nil // the first counts (RFC 7606 3 g)
	}
	p.seen[kind] = true
	switch kind {
	case wire.BGP_ATTR_TYPE_LOCAL_PREF, wire.BGP_ATTR_TYPE_ORIGINATOR_ID, wire.BGP_ATTR_TYPE_CLUSTER_LIST:
		if !p.d.internal {
			return nil // whatever it says
		}
	case wire.BGP_ATTR_TYPE_AS4_PATH, wire.BGP_ATTR_TYPE_AS4_AGGREGATOR:
		if p.d.fourAS {
			return nil // RFC 6793 6
		}
	}
	flags := known[kind]
	if flags == 0 {
		return p.unknown(a)
	}
	if a.flags()&(flagOptional|flagTransitive) != flags {
		p.malform("%v has flags %#x", kind, a.flags())
	}
	return p.known(kind, a)
}

// unknown keeps an attribute that means nothing here, marked as such, if it is to be passed on (RFC 4271 5).
func (p *parser) unknown(a attribute) error {
	if a.flags()&flagOptional == 0 {
		return &fault{wire.BGP_ERROR_UPDATE_MESSAGE_ERROR, wire.BGP_ERROR_SUB_UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE,
			slices.Clone(a.raw), fmt.Sprintf("UPDATE: a well-known attribute of type %d", a.raw[1])}
	}
	if a.flags()&flagTransitive != 0 {
		at := len(p.other)
		p.other = append(p.other, a.raw...)
		p.other[at] |= flagPartial
	}
	return nil
}

func (p *parser) known(kind wire.BGPAttrType, a attribute) error {
	v := a.value
	sized := func(ok bool) bool {
		if !ok {
			p.malform("%v of %d bytes", kind, len(v))
		}
		return ok
	}
	multiple := func(n int) bool { return sized(len(v) > 0 && len(v)%n == 0) }
	switch kind {
	case wire.BGP_ATTR_TYPE_ORIGIN:
		if sized(len(v) == 1) {
			if p.a.Origin = vrftable.Origin(v[0]); p.a.Origin > vrftable.OriginIncomplete {
				p.malform("ORIGIN %d: 0 to 2 are known", v[0])
			}
		}
	case wire.BGP_ATTR_TYPE_AS_PATH:
		size := 2
		if p.d.fourAS {
			size = 4
		}
		path, set, err := decodePath(v, size)
		if err != "" {
			p.malform("AS_PATH: %s", err)
		}
		p.a.ASPath, p.set = path, p.set || set
	case wire.BGP_ATTR_TYPE_AS4_PATH:
		if path, set, err := decodePath(v, 4); err == "" { // else it is discarded (RFC 6793 6)
			p.as4, p.set = path, p.set || set
		}
	case wire.BGP_ATTR_TYPE_NEXT_HOP:
		if sized(len(v) == 4) {
			p.a.NextHop = netip.AddrFrom4([4]byte(v))
		}
	case wire.BGP_ATTR_TYPE_MULTI_EXIT_DISC:
		if sized(len(v) == 4) {
			p.a.MED = binary.BigEndian.Uint32(v)
		}
	case wire.BGP_ATTR_TYPE_LOCAL_PREF:
		if sized(len(v) == 4) {
			p.a.LocalPref = max(1, binary.BigEndian.Uint32(v)) // 0 is "none" in the table, which counts as 100
		}
	case wire.BGP_ATTR_TYPE_ATOMIC_AGGREGATE:
		if len(v) == 0 {
			p.other = append(p.other, a.raw...)
		}
	case wire.BGP_ATTR_TYPE_AGGREGATOR:
		if p.d.fourAS && len(v) == 8 || !p.d.fourAS && len(v) == 6 {
			p.aggregator = a
		}
	case wire.BGP_ATTR_TYPE_AS4_AGGREGATOR:
		if len(v) == 8 {
			p.aggregator4 = v
		}
	case wire.BGP_ATTR_TYPE_COMMUNITIES:
		if multiple(4) {
			p.a.Communities = make([]vrftable.Community, len(v)/4)
			for i := range p.a.Communities {
				p.a.Communities[i] = vrftable.Community(binary.BigEndian.Uint32(v[4*i:]))
			}
		}
	case wire.BGP_ATTR_TYPE_EXTENDED_COMMUNITIES:
		if multiple(8) {
			p.other = append(p.other, a.raw...)
		}
	case wire.BGP_ATTR_TYPE_LARGE_COMMUNITY: // RFC 8092
		if multiple(12) {
			p.other = append(p.other, a.raw...)
		}
	case wire.BGP_ATTR_TYPE_ORIGINATOR_ID:
		if sized(len(v) == 4) && netip.AddrFrom4([4]byte(v)) == p.d.id {
			p.b.refused = "ORIGINATOR_ID is this router's" // RFC 4456 8
		}
	case wire.BGP_ATTR_TYPE_CLUSTER_LIST:
		multiple(4) // this router reflects nothing: no cluster is its own
	case wire.BGP_ATTR_TYPE_MP_REACH_NLRI:
		return p.reach(v)
	case wire.BGP_ATTR_TYPE_MP_UNREACH_NLRI:
		if len(v) < 3 {
			return optionalFault("MP_UNREACH_NLRI of %d bytes", len(v))
		}
		if ipv4Unicast(v) {
			var err error
			p.b.withdrawn, err = appendPrefixes(nil, v[3:])
			p.b.endOfRIB = len(v) == 3
			return err
		}
	}
	return nil
}

func optionalFault(format string, args ...any) error {
	return faultf(wire.BGP_ERROR_UPDATE_MESSAGE_ERROR, wire.BGP_ERROR_SUB_OPTIONAL_ATTRIBUTE_ERROR, "UPDATE: "+format, args...)
}

// ipv4Unicast tells whether an address family, the first 3 bytes of b, is the one that sessions carry. Others were not
// agreed on and are left alone.
func ipv4Unicast(b []byte) bool {
	return binary.BigEndian.Uint16(b) == wire.AFI_IP && b[2] == wire.SAFI_UNICAST
}

// reach takes MP_REACH_NLRI (RFC 4760 3): family 3, bytes of next hop 1, next hop, reserved 1, prefixes.
func (p *parser) reach(v []byte) (err error) {
	if len(v) < 5 || int(v[3]) > len(v)-5 {
		return optionalFault("MP_REACH_NLRI of %d bytes", len(v))
	}
	hop, rest := v[4:4+v[3]], v[5+v[3]:]
	if !ipv4Unicast(v) {
		return nil
	}
	if len(hop) != 4 {
		return optionalFault("MP_REACH_NLRI of IPv4 with a next hop of %d bytes", len(hop))
	}
	p.a.NextHop = netip.AddrFrom4([4]byte(hop))
	p.b.announced, err = appendPrefixes(nil, rest)
	return err
}

// finish makes the block of what was taken.
func (p *parser) finish(nlri bool) {
	if !nlri && len(p.b.announced) == 0 {
		return
	}
	for _, kind := range []wire.BGPAttrType{wire.BGP_ATTR_TYPE_ORIGIN, wire.BGP_ATTR_TYPE_AS_PATH, wire.BGP_ATTR_TYPE_NEXT_HOP} {
		if !p.seen[kind] && (nlri || kind != wire.BGP_ATTR_TYPE_NEXT_HOP) {
			p.malform("there is no %v", kind)
		}
	}
	if p.set {
		p.malform("AS_PATH has a segment that is not an AS_SEQUENCE") // RFC 9774
	}
	p.merge()
	a := &p.a
	if slices.Contains(a.ASPath, 0) {
		p.malform("AS 0 is in the path") // RFC 7607
	}
	if !usableNextHop(a.NextHop) {
		p.malform("NEXT_HOP %v is not a station's address", a.NextHop)
	}
	switch {
	case a.NextHop == p.d.self:
		p.b.refused = "NEXT_HOP is this router's" // RFC 4271 6.3
	case p.d.loops(a.ASPath):
		p.b.refused = fmt.Sprintf("AS %d is in the path", p.d.ownAS)
	}
	p.a.Other = string(p.other)
	p.b.attrs = &vrftable.Attributes{}
	*p.b.attrs = p.a
}

// merge puts what AS4_PATH and AS4_AGGREGATOR say in the place of 2-octet numbers (RFC 6793 4.2.3), and AGGREGATOR, with an
// AS of 4 octets whatever the session has, among the other attributes.
func (p *parser) merge() {
	v := p.aggregator.value
	if len(v) == 6 {
		as := binary.BigEndian.Uint16(v)
		v = append([]byte{0, 0}, v...)
		switch {
		case p.aggregator4 == nil:
		case as == as2:
			v = p.aggregator4
		default: // who has aggregated last knows no AS4_ attributes: they are out of date
			p.as4 = nil
		}
	}
	if n := len(p.a.ASPath) - len(p.as4); n >= 0 && len(p.as4) > 0 {
		p.a.ASPath = slices.Concat(p.a.ASPath[:n], p.as4)
	}
	if v != nil && binary.BigEndian.Uint32(v) != 0 {
		p.other = appendAttribute(p.other, p.aggregator.flags(), wire.BGP_ATTR_TYPE_AGGREGATOR, v)
	}
}

// decodePath decodes the segments of an AS_PATH with numbers of size bytes. set: there is one that is not an AS_SEQUENCE,
// whose numbers are not in the path. bad: why it is malformed (RFC 7606 7.2); "": it is not.
func decodePath(b []byte, size int) (path []uint32, set bool, bad string) {
	path = make([]uint32, 0, len(b)/size)
	for len(b) > 0 {
		if len(b) < 2 || b[1] == 0 || size*int(b[1]) > len(b)-2 {
			return nil, false, "a segment is empty, or longer than the path"
		}
		kind, numbers := b[0], b[2:2+size*int(b[1])]
		b = b[2+len(numbers):]
		switch kind {
		case wire.BGP_ASPATH_ATTR_TYPE_SEQ:
			for ; len(numbers) > 0; numbers = numbers[size:] {
				as := uint32(binary.BigEndian.Uint16(numbers))
				if size == 4 {
					as = binary.BigEndian.Uint32(numbers)
				}
				path = append(path, as)
			}
		case wire.BGP_ASPATH_ATTR_TYPE_SET:
			set = true
		default: // of confederations, too: this router is in none (RFC 5065 5)
			return nil, false, fmt.Sprintf("a segment of type %d", kind)
		}
	}
	return path, set, ""
}

// usableNextHop tells whether an address can be a next hop at all (RFC 4271 6.3).
func usableNextHop(a netip.Addr) bool {
	return a.Is4() && !a.IsLoopback() && a.As4()[0] != 0 && a.As4()[0] < 224
}
