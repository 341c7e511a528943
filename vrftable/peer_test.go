package vrftable

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"unsafe"
)

var (
	peer1 = Peer{ip("198.51.100.1"), ip("1.1.1.9")}
	peer2 = Peer{ip("198.51.100.2"), ip("1.1.1.2")}
	peer3 = Peer{ip("198.51.100.3"), ip("1.1.1.2")} // another session of the same router
)

func learned(source Source, prefix string, p Peer, gateway string, a *Attributes) AddRoute {
	return AddRoute{Route{Prefix: pfx(prefix), Source: source, Peer: p, NextHop: via(gateway), Attrs: a}}
}

func routesOf(tab *Table, prefix string) []RouteInfo {
	return slices.Collect(tab.RoutesIn("", pfx(prefix)))
}

// TestPeers: what peers announce stands side by side, each announcement replaces the peer's own, and the last steps of
// the decision go by the peers.
func TestPeers(t *testing.T) {
	tab := newWorld(t)
	const prefix = "20.0.0.0/8"
	check := func(what string, want ...string) {
		t.Helper()
		var got []string
		for _, r := range routesOf(tab, prefix) {
			got = append(got, fmt.Sprintf("%v %v via %v: %v", r.Peer.Addr, r.Source, r.Gateway, r.Why))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	apply(t, tab, static("", "0.0.0.0/0", via("192.0.2.2")),
		learned(EBGP, prefix, peer1, "9.0.0.1", nil), learned(EBGP, prefix, peer3, "9.0.0.3", nil), learned(EBGP, prefix, peer2, "9.0.0.3", nil))
	check("the identifier, then the address",
		"198.51.100.2 ebgp via 9.0.0.3: peer address", "198.51.100.3 ebgp via 9.0.0.3: peer address", "198.51.100.1 ebgp via 9.0.0.1: BGP identifier")
	apply(t, tab, learned(EBGP, prefix, peer1, "9.0.0.7", &Attributes{LocalPref: 200}))
	check("an implicit withdraw",
		"198.51.100.1 ebgp via 9.0.0.7: local preference", "198.51.100.2 ebgp via 9.0.0.3: local preference", "198.51.100.3 ebgp via 9.0.0.3: local preference")
	again := peer1
	again.ID = ip("7.7.7.7")
	apply(t, tab, learned(IBGP, prefix, again, "9.0.0.7", nil))
	check("another identifier and source",
		"198.51.100.2 ebgp via 9.0.0.3: peer address", "198.51.100.3 ebgp via 9.0.0.3: peer address", "198.51.100.1 ibgp via 9.0.0.7: external before internal")
	if r := routesOf(tab, prefix)[2]; r.Peer != again {
		t.Errorf("peer %v, want %v", r.Peer, again)
	}
	apply(t, tab, ebgp("", prefix, via("9.0.0.3"), nil))
	check("a route without a peer",
		"invalid IP ebgp via 9.0.0.3: BGP identifier", "198.51.100.2 ebgp via 9.0.0.3: BGP identifier",
		"198.51.100.3 ebgp via 9.0.0.3: BGP identifier", "198.51.100.1 ibgp via 9.0.0.7: external before internal")
	if n := tab.VRs()[0].Paths; n[EBGP] != 3 || n[IBGP] != 1 || n[Static] != 1 {
		t.Errorf("paths by source: %v", n)
	}
	// A withdrawal names prefix and peer.
	apply(t, tab, DeleteRoute{Route{Prefix: pfx(prefix), Source: EBGP, Peer: Peer{Addr: peer1.Addr}}},
		DeleteRoute{Route{Prefix: pfx(prefix), Source: EBGP, NextHop: via("9.0.0.3")}})
	check("withdrawn", "198.51.100.2 ebgp via 9.0.0.3: peer address", "198.51.100.3 ebgp via 9.0.0.3: peer address")
	apply(t, tab, DeletePeer{Peer: peer2.Addr})
	check("a peer gone", "198.51.100.3 ebgp via 9.0.0.3: only path")
	apply(t, tab, DeletePeer{Peer: peer2.Addr}, DeleteRoute{Route{Prefix: pfx("0.0.0.0/0"), Source: Static}})
	check("not usable", "198.51.100.3 ebgp via 9.0.0.3: next hop unresolved")
	apply(t, tab, DeletePeer{Peer: peer3.Addr})
	check("all gone")
	if len(tab.peers.index) != 0 {
		t.Errorf("%d peers are left", len(tab.peers.index))
	}
}

func TestPeerRefusals(t *testing.T) {
	tab := newWorld(t)
	route := func(source Source, p Peer) AddRoute { return learned(source, "20.0.0.0/8", p, "9.0.0.1", nil) }
	refused(t, tab, ErrInvalid, route(Static, peer1))
	refused(t, tab, ErrInvalid, route(Originated, peer1))
	refused(t, tab, ErrInvalid, route(EBGP, Peer{Addr: peer1.Addr}))
	refused(t, tab, ErrInvalid, route(EBGP, Peer{ID: peer1.ID}))
	refused(t, tab, ErrInvalid, route(EBGP, Peer{ip("224.0.0.1"), peer1.ID}))
	refused(t, tab, ErrInvalid, route(EBGP, Peer{ip("2001:db8::1"), peer1.ID}))
	refused(t, tab, ErrInvalid, route(EBGP, Peer{peer1.Addr, ip("0.0.0.0")}))
	refused(t, tab, ErrNotFound, DeleteRoute{route(EBGP, peer1).Route})
	refused(t, tab, ErrInvalid, DeleteRoute{route(EBGP, Peer{Addr: ip("2001:db8::1")}).Route})
	refused(t, tab, ErrInvalid, DeletePeer{})
	refused(t, tab, ErrNotFound, DeletePeer{"nowhere", peer1.Addr})
	// What a refused batch did to peers is taken back.
	apply(t, tab, route(EBGP, peer1), route(EBGP, peer2))
	refused(t, tab, ErrNotFound, DeletePeer{Peer: peer1.Addr}, route(IBGP, peer2), route(EBGP, peer3), DeletePeer{"nowhere", peer1.Addr})
}

// TestPeersRunOut: numbers are given back with the last route of a peer, and their end is an error.
func TestPeersRunOut(t *testing.T) {
	tab := newWorld(t)
	routes := make([]Route, maxPeers)
	for i := range routes {
		a := netip.AddrFrom4([4]byte{100, 1, byte(i >> 8), byte(i)})
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 0}), 24)
		routes[i] = Route{Prefix: prefix, Source: EBGP, Peer: Peer{a, a}, NextHop: Discard}
	}
	apply(t, tab, AddRoutes{routes})
	if err := tab.Apply([]Change{learned(EBGP, "21.0.0.0/8", peer1, "9.0.0.1", nil)}); !errors.Is(err, ErrCapacity) {
		t.Fatal(err)
	}
	apply(t, tab, DeletePeer{Peer: routes[7].Peer.Addr})
	apply(t, tab, learned(EBGP, "21.0.0.0/8", peer1, "9.0.0.1", nil))
	if got := len(tab.peers.index); got != maxPeers {
		t.Errorf("%d peers, want %d", got, maxPeers)
	}
}

func TestPathSize(t *testing.T) {
	if n := unsafe.Sizeof(path{}); n != 44 {
		t.Errorf("a path is %d bytes, want 44", n)
	}
}
