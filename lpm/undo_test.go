package lpm

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"vrfwd/internal/qsbr"
)

// squeeze leaves a pool room for so many elements more, and behind them a reserve, and nothing that was given back; room
// below 0: all there is.
func (p *pool[T]) squeeze(room, reserve int) {
	p.reclaim()
	clear(p.free[:])
	if room < 0 {
		room, reserve = len(p.all), len(p.all)/16
	}
	p.limit = min(p.top+room, len(p.all)-reserve)
	p.kept = reserve
}

func squeezeTable(t *Table, room, reserve int) {
	if d := t.dense.Load(); d.wide != nil {
		d.wide.squeeze(room, reserve)
	} else {
		d.narrow.squeeze(room, reserve)
	}
	t.long.words.squeeze(room, reserve)
}

// hungry is an engine whose memory can be made short.
type hungry struct {
	engine
	parts   bool // prefixes beyond /24 and their covers change at moments of their own
	squeeze func(room, reserve int)
	rehash  func() error
	owes    func() bool
	claims  func() error // tells whether the claims are those of the prefixes
}

func hungryEngines(t *testing.T, d *qsbr.Domain) []hungry {
	table, set := newTables(t, d)
	both := enginesOf(table, set)
	both[1].burst = func(addrs []uint32, hops []Hop) { // so that claims have their say
		keys := make([]Key, len(addrs))
		for i, a := range addrs {
			keys[i] = Key{Addr: a, Table: 2}
		}
		set.LookupDual(keys, hops)
	}
	return []hungry{{
		engine:  both[0],
		parts:   true,
		squeeze: func(room, reserve int) { squeezeTable(table, room, reserve) },
		rehash:  table.long.rehash,
		owes:    table.Owes,
		claims:  func() error { return nil },
	}, {
		engine:  both[1],
		squeeze: set.words.squeeze,
		rehash:  set.rehash,
		owes:    set.Owes,
		claims: func() error {
			var want Table // to count in
			want.dense.Store(&dense{root: make([]uint32, 1<<rootBits)})
			if want.claims = new(claims); table.claims == nil {
				return nil
			}
			if t := set.tables[2]; t != nil {
				for r := range t.each {
					want.claim(2, r.route(), 1)
				}
			}
			for i := range want.dense.Load().root {
				if table.dense.Load().root[i]&claimMask != want.dense.Load().root[i] {
					return fmt.Errorf("root entry %d does not show the claims that there are", i)
				}
			}
			if *table.claims != *want.claims {
				return errors.New("the claims are not those of the prefixes")
			}
			return nil
		},
	}}
}

// TestFullMemory: a change that memory is too short for changes nothing. Where it is even too short to take back what was done,
// each address leads to where it led after some of the batch's changes, nothing more can be changed, and all is as it was
// when there is memory again.
func TestFullMemory(t *testing.T) {
	const ample = 1 << 20
	seeds := uint64(2)
	if testing.Short() {
		seeds = 1
	}
	var failed, owed, built int
	for _, hops := range []int{200, 1000, 5000} {
		for seed := range seeds {
			var d qsbr.Domain
			reader := d.Register()
			for _, e := range hungryEngines(t, &d) {
				r := rand.New(rand.NewPCG(seed, uint64(hops)))
				before := map[Route]Hop{} // by prefix
				var known []Route
				for step := range 100 {
					batch := someChanges(r, known, hops)
					known = append(known, batch...)
					build := step%8 == 7
					change, after := e.apply, maps.Clone(before)
					if build {
						change, after = e.build, map[Route]Hop{}
					}
					for _, c := range batch {
						if c.Hop != 0 || !build { // a build leaves these out
							after[Route{c.Addr, c.Len, 0}] = c.Hop
						}
					}
					old, next := twinOf(before), twinOf(after)
					reserve := []int{ample, r.IntN(100), r.IntN(10)}[r.IntN(3)]
					e.squeeze(1<<r.IntN(9)-1, reserve)
					if step%2 == 1 { // a reader holds on to what is replaced
						reader.Online()
					}
					err := change(batch)
					addrs := probes(r, batch, 100)
					switch {
					case err == nil:
						before, old = after, next
					case !errors.Is(err, ErrFull):
						t.Fatal(err)
					case !e.owes():
						failed++
					case reserve == ample:
						t.Fatalf("%s: owed, with a reserve of %d", e.name, reserve)
					default:
						owed++
						if build {
							built++
						}
						states := []*twin{old, next} // that readers may see
						if mid := maps.Clone(before); !build {
							for _, c := range batch {
								mid[Route{c.Addr, c.Len, 0}] = c.Hop
								states = append(states, twinOf(mid))
							}
						}
						between(t, e.engine, e.parts, states, addrs)
						reader.Offline() // so that what no reader remembers is dropped from the index
						e.squeeze(-1, 0)
						if err := e.rehash(); err != nil {
							t.Fatal(err)
						}
						between(t, e.engine, e.parts, states, addrs)
						e.verify(t)
						e.squeeze(0, 0)
						if err := e.apply(batch); err != nil && !errors.Is(err, ErrFull) {
							t.Fatal(err)
						} else if err == nil { // what it takes was there
							before, old = after, next
						}
						e.squeeze(-1, 0)
						if err := e.apply(nil); err != nil || e.owes() {
							t.Fatal(err)
						}
					}
					reader.Offline()
					where := fmt.Sprintf("%s, %d hops, seed %d, step %d: %v", e.name, hops, seed, step, err)
					if e.len() != old.Size() {
						t.Fatalf("%s: %d prefixes, not %d", where, e.len(), old.Size())
					}
					compare(t, e.engine, old, addrs)
					e.verify(t)
					if step%10 == 9 {
						if err := e.claims(); err != nil {
							t.Fatalf("%s: %v", where, err)
						}
					}
				}
				e.squeeze(-1, 0)
				compare(t, e.engine, twinOf(before), probes(r, known, 500))
			}
			reader.Close()
		}
	}
	if failed < 100 || owed < 50 || built < 5 {
		t.Errorf("%d failed, %d were owed, %d of these builds: too few to say anything", failed, owed, built)
	}
	t.Logf("%d failed, %d were owed, %d of these builds", failed, owed, built)
}

// between checks that each address leads to where it leads in one of the states; with parts, that a prefix that holds it has
// that hop in one.
func between(t *testing.T, e engine, parts bool, states []*twin, addrs []uint32) {
	t.Helper()
	hops := make([]Hop, len(addrs))
	e.burst(addrs, hops)
	for i, a := range addrs {
		for _, h := range []Hop{e.lookup(a), hops[i]} {
			if !slices.ContainsFunc(states, func(w *twin) bool {
				if w.lookup(a) == h {
					return true
				}
				for _, hop := range w.Supernets(netip.PrefixFrom(addrOf(a), 32)) {
					if parts && hop == h {
						return true
					}
				}
				return false
			}) {
				t.Fatalf("%s: %v leads to %d, which it never was to", e.name, addrOf(a), h)
			}
		}
	}
}

// someChanges draws a batch.
func someChanges(r *rand.Rand, known []Route, hops int) (batch []Route) {
	for range 1 + r.IntN(40) {
		c := randomRoute(r, hops)
		if len(known) > 0 && r.IntN(2) == 0 {
			if c = known[r.IntN(len(known))]; r.IntN(3) > 0 {
				c.Hop = 0
			}
		}
		batch = append(batch, c)
	}
	return batch
}

func twinOf(hops map[Route]Hop) *twin {
	w := new(twin)
	for p, h := range hops {
		w.apply([]Route{{p.Addr, p.Len, h}})
	}
	return w
}
