package lpm

// walkAllGo overrides the answers of the keys in list, at most maxBurst, all in step: each stage goes through all that
// are left before the next begins, and takes no branch on what it finds, so that the loads of many walks overlap. One
// by one a walk takes two to three times as long, most of it in mispredicted branches.
func (s *Set) walkAllGo(keys []Key, hops []Hop, list []uint32) {
	w := walks{words: &s.words.all[0], n: len(list)}
	for j, i := range list {
		w.left[j&(maxBurst-1)] = uint8(i)
		w.at[i&(maxBurst-1)] = firstNode + rootNode + uint32(keys[i].Table)
		w.octets[i&(maxBurst-1)] = keys[i].Addr
	}
	w.descend()
	w.answer(hops, firstNode)
	w.descend()
	w.answer(hops, firstRange)
	w.search(hops)
}

// walks is the state of walkAllGo, by key.
type walks struct {
	words  *uint32
	n      int
	left   [maxBurst]uint8  // numbers of the keys still walking
	done   [maxBurst]uint8  // numbers of those that stop here
	at     [maxBurst]uint32 // reference, then position among the ranges
	octets [maxBurst]uint32 // what is left of the address, the next octet uppermost
}

// descend goes one octet down in all walks.
func (w *walks) descend() {
	words, at, octets := w.words, &w.at, &w.octets
	for _, i := range w.left[:w.n] {
		o := octets[i]
		octets[i] = o << 8
		pair := load64(words, (at[i]-firstNode)*nodeWords+o>>29*2)
		at[i] = load(words, uint32(pair>>32)+ones(uint32(pair)<<(^o>>24&31)))
	}
}

// ones counts bits without asking for POPCNT: on GOAMD64=v1 the standard library's has a call in its slow arm, around
// which a loop must spill.
func ones(x uint32) uint32 {
	x -= x >> 1 & 0x55555555
	x = x&0x33333333 + x>>2&0x33333333
	return (x + x>>4) & 0x0f0f0f0f * 0x01010101 >> 24
}

// answer ends the walks whose reference is below next: it is their hop.
func (w *walks) answer(hops []Hop, next uint32) {
	at, left, done, kept, ended := &w.at, &w.left, &w.done, uint(0), uint(0)
	for _, i := range left[:w.n] {
		more := uint(uint64(int64(next)-1-int64(at[i])) >> 63)
		left[kept&(maxBurst-1)], done[ended&(maxBurst-1)] = i, i
		kept += more
		ended += 1 - more
	}
	w.n = int(kept)
	override(hops, at, done[:ended])
}

// override puts the hops in at, where they are not 0, in the place of those in hops, for the keys in list.
func override(hops []Hop, at *[maxBurst]uint32, list []uint8) {
	for _, i := range list {
		h := Hop(at[i])
		keep := (h|-h)>>31 - 1 // all ones if h is 0
		hops[i] = hops[i]&keep | h
	}
}

// search finds the hops of the walks that have come to ranges, by the length of their list, each in as many steps as
// that takes.
func (w *walks) search(hops []Hop) {
	var byOrder [17][maxBurst]uint8
	var count [17]uint
	words, at, low := w.words, &w.at, &w.octets
	for _, i := range w.left[:w.n] {
		ref := at[i]
		order := ref >> rangeShift % 17
		byOrder[order][count[order]&(maxBurst-1)] = i
		count[order]++
		at[i] = ref % firstRange * 2
		low[i] |= 0xffff
	}
	for order, n := range count {
		if n == 0 {
			continue
		}
		list := byOrder[order][:min(n, maxBurst)]
		for step := uint32(1) << order >> 1; step > 0; step >>= 1 {
			for _, i := range list {
				here := at[i]
				above := int64(low[i]) - int64(load(words, here+step)) // below 0: the range starts above
				at[i] = here + step&^uint32(above>>63)
			}
		}
		for _, i := range list {
			at[i] = load(words, at[i]) & 0xffff
		}
		override(hops, at, list)
	}
}
