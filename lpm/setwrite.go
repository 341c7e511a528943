package lpm

import (
	"math/bits"
	"sync/atomic"
)

// compile brings what the readers see up to date with the shelf after one prefix has changed.
func (s *Set) compile(table uint16, c Route) error {
	last := c.Addr | ^mask(c.Len)
	octet := c.Addr >> 24
	if c.Len <= 8 {
		return s.compileOctets(table, octet, last>>24)
	}
	ref := child(&s.words.all[0], firstNode+rootNode+uint32(table), octet)
	o := s.tables[table].octets[octet]
	if o == nil || ref < firstNode {
		return s.compileOctets(table, octet, octet)
	}
	return s.compileBlocks(ref-firstNode, o, c.Addr, last, s.tables[table].top.cover(c.Addr, 0))
}

// compileOctets compiles the first octets from..to of a table from the shelf: for each a hop, or a fresh node.
func (s *Set) compileOctets(table uint16, from, to uint32) error {
	t := s.tables[table]
	root := rootNode + uint32(table)
	for w := from >> 5; w <= to>>5; w++ {
		refs := s.expand(root, w)
		old := refs
		for i := range refs {
			octet := w<<5 + uint32(i)
			if octet < from || octet > to {
				continue
			}
			hop := t.top.cover(octet<<24, 0)
			refs[i] = uint32(hop)
			if o := t.octets[octet]; o != nil {
				node, err := s.words.alloc(nodeOrder)
				if err != nil {
					return err
				}
				node /= nodeWords
				s.clearNode(node)
				if err := s.compileBlocks(node, o, octet<<24, octet<<24|0xffffff, hop); err != nil {
					return err
				}
				refs[i] = firstNode + node
			}
		}
		if err := s.store(root, w, &refs); err != nil {
			return err
		}
		for i := range old {
			if old[i] != refs[i] && old[i] >= firstNode {
				s.retireNode(old[i] - firstNode)
			}
		}
	}
	return nil
}

// compileBlocks compiles the /16 blocks from..to of one first octet into its node; hop is the cover of at most /8.
func (s *Set) compileBlocks(node uint32, o *octet, from, to uint32, hop uint16) error {
	first, last := from>>16&255, to>>16&255
	for w := first >> 5; w <= last>>5; w++ {
		refs := s.expand(node, w)
		old := refs
		for i := range refs {
			number := w<<5 + uint32(i)
			if number < first || number > last {
				continue
			}
			cover := o.mid.cover(from&0xff000000|number<<16, hop)
			refs[i] = uint32(cover)
			if low := o.low(uint8(number)); len(low) > 0 {
				ref, err := s.compileRanges(low, cover)
				if err != nil {
					return err
				}
				refs[i] = ref
			}
		}
		if err := s.store(node, w, &refs); err != nil {
			return err
		}
		for i := range old {
			if old[i] != refs[i] {
				s.retireRanges(old[i])
			}
		}
	}
	return nil
}

// compileRanges writes the ranges of one /16 block, or is just the hop where one covers it.
func (s *Set) compileRanges(low records, cover uint16) (uint32, error) {
	ranges := s.sweep(low, cover)
	if len(ranges) == 1 {
		return ranges[0] & 0xffff, nil
	}
	order := orderOf(len(ranges))
	off, err := s.words.alloc(order)
	if err != nil {
		return 0, err
	}
	run := s.words.all[off:][:1<<order]
	for i := copy(run, ranges); i < len(run); i++ {
		run[i] = run[i-1]
	}
	return uint32(order)<<rangeShift | off/2, nil
}

// sweep turns nested prefixes into adjacent ranges | start (16) | hop (16) |, neighbours of one hop merged.
func (s *Set) sweep(low records, cover uint16) []uint32 {
	type open struct {
		last uint32
		hop  uint16
	}
	var stack [17]open // the cover, and at most one prefix per length 17..32
	stack[0] = open{0xffff, cover}
	depth := 0
	ranges := append(s.ranges[:0], uint32(cover))
	emit := func(start uint32) {
		n := len(ranges)
		if ranges[n-1]>>16 == start {
			n--
		}
		ranges = ranges[:n]
		if hop := stack[depth].hop; n == 0 || uint16(ranges[n-1]) != hop {
			ranges = append(ranges, start<<16|uint32(hop))
		}
	}
	end := func(before uint32) { // ends the prefixes that do not reach before
		for depth > 0 && stack[depth].last < before {
			next := stack[depth].last + 1
			depth--
			if next <= stack[depth].last {
				emit(next)
			}
		}
	}
	for _, r := range low {
		start := r.addr() & 0xffff
		end(start)
		depth++
		stack[depth] = open{r.last() & 0xffff, r.hop()}
		emit(start)
	}
	end(1 << 16)
	s.ranges = ranges
	return ranges
}

// expand returns the references of the 32 octets of one pair of a node.
func (s *Set) expand(node, w uint32) (refs [32]uint32) {
	all := s.words.all
	at := node*nodeWords + 2*w
	bitmap, i := all[at], all[at+1]
	for o := range refs {
		i += bitmap >> o & 1
		refs[o] = all[i]
	}
	return refs
}

// store makes refs the references of one pair of a node, by one store for readers, and retires the pair's old list.
func (s *Set) store(node, w uint32, refs *[32]uint32) error {
	bitmap, n := uint32(1), 1
	for o := 1; o < len(refs); o++ {
		if refs[o] != refs[o-1] {
			bitmap |= 1 << o
			n++
		}
	}
	all := s.words.all
	at := node*nodeWords + 2*w
	oldBitmap, oldList := all[at], all[at+1]+1
	list := refs[0] // one run of one hop: the word that is the hop
	if n > 1 {
		if oldBitmap == bitmap && oldList >= hopWords { // the same runs: swap the references that differ
			for m, i := bitmap, oldList; m != 0; m, i = m&(m-1), i+1 {
				if ref := refs[bits.TrailingZeros32(m)]; all[i] != ref {
					atomic.StoreUint32(&all[i], ref)
				}
			}
			return nil
		}
		var err error
		if list, err = s.words.alloc(orderOf(n)); err != nil {
			return err
		}
		for m, i := bitmap, list; m != 0; m, i = m&(m-1), i+1 {
			all[i] = refs[bits.TrailingZeros32(m)]
		}
	}
	store64(&all[at], uint64(list-1)<<32|uint64(bitmap))
	s.retireList(oldBitmap, oldList)
	return nil
}

// clearNode makes every octet of a node hop 0. The node is not published yet.
func (s *Set) clearNode(node uint32) {
	words := s.words.all[node*nodeWords:][:nodeWords]
	for i := 0; i < nodeWords; i += 2 {
		words[i], words[i+1] = 1, ^uint32(0)
	}
}

func (s *Set) retireList(bitmap, list uint32) {
	if list >= hopWords {
		s.words.retire(list, orderOf(bits.OnesCount32(bitmap)))
	}
}

func (s *Set) retireRanges(ref uint32) {
	if ref >= firstRange {
		s.words.retire(ref%firstRange*2, int(ref>>rangeShift))
	}
}

// retireNode retires a node of the second octet and all below it.
func (s *Set) retireNode(node uint32) {
	for w := range uint32(8) {
		at := node*nodeWords + 2*w
		bitmap, list := s.words.all[at], s.words.all[at+1]+1
		if list < hopWords {
			continue
		}
		for i := range uint32(bits.OnesCount32(bitmap)) {
			s.retireRanges(s.words.all[list+i])
		}
		s.retireList(bitmap, list)
	}
	s.words.retire(node*nodeWords, nodeOrder)
}
