package lpm

import (
	"math/bits"
	"slices"
)

// record is one prefix in the writer's records, sorted by (address, length) when compared as a number:
//
//	63      54 53        22 21      16 15     0
//	|   0     |  address   |  length  |  hop  |
type record uint64

func newRecord(r Route) record {
	return record(r.Addr)<<22 | record(r.Len)<<16 | record(r.Hop)
}

func (r record) key() uint64  { return uint64(r >> 16) }
func (r record) addr() uint32 { return uint32(r >> 22) }
func (r record) len() uint8   { return uint8(r>>16) & 63 }
func (r record) hop() uint16  { return uint16(r) }
func (r record) route() Route { return Route{r.addr(), r.len(), Hop(r.hop())} }
func (r record) last() uint32 { return r.addr() | ^mask(r.len()) }

// records is a sorted list of prefixes. Because parents sort before their children, painting a list in its order
// leaves the longest match everywhere.
type records []record

func (rs records) search(key uint64) (int, bool) {
	i, j := 0, len(rs)
	for i < j {
		if m := int(uint(i+j) >> 1); rs[m].key() < key {
			i = m + 1
		} else {
			j = m
		}
	}
	return i, i < len(rs) && rs[i].key() == key
}

// put inserts, replaces or (hop 0) deletes, and returns the hop of before, 0 where there was none.
func (rs *records) put(r record) (before uint16) {
	i, found := rs.search(r.key())
	if found {
		before = (*rs)[i].hop()
	}
	switch {
	case !found && r.hop() == 0:
	case !found:
		*rs = slices.Insert(*rs, i, r)
	case r.hop() == 0:
		*rs = slices.Delete(*rs, i, i+1)
	default:
		(*rs)[i] = r
	}
	return before
}

// cover returns the hop of the longest record up to a length that holds addr, or else none.
func (rs records) cover(addr uint32, most uint8, none uint16) uint16 {
	for {
		// What holds addr sorts before addr itself, the longest last. Where the last does not hold it, an earlier one that does
		// holds both, and so is no longer than what they have in common.
		i, found := rs.search(newRecord(Route{Addr: addr & mask(most), Len: most}).key())
		if found {
			return rs[i].hop()
		}
		if i == 0 {
			return none
		}
		rs = rs[:i]
		r := rs[i-1]
		if addr <= r.last() {
			return r.hop()
		}
		most = uint8(bits.LeadingZeros32(addr ^ r.addr()))
	}
}

// shelf is the writer's record of one table, laid out by where a prefix ends: within the first octet (top), within
// the second (octet.mid), or in one /16 block (block.low). A change rebuilds from the shelf just what it touches.
type shelf struct {
	top    records // /0../8
	octets [256]*octet
	count  int
}

type octet struct {
	mid    records   // /9../16
	has    [4]uint64 // bits of the blocks that hold prefixes, by number
	blocks []block   // these, in order
}

type block struct {
	number uint8   // second octet
	low    records // /17../32
}

// place returns where the block with that number is among blocks, or would be, and whether it is.
func (o *octet) place(number uint8) (i int, ok bool) {
	word, bit := number/64, uint64(1)<<(number%64)
	for _, w := range o.has[:word] {
		i += bits.OnesCount64(w)
	}
	return i + bits.OnesCount64(o.has[word]&(bit-1)), o.has[word]&bit != 0
}

// add makes room for a block that is not there, at its place.
func (o *octet) add(i int, b block) {
	o.has[b.number/64] |= 1 << (b.number % 64)
	o.blocks = slices.Insert(o.blocks, i, b)
}

// drop forgets the block at a place.
func (o *octet) drop(i int) {
	number := o.blocks[i].number
	o.has[number/64] &^= 1 << (number % 64)
	o.blocks = slices.Delete(o.blocks, i, i+1)
}

// low returns the records of one /16 block, nil when there are none.
func (o *octet) low(number uint8) records {
	if i, ok := o.place(number); ok {
		return o.blocks[i].low
	}
	return nil
}

func (o *octet) empty() bool { return len(o.mid) == 0 && len(o.blocks) == 0 }

// put stores one change, and returns the prefix's hop of before, 0 where there was none, and whether that is another.
func (s *shelf) put(r Route) (before Hop, changed bool) {
	var list *records
	rec := newRecord(r)
	if r.Len <= 8 {
		list = &s.top
	} else {
		o := s.octets[r.Addr>>24]
		if o == nil {
			if r.Hop == 0 {
				return 0, false
			}
			o = new(octet)
			s.octets[r.Addr>>24] = o
		}
		if r.Len <= 16 {
			list = &o.mid
		} else {
			i, ok := o.place(uint8(r.Addr >> 16))
			if !ok {
				if r.Hop == 0 {
					return 0, false
				}
				o.add(i, block{number: uint8(r.Addr >> 16)})
			}
			list = &o.blocks[i].low
		}
	}
	n := len(*list)
	before = Hop(list.put(rec))
	s.count += len(*list) - n
	if r.Hop == 0 && len(*list) == 0 {
		s.prune(r)
	}
	return before, before != r.Hop
}

// hop returns a prefix's hop, 0 where it is not there.
func (s *shelf) hop(r Route) uint16 {
	list := s.top
	if o := s.octets[r.Addr>>24]; r.Len > 8 {
		switch {
		case o == nil:
			return 0
		case r.Len <= 16:
			list = o.mid
		default:
			list = o.low(uint8(r.Addr >> 16))
		}
	}
	if i, found := list.search(newRecord(r).key()); found {
		return list[i].hop()
	}
	return 0
}

// cover returns the hop of the longest prefix up to a length that holds an address; 0: none.
func (s *shelf) cover(addr uint32, most uint8) uint16 {
	hop := s.top.cover(addr, min(most, 8), 0)
	if o := s.octets[addr>>24]; o != nil && most > 8 {
		hop = o.mid.cover(addr, min(most, 16), hop)
		if most > 16 {
			hop = o.low(uint8(addr>>16)).cover(addr, most, hop)
		}
	}
	return hop
}

// prune forgets the block and the octet that a deletion has left empty.
func (s *shelf) prune(r Route) {
	o := s.octets[r.Addr>>24]
	if o == nil {
		return
	}
	if i, ok := o.place(uint8(r.Addr >> 16)); ok && len(o.blocks[i].low) == 0 {
		o.drop(i)
	}
	if o.empty() {
		s.octets[r.Addr>>24] = nil
	}
}

// fill replaces the content by routes, of which the last of equal prefixes wins. It copies what it keeps.
func (s *shelf) fill(routes []Route) {
	*s = shelf{}
	all := make(records, 0, len(routes))
	sorted := true
	for _, r := range routes {
		if r.Hop == 0 {
			continue
		}
		rec := newRecord(r)
		sorted = sorted && (len(all) == 0 || all[len(all)-1].key() < rec.key())
		all = append(all, rec)
	}
	if !sorted {
		slices.SortStableFunc(all, func(a, b record) int {
			switch x, y := a.key(), b.key(); {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		n := 0
		for i := range all {
			if i+1 < len(all) && all[i+1].key() == all[i].key() {
				continue
			}
			all[n] = all[i]
			n++
		}
		all = all[:n]
	}
	s.count = len(all)
	s.split(all)
}

// split hands a sorted list out to top, mids and blocks. Blocks share the list's memory, capped, so that a later
// insert moves its block out. A block's records need not be contiguous in the list (an /8../16 sorts among them), so
// each block's part is compacted first.
func (s *shelf) split(all records) {
	lows := all[:0] // compaction in place: never ahead of the reading index
	for i := 0; i < len(all); {
		first := all[i].addr() >> 16
		start := len(lows)
		for ; i < len(all) && all[i].addr()>>16 == first; i++ {
			r := all[i]
			if r.len() <= 8 {
				s.top = append(s.top, r)
				continue
			}
			o := s.octets[first>>8]
			if o == nil {
				o = new(octet)
				s.octets[first>>8] = o
			}
			if r.len() <= 16 {
				o.mid = append(o.mid, r)
				continue
			}
			lows = append(lows, r)
		}
		if end := len(lows); end > start {
			o := s.octets[first>>8]
			o.add(len(o.blocks), block{number: uint8(first), low: lows[start:end:end]})
		}
	}
}

// each yields every record; not in order over the three levels.
func (s *shelf) each(yield func(record) bool) {
	list := func(rs records) bool {
		for _, r := range rs {
			if !yield(r) {
				return false
			}
		}
		return true
	}
	if !list(s.top) {
		return
	}
	for _, o := range s.octets {
		if o == nil {
			continue
		}
		if !list(o.mid) {
			return
		}
		for i := range o.blocks {
			if !list(o.blocks[i].low) {
				return
			}
		}
	}
}

// bytes estimates the heap memory of the shelf.
func (s *shelf) bytes() int {
	n := 8 * 258
	n += 8 * cap(s.top)
	for _, o := range s.octets {
		if o == nil {
			continue
		}
		n += 80 + 8*cap(o.mid) + 32*cap(o.blocks)
		for i := range o.blocks {
			n += 8 * cap(o.blocks[i].low)
		}
	}
	return n
}
