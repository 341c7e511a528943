package lpm

// maxBurst is how many keys LookupDual takes at once; more are split.
const maxBurst = 256

// candidates holds the numbers of the keys that the filters let through; a vector store may write past the last.
type candidates [maxBurst + 16]uint32

// LookupDual looks every key up in its VRF's table and, where that has no route of any length and the key says
// Fallback, in the global table: hops[i] answers keys[i]. A VRF's route wins however short it is. len(hops) must be at
// least len(keys), and each Key.Table below s.Tables.
//
// The first pass looks every key up in the global table, for a miss in the VRF is the rule where it counts, and in the
// shadow of that lookup's cache misses collects, without a branch, the keys that the Set's first filter lets through.
// The second pass asks the second filter, unless most keys have come so far, and the last walks the tables.
func LookupDual(s *Set, g *Table, keys []Key, hops []Hop) {
	var c candidates
	hops = hops[:len(keys)]
	for len(keys) > 0 {
		n := min(len(keys), maxBurst)
		lookupDual(s, g, keys[:n], hops[:n], &c)
		keys, hops = keys[n:], hops[n:]
	}
}

func lookupDual(s *Set, g *Table, keys []Key, hops []Hop, c *candidates) {
	d := g.dense.Load()
	escapes, n := d.dual(keys, hops, s.octets, c)
	if n > 0 && n < len(keys)/4 {
		n = s.filter(keys, c, n)
	}
	if escapes {
		for i, h := range hops { // some keys in a thousand
			if h == Hop(d.escape) {
				hops[i] = g.long.Lookup(1, keys[i].Addr)
			}
		}
	}
	if n > 0 {
		s.override(keys, hops, c, n)
	}
}

// dualGo looks keys[from:] up in the dense part, 0 without Fallback, and adds to c the numbers of those that the first
// filter lets through; n are there already. It reports whether any hop is an escape, and the new n.
func (d *dense) dualGo(keys []Key, hops []Hop, octets []uint32, c *candidates, from, n int) (bool, int) {
	var addrs [maxBurst]uint32
	words := &octets[0]
	for i, k := range keys[from:] {
		addrs[i&(maxBurst-1)] = k.Addr
		c[n] = uint32(from + i)
		n += int(load(words, uint32(k.Table)*octetWords+k.Addr>>29) >> (k.Addr >> 24 & 31) & 1)
	}
	escapes := d.burstGo(addrs[:len(keys)-from], hops[from:])
	for i, k := range keys[from:] {
		hops[from+i] &= -Hop(k.Flags & Fallback)
	}
	return escapes, n
}

// filter keeps, in place and without a branch, the candidates that the second filter lets through.
func (s *Set) filter(keys []Key, c *candidates, n int) int {
	blocks, words := &s.blocks[0], &s.words.all[0]
	kept := 0
	for _, i := range c[:n] {
		k := keys[i]
		c[kept] = i
		word, bits := blockBits(load(blocks, uint32(k.Table)), k.Addr>>16)
		kept += int((uint64(^load(words, word)&bits) - 1) >> 63) // 1 if no bit is missing
	}
	return kept
}

// overrideGo has the tables of the candidates answer, where they have a route.
func (s *Set) overrideGo(keys []Key, hops []Hop, c *candidates, n int) {
	for _, i := range c[:n] {
		if h := s.walk(keys[i].Table, keys[i].Addr); h != 0 {
			hops[i] = h
		}
	}
}
