package lpm

import (
	"fmt"
	"sync/atomic"
)

// Build replaces one table's content by routes, in any order; of equal prefixes the last wins, hop 0 is left out.
// Readers see block by block the old or the new content. All or nothing, as Apply.
func (s *Set) Build(table uint16, routes []Route) error {
	if err := s.check(table, routes); err != nil {
		return err
	}
	if err := s.settle(); err != nil {
		return err
	}
	old, t := s.tables[table], new(shelf)
	t.fill(routes)
	s.replace(table, t)
	for r := range t.each {
		s.claim(table, r.route(), 1)
		s.announce(table, r.route())
	}
	if err := s.compileTable(table); err != nil {
		s.unbuild(table, old)
		return err
	}
	if old != nil {
		for r := range old.each {
			s.claim(table, r.route(), -1)
		}
	}
	s.tidy(table)
	return nil
}

// Apply inserts, replaces (hop above 0) and deletes (hop 0) prefixes of one table in place, while readers look up.
// All changes are checked before the first is made; deleting a prefix that is not there changes nothing. All or nothing:
// where memory is full, what was done is taken back (see Owes).
func (s *Set) Apply(table uint16, changes []Route) error {
	if err := s.check(table, changes); err != nil {
		return err
	}
	if err := s.settle(); err != nil {
		return err
	}
	s.undo, s.gonePrefixes = again(s.undo), again(s.gonePrefixes)
	for len(changes) > 0 {
		n := 1
		for n < len(changes) && together(changes[0], changes[n]) {
			n++
		}
		if err := s.apply(table, changes[:n]); err != nil {
			s.takeBack(table)
			return err
		}
		changes = changes[n:]
	}
	for _, c := range s.gonePrefixes {
		s.claim(table, c, -1)
	}
	s.tidy(table)
	return nil
}

// together tells whether changes in a row are compiled together: prefixes up to /16 are one list of ranges, and so are
// those beyond it of one block. Compiled one by one, a block's changes would cost their number times the block's size.
func together(a, b Route) bool {
	if a.Len <= 16 || b.Len <= 16 {
		return a.Len <= 16 && b.Len <= 16
	}
	return a.Addr>>16 == b.Addr>>16
}

// apply makes one change, or several together.
func (s *Set) apply(table uint16, changes []Route) error {
	block := changes[0].Len > 16
	dirty := false
	for _, c := range changes {
		before, changed := s.put(table, c)
		if !changed {
			continue
		}
		s.undo = append(s.undo, Route{c.Addr, c.Len, before})
		switch {
		case before == 0:
			s.claim(table, c, 1)
			s.announce(table, c)
		case c.Hop == 0:
			s.gonePrefixes = append(s.gonePrefixes, c)
		}
		if dirty = true; block {
			continue
		}
		if err := s.compile(table, c); err != nil {
			return err
		}
	}
	switch {
	case !block:
		return s.compileTops(table)
	case dirty:
		return s.compileBlock(table, changes[0].Addr>>16)
	}
	return nil
}

func (s *Set) check(table uint16, routes []Route) error {
	if int(table) >= len(s.tables) || table == 0 && len(routes) > 0 {
		return fmt.Errorf("lpm: table %d: %w: 1 to %d", table, ErrTable, len(s.tables)-1)
	}
	return checkAll(routes)
}

// claim has the parent's root let a prefix through, before it is published, or takes that back, after it is withdrawn.
func (s *Set) claim(table uint16, r Route, delta int) {
	if s.parent != nil {
		s.parent.claim(table, r, delta)
	}
}

// put stores one change in a table's records.
func (s *Set) put(table uint16, r Route) (before Hop, changed bool) {
	t := s.tables[table]
	if t == nil {
		t = new(shelf)
		s.tables[table] = t
	}
	before, changed = t.put(r)
	switch {
	case !changed:
	case r.Hop == 0:
		s.bury(table, r)
	default:
		s.revive(table, r)
	}
	return before, changed
}

// replace puts other records in the place of a table's; nil: none.
func (s *Set) replace(table uint16, t *shelf) {
	old := s.tables[table]
	s.tables[table] = t
	if old != nil {
		for r := range old.each {
			s.bury(table, r.route())
		}
	}
	if t != nil {
		for r := range t.each {
			s.revive(table, r.route())
		}
	}
}

// tidy ends a batch: its grace period starts, and a table that has become empty keeps no records.
func (s *Set) tidy(table uint16) {
	if t := s.tables[table]; t != nil && t.count == 0 {
		s.tables[table] = nil
	}
	s.lay()
	if s.deaths > 64+s.used/2 {
		_ = s.rehash() // for want of memory it stays as large as it is
	}
	s.words.seal()
}

// low returns the prefixes beyond /16 of a table's block.
func (s *Set) low(table uint16, block uint32) records {
	t := s.tables[table]
	if t == nil {
		return nil
	}
	if o := t.octets[block>>8&255]; o != nil {
		return o.low(uint8(block))
	}
	return nil
}

// compile brings the index up to date with the shelf after one prefix has changed: its block, or all below it that
// have a key, for these hold their covers.
func (s *Set) compile(table uint16, c Route) error {
	if c.Len > 16 {
		return s.compileBlock(table, c.Addr>>16)
	}
	last := c.Addr | ^mask(c.Len)
	if err := s.compileBlocks(table, c.Addr, last); err != nil {
		return err
	}
	return s.compileDead(table, c.Addr>>16, last>>16)
}

// compileDead compiles the blocks from one to another that have only a key left.
func (s *Set) compileDead(table uint16, from, to uint32) error {
	dead := s.dead[table]
	if int(to-from) < len(dead) {
		for b := from; b <= to; b++ {
			if _, ok := dead[uint16(b)]; ok {
				if err := s.compileBlock(table, b); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for block := range dead {
		if b := uint32(block); b >= from && b <= to {
			if err := s.compileBlock(table, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// compileTable brings all that readers see of a table up to date.
func (s *Set) compileTable(table uint16) error {
	if err := s.compile(table, Route{}); err != nil { // as if the default route had changed
		return err
	}
	return s.compileTops(table)
}

// compileBlocks compiles the blocks between two addresses in which a table has prefixes beyond /16.
func (s *Set) compileBlocks(table uint16, from, to uint32) error {
	t := s.tables[table]
	if t == nil {
		return nil
	}
	for octet := from >> 24; octet <= to>>24; octet++ {
		o := t.octets[octet]
		if o == nil {
			continue
		}
		for i := range o.blocks {
			if b := octet<<8 | uint32(o.blocks[i].number); b >= from>>16 && b <= to>>16 {
				if err := s.compileBlock(table, b); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// compileBlock writes the ranges of one /16 block from the shelf and has the index lead to them. A block that has lost
// its last prefix beyond /16 keeps its key, for its cover.
func (s *Set) compileBlock(table uint16, block uint32) error {
	key, low := uint32(table)<<16|block, s.low(table, block)
	if len(low) == 0 {
		if _, known := s.locate(key); !known {
			return nil
		}
	}
	var cover uint16
	if t := s.tables[table]; t != nil {
		cover = t.cover(block<<16, 16)
	}
	ref, err := s.compileRanges(low, 0, cover)
	if err != nil {
		return err
	}
	if err := s.set(key, ref); err != nil {
		s.retireRanges(ref)
		return err
	}
	return nil
}

// compileTops writes the ranges of a table's prefixes up to /16 from the shelf and swaps them in.
func (s *Set) compileTops(table uint16) error {
	short, octets := s.merged[:0], uint64(0)
	if t := s.tables[table]; t != nil {
		top := t.top
		for octet, o := range t.octets {
			for len(top) > 0 && int(top[0].addr()>>24) <= octet {
				short = append(short, top[0])
				top = top[1:]
			}
			if o != nil {
				short = append(short, o.mid...)
			}
		}
	}
	s.merged = short
	for _, r := range short {
		octets |= octetsOf(r.route())
	}
	ref, err := s.compileRanges(short, 16, 0)
	if err != nil {
		return err
	}
	old := s.tops[table]
	atomic.StoreUint64(&s.tops[table], octets|uint64(ref))
	s.retireRanges(uint32(old))
	return nil
}

// compileRanges writes the ranges of nested prefixes over 16 bits of an address, from bit shift on, and what covers
// them all; it is just the hop where that is the same everywhere.
func (s *Set) compileRanges(list records, shift int, cover uint16) (ref uint32, err error) {
	ranges := s.sweep(list, shift, cover)
	if len(ranges) == 1 {
		return ranges[0] & 0xffff, nil
	}
	order := orderOf(len(ranges))
	off, err := s.words.alloc(order)
	if err != nil {
		return 0, err
	}
	n := 1 << order
	run := halves(s.words.all[off:][:n])
	for i := range n {
		r := ranges[min(i, len(ranges)-1)]
		run[i], run[n+i] = uint16(r>>16), uint16(r)
	}
	return uint32(order)<<rangeShift | off/2, nil
}

// sweep turns nested prefixes into adjacent ranges | start (16) | hop (16) |, neighbours of one hop merged.
func (s *Set) sweep(list records, shift int, cover uint16) []uint32 {
	type open struct {
		last uint32
		hop  uint16
	}
	var stack [18]open // the cover, and at most one prefix per length 0..16 or 17..32
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
	for _, r := range list {
		start := r.addr() >> shift & 0xffff
		end(start)
		depth++
		stack[depth] = open{r.last() >> shift & 0xffff, r.hop()}
		emit(start)
	}
	end(1 << 16)
	s.ranges = ranges
	return ranges
}

func (s *Set) retireRanges(ref uint32) {
	if order := int(ref >> rangeShift); order > 0 {
		s.words.retire(ref&rangeMask*2, order)
	}
}
