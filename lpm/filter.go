package lpm

import "sync/atomic"

// The filters of a Set: what they say too much costs a walk, what they said too little would hide a route. So bits are
// set before a route is published, and taken back only now and then, by making a table's filters anew.
const (
	headBits  = 9 // the first filter has a bit per /9, one cache line a table
	headWords = 1 << headBits / 32

	blockLen  = 20                                    // the second filter marks /20 blocks
	noBlocks  = 0<<5 | 5                              // a bitmap of one word, words[0], which is 0
	allBlocks = (hopWords+maxTables*nodeWords)<<5 | 5 // the same, of ones
	minBlocks = 8                                     // log2 of the bits of the smallest bitmap
	maxBlocks = 1 << 13                               // with more blocks a bitmap is not worth its memory: allBlocks
)

// mayHold asks the second filter.
func (s *Set) mayHold(table uint16, addr uint32) bool {
	word, bits := blockBits(load(&s.blocks[0], uint32(table)), addr>>(32-blockLen))
	return ^load(&s.words.all[0], word)&bits == 0
}

// blockBits finds a block's two bits in a hashed bitmap, both in one word so that they cost one load (a Bloom filter in
// blocks: Putze, Sanders, Singler, "Cache-, hash- and space-efficient Bloom filters", WEA 2007). The hash is Knuth's
// multiplicative one (2^32 over the golden ratio), which spreads neighbours.
func blockBits(bitmap, block uint32) (word, bits uint32) {
	h := block * 2654435769
	return bitmap>>5 + h>>(37-bitmap&31), 1<<(h>>13&31) | 1<<(h>>8&31)
}

// heads returns a table's part of the first filter.
func (s *Set) heads(table uint16) []uint32 { return s.first[uint32(table)*headWords:][:headWords] }

// announce has both filters of a table let a prefix through, before it is published.
func (s *Set) announce(table uint16, r Route) {
	last := r.Addr | ^mask(r.Len)
	heads := s.heads(table)
	for head := r.Addr >> (32 - headBits); head <= last>>(32-headBits); head++ {
		if bit := uint32(1) << (head & 31); heads[head>>5]&bit == 0 {
			atomic.StoreUint32(&heads[head>>5], heads[head>>5]|bit)
		}
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

// tired says whether a table's filters have seen so many changes that they are worth making anew: one for every 16 bits
// of the bitmap, or some thousands where there is none.
func (s *Set) tired(table uint16) bool {
	limit := uint32(maxBlocks)
	if b := s.blocks[table]; b != allBlocks {
		limit = 1 << (b & 31) >> 4
	}
	return s.marks[table] > limit
}

// refit makes a table's filters anew from its prefixes, and so drops the bits of those that are gone. They must be
// published, and what is no prefix any more withdrawn.
func (s *Set) refit(table uint16) {
	var heads [headWords]uint32
	var blocks []uint32
	if t := s.tables[table]; t == nil || t.count == 0 {
		s.swapBlocks(table, noBlocks, 0)
	} else {
		for r := range t.each {
			for head := r.addr() >> (32 - headBits); head <= r.last()>>(32-headBits); head++ {
				heads[head>>5] |= 1 << (head & 31)
			}
			for b := r.addr() >> (32 - blockLen); b <= r.last()>>(32-blockLen) && len(blocks) <= maxBlocks; b++ {
				if n := len(blocks); n == 0 || blocks[n-1] != b {
					blocks = append(blocks, b)
				}
			}
		}
		s.setBlocks(table, blocks)
	}
	for w, word := range heads {
		atomic.StoreUint32(&s.heads(table)[w], word)
	}
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
