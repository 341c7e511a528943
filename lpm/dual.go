package lpm

import "math/bits"

// maxBurst is how many keys LookupDual takes at once; more are split.
const maxBurst = 256

// candidates has a bit for each key of a burst: its table may have a route. Bits rather than a list of numbers, for a
// list that a kernel has just written cannot be read back before its stores have left the core (1 ns a key).
type candidates [maxBurst / 64]uint64

func (c *candidates) count() (n int) {
	for _, word := range c {
		n += bits.OnesCount64(word)
	}
	return n
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
	var c candidates
	d := g.dense.Load()
	if d.dual(keys, hops, s.first, &c) {
		for i, h := range hops { // some keys in a thousand
			if h == Hop(d.escape) {
				hops[i] = g.long.Lookup(1, keys[i].Addr)
			}
		}
	}
	if c.count() >= len(keys)/4 {
		s.walkAll(keys, hops, &c)
		return
	}
	for w, word := range c {
		for ; word != 0; word &= word - 1 {
			i := w*64 + bits.TrailingZeros64(word)
			if k := keys[i]; s.mayHold(k.Table, k.Addr) {
				if h := s.walk(k.Table, k.Addr); h != 0 {
					hops[i] = h
				}
			}
		}
	}
}

// dualGo looks keys[from:] up in the dense part, 0 without Fallback, and adds to c those that the first filter lets
// through. It reports whether any hop is an escape.
func (d *dense) dualGo(keys []Key, hops []Hop, first []uint32, c *candidates, from int) bool {
	var addrs [maxBurst]uint32
	filter := &first[0]
	for i := from; i < len(keys); i++ {
		k := keys[i]
		addrs[i-from] = k.Addr
		bit := load(filter, uint32(k.Table)*headWords+k.Addr>>(37-headBits)) >> (k.Addr >> (32 - headBits) & 31) & 1
		c[i/64] |= uint64(bit) << (i % 64)
	}
	escapes := d.burstGo(addrs[:len(keys)-from], hops[from:])
	for i := from; i < len(keys); i++ {
		hops[i] &= -Hop(keys[i].Flags & Fallback)
	}
	return escapes
}
