package lpm

import "math/bits"

// maxBurst is how many keys LookupDual takes at once; more are split.
const maxBurst = 256

// marks has a bit for each key of a burst. Bits rather than a list of numbers, for a list that a kernel has just written
// cannot be read back before its stores have left the core.
type marks [maxBurst / 64]uint64

func (m *marks) set(i int) { m[i/64] |= 1 << (i % 64) }

func (m *marks) count() (n int) {
	for _, word := range m {
		n += bits.OnesCount64(word)
	}
	return n
}

// each calls f for every bit.
func (m *marks) each(f func(i int)) {
	for w, word := range m {
		for ; word != 0; word &= word - 1 {
			f(w*64 + bits.TrailingZeros64(word))
		}
	}
}

// LookupDual looks every key up in its VRF's table and, where that has no route of any length and the key says
// Fallback, in the global table: hops[i] answers keys[i]. A VRF's route wins however short it is. len(hops) must be at
// least len(keys), and each Key.Table below s.Tables.
//
// The first pass looks every key up in the global table, for a miss in the VRF is the rule where it counts, and in the
// shadow of that lookup's cache misses marks, without a branch, the keys that the Set's first filter lets through.
// The second pass walks the tables of these: one by one behind the second filter, or all in step where they are many.
func LookupDual(s *Set, g *Table, keys []Key, hops []Hop) {
	hops = hops[:len(keys)]
	for len(keys) > 0 {
		n := min(len(keys), maxBurst)
		lookupDual(s, g, keys[:n], hops[:n])
		keys, hops = keys[n:], hops[n:]
	}
}

func lookupDual(s *Set, g *Table, keys []Key, hops []Hop) {
	var candidates, escapes marks
	g.dense.Load().dual(keys, hops, s.first, &candidates, &escapes)
	escapes.each(func(i int) { hops[i] = g.long.walk(1, keys[i].Addr) })
	if candidates.count() >= len(keys)/4 {
		s.walkAll(keys, hops, &candidates)
		return
	}
	candidates.each(func(i int) {
		if k := keys[i]; s.mayHold(k.Table, k.Addr) {
			if h := s.walk(k.Table, k.Addr); h != 0 {
				hops[i] = h
			}
		}
	})
}

// dualGo looks keys[from:] up in the dense part, 0 without Fallback, and marks as candidates those that the first filter
// lets through, and the hops that are escapes.
func (d *dense) dualGo(keys []Key, hops []Hop, first []uint32, candidates, escapes *marks, from int) {
	if from == len(keys) {
		return
	}
	var addrs [maxBurst]uint32
	filter := &first[0]
	for i := from; i < len(keys); i++ {
		k := keys[i]
		addrs[i&(maxBurst-1)] = k.Addr
		bit := load(filter, uint32(k.Table)*headWords+k.Addr>>(37-headBits)) >> (k.Addr >> (32 - headBits) & 31) & 1
		candidates[i/64] |= uint64(bit) << (i % 64)
	}
	d.burstGo(addrs[:len(keys)], hops, escapes, from)
	for i := from; i < len(keys); i++ {
		if keys[i].Flags&Fallback == 0 {
			hops[i] = 0
			escapes[i/64] &^= 1 << (i % 64)
		}
	}
}
