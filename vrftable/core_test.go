package vrftable

import (
	"errors"
	"net/netip"
	"testing"

	"vrfwd/lpm"
)

// The names of the tests' small world, made by newWorld:
//
//	p0 (port 0) -- core (untagged)   parent: uplink 192.0.2.1/30 (primary), vrf a: a-share
//	p1 (port 1) -- ce-a (VLAN 10)    vrf a: a-ce 10.0.0.1/24 (primary, fallback), parent: to-a (share)
//	            -- ce-b (VLAN 20)    vrf b: b-ce 10.0.0.1/24 (primary)
var (
	macP0  = MAC{2, 0, 0, 0, 0, 0}
	macP1  = MAC{2, 0, 0, 0, 0, 1}
	macISP = MAC{2, 0, 0, 0, 1, 1}
	macCEA = MAC{2, 0, 0, 0, 2, 1}
	macCEB = MAC{2, 0, 0, 0, 2, 2}
)

func newWorld(t testing.TB) *Table {
	t.Helper()
	return newWorldWith(t, Config{VRFs: 8, Ports: 8})
}

func newWorldWith(t testing.TB, c Config) *Table {
	t.Helper()
	tab, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	apply(t, tab,
		AddPort{Name: "p0", Number: 0, MAC: macP0},
		AddPort{Name: "p1", Number: 1, MAC: macP1, MTU: 9000},
		AddVRF{Name: "a"}, AddVRF{Name: "b"},
		AddLayer2{Name: "core", Port: "p0"},
		AddLayer2{Name: "ce-a", Port: "p1", VLAN: 10},
		AddLayer2{Name: "ce-b", Port: "p1", VLAN: 20},
		AddInterface{Name: "uplink", Layer2: "core", Addresses: prefixes("192.0.2.1/30")},
		AddInterface{Name: "a-share", VR: "a", Layer2: "core", Shared: true},
		AddInterface{Name: "a-ce", VR: "a", Layer2: "ce-a", Addresses: prefixes("10.0.0.1/24"), FallbackGlobal: true},
		AddInterface{Name: "to-a", Layer2: "ce-a", Shared: true},
		AddInterface{Name: "b-ce", VR: "b", Layer2: "ce-b", Addresses: prefixes("10.0.0.1/24"), MTU: 1400},
	)
	return tab
}

func apply(t testing.TB, tab *Table, c ...Change) {
	t.Helper()
	if err := tab.Apply(c); err != nil {
		t.Fatal(err)
	}
}

func refused(t testing.TB, tab *Table, want error, c ...Change) {
	t.Helper()
	before := dump(tab)
	err := tab.Apply(c)
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	if after := dump(tab); after != before {
		t.Fatalf("a refused batch changed the table:\n%s", diff(before, after))
	}
}

func prefixes(s ...string) (all []netip.Prefix) {
	for _, p := range s {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func ip(s string) netip.Addr    { return netip.MustParseAddr(s) }
func via(gateway string) Via    { return Via{Gateway: ip(gateway)} }
func viaIf(gateway, iface string) Via {
	return Via{Gateway: ip(gateway), Interface: iface}
}

func static(vr, prefix string, nh NextHop) AddRoute {
	return AddRoute{Route{VR: vr, Prefix: pfx(prefix), Source: Static, NextHop: nh}}
}

func ebgp(vr, prefix string, nh NextHop, a *Attributes) AddRoute {
	return AddRoute{Route{VR: vr, Prefix: pfx(prefix), Source: EBGP, NextHop: nh, Attrs: a}}
}

// lookup is what a worker does with a packet that came in by interface in.
func lookup(t testing.TB, tab *Table, in, dst string) Adjacency {
	t.Helper()
	for _, i := range tab.Interfaces() {
		if i.Name == in {
			rec := tab.View().Ports[i.PortNumber][i.VLAN]
			if rec.Iface != i.Index {
				t.Fatalf("ingress of %s is interface %d, want %d", in, rec.Iface, i.Index)
			}
			return lookupKey(tab, rec.Table, rec.Flags, dst)
		}
	}
	t.Fatalf("no interface %s", in)
	return Adjacency{}
}

func lookupKey(tab *Table, table, flags uint16, dst string) Adjacency {
	v := tab.View()
	var hop [1]lpm.Hop
	v.VRFs.LookupDual([]lpm.Key{{Addr: addr4(ip(dst)), Table: table, Flags: flags}}, hop[:])
	return v.Adj[hop[0]]
}

// want checks kind, egress interface and gateway of an adjacency.
func want(t testing.TB, tab *Table, a Adjacency, kind Kind, iface, gateway string) {
	t.Helper()
	gw := uint32(0)
	if gateway != "" {
		gw = addr4(ip(gateway))
	}
	if a.Kind != kind || tab.InterfaceName(a.Iface) != iface || a.Gateway != gw {
		t.Errorf("got kind %d, interface %q, gateway %v; want %d, %q, %q",
			a.Kind, tab.InterfaceName(a.Iface), netAddr(a.Gateway), kind, iface, gateway)
	}
}

func TestHeader(t *testing.T) {
	tab := newWorld(t)
	apply(t, tab,
		AddNeighbor{"uplink", ip("192.0.2.2"), macISP},
		AddNeighbor{"a-ce", ip("10.0.0.2"), macCEA},
		static("", "0.0.0.0/0", via("192.0.2.2")),
		static("a", "10.9.0.0/16", via("10.0.0.2")),
	)
	up := lookup(t, tab, "uplink", "8.8.8.8")
	want(t, tab, up, Forward, "uplink", "192.0.2.2")
	if got := string(up.Header[:up.HdrLen]); got != string(macISP[:])+string(macP0[:])+"\x08\x00" {
		t.Errorf("untagged header % x", got)
	}
	if up.Port != 0 || up.MTU != 1500 || up.VR != 0 {
		t.Errorf("%+v", up)
	}
	ce := lookup(t, tab, "a-ce", "10.9.1.1")
	want(t, tab, ce, Forward, "a-ce", "10.0.0.2")
	if got := string(ce.Header[:ce.HdrLen]); got != string(macCEA[:])+string(macP1[:])+"\x81\x00\x00\x0a\x08\x00" {
		t.Errorf("tagged header % x", got)
	}
	if ce.Port != 1 || ce.MTU != 9000 || ce.VR != 1 {
		t.Errorf("%+v", ce)
	}
	if a := lookup(t, tab, "b-ce", "10.0.0.9"); a.MTU != 1400 || a.Kind != Glean {
		t.Errorf("%+v", a)
	}
}
