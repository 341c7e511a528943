package vrftable

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"vrfwd/lpm"
)

// newUplinks makes a table with n uplinks u1 to un, each a port of its own with a static neighbour 10.1.i.2.
func newUplinks(t testing.TB, n int) *Table {
	t.Helper()
	tab, err := New(Config{VRFs: 4, Ports: n, Log: quiet, HashSeed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	for i := 1; i <= n; i++ {
		u := fmt.Sprint("u", i)
		apply(t, tab, AddPort{Name: u, Number: uint16(i - 1), MAC: MAC{2, 0, 0, 0, 0, byte(i)}}, AddLayer2{Name: u, Port: u},
			AddInterface{Name: u, Layer2: u, Addresses: prefixes(fmt.Sprintf("10.1.%d.1/30", i))},
			AddNeighbor{u, ip(uplink(i)), MAC{2, 0, 0, 0, 1, byte(i)}})
	}
	return tab
}

func uplink(i int) string { return fmt.Sprintf("10.1.%d.2", i) }

// towards is where each bucket of the route to an address of the parent leads: the egress interface, or "" for none.
func towards(tab *Table, dst string) (all [GroupBuckets]string) {
	v := tab.View()
	a := v.Lookup(0, lpm.Fallback, addr4(ip(dst)))
	for b := range all {
		if m := v.Member(a, uint32(b)<<24); m.Kind == Forward || m.Kind == Glean {
			all[b] = tab.InterfaceName(m.Iface)
		}
	}
	return all
}

// evenly checks that exactly these interfaces have buckets, as many as any other or one more.
func evenly(t *testing.T, all [GroupBuckets]string, ifaces ...string) {
	t.Helper()
	count := map[string]int{}
	for _, i := range all {
		count[i]++
	}
	for _, i := range ifaces {
		if n := count[i]; n != GroupBuckets/len(ifaces) && n != (GroupBuckets-1)/len(ifaces)+1 {
			t.Errorf("%s has %d of %d buckets", i, n, GroupBuckets)
		}
	}
	if len(count) != len(ifaces) {
		t.Errorf("%v: want %v", count, ifaces)
	}
}

func moved(a, b [GroupBuckets]string) (from map[string]int, to map[string]int) {
	from, to = map[string]int{}, map[string]int{}
	for i := range a {
		if a[i] != b[i] {
			from[a[i]]++
			to[b[i]]++
		}
	}
	return from, to
}

// TestShare: for any members, those that go lose their buckets alone, and those that come get their share and no more.
func TestShare(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var o owners
	for b := range o {
		o[b] = noOwner
	}
	var usable []uint8
	for range 5000 {
		before, had := o, usable
		usable = nil
		for m := range uint8(MaxPaths) {
			if in := slices.Contains(had, m); in != (r.IntN(8) == 0) && (in || r.IntN(3) == 0) {
				usable = append(usable, m)
			}
		}
		if r.IntN(2) == 0 && len(had) > 1 { // one goes
			usable = slices.Clone(had)
			i := r.IntN(len(had))
			usable = slices.Delete(usable, i, i+1)
		}
		if len(usable) == 0 {
			usable = []uint8{uint8(r.IntN(MaxPaths))}
		}
		o.share(usable)
		var count, kept [MaxPaths]int
		for b, m := range o {
			count[m]++
			if before[b] == m {
				kept[m]++
			}
		}
		gone := func(m uint8) bool { return !slices.Contains(usable, m) }
		for m := range uint8(MaxPaths) {
			switch least, most := GroupBuckets/len(usable), (GroupBuckets-1)/len(usable)+1; {
			case gone(m) && count[m] != 0, !gone(m) && (count[m] < least || count[m] > most):
				t.Fatalf("member %d of %v has %d buckets", m, usable, count[m])
			case !gone(m) && slices.Contains(had, m):
				var n int
				for _, x := range before {
					if x == m {
						n++
					}
				}
				if kept[m] < min(n, count[m]) {
					t.Fatalf("%v -> %v: member %d had %d buckets, has %d, kept %d", had, usable, m, n, count[m], kept[m])
				}
			}
		}
		if lost := slices.DeleteFunc(slices.Clone(had), func(m uint8) bool { return !gone(m) }); len(lost) == 1 && len(usable) == len(had)-1 {
			for b := range o {
				if before[b] != o[b] && before[b] != lost[0] {
					t.Fatalf("%v -> %v: bucket %d of member %d moved", had, usable, b, before[b])
				}
			}
		}
	}
}

// TestStaticMultipath: equal statics share the flows; those of an uplink that goes down move, and no others, without a
// change of the FIB; when it is back, it gets its share.
func TestStaticMultipath(t *testing.T) {
	for n := 2; n <= MaxPaths; n++ {
		tab := newUplinks(t, n)
		var all []string
		for i := 1; i <= n; i++ {
			apply(t, tab, static("", "20.0.0.0/8", via(uplink(i))))
			all = append(all, fmt.Sprint("u", i))
			evenly(t, towards(tab, "20.1.1.1"), all...)
		}
		hop := tab.View().Global.Lookup(addr4(ip("20.1.1.1")))
		groups := tab.Groups()
		if len(groups) != 1 || groups[0].Hop != hop || groups[0].Routes != 1 || len(groups[0].Members) != n {
			t.Fatalf("%+v", groups)
		}
		before := towards(tab, "20.1.1.1")
		for _, down := range []Change{SetPortState{"u2", false}, SetAdmin{"u2", false}, SetLayer2State{"u2", false}} {
			apply(t, tab, down)
			during := towards(tab, "20.1.1.1")
			evenly(t, during, slices.Concat(all[:1], all[2:])...)
			if from, _ := moved(before, during); len(from) != 1 || from["u2"] == 0 {
				t.Errorf("%d members, %+v: flows of %v moved", n, down, from)
			}
			apply(t, tab, SetPortState{"u2", true}, SetAdmin{"u2", true}, SetLayer2State{"u2", true})
			after := towards(tab, "20.1.1.1")
			evenly(t, after, all...)
			if _, to := moved(during, after); len(to) != 1 || to["u2"] > (GroupBuckets-1)/n+1 {
				t.Errorf("%d members: flows moved to %v", n, to)
			}
			before = after
		}
		// A neighbour's new address, however its adjacency gets there, moves nothing.
		apply(t, tab, AddNeighbor{"u1", ip(uplink(1)), macISP})
		if now := towards(tab, "20.1.1.1"); now != before {
			t.Error("a new MAC address moved flows")
		}
		if h := tab.View().Global.Lookup(addr4(ip("20.1.1.1"))); h != hop {
			t.Errorf("the FIB changed from hop %d to %d", hop, h)
		}
		// All down but the last, then that too.
		for i := 1; i < n; i++ {
			apply(t, tab, SetPortState{fmt.Sprint("u", i), false})
		}
		evenly(t, towards(tab, "20.1.1.1"), all[n-1])
		apply(t, tab, SetPortState{all[n-1], false})
		if a := tab.View().Lookup(0, lpm.Fallback, addr4(ip("20.1.1.1"))); a.Kind != NoRoute {
			t.Errorf("%+v", a)
		}
		apply(t, tab, SetPortState{"u1", true})
		evenly(t, towards(tab, "20.1.1.1"), "u1")
	}
}

// TestStaticMultipathMembers: a route less or more makes another group, which begins where the one before was.
func TestStaticMultipathMembers(t *testing.T) {
	tab := newUplinks(t, 5)
	for i := 1; i <= 4; i++ {
		apply(t, tab, static("", "20.0.0.0/8", via(uplink(i))), static("", "21.0.0.0/8", via(uplink(i))))
	}
	if g := tab.Groups(); len(g) != 1 || g[0].Routes != 2 {
		t.Errorf("%+v", g)
	}
	before := towards(tab, "20.1.1.1")
	apply(t, tab, DeleteRoute{static("", "20.0.0.0/8", via(uplink(3))).Route})
	now := towards(tab, "20.1.1.1")
	evenly(t, now, "u1", "u2", "u4")
	if from, _ := moved(before, now); len(from) != 1 || from["u3"] == 0 {
		t.Errorf("flows of %v moved", from)
	}
	if towards(tab, "21.1.1.1") != before {
		t.Error("flows to another prefix moved")
	}
	apply(t, tab, static("", "20.0.0.0/8", via(uplink(5))))
	before, now = now, towards(tab, "20.1.1.1")
	evenly(t, now, "u1", "u2", "u4", "u5")
	if _, to := moved(before, now); len(to) != 1 || to["u5"] == 0 {
		t.Errorf("flows moved to %v", to)
	}
	// One swapped for another.
	apply(t, tab, DeleteRoute{static("", "20.0.0.0/8", via(uplink(1))).Route}, static("", "20.0.0.0/8", via(uplink(3))))
	before, now = now, towards(tab, "20.1.1.1")
	if from, to := moved(before, now); len(from) != 1 || from["u1"] == 0 || to["u3"] != from["u1"] {
		t.Errorf("flows moved from %v to %v", from, to)
	}
	// Another distance, discard and reject do not take part; the lower one is used.
	apply(t, tab, AddRoute{Route{Prefix: pfx("20.0.0.0/8"), Source: Static, Distance: 9, NextHop: via(uplink(1))}})
	if towards(tab, "20.1.1.1") != now {
		t.Error("a floating static takes part")
	}
	apply(t, tab, static("", "20.0.0.0/8", Reject))
	if a := tab.View().Lookup(0, lpm.Fallback, addr4(ip("20.1.1.1"))); a.Kind != Reject {
		t.Errorf("%+v", a)
	}
	for r := range tab.RoutesIn("", pfx("20.0.0.0/8")) {
		if r.InGroup {
			t.Errorf("%+v", r)
		}
	}
	apply(t, tab, DeleteRoute{Route{Prefix: pfx("20.0.0.0/8"), Source: Static}}, DeleteRoute{Route{Prefix: pfx("21.0.0.0/8"), Source: Static}})
	evenly(t, towards(tab, "20.1.1.1"), "u1")
	if g := tab.Groups(); len(g) != 0 {
		t.Errorf("%+v", g)
	}
}

// TestBGPMultipath: paths that are equal up to "external before internal" are used together, as many as the VR may.
func TestBGPMultipath(t *testing.T) {
	tab := newUplinks(t, 4)
	peer := func(i int) Peer {
		return Peer{ip(uplink(i)), netip.AddrFrom4([4]byte{9, 9, 9, byte(10 - i)})}
	}
	announce := func(i int, a *Attributes) {
		t.Helper()
		apply(t, tab, AddRoute{Route{Prefix: pfx("20.0.0.0/8"), Source: EBGP, Peer: peer(i), NextHop: via(uplink(i)), Attrs: a}})
	}
	path := func(as ...uint32) *Attributes { return &Attributes{ASPath: as} }
	for i := 1; i <= 4; i++ {
		announce(i, path(uint32(i), 7))
	}
	evenly(t, towards(tab, "20.1.1.1"), "u4") // the lowest identifier
	apply(t, tab, SetMaximumPaths{N: 3})
	evenly(t, towards(tab, "20.1.1.1"), "u4", "u3", "u2")
	var in []string
	for r := range tab.RoutesIn("", pfx("20.0.0.0/8")) {
		in = append(in, fmt.Sprint(r.Gateway, " ", r.Best, " ", r.InGroup, " ", r.Why))
	}
	want := []string{uplink(4) + " true true BGP identifier", uplink(3) + " false true BGP identifier", uplink(2) + " false true BGP identifier",
		uplink(1) + " false false BGP identifier"}
	if !slices.Equal(in, want) {
		t.Errorf("%q, want %q", in, want)
	}
	// The fourth takes the place of one that cannot be used: its flows move, and no others.
	before := towards(tab, "20.1.1.1")
	apply(t, tab, SetPortState{"u3", false})
	now := towards(tab, "20.1.1.1")
	evenly(t, now, "u4", "u2", "u1")
	if from, to := moved(before, now); len(from) != 1 || len(to) != 1 || to["u1"] == 0 {
		t.Errorf("flows moved from %v to %v", from, to)
	}
	apply(t, tab, SetPortState{"u3", true})
	for i, a := range []*Attributes{path(2), {ASPath: []uint32{2, 7}, LocalPref: 90}, {ASPath: []uint32{2, 7}, MED: 1}, {ASPath: []uint32{2, 7}, Origin: OriginEGP}} {
		announce(2, a)
		if i == 0 {
			evenly(t, towards(tab, "20.1.1.1"), "u2")
		} else {
			evenly(t, towards(tab, "20.1.1.1"), "u4", "u3", "u1")
		}
	}
	announce(2, path(2, 7))
	before = towards(tab, "20.1.1.1")
	apply(t, tab, DeletePeer{Peer: peer(4).Addr})
	now = towards(tab, "20.1.1.1")
	evenly(t, now, "u3", "u2", "u1")
	if from, _ := moved(before, now); len(from) != 1 {
		t.Errorf("flows moved from %v", from)
	}
	// Two peers with one next hop are one way.
	apply(t, tab, AddRoute{Route{Prefix: pfx("20.0.0.0/8"), Source: EBGP, Peer: peer(4), NextHop: via(uplink(1)), Attrs: path(4, 7)}})
	evenly(t, towards(tab, "20.1.1.1"), "u3", "u2", "u1")
	apply(t, tab, SetMaximumPaths{N: 1})
	evenly(t, towards(tab, "20.1.1.1"), "u1")
	refused(t, tab, ErrInvalid, SetMaximumPaths{N: 0})
	refused(t, tab, ErrInvalid, SetMaximumPaths{N: MaxPaths + 1})
	refused(t, tab, ErrNotFound, SetMaximumPaths{VR: "nowhere", N: 2})
	refused(t, tab, ErrInvalid, SetMaximumPaths{N: 4}, SetMaximumPaths{N: 0})
}

// TestLeakedMultipath: what is imported and exported carries the members of the original.
func TestLeakedMultipath(t *testing.T) {
	tab := newUplinks(t, 3)
	apply(t, tab, AddVRF{"a"}, AddVRF{"b"}, permitAll("all"), SetImportMap{VRF: "b", RouteMap: "all", MaxRoutes: 100},
		AddInterface{Name: "s1", VR: "a", Layer2: "u1", Shared: true}, AddInterface{Name: "s2", VR: "a", Layer2: "u2", Shared: true},
		static("a", "30.0.0.0/8", viaIf(uplink(1), "s1")), static("a", "30.0.0.0/8", viaIf(uplink(2), "s2")),
		static("", "20.0.0.0/8", via(uplink(1))), static("", "20.0.0.0/8", via(uplink(3))), SetExportMap{VRF: "a", RouteMap: "all"})
	in := func(vr, dst string) (all [GroupBuckets]string) {
		v := tab.View()
		table, _ := tab.VRTable(vr)
		flags := uint16(0)
		if table == 0 {
			flags = lpm.Fallback
		}
		a := v.Lookup(table, flags, addr4(ip(dst)))
		for b := range all {
			all[b] = tab.InterfaceName(v.Member(a, uint32(b)<<24).Iface)
		}
		return all
	}
	evenly(t, in(Parent, "30.1.1.1"), "s1", "s2")
	evenly(t, in("b", "20.1.1.1"), "u1", "u3")
	if a, b := in("a", "30.1.1.1"), in(Parent, "30.1.1.1"); a != b {
		t.Error("an exported route has buckets of its own")
	}
	r, _ := tab.LookupRIB("b", ip("20.1.1.1"))
	if r.Kind != Group || !r.InGroup || r.From != Parent || r.Hop == 0 || r.Gateway.IsValid() || r.Neighbor.IsValid() {
		t.Errorf("%+v", r)
	}
	// A third member of the original, and one less.
	apply(t, tab, static("", "20.0.0.0/8", via(uplink(2))), DeleteRoute{static("a", "30.0.0.0/8", viaIf(uplink(1), "s1")).Route})
	evenly(t, in("b", "20.1.1.1"), "u1", "u2", "u3")
	evenly(t, in(Parent, "30.1.1.1"), "s2")
	apply(t, tab, SetPortState{"u1", false}, SetPortState{"u2", false})
	evenly(t, in("b", "20.1.1.1"), "u3")
	apply(t, tab, SetPortState{"u3", false})
	if _, ok := tab.LookupRIB("b", ip("20.1.1.1")); ok {
		t.Error("an imported route without a member in use")
	}
	apply(t, tab, SetPortState{"u1", true}, ClearImportMap{"b"}, ClearExportMap{"a"})
	if _, ok := tab.LookupRIB("b", ip("20.1.1.1")); ok {
		t.Error("imported without a map")
	}
}

// TestGroupsRunOut: where there is no room for a group, routes use their best path; with room, groups come back.
func TestGroupsRunOut(t *testing.T) {
	tab := newUplinks(t, 16)
	var routes []Route
	for i := range MaxGroups { // as many different sets: the bits of i choose among ten uplinks, and two more are in all
		p := netPrefix(0x14000000+uint32(i)<<8, 24)
		for u := range 12 {
			if u >= 10 || i>>u&1 == 1 {
				routes = append(routes, Route{Prefix: p, Source: Static, NextHop: via(uplink(u + 1))})
			}
		}
	}
	apply(t, tab, AddRoutes{routes})
	if n := len(tab.Groups()); n != MaxGroups-1 {
		t.Errorf("%d groups, want %d", n, MaxGroups-1)
	}
	alone := 0
	for i := range uint32(MaxGroups) {
		if tab.View().Lookup(0, lpm.Fallback, 0x14000000+i<<8).Kind == Forward {
			alone++
		}
	}
	if alone != 1 {
		t.Errorf("%d routes use their best path alone, want 1", alone)
	}
	// Where some go, what was left alone has its group.
	few := slices.IndexFunc(routes, func(r Route) bool { return r.Prefix.Addr() == netAddr(0x14000000+groupReserve<<8) })
	apply(t, tab, DeleteRoutes{routes[:few]})
	routes = routes[few:]
	apply(t, tab, static("", "30.0.0.0/8", Discard))
	for i := range uint32(MaxGroups) {
		if v := tab.View().Lookup(0, lpm.Fallback, 0x14000000+i<<8); v.Kind == Forward {
			t.Errorf("prefix %d still uses its best path alone", i)
		}
	}
	apply(t, tab, DeleteRoutes{routes})
	if n := len(tab.Groups()); n != 0 {
		t.Errorf("%d groups are left", n)
	}
	// Numbers wait for readers.
	reader := tab.Domain().Register()
	defer reader.Close()
	apply(t, tab, AddRoutes{routes[:2]})
	reader.Online()
	number := tab.Groups()[0].Number
	apply(t, tab, DeleteRoutes{routes[:2]})
	for range MaxGroups {
		apply(t, tab, AddRoutes{routes[:2]})
		if n := tab.Groups()[0].Number; n == number {
			t.Fatalf("number %d is reused while a reader may hold it", n)
		}
		if err := tab.Apply([]Change{DeleteRoutes{routes[:2]}}); err != nil {
			t.Fatal(err)
		}
		if len(tab.groups.free) == 0 {
			break
		}
	}
}

// TestMembersFlap: while members come and go, by their ports, by routes and by their neighbours' addresses, each packet
// finds a member that is there before or after the change, and flows whose members stay do not move.
func TestMembersFlap(t *testing.T) {
	tab := newUplinks(t, 5)
	for i := 1; i <= 5; i++ {
		apply(t, tab, static("", "20.0.0.0/8", via(uplink(i))))
	}
	dst := addr4(ip("20.1.1.1"))
	first := tab.InterfaceIndex("u1")
	var fixed []uint32 // hashes of flows by u1, which stays, and of which the others take none
	for b, iface := range towards(tab, "20.1.1.1") {
		if iface == "u1" {
			fixed = append(fixed, uint32(b)<<24)
		}
	}
	var wg sync.WaitGroup
	var stop atomic.Bool
	var bad atomic.Pointer[string]
	for id := range 2 {
		wg.Go(func() {
			reader := tab.Domain().Register()
			defer reader.Close()
			rng := rand.New(rand.NewPCG(uint64(id), 4))
			reader.Online()
			for !stop.Load() {
				v := tab.View()
				for n := range 256 {
					hash := rng.Uint32()
					if n%2 == 0 {
						hash = fixed[rng.IntN(len(fixed))]
					}
					group := v.Lookup(0, lpm.Fallback, dst)
					a := v.Member(group, hash)
					ok := a.Kind == Forward && a.Iface >= first && a.Header[4] == 1 && a.Header[5] == byte(a.Iface-first)+1 && a.Port == a.Iface-first
					if !ok || n%2 == 0 && a.Iface != first {
						s := fmt.Sprintf("hash %#x: %+v: %+v", hash, *group, *a)
						bad.Store(&s)
						stop.Store(true)
					}
				}
				reader.Quiesce()
			}
		})
	}
	rng := rand.New(rand.NewPCG(4, 4))
	there := [6]bool{true, true, true, true, true, true} // by uplink: its port is up
	for i := range 2000 {
		u := 3 + rng.IntN(3) // 1 and 2 stay
		var c []Change
		switch rng.IntN(4) {
		case 0, 1:
			there[u] = !there[u]
			c = append(c, SetPortState{fmt.Sprint("u", u), there[u]})
		case 2:
			c = append(c, AddNeighbor{fmt.Sprint("u", u), ip(uplink(u)), MAC{2, byte(i), 0, 0, 1, byte(u)}})
		case 3:
			r := static("", "20.0.0.0/8", via(uplink(u)))
			c = append(c, DeleteRoute(r))
			if rng.IntN(2) == 0 {
				apply(t, tab, c...)
				c = nil
			}
			c = append(c, r)
		}
		if err := tab.Apply(c); err != nil && !errors.Is(err, ErrBusy) {
			t.Fatal(err)
		}
		if stop.Load() {
			break
		}
	}
	stop.Store(true)
	wg.Wait()
	if s := bad.Load(); s != nil {
		t.Error(*s)
	}
}

// TestGroupTakenBack: a FIB that refuses a batch leaves the buckets as they were.
func TestGroupTakenBack(t *testing.T) {
	tab := newUplinks(t, 4)
	for i := 1; i <= 4; i++ {
		apply(t, tab, static("", "20.0.0.0/8", via(uplink(i))))
	}
	but := func() string { // views are counted
		return strings.Replace(dump(tab), fmt.Sprintf("view %d\n", tab.View().Generation), "", 1)
	}
	before := but()
	write := tab.writeFIB
	failed := false
	tab.writeFIB = func(v *vr, changes []lpm.Route) error {
		if !failed {
			failed = true
			return lpm.ErrFull
		}
		return write(v, changes)
	}
	err := tab.Apply([]Change{SetPortState{"u2", false}, static("", "21.0.0.0/8", via(uplink(1))), static("", "21.0.0.0/8", via(uplink(3)))})
	if !errors.Is(err, lpm.ErrFull) {
		t.Fatal(err)
	}
	tab.writeFIB = write
	if after := but(); after != before {
		t.Errorf("%s", diff(before, after))
	}
}

// TestFlowHash: flows that differ in one field only, by steps of any power of two, spread over the members of any number
// as chance would have it: the sum of squares of the deviations (chi-squared) stays below what 1 in 10^6 goes beyond.
func TestFlowHash(t *testing.T) {
	const flows = 1 << 16
	for seed := range uint64(4) {
		s := seedOf(seed)
		for shift := range 16 {
			for name, hash := range map[string]func(i uint32) uint32{
				"source":      func(i uint32) uint32 { return s.FlowHash(0x0a000000+i<<shift, 0x14000001, 0, 1) },
				"destination": func(i uint32) uint32 { return s.FlowHash(0x0a000001, 0x14000000+i<<shift, 0, 1) },
				"ports":       func(i uint32) uint32 { return s.FlowHash(0x0a000001, 0x14000001, 0x04000050+i<<shift, 6) },
				"both":        func(i uint32) uint32 { return s.FlowHash(0x0a000000+i<<shift, 0x14000000+i, 0x04000050+i<<16, 17) },
			} {
				var count [GroupBuckets]float64
				for i := range uint32(flows) {
					count[hash(i)>>24]++
				}
				chi := 0.0
				for _, n := range count {
					d := n - flows/GroupBuckets
					chi += d * d / (flows / GroupBuckets)
				}
				if chi > 378 { // 255 degrees of freedom
					t.Errorf("seed %d, %s << %d: chi-squared %.0f", seed, name, shift, chi)
				}
			}
		}
	}
	a, b := seedOf(1), seedOf(2)
	same := 0
	for i := range uint32(flows) {
		if a.FlowHash(i, 1, 2, 6)>>24 == b.FlowHash(i, 1, 2, 6)>>24 {
			same++
		}
	}
	if same > flows/GroupBuckets*2 {
		t.Errorf("%d of %d flows have the same bucket with two seeds", same, flows)
	}
}
