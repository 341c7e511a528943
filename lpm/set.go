package lpm

import (
	"fmt"
	"sync/atomic"

	"vrfwd/internal/offheap"
	"vrfwd/internal/qsbr"
)

// Set is many small tables over one pool of memory. Table 0 is always empty: it stands for the parent VR.
//
// A table is 16-16: the prefixes up to /16 are ranges over the first 16 bits of an address, and each /16 block that holds
// longer ones is ranges over the last 16, the block's covers included. What is a block's stands in an index of all
// tables', a hash table; where that has nothing, the first list answers. Both are lists of one kind, so that a lookup is
// one probe and one search, two or three cache lines, however many VRFs there are:
//
//	tops[table]     | octets (32) | reference of the ranges over the first 16 bits (32) |
//	index           buckets of 16 words, a cache line: 8 keys | table (16) | block (16) |, 8 references; 0: free (index.go)
//	reference       | order (6) | offset / 2 (26) |
//	ranges          2^order starts (16), ascending, then as many hops (16); the first starts at 0, the last is repeated
//	words[2*h]      | 0 | h | for every hop h: reference h is the one range of that hop
//
// In front stand two filters, so that the miss, the common case of fallback, rarely comes so far: the claims in the root
// of the parent's Table, two bits of six for each table, and, for what they let through, 128 bits beside each bucket with
// marks of the blocks that belong there. Prefixes shorter than /12 have no marks there, but one bit of octets for each 8
// first octets they touch.
//
// Worked example: a table with 10.1.0.0/16 and 10.1.2.0/24 takes 8 (tops) + 16 (ranges 0, 10.1, 10.2 and one repeated)
// + 8 (key and reference of 10.1) + 16 (ranges 0, 512, 768 and one repeated) = 48 bytes, free places of the index and the
// filter aside, and an empty table 8.
//
// Readers never lock and never wait. References are swapped by one store; the ranges they lead to are immutable. A key
// once in the index answers for its block for good, covers and all, until the index is made anew. A reader loads tops
// first, then where the index stands; so, whichever of the two lists answers, it is as of one moment:
//
//	block's entry found:  it is the whole answer, now
//	none found:           there was none when tops was loaded either: the answer as of then
//
// One writer at a time, the parent's, for claims are written into its root.
type Set struct {
	parent *Table
	words  *pool[uint32]
	tops   []uint64        // by table
	heads  []uint64        // one: where the index stands
	region *offheap.Region // of tops and heads

	// The writer's.
	tables []*shelf                     // nil: empty
	used   int                          // keys in the index
	marks  int                          // blocks marked in the filter
	dead   map[uint16]map[uint16]uint64 // by table, blocks without a prefix that the index still knows: token; 0: none yet
	dying  []uint32                     // keys of dead that have no token yet
	deaths int                          // since the index was made
	undo   []Route                      // what the batch at hand has changed, with the hops of before
	failed *shelf                       // what a build could not bring in
	owing  uint16                       // the table that readers see undo or failed in; 0: none

	ranges       []uint32 // scratch: one list
	merged       records  // scratch: the prefixes up to /16 of one table
	gonePrefixes []Route  // scratch: what a batch deletes
}

const (
	maxTables = 1 << 16
	hopWords  = 2 << 16 // words that are hops themselves

	rangeShift = 26
	rangeMask  = 1<<rangeShift - 1

	reserveWords = 1 << 27 // words, 512 MiB of addresses: what references reach
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
	// Tops are reserved for every uint16, so that no table number leads out of them.
	region, err := offheap.Alloc(8 * (maxTables + 1))
	if err != nil {
		return nil, fmt.Errorf("lpm: %w", err)
	}
	words, err := newPool[uint32](d, reserve)
	if err != nil {
		region.Close()
		return nil, err
	}
	words.top = hopWords
	for h := range uint32(1 << 16) {
		halves(words.all[2*h:][:1])[1] = uint16(h)
	}
	all := offheap.Slice[uint64](region, maxTables+1)
	s := &Set{
		parent: parent, words: words, region: region, tops: all[:maxTables], heads: all[maxTables:],
		tables: make([]*shelf, tables), dead: map[uint16]map[uint16]uint64{},
	}
	if err := s.rehash(); err != nil {
		s.Close()
		return nil, err
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
	ref, low := uint32(atomic.LoadUint64(&s.tops[table])), addr>>16
	if own, ok := s.find(keyOf(table, addr)); ok {
		ref, low = own, addr&0xffff
	}
	return search(&s.words.all[0], ref, low)
}

// search returns the hop of the last range that starts at or before low, 16 bits of an address.
func search(words *uint32, ref, low uint32) Hop {
	i, n := ref&rangeMask*4, uint32(1)<<(ref>>rangeShift)
	for step := n >> 1; step > 0; step >>= 1 {
		if next := i + step; uint32(half(words, next)) <= low {
			i = next
		}
	}
	return Hop(half(words, i+n))
}

// LookupBurst looks addrs[i] up in tables[i] into hops[i]. len(tables) and len(hops) must be at least len(addrs).
func (s *Set) LookupBurst(tables []uint16, addrs []uint32, hops []Hop) {
	var keys [maxBurst]Key
	for len(addrs) > 0 {
		n := min(len(addrs), maxBurst)
		var all picks
		for i := range n {
			keys[i] = Key{Addr: addrs[i], Table: tables[i]}
			hops[i], all[i] = 0, uint8(i)
		}
		s.override(keys[:n], hops[:n], &all, n)
		tables, addrs, hops = tables[n:], addrs[n:], hops[n:]
	}
}

// Memory returns the bytes that lookups read, of all tables (fib), and those of the writer's own records on the heap
// (writer).
func (s *Set) Memory() (fib, writer int) {
	for _, t := range s.tables {
		if t != nil {
			writer += t.bytes()
		}
	}
	return 8*len(s.tables) + 4*s.words.live, writer
}

// Close gives the memory back. No reader may use the set any more.
func (s *Set) Close() {
	s.words.close()
	s.region.Close()
	s.tops, s.heads = nil, nil
}
