package vrftable

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"vrfwd/lpm"
)

var errFIB = errors.New("full, for a test")

// unlimited lets import maps take all that they permit. Limits that bite make imports depend on history, which a failed batch
// leaves its mark on.
func unlimited(t *testing.T, tab *Table, w *world) {
	for _, i := range tab.Imports() {
		c := []Change{SetImportMap{VRF: i.VRF, RouteMap: i.RouteMap, MaxRoutes: 1 << 20}}
		apply(t, tab, c...)
		w.tw.apply(c)
		w.tw.settle()
	}
}

// TestFIBFailureTakesTheBatchBack: FIBs refuse random batches half way; table and twin must still agree.
func TestFIBFailureTakesTheBatchBack(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			failures := 0
			randomRun(t, 100+seed, 150, func(tab *Table, w *world) {
				unlimited(t, tab, w)
				batch := []Change{w.change(), w.change(), w.change(), w.change()}
				batch = append(batch, batch[:2]...)
				good := tab.writeFIB
				calls := w.IntN(3)
				tab.writeFIB = func(v *vr, changes []lpm.Route) error {
					if calls--; calls == -1 {
						return errFIB
					}
					return good(v, changes)
				}
				err := tab.Apply(batch)
				tab.writeFIB = good
				switch {
				case err == nil:
					w.tw.apply(batch)
				case errors.Is(err, errFIB):
					failures++
				}
				compareTwin(t, tab, w)
				if t.Failed() {
					t.Fatalf("after %v: %+v", err, batch)
				}
			})
			if failures == 0 {
				t.Error("no batch failed")
			}
		})
	}
}

// TestFIBFailureWhileTakingBack: FIBs refuse batches, and then to take them back. Until that can be made good nothing is applied;
// then table and twin agree. What FIBs may name all the while is not used for anything else.
func TestFIBFailureWhileTakingBack(t *testing.T) {
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	owed, held := 0, 0
	for seed := range seeds {
		randomRun(t, 200+seed, 150, func(tab *Table, w *world) {
			unlimited(t, tab, w)
			batch := []Change{w.change(), w.change(), w.change(), w.change()}
			good := tab.writeFIB
			calls, from, refused := 0, 1+w.IntN(3), 0
			tab.writeFIB = func(v *vr, changes []lpm.Route) error {
				if calls++; calls >= from {
					refused++
					return errFIB
				}
				return good(v, changes)
			}
			err := tab.Apply(batch)
			if tab.owes() {
				owed++
				given := slices.Clone(tab.slots.dropped)
				if again := tab.Apply([]Change{AddVRF{Name: "never"}}); !errors.Is(again, errFIB) {
					t.Fatalf("a batch while another is not taken back: %v", again)
				}
				if _, ok := tab.VRTable("never"); ok || !slices.Equal(tab.slots.dropped, given) {
					t.Fatal("a refused batch was applied")
				}
				held += len(given)
			}
			tab.writeFIB = good
			apply(t, tab)
			if tab.owes() || len(tab.slots.dropped) != 0 {
				t.Fatalf("still owed: %d calls, %d slots", len(tab.owed), len(tab.slots.dropped))
			}
			if err == nil {
				w.tw.apply(batch)
			}
			compareTwin(t, tab, w)
			if t.Failed() {
				t.Fatalf("after %v, %d refused: %+v", err, refused, batch)
			}
		})
	}
	if owed == 0 || held == 0 {
		t.Errorf("%d batches could not be taken back, %d slots were held", owed, held)
	}
}

// TestReadersWhileApplying: readers check, lookup by lookup, that every prefix leads to one of its two adjacencies or
// the one below it, complete, while a writer moves routes, changes MACs both ways, adds and deletes VRF routes.
func TestReadersWhileApplying(t *testing.T) {
	tab := newWorld(t)
	gw := [2]string{"192.0.2.2", "10.0.0.2"}
	apply(t, tab,
		AddNeighbor{"uplink", ip(gw[0]), MAC{2, 0, 0, 0, 0, 0xaa}},
		AddNeighbor{"a-ce", ip(gw[1]), MAC{2, 0, 0, 0, 0, 0xbb}},
		static("", "0.0.0.0/0", viaIf(gw[0], "uplink")))
	const n = 64
	hops := [2]Via{viaIf(gw[0], "uplink"), viaIf(gw[1], "to-a")}
	for i := range n {
		apply(t, tab, AddRoute{Route{Prefix: netPrefix(uint32(0x14000000+i<<16), 16), Source: EBGP, Peer: peer1, NextHop: hops[0]}})
	}
	// Enough routes over a-ce's neighbour that its MAC changes by a new array, and few over the uplink's.
	var many []Route
	for i := range repointMax + 50 {
		many = append(many, Route{VR: "a", Prefix: netPrefix(uint32(0x1e000000+i<<8), 24), Source: Static, NextHop: viaIf(gw[1], "a-ce")})
	}
	apply(t, tab, AddRoutes{many})

	var stop atomic.Bool
	var bad atomic.Pointer[string]
	var wg sync.WaitGroup
	for seed := range uint64(2) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := tab.Domain().Register()
			defer r.Close()
			r.Online()
			rng := rand.New(rand.NewPCG(seed, 3))
			keys, hop := make([]lpm.Key, 64), make([]lpm.Hop, 64)
			for !stop.Load() {
				r.Quiesce()
				v := tab.View()
				for i := range keys {
					switch i % 3 {
					case 0: // parent's moving routes, from the parent
						keys[i] = lpm.Key{Addr: 0x14000000 + rng.Uint32N(n<<16), Flags: lpm.Fallback}
					case 1: // the same by fallback from VRF a, where some have a discard route now and then
						keys[i] = lpm.Key{Addr: 0x14000000 + rng.Uint32N(n<<16), Table: 1, Flags: lpm.Fallback}
					default: // routes that stay
						keys[i] = lpm.Key{Addr: 0x1e000000 + rng.Uint32N(repointMax<<8), Table: 1}
					}
				}
				v.VRFs.LookupDual(keys, hop)
				for i, h := range hop {
					a := v.Member(&v.Adj[h], rng.Uint32())
					ok := false
					switch {
					case a.Kind == Discard:
						ok = i%3 == 1
					case a.Kind != Forward:
					case a.Gateway == addr4(ip(gw[0])):
						ok = i%3 != 2 && a.Header[5] == 0xaa && a.Port == 0 && a.HdrLen == 14
					case a.Gateway == addr4(ip(gw[1])):
						ok = a.Header[5] == 0xbb && a.Port == 1 && a.HdrLen == 18
					}
					if !ok {
						s := fmt.Sprintf("key %d %+v: hop %d: %+v", i, keys[i], h, *a)
						bad.Store(&s)
						return
					}
				}
			}
		}()
	}
	rng := rand.New(rand.NewPCG(9, 9))
	rounds := 3000
	if testing.Short() {
		rounds = 500
	}
	for i := range rounds {
		var batch []Change
		for range 1 + rng.IntN(8) {
			p := netPrefix(0x14000000+rng.Uint32N(n)<<16, 16)
			batch = append(batch, AddRoute{Route{Prefix: p, Source: EBGP, Peer: peer1, NextHop: hops[rng.IntN(2)]}})
			switch rng.IntN(4) { // with this one, packets take both ways or one
			case 0:
				batch = append(batch, AddRoute{Route{Prefix: p, Source: EBGP, Peer: peer2, NextHop: hops[rng.IntN(2)]}})
			case 1:
				batch = append(batch, DeletePeer{Peer: peer2.Addr})
			}
			if rng.IntN(2) == 0 {
				batch = append(batch, AddRoute{Route{VR: "a", Prefix: p, Source: Static, NextHop: Discard}})
			} else {
				batch = append(batch, AddRoute{Route{VR: "a", Prefix: p, Source: Static, NextHop: Discard}},
					DeleteRoute{Route{VR: "a", Prefix: p, Source: Static}})
			}
		}
		switch i % 10 {
		case 3:
			batch = append(batch, SetMaximumPaths{N: 1 + rng.IntN(2)})
		case 0:
			batch = append(batch, AddNeighbor{"uplink", ip(gw[0]), MAC{2, byte(i), 0, 0, 0, 0xaa}})
		case 5:
			batch = append(batch, AddNeighbor{"a-ce", ip(gw[1]), MAC{2, byte(i), 0, 0, 0, 0xbb}})
		case 7:
			batch = append(batch, SetFallback{"a-ce", rng.IntN(2) == 0})
		}
		if err := tab.Apply(batch); err != nil && !errors.Is(err, ErrBusy) {
			t.Error(err)
			break
		}
		if bad.Load() != nil {
			break
		}
	}
	stop.Store(true)
	wg.Wait()
	if s := bad.Load(); s != nil {
		t.Error(*s)
	}
}

// TestReadersSeeNoHoles: batches replace routes by longer and shorter ones that lead the same way, past others that do not,
// in the parent, in a VRF, and from one to the other; no lookup finds anything but that way.
func TestReadersSeeNoHoles(t *testing.T) {
	tab := newWorld(t)
	const gateway = "192.0.2.2"
	apply(t, tab, AddNeighbor{"uplink", ip(gateway), MAC{2, 0, 0, 0, 0, 0xaa}})
	way := func(vr, prefix string) Route {
		r := Route{VR: vr, Prefix: pfx(prefix), Source: Static, NextHop: viaIf(gateway, "uplink")}
		if vr != "" {
			r.NextHop = viaIf("10.0.0.2", vr+"-ce")
		}
		return r
	}
	apply(t, tab, AddNeighbor{"a-ce", ip("10.0.0.2"), MAC{2, 0, 0, 0, 0, 0xbb}})
	nowhere := func(vr, prefix string) Route {
		return Route{VR: vr, Prefix: pfx(prefix), Source: Static, NextHop: Discard}
	}
	// The states, each of which leads 20.0.0.0/8 somewhere. Each order of writing other than the right one has a hole between
	// some two of them.
	states := [][]Route{
		{way("", "0.0.0.0/0")},
		{way("", "20.0.0.0/9"), way("", "20.128.0.0/9"), nowhere("", "20.0.0.0/8"), nowhere("", "0.0.0.0/0")},
		{way("", "16.0.0.0/4"), nowhere("", "0.0.0.0/0")},
		{way("a", "20.0.0.0/8"), way("", "20.0.0.0/8"), nowhere("a", "16.0.0.0/4"), nowhere("", "16.0.0.0/4")},
		{way("a", "20.0.0.0/9"), way("a", "20.128.0.0/9"), nowhere("a", "20.0.0.0/8"), way("", "0.0.0.0/0")},
	}
	apply(t, tab, AddRoutes{states[0]})
	var stop, bad atomic.Bool
	var wg sync.WaitGroup
	for table := range uint16(2) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := tab.Domain().Register()
			defer r.Close()
			r.Online()
			rng := rand.New(rand.NewPCG(1, uint64(table)))
			keys, hop := make([]lpm.Key, 64), make([]lpm.Hop, 64)
			for !stop.Load() {
				r.Quiesce()
				v := tab.View()
				for i := range keys {
					keys[i] = lpm.Key{Addr: 0x14000000 + rng.Uint32N(1<<24), Table: table, Flags: lpm.Fallback}
				}
				v.VRFs.LookupDual(keys, hop)
				for i, h := range hop {
					if a := v.Adj[h]; a.Kind != Forward && !bad.Swap(true) {
						t.Errorf("table %d, address %#x: hop %d, %v", table, keys[i].Addr, h, a.Kind)
					}
				}
			}
		}()
	}
	rng := rand.New(rand.NewPCG(3, 3))
	at := 0
	for range 400 {
		if bad.Load() {
			break
		}
		next := rng.IntN(len(states))
		var batch []Change
		for _, r := range states[at] {
			batch = append(batch, DeleteRoute{r})
		}
		batch = append(batch, AddRoutes{states[next]})
		apply(t, tab, batch...)
		at = next
	}
	stop.Store(true)
	wg.Wait()
}

// TestNoLeakThroughFallbackWhileAdding: an ingress interface and the VRF routes that keep its packets from the parent
// come in one batch; readers that see the interface see the routes.
func TestNoLeakThroughFallbackWhileAdding(t *testing.T) {
	tab := newWorld(t)
	apply(t, tab, static("", "0.0.0.0/0", via("192.0.2.2")), AddLayer2{Name: "new", Port: "p1", VLAN: 77})
	up := []Change{AddInterface{Name: "new", VR: "b", Layer2: "new", FallbackGlobal: true}, static("b", "20.0.0.0/8", Discard)}
	down := []Change{DeleteInterface{"new"}, DeleteRoute{Route{VR: "b", Prefix: pfx("20.0.0.0/8"), Source: Static}}}
	var stop atomic.Bool
	var leaks atomic.Int64
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		r := tab.Domain().Register()
		defer r.Close()
		r.Online()
		var hop [1]lpm.Hop
		for !stop.Load() {
			r.Quiesce()
			v := tab.View()
			rec := v.Ports[1][77]
			if rec.State != IngressUp {
				continue
			}
			v.VRFs.LookupDual([]lpm.Key{{Addr: 0x14010101, Table: rec.Table, Flags: rec.Flags}}, hop[:])
			// The interface may go while we look: only a view that still has it counts.
			if v.Adj[hop[0]].Kind != Discard && tab.View() == v {
				leaks.Add(1)
			}
		}
	}()
	for range 500 {
		apply(t, tab, up...)
		apply(t, tab, down...)
	}
	stop.Store(true)
	wg.Wait()
	if n := leaks.Load(); n > 0 {
		t.Errorf("%d packets leaked to the parent's table", n)
	}
}

func TestApplyAllocates(t *testing.T) {
	tab := newWorld(t)
	on := []Change{static("b", "20.0.0.0/8", Discard)}
	off := []Change{DeleteRoute{Route{VR: "b", Prefix: pfx("20.0.0.0/8"), Source: Static}}}
	apply(t, tab, on...)
	n := testing.AllocsPerRun(100, func() {
		apply(t, tab, off...)
		apply(t, tab, on...)
	})
	if n > 20 {
		t.Errorf("%v allocations for a withdrawal and its return", n)
	}
}

func TestClose(t *testing.T) {
	tab, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	tab.Close()
	tab.Close()
	if err := tab.Apply(nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	for _, c := range []Config{{VRFs: -1}, {VRFs: 1 << 16}, {Ports: -1}, {Ports: 1<<16 + 1}} {
		if _, err := New(c); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
