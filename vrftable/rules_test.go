package vrftable

import (
	"bytes"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"vrfwd/lpm"
)

// Each test is one rule of the design, by its number there (section 3), or one method (section 1).

func TestRule1IngressIsThePrimary(t *testing.T) {
	tab := newWorld(t)
	v := tab.View()
	if r := v.Ports[1][10]; r.Iface != tab.InterfaceIndex("a-ce") || r.Table != 1 || r.State != IngressUp {
		t.Errorf("ce-a: %+v", r)
	}
	if r := v.Ports[1][11]; r != (Ingress{}) {
		t.Errorf("a VLAN without interface: %+v", r)
	}
	apply(t, tab, AddLayer2{Name: "l", Port: "p1", VLAN: 30},
		AddInterface{Name: "only-share", VR: "a", Layer2: "l", Shared: true})
	if v := tab.View(); v.Ports[1] != nil && v.Ports[1][30] != (Ingress{}) {
		t.Errorf("a share became an ingress: %+v", v.Ports[1][30])
	}
	refused(t, tab, ErrExists, AddInterface{Name: "second", Layer2: "ce-a"})
	apply(t, tab, DeleteInterface{"a-ce"})
	if r := tab.View().Ports[1][10]; r != (Ingress{}) {
		t.Errorf("deleted primary still receives: %+v", r)
	}
	if r := v.Ports[1][10]; r.State != IngressUp {
		t.Error("a view that a reader holds was changed")
	}
}

func TestRule2FallbackIsOfTheInterface(t *testing.T) {
	tab := newWorld(t)
	apply(t, tab, AddLayer2{Name: "ce-a2", Port: "p1", VLAN: 11},
		AddInterface{Name: "a-ce2", VR: "a", Layer2: "ce-a2", Addresses: prefixes("10.0.1.1/24")},
		static("", "0.0.0.0/0", via("192.0.2.2")))
	if a := lookup(t, tab, "a-ce", "8.8.8.8"); a.Iface != tab.InterfaceIndex("uplink") {
		t.Errorf("with fallback: %+v", a)
	}
	if a := lookup(t, tab, "a-ce2", "8.8.8.8"); a.Kind != NoRoute {
		t.Errorf("without fallback: %+v", a)
	}
	apply(t, tab, SetFallback{"a-ce", false}, SetFallback{"a-ce2", true})
	if a := lookup(t, tab, "a-ce", "8.8.8.8"); a.Kind != NoRoute {
		t.Errorf("fallback taken away: %+v", a)
	}
	if a := lookup(t, tab, "a-ce2", "8.8.8.8"); a.Iface != tab.InterfaceIndex("uplink") {
		t.Errorf("fallback given: %+v", a)
	}
	refused(t, tab, ErrInvalid, SetFallback{"a-share", true})
	refused(t, tab, ErrInvalid, AddInterface{Name: "x", VR: "a", Layer2: "ce-b", Shared: true, FallbackGlobal: true})
}

func TestRule3AnyVRFRouteWins(t *testing.T) {
	tab := newWorld(t)
	apply(t, tab, AddNeighbor{"uplink", ip("192.0.2.2"), macISP},
		static("", "0.0.0.0/0", via("192.0.2.2")),
		static("", "20.1.2.0/24", via("192.0.2.2")))
	for _, c := range []struct {
		nh   NextHop
		kind Kind
	}{{Discard, Discard}, {Reject, Reject}, {viaIf("10.0.0.9", "a-ce"), Glean}} {
		want(t, tab, lookup(t, tab, "a-ce", "20.1.2.3"), Forward, "uplink", "192.0.2.2")
		for _, prefix := range []string{"0.0.0.0/0", "20.0.0.0/8", "20.1.2.3/32"} {
			apply(t, tab, static("a", prefix, c.nh))
			if a := lookup(t, tab, "a-ce", "20.1.2.3"); a.Kind != c.kind {
				t.Errorf("%v via %v: kind %d", prefix, c.nh, a.Kind)
			}
			apply(t, tab, DeleteRoute{Route{VR: "a", Prefix: pfx(prefix), Source: Static}})
		}
	}
	// Connected and own addresses are routes too.
	want(t, tab, lookup(t, tab, "a-ce", "10.0.0.77"), Glean, "a-ce", "")
	want(t, tab, lookup(t, tab, "a-ce", "10.0.0.1"), Local, "a-ce", "")
	want(t, tab, lookup(t, tab, "a-ce", "192.0.2.1"), Local, "uplink", "")
}

func TestRule7ShareFollowsItsLayer2(t *testing.T) {
	tab := newWorld(t)
	apply(t, tab, AddNeighbor{"uplink", ip("192.0.2.2"), macISP},
		AddPort{Name: "p2", Number: 2, MAC: macP0},
		AddLayer2{Name: "core2", Port: "p2", VLAN: 5},
		static("a", "0.0.0.0/0", viaIf("192.0.2.2", "a-share")),
		static("a", "30.0.0.0/8", viaIf("192.0.2.2", "a-share")))
	index := tab.InterfaceIndex("a-share")
	up := func(name string) bool {
		all := tab.Interfaces()
		return all[slices.IndexFunc(all, func(i InterfaceInfo) bool { return i.Name == name })].Up
	}
	check := func(when string, there bool) {
		t.Helper()
		a := lookup(t, tab, "a-ce", "30.1.1.1")
		if there {
			// The primary's neighbour serves the share, and what is sent counts on the share.
			want(t, tab, a, Forward, "a-share", "192.0.2.2")
		} else if a.Kind != NoRoute {
			t.Errorf("%s: %+v", when, a)
		}
		if up("a-share") != there {
			t.Errorf("%s: share up is %v", when, !there)
		}
	}
	check("at first", true)
	apply(t, tab, SetPortState{"p0", false})
	check("port down", false)
	apply(t, tab, SetPortState{"p0", true})
	check("port up", true)
	apply(t, tab, SetLayer2State{"core", false})
	check("layer 2 down", false)
	if up("uplink") {
		t.Error("the primary stays up without its layer 2 interface")
	}
	apply(t, tab, SetLayer2State{"core", true}, SetAdmin{"uplink", false})
	check("primary administratively down", true)
	apply(t, tab, SetAdmin{"uplink", true}, SetAdmin{"a-share", false})
	check("share administratively down", false)
	if !up("uplink") {
		t.Error("a share's state is its own")
	}
	apply(t, tab, SetAdmin{"a-share", true})
	check("share up", true)

	apply(t, tab, MoveShare{"a-share", "core2"})
	a := lookup(t, tab, "a-ce", "30.1.1.1")
	if a.Kind != Glean || a.Port != 2 || a.Iface != index {
		t.Errorf("moved, neighbour unknown there: %+v", a)
	}
	apply(t, tab, AddNeighbor{"a-share", ip("192.0.2.2"), macCEB})
	a = lookup(t, tab, "a-ce", "30.1.1.1")
	if a.Kind != Forward || a.Port != 2 || a.HdrLen != 18 || a.Iface != index || MAC(a.Header[:6]) != macCEB {
		t.Errorf("moved: %+v", a)
	}
	apply(t, tab, SetPortState{"p2", false})
	check("moved, new port down", false)
	apply(t, tab, MoveShare{"a-share", "core"})
	check("moved back", true)
	if tab.InterfaceIndex("a-share") != index {
		t.Error("the index, and with it the counters, changed")
	}
	refused(t, tab, ErrInvalid, MoveShare{"uplink", "core2"})
	refused(t, tab, ErrInvalid, static("a", "40.0.0.0/8", Via{Interface: "a-share"}))
	refused(t, tab, ErrInvalid, static("b", "40.0.0.0/8", viaIf("192.0.2.2", "a-share")))
	refused(t, tab, ErrInUse, DeleteInterface{"a-share"})
}

func permitAll(name string) SetRouteMap { return SetRouteMap{name, []RouteMapEntry{{Permit: true}}} }

func TestRule8ImportKeepsNextHopAndFollows(t *testing.T) {
	tab := newWorld(t)
	attrs := &Attributes{NextHop: ip("192.0.2.2"), ASPath: []uint32{64500, 64501}, Communities: []Community{64500<<16 | 1}}
	apply(t, tab, AddNeighbor{"uplink", ip("192.0.2.2"), macISP},
		SetPrefixList{"twenties", []PrefixRule{{Permit: true, Prefix: pfx("20.0.0.0/8"), LE: 24}}},
		SetRouteMap{"m", []RouteMapEntry{{Permit: true, Match: Match{PrefixList: "twenties"},
			Set: Set{Communities: []Community{7}, Additive: true, LocalPref: 250}}}},
		SetImportMap{VRF: "b", RouteMap: "m", MaxRoutes: 10},
		ebgp("", "20.1.0.0/16", nil, attrs), ebgp("", "21.1.0.0/16", nil, attrs), ebgp("", "20.1.1.0/25", nil, attrs))
	want(t, tab, lookup(t, tab, "b-ce", "20.1.9.9"), Forward, "uplink", "192.0.2.2")
	if a := lookup(t, tab, "b-ce", "21.1.9.9"); a.Kind != NoRoute {
		t.Errorf("not permitted: %+v", a)
	}
	r, ok := tab.LookupRIB("b", ip("20.1.1.1"))
	if !ok || r.Prefix != pfx("20.1.0.0/16") || r.From != Parent || r.Source != EBGP || r.Distance != DistanceLeaked ||
		r.Attrs.LocalPref != 250 || !slices.Equal(r.Attrs.Communities, []Community{64500<<16 | 1, 7}) || r.Egress != "uplink" {
		t.Errorf("imported: %+v %+v", r, r.Attrs)
	}
	if r, _ := tab.LookupRIB("", ip("20.1.9.9")); r.Attrs.LocalPref != 0 {
		t.Errorf("the original was changed: %+v", r.Attrs)
	}
	// Both directions at once: withdrawal of the route, change of the map, of the list, end of the import.
	apply(t, tab, DeleteRoute{Route{Prefix: pfx("20.1.0.0/16"), Source: EBGP, Attrs: attrs}})
	if a := lookup(t, tab, "b-ce", "20.1.9.9"); a.Kind != NoRoute {
		t.Errorf("withdrawn: %+v", a)
	}
	apply(t, tab, SetPrefixList{"twenties", []PrefixRule{{Permit: true, Prefix: pfx("20.0.0.0/7"), LE: 24}}})
	want(t, tab, lookup(t, tab, "b-ce", "21.1.9.9"), Forward, "uplink", "192.0.2.2")
	apply(t, tab, SetRouteMap{"m", []RouteMapEntry{{Permit: true, Match: Match{ASPath: "_64999_"}}}})
	if a := lookup(t, tab, "b-ce", "21.1.9.9"); a.Kind != NoRoute {
		t.Errorf("map changed: %+v", a)
	}
	apply(t, tab, SetRouteMap{"m", []RouteMapEntry{{Permit: true, Match: Match{ASPath: "_64501$"}}}})
	want(t, tab, lookup(t, tab, "b-ce", "21.1.9.9"), Forward, "uplink", "192.0.2.2")
	apply(t, tab, SetAdmin{"uplink", false})
	if a := lookup(t, tab, "b-ce", "21.1.9.9"); a.Kind != NoRoute {
		t.Errorf("the original's interface is down: %+v", a)
	}
	apply(t, tab, SetAdmin{"uplink", true})
	want(t, tab, lookup(t, tab, "b-ce", "21.1.9.9"), Forward, "uplink", "192.0.2.2")
	apply(t, tab, ClearImportMap{"b"})
	if a := lookup(t, tab, "b-ce", "21.1.9.9"); a.Kind != NoRoute {
		t.Errorf("map cleared: %+v", a)
	}
	refused(t, tab, ErrInvalid, SetImportMap{VRF: "b", RouteMap: "m"})
	refused(t, tab, ErrInvalid, SetImportMap{VRF: "", RouteMap: "m", MaxRoutes: 1})
	refused(t, tab, ErrInUse, SetImportMap{VRF: "b", RouteMap: "m", MaxRoutes: 1}, DeleteRouteMap{"m"})
	refused(t, tab, ErrInUse, SetRouteMap{"m", []RouteMapEntry{{Permit: true, Match: Match{PrefixList: "twenties"}}}},
		DeletePrefixList{"twenties"})
}

func TestRule8ImportLimit(t *testing.T) {
	var log bytes.Buffer
	tab := newWorldWith(t, Config{VRFs: 8, Ports: 8, Log: slog.New(slog.NewTextHandler(&log, nil))})
	route := func(p string) AddRoute { return static("", p, via("192.0.2.2")) }
	gone := func(p string) DeleteRoute { return DeleteRoute{Route{Prefix: pfx(p), Source: Static}} }
	imported := func() (all []string) {
		for r := range tab.Routes("b") {
			if r.From == Parent {
				all = append(all, r.Prefix.String())
			}
		}
		return all
	}
	apply(t, tab, SetPrefixList{"p", []PrefixRule{{Permit: true, Prefix: pfx("20.0.0.0/8"), LE: 32}}},
		SetRouteMap{"m", []RouteMapEntry{{Permit: true, Match: Match{PrefixList: "p"}}}},
		SetImportMap{VRF: "b", RouteMap: "m", MaxRoutes: 2},
		route("20.3.0.0/16"), route("20.5.0.0/16"))
	apply(t, tab, route("20.1.0.0/16"), route("20.4.0.0/16"))
	check := func(refused uint64, limited bool, routes ...string) {
		t.Helper()
		if got := imported(); !slices.Equal(got, routes) {
			t.Errorf("imported %v, want %v", got, routes)
		}
		if i := tab.Imports()[0]; i.Refused != refused || i.Limited != limited || i.Imported != len(routes) {
			t.Errorf("counters: %+v, want refused %d, limited %v", i, refused, limited)
		}
	}
	check(2, true, "20.3.0.0/16", "20.5.0.0/16") // what is in stays
	if n := strings.Count(log.String(), "import limit reached"); n != 1 {
		t.Errorf("logged %d times: %s", n, log.String())
	}
	apply(t, tab, gone("20.5.0.0/16")) // room: the first in order comes
	check(3, true, "20.1.0.0/16", "20.3.0.0/16")
	apply(t, tab, gone("20.1.0.0/16"))
	check(3, false, "20.3.0.0/16", "20.4.0.0/16")
	apply(t, tab, route("20.2.0.0/16"))
	check(4, true, "20.3.0.0/16", "20.4.0.0/16")
	apply(t, tab, SetImportMap{VRF: "b", RouteMap: "m", MaxRoutes: 1})
	check(2, true, "20.3.0.0/16") // counters start anew with the map
	apply(t, tab, SetImportMap{VRF: "b", RouteMap: "m", MaxRoutes: 9})
	check(0, false, "20.2.0.0/16", "20.3.0.0/16", "20.4.0.0/16")
}

func TestRule8Export(t *testing.T) {
	tab := newWorld(t)
	exported := func(vr string) (all []string) {
		for r := range tab.Routes("") {
			if r.From == vr {
				all = append(all, r.Prefix.String()+" "+r.Source.String())
			}
		}
		return all
	}
	check := func(when string, want ...string) {
		t.Helper()
		if got := exported("a"); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	peer := &Attributes{NextHop: ip("10.0.0.2"), ASPath: []uint32{65001}}
	apply(t, tab, AddNeighbor{"a-ce", ip("10.0.0.2"), macCEA},
		static("a", "203.0.113.0/25", via("10.0.0.2")),
		ebgp("a", "203.0.113.128/25", nil, peer),
		AddRoute{Route{VR: "a", Prefix: pfx("203.0.113.0/24"), Source: Originated, NextHop: Discard}},
		static("a", "172.16.0.0/12", via("10.0.0.2")))
	check("no map")
	apply(t, tab, SetPrefixList{"public", []PrefixRule{{Permit: true, Prefix: pfx("203.0.113.0/24"), LE: 32}}},
		SetRouteMap{"m", []RouteMapEntry{{Permit: true, Match: Match{PrefixList: "public"}}}},
		SetExportMap{VRF: "a", RouteMap: "m"})
	check("local", "203.0.113.0/24 originated", "203.0.113.0/25 static")
	apply(t, tab, SetExportMap{VRF: "a", RouteMap: "m", Originated: OriginatedAll})
	check("all", "203.0.113.0/24 originated", "203.0.113.0/25 static", "203.0.113.128/25 ebgp")
	want(t, tab, lookup(t, tab, "uplink", "203.0.113.1"), Forward, "a-ce", "10.0.0.2")
	want(t, tab, lookup(t, tab, "uplink", "203.0.113.129"), Forward, "a-ce", "10.0.0.2")
	apply(t, tab, DeleteRoute{Route{VR: "a", Prefix: pfx("203.0.113.128/25"), Source: EBGP, Attrs: peer}})
	check("withdrawn", "203.0.113.0/24 originated", "203.0.113.0/25 static")
	if a := lookup(t, tab, "uplink", "203.0.113.129"); a.Kind != Discard {
		t.Errorf("the exported aggregate: %+v", a)
	}
	// A connected network takes its own address and its hosts with it.
	apply(t, tab, SetPrefixList{"public", []PrefixRule{{Permit: true, Prefix: pfx("10.0.0.0/24")}}})
	check("connected", "10.0.0.0/24 connected", "10.0.0.1/32 own-address", "10.0.0.2/32 neighbor")
	want(t, tab, lookup(t, tab, "uplink", "10.0.0.2"), Forward, "a-ce", "10.0.0.2")
	want(t, tab, lookup(t, tab, "uplink", "10.0.0.1"), Local, "a-ce", "")
	apply(t, tab, SetPortState{"p1", false})
	check("interface down")
	apply(t, tab, SetPortState{"p1", true}, ClearExportMap{"a"})
	check("map cleared")
}

func TestRule9LoopGuard(t *testing.T) {
	tab := newWorld(t)
	apply(t, tab, permitAll("all"),
		SetExportMap{VRF: "a", RouteMap: "all", Originated: OriginatedAll},
		SetImportMap{VRF: "a", RouteMap: "all", MaxRoutes: 100},
		SetExportMap{VRF: "b", RouteMap: "all", Originated: OriginatedAll},
		SetImportMap{VRF: "b", RouteMap: "all", MaxRoutes: 100},
		static("", "20.0.0.0/8", via("192.0.2.2")),
		static("a", "203.0.113.0/24", viaIf("10.0.0.2", "a-ce")))
	for r := range tab.Routes("") {
		if r.From != "" && (r.Prefix == pfx("20.0.0.0/8") || r.Prefix == pfx("192.0.2.0/30")) {
			t.Errorf("an imported route was exported: %+v", r)
		}
	}
	for _, vr := range []string{"a", "b"} {
		if _, ok := tab.LookupRIB(vr, ip("20.1.1.1")); !ok {
			t.Errorf("%s did not import", vr)
		}
	}
	if r, ok := tab.LookupRIB("b", ip("203.0.113.1")); ok {
		t.Errorf("an exported route was imported: %+v", r)
	}
	if r, ok := tab.LookupRIB("", ip("203.0.113.1")); !ok || r.From != "a" {
		t.Errorf("not exported: %+v", r)
	}
}

func TestRule10Overlap(t *testing.T) {
	tab := newWorld(t)
	apply(t, tab, AddNeighbor{"a-ce", ip("10.0.0.2"), macCEA}, AddNeighbor{"b-ce", ip("10.0.0.2"), macCEB},
		static("a", "10.0.0.0/8", via("10.0.0.2")), static("b", "10.0.0.0/8", via("10.0.0.2")))
	a, b := lookup(t, tab, "a-ce", "10.77.0.1"), lookup(t, tab, "b-ce", "10.77.0.1")
	want(t, tab, a, Forward, "a-ce", "10.0.0.2")
	want(t, tab, b, Forward, "b-ce", "10.0.0.2")
	if MAC(a.Header[:6]) != macCEA || MAC(b.Header[:6]) != macCEB {
		t.Error("neighbours of two VRFs mixed up")
	}
	refused(t, tab, ErrExists, AddLayer2{Name: "x", Port: "p1", VLAN: 99},
		AddInterface{Name: "x", VR: "a", Layer2: "x", Addresses: prefixes("10.0.0.129/25")})
}

func TestRule11Recursion(t *testing.T) {
	tab := newWorld(t)
	loop := &Attributes{NextHop: ip("198.51.100.1")}
	apply(t, tab, AddNeighbor{"uplink", ip("192.0.2.2"), macISP}, ebgp("", "20.0.0.0/8", nil, loop))
	gone := func(when string) {
		t.Helper()
		if a := lookup(t, tab, "uplink", "20.1.1.1"); a.Kind != NoRoute {
			t.Errorf("%s: %+v", when, a)
		}
		if r, ok := tab.LookupRIB("", ip("20.1.1.1")); ok {
			t.Errorf("%s: %+v", when, r)
		}
	}
	gone("gateway unknown")
	apply(t, tab, static("", "198.51.100.0/24", via("192.0.2.2")))
	want(t, tab, lookup(t, tab, "uplink", "20.1.1.1"), Forward, "uplink", "192.0.2.2")
	// A longer static takes the gateway over; a blackhole for it drops the routes behind it.
	apply(t, tab, static("", "198.51.100.1/32", viaIf("10.0.0.2", "to-a")))
	want(t, tab, lookup(t, tab, "uplink", "20.1.1.1"), Glean, "to-a", "10.0.0.2")
	apply(t, tab, SetAdmin{"to-a", false})
	want(t, tab, lookup(t, tab, "uplink", "20.1.1.1"), Forward, "uplink", "192.0.2.2")
	static32 := DeleteRoute{Route{Prefix: pfx("198.51.100.1/32"), Source: Static}} // whatever its next hop
	apply(t, tab, SetAdmin{"to-a", true}, static32, static("", "198.51.100.1/32", Discard))
	if a := lookup(t, tab, "uplink", "20.1.1.1"); a.Kind != Discard {
		t.Errorf("blackhole: %+v", a)
	}
	// Through two statics, then a loop.
	apply(t, tab, static32, static("", "198.51.100.1/32", via("198.18.0.1")), static("", "198.18.0.0/15", via("192.0.2.2")))
	want(t, tab, lookup(t, tab, "uplink", "20.1.1.1"), Forward, "uplink", "192.0.2.2")
	apply(t, tab, DeleteRoute{static("", "198.18.0.0/15", via("192.0.2.2")).Route}, static("", "198.18.0.0/15", via("198.51.100.1")))
	gone("loop")
	// A BGP route for the gateway is not looked through.
	apply(t, tab, DeleteRoute{Route{Prefix: pfx("198.18.0.0/15"), Source: Static}},
		static32, ebgp("", "198.51.100.1/32", nil, &Attributes{NextHop: ip("192.0.2.2")}))
	want(t, tab, lookup(t, tab, "uplink", "20.1.1.1"), Forward, "uplink", "192.0.2.2")
	apply(t, tab, DeleteRoute{Route{Prefix: pfx("198.51.100.0/24"), Source: Static}})
	gone("no static route left")
	// Of two statics the first that leads somewhere counts.
	apply(t, tab, static("", "198.51.100.1/32", via("198.18.9.9")))
	gone("through a static whose own gateway is not there")
	floating := static("", "198.51.100.1/32", via("192.0.2.2"))
	floating.Distance = 10
	apply(t, tab, floating)
	want(t, tab, lookup(t, tab, "uplink", "20.1.1.1"), Forward, "uplink", "192.0.2.2")
	apply(t, tab, DeleteRoute(floating))
	gone("without it")
	// The router's own address is no gateway.
	own := ebgp("", "20.0.0.0/8", nil, &Attributes{NextHop: ip("192.0.2.1")})
	apply(t, tab, own)
	gone("own address")
	own.OnLink, own.Peer = true, peer1
	apply(t, tab, own)
	gone("own address, on a connected network")
}

func TestRule11OneSlotPerNextHop(t *testing.T) {
	tab := newWorld(t)
	before := tab.slots.low
	var routes []Route
	for i := range 20000 {
		routes = append(routes, Route{Prefix: netPrefix(uint32(0x14000000+i<<8), 24), Source: EBGP,
			NextHop: Via{Gateway: netAddr(addr4(ip("192.0.2.2")) + uint32(i%2)<<8)}})
	}
	apply(t, tab, static("", "192.0.3.0/24", via("192.0.2.2")), AddRoutes{routes})
	if n := tab.slots.low - before; n != 1 {
		t.Errorf("%d slots for one neighbour", n)
	}
	if len(tab.nhIndex) > 20 {
		t.Errorf("%d next hops", len(tab.nhIndex))
	}
}

func TestBestPath(t *testing.T) {
	tab := newWorld(t)
	apply(t, tab, static("", "0.0.0.0/0", via("192.0.2.2")))
	use := func() RouteInfo {
		r, _ := tab.LookupRIB("", ip("20.1.1.1"))
		return r
	}
	add := func(r Route) {
		r.Prefix = pfx("20.0.0.0/8")
		apply(t, tab, AddRoute{r})
	}
	path := func(as ...uint32) *Attributes { return &Attributes{ASPath: as} }
	// From worst to best: each new route takes over.
	steps := []struct {
		what string
		r    Route
	}{
		{"ibgp", Route{Source: IBGP, NextHop: via("9.0.0.9"), Attrs: path(1, 2, 3)}},
		{"ebgp", Route{Source: EBGP, NextHop: via("9.0.0.9"), Attrs: path(1, 2, 3)}},
		{"shorter path, origin incomplete", Route{Source: EBGP, NextHop: via("9.0.0.8"), Attrs: &Attributes{ASPath: []uint32{1, 2}, Origin: OriginIncomplete, MED: 9}}},
		{"origin egp", Route{Source: EBGP, NextHop: via("9.0.0.7"), Attrs: &Attributes{ASPath: []uint32{1, 2}, Origin: OriginEGP, MED: 9}}},
		{"lower MED", Route{Source: EBGP, NextHop: via("9.0.0.6"), Attrs: &Attributes{ASPath: []uint32{1, 2}, Origin: OriginEGP, MED: 8}}},
		{"lower next hop", Route{Source: EBGP, NextHop: via("9.0.0.5"), Attrs: &Attributes{ASPath: []uint32{1, 2}, Origin: OriginEGP, MED: 8}}},
		{"higher local preference", Route{Source: EBGP, NextHop: via("9.0.0.99"), Attrs: &Attributes{ASPath: []uint32{1, 2, 3, 4}, LocalPref: 101}}},
		{"higher local preference, internal", Route{Source: IBGP, NextHop: via("9.0.0.98"), Attrs: &Attributes{ASPath: []uint32{1, 2, 3, 4}, LocalPref: 102}}},
		{"floating static", Route{Source: Static, Distance: 15, NextHop: Reject}},
		{"static", Route{Source: Static, NextHop: Discard}},
	}
	for _, s := range steps {
		add(s.r)
		r := use()
		got := NextHop(Via{Gateway: r.Gateway})
		if r.Kind == Discard || r.Kind == Reject {
			got = r.Kind
		}
		if got != s.r.NextHop || r.Source != s.r.Source {
			t.Errorf("%s does not win: %+v", s.what, r)
		}
	}
	all := slices.Collect(tab.Routes(""))
	n := 0
	for _, r := range all {
		if r.Prefix == pfx("20.0.0.0/8") {
			n++
		}
	}
	if n != len(steps) {
		t.Errorf("%d paths, want %d", n, len(steps))
	}
	// Deleting them in reverse gives the one before back.
	for i := len(steps) - 1; i > 0; i-- {
		r := steps[i].r
		r.Prefix = pfx("20.0.0.0/8")
		apply(t, tab, DeleteRoute{r})
		if u := use(); u.Source != steps[i-1].r.Source {
			t.Errorf("after %s: %+v", steps[i].what, u)
		}
	}
	// The same static with another tag replaces, one with another next hop stands beside it.
	apply(t, tab, static("", "40.0.0.0/8", Reject), AddRoute{Route{Prefix: pfx("40.0.0.0/8"), Source: Static, NextHop: Reject, Tag: 7}})
	if r := routesOf(tab, "40.0.0.0/8"); len(r) != 1 || r[0].Tag != 7 {
		t.Errorf("%+v", r)
	}
	apply(t, tab, static("", "40.0.0.0/8", Discard))
	if r := routesOf(tab, "40.0.0.0/8"); len(r) != 2 || r[0].Kind != Discard || r[0].InGroup {
		t.Errorf("%+v", r)
	}
	// The same BGP route with new attributes replaces.
	apply(t, tab, ebgp("", "41.0.0.0/8", via("9.0.0.1"), path(1)), ebgp("", "41.0.0.0/8", via("9.0.0.1"), path(1, 2)))
	n = 0
	for r := range tab.Routes("") {
		if r.Prefix == pfx("41.0.0.0/8") {
			n++
			if len(r.Attrs.ASPath) != 2 {
				t.Errorf("%+v", r.Attrs)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d routes, want 1", n)
	}
}

func TestNeighbors(t *testing.T) {
	tab := newWorld(t)
	want(t, tab, lookup(t, tab, "a-ce", "10.0.0.2"), Glean, "a-ce", "")
	apply(t, tab, static("a", "50.0.0.0/8", via("10.0.0.2")))
	want(t, tab, lookup(t, tab, "a-ce", "50.0.0.1"), Glean, "a-ce", "10.0.0.2")
	apply(t, tab, AddNeighbor{"a-ce", ip("10.0.0.2"), macCEA})
	want(t, tab, lookup(t, tab, "a-ce", "10.0.0.2"), Forward, "a-ce", "10.0.0.2")
	want(t, tab, lookup(t, tab, "a-ce", "50.0.0.1"), Forward, "a-ce", "10.0.0.2")
	want(t, tab, lookup(t, tab, "a-ce", "10.0.0.3"), Glean, "a-ce", "")
	apply(t, tab, AddNeighbor{"a-ce", ip("10.0.0.2"), macCEB})
	if a := lookup(t, tab, "a-ce", "50.0.0.1"); MAC(a.Header[:6]) != macCEB {
		t.Errorf("MAC not changed: %+v", a)
	}
	apply(t, tab, DeleteNeighbor{"a-ce", ip("10.0.0.2")})
	want(t, tab, lookup(t, tab, "a-ce", "10.0.0.2"), Glean, "a-ce", "")
	want(t, tab, lookup(t, tab, "a-ce", "50.0.0.1"), Glean, "a-ce", "10.0.0.2")
	// A configured route wins over a neighbour's host route.
	apply(t, tab, AddNeighbor{"a-ce", ip("10.0.0.2"), macCEA}, static("a", "10.0.0.2/32", Discard))
	if a := lookup(t, tab, "a-ce", "10.0.0.2"); a.Kind != Discard {
		t.Errorf("%+v", a)
	}
	refused(t, tab, ErrNotFound, DeleteNeighbor{"a-ce", ip("10.0.0.77")})
	refused(t, tab, ErrInvalid, AddNeighbor{"a-ce", ip("10.0.0.1"), macCEA})
	refused(t, tab, ErrInvalid, AddNeighbor{"a-ce", ip("10.0.0.9"), MAC{1}})
	refused(t, tab, ErrInUse, DeleteInterface{"a-ce"})
}

// TestLearnedNeighbors: what ARP has found yields to what is configured, and goes with its interface.
func TestLearnedNeighbors(t *testing.T) {
	tab := newWorld(t)
	two, three := ip("10.0.0.2"), ip("10.0.0.3")
	apply(t, tab, LearnNeighbor{"a-ce", two, macCEA}, AddNeighbor{"a-ce", three, macCEB})
	want(t, tab, lookup(t, tab, "a-ce", "10.0.0.2"), Forward, "a-ce", "10.0.0.2")
	refused(t, tab, ErrExists, LearnNeighbor{"a-ce", three, macCEA})
	refused(t, tab, ErrNotFound, ForgetNeighbor{"a-ce", three})
	refused(t, tab, ErrNotFound, ForgetNeighbor{"a-ce", ip("10.0.0.4")})
	apply(t, tab, ForgetNeighbor{"a-ce", two})
	want(t, tab, lookup(t, tab, "a-ce", "10.0.0.2"), Glean, "a-ce", "")

	apply(t, tab, LearnNeighbor{"a-ce", two, macCEA}, AddNeighbor{"a-ce", two, macCEB})
	refused(t, tab, ErrNotFound, ForgetNeighbor{"a-ce", two})
	if n := tab.Neighbors(); len(n) != 2 || n[0].Learned || n[0].MAC != macCEB {
		t.Errorf("a static neighbour after a learned one: %+v", n)
	}

	apply(t, tab, DeleteNeighbor{"a-ce", two}, DeleteNeighbor{"a-ce", three}, LearnNeighbor{"a-ce", two, macCEA})
	refused(t, tab, ErrNotFound, DeleteInterface{"a-ce"}, DeleteNeighbor{"a-ce", two}) // and all of it taken back
	apply(t, tab, DeleteInterface{"a-ce"})
	if n := tab.Neighbors(); len(n) != 0 {
		t.Errorf("neighbours of a deleted interface: %+v", n)
	}
}

// TestInterfaceGeneration: it changes whenever the list of interfaces may have, and not with routes and neighbours.
func TestInterfaceGeneration(t *testing.T) {
	tab := newWorld(t)
	last := tab.InterfaceGeneration()
	for _, c := range []struct {
		change  Change
		changes bool
	}{
		{LearnNeighbor{"a-ce", ip("10.0.0.2"), macCEA}, false},
		{static("a", "20.0.0.0/8", Discard), false},
		{SetFallback{"a-ce", false}, true},
		{SetMTU{"a-ce", 1300}, true},
		{SetPortState{"p1", false}, true},
		{SetAdmin{"uplink", false}, true},
		{MoveShare{"to-a", "ce-b"}, true},
		{AddInterface{Name: "lo", Addresses: prefixes("192.0.2.200/32")}, true},
		{DeleteInterface{"lo"}, true},
	} {
		apply(t, tab, c.change)
		if now := tab.InterfaceGeneration(); (now != last) != c.changes {
			t.Errorf("%#v: generation %d, then %d", c.change, last, now)
		} else {
			last = now
		}
	}
}

// TestViewLookup: one packet's lookup is the burst's, fallback included.
func TestViewLookup(t *testing.T) {
	tab := newWorld(t)
	apply(t, tab, AddNeighbor{"uplink", ip("192.0.2.2"), macISP}, static("", "0.0.0.0/0", via("192.0.2.2")),
		static("b", "20.0.0.0/8", Reject))
	a, _ := tab.VRTable("a")
	b, _ := tab.VRTable("b")
	for _, c := range []struct {
		table, flags uint16
		addr         string
		want         Kind
	}{
		{a, lpm.Fallback, "20.0.0.1", Forward}, {a, 0, "20.0.0.1", NoRoute}, {b, lpm.Fallback, "20.0.0.1", Reject},
		{b, 0, "10.0.0.1", Local}, {0, lpm.Fallback, "192.0.2.1", Local},
	} {
		if got := tab.View().Lookup(c.table, c.flags, addr4(ip(c.addr))); got.Kind != c.want {
			t.Errorf("%s in table %d, flags %d: %+v, want kind %d", c.addr, c.table, c.flags, got, c.want)
		}
	}
}

// TestMassNeighborChange: more routes than are repointed one by one; the slot stays, a new array is published, and a
// reader of the old one sees the old MAC and every new slot.
func TestMassNeighborChange(t *testing.T) {
	tab := newWorld(t)
	var routes []Route
	for i := range repointMax + 10 {
		routes = append(routes, Route{Prefix: netPrefix(uint32(0x14000000+i<<8), 24), Source: Static, NextHop: via("192.0.2.2")})
	}
	apply(t, tab, AddNeighbor{"uplink", ip("192.0.2.2"), macISP}, AddRoutes{routes})
	r := tab.Domain().Register()
	defer r.Close()
	r.Online()
	old := tab.View()
	hop := old.Global.Lookup(0x14000001)
	for i := range 20 {
		apply(t, tab, AddNeighbor{"uplink", ip("192.0.2.2"), MAC{2, 9, byte(i)}})
		if got := tab.View().Global.Lookup(0x14000001); got != hop {
			t.Fatalf("routes were repointed: %d, was %d", got, hop)
		}
	}
	if a := old.Adj[hop]; MAC(a.Header[:6]) != macISP {
		t.Error("the old array changed under its reader")
	}
	if a := tab.View().Adj[hop]; MAC(a.Header[:6]) != (MAC{2, 9, 19}) {
		t.Errorf("%+v", a)
	}
	apply(t, tab, static("", "99.0.0.0/8", viaIf("10.0.0.2", "to-a")))
	if a := old.Adj[old.Global.Lookup(0x63000001)]; a.Kind != Glean || a.Gateway != addr4(ip("10.0.0.2")) {
		t.Errorf("a new slot is not in the old array: %+v", a)
	}
	if len(tab.slots.retired) != 20 {
		t.Errorf("%d arrays held", len(tab.slots.retired))
	}
	r.Quiesce()
	apply(t, tab)
	if len(tab.slots.retired) != 0 || tab.slots.arrays() > 3 {
		t.Errorf("%d arrays held after the reader passed", len(tab.slots.retired))
	}
}

// TestBusy: a reader that never lets go makes Apply refuse before anything runs out.
func TestBusy(t *testing.T) {
	tab := newWorld(t)
	r := tab.Domain().Register()
	defer r.Close()
	r.Online()
	const gateways = 200
	gateway := func(i int) netip.Addr { return netAddr(addr4(ip("192.0.2.2")) + uint32(i)) }
	for i := range gateways {
		apply(t, tab, AddRoute{Route{VR: "a", Prefix: netPrefix(uint32(0x14000000+i<<8), 24), Source: Static, NextHop: Via{gateway(i), "a-share"}}})
	}
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		var batch []Change
		for i := range gateways {
			batch = append(batch, AddNeighbor{"uplink", gateway(i), MAC{2, 1, byte(n >> 8), byte(n)}})
		}
		err = tab.Apply(batch)
	}
	if n*gateways < maxNextHops*9/10 || n == 1000 {
		t.Errorf("refused after %d batches of %d", n, gateways)
	}
	refused(t, tab, ErrBusy, AddNeighbor{"uplink", ip("192.0.2.2"), macISP})
	r.Quiesce()
	apply(t, tab, AddNeighbor{"uplink", ip("192.0.2.2"), macISP})
	if a := lookup(t, tab, "a-ce", "20.0.0.1"); MAC(a.Header[:6]) != macISP {
		t.Errorf("%+v", a)
	}
}

// The methods of section 1, at the level of FIB and adjacency.

func TestMethodsToTheInternet(t *testing.T) {
	internet := []Change{
		AddNeighbor{"uplink", ip("192.0.2.2"), macISP},
		ebgp("", "8.8.8.0/24", via("192.0.2.2"), &Attributes{ASPath: []uint32{15169}}),
	}
	for _, m := range []struct {
		name, in, egress string
		changes          []Change
	}{
		{"two circuits", "a-internet", "uplink", []Change{
			AddLayer2{Name: "ce-a-internet", Port: "p1", VLAN: 110},
			AddInterface{Name: "a-internet", Layer2: "ce-a-internet", Addresses: prefixes("198.51.100.1/30")}}},
		{"default route to a share", "b-ce", "b-share", []Change{
			AddInterface{Name: "b-share", VR: "b", Layer2: "core", Shared: true},
			static("b", "0.0.0.0/0", viaIf("192.0.2.2", "b-share"))}},
		{"fallback global", "a-ce", "uplink", nil},
		{"global import map", "b-ce", "uplink", []Change{
			SetRouteMap{"google", []RouteMapEntry{{Permit: true, Match: Match{ASPath: "_15169$"}}}},
			SetImportMap{VRF: "b", RouteMap: "google", MaxRoutes: 1000}}},
		{"full copy", "b-ce", "b-share", []Change{
			AddInterface{Name: "b-share", VR: "b", Layer2: "core", Shared: true},
			ebgp("b", "8.8.8.0/24", viaIf("192.0.2.2", "b-share"), nil)}},
	} {
		t.Run(m.name, func(t *testing.T) {
			tab := newWorld(t)
			apply(t, tab, slices.Concat(internet, m.changes)...)
			a := lookup(t, tab, m.in, "8.8.8.8")
			want(t, tab, a, Forward, m.egress, "192.0.2.2")
			if MAC(a.Header[:6]) != macISP || a.Port != 0 {
				t.Errorf("%+v", a)
			}
		})
	}
}

func TestMethodsFromTheInternet(t *testing.T) {
	site := []Change{
		AddNeighbor{"a-ce", ip("10.0.0.2"), macCEA},
		static("a", "203.0.113.0/24", via("10.0.0.2")),
	}
	for _, m := range []struct {
		name, egress, gateway string
		changes               []Change
	}{
		{"static route to a share", "to-a", "10.0.0.2", []Change{static("", "203.0.113.0/24", viaIf("10.0.0.2", "to-a"))}},
		{"global export map", "a-ce", "10.0.0.2", []Change{
			SetPrefixList{"public", []PrefixRule{{Permit: true, Prefix: pfx("203.0.113.0/24")}}},
			SetRouteMap{"m", []RouteMapEntry{{Permit: true, Match: Match{PrefixList: "public"}}}},
			SetExportMap{VRF: "a", RouteMap: "m"}}},
		{"BGP session between CE and parent", "to-a", "10.0.0.2", []Change{
			// The CE's loopback by a static over a share, the parent's loopback imported, routes learned by the session.
			static("", "172.31.0.1/32", viaIf("10.0.0.2", "to-a")),
			AddInterface{Name: "lo0", Addresses: prefixes("192.0.2.255/32")},
			SetPrefixList{"lo", []PrefixRule{{Permit: true, Prefix: pfx("192.0.2.255/32")}}},
			SetRouteMap{"m", []RouteMapEntry{{Permit: true, Match: Match{PrefixList: "lo"}}}},
			SetImportMap{VRF: "a", RouteMap: "m", MaxRoutes: 1},
			SetFallback{"a-ce", false},
			ebgp("", "203.0.113.0/24", nil, &Attributes{NextHop: ip("172.31.0.1"), ASPath: []uint32{65001}})}},
	} {
		t.Run(m.name, func(t *testing.T) {
			tab := newWorld(t)
			apply(t, tab, slices.Concat(site, m.changes)...)
			a := lookup(t, tab, "uplink", "203.0.113.7")
			want(t, tab, a, Forward, m.egress, m.gateway)
			if MAC(a.Header[:6]) != macCEA || a.Port != 1 || a.HdrLen != 18 {
				t.Errorf("%+v", a)
			}
			if strings.HasPrefix(m.name, "BGP") {
				want(t, tab, lookup(t, tab, "a-ce", "192.0.2.255"), Local, "lo0", "") // CE to the parent's loopback
				want(t, tab, lookup(t, tab, "uplink", "172.31.0.1"), Forward, "to-a", "10.0.0.2")
			}
		})
	}
}

func TestDeleteEverything(t *testing.T) {
	tab := newWorld(t)
	empty, err := New(Config{VRFs: 8, Ports: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	apply(t, tab, AddNeighbor{"a-ce", ip("10.0.0.2"), macCEA}, static("a", "20.0.0.0/8", via("10.0.0.2")), permitAll("all"),
		SetExportMap{VRF: "a", RouteMap: "all"}, SetImportMap{VRF: "a", RouteMap: "all", MaxRoutes: 5})
	refused(t, tab, ErrInUse, DeletePort{"p0"})
	refused(t, tab, ErrInUse, DeleteLayer2{"core"})
	refused(t, tab, ErrInUse, DeleteVRF{"a"})
	refused(t, tab, ErrInvalid, DeleteVRF{Parent})
	apply(t, tab,
		DeleteRoute{Route{VR: "a", Prefix: pfx("20.0.0.0/8"), Source: Static}},
		DeleteNeighbor{"a-ce", ip("10.0.0.2")},
		DeleteInterface{"uplink"}, DeleteInterface{"a-share"}, DeleteInterface{"a-ce"}, DeleteInterface{"to-a"},
		DeleteInterface{"b-ce"}, DeleteLayer2{"core"}, DeleteLayer2{"ce-a"}, DeleteLayer2{"ce-b"}, DeletePort{"p0"},
		DeletePort{"p1"}, ClearExportMap{"a"}, ClearImportMap{"a"}, DeleteRouteMap{"all"}, DeleteVRF{"a"}, DeleteVRF{"b"})
	strip := func(s string) string { // generations differ
		_, rest, _ := strings.Cut(s, "\n")
		return rest
	}
	if got, want := strip(dump(tab)), strip(dump(empty)); got != want {
		t.Errorf("something is left:\n%s", diff(want, got))
	}
	if n := len(tab.dests.free) + 1; n != int(tab.dests.next) {
		t.Errorf("%d of %d prefixes are free", n, tab.dests.next)
	}
	if n := len(tab.paths.free) + 1; n != int(tab.paths.next) {
		t.Errorf("%d of %d paths are free", n, tab.paths.next)
	}
	// Numbers come back: tables after the grace period, the same names again.
	for i := range 30 {
		apply(t, tab, AddVRF{Name: "x"}, AddInterface{Name: "lo", VR: "x", Addresses: prefixes("10.1.1.1/32")})
		if got, _ := tab.VRTable("x"); got == 0 || got > 8 {
			t.Fatalf("round %d: table %d", i, got)
		}
		apply(t, tab, DeleteInterface{"lo"}, DeleteVRF{"x"})
	}
}

func TestTableOfADeletedVRFWaitsForReaders(t *testing.T) {
	tab, err := New(Config{VRFs: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	r := tab.Domain().Register()
	defer r.Close()
	r.Online()
	apply(t, tab, AddVRF{"a"})
	refused(t, tab, ErrCapacity, AddVRF{"b"})
	refused(t, tab, ErrCapacity, DeleteVRF{"a"}, AddVRF{"b"})
	apply(t, tab, DeleteVRF{"a"})
	refused(t, tab, ErrBusy, AddVRF{"b"})
	r.Quiesce()
	apply(t, tab, AddVRF{"b"})
}

func TestRefusals(t *testing.T) {
	tab := newWorld(t)
	for _, c := range []struct {
		err error
		c   Change
	}{
		{ErrExists, AddPort{Name: "p0", Number: 5, MAC: macP0}},
		{ErrExists, AddPort{Name: "p9", Number: 0, MAC: macP0}},
		{ErrInvalid, AddPort{Number: 5, MAC: macP0}},
		{ErrInvalid, AddPort{Name: "p9", Number: 5}},
		{ErrInvalid, AddPort{Name: "p9", Number: 5, MAC: macP0, MTU: 67}},
		{ErrCapacity, AddPort{Name: "p9", Number: 8, MAC: macP0}},
		{ErrNotFound, DeletePort{"p9"}},
		{ErrNotFound, SetPortState{"p9", true}},
		{ErrExists, AddVRF{"a"}},
		{ErrExists, AddVRF{Parent}},
		{ErrNotFound, DeleteVRF{"z"}},
		{ErrExists, AddLayer2{Name: "core", Port: "p0", VLAN: 7}},
		{ErrExists, AddLayer2{Name: "x", Port: "p1", VLAN: 10}},
		{ErrInvalid, AddLayer2{Name: "x", Port: "p1", VLAN: 4095}},
		{ErrNotFound, AddLayer2{Name: "x", Port: "p9"}},
		{ErrExists, AddInterface{Name: "uplink"}},
		{ErrNotFound, AddInterface{Name: "x", VR: "z"}},
		{ErrNotFound, AddInterface{Name: "x", Layer2: "z"}},
		{ErrInvalid, AddInterface{Name: "x", Shared: true}},
		{ErrInvalid, AddInterface{Name: "x", Layer2: "core", Shared: true, Addresses: prefixes("1.2.3.4/24")}},
		{ErrInvalid, AddInterface{Name: "x", Addresses: prefixes("1.2.3.4/24")}},
		{ErrInvalid, AddInterface{Name: "x", Addresses: prefixes("::1/128")}},
		{ErrInvalid, AddInterface{Name: "x", Addresses: []netip.Prefix{{}}}},
		{ErrInvalid, AddInterface{Name: "x", Addresses: prefixes("224.0.0.1/32")}},
		{ErrExists, AddInterface{Name: "x", Addresses: prefixes("9.9.9.9/32", "9.9.9.9/32")}},
		{ErrNotFound, SetAdmin{"x", true}},
		{ErrInvalid, SetMTU{"uplink", 20}},
		{ErrNotFound, MoveShare{"a-share", "x"}},
		{ErrInvalid, static("", "1.2.3.4/24", Discard)},
		{ErrInvalid, static("", "2001:db8::/32", Discard)},
		{ErrInvalid, static("", "1.2.3.0/24", nil)},
		{ErrInvalid, static("", "1.2.3.0/24", Forward)},
		{ErrInvalid, static("", "1.2.3.0/24", via("224.0.0.1"))},
		{ErrInvalid, static("", "1.2.3.0/24", via("::1"))},
		{ErrNotFound, static("", "1.2.3.0/24", viaIf("1.1.1.1", "x"))},
		{ErrNotFound, static("z", "1.2.3.0/24", Discard)},
		{ErrInvalid, AddRoute{Route{Prefix: pfx("1.2.3.0/24"), Source: Connected, NextHop: Discard}}},
		{ErrInvalid, ebgp("", "1.2.3.0/24", nil, nil)},
		{ErrInvalid, ebgp("", "1.2.3.0/24", Discard, &Attributes{Origin: 3})},
		{ErrNotFound, DeleteRoute{Route{Prefix: pfx("1.2.3.0/24"), Source: Static}}},
		{ErrInvalid, SetPrefixList{Name: "p"}},
		{ErrInvalid, SetPrefixList{"p", []PrefixRule{{Prefix: pfx("10.0.0.0/8"), GE: 8}}}},
		{ErrNotFound, DeletePrefixList{"p"}},
		{ErrInvalid, SetRouteMap{Name: "m"}},
		{ErrNotFound, SetRouteMap{"m", []RouteMapEntry{{Match: Match{PrefixList: "p"}}}}},
		{ErrInvalid, SetRouteMap{"m", []RouteMapEntry{{Match: Match{ASPath: "("}}}}},
		{ErrInvalid, SetRouteMap{"m", []RouteMapEntry{{Set: Set{LocalPref: 1}}}}},
		{ErrNotFound, SetImportMap{VRF: "a", RouteMap: "m", MaxRoutes: 1}},
		{ErrNotFound, ClearImportMap{"a"}},
		{ErrNotFound, ClearExportMap{"a"}},
		{ErrInvalid, ClearExportMap{""}},
	} {
		refused(t, tab, c.err, AddVRF{"new"}, AddRoute{Route{VR: "new", Prefix: pfx("3.0.0.0/8"), Source: Static, NextHop: Discard}}, c.c)
		err := tab.Apply([]Change{AddVRF{"new"}, c.c})
		if e, ok := err.(*ChangeError); !ok || e.Index != 1 || e.Object == "" || !strings.Contains(err.Error(), ":") {
			t.Errorf("%T: %v does not name the change", c.c, err)
		}
	}
}
