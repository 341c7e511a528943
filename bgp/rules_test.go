package bgp

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// TestAdvertise: what a neighbour is told of a route in use, by rule. The router is AS 64500 at 10.9.0.1.
func TestAdvertise(t *testing.T) {
	table := newTable(t, own)
	deny := []vrftable.RouteMapEntry{{Permit: false}}
	apply(t, table,
		vrftable.SetRouteMap{Name: "deny", Entries: deny},
		vrftable.SetRouteMap{Name: "med", Entries: []vrftable.RouteMapEntry{{Permit: true, Set: vrftable.Set{MED: 9, LocalPref: 300}}}},
		vrftable.SetRouteMap{Name: "prepend", Entries: []vrftable.RouteMapEntry{{Permit: true, Set: vrftable.Set{Prepend: []uint32{64500, 64500}}}}},
		vrftable.SetRouteMap{Name: "no-export", Entries: []vrftable.RouteMapEntry{{Permit: true, Set: vrftable.Set{
			Communities: []vrftable.Community{vrftable.Community(wire.COMMUNITY_NO_EXPORT)}, Additive: true}}}},
		vrftable.SetRouteMap{Name: "tag", Entries: []vrftable.RouteMapEntry{{Permit: true, Match: vrftable.Match{Tag: 5}}}},
		prefixList("longer", "203.0.113.128/25"),
		vrftable.SetRouteMap{Name: "longer", Entries: []vrftable.RouteMapEntry{{Permit: true, Match: vrftable.Match{PrefixList: "longer"}}}},
	)
	pfx, gateway := netip.MustParsePrefix("203.0.113.0/24"), netip.MustParseAddr("10.9.0.7")
	peer := vrftable.Peer{Addr: gateway, ID: gateway}
	attrs := func(change func(*vrftable.Attributes)) *vrftable.Attributes {
		a := &vrftable.Attributes{NextHop: gateway, ASPath: []uint32{64507}, MED: 3, LocalPref: 200}
		if change != nil {
			change(a)
		}
		return a
	}
	with := func(c wire.WellKnownCommunity) *vrftable.Attributes {
		return attrs(func(a *vrftable.Attributes) { a.Communities = []vrftable.Community{vrftable.Community(c)} })
	}
	ebgp := vrftable.Best{Prefix: pfx, Source: vrftable.EBGP, Peer: peer, Gateway: gateway}
	ibgp := vrftable.Best{Prefix: pfx, Source: vrftable.IBGP, Peer: peer, Gateway: gateway}
	but := func(b vrftable.Best, change func(*vrftable.Best)) vrftable.Best { change(&b); return b }
	local := func(source vrftable.Source, from string) vrftable.Best {
		return vrftable.Best{Prefix: pfx, Source: source, From: from, Tag: 5}
	}
	type change = func(*Config, *Neighbor)
	redistribute := func(k Redistribution, routeMap string) change {
		return func(c *Config, n *Neighbor) { c.Redistribute = []Redistribute{{k, routeMap}} }
	}
	network := func(p netip.Prefix, routeMap string) change {
		return func(c *Config, n *Neighbor) { c.Networks = []Network{{p, routeMap}} }
	}
	aggregate := func(p string, summary bool, routeMap string) change {
		return func(c *Config, n *Neighbor) {
			c.Aggregates = []Aggregate{{netip.MustParsePrefix(p), summary, routeMap}}
		}
	}
	out := func(routeMap string) change { return func(c *Config, n *Neighbor) { n.Out = routeMap } }
	const no = ""
	const external, internal = "[64500 64507] via 10.9.0.1", "[64507] via 10.9.0.7 med 3 pref 200"
	const originated, inside = "[64500] via 10.9.0.1", "[] via 10.9.0.1 pref 100"
	for _, test := range []struct {
		name     string
		change   change
		best     vrftable.Best
		attrs    *vrftable.Attributes
		ext, int string // what an external and an internal neighbour is told
	}{
		{"no route", nil, vrftable.Best{Prefix: pfx}, nil, no, no},
		{"external", nil, ebgp, attrs(nil), external, internal},
		{"internal", nil, ibgp, attrs(nil), external, no},
		{"internal, of no neighbour", nil, but(ibgp, func(b *vrftable.Best) { b.Peer = vrftable.Peer{} }), attrs(nil), external, internal},
		{"of this neighbour", nil, but(ebgp, func(b *vrftable.Best) { b.Peer.Addr = other }), attrs(nil), no, no},
		{"of a neighbour with its address in a VRF", nil, but(ebgp, func(b *vrftable.Best) { b.Peer.Addr, b.From = other, "a" }), attrs(nil),
			external, "[64507] via 10.9.0.1 med 3 pref 200"},
		{"this neighbour's address as next hop", nil, but(ebgp, func(b *vrftable.Best) { b.Gateway = other }), attrs(nil), external,
			"[64507] via 10.9.0.1 med 3 pref 200"},
		{"next-hop-self", func(c *Config, n *Neighbor) { n.NextHopSelf = true }, ebgp, attrs(nil), external, "[64507] via 10.9.0.1 med 3 pref 200"},
		{"no local preference", nil, ebgp, attrs(func(a *vrftable.Attributes) { a.LocalPref, a.MED = 0, 0 }), external, "[64507] via 10.9.0.7 pref 100"},
		{"no attributes", nil, ebgp, nil, originated, "[] via 10.9.0.7 pref 100"},
		{"no-export", nil, ebgp, with(wire.COMMUNITY_NO_EXPORT), no, internal + " [65535:65281]"},
		{"local-as", nil, ebgp, with(wire.COMMUNITY_NO_EXPORT_SUBCONFED), no, internal + " [65535:65283]"},
		{"no-advertise", nil, ebgp, with(wire.COMMUNITY_NO_ADVERTISE), no, no},
		{"a community", nil, ebgp, with(5), external + " [0:5]", internal + " [0:5]"},
		{"no-export by the map", out("no-export"), ebgp, attrs(nil), no, internal + " [65535:65281]"},
		{"map denies", out("deny"), ebgp, attrs(nil), no, no},
		{"there is no map", out("nowhere"), ebgp, attrs(nil), no, no},
		{"map sets MED", out("med"), ebgp, attrs(nil), external + " med 9", "[64507] via 10.9.0.7 med 9 pref 300"},
		{"map prepends", out("prepend"), ebgp, attrs(nil), "[64500 64500 64500 64507] via 10.9.0.1", "[64500 64500 64507] via 10.9.0.7 med 3 pref 200"},
		{"connected", nil, local(vrftable.Connected, ""), nil, no, no},
		{"connected, redistributed", redistribute(RedistributeConnected, ""), local(vrftable.Connected, ""), nil, originated + " incomplete", inside + " incomplete"},
		{"own address", redistribute(RedistributeConnected, ""), local(vrftable.OwnAddress, ""), nil, no, no},
		{"neighbour, exported", redistribute(RedistributeExported, ""), local(vrftable.Neighbor, "a"), nil, no, no},
		{"static", redistribute(RedistributeConnected, ""), local(vrftable.Static, ""), nil, no, no},
		{"static, redistributed", redistribute(RedistributeStatic, "tag"), local(vrftable.Static, ""), nil, originated + " incomplete", inside + " incomplete"},
		{"static, denied", redistribute(RedistributeStatic, "deny"), local(vrftable.Static, ""), nil, no, no},
		{"static, exported", redistribute(RedistributeStatic, ""), local(vrftable.Static, "a"), nil, no, no},
		{"exported", redistribute(RedistributeExported, ""), local(vrftable.Static, "a"), nil, originated + " incomplete", inside + " incomplete"},
		{"imported", func(c *Config, n *Neighbor) { c.VR, c.Redistribute = "a", []Redistribute{{Kind: RedistributeImported}} },
			local(vrftable.Connected, "default"), nil, originated + " incomplete", inside + " incomplete"},
		{"network", network(pfx, ""), local(vrftable.Static, ""), nil, originated, inside},
		{"network with a map", network(pfx, "med"), local(vrftable.Static, ""), nil, originated + " med 9", "[] via 10.9.0.1 med 9 pref 300"},
		{"network of another length", network(netip.MustParsePrefix("203.0.113.0/25"), ""), local(vrftable.Static, ""), nil, no, no},
		{"network that BGP has brought", network(pfx, "deny"), ebgp, attrs(nil), external, internal},
		{"aggregate", aggregate("203.0.113.0/24", false, ""), local(vrftable.Originated, ""), nil, originated, inside},
		{"aggregate with a map", aggregate("203.0.113.0/24", false, "longer"), local(vrftable.Originated, ""), nil, no, no},
		{"originated by nobody", nil, local(vrftable.Originated, ""), nil, no, no},
		{"within an aggregate", aggregate("203.0.0.0/16", false, ""), ebgp, attrs(nil), external, internal},
		{"within a summary", aggregate("203.0.0.0/16", true, ""), ebgp, attrs(nil), no, no},
		{"beside a summary", aggregate("203.1.0.0/16", true, ""), ebgp, attrs(nil), external, internal},
		{"the summary itself", aggregate("203.0.113.0/24", true, ""), local(vrftable.Originated, ""), nil, originated, inside},
	} {
		for _, as := range []uint32{64501, 64500} {
			c := &Config{AS: 64500, RouterID: own}
			n := &Neighbor{Addr: other, AS: as}
			if test.change != nil {
				test.change(c, n)
			}
			r := &rules{c: c, n: n, table: table, internal: as == 64500, fourAS: true, self: own}
			r.renew()
			want := test.ext
			if r.internal {
				want = test.int
			}
			best := test.best
			best.Attrs = encoded(t, table, test.attrs)
			for _, how := range []string{"", ", from the cache"} {
				if got := tellRoute(t, r.advertise(&best), r.internal); got != want {
					t.Errorf("%s, AS %d%s: told %q, want %q", test.name, as, how, got, want)
				}
			}
		}
	}
}

// encoded is attributes as a table has them.
func encoded(t *testing.T, table *vrftable.Table, a *vrftable.Attributes) (code vrftable.Encoded) {
	t.Helper()
	r := vrftable.Route{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Source: vrftable.EBGP, NextHop: vrftable.Discard, Attrs: a}
	apply(t, table, vrftable.AddRoute{Route: r})
	table.Bests("", []netip.Prefix{r.Prefix}, func(b *vrftable.Best) { code = b.Attrs })
	apply(t, table, vrftable.DeleteRoute{Route: r})
	return code
}

// tellRoute says what encoded attributes tell.
func tellRoute(t *testing.T, code string, internal bool) string {
	t.Helper()
	if code == "" {
		return ""
	}
	d := newDecoder(&Config{}, &Neighbor{}, &peerOpen{fourAS: true, as: 1})
	d.internal = internal
	b, err := d.block([]byte(code), true)
	if err != nil || b.malformed != "" {
		t.Fatalf("% x: %v, malformed %q", code, err, b.malformed)
	}
	a := b.attrs
	said := fmt.Sprintf("%v via %v", a.ASPath, a.NextHop)
	if a.MED != 0 {
		said += fmt.Sprintf(" med %d", a.MED)
	}
	if a.LocalPref != 0 {
		said += fmt.Sprintf(" pref %d", a.LocalPref)
	}
	if a.Origin == vrftable.OriginIncomplete {
		said += " incomplete"
	}
	if len(a.Communities) > 0 {
		said += fmt.Sprintf(" %v", a.Communities)
	}
	return said
}

// TestAppendUpdate: any number of prefixes, with attributes of any length that there is room for, is told in whole messages.
func TestAppendUpdate(t *testing.T) {
	var prefixes []netip.Prefix
	for i := range 5000 {
		prefixes = append(prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i % 7 * 30), byte(i >> 8), byte(i), 128}), 25+i%8).Masked())
	}
	most := 0
	for size := range maxLen {
		e := encoder{}
		e.add(flagOptional|flagTransitive, 99, make([]byte, size))
		attrs := e.code()
		if attrs == "" {
			continue
		}
		most = len(attrs)
		if size > 0 && size < maxLen-60 && size%777 != 0 {
			continue
		}
		left, got := prefixes[:60], []netip.Prefix(nil)
		for messages := 0; len(left) > 0; messages++ {
			var b []byte
			if b, left = appendUpdate(nil, attrs, left); len(b) > maxLen || messages > 60 {
				t.Fatalf("%d bytes of attributes: message %d of %d bytes, %d left", len(attrs), messages, len(b), len(left))
			}
			var m wire.BGPUpdate
			if err := m.DecodeFromBytes(b[headerLen:]); err != nil {
				t.Fatal(err)
			}
			for _, n := range m.NLRI {
				got = append(got, n.NLRI.(*wire.IPAddrPrefix).Prefix)
			}
		}
		if !slices.Equal(got, prefixes[:60]) {
			t.Fatalf("%d bytes of attributes: prefixes %v", len(attrs), got)
		}
	}
	if want := maxLen - headerLen - 4 - maxPrefix; most != want {
		t.Errorf("at most %d bytes of attributes, want %d", most, want)
	}
	// Withdrawals.
	var b []byte
	left, got := prefixes, []netip.Prefix(nil)
	for len(left) > 0 {
		b, left = appendUpdate(b, "", left)
	}
	d, buf := testDecoder(true, false), make([]byte, maxLen)
	for r := bytes.NewReader(b); r.Len() > 0; {
		_, body, err := readMessage(r, buf)
		if err != nil {
			t.Fatal(err)
		}
		u, err := d.decode(body)
		if err != nil || u.endOfRIB {
			t.Fatal(u, err)
		}
		got = append(got, u.withdrawn...)
	}
	if !slices.Equal(got, prefixes) {
		t.Error("withdrawals are not what was to be withdrawn")
	}
}

// TestBlocks: a block is numbered while a prefix has it.
func TestBlocks(t *testing.T) {
	b := blocks{index: map[string]uint32{}}
	x, y := b.retain("x"), b.retain("y")
	if x == y || b.retain("x") != x {
		t.Error("x")
	}
	b.release(x)
	if b.all[x].code != "x" {
		t.Error("x was given up too early")
	}
	b.release(x)
	if n := b.retain("z"); n != x || len(b.index) != 2 || strings.Join([]string{b.all[x].code, b.all[y].code}, "") != "zy" {
		t.Errorf("%+v", b)
	}
}
