package lpm

import (
	"fmt"
	"math"
	"math/bits"

	"vrfwd/internal/offheap"
	"vrfwd/internal/qsbr"
)

// Set is many small tables over one pool of memory. Table 0 is always empty: it stands for the parent VR.
//
// A table is 8-8-16: a node for the first octet, nodes for the second, and lists of ranges below. All stand in one
// array of 32-bit words, laid out so that a walk takes no branch that depends on the data but to end:
//
//	words[0:65536]   words[h] = h: where a stretch of one hop points to
//	nodes            one per table from nodes on (the root), more in the pool; 16 words, a cache line:
//	                 8 pairs | run bitmap | before |, one pair for 32 octets
//	octet o          pair o>>5; words[before + popcount(bitmap up to and with bit o&31)] is its reference
//	reference        < 2^16: a hop;  < 2^27: node number + 2^16;  else | order (5) | offset / 2 (27) | of ranges
//	ranges           2^order words | start (16) | hop (16) | ascending; the first starts at 0, the last is repeated
//
// In front stand two filters, so that the miss, the common case of fallback, rarely walks: the claims in the root of
// the parent's Table, which are all tables' in one, and, for what they let through, a hashed bitmap of the /20 blocks
// that a table's prefixes touch, at 16 to 64 bits for each:
//
//	blocks[table]    | first word (27) | log2 of the bits (5) |
//
// Worked example: a table with 10.1.0.0/16 and 10.1.2.0/24 takes 4 (blocks) + 64 (root) + 16 (3 runs: octets 0..9, 10,
// 11..31) + 64 (node of octet 10) + 16 (3 runs) + 16 (ranges 0, 512, 768 and one repeated) + 128 (bitmap: 16 blocks) =
// 308 bytes, and an empty table 68.
//
// Readers never lock and never wait. A pair is swapped by one 64-bit store, a reference by one 32-bit store; the runs
// they lead to are immutable. One writer at a time, the parent's, for claims are written into its root.
type Set struct {
	parent *Table
	words  *pool[uint32]
	blocks []uint32        // second filter: where a table's bitmap stands
	region *offheap.Region // of blocks
	marks  []uint32        // by table: changes since its filters were made
	tables []*shelf        // nil: empty
	ranges []uint32        // scratch: one block's ranges
}

const (
	maxTables  = 1 << 16
	hopWords   = 1 << 16              // words that are hops themselves
	nodeWords  = 16                   // a node
	nodeOrder  = 4                    //
	firstNode  = 1 << 16              // reference of node number 0
	firstRange = 1 << 27              // lowest reference to ranges
	rootNode   = hopWords / nodeWords // node number of table 0's root
	rangeShift = 27

	reserveWords = 1 << 28 // words, 1 GiB of addresses: what references to ranges reach
	reserveLong  = 1 << 24
)

// NewSet makes tables 0..tables-1 (at most 65,536), all empty, that fall back to parent and have its readers and its
// writer. The caller closes it, before the parent.
func NewSet(parent *Table, tables int) (*Set, error) {
	return newSet(parent.domain, parent, tables, reserveWords)
}

func newSet(d *qsbr.Domain, parent *Table, tables, reserve int) (*Set, error) {
	if tables < 1 || tables > maxTables {
		return nil, fmt.Errorf("lpm: %d tables: %w: 1 to %d", tables, ErrTable, maxTables)
	}
	// Blocks and roots are reserved for every uint16, so that no table number leads out of them.
	region, err := offheap.Alloc(4 * maxTables)
	if err != nil {
		return nil, fmt.Errorf("lpm: %w", err)
	}
	words, err := newPool[uint32](d, reserve)
	if err != nil {
		region.Close()
		return nil, err
	}
	words.top = hopWords + maxTables*nodeWords + 1
	words.all[allBlocks>>5] = ^uint32(0)
	for h := range hopWords {
		words.all[h] = uint32(h)
	}
	s := &Set{
		parent: parent, words: words, region: region, blocks: offheap.Slice[uint32](region, maxTables),
		tables: make([]*shelf, tables), marks: make([]uint32, tables),
	}
	for table := range tables {
		s.clearNode(rootNode + uint32(table))
		s.blocks[table] = noBlocks
	}
	return s, nil
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

// Lookup returns the hop of the longest prefix of one table that holds addr, 0 when there is none. table must be below
// Tables.
func (s *Set) Lookup(table uint16, addr uint32) Hop {
	if !s.mayHold(table, addr) {
		return 0
	}
	return s.walk(table, addr)
}

// walk is Lookup behind the filters.
func (s *Set) walk(table uint16, addr uint32) Hop {
	words := &s.words.all[0]
	ref := child(words, firstNode+rootNode+uint32(table), addr>>24)
	if ref >= firstNode {
		ref = child(words, ref, addr>>16&255)
	}
	if ref >= firstRange {
		ref = search(words, ref, addr&0xffff)
	}
	return Hop(ref)
}

// child returns the reference of one octet in a node.
func child(words *uint32, ref, octet uint32) uint32 {
	pair := load64(words, (ref-firstNode)*nodeWords+octet>>5*2)
	return load(words, uint32(pair>>32)+uint32(bits.OnesCount32(uint32(pair)<<(^octet&31))))
}

// search returns the hop of the last range that starts at or before low.
func search(words *uint32, ref, low uint32) uint32 {
	i := ref % firstRange * 2
	key := low<<16 | 0xffff
	for step := uint32(1) << (ref >> rangeShift) >> 1; step > 0; step >>= 1 {
		next := i + step
		if at(words, next) <= key {
			i = next
		}
	}
	return at(words, i) & 0xffff
}

// LookupBurst looks addrs[i] up in tables[i] into hops[i]. len(tables) and len(hops) must be at least len(addrs).
func (s *Set) LookupBurst(tables []uint16, addrs []uint32, hops []Hop) {
	var keys [maxBurst]Key
	var all picks
	for i := range maxBurst {
		all[i] = uint32(i)
	}
	for len(addrs) > 0 {
		n := min(len(addrs), maxBurst)
		for i := range n {
			keys[i] = Key{Addr: addrs[i], Table: tables[i]}
			hops[i] = 0
		}
		s.walkAll(keys[:n], hops[:n], all[:n])
		tables, addrs, hops = tables[n:], addrs[n:], hops[n:]
	}
}

// Build replaces one table's content by routes, in any order; of equal prefixes the last wins, hop 0 is left out.
// Readers see octet by octet the old or the new content.
func (s *Set) Build(table uint16, routes []Route) error {
	if err := s.check(table, routes); err != nil {
		return err
	}
	old, t := s.tables[table], new(shelf)
	t.fill(routes)
	s.tables[table] = t
	for r := range t.each {
		s.claim(r.route(), 1)
		s.announce(table, r.route())
	}
	s.marks[table] = math.MaxUint32 // made anew at the end
	if err := s.compileOctets(table, 0, 255); err != nil {
		return err
	}
	if old != nil {
		for r := range old.each {
			s.claim(r.route(), -1)
		}
	}
	s.tidy(table)
	return nil
}

// claim has the parent's root let a prefix through, before it is published, or takes that back, after it is withdrawn.
func (s *Set) claim(r Route, delta int) {
	if s.parent != nil {
		s.parent.claim(r, delta)
	}
}

// Apply inserts, replaces (hop above 0) and deletes (hop 0) prefixes of one table in place, while readers look up.
// All changes are checked before the first is made; deleting a prefix that is not there changes nothing.
func (s *Set) Apply(table uint16, changes []Route) error {
	if err := s.check(table, changes); err != nil {
		return err
	}
	for _, c := range changes {
		t := s.tables[table]
		if t == nil {
			if c.Hop == 0 {
				continue
			}
			t = new(shelf)
			s.tables[table] = t
		}
		before := t.count
		if !t.put(c) {
			continue
		}
		if c.Hop != 0 {
			if t.count > before {
				s.claim(c, 1)
			}
			s.announce(table, c)
		} else {
			s.marks[table]++
		}
		if err := s.compile(table, c); err != nil {
			return err
		}
		if t.count < before {
			s.claim(c, -1)
		}
	}
	s.tidy(table)
	return nil
}

func (s *Set) check(table uint16, routes []Route) error {
	if int(table) >= len(s.tables) || table == 0 && len(routes) > 0 {
		return fmt.Errorf("lpm: table %d: %w: 1 to %d", table, ErrTable, len(s.tables)-1)
	}
	return checkAll(routes)
}

// tidy ends a batch: its grace period starts, and a table that has become empty keeps no records.
func (s *Set) tidy(table uint16) {
	t := s.tables[table]
	if t == nil {
		return
	}
	if t.count == 0 || s.tired(table) {
		s.refit(table)
	}
	if t.count == 0 {
		s.tables[table] = nil
	}
	s.words.seal()
}

// Memory returns the bytes that lookups read, of all tables (fib), and those of the writer's own records on the heap
// (writer).
func (s *Set) Memory() (fib, writer int) {
	for _, t := range s.tables {
		if t != nil {
			writer += t.bytes()
		}
	}
	return 4 * ((1+nodeWords)*len(s.tables) + s.words.live), writer
}

// Close gives the memory back. No reader may use the set any more.
func (s *Set) Close() {
	s.words.close()
	s.region.Close()
	s.blocks = nil
}
