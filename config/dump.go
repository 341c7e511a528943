package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"vrfwd/bgp/mrt"
	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// everyPeer stands for all peers of a dump.
const everyPeer = "all"

// choice says whose routes are taken of a dump. The words were checked when they were decoded.
func (o *MRT) choice() (c mrt.Choice, err error) {
	for _, word := range o.Peers {
		if word == everyPeer {
			c.All = true
			continue
		}
		name, err := mrt.ParsePeer(word)
		if err != nil {
			return c, err
		}
		c.Peers = append(c.Peers, name)
	}
	return c, nil
}

// fromDump makes the routes of a collector's dump.
func (v *validator) fromDump(s *routeSet, of router, o *Table, locality gen.Locality, from reader) error {
	switch {
	case s.source == vrftable.Static:
		v.fail(o.of("source"), "source: the routes of a dump are ebgp or ibgp")
		return nil
	case len(o.ASPath) > 0:
		v.fail(o.of("as-path"), "as-path: the routes of a dump have paths of their own")
		return nil
	}
	choice, err := o.MRT.choice()
	if err != nil {
		return err
	}
	d, err := from.dump(v.path(o.MRT.File), choice)
	if err != nil {
		return err
	}
	if len(d.Routes) == 0 {
		v.warn(o.MRT.At, "table %s has no IPv4 routes of the chosen peers; skipped: %v", o.MRT.File, &d.Skipped)
		return nil
	}
	s.learned = true
	r := &resolver{set: s, table: o, dump: d}
	if err := r.addPeers(); err != nil {
		return err
	}
	if of.BGP != nil {
		for _, n := range of.BGP.Neighbors {
			if slices.ContainsFunc(s.peers, func(p vrftable.Peer) bool { return p.Addr == n.Key }) {
				return fmt.Errorf("peer %v of %s is a BGP neighbour of VR %s too (line %d), and the routes of the one would take the place "+
					"of the other's: choose other peers", n.Key, o.MRT.File, of.name, n.At.Line)
			}
		}
	}
	translated, err := r.resolve(locality)
	if err != nil {
		return err
	}
	for _, p := range o.Translate {
		if !translated(p.Key) {
			v.warn(p.At, "translate: table %s has no next hop %v, and no peer with this address", o.MRT.File, p.Key)
		}
	}
	text := fmt.Sprintf("table %s: %s", o.MRT.File, d.Summary())
	if r.worse > 0 {
		text += fmt.Sprintf("; %d routes that the same peer has a better one beside", r.worse)
	}
	v.note(o.MRT.At, "%s", text)
	return nil
}

// resolver makes a set of a dump's routes.
type resolver struct {
	set   *routeSet
	table *Table
	dump  *mrt.Dump
	peers []uint32 // in the set, by number in the dump
	worse int      // routes left out
}

// addPeers gives the peers whose routes were taken the identity that their routes are known by. A peer that has no IPv4
// address, as where the collector's session runs over IPv6, has its BGP identifier for one; one that has no identifier has
// its address for that.
func (r *resolver) addPeers() error {
	used := make([]bool, len(r.dump.Peers))
	for _, one := range r.dump.Routes {
		used[one.Peer] = true
	}
	r.peers = make([]uint32, len(used))
	by := map[netip.Addr]*mrt.Peer{}
	for i := range used {
		if !used[i] {
			continue
		}
		p := &r.dump.Peers[i]
		who := vrftable.Peer{Addr: p.Addr, ID: p.ID}
		switch id := p.ID.Is4() && unicast(p.ID); {
		case !p.Addr.Is4() || !unicast(p.Addr):
			if !id {
				return fmt.Errorf("peer %v has neither an IPv4 address nor a BGP identifier that can stand for one (%v): choose other peers", p, p.ID)
			}
			who.Addr = p.ID
		case !p.ID.Is4() || p.ID.IsUnspecified():
			who.ID = p.Addr
		}
		if o := by[who.Addr]; o != nil {
			return fmt.Errorf("peers %v and %v are both known as %v, the IPv4 address or else the BGP identifier: choose one of them", o, p, who.Addr)
		}
		by[who.Addr] = p
		r.peers[i] = uint32(len(r.set.peers))
		r.set.peers = append(r.set.peers, who)
	}
	return nil
}

// resolve makes the set's routes. translated tells whether a key of translate was found.
func (r *resolver) resolve(locality gen.Locality) (translated func(netip.Addr) bool, err error) {
	routes := make([]lpm.Route, len(r.dump.Routes))
	for i, one := range r.dump.Routes {
		routes[i] = lpm.Route{Addr: one.Addr, Len: one.Len}
	}
	gateways, err := NewGateways(r.table.Translate, r.table.NextHops, r.dump.Peers, routes, locality)
	if err != nil {
		return nil, err
	}
	// Routes with the same attributes mostly have the same direction, so the last one is looked at before the map.
	type key struct {
		gateway netip.Addr
		peer    uint16
		attrs   uint32
	}
	type last struct {
		key
		hop lpm.Hop
	}
	attrs, lasts := r.attrs(), make([]last, len(r.dump.Attrs))
	known, numbers := map[key]lpm.Hop{}, map[netip.Addr]uint32{}
	for i, one := range r.dump.Routes {
		k := key{gateways.Of(routes[i].Hop, &r.dump.Peers[one.Peer], one.Peer, r.dump.Attrs[one.Attrs].NextHop), one.Peer, one.Attrs}
		l := &lasts[one.Attrs]
		if l.hop == 0 || l.key != k {
			hop, ok := known[k]
			if !ok {
				g, ok := numbers[k.gateway]
				if !ok {
					if len(r.set.gateways) == int(lpm.MaxHop) {
						return nil, fmt.Errorf("more than %d gateways: give some in next-hops, or translate next hops", lpm.MaxHop)
					}
					g = uint32(len(r.set.gateways))
					numbers[k.gateway] = g
					r.set.gateways = append(r.set.gateways, k.gateway)
				}
				r.set.directions = append(r.set.directions, direction{g, r.peers[one.Peer], attrs[one.Attrs]})
				hop = lpm.Hop(len(r.set.directions))
				known[k] = hop
			}
			*l = last{k, hop}
		}
		routes[i].Hop = l.hop
	}
	r.set.routes = r.compact(routes)
	return gateways.Translated, nil
}

// attrs returns the dump's attributes with what the table says of all its routes.
func (r *resolver) attrs() []*vrftable.Attributes {
	all := make([]*vrftable.Attributes, len(r.dump.Attrs))
	for i := range all {
		a := &r.dump.Attrs[i]
		if o := r.table; o.LocalPreference != 0 || len(o.Communities) > 0 {
			changed := *a
			changed.LocalPref = cmp.Or(o.LocalPreference, a.LocalPref)
			changed.Communities = slices.Concat(a.Communities, o.Communities)
			a = &changed
		}
		all[i] = a
	}
	return all
}

// compact orders each prefix's routes by peer, and of those of one peer, which have different path identifiers, leaves the
// best: a table has one.
func (r *resolver) compact(routes []lpm.Route) []lpm.Route {
	s := r.set
	order := func(a, b lpm.Route) int { return s.peer(a).Addr.Compare(s.peer(b).Addr) }
	kept := routes[:0]
	for len(routes) > 0 {
		n := 1
		for n < len(routes) && comparePrefixes(routes[0], routes[n]) == 0 {
			n++
		}
		group := routes[:n]
		routes = routes[n:]
		slices.SortStableFunc(group, order)
		for i, one := range group {
			last := len(kept) - 1
			if i == 0 || order(kept[last], one) != 0 {
				kept = append(kept, one)
				continue
			}
			r.worse++
			if better(s.attrsOf(one), s.attrsOf(kept[last])) {
				kept[last] = one
			}
		}
	}
	return slices.Clip(kept)
}

// better tells whether a comes before b by what RFC 4271 9.1.2.2 compares first: local preference, length of the path, origin, and
// MED, where both are from the same neighbouring AS.
func better(a, b *vrftable.Attributes) bool {
	pref := func(a *vrftable.Attributes) uint32 { return cmp.Or(a.LocalPref, vrftable.DefaultLocalPref) }
	c := cmp.Or(-cmp.Compare(pref(a), pref(b)), cmp.Compare(len(a.ASPath), len(b.ASPath)), cmp.Compare(a.Origin, b.Origin))
	if c == 0 && (len(a.ASPath) == 0 || a.ASPath[0] == b.ASPath[0]) {
		c = cmp.Compare(a.MED, b.MED)
	}
	return c < 0
}
