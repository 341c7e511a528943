package vrftable

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/gaissmai/bart"
)

// TestManyRoutes takes thousands of routes through the ways that batches of a few do not: FIBs built anew, a share
// going down under most of a table, policies over a full table. bart is the oracle.
func TestManyRoutes(t *testing.T) {
	tab := newWorld(t)
	r := rand.New(rand.NewPCG(4, 2))
	nhs := []NextHop{viaIf("192.0.2.2", "uplink"), viaIf("10.0.0.2", "to-a"), viaIf("10.0.0.3", "to-a"), Discard}
	want := new(bart.Table[int]) // by next hop's number
	var routes []Route
	for len(routes) < 20000 {
		p := netPrefix(r.Uint32()&0x3fffffff|0x10000000, uint8(8+r.IntN(25))).Masked()
		if _, ok := want.Get(p); ok || p.Overlaps(pfx("192.0.2.0/30")) {
			continue
		}
		n := min(r.IntN(8), 3)
		if n == 3 {
			n = r.IntN(2) + 1
		}
		if r.IntN(10) == 0 {
			n = 3
		}
		want.Insert(p, n)
		routes = append(routes, Route{Prefix: p, Source: EBGP, NextHop: nhs[n]})
	}
	check := func(when string, shareUp bool, only netip.Prefix, table uint16) {
		t.Helper()
		v := tab.View()
		for range 20000 {
			addr := netAddr(r.Uint32()&0x3fffffff | 0x10000000)
			wantKind, wantGW := NoRoute, uint32(0)
			for p, n := range want.Supernets(netip.PrefixFrom(addr, 32)) {
				if n != 0 && n != 3 && !shareUp || !(only.Bits() <= p.Bits() && only.Contains(p.Addr())) {
					continue
				}
				if n == 3 {
					wantKind = Discard
				} else {
					wantKind, wantGW = Glean, addr4(nhs[n].(Via).Gateway)
				}
				break
			}
			if a := v.Adj[fibHop(v, table, addr4(addr))]; a.Kind != wantKind || a.Gateway != wantGW {
				t.Fatalf("%s: %v: %+v, want kind %d, gateway %v", when, addr, a, wantKind, netAddr(wantGW))
			}
		}
	}
	all := netPrefix(0, 0)
	apply(t, tab, AddRoutes{routes})
	check("loaded", true, all, 0)
	apply(t, tab, SetAdmin{"to-a", false})
	check("share down", false, all, 0)
	apply(t, tab, SetAdmin{"to-a", true})
	check("share up", true, all, 0)

	part := pfx("32.0.0.0/5")
	apply(t, tab, SetPrefixList{"part", []PrefixRule{{Permit: true, Prefix: part, LE: 32}}},
		SetRouteMap{"part", []RouteMapEntry{{Permit: true, Match: Match{PrefixList: "part"}}}},
		SetImportMap{VRF: "b", RouteMap: "part", MaxRoutes: 1 << 20})
	check("imported", true, part, 2)
	apply(t, tab, SetAdmin{"to-a", false})
	check("imported, share down", false, part, 2)
	apply(t, tab, SetAdmin{"to-a", true})
	check("imported, share up", true, part, 2)
	if m := tab.Memory(); m.RIB < 40*len(routes) || m.RIB > 200*len(routes) || m.GlobalFIB == 0 || m.VRFFIB == 0 ||
		m.Adjacencies == 0 || m.Ingress < 2*VLANs*8 {
		t.Errorf("%+v for %d routes and its imports", m, len(routes))
	}
	apply(t, tab, DeleteRoutes{routes})
	for _, i := range tab.VRs() {
		if i.Routes != 0 || i.Imported != 0 {
			t.Errorf("left: %+v", i)
		}
	}
	if n := len(tab.nhIndex); n > 10 {
		t.Errorf("%d next hops left", n)
	}
}
