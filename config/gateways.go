package config

import (
	"net/netip"

	"vrfwd/bgp/mrt"
	"vrfwd/gen"
	"vrfwd/lpm"
)

// Gateways gives a collector's routes gateways of this router: what translate has for a route's next hop or for its peer;
// else one of next-hops, where there are some; else the route's own next hop. It belongs to one goroutine.
type Gateways struct {
	to       map[netip.Addr]netip.Addr
	found    map[netip.Addr]bool // keys of to
	spread   []netip.Addr
	places   []int // in spread, by number of the peer
	byPrefix bool
}

// NewGateways makes the Gateways of chosen peers. Where one peer is chosen, its routes are spread over nextHops by their
// prefixes: routes, which are sorted by prefix, get the Hop that Of asks for. Several peers have one each, in their order, beginning
// again after the last.
func NewGateways(translate Pairs[netip.Addr], nextHops []netip.Addr, peers []mrt.Peer, routes []lpm.Route, locality gen.Locality) (*Gateways, error) {
	g := &Gateways{to: map[netip.Addr]netip.Addr{}, found: map[netip.Addr]bool{}, spread: nextHops, places: make([]int, len(peers))}
	for _, p := range translate {
		g.to[p.Key] = p.Value
	}
	chosen := 0
	for i, p := range peers {
		if p.Chosen {
			g.places[i] = chosen % max(1, len(nextHops))
			chosen++
		}
	}
	if g.byPrefix = chosen == 1 && len(nextHops) > 1; g.byPrefix {
		return g, gen.AssignHops(routes, len(nextHops), locality, 0)
	}
	return g, nil
}

// Of returns the gateway of a route: hop is its Hop, peer and number whom it is from, own its next hop.
func (g *Gateways) Of(hop lpm.Hop, peer *mrt.Peer, number uint16, own netip.Addr) netip.Addr {
	if len(g.to) > 0 {
		for _, key := range [...]netip.Addr{own, peer.Addr} {
			if to, ok := g.to[key]; ok {
				g.found[key] = true
				return to
			}
		}
	}
	switch {
	case g.byPrefix:
		return g.spread[hop-1]
	case len(g.spread) > 0:
		return g.spread[g.places[number]]
	}
	return own
}

// Translated tells whether translate's value for an address was used.
func (g *Gateways) Translated(key netip.Addr) bool { return g.found[key] }
