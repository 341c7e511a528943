package lpm

// maxBurst is how many keys LookupDual takes at once; more are split.
const maxBurst = 256

// candidates collects the numbers of the keys that the filter lets through; a vector store may write past the last.
type candidates [maxBurst + 16]uint32

// LookupDual looks every key up in its VRF's table and, where that has no route of any length and the key says
// Fallback, in the global table: hops[i] answers keys[i]. A VRF's route wins however short it is. len(hops) must be at
// least len(keys), and each Key.Table below s.Tables.
//
// The global lookup is made for every key, for a miss is the rule where it counts; what the first filter of the Set
// lets through is collected without a branch and looked up in a second pass, which overwrites the global answer.
func LookupDual(s *Set, g *Table, keys []Key, hops []Hop) {
	var c candidates
	hops = hops[:len(keys)]
	for len(keys) > 0 {
		n := min(len(keys), maxBurst)
		dualBurst(s, g, keys[:n], hops[:n], &c)
		keys, hops = keys[n:], hops[n:]
	}
}

func dualBurst(s *Set, g *Table, keys []Key, hops []Hop, c *candidates) {
	d := g.dense.Load()
	escapes, n := d.dual(keys, hops, s.octets, c)
	if escapes {
		for i, h := range hops {
			if h == Hop(d.escape) {
				hops[i] = g.long.Lookup(1, keys[i].Addr)
			}
		}
	}
	s.walkBurst(keys, hops, c, n)
}

// walkGo is the second pass: it overwrites the answers of the candidates c[:n] that their table has a route for.
func (s *Set) walkGo(keys []Key, hops []Hop, c *candidates, n int) {
	for _, i := range c[:n] {
		k := keys[i]
		if !s.mayHold(k.Table, k.Addr) {
			continue
		}
		if h := s.walk(k.Table, k.Addr); h != 0 {
			hops[i] = h
		}
	}
}

// dualGo is the first pass over keys[from:]: the global answer, 0 without Fallback, and the candidates, of which there
// are n already. It reports whether any hop is escaped, and the new n.
func (d *dense) dualGo(keys []Key, hops []Hop, octets []uint32, c *candidates, from, n int) (bool, int) {
	var addrs [maxBurst]uint32
	words := &octets[0]
	for i, k := range keys[from:] {
		addrs[i&(maxBurst-1)] = k.Addr
		c[n] = uint32(from + i)
		n += int(load(words, uint32(k.Table)<<3|k.Addr>>29) >> (k.Addr >> 24 & 31) & 1)
	}
	escapes := d.burstGo(addrs[:len(keys)-from], hops[from:])
	for i, k := range keys[from:] {
		hops[from+i] &= -Hop(k.Flags & Fallback)
	}
	return escapes, n
}
