package lpm

import (
	"math/bits"
	"sync/atomic"
)

// maxBurst is how many keys LookupDual takes at once; more are split.
const maxBurst = 256

// marks has a bit for each key of a burst.
type marks [maxBurst / 64]uint64

func (m *marks) set(i int) { m[i/64] |= 1 << (i % 64) }

// each calls f for every bit.
func (m *marks) each(f func(i int)) {
	for w, word := range m {
		for ; word != 0; word &= word - 1 {
			f(w*64 + bits.TrailingZeros64(word))
		}
	}
}

// lanes is how many lookups an AVX-512 kernel makes at a time.
const lanes = 16

// picks are numbers of keys of a burst, in any order. A store may write past the last, but numbers of keys only: a kernel takes eight
// at a time.
type picks [maxBurst + lanes]uint8

// LookupDual looks every key up in its VRF's table and, where that has no route of any length and the key says
// Fallback, in the parent: hops[i] answers keys[i]. A VRF's route wins however short it is. len(hops) must be at
// least len(keys), and each Key.Table below Tables.
//
// The first pass looks every key up in the parent, for a miss in the VRF is the rule where it counts, and on the way
// picks the keys whose root entry has the claims of their table; the second asks the second filter about these (a kernel asks only
// where they are few); the third looks those that are left up in their tables.
func (s *Set) LookupDual(keys []Key, hops []Hop) {
	hops = hops[:len(keys)]
	for len(keys) > 0 {
		n := min(len(keys), maxBurst)
		s.lookupDual(keys[:n], hops[:n])
		keys, hops = keys[n:], hops[n:]
	}
}

// Root returns the first of the words that LookupDual loads first, one a key: that of its address >> RootShift. Who has other work to do
// between a key and its lookup can prefetch its word; what it holds is no one else's business. It is as good as a lookup made at the same
// time.
func (s *Set) Root() *uint32 { return &s.parent.dense.Load().root[0] }

// lookupInTurn is LookupDual for at most maxBurst keys, one lookup behind the other.
func (s *Set) lookupInTurn(parent *dense, keys []Key, hops []Hop) {
	var escapes marks
	var list picks
	n := parent.pick(keys, hops, &list, &escapes)
	escapes.each(func(i int) { hops[i] = s.parent.long.walk(1, keys[i].Addr) })
	s.override(keys, hops, &list, n)
}

// pickGo looks keys[from:] up in the parent's dense part, 0 without Fallback, and marks the hops that are escapes. Those
// that the claims let through it adds to list, which has n already; it returns how many there are then.
func (d *dense) pickGo(keys []Key, hops []Hop, list *picks, escapes *marks, n, from int) int {
	if from == len(keys) {
		return n
	}
	var addrs [maxBurst]uint32
	for i := from; i < len(keys); i++ {
		addrs[i&(maxBurst-1)] = keys[i].Addr
	}
	d.burstGo(addrs[:len(keys)], hops, escapes, from)
	withoutFallback(keys, hops, escapes, from)
	root := (*[1 << rootBits]uint32)(d.root)
	for i := from; i < len(keys); i++ {
		k := keys[i]
		if own := claimsFor(k.Table); atomic.LoadUint32(&root[k.Addr>>RootShift])&own == own {
			list[n&(maxBurst-1)] = uint8(i)
			n++
		}
	}
	return n
}

// withoutFallback takes the parent's answers from those of keys[from:] that may not fall back.
func withoutFallback(keys []Key, hops []Hop, escapes *marks, from int) {
	for i := from; i < len(keys); i++ {
		if keys[i].Flags&Fallback == 0 {
			hops[i] = 0
			escapes[i/64] &^= 1 << (i % 64)
		}
	}
}

// overrideGo puts the hops of the tables' own routes in the place of those in hops, for the first n keys of list.
func (s *Set) overrideGo(keys []Key, hops []Hop, list *picks, n int) {
	for _, i := range list[:n] {
		if h := s.Lookup(keys[i].Table, keys[i].Addr); h != 0 {
			hops[i] = h
		}
	}
}
