package lpm

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"vrfwd/internal/qsbr"
)

// TestReadersUnderUpdates has readers look up while one writer flips routes. Every answer must be one that was right at
// some moment: each address under test has a cover that never changes and routes above it that come and go with hops of
// that address alone, so a hole, a torn chunk, a reused run or a neighbour's answer shows.
func TestReadersUnderUpdates(t *testing.T) {
	kernels(t, func(t *testing.T) { underUpdates(t, false) })
}

// TestReadersInFullMemory: nor does what is taken back, at once or later, show readers any such thing.
func TestReadersInFullMemory(t *testing.T) {
	kernels(t, func(t *testing.T) { underUpdates(t, true) })
}

func underUpdates(t *testing.T, hungry bool) {
	var d qsbr.Domain
	table, err := NewTable(&d)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	set, err := NewSet(table, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()

	// Address n is in 10.(n).x.y; its cover has hop 1+n, its own routes 101+n, all inside its /16.
	const slots = 64
	cover := func(n uint32) Route { return Route{Addr: 10<<24 | n<<16, Len: 16, Hop: Hop(1 + n)} }
	addr := func(n uint32) uint32 { return 10<<24 | n<<16 | 0x4321 }
	var covers []Route
	for n := range uint32(slots) {
		covers = append(covers, cover(n))
	}
	if err := table.Build(covers); err != nil {
		t.Fatal(err)
	}
	if err := set.Build(1, covers); err != nil {
		t.Fatal(err)
	}

	updates := 60_000
	if testing.Short() {
		updates = 10_000
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	var lookups atomic.Int64
	for id := range 2 {
		reader := d.Register()
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer reader.Close()
			reader.Online()
			r := rand.New(rand.NewPCG(1, uint64(id)))
			addrs, keys := make([]uint32, 64), make([]Key, 64)
			hops, tables := make([]Hop, 64), make([]uint16, 64)
			check := func(what string) {
				for i, h := range hops {
					n := addrs[i] >> 16 & 255
					if h != Hop(1+n) && (h < Hop(101+n) || h > Hop(101+n) && h != Hop(1000+n)) {
						t.Errorf("%s: %v answered %d", what, addrOf(addrs[i]), h)
						stop.Store(true)
						return
					}
				}
			}
			for !stop.Load() {
				for i := range addrs {
					addrs[i] = addr(r.Uint32N(slots))
					keys[i] = Key{Addr: addrs[i], Table: uint16(id), Flags: Fallback}
					tables[i] = 1
				}
				table.LookupBurst(addrs, hops)
				check("Table")
				set.LookupBurst(tables, addrs, hops)
				check("Set")
				set.LookupDual(keys, hops)
				check("Dual")
				lookups.Add(3 * 64)
				reader.Quiesce()
				runtime.Gosched()
			}
		}()
	}
	r := rand.New(rand.NewPCG(9, 9))
	full, owed := 0, 0
	must := func(err error) {
		t.Helper()
		if err != nil && !(hungry && errors.Is(err, ErrFull)) {
			t.Fatal(err)
		}
		if err != nil {
			full++
		}
	}
	wider := []Route{{Addr: 10 << 24, Len: 8, Hop: 1}, {Addr: cover(0).Addr, Len: 16}} // the same hop from another prefix
	narrower := []Route{cover(0), {Addr: 10 << 24, Len: 8}}
	for i := 0; i < updates && !stop.Load(); i++ {
		if hungry {
			room, reserve := 1<<r.IntN(8)-1, 1<<r.IntN(6)-1
			squeezeTable(table, room, reserve)
			set.words.squeeze(room, reserve)
			if set.Owes() {
				owed++
			}
		}
		n := r.Uint32N(slots)
		length := uint8(17 + r.IntN(16))
		c := Route{Addr: addr(n) & mask(length), Len: length}
		switch r.IntN(5) {
		case 0, 1:
			c.Hop = Hop(101 + n)
		case 2:
			c.Hop = Hop(1000 + n) // no byte leaf: the table is rebuilt once, translated
		}
		must(table.Apply([]Route{c}))
		must(set.Apply(1, []Route{c}))
		must(set.Apply(1, [][]Route{wider, narrower}[r.IntN(2)]))
		if i%10_000 == 5000 {
			must(table.Build(covers))
			must(set.Build(1, covers))
		}
	}
	stop.Store(true)
	wg.Wait()
	if hungry && (full == 0 || owed == 0) {
		t.Errorf("%d changes refused, %d of them owed", full, owed)
	}
	squeezeTable(table, -1, 0)
	set.words.squeeze(-1, 0)
	must(table.Apply(nil))
	must(set.Apply(1, nil))
	if table.Owes() || set.Owes() {
		t.Error("owed, with memory for it")
	}
	if lookups.Load() == 0 {
		t.Error("no reader ran")
	}
	verifyTable(t, table)
	verifySet(t, set)
}

// TestMemoryIsReused churns one place: with readers that are quiescent the pools must not grow, but for an index that is
// made anew at another size.
func TestMemoryIsReused(t *testing.T) {
	var d qsbr.Domain
	for _, e := range engines(t, &d) {
		r := rand.New(rand.NewPCG(2, 3))
		var world []Route
		for range 300 {
			world = append(world, randomRoute(r, 100))
		}
		churn := func() {
			for range 2000 {
				c := world[r.IntN(len(world))]
				c.Hop = Hop(1 + r.IntN(100))
				if r.IntN(2) == 0 {
					c.Hop = 0
				}
				if err := e.apply([]Route{c}); err != nil {
					t.Fatal(err)
				}
			}
		}
		churn()
		churn()
		top := e.top()
		for range 6 {
			churn()
		}
		if grown := e.top(); grown > 2*top {
			t.Errorf("%s: reservation in use grew from %d to %d elements", e.name, top, grown)
		}
	}
}
