package mrt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"net/netip"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// form is how a block of attributes is written.
type form byte

const (
	dumped form = iota // TABLE_DUMP_V2: 4-byte ASes, MP_REACH_NLRI with the next hop alone (RFC 6396 4.3.4)
	as4                // a message between speakers of 4-byte AS numbers
	as2                // a message to or from a speaker of 2-byte AS numbers (RFC 6793)
)

// attrSets keeps each distinct block of attributes once, by its raw bytes, and decodes it once. The index is a hash table
// with open addressing over the blocks in one arena.
type attrSets struct {
	sets   []vrftable.Attributes
	marks  []mark // by set
	blocks []span // by set
	arena  []byte
	index  []uint32 // set + 1; 0: free; a power of two long
	seed   maphash.Seed
	words  []uint32 // memory for paths and communities, handed out from the front
	comms  []vrftable.Community
}

// span is where a block's bytes are, and their hash.
type span struct {
	hash   uint64
	start  int
	length uint32
}

// mark says what is special about a set.
type mark uint8

const (
	noNextHop mark = 1 << iota // no IPv4 next hop
	asSet                      // an AS_SET counts as one of its ASes
)

// newAttrSets makes room for some sets: growing would copy them.
func newAttrSets(room int) *attrSets {
	const block = 64 // bytes of a block, about
	return &attrSets{index: make([]uint32, 1<<12), seed: maphash.MakeSeed(), sets: make([]vrftable.Attributes, 0, room),
		marks: make([]mark, 0, room), blocks: make([]span, 0, room), arena: make([]byte, 0, block*room)}
}

// intern returns the number of the set that a block of attributes is. An error is a *fault with its place in raw.
func (s *attrSets) intern(raw []byte, f form) (int, error) {
	hash := maphash.Bytes(s.seed, raw) ^ uint64(f)*0x9e3779b97f4a7c15
	mask := uint64(len(s.index) - 1)
	i := hash & mask
	for ; s.index[i] != 0; i = (i + 1) & mask {
		n := int(s.index[i] - 1)
		if b := &s.blocks[n]; b.hash == hash && form(s.arena[b.start]) == f &&
			bytes.Equal(s.arena[b.start+1:b.start+1+int(b.length)], raw) {
			return n, nil
		}
	}
	a, m, err := s.decode(raw, f)
	if err != nil {
		return 0, err
	}
	n := len(s.sets)
	s.sets, s.marks = append(s.sets, a), append(s.marks, m)
	s.blocks = append(s.blocks, span{hash, len(s.arena), uint32(len(raw))})
	s.arena = append(append(s.arena, byte(f)), raw...)
	s.index[i] = uint32(n + 1)
	if 2*len(s.sets) > len(s.index) {
		s.grow()
	}
	return n, nil
}

func (s *attrSets) grow() {
	s.index = make([]uint32, 2*len(s.index))
	mask := uint64(len(s.index) - 1)
	for n, b := range s.blocks {
		i := b.hash & mask
		for s.index[i] != 0 {
			i = (i + 1) & mask
		}
		s.index[i] = uint32(n + 1)
	}
}

// withFlags returns an attribute with the flags that its type asks for (RFC 4271 4.3). They say nothing of an attribute that
// is known, and BIRD 2.0 leaves them out of what it dumps.
func withFlags(one []byte, kind bgp.BGPAttrType) []byte {
	const asked = bgp.BGP_ATTR_FLAG_OPTIONAL | bgp.BGP_ATTR_FLAG_TRANSITIVE
	flags := bgp.BGPAttrFlag(one[0])
	want, known := bgp.PathAttrFlags[kind]
	if !known || flags&asked == want {
		return one
	}
	one = bytes.Clone(one)
	one[0] = byte(want | flags&^asked)
	return one
}

// decode makes Attributes of a block. What vrftable knows is decoded by gobgp; the rest is stepped over.
func (s *attrSets) decode(raw []byte, f form) (a vrftable.Attributes, m mark, err error) {
	var seen [256]bool
	var path, path4 []uint32
	oldAggregator := false // AGGREGATOR is of a speaker that knows 2-byte AS numbers alone
	options := &bgp.MarshallingOption{MRT: f == dumped, Use2ByteAS: f == as2}
	for at := 0; at < len(raw); {
		kind, length, err := attrHeader(raw, at)
		if err != nil {
			return a, m, err
		}
		one := withFlags(raw[at:at+length], kind)
		if seen[kind] {
			return a, m, wrong(at, "attribute %v is given twice", kind)
		}
		seen[kind] = true
		var next netip.Addr
		switch kind {
		case bgp.BGP_ATTR_TYPE_ORIGIN:
			var p bgp.PathAttributeOrigin
			err = p.DecodeFromBytes(one, options)
			if a.Origin = vrftable.Origin(p.Value); err == nil && a.Origin > vrftable.OriginIncomplete {
				err = fmt.Errorf("origin %d: 0 to %d are allowed", a.Origin, vrftable.OriginIncomplete)
			}
		case bgp.BGP_ATTR_TYPE_AS_PATH:
			var p bgp.PathAttributeAsPath
			err = p.DecodeFromBytes(one, options)
			path = s.flatten(p.Value, &m)
		case bgp.BGP_ATTR_TYPE_AS4_PATH:
			if f != as2 {
				break // RFC 6793 4.1: to be ignored between speakers of 4-byte AS numbers
			}
			var p bgp.PathAttributeAs4Path
			err = p.DecodeFromBytes(one, options)
			segments := make([]bgp.AsPathParamInterface, len(p.Value))
			for i := range p.Value {
				segments[i] = p.Value[i]
			}
			path4 = s.flatten(segments, &m)
		case bgp.BGP_ATTR_TYPE_AGGREGATOR:
			if f != as2 {
				break
			}
			var p bgp.PathAttributeAggregator
			err = p.DecodeFromBytes(one, options)
			oldAggregator = p.Value.AS != bgp.AS_TRANS
		case bgp.BGP_ATTR_TYPE_NEXT_HOP:
			var p bgp.PathAttributeNextHop
			err = p.DecodeFromBytes(one, options)
			next = p.Value
		case bgp.BGP_ATTR_TYPE_MP_REACH_NLRI:
			next, err = mpNextHop(one)
		case bgp.BGP_ATTR_TYPE_MULTI_EXIT_DISC:
			var p bgp.PathAttributeMultiExitDisc
			err = p.DecodeFromBytes(one, options)
			a.MED = p.Value
		case bgp.BGP_ATTR_TYPE_LOCAL_PREF:
			var p bgp.PathAttributeLocalPref
			err = p.DecodeFromBytes(one, options)
			a.LocalPref = p.Value
		case bgp.BGP_ATTR_TYPE_COMMUNITIES:
			var p bgp.PathAttributeCommunities
			err = p.DecodeFromBytes(one, options)
			a.Communities = s.communities(p.Value)
		}
		if err != nil {
			return a, m, &fault{at, fmt.Sprintf("attribute %v: %v", kind, err), err}
		}
		if next.Is4() && !a.NextHop.IsValid() {
			a.NextHop = next
		}
		at += length
	}
	if !station(a.NextHop) {
		m |= noNextHop
	}
	a.ASPath = path
	// RFC 6793 4.2.3: the new path is the end of the old one, unless somebody who knows only the old has changed it.
	if seen[bgp.BGP_ATTR_TYPE_AS4_PATH] && f == as2 && len(path4) <= len(path) &&
		!(oldAggregator && seen[bgp.BGP_ATTR_TYPE_AS4_AGGREGATOR]) {
		copy(path[len(path)-len(path4):], path4)
	}
	return a, m, nil
}

// attrHeader reads the head of the attribute at a place (RFC 4271 4.3): its type, and its length with the head.
func attrHeader(raw []byte, at int) (kind bgp.BGPAttrType, length int, err error) {
	b := raw[at:]
	head := 3
	if len(b) > 0 && b[0]&byte(bgp.BGP_ATTR_FLAG_EXTENDED_LENGTH) != 0 {
		head = 4
	}
	if len(b) < head {
		return 0, 0, wrong(at, "an attribute's flags, type and length need %d bytes: %d are left", head, len(b))
	}
	if length = int(b[2]); head == 4 {
		length = int(binary.BigEndian.Uint16(b[2:]))
	}
	kind = bgp.BGPAttrType(b[1])
	if len(b)-head < length {
		return 0, 0, wrong(at, "attribute %v of %d bytes: %d are left", kind, length, len(b)-head)
	}
	return kind, head + length, nil
}

// mpNextHop reads the next hop of a MP_REACH_NLRI with IPv4 unicast routes: of a whole one (RFC 4760 3), as messages have and
// some collectors wrote to dumps too, or of one abbreviated to the next hop (RFC 6396 4.3.4). A whole one begins with an AFI,
// whose first byte is 0, as a next hop's length never is.
func mpNextHop(one []byte) (netip.Addr, error) {
	var p bgp.PathAttribute
	value, err := p.DecodeFromBytes(one)
	if err != nil {
		return netip.Addr{}, err
	}
	if len(value) > 3 && value[0] == 0 {
		if value[1] != bgp.AFI_IP || value[2] != bgp.SAFI_UNICAST {
			return netip.Addr{}, nil // of other routes
		}
		value = value[3:]
	}
	if len(value) == 0 || len(value)-1 < int(value[0]) {
		return netip.Addr{}, fmt.Errorf("its next hop needs a length and as many bytes: %d bytes are left", len(value))
	}
	next, _ := netip.AddrFromSlice(value[1 : 1+value[0]])
	return next, nil
}

// station tells whether an address can be that of a neighbour (RFC 1122 3.2.1.3).
func station(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	octet := a.As4()[0]
	return octet != 0 && octet != 127 && octet < 224
}

// flatten makes a list of ASes of a path's segments, such that its length is what RFC 4271 9.1.2.2 a compares: of an AS_SET,
// whose order means nothing, the lowest AS stands for all; confederation segments do not count (RFC 5065 5.3) and are left out.
func (s *attrSets) flatten(segments []bgp.AsPathParamInterface, m *mark) []uint32 {
	n := 0
	for _, p := range segments {
		switch p.GetType() {
		case bgp.BGP_ASPATH_ATTR_TYPE_SEQ:
			n += len(p.GetAS())
		case bgp.BGP_ASPATH_ATTR_TYPE_SET:
			n++
		}
	}
	if n == 0 {
		return nil
	}
	if cap(s.words)-len(s.words) < n {
		s.words = make([]uint32, 0, max(n, 1<<14))
	}
	path := s.words[len(s.words) : len(s.words) : len(s.words)+n]
	s.words = s.words[:len(s.words)+n]
	for _, p := range segments {
		switch p.GetType() {
		case bgp.BGP_ASPATH_ATTR_TYPE_SEQ:
			path = append(path, p.GetAS()...)
		case bgp.BGP_ASPATH_ATTR_TYPE_SET:
			least := ^uint32(0)
			for _, as := range p.GetAS() {
				least = min(least, as)
			}
			path = append(path, least)
			*m |= asSet
		}
	}
	return path
}

func (s *attrSets) communities(words []uint32) []vrftable.Community {
	n := len(words)
	if n == 0 {
		return nil
	}
	if cap(s.comms)-len(s.comms) < n {
		s.comms = make([]vrftable.Community, 0, max(n, 1<<14))
	}
	list := s.comms[len(s.comms) : len(s.comms) : len(s.comms)+n]
	s.comms = s.comms[:len(s.comms)+n]
	for _, w := range words {
		list = append(list, vrftable.Community(w))
	}
	return list
}
