package lpm

// LookupDual looks every key up in its VRF's table and, where that has no route of any length and the key says
// Fallback, in the global table: hops[i] answers keys[i]. A VRF's route wins however short it is. len(hops) must be at
// least len(keys).
//
// The global lookup is made for every key, for a miss is the rule where it counts; what the filter of the Set lets
// through is collected without a branch and looked up in a second pass, which overwrites the global answer.
func LookupDual(s *Set, g *Table, keys []Key, hops []Hop) {
	var candidates [maxBurst]uint32
	for len(keys) > maxBurst {
		LookupDual(s, g, keys[:maxBurst], hops)
		keys, hops = keys[maxBurst:], hops[maxBurst:]
	}
	hops = hops[:len(keys)]
	escapes, n := g.dense.Load().dual(keys, hops, s.filter, &candidates)
	for _, i := range candidates[:n] {
		k := keys[i&(maxBurst-1)]
		if h := s.walk(k.Table, k.Addr); h != 0 {
			hops[i] = h
		}
	}
	if escapes {
		for i, h := range hops {
			if h == escaped {
				hops[i] = g.long.Lookup(1, keys[i].Addr)
			}
		}
	}
}

// maxBurst is how many keys LookupDual takes at once; more are split.
const maxBurst = 256

// dualGo is the first pass: the global answer, 0 without Fallback, and the numbers of the keys that the filter lets
// through, counted by n.
func (d *dense) dualGo(keys []Key, hops []Hop, filter []uint32, candidates *[maxBurst]uint32) (escapes bool, n int) {
	var any uint32
	if d.wide != nil {
		var addrs [maxBurst]uint32
		for i, k := range keys {
			addrs[i&(maxBurst-1)] = k.Addr
		}
		escapes = d.burstGo(addrs[:len(keys)], hops)
		for i, k := range keys {
			hops[i] &= -Hop(k.Flags & Fallback)
		}
	} else {
		root := (*[1 << rootBits]uint32)(d.root)
		leaves := &d.leaf8[0]
		ids := (*[1 << 8]uint32)(d.hops)
		for i, k := range keys {
			e := load(&root[0], k.Addr>>rootShift)
			h := ids[at(leaves, e>>3+k.Addr>>8&(chunkLen-1)>>(e&7))] & -uint32(k.Flags&Fallback)
			any |= h
			hops[i] = Hop(h)
		}
		escapes = any>>31 != 0
	}
	words := &filter[0]
	for i, k := range keys {
		candidates[n&(maxBurst-1)] = uint32(i)
		n += int(load(words, uint32(k.Table)<<3|k.Addr>>29) >> (k.Addr >> 24 & 31) & 1)
	}
	return escapes, n
}
