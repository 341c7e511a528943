package vrftable

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"vrfwd/lpm"
)

// watcher follows one VR: what it says of a route in use is right for as long as its watch tells of nothing.
type watcher struct {
	watch *Watch
	bests map[netip.Prefix]string
}

func describeBest(b *Best) string {
	a := b.Attrs.Decode()
	if a == nil {
		a = &Attributes{}
	}
	return fmt.Sprintf("%v from %q peer %v tag %d via %v attrs %+v", b.Source, b.From, b.Peer, b.Tag, b.Gateway, *a)
}

// naiveBests is what Routes says of the routes in use.
func naiveBests(tab *Table, vr string) map[netip.Prefix]string {
	all := map[netip.Prefix]string{}
	for r := range tab.Routes(vr) {
		if !r.Best {
			continue
		}
		b := Best{Source: r.Source, From: r.From, Peer: r.Peer, Tag: r.Tag, Gateway: r.Gateway}
		a := Attributes{}
		if r.Attrs != nil {
			a = *r.Attrs
		}
		all[r.Prefix] = fmt.Sprintf("%v from %q peer %v tag %d via %v attrs %+v", b.Source, b.From, b.Peer, b.Tag, b.Gateway, a)
	}
	return all
}

// TestRandomWatches: over random batches, what a watch tells of is all that changed, and Bests and BestsIn say what Routes
// says. Policies judge as the table does.
func TestRandomWatches(t *testing.T) {
	for seed := range uint64(4) {
		watchers := map[string]*watcher{}
		randomRun(t, 100+seed, 100, func(tab *Table, w *world) {
			for _, vr := range randomVRs {
				checkWatch(t, tab, watchers, vr)
				checkPolicies(t, tab, vr)
			}
		})
	}
}

func checkWatch(t *testing.T, tab *Table, watchers map[string]*watcher, vr string) {
	t.Helper()
	v := tab.vrNames[vrName(vr)]
	w := watchers[vr]
	if w != nil && (v == nil || w.watch.v != v) {
		w.watch.Close()
		delete(watchers, vr)
		w = nil
	}
	if v == nil {
		if _, err := tab.Watch(vr, 10); err == nil {
			t.Errorf("%s is watched and is not there", vr)
		}
		return
	}
	want := naiveBests(tab, vr)
	if w == nil {
		watch, err := tab.Watch(vr, 1000)
		if err != nil {
			t.Fatal(err)
		}
		watchers[vr] = &watcher{watch, want}
		return
	}
	select {
	case <-w.watch.C():
	default:
		if !maps.Equal(w.bests, want) {
			t.Errorf("%s: something changed, and the watch says nothing", vr)
		}
	}
	changed, all := w.watch.Take(nil)
	if all {
		t.Errorf("%s: all may have changed", vr)
	}
	tab.Bests(vr, changed, func(b *Best) {
		if b.Source == 0 {
			delete(w.bests, b.Prefix)
		} else {
			w.bests[b.Prefix] = describeBest(b)
		}
	})
	if !maps.Equal(w.bests, want) {
		t.Errorf("%s: by the watch %v, want %v", vr, w.bests, want)
	}
	var in []netip.Prefix
	within := pfx("10.0.0.0/15")
	tab.BestsIn(vr, within, func(b *Best) bool {
		in = append(in, b.Prefix)
		if got := describeBest(b); got != want[b.Prefix] {
			t.Errorf("%s: %v: %s, want %s", vr, b.Prefix, got, want[b.Prefix])
		}
		return true
	})
	var wantIn []netip.Prefix
	for prefix := range want {
		if within.Overlaps(prefix) && prefix.Bits() >= within.Bits() {
			wantIn = append(wantIn, prefix)
		}
	}
	slices.SortFunc(wantIn, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	if !slices.Equal(in, wantIn) {
		t.Errorf("%s: within %v: %v, want %v", vr, within, in, wantIn)
	}
}

// checkPolicies asks every route map about every route of a VR, but for host routes of interfaces and neighbours, which the
// table judges as the connected route.
func checkPolicies(t *testing.T, tab *Table, vr string) {
	t.Helper()
	v := tab.vrNames[vrName(vr)]
	if v == nil {
		return
	}
	for _, name := range append(randomMaps, "nowhere") {
		policy, m := tab.Policy(name), tab.policies.maps[name]
		for prefix, did := range v.rib.All4() {
			d := tab.dests.at(did)
			for id := d.first; id != 0; id = tab.paths.at(id).next {
				p := tab.paths.at(id)
				if p.source == OwnAddress || p.source == Neighbor {
					continue
				}
				want := verdict{}
				if m != nil {
					want = tab.judge(m, p, d)
				}
				a := tab.attrs.decode(p.attrs)
				if a == nil {
					a = &Attributes{}
				}
				gateway := netip.Addr{}
				if g := tab.nexthops[p.nh].key.gateway; g != 0 {
					gateway = netAddr(g)
				}
				set, permit := policy.Judge(prefix, p.tag, gateway, a)
				if permit != want.permit {
					t.Errorf("%s: %v by %s: %v, the table says %v", vr, prefix, name, permit, want.permit)
				}
				if permit {
					set.Apply(a)
					wanted := tab.attrs.decode(want.attrs)
					if wanted == nil {
						wanted = &Attributes{}
					}
					if fmt.Sprintf("%+v", *a) != fmt.Sprintf("%+v", *wanted) {
						t.Errorf("%s: %v by %s: %+v, the table says %+v", vr, prefix, name, *a, *wanted)
					}
				}
				tab.attrs.release(want.attrs)
			}
		}
	}
}

// TestWatchLimit: more than a watch collects is all, and so is what it is asked for.
func TestWatchLimit(t *testing.T) {
	tab := newWorld(t)
	w, err := tab.Watch("", 2)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, wantAll bool, want ...string) {
		t.Helper()
		select {
		case <-w.C():
		default:
			t.Errorf("%s: nothing is told", what)
		}
		prefixes, all := w.Take(nil)
		if all != wantAll || len(prefixes) != len(want) {
			t.Fatalf("%s: %v, all %v", what, prefixes, all)
		}
		for i, p := range want {
			if prefixes[i] != pfx(p) {
				t.Errorf("%s: %v, want %v", what, prefixes, want)
			}
		}
		if again, all := w.Take(nil); len(again) > 0 || all {
			t.Errorf("%s: taken twice", what)
		}
	}
	apply(t, tab, static("", "20.0.0.0/8", Discard), static("", "21.0.0.0/8", Discard))
	check("two", false, "20.0.0.0/8", "21.0.0.0/8")
	apply(t, tab, static("", "22.0.0.0/8", Discard), static("", "23.0.0.0/8", Discard))
	apply(t, tab, static("", "24.0.0.0/8", Discard))
	check("three", true)
	w.All()
	apply(t, tab, static("", "25.0.0.0/8", Discard))
	check("asked for", true)
	refused(t, tab, ErrNotFound, static("", "26.0.0.0/8", Discard), DeleteRoute{Route{Prefix: pfx("99.0.0.0/8"), Source: Static}})
	apply(t, tab, static("a", "26.0.0.0/8", Discard))
	select {
	case <-w.C():
		t.Error("a batch that was refused, or another VR's, is told")
	default:
	}
	w.Close()
	w.Close()
	apply(t, tab, static("", "27.0.0.0/8", Discard))
	if prefixes, all := w.Take(nil); len(prefixes) > 0 || all {
		t.Error("a closed watch goes on")
	}
}

// TestWatchTakenBack: where a batch that is taken back has changed which routes stand at an import limit, that is told.
func TestWatchTakenBack(t *testing.T) {
	tab := newWorld(t)
	tagged := func(prefix string) Change {
		r := static("", prefix, Discard)
		r.Tag = 1
		return r
	}
	apply(t, tab, SetRouteMap{"tagged", []RouteMapEntry{{Permit: true, Match: Match{Tag: 1}}}},
		SetImportMap{VRF: "a", RouteMap: "tagged", MaxRoutes: 1}, tagged("20.0.0.0/8"), tagged("21.0.0.0/8"))
	imported := func() (prefixes []netip.Prefix) {
		for i := range tab.RoutesIn("a", pfx("20.0.0.0/7")) {
			prefixes = append(prefixes, i.Prefix)
		}
		return prefixes
	}
	before := imported()
	w, err := tab.Watch("a", 10)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	write, failed := tab.writeFIB, false
	tab.writeFIB = func(v *vr, changes []lpm.Route) error {
		if !failed {
			failed = true
			return lpm.ErrFull
		}
		return write(v, changes)
	}
	if err := tab.Apply([]Change{DeleteRoute{Route{Prefix: before[0], Source: Static}}}); !errors.Is(err, lpm.ErrFull) {
		t.Fatal(err)
	}
	told, _ := w.Take(nil)
	for _, p := range append(before, imported()...) {
		if !slices.Contains(told, p) {
			t.Errorf("%v was imported before, %v is now: told was %v", before, imported(), told)
		}
	}
}

// TestRestart: routes that are marked stay in use; what is told again is marked no longer, and the rest is swept.
func TestRestart(t *testing.T) {
	tab := newWorld(t)
	a := &Attributes{NextHop: ip("192.0.2.2")}
	update := func(source Source, p Peer, prefixes ...string) PeerUpdate {
		c := PeerUpdate{Peer: p, Source: source}
		for _, s := range prefixes {
			c.Routes = append(c.Routes, PeerRoute{pfx(s), a})
		}
		return c
	}
	count := func(what string, want1, want2 int) {
		t.Helper()
		if n1, n2 := tab.PeerRoutes("", peer1.Addr), tab.PeerRoutes("", peer2.Addr); n1 != want1 || n2 != want2 {
			t.Errorf("%s: %d and %d routes, want %d and %d", what, n1, n2, want1, want2)
		}
	}
	apply(t, tab, update(EBGP, peer1, "20.0.0.0/8", "21.0.0.0/8"), update(EBGP, peer2, "20.0.0.0/8"))
	apply(t, tab, SweepPeer{Peer: peer1.Addr})
	count("nothing is marked", 2, 1)
	apply(t, tab, MarkPeer{Peer: peer1.Addr}, MarkPeer{Peer: peer1.Addr})
	count("marked", 2, 1)
	refused(t, tab, ErrNotFound, SweepPeer{Peer: peer1.Addr}, DeletePeer{"nowhere", peer1.Addr})
	refused(t, tab, ErrNotFound, MarkPeer{Peer: peer2.Addr}, DeletePeer{"nowhere", peer1.Addr})
	apply(t, tab, SweepPeer{Peer: peer2.Addr})
	count("a refused mark", 2, 1)
	apply(t, tab, update(EBGP, peer1, "21.0.0.0/8"))
	apply(t, tab, SweepPeer{Peer: peer1.Addr})
	count("swept", 1, 1)
	apply(t, tab, MarkPeer{Peer: peer1.Addr}, PeerUpdate{Peer: peer1, Source: EBGP, Withdrawn: []netip.Prefix{pfx("21.0.0.0/8"), pfx("99.0.0.0/8")}})
	count("withdrawn", 0, 1)
	apply(t, tab, DeletePeer{Peer: peer2.Addr})
	if n := len(tab.peers.index); n != 0 {
		t.Errorf("%d peers are left", n)
	}
}

// TestPeerUpdateRefusals: what cannot be is an error with a route map, too.
func TestPeerUpdateRefusals(t *testing.T) {
	tab := newWorld(t)
	apply(t, tab, SetRouteMap{Name: "m", Entries: []RouteMapEntry{{Match: Match{NextHop: pfx("10.0.0.0/8")}}}})
	for _, m := range []string{"", "m", "nowhere"} {
		good := PeerUpdate{Peer: peer1, Source: EBGP, RouteMap: m}
		with := func(p netip.Prefix, a *Attributes) PeerUpdate {
			c := good
			c.Routes = []PeerRoute{{p, a}}
			return c
		}
		a := &Attributes{NextHop: ip("10.0.0.7")}
		refused(t, tab, ErrInvalid, with(pfx("20.0.0.0/8"), nil))
		refused(t, tab, ErrInvalid, with(pfx("20.0.0.0/8"), &Attributes{}))
		refused(t, tab, ErrInvalid, with(pfx("20.0.0.1/8"), a))
		refused(t, tab, ErrInvalid, with(pfx("2001:db8::/32"), a))
		refused(t, tab, ErrInvalid, with(netip.Prefix{}, a))
		refused(t, tab, ErrInvalid, PeerUpdate{Source: EBGP, RouteMap: m})
		refused(t, tab, ErrNotFound, PeerUpdate{VR: "nowhere", Peer: peer1, Source: EBGP, RouteMap: m})
	}
}
