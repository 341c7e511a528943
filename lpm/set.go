package lpm

import (
	"fmt"
	"math/bits"
	"sync/atomic"

	"vrfwd/internal/offheap"
	"vrfwd/internal/qsbr"
)

// Set is many small tables over one pool of memory. Table 0 is always empty: it stands for the parent VR.
//
// A table is 8-8-16: two presence-bitmap nodes, then a list of ranges. All stand in one pool of 32-bit words; a
// reference below 2^16 is a hop, another one is leafBit less the offset of a cell (4 words):
//
//	filter[table]  8 words, one bit per first octet: 0 means that the table has no route there. 32 KiB for 1,000
//	               tables, so that the miss, the fallback's common case, costs one load from L1 or L2.
//	roots[table]   one word: the node of the first octet, or the hop of a table of nothing but a default route
//	node           12 words: bitmap of the octets present (8), offset of their references, hop of all the others,
//	               8 byte counts of the bits before each bitmap word
//	ranges         n, then n words | start (16) | hop (16) |, ascending; the first starts at 0
//
// Worked example: a table with 10.1.0.0/16 and 10.1.2.0/24 takes 48 (node: octet 10) + 16 (1 reference) + 48 (node:
// octet 1) + 16 (1 reference) + 16 (3 ranges) = 144 bytes, and an empty table 36.
//
// Readers never lock and never wait. What is published is immutable but for reference words, which are swapped by
// single stores. One writer at a time.
type Set struct {
	filter []uint32
	roots  []uint32
	region *offheap.Region
	words  *pool[uint32]
	tables []*shelf    // nil: empty
	expand [256]uint32 // scratch: one node's references
	ranges []uint32    // scratch: one block's ranges
}

const (
	cellWords = 4
	nodeWords = 12
	nodeBase  = 8
	nodeElse  = 9
	nodeCount = 10
	leafBit   = 1 << 16 // references at or above it are cells

	maxTables    = 1 << 16
	reserveWords = 1 << 30 // 4 GiB of addresses: a thousand full copies do not fit, forty do
	reserveLong  = 1 << 24
)

// NewSet makes tables 0..tables-1 (at most 65,536), all empty, whose readers pass quiescent states in d. The caller
// closes it.
func NewSet(d *qsbr.Domain, tables int) (*Set, error) { return newSet(d, tables, reserveWords) }

func newSet(d *qsbr.Domain, tables, reserve int) (*Set, error) {
	if tables < 1 || tables > maxTables {
		return nil, fmt.Errorf("lpm: %d tables: %w: 1 to %d", tables, ErrTable, maxTables)
	}
	// Filter and roots are reserved for every uint16, so that no table number leads out of them.
	region, err := offheap.Alloc(9 * 4 * maxTables)
	if err != nil {
		return nil, fmt.Errorf("lpm: %w", err)
	}
	words, err := newPool[uint32](d, reserve)
	if err != nil {
		region.Close()
		return nil, err
	}
	all := offheap.Slice[uint32](region, 9*maxTables)
	return &Set{filter: all[:8*maxTables], roots: all[8*maxTables:], region: region, words: words, tables: make([]*shelf, tables)}, nil
}

// Tables returns the number of tables, table 0 included.
func (s *Set) Tables() int { return len(s.tables) }

// Len returns the number of prefixes in one table.
func (s *Set) Len(table uint16) int {
	if int(table) >= len(s.tables) || s.tables[table] == nil {
		return 0
	}
	return s.tables[table].count
}

// Lookup returns the hop of the longest prefix of one table that holds addr, 0 when there is none.
func (s *Set) Lookup(table uint16, addr uint32) Hop {
	if s.filter[uint32(table)<<3|addr>>29]>>(addr>>24&31)&1 == 0 {
		return 0
	}
	return s.walk(table, addr)
}

// walk is Lookup behind the filter.
func (s *Set) walk(table uint16, addr uint32) Hop {
	words := &s.words.all[0]
	ref := atomic.LoadUint32(&s.roots[table])
	if ref >= leafBit {
		ref = child(words, ref, addr>>24)
	}
	if ref >= leafBit {
		ref = child(words, ref, addr>>16&255)
	}
	if ref >= leafBit {
		return find(words, ref, addr&0xffff)
	}
	return Hop(ref)
}

// child returns the reference of one octet in a node.
func child(words *uint32, ref, octet uint32) uint32 {
	node := (ref - leafBit) * cellWords
	w, bit := octet>>5, octet&31
	present := at(words, node+w)
	if present>>bit&1 == 0 {
		return at(words, node+nodeElse)
	}
	before := at(words, node+nodeCount+w>>2) >> (w & 3 * 8) & 255
	before += uint32(bits.OnesCount32(present & (1<<bit - 1)))
	return load(words, at(words, node+nodeBase)+before)
}

// find returns the hop of the last range that starts at or before low: a branch-free binary search.
func find(words *uint32, ref, low uint32) Hop {
	i := (ref - leafBit) * cellWords
	n := at(words, i)
	i++
	key := low<<16 | 0xffff
	for n > 1 {
		half := n >> 1
		next := i + half
		if at(words, next) <= key {
			i = next
		}
		n -= half
	}
	return Hop(at(words, i) & 0xffff)
}

// LookupBurst looks addrs[i] up in tables[i] into hops[i]. len(tables) and len(hops) must be at least len(addrs).
func (s *Set) LookupBurst(tables []uint16, addrs []uint32, hops []Hop) {
	tables, hops = tables[:len(addrs)], hops[:len(addrs)]
	for i, a := range addrs {
		hops[i] = s.Lookup(tables[i], a)
	}
}

// Build replaces one table's content by routes, in any order; of equal prefixes the last wins, hop 0 is left out.
func (s *Set) Build(table uint16, routes []Route) error {
	if err := s.check(table, routes); err != nil {
		return err
	}
	fresh := new(shelf)
	fresh.fill(routes)
	old := s.tables[table]
	s.tables[table] = fresh
	root, filter, err := s.compileRoot(fresh)
	if err != nil {
		s.tables[table] = old
		return err
	}
	s.publish(table, root, filter)
	if fresh.count == 0 {
		s.tables[table] = nil
	}
	return nil
}

// Apply inserts, replaces (hop above 0) and deletes (hop 0) prefixes of one table in place, while readers look up.
// All changes are checked before the first is made; deleting a prefix that is not there changes nothing.
func (s *Set) Apply(table uint16, changes []Route) error {
	if err := s.check(table, changes); err != nil {
		return err
	}
	for _, c := range changes {
		if err := s.apply(table, c); err != nil {
			return err
		}
	}
	s.words.seal()
	return nil
}

func (s *Set) check(table uint16, routes []Route) error {
	if int(table) >= len(s.tables) || table == 0 && len(routes) > 0 {
		return fmt.Errorf("lpm: table %d: %w: 1 to %d", table, ErrTable, len(s.tables)-1)
	}
	return checkAll(routes)
}

func (s *Set) apply(table uint16, c Route) error {
	t := s.tables[table]
	if t == nil {
		if c.Hop == 0 {
			return nil
		}
		t = new(shelf)
		s.tables[table] = t
	}
	if !t.put(c) {
		return nil
	}
	if c.Len > 16 {
		if done, err := s.swapBlock(table, t, c.Addr); done || err != nil {
			return err
		}
	}
	if c.Len > 8 {
		if done, err := s.swapOctet(table, t, c.Addr); done || err != nil {
			return err
		}
	}
	root, filter, err := s.compileRoot(t)
	if err != nil {
		return err
	}
	s.publish(table, root, filter)
	if t.count == 0 {
		s.tables[table] = nil
	}
	return nil
}

// swapBlock recompiles one /16 block and swaps its reference, if it has one that stays.
func (s *Set) swapBlock(table uint16, t *shelf, addr uint32) (bool, error) {
	slot, ok := s.slot(s.roots[table], addr>>24)
	if !ok {
		return false, nil
	}
	if slot, ok = s.slot(s.words.all[slot], addr>>16&255); !ok {
		return false, nil
	}
	o := t.octets[addr>>24]
	if o == nil {
		return false, nil
	}
	low := o.low(uint8(addr >> 16))
	if len(low) == 0 {
		return false, nil
	}
	ref, err := s.compileBlock(low, o.mid.cover(addr&0xffff0000, t.top.cover(addr&0xff000000, 0)))
	if err != nil {
		return false, err
	}
	old := s.words.all[slot]
	atomic.StoreUint32(&s.words.all[slot], ref)
	s.retireRanges(old)
	return true, nil
}

// swapOctet recompiles the node of one first octet and swaps its reference, if it has one that stays.
func (s *Set) swapOctet(table uint16, t *shelf, addr uint32) (bool, error) {
	slot, ok := s.slot(s.roots[table], addr>>24)
	o := t.octets[addr>>24]
	if !ok || o == nil {
		return false, nil
	}
	ref, err := s.compileOctet(o, addr&0xff000000, t.top.cover(addr&0xff000000, 0))
	if err != nil {
		return false, err
	}
	old := s.words.all[slot]
	atomic.StoreUint32(&s.words.all[slot], ref)
	s.retireNode(old, s.retireRanges)
	return true, nil
}

// slot returns where the reference of an octet stands in a node, if it is a node and has one.
func (s *Set) slot(ref, octet uint32) (uint32, bool) {
	if ref < leafBit {
		return 0, false
	}
	node := s.words.all[(ref-leafBit)*cellWords:][:nodeWords]
	w, bit := octet>>5, octet&31
	if node[w]>>bit&1 == 0 {
		return 0, false
	}
	return node[nodeBase] + node[nodeCount+w>>2]>>(w&3*8)&255 + uint32(bits.OnesCount32(node[w]&(1<<bit-1))), true
}

// publish swaps a table's root. The filter may only ever say too much: bits are set before the swap, cleared after.
func (s *Set) publish(table uint16, root uint32, filter [8]uint32) {
	words := s.filter[uint32(table)*8:][:8]
	for w := range words {
		atomic.StoreUint32(&words[w], words[w]|filter[w])
	}
	old := s.roots[table]
	atomic.StoreUint32(&s.roots[table], root)
	for w := range words {
		atomic.StoreUint32(&words[w], filter[w])
	}
	s.retireNode(old, func(ref uint32) { s.retireNode(ref, s.retireRanges) })
	s.words.seal()
}

// compileRoot builds the node of the first octet and the filter.
func (s *Set) compileRoot(t *shelf) (ref uint32, filter [8]uint32, err error) {
	def := uint32(t.top.cover(0, 0)) // only /0 may stand for the octets that are absent
	if len(t.top) == 0 || t.top[0].len() != 0 {
		def = 0
	}
	var refs [256]uint32
	for octet := range uint32(256) {
		hop := t.top.cover(octet<<24, 0)
		refs[octet] = uint32(hop)
		if o := t.octets[octet]; o != nil {
			if refs[octet], err = s.compileOctet(o, octet<<24, hop); err != nil {
				return 0, filter, err
			}
		}
		if refs[octet] != 0 {
			filter[octet>>5] |= 1 << (octet & 31)
		}
	}
	ref, err = s.node(&refs, def)
	return ref, filter, err
}

// compileOctet builds the node of the second octet under base, where hop is the cover of at most /8.
func (s *Set) compileOctet(o *octet, base uint32, hop uint16) (uint32, error) {
	refs := &s.expand
	for i := range refs {
		refs[i] = uint32(hop)
	}
	for _, r := range o.mid {
		for i := r.addr() >> 16 & 255; i <= r.last()>>16&255; i++ {
			refs[i] = uint32(r.hop())
		}
	}
	for i := range o.blocks {
		b := &o.blocks[i]
		ref, err := s.compileBlock(b.low, uint16(refs[b.number]))
		if err != nil {
			return 0, err
		}
		refs[b.number] = ref
	}
	return s.node(refs, uint32(hop))
}

// node writes a node of all references other than def, or is just def where there is none.
func (s *Set) node(refs *[256]uint32, def uint32) (uint32, error) {
	var n [nodeWords]uint32
	count := uint32(0)
	for i, ref := range refs {
		if i&31 == 0 {
			n[nodeCount+i>>7] |= count << (i >> 5 & 3 * 8)
		}
		if ref != def {
			n[i>>5] |= 1 << (i & 31)
			count++
		}
	}
	if count == 0 {
		return def, nil
	}
	cell, err := s.words.alloc(nodeWords, false)
	if err != nil {
		return 0, err
	}
	list, err := s.words.alloc(cells(int(count)), false)
	if err != nil {
		return 0, err
	}
	n[nodeBase], n[nodeElse] = list, def
	copy(s.words.all[cell:], n[:])
	for _, ref := range refs {
		if ref != def {
			s.words.all[list] = ref
			list++
		}
	}
	return leafBit + cell/cellWords, nil
}

// compileBlock writes the ranges of one /16 block, or is just the hop where one covers it.
func (s *Set) compileBlock(low records, cover uint16) (uint32, error) {
	ranges := s.sweep(low, cover)
	if len(ranges) == 1 {
		return ranges[0] & 0xffff, nil
	}
	cell, err := s.words.alloc(cells(1+len(ranges)), false)
	if err != nil {
		return 0, err
	}
	s.words.all[cell] = uint32(len(ranges))
	copy(s.words.all[cell+1:], ranges)
	return leafBit + cell/cellWords, nil
}

// sweep turns nested prefixes into adjacent ranges: | start (16) | hop (16) |, neighbours of one hop merged.
func (s *Set) sweep(low records, cover uint16) []uint32 {
	ranges := append(s.ranges[:0], uint32(cover))
	emit := func(start uint32, hop uint16) {
		word := start<<16 | uint32(hop)
		n := len(ranges)
		if ranges[n-1]>>16 == start {
			ranges = ranges[:n-1]
			n--
		}
		if n == 0 || uint16(ranges[n-1]) != hop {
			ranges = append(ranges, word)
		}
	}
	type open struct {
		last uint32
		hop  uint16
	}
	var stack [17]open // one per length 17..32, and the cover
	stack[0] = open{0xffff, cover}
	depth := 0
	closeUpTo := func(start uint32) {
		for depth > 0 && stack[depth].last < start {
			depth--
			if end := stack[depth+1].last; end < stack[depth].last {
				emit(end+1, stack[depth].hop)
			}
		}
	}
	for _, r := range low {
		start := r.addr() & 0xffff
		closeUpTo(start)
		depth++
		stack[depth] = open{r.last() & 0xffff, r.hop()}
		emit(start, r.hop())
	}
	closeUpTo(1 << 16)
	s.ranges = ranges
	return ranges
}

// cells rounds a number of words up to whole cells, and large numbers to eighths, so that freed runs find takers.
func cells(words int) int {
	step := cellWords
	for words > 16*step {
		step *= 2
	}
	return (words + step - 1) / step * step
}

func (s *Set) retireRanges(ref uint32) {
	if ref >= leafBit {
		cell := (ref - leafBit) * cellWords
		s.words.retire(cell, cells(1+int(s.words.all[cell])))
	}
}

// retireNode retires a node, its list of references, and by below what they lead to.
func (s *Set) retireNode(ref uint32, below func(uint32)) {
	if ref < leafBit {
		return
	}
	cell := (ref - leafBit) * cellWords
	count := uint32(0)
	for _, w := range s.words.all[cell:][:8] {
		count += uint32(bits.OnesCount32(w))
	}
	list := s.words.all[cell+nodeBase]
	for _, child := range s.words.all[list:][:count] {
		below(child)
	}
	s.words.retire(list, cells(int(count)))
	s.words.retire(cell, nodeWords)
}

// Memory returns the bytes that lookups read, of all tables (fib), and those of the writer's own records on the heap
// (writer).
func (s *Set) Memory() (fib, writer int) {
	for _, t := range s.tables {
		if t != nil {
			writer += t.bytes()
		}
	}
	return 4 * (9*len(s.tables) + s.words.live), writer
}

// Close gives the memory back. No reader may use the set any more.
func (s *Set) Close() {
	s.words.close()
	s.region.Close()
	s.filter, s.roots = nil, nil
}
