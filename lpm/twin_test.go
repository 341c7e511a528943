package lpm

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/gaissmai/bart"

	"vrfwd/internal/qsbr"
)

// twin is the reference: bart, driven by the same changes.
type twin struct{ bart.Table[Hop] }

func addrOf(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

func (w *twin) apply(routes []Route) {
	for _, r := range routes {
		p := netip.PrefixFrom(addrOf(r.Addr), int(r.Len))
		if r.Hop == 0 {
			w.Delete(p)
		} else {
			w.Insert(p, r.Hop)
		}
	}
}

func (w *twin) lookup(a uint32) Hop {
	h, _ := w.Lookup(addrOf(a))
	return h
}

// engine is what Table and one table of a Set have in common.
type engine struct {
	name   string
	apply  func([]Route) error
	build  func([]Route) error
	lookup func(uint32) Hop
	burst  func([]uint32, []Hop)
	len    func() int
	verify func(*testing.T)
	top    func() int // elements of the pool ever handed out
}

// newTestSet makes a set over an empty parent.
func newTestSet(t testing.TB, tables int) *Set {
	parent, err := NewTable(new(qsbr.Domain))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(parent.Close)
	set, err := NewSet(parent, tables)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Close)
	return set
}

func engines(t testing.TB, d *qsbr.Domain) []engine {
	table, set := newTables(t, d)
	return enginesOf(table, set)
}

func newTables(t testing.TB, d *qsbr.Domain) (*Table, *Set) {
	table, err := NewTable(d)
	if err != nil {
		t.Fatal(err)
	}
	set, err := NewSet(table, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Close)
	t.Cleanup(set.Close)
	return table, set
}

func enginesOf(table *Table, set *Set) []engine {
	return []engine{
		{
			name: "Table", apply: table.Apply, build: table.Build, lookup: table.Lookup, burst: table.LookupBurst, len: table.Len,
			verify: func(t *testing.T) { verifyTable(t, table) },
			top:    func() int { return table.dense.Load().narrow.top },
		},
		{
			name:   "Set",
			apply:  func(r []Route) error { return set.Apply(2, r) },
			build:  func(r []Route) error { return set.Build(2, r) },
			lookup: func(a uint32) Hop { return set.Lookup(2, a) },
			burst: func(a []uint32, h []Hop) {
				tables := make([]uint16, len(a))
				for i := range tables {
					tables[i] = 2
				}
				set.LookupBurst(tables, a, h)
			},
			len:    func() int { return set.Len(2) },
			verify: func(t *testing.T) { verifySet(t, set) },
			top:    func() int { return set.words.top - hopWords },
		},
	}
}

// verifySet checks that what is live in the pool is exactly what readers reach, that the index knows every block with
// prefixes beyond /16, once, and no other that is not dead, and that the filter has the marks of all.
func verifySet(t *testing.T, s *Set) {
	t.Helper()
	reached := (bucketWords + 1<<filterOrder) << s.order()
	ranges := func(ref uint32) {
		if order := ref >> rangeShift; order > 0 {
			reached += 1 << order
		}
	}
	for _, top := range s.tops[:len(s.tables)] {
		ranges(uint32(top))
	}
	seen := map[uint32]bool{}
	for key, ref := range s.keys {
		if seen[key] {
			t.Fatalf("Set: key %x twice in the index", key)
		}
		seen[key] = true
		ranges(ref)
		if _, dead := s.dead[uint16(key>>16)][uint16(key)]; dead == (len(s.low(uint16(key>>16), key)) > 0) {
			t.Fatalf("Set: key %x is in use and dead, or neither", key)
		}
	}
	if len(seen) != s.used {
		t.Fatalf("Set: %d keys in the index, %d counted", len(seen), s.used)
	}
	if reached != s.words.live {
		t.Fatalf("Set: %d words live, %d reached: leak or double free", s.words.live, reached)
	}
	for _, key := range s.marked() {
		hash := key * hashFactor
		if bits := markOf(hash); s.words.all[filterWord(s.heads[0], hash)]&bits != bits {
			t.Fatalf("Set: key %x has no marks", key)
		}
		if len(s.low(uint16(key>>16), key)) > 0 && !seen[key] {
			t.Fatalf("Set: key %x is not in the index", key)
		}
	}
}

func verifyTable(t *testing.T, table *Table) {
	t.Helper()
	d := table.dense.Load()
	reached := 0
	for _, e := range d.root {
		if s := strideOf(e); s < chunkBits {
			reached += 1 << runOf(s)
		}
	}
	live := 0
	if d.wide != nil {
		live = d.wide.live - 1<<(16+unitBits)
	} else {
		live = d.narrow.live - 1<<(8+unitBits)
	}
	if reached != live {
		t.Fatalf("Table: %d leaves live, %d reached: leak or double free", live, reached)
	}
	verifySet(t, table.long)
}

// hopOf draws one of n hops, which for n above 254 are large: up to 1,000 few of them, beyond that many.
func hopOf(r *rand.Rand, n int) Hop {
	switch {
	case n <= 254:
		return Hop(1 + r.IntN(n))
	case n <= 1000:
		return MaxHop - Hop(r.IntN(150))
	}
	return MaxHop - Hop(r.IntN(n))
}

// randomRoute draws from a small world, so that prefixes nest, collide and come back.
func randomRoute(r *rand.Rand, hops int) Route {
	length := uint8(r.IntN(33))
	if r.IntN(8) > 0 {
		length = 8 + uint8(r.IntN(25))
	}
	a := uint32(10+r.IntN(2))<<24 | uint32(r.IntN(4))<<16 | uint32(r.IntN(3))<<14 | uint32(r.IntN(8))<<8 | uint32(r.IntN(256))
	if r.IntN(16) == 0 {
		a = r.Uint32()
	}
	return Route{a & mask(length), length, hopOf(r, hops)}
}

// probes are addresses around every edge of the routes, and random ones.
func probes(r *rand.Rand, routes []Route, extra int) []uint32 {
	var all []uint32
	for _, c := range routes {
		last := c.Addr | ^mask(c.Len)
		all = append(all, c.Addr, c.Addr-1, last, last+1, c.Addr|r.Uint32()&^mask(c.Len))
	}
	for range extra {
		all = append(all, r.Uint32(), randomRoute(r, 1).Addr|uint32(r.IntN(256)))
	}
	return all
}

func compare(t *testing.T, e engine, w *twin, addrs []uint32) {
	t.Helper()
	hops := make([]Hop, len(addrs))
	e.burst(addrs, hops)
	for i, a := range addrs {
		want := w.lookup(a)
		if got := e.lookup(a); got != want {
			t.Fatalf("%s: Lookup(%v) = %d, bart says %d", e.name, addrOf(a), got, want)
		}
		if hops[i] != want {
			t.Fatalf("%s: LookupBurst(%v) = %d, bart says %d", e.name, addrOf(a), hops[i], want)
		}
	}
}

// TestAgainstBart drives both sorts of tables and bart with the same changes.
func TestAgainstBart(t *testing.T) { kernels(t, testAgainstBart) }

func testAgainstBart(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 1
	}
	// Hops that are leaves themselves; that outgrow it and are translated; that outgrow bytes.
	for _, hops := range []int{3, 200, 1000, 5000} {
		for seed := range seeds {
			var d qsbr.Domain
			for _, e := range engines(t, &d) {
				r := rand.New(rand.NewPCG(seed, uint64(hops)))
				w := new(twin)
				var known []Route
				for step := range 60 {
					batch := someChanges(r, known, hops)
					known = append(known, batch...)
					if step%20 == 19 {
						w = new(twin)
						var all []Route
						for range 500 {
							all = append(all, randomRoute(r, hops))
						}
						known = append(known[:0], all...)
						w.apply(all)
						if err := e.build(all); err != nil {
							t.Fatal(err)
						}
					} else {
						w.apply(batch)
						if err := e.apply(batch); err != nil {
							t.Fatal(err)
						}
					}
					if e.len() != w.Size() {
						t.Fatalf("%s: %d prefixes, bart has %d", e.name, e.len(), w.Size())
					}
					compare(t, e, w, probes(r, batch, 200))
					e.verify(t)
				}
				compare(t, e, w, probes(r, known, 2000))
				var none []Route
				for _, c := range known {
					c.Hop = 0
					none = append(none, c)
				}
				if err := e.apply(none); err != nil {
					t.Fatal(err)
				}
				if e.len() != 0 {
					t.Fatalf("%s: %d prefixes left", e.name, e.len())
				}
				e.verify(t)
				compare(t, e, new(twin), probes(r, known, 100))
			}
		}
	}
}

// TestBuildOverWithdrawn: a block whose prefixes are gone has its key still, and gets the covers of a build.
func TestBuildOverWithdrawn(t *testing.T) {
	set := newTestSet(t, 2)
	c := Route{Addr: 10<<24 | 1<<16 | 2<<8, Len: 24, Hop: 1}
	for _, hop := range []Hop{1, 0} {
		c.Hop = hop
		if err := set.Apply(1, []Route{c}); err != nil {
			t.Fatal(err)
		}
	}
	if err := set.Build(1, []Route{{Addr: 10 << 24, Len: 8, Hop: 7}}); err != nil {
		t.Fatal(err)
	}
	if h := set.Lookup(1, c.Addr); h != 7 {
		t.Fatalf("%v leads to %d, not its cover's 7", addrOf(c.Addr), h)
	}
}

// FuzzTable runs a program of 6-byte steps (length, hop, address) on both engines and bart, in a small world.
func FuzzTable(f *testing.F) {
	f.Add([]byte{24, 1, 10, 1, 2, 0, 25, 2, 10, 1, 2, 128, 24, 0, 10, 1, 2, 0})
	f.Add([]byte{0, 1, 0, 0, 0, 0, 8, 2, 10, 0, 0, 0, 16, 3, 10, 1, 0, 0, 32, 255, 10, 1, 2, 3})
	f.Fuzz(func(t *testing.T, program []byte) {
		var d qsbr.Domain
		list := engines(t, &d)
		w := new(twin)
		var known []Route
		for ; len(program) >= 6 && len(known) < 64; program = program[6:] {
			length := program[0] % 33
			a := uint32(program[2])<<24 | uint32(program[3])<<16 | uint32(program[4])<<8 | uint32(program[5])
			c := Route{a & mask(length), length, Hop(program[1]) * 3} // 0 deletes; past 254 in the upper part
			known = append(known, c)
			w.apply([]Route{c})
			for _, e := range list {
				if err := e.apply([]Route{c}); err != nil {
					t.Fatal(err)
				}
			}
		}
		r := rand.New(rand.NewPCG(1, 2))
		addrs := probes(r, known, 50)
		for _, e := range list {
			compare(t, e, w, addrs)
			e.verify(t)
		}
	})
}

func TestRefusals(t *testing.T) {
	var d qsbr.Domain
	for _, e := range engines(t, &d) {
		good := Route{Addr: 10 << 24, Len: 8, Hop: 1}
		for _, bad := range []Route{
			{Addr: 10<<24 | 1, Len: 8, Hop: 1},
			{Addr: 0, Len: 33, Hop: 1},
			{Addr: 10 << 24, Len: 8, Hop: MaxHop + 1},
		} {
			if err := e.apply([]Route{good, bad}); err == nil {
				t.Errorf("%s: Apply took %v", e.name, bad)
			}
			if err := e.build([]Route{good, bad}); err == nil {
				t.Errorf("%s: Build took %v", e.name, bad)
			}
			if e.len() != 0 || e.lookup(good.Addr) != 0 {
				t.Errorf("%s: half applied", e.name)
			}
		}
		if err := e.apply([]Route{{Addr: 1 << 24, Len: 8}}); err != nil {
			t.Errorf("%s: deleting what is not there: %v", e.name, err)
		}
	}
	s := newTestSet(t, 2)
	one := []Route{{Addr: 1 << 24, Len: 8, Hop: 1}}
	if s.Apply(0, one) == nil || s.Apply(2, one) == nil || s.Build(0, one) == nil {
		t.Error("table 0 stays empty and table 2 is not there")
	}
	if _, err := NewSet(s.parent, maxTables+1); err == nil {
		t.Error("too many tables must be refused")
	}
}
