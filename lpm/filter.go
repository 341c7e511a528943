package lpm

import "sync/atomic"

// The second filter of a Set: what it says too much costs a walk, what it said too little would hide a route. So bits are
// set before a route is published, and taken back only now and then, by making a table's bitmap anew.
const (
	blockLen  = 20                                    // it marks /20 blocks
	noBlocks  = 0<<5 | 5                              // a bitmap of one word, words[0], which is 0
	allBlocks = (hopWords+maxTables*nodeWords)<<5 | 5 // the same, of ones
	minBlocks = 8                                     // log2 of the bits of the smallest bitmap
	maxBlocks = 1 << 13                               // with more blocks a bitmap is not worth its memory: allBlocks
)

// mayHold asks the second filter.
func (s *Set) mayHold(table uint16, addr uint32) bool {
	word, bits := blockBits(load(&s.blocks[0], uint32(table)), addr>>(32-blockLen))
	return private(addr) || ^load(&s.words.all[0], word)&bits == 0
}

// private reports whether an address is one of RFC 1918. These pass the second filter, and no bitmap marks them: VRFs are
// full of them, and what goes there is hardly ever for the Internet. So the bitmaps hold public blocks alone and stay in L2.
func private(addr uint32) bool {
	return addr>>24 == 10 || addr>>20 == 172<<4|1 || addr>>16 == 192<<8|168
}

// blockBits finds a block's two bits in a hashed bitmap, both in one word so that they cost one load (a Bloom filter in
// blocks: Putze, Sanders, Singler, "Cache-, hash- and space-efficient Bloom filters", WEA 2007). The hash is Knuth's
// multiplicative one (2^32 over the golden ratio), which spreads neighbours.
func blockBits(bitmap, block uint32) (word, bits uint32) {
	h := block * 2654435769
	return bitmap>>5 + h>>(37-bitmap&31), 1<<(h>>13&31) | 1<<(h>>8&31)
}

// announce has a table's bitmap let a prefix through, before it is published.
func (s *Set) announce(table uint16, r Route) {
	last := r.Addr | ^mask(r.Len)
	if private(r.Addr) && private(last) {
		return
	}
	switch {
	case s.blocks[table] == allBlocks:
		return
	case last>>(32-blockLen)-r.Addr>>(32-blockLen) >= maxBlocks:
		s.swapBlocks(table, allBlocks, 0)
		return
	case s.blocks[table] == noBlocks:
		s.setBlocks(table, nil)
	}
	for block := r.Addr >> (32 - blockLen); block <= last>>(32-blockLen); block++ {
		word, bits := blockBits(s.blocks[table], block)
		if have := s.words.all[word]; have&bits != bits {
			atomic.StoreUint32(&s.words.all[word], have|bits)
			s.marks[table]++
		}
	}
}

// tired says whether a table's bitmap has seen so many changes that it is worth making anew: one for every 16 bits
// of the bitmap, or some thousands where there is none.
func (s *Set) tired(table uint16) bool {
	limit := uint32(maxBlocks)
	if b := s.blocks[table]; b != allBlocks {
		limit = 1 << (b & 31) >> 4
	}
	return s.marks[table] > limit
}

// refit makes a table's bitmap anew from its prefixes, and so drops the bits of those that are gone. They must be
// published, and what is no prefix any more withdrawn.
func (s *Set) refit(table uint16) {
	t := s.tables[table]
	if t == nil || t.count == 0 {
		s.swapBlocks(table, noBlocks, 0)
		return
	}
	var blocks []uint32
	for r := range t.each {
		if private(r.addr()) && private(r.last()) {
			continue
		}
		for b := r.addr() >> (32 - blockLen); b <= r.last()>>(32-blockLen) && len(blocks) <= maxBlocks; b++ {
			if n := len(blocks); n == 0 || blocks[n-1] != b {
				blocks = append(blocks, b)
			}
		}
	}
	s.setBlocks(table, blocks)
}

// setBlocks swaps in a hashed bitmap of the given blocks, at 32 to 64 bits for each.
func (s *Set) setBlocks(table uint16, blocks []uint32) {
	if len(blocks) > maxBlocks {
		s.swapBlocks(table, allBlocks, 0)
		return
	}
	order := max(minBlocks, orderOf(32*len(blocks)+1))
	off, err := s.words.alloc(order - 5)
	if err != nil { // memory is short: a filter that says too much costs time and nothing else
		s.swapBlocks(table, allBlocks, 0)
		return
	}
	clear(s.words.all[off:][:1<<(order-5)])
	bitmap := off<<5 | uint32(order)
	for _, block := range blocks {
		word, bits := blockBits(bitmap, block)
		s.words.all[word] |= bits
	}
	s.swapBlocks(table, bitmap, uint32(len(blocks)))
}

func (s *Set) swapBlocks(table uint16, bitmap, marks uint32) {
	old := s.blocks[table]
	atomic.StoreUint32(&s.blocks[table], bitmap)
	s.marks[table] = marks
	if old != noBlocks && old != allBlocks {
		s.words.retire(old>>5, int(old&31)-5)
	}
}
