package lpm

import (
	"iter"
	"maps"
	"sync/atomic"
)

// The index of a Set: which /16 blocks of which tables hold prefixes beyond /16, and the references of their ranges. A
// hash table of buckets of one cache line, without moves: a key goes into the first free place from its bucket on and
// stays, so that a reader who goes the same way cannot miss it. What has died is left behind when the index is made
// anew, once no reader can remember the time before.
//
//	head     | first of the filter, in 64 bits (32) | first bucket (27) | order: log2 of the buckets (5) |
//	bucket   | key 0 .. key 7 | reference 0 .. reference 7 |
//	filter   words of 32 bits, four a bucket; each block that a prefix from /12 on touches has three bits in one of them
//
// The filter is a Bloom filter in blocks (Putze, Sanders, Singler, "Cache-, hash- and space-efficient Bloom filters", WEA
// 2007): three bits in one word cost one load, and of a thousand blocks without a prefix one to six pass, twenty when it is
// full. What it says too much costs a probe, what it said too little would hide a route: bits are set before a route is
// published, and taken back only when the index is made anew.
const (
	bucketWords = 16
	bucketOrder = 4
	bucketKeys  = 8
	filterOrder = 2          // log2 of the filter's words a bucket
	hashFactor  = 2654435769 // 2^32 over the golden ratio: Knuth's multiplicative hash, which spreads neighbours
	minMarked   = 12         // prefixes shorter than this have no marks
)

// keyOf is what the index knows a block by. Never 0: table 0 has no routes.
func keyOf(table uint16, addr uint32) uint32 { return uint32(table)<<16 | addr>>16 }

// mayHold asks the second filter.
func (s *Set) mayHold(table uint16, addr uint32) bool {
	top, head, hash := atomic.LoadUint64(&s.tops[table]), atomic.LoadUint64(&s.heads[0]), keyOf(table, addr)*hashFactor
	bits := markOf(hash)
	return top>>(32+addr>>27)&1 != 0 || ^load(&s.words.all[0], filterWord(head, hash))&bits == 0
}

func bucketOf(head uint64, hash uint32) uint32 { return hash >> (-uint32(head) & 31) }
func filterWord(head uint64, hash uint32) uint32 {
	return uint32(head>>32)*2 + hash>>((32-filterOrder-uint32(head))&31)
}
func markOf(hash uint32) uint32 { return 1<<(hash>>1&31) | 1<<(hash>>6&31) | 1<<(hash>>11&31) }

// locate returns the word that holds a key, or where it would go.
func (s *Set) locate(key uint32) (place uint32, found bool) {
	words, head := &s.words.all[0], atomic.LoadUint64(&s.heads[0])
	for b := bucketOf(head, key*hashFactor); ; b = (b + 1) & (1<<(head&31) - 1) {
		for place = (uint32(head)>>5 + b) * bucketWords; place&bucketKeys == 0; place++ {
			if k := load(words, place); k == key || k == 0 {
				return place, k == key
			}
		}
	}
}

// find returns the reference of a key. Table 0's first key is what a free place has, whose reference may already be another key's.
func (s *Set) find(key uint32) (ref uint32, found bool) {
	place, found := s.locate(key)
	if !found || key == 0 {
		return 0, false
	}
	return load(&s.words.all[0], place+bucketKeys), true
}

// set gives a key its reference and retires what it had. A new key's reference is stored before the key that leads to it.
func (s *Set) set(key, ref uint32) error {
	place, found := s.locate(key)
	if !found && s.used >= mostKeys(s.order()) {
		if err := s.rehash(); err != nil {
			return err
		}
		place, _ = s.locate(key)
	}
	all := s.words.all
	old := all[place+bucketKeys]
	atomic.StoreUint32(&all[place+bucketKeys], ref)
	if found {
		s.retireRanges(old)
		return nil
	}
	atomic.StoreUint32(&all[place], key)
	s.used++
	return nil
}

// An index of 2^order buckets takes mostKeys: of sixteen places eleven, so that one key in ten is not in its own bucket.
// It is made for half as many marks more, and lets them grow to twice the keys.
func mostKeys(order int) int  { return 11 << order / 2 }
func mostMarks(order int) int { return 2 * mostKeys(order) }
func (s *Set) order() int     { return int(s.heads[0] & 31) }

// keys yields every key of the index with its reference.
func (s *Set) keys(yield func(key, ref uint32) bool) {
	head := s.heads[0]
	if head == 0 {
		return
	}
	for b := uint32(head) >> 5; b < uint32(head)>>5+1<<(head&31); b++ {
		bucket := s.words.all[b*bucketWords:][:bucketWords]
		for i, key := range bucket[:bucketKeys] {
			if key != 0 && !yield(key, bucket[bucketKeys+i]) {
				return
			}
		}
	}
}

// announce has the filter let a prefix through, before it is published.
func (s *Set) announce(table uint16, r Route) {
	for key := range marksOf(table, r) {
		if s.marks >= mostMarks(s.order()) {
			_ = s.rehash() // without memory for a larger one, this one lets more through
		}
		s.mark(key)
	}
}

func (s *Set) mark(key uint32) {
	hash := key * hashFactor
	word, bits := filterWord(s.heads[0], hash), markOf(hash)
	if have := s.words.all[word]; have&bits != bits {
		atomic.StoreUint32(&s.words.all[word], have|bits)
		s.marks++
	}
}

// marksOf yields the keys of the blocks that a prefix touches, unless it is so short that octetsOf stands for it.
func marksOf(table uint16, r Route) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if r.Len < minMarked {
			return
		}
		for block := r.Addr >> 16; block <= (r.Addr|^mask(r.Len))>>16; block++ {
			if !yield(uint32(table)<<16 | block) {
				return
			}
		}
	}
}

// octetsOf returns the bits of tops that let a short prefix through: one for each /5 it touches.
func octetsOf(r Route) (bits uint64) {
	if r.Len >= minMarked {
		return 0
	}
	for i := r.Addr >> 27; i <= (r.Addr|^mask(r.Len))>>27; i++ {
		bits |= 1 << (32 + i)
	}
	return bits
}

// bury notes, as a prefix leaves the records, that its blocks' keys and marks serve none any more; revive, as one enters
// them, that they do again. What is buried stays, until the change is published and no reader remembers the time before.
func (s *Set) bury(table uint16, r Route) {
	for key := range marksOf(table, r) {
		blocks, block := s.dead[table], uint16(key)
		if token, dead := blocks[block]; dead && token == 0 || len(s.low(table, key)) > 0 {
			continue
		}
		if blocks == nil {
			blocks = map[uint16]uint64{}
			s.dead[table] = blocks
		}
		blocks[block] = 0
		s.dying = append(s.dying, key)
		s.deaths++
	}
}

func (s *Set) revive(table uint16, r Route) {
	if r.Len > 16 {
		delete(s.dead[table], uint16(r.Addr>>16))
	}
}

// forgotten is the token of what is dead and no reader remembers alive.
const forgotten = ^uint64(0)

// forget notes what is forgotten: once for all of a rehash, for readers go on meanwhile.
func (s *Set) forget() {
	for _, blocks := range s.dead {
		for block, token := range blocks {
			if token != 0 && s.words.domain.Passed(token) {
				blocks[block] = forgotten
			}
		}
	}
}

func (s *Set) gone(key uint32) bool { return s.dead[uint16(key>>16)][uint16(key)] == forgotten }

// lay starts the grace period of what has died.
func (s *Set) lay() {
	if len(s.dying) == 0 {
		return
	}
	token := s.words.domain.Advance()
	for _, key := range s.dying {
		blocks := s.dead[uint16(key>>16)]
		if _, dead := blocks[uint16(key)]; dead {
			blocks[uint16(key)] = token
		}
	}
	s.dying = s.dying[:0]
}

// rehash makes the index anew, for what is in it but what is gone, and publishes it by one store. On error nothing has
// changed.
func (s *Set) rehash() error {
	s.forget()
	var keys, refs []uint32
	for key, ref := range s.keys {
		if !s.gone(key) {
			keys, refs = append(keys, key), append(refs, ref)
		}
	}
	marked := s.marked()
	order := 1 // so that a hash is shifted by less than 32
	for len(keys)*11/9 >= mostKeys(order) || len(marked)*4/3 >= mostMarks(order) {
		order++
	}
	buckets, err := s.words.alloc(order + bucketOrder)
	if err != nil {
		return err
	}
	filter, err := s.words.alloc(order + filterOrder)
	if err != nil {
		s.words.retire(buckets, order+bucketOrder)
		return err
	}
	all := s.words.all
	clear(all[buckets:][:bucketWords<<order])
	clear(all[filter:][:1<<(order+filterOrder)])
	head := uint64(filter/2)<<32 | uint64(buckets/bucketWords<<5) | uint64(order)
	for i, key := range keys {
		b := bucketOf(head, key*hashFactor)
		place := buckets + b*bucketWords
		for all[place] != 0 {
			if place++; place&bucketKeys != 0 {
				b = (b + 1) & (1<<order - 1)
				place = buckets + b*bucketWords
			}
		}
		all[place], all[place+bucketKeys] = key, refs[i]
	}
	for _, key := range marked {
		hash := key * hashFactor
		all[filterWord(head, hash)] |= markOf(hash)
	}
	old := s.heads[0]
	atomic.StoreUint64(&s.heads[0], head)
	if old != 0 {
		s.words.retire(uint32(old)>>5*bucketWords, int(old&31)+bucketOrder)
		s.words.retire(uint32(old>>32)*2, int(old&31)+filterOrder)
	}
	s.used, s.marks, s.deaths = len(keys), len(marked), 0
	for table, blocks := range s.dead {
		maps.DeleteFunc(blocks, func(_ uint16, token uint64) bool { return token == forgotten })
		if len(blocks) == 0 {
			delete(s.dead, table)
		}
	}
	return nil
}

// marked lists the blocks that need marks: those of all prefixes from /12 on, announced ones included, and those that
// readers may remember.
func (s *Set) marked() (keys []uint32) {
	for number, t := range s.tables {
		if t == nil {
			continue
		}
		for first, o := range t.octets {
			if o == nil {
				continue
			}
			for _, r := range o.mid {
				for key := range marksOf(uint16(number), r.route()) {
					keys = append(keys, key)
				}
			}
			for i := range o.blocks {
				keys = append(keys, uint32(number)<<16|uint32(first)<<8|uint32(o.blocks[i].number))
			}
		}
	}
	for table, blocks := range s.dead {
		for block, token := range blocks {
			if token != forgotten {
				keys = append(keys, uint32(table)<<16|uint32(block))
			}
		}
	}
	return keys
}
