package vrftable

import "encoding/binary"

// attrSet keeps each distinct set of attributes once. A full table of 1,000,000 routes has some 100,000 to 200,000
// distinct sets. Number 0 is "no attributes".
//
// A set is kept encoded, as the string that is also its key in the index:
//
//	0          4            8     12       13             14               16            18
//	| next hop | local pref | MED | origin | has next hop | AS path length | communities | AS path, 4 each | communities, 4 each | other |
type attrSet struct {
	index map[string]uint32
	sets  []attrs
	free  []uint32
	buf   []byte // scratch for encoding
	last  *Attributes
	lastN uint32
}

type attrs struct {
	code string
	refs uint32
}

const attrHeader = 18

func (s *attrSet) init() {
	s.index = map[string]uint32{}
	s.sets = make([]attrs, 1)
}

// intern returns the number of a, with one more reference.
func (s *attrSet) intern(a *Attributes) uint32 {
	if a == nil {
		return 0
	}
	if a == s.last && s.sets[s.lastN].refs > 0 {
		s.sets[s.lastN].refs++
		return s.lastN
	}
	b := s.buf[:0]
	var nh [4]byte
	has := byte(0)
	if a.NextHop.Is4() {
		nh, has = a.NextHop.As4(), 1
	}
	b = append(b, nh[:]...)
	b = binary.BigEndian.AppendUint32(b, a.LocalPref)
	b = binary.BigEndian.AppendUint32(b, a.MED)
	b = append(b, byte(a.Origin), has)
	b = binary.BigEndian.AppendUint16(b, uint16(len(a.ASPath)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(a.Communities)))
	for _, as := range a.ASPath {
		b = binary.BigEndian.AppendUint32(b, as)
	}
	for _, c := range a.Communities {
		b = binary.BigEndian.AppendUint32(b, uint32(c))
	}
	b = append(b, a.Other...)
	s.buf = b
	n, ok := s.index[string(b)]
	if !ok {
		if k := len(s.free); k > 0 {
			n, s.free = s.free[k-1], s.free[:k-1]
		} else {
			n = uint32(len(s.sets))
			s.sets = append(s.sets, attrs{})
		}
		s.sets[n].code = string(b)
		s.index[s.sets[n].code] = n
	}
	s.sets[n].refs++
	s.last, s.lastN = a, n
	return n
}

// forget drops the shortcut for repeated pointers: the caller's Attributes are his again after the batch.
func (s *attrSet) forget() { s.last = nil }

// retain adds a reference to n.
func (s *attrSet) retain(n uint32) uint32 {
	if n != 0 {
		s.sets[n].refs++
	}
	return n
}

// release drops a reference to n, and the set with the last one.
func (s *attrSet) release(n uint32) {
	if n == 0 {
		return
	}
	s.sets[n].refs--
	if s.sets[n].refs == 0 {
		delete(s.index, s.sets[n].code)
		s.sets[n].code = ""
		s.free = append(s.free, n)
	}
}

// The readers of one set. An absent local preference counts as DefaultLocalPref; without attributes the rest is 0.

func (s *attrSet) word(n uint32, off int) uint32 {
	if n == 0 {
		return 0
	}
	c := s.sets[n].code
	return uint32(c[off])<<24 | uint32(c[off+1])<<16 | uint32(c[off+2])<<8 | uint32(c[off+3])
}

func (s *attrSet) localPref(n uint32) uint32 {
	if p := s.word(n, 4); p != 0 {
		return p
	}
	return DefaultLocalPref
}

func (s *attrSet) med(n uint32) uint32 { return s.word(n, 8) }

func (s *attrSet) origin(n uint32) Origin { return Origin(s.word(n, 12) >> 24) }

func (s *attrSet) pathLen(n uint32) int { return int(s.word(n, 12) & 0xffff) }

func (s *attrSet) nextHop(n uint32) (addr uint32, ok bool) {
	return s.word(n, 0), s.word(n, 12)>>16&1 == 1
}

// as returns the AS at position i of the path.
func (s *attrSet) as(n uint32, i int) uint32 { return s.word(n, attrHeader+4*i) }

// communities returns their number and where the first lies.
func (s *attrSet) communities(n uint32) (count, off int) {
	if n == 0 {
		return 0, 0
	}
	return int(s.word(n, 14) & 0xffff), attrHeader + 4*s.pathLen(n)
}

// decode returns the set as Attributes of the caller's own; nil for 0.
func (s *attrSet) decode(n uint32) *Attributes {
	if n == 0 {
		return nil
	}
	return Encoded(s.sets[n].code).Decode()
}

// Encoded is a set of attributes in one piece, immutable, and the same for the same attributes: a key for what follows from
// them. "": no attributes.
type Encoded string

// Decode returns the attributes, of the caller's own; nil: none.
func (e Encoded) Decode() *Attributes {
	if e == "" {
		return nil
	}
	word := func(off int) uint32 {
		return uint32(e[off])<<24 | uint32(e[off+1])<<16 | uint32(e[off+2])<<8 | uint32(e[off+3])
	}
	a := &Attributes{LocalPref: word(4), MED: word(8), Origin: Origin(e[12])}
	if e[13] == 1 {
		a.NextHop = netAddr(word(0))
	}
	counts := word(14)
	off := attrHeader
	for range counts >> 16 {
		a.ASPath = append(a.ASPath, word(off))
		off += 4
	}
	for range counts & 0xffff {
		a.Communities = append(a.Communities, Community(word(off)))
		off += 4
	}
	a.Other = string(e[off:])
	return a
}
