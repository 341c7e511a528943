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

// lanes is how many lookups a kernel makes at a time.
const lanes = 16

// picks are numbers of keys of a burst, ascending. A vector store may write past the last.
type picks [maxBurst + lanes]uint32

// fewWalks is up to how many walks one by one are faster than all in step.
const fewWalks = 3

// LookupDual looks every key up in its VRF's table and, where that has no route of any length and the key says
// Fallback, in the parent: hops[i] answers keys[i]. A VRF's route wins however short it is. len(hops) must be at
// least len(keys), and each Key.Table below Tables.
//
// The first pass looks every key up in the parent, for a miss in the VRF is the rule where it counts, and on the way
// picks the keys whose root entry has a claim; the second asks the second filter about these; the third walks the tables
// of those that are left, one by one, or all in step where they are many.
func (s *Set) LookupDual(keys []Key, hops []Hop) {
	hops = hops[:len(keys)]
	for len(keys) > 0 {
		n := min(len(keys), maxBurst)
		s.lookupDual(keys[:n], hops[:n])
		keys, hops = keys[n:], hops[n:]
	}
}

func (s *Set) lookupDual(keys []Key, hops []Hop) {
	var escapes marks
	var list picks
	n := s.dual(s.parent.dense.Load(), keys, hops, &list, &escapes)
	escapes.each(func(i int) { hops[i] = s.parent.long.walk(1, keys[i].Addr) })
	if n > fewWalks {
		s.walkAll(keys, hops, list[:n])
		return
	}
	for _, i := range list[:n] {
		if h := s.walk(keys[i].Table, keys[i].Addr); h != 0 {
			hops[i] = h
		}
	}
}

// dualGo looks keys[from:] up in the parent's dense part, 0 without Fallback, and marks the hops that are escapes. Those
// that both filters let through it adds to list, which has n already; it returns how many there are then.
func (s *Set) dualGo(d *dense, keys []Key, hops []Hop, list *picks, escapes *marks, n, from int) int {
	if from == len(keys) {
		return n
	}
	var addrs [maxBurst]uint32
	for i := from; i < len(keys); i++ {
		addrs[i&(maxBurst-1)] = keys[i].Addr
	}
	d.burstGo(addrs[:len(keys)], hops, escapes, from)
	root := (*[1 << rootBits]uint32)(d.root)
	end := n
	for i := from; i < len(keys); i++ {
		k := keys[i]
		if k.Flags&Fallback == 0 {
			hops[i] = 0
			escapes[i/64] &^= 1 << (i % 64)
		}
		list[end&(maxBurst-1)] = uint32(i)
		end += int(atomic.LoadUint32(&root[k.Addr>>rootShift]) >> (claimShift + k.Addr>>(32-blockLen)%claimBits) & 1)
	}
	for _, i := range list[n:end] {
		if s.mayHold(keys[i].Table, keys[i].Addr) {
			list[n] = i
			n++
		}
	}
	return n
}
