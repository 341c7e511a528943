package gen

import (
	"math/rand/v2"
	"sort"

	"vrfwd/lpm"
)

// space is the addresses that a set of prefixes covers, as disjoint ascending ranges. Immutable.
type space struct {
	first, last []uint32
	before      []uint64 // addresses in the ranges before this one
	size        uint64   // addresses in all
}

// newSpace merges sorted routes.
func newSpace(routes []lpm.Route) *space {
	s := new(space)
	for _, r := range routes {
		n := len(s.last)
		switch {
		case n > 0 && last(r) <= s.last[n-1]: // inside
		case n > 0 && r.Addr == s.last[n-1]+1:
			s.last[n-1] = last(r)
		default:
			s.first = append(s.first, r.Addr)
			s.last = append(s.last, last(r))
		}
	}
	s.before = make([]uint64, len(s.first))
	for i := range s.first {
		s.before[i] = s.size
		s.size += uint64(s.last[i]-s.first[i]) + 1
	}
	return s
}

// holds tells whether the address is covered.
func (s *space) holds(addr uint32) bool {
	i := sort.Search(len(s.last), func(i int) bool { return s.last[i] >= addr })
	return i < len(s.last) && s.first[i] <= addr
}

// draw picks one of the covered addresses, each as likely as any other. The space is not empty.
func (s *space) draw(rng *rand.Rand) uint32 {
	x := rng.Uint64N(s.size)
	i := sort.Search(len(s.before), func(i int) bool { return s.before[i] > x }) - 1
	return s.first[i] + uint32(x-s.before[i])
}

// host draws an address of a random prefix, each prefix as likely as any other.
func host(routes []lpm.Route, rng *rand.Rand) uint32 {
	r := routes[rng.IntN(len(routes))]
	return r.Addr | rng.Uint32()&^mask(r.Len)
}

// unicast tells whether a router may forward to the address at all (RFC 1812 5.3.7): not 0/8, 127/8, nor 224/3.
func unicast(addr uint32) bool {
	octet := addr >> 24
	return octet != 0 && octet != 127 && octet < 224
}
