package lpm

// maxBurst is how many keys LookupDual takes at once; more are split.
const maxBurst = 256

// candidates holds the numbers of the keys that the filters let through, and answers what their tables say, 0 for no
// route; a vector store may write past the last.
type (
	candidates [maxBurst + 16]uint32
	answers    [maxBurst + 16]Hop
)

// LookupDual looks every key up in its VRF's table and, where that has no route of any length and the key says
// Fallback, in the global table: hops[i] answers keys[i]. A VRF's route wins however short it is. len(hops) must be at
// least len(keys), and each Key.Table below s.Tables.
//
// Four passes over the burst: the filters of the Set collect the keys whose table may have a route; these walk their
// table; every key is looked up in the global table, for a miss in the VRF is the rule where it counts; the answers of
// the walks overwrite the global ones. The walks come first because they are chains of loads: they end while the global
// lookups, which are independent of each other, keep the memory busy.
func LookupDual(s *Set, g *Table, keys []Key, hops []Hop) {
	var c candidates
	var found answers
	hops = hops[:len(keys)]
	for len(keys) > 0 {
		n := min(len(keys), maxBurst)
		dualBurst(s, g, keys[:n], hops[:n], &c, &found)
		keys, hops = keys[n:], hops[n:]
	}
}

func dualBurst(s *Set, g *Table, keys []Key, hops []Hop, c *candidates, found *answers) {
	n := s.filter(keys, c)
	if n > 0 {
		s.find(keys, c, n, found)
	}
	d := g.dense.Load()
	if d.global(keys, hops) {
		for i, h := range hops { // some keys in a thousand
			if h == Hop(d.escape) {
				hops[i] = g.long.Lookup(1, keys[i].Addr)
			}
		}
	}
	for j, i := range c[:n] {
		if h := found[j]; h != 0 {
			hops[i] = h
		}
	}
}

// filterGo collects the numbers of keys[from:] that both filters let through, without a branch; n are there already.
func (s *Set) filterGo(keys []Key, c *candidates, from, n int) int {
	octets := &s.octets[0]
	first := n
	for i := from; i < len(keys); i++ {
		k := keys[i]
		c[n] = uint32(i)
		n += int(load(octets, uint32(k.Table)*octetWords+k.Addr>>29) >> (k.Addr >> 24 & 31) & 1)
	}
	last := n
	n = first
	for _, i := range c[first:last] {
		c[n] = i
		if s.mayHold(keys[i].Table, keys[i].Addr) {
			n++
		}
	}
	return n
}

// findGo walks the tables of the candidates.
func (s *Set) findGo(keys []Key, c *candidates, n int, found *answers) {
	for j, i := range c[:n] {
		found[j] = s.walk(keys[i].Table, keys[i].Addr)
	}
}

// globalGo looks keys up in the dense part, 0 without Fallback, and reports whether any hop is an escape.
func (d *dense) globalGo(keys []Key, hops []Hop) bool {
	var addrs [maxBurst]uint32
	for i, k := range keys {
		addrs[i&(maxBurst-1)] = k.Addr
	}
	escapes := d.burstGo(addrs[:len(keys)], hops)
	for i, k := range keys {
		hops[i] &= -Hop(k.Flags & Fallback)
	}
	return escapes
}
