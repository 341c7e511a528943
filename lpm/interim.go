package lpm

import (
	"sync"

	"vrfwd/internal/qsbr"
)

// INTERIM naive implementation behind the final API; replaced by the compiled FIBs.

type key struct {
	a uint32
	l uint8
}
type naive struct {
	mu sync.RWMutex
	m  map[key]Hop
}

func (n *naive) lookup(a uint32) Hop {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for l := 32; l >= 0; l-- {
		if h, ok := n.m[key{a & mask(uint8(l)), uint8(l)}]; ok {
			return h
		}
	}
	return 0
}
func (n *naive) apply(rs []Route) error {
	for _, r := range rs {
		if err := r.Check(); err != nil {
			return err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.m == nil {
		n.m = map[key]Hop{}
	}
	for _, r := range rs {
		if r.Hop == 0 {
			delete(n.m, key{r.Addr, r.Len})
		} else {
			n.m[key{r.Addr, r.Len}] = r.Hop
		}
	}
	return nil
}

// Table is one large table.
type Table struct{ n naive }

// NewTable makes an empty table. Readers of it announce quiescence to d.
func NewTable(d *qsbr.Domain) (*Table, error) { return &Table{}, nil }

// Build replaces the whole content by routes (any order; duplicates: the last wins). Faster than Apply for many.
func (t *Table) Build(routes []Route) error { t.n.m = nil; return t.n.apply(routes) }

// Apply inserts, replaces (Hop != 0) and deletes (Hop == 0) prefixes in place. All are checked before the first is applied.
func (t *Table) Apply(changes []Route) error { return t.n.apply(changes) }

// Len returns the number of prefixes.
func (t *Table) Len() int { return len(t.n.m) }

// Lookup returns the hop of the longest prefix that holds addr.
func (t *Table) Lookup(addr uint32) Hop { return t.n.lookup(addr) }

// LookupBurst looks up addrs[i] into hops[i].
func (t *Table) LookupBurst(addrs []uint32, hops []Hop) {
	for i, a := range addrs {
		hops[i] = t.n.lookup(a)
	}
}

// Memory returns the bytes of the FIB (what lookups read) and of the writer's own records.
func (t *Table) Memory() (fib, writer int) { return 0, 0 }

// Close gives the memory back.
func (t *Table) Close() {}

// Set is many small tables over one pool of memory. Table 0 is always empty: it stands for the parent VR.
type Set struct{ t []naive }

// NewSet makes tables 0..tables-1, all empty.
func NewSet(d *qsbr.Domain, tables int) (*Set, error) { return &Set{t: make([]naive, tables)}, nil }

// Tables returns the number of tables, table 0 included.
func (s *Set) Tables() int { return len(s.t) }

// Build replaces one table's content.
func (s *Set) Build(table uint16, routes []Route) error {
	s.t[table].m = nil
	return s.t[table].apply(routes)
}

// Apply changes one table in place.
func (s *Set) Apply(table uint16, changes []Route) error { return s.t[table].apply(changes) }

// Len returns the number of prefixes in one table.
func (s *Set) Len(table uint16) int { return len(s.t[table].m) }

// Lookup looks one address up in one table.
func (s *Set) Lookup(table uint16, addr uint32) Hop { return s.t[table].lookup(addr) }

// LookupBurst looks addrs[i] up in tables[i] into hops[i].
func (s *Set) LookupBurst(tables []uint16, addrs []uint32, hops []Hop) {
	for i, a := range addrs {
		hops[i] = s.t[tables[i]].lookup(a)
	}
}

// Memory returns the bytes of the FIBs of all tables and of the writer's own records.
func (s *Set) Memory() (fib, writer int) { return 0, 0 }

// Close gives the memory back.
func (s *Set) Close() {}

// LookupDual looks every key up in its VRF and, where the VRF has no route and the key allows it, in the global table.
// len(hops) must be at least len(keys).
func LookupDual(s *Set, g *Table, keys []Key, hops []Hop) {
	for i, k := range keys {
		h := s.t[k.Table].lookup(k.Addr)
		if h == 0 && k.Flags&Fallback != 0 {
			h = g.n.lookup(k.Addr)
		}
		hops[i] = h
	}
}
