package lpm

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"vrfwd/internal/qsbr"
)

// TestLookupDual checks the semantics against two barts: a VRF's route wins however short it is, whatever it says; only
// a miss falls back, and only with the flag. Bursts of every length meet the kernels and their tails.
func TestLookupDual(t *testing.T) { kernels(t, testLookupDual) }

func testLookupDual(t *testing.T) {
	for _, hops := range []int{200, 1000, 5000} {
		var d qsbr.Domain
		global, err := NewTable(&d)
		if err != nil {
			t.Fatal(err)
		}
		defer global.Close()
		const tables = 40
		set, err := NewSet(global, tables)
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		r := rand.New(rand.NewPCG(5, uint64(hops)))
		parent := new(twin)
		vrfs := make([]*twin, tables)
		var routes []Route
		for range 4000 {
			routes = append(routes, randomRoute(r, hops))
		}
		parent.apply(routes)
		if err := global.Build(routes); err != nil {
			t.Fatal(err)
		}
		for v := range vrfs {
			vrfs[v] = new(twin)
			if v < 2 { // the parent VR, and an empty VRF
				continue
			}
			var own []Route
			for range r.IntN(60) {
				c := randomRoute(r, hops)
				if v%8 != 0 && c.Len < 8 { // defaults in some only
					continue
				}
				own = append(own, c)
			}
			vrfs[v].apply(own)
			if err := set.Apply(uint16(v), own); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 700 {
			keys := make([]Key, n)
			for i := range keys {
				keys[i] = Key{Addr: randomRoute(r, 1).Addr | uint32(r.IntN(256)), Table: uint16(r.IntN(tables)), Flags: uint16(r.IntN(2))}
				if n%3 == 0 { // few candidates: the second filter is asked
					keys[i].Addr = r.Uint32()
				}
			}
			got := make([]Hop, n)
			set.LookupDual(keys, got)
			for i, k := range keys {
				want := vrfs[k.Table].lookup(k.Addr)
				if want == 0 && k.Flags&Fallback != 0 {
					want = parent.lookup(k.Addr)
				}
				if got[i] != want {
					t.Fatalf("hops %d, burst of %d, key %d %v in table %d flags %d: %d, want %d",
						hops, n, i, addrOf(k.Addr), k.Table, k.Flags, got[i], want)
				}
			}
		}
	}
}

// TestBurstLengths: bursts of every length are looked up, those too where what a kernel fills its last block with is an escape,
// and nothing behind them is written.
func TestBurstLengths(t *testing.T) {
	kernels(t, func(t *testing.T) {
		table, set := newTables(t, new(qsbr.Domain))
		if err := table.Build([]Route{{Hop: 1}, {Addr: 1, Len: 32, Hop: 2}, {Addr: 10 << 24, Len: 8, Hop: 3}, {Addr: 10<<24 + 1, Len: 32, Hop: 4}}); err != nil {
			t.Fatal(err)
		}
		if err := set.Build(1, []Route{{Addr: 10<<24 + 2, Len: 32, Hop: 5}}); err != nil {
			t.Fatal(err)
		}
		of := func(i int) (Key, Hop) {
			hops := [...]Hop{1, 2, 3, 4, 5}
			addrs := [...]uint32{0, 1, 10 << 24, 10<<24 + 1, 10<<24 + 2}
			return Key{Addr: addrs[i%5], Table: 1, Flags: Fallback}, hops[i%5]
		}
		for n := range 3 * maxBurst / 2 {
			keys, addrs, got, alone := make([]Key, n), make([]uint32, n), make([]Hop, n+maxBurst), make([]Hop, n+maxBurst)
			for i := range keys {
				keys[i], _ = of(i)
				addrs[i] = keys[i].Addr
			}
			set.LookupDual(keys, got)
			table.LookupBurst(addrs, alone)
			for i := range got {
				var both, parent Hop
				if i < n {
					_, both = of(i)
					if parent = both; both == 5 {
						parent = 3
					}
				}
				if got[i] != both || alone[i] != parent {
					t.Fatalf("burst of %d: hop %d is %d and %d, not %d and %d", n, i, got[i], alone[i], both, parent)
				}
			}
		}
	})
}

// TestFirstKeyOfTable0: table 0 has no route, not even where its key in the index is that of a free place, and a writer has just
// stored the reference of the key that goes there.
func TestFirstKeyOfTable0(t *testing.T) {
	kernels(t, func(t *testing.T) {
		table, set := newTables(t, new(qsbr.Domain))
		head, all := set.heads[0], set.words.all
		for i := range uint32(bucketKeys) {
			all[(uint32(head)>>5+bucketOf(head, 0))*bucketWords+bucketKeys+i] = 77 // the one range of hop 77
		}
		all[filterWord(head, 0)] |= markOf(0)
		table.dense.Load().root[0] |= claimMask
		keys, hops := make([]Key, maxBurst), make([]Hop, maxBurst)
		set.LookupDual(keys, hops)
		for i, hop := range hops {
			if hop != 0 {
				t.Fatalf("key %d: %d", i, hop)
			}
		}
		if hop := set.Lookup(0, 0); hop != 0 {
			t.Fatalf("alone: %d", hop)
		}
	})
}

// TestFilters drives a table through growth, a default route and withdrawal: the filters never hide a route, and after
// it is gone they let next to nothing through.
func TestFilters(t *testing.T) {
	set := newTestSet(t, 2)
	r := rand.New(rand.NewPCG(1, 1))
	routes := []Route{{Hop: 9}}
	for range 20_000 {
		routes = append(routes, Route{Addr: r.Uint32() &^ 255, Len: 24, Hop: 7})
	}
	for _, n := range []int{2, 300, 5000, len(routes)} {
		if err := set.Apply(1, routes[1:n]); err != nil {
			t.Fatal(err)
		}
		for _, c := range routes[1:n] {
			if got := set.Lookup(1, c.Addr|5); got != 7 {
				t.Fatalf("%d routes: %v is hidden: %d", n, c, got)
			}
		}
		verifySet(t, set)
	}
	if err := set.Apply(1, routes[:1]); err != nil {
		t.Fatal(err)
	}
	for range 10_000 {
		if a := r.Uint32(); set.Lookup(1, a) == 0 {
			t.Fatalf("the default route is hidden from %v", addrOf(a))
		}
	}
	verifySet(t, set)
	for i := range routes {
		routes[i].Hop = 0
	}
	for i := 0; i < len(routes)-10; i++ { // one by one, so that the bitmap is made anew on the way
		if err := set.Apply(1, routes[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	passed := 0
	for range 100_000 {
		if set.mayHold(1, r.Uint32()) {
			passed++
		}
	}
	if passed > 10_000 {
		t.Errorf("10 routes left, and the second filter lets %d of 100,000 addresses through", passed)
	}
	verifySet(t, set)
}

func ExampleSet_LookupDual() {
	var d qsbr.Domain
	global, _ := NewTable(&d)
	defer global.Close()
	vrfs, _ := NewSet(global, 2)
	defer vrfs.Close()
	_ = global.Build([]Route{{Addr: 8 << 24, Len: 8, Hop: 1}, {Addr: 10<<24 | 1<<16, Len: 24, Hop: 2}})
	_ = vrfs.Build(1, []Route{{Addr: 10 << 24, Len: 8, Hop: 3}})

	keys := []Key{
		{Addr: 10<<24 | 1<<16 | 7, Table: 1, Flags: Fallback}, // the VRF's /8 beats the parent's /24
		{Addr: 8<<24 | 8, Table: 1, Flags: Fallback},          // no route in the VRF: the parent's
		{Addr: 8<<24 | 8, Table: 1},                           // the same without the flag
		{Addr: 8<<24 | 8, Flags: Fallback},                    // entered in the parent VR
	}
	hops := make([]Hop, len(keys))
	vrfs.LookupDual(keys, hops)
	fmt.Println(hops)
	// Output: [3 1 0 1]
}

func TestLookupsDoNotAllocate(t *testing.T) {
	var d qsbr.Domain
	table, err := NewTable(&d)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	set, err := NewSet(table, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	routes := []Route{{Addr: 10 << 24, Len: 8, Hop: 1}, {Addr: 10<<24 | 1<<8, Len: 25, Hop: 2}}
	if err := table.Build(routes); err != nil {
		t.Fatal(err)
	}
	if err := set.Build(1, routes); err != nil {
		t.Fatal(err)
	}
	addrs, tables, hops, keys := make([]uint32, 300), make([]uint16, 300), make([]Hop, 300), make([]Key, 300)
	for i := range addrs {
		addrs[i], tables[i] = 10<<24|uint32(i), 1
		keys[i] = Key{Addr: addrs[i], Table: uint16(i & 1), Flags: Fallback}
	}
	for name, f := range map[string]func(){
		"Table.Lookup":      func() { hops[0] = table.Lookup(addrs[7]) },
		"Table.LookupBurst": func() { table.LookupBurst(addrs, hops) },
		"Set.Lookup":        func() { hops[0] = set.Lookup(1, addrs[7]) },
		"Set.LookupBurst":   func() { set.LookupBurst(tables, addrs, hops) },
		"LookupDual":        func() { set.LookupDual(keys, hops) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
