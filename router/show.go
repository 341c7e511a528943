package router

import (
	"iter"
	"net/netip"

	"vrfwd/forwarder"
	"vrfwd/vrftable"
)

// routeOf is a route as answers have it.
func routeOf(r vrftable.RouteInfo) Route {
	out := Route{
		VR: r.VR, Prefix: r.Prefix.String(), Source: r.Source.String(), Distance: int(r.Distance), Best: r.Best,
		Kind: kindName(r.Kind), Interface: r.Interface, Egress: r.Egress, From: r.From, Tag: r.Tag,
	}
	if r.Kind == vrftable.Forward {
		out.Kind = "via"
	}
	out.Why = r.Why.String()
	if r.InGroup || r.Kind == vrftable.Group {
		out.Group = int(r.Group)
	}
	if r.Peer != (vrftable.Peer{}) {
		out.Peer, out.PeerID = r.Peer.Addr.String(), r.Peer.ID.String()
	}
	if r.Gateway.IsValid() {
		out.Gateway = r.Gateway.String()
	}
	if r.Neighbor.IsValid() {
		out.Neighbor = r.Neighbor.String()
	}
	if r.Attrs != nil {
		out.ASPath = r.Attrs.ASPath
		for _, c := range r.Attrs.Communities {
			out.Communities = append(out.Communities, c.String())
		}
	}
	return out
}

// ShowRoutes hands the routes of a VR to yield, in the order of their prefixes: those of a prefix and longer ones, or
// the longest match of an address, or, for "", all. The table is locked for one /8 at a time, so that route changes go on
// while a large table is shown to a slow reader.
func ShowRoutes(t *vrftable.Table, vr, filter string, yield func(Route) error) error {
	return eachRoute(t, vr, filter, func(r vrftable.RouteInfo) error { return yield(routeOf(r)) })
}

func eachRoute(t *vrftable.Table, vr, filter string, yield func(vrftable.RouteInfo) error) error {
	vr = vrOf(vr)
	if _, ok := t.VRTable(vr); !ok {
		return bad("show routes: there is no VRF %s; known: %s", vr, vrNames(t))
	}
	if addr, err := netip.ParseAddr(filter); err == nil && addr.Is4() {
		r, ok := t.LookupRIB(vr, addr)
		if !ok {
			return nil
		}
		return piece{r.Prefix, true}.routes(t, vr, yield)
	}
	within, err := withinOf(filter)
	if err != nil {
		return err
	}
	for p := range pieces(within) {
		if err := p.routes(t, vr, yield); err != nil {
			return err
		}
	}
	return nil
}

// withinOf parses the prefix that routes are asked of; "": all.
func withinOf(filter string) (netip.Prefix, error) {
	if filter == "" {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil
	}
	within, err := netip.ParsePrefix(filter)
	if err != nil || !within.Addr().Is4() {
		return within, bad("show routes: %s: an IPv4 prefix such as 192.0.2.0/24 or an address is needed", filter)
	}
	if within != within.Masked() {
		return within, bad("show routes: %s has bits set behind its length: %v is meant", filter, within.Masked())
	}
	return within, nil
}

// piece is a part of a table that is shown at a time: the prefix and what lies in it, or the prefix alone.
type piece struct {
	netip.Prefix
	exactly bool
}

// pieces takes a prefix apart, in the order of prefixes: what lies in each /8, and the shorter prefixes alone.
func pieces(within netip.Prefix) iter.Seq[piece] {
	return func(yield func(piece) bool) {
		if within.Bits() >= 8 {
			yield(piece{within, false})
			return
		}
		first := int(within.Addr().As4()[0])
		for octet := first; octet < first+1<<(8-within.Bits()); octet++ {
			block := netip.AddrFrom4([4]byte{byte(octet)})
			for bits := within.Bits(); bits < 8; bits++ {
				shorter := netip.PrefixFrom(block, bits)
				if shorter == shorter.Masked() && !yield(piece{shorter, true}) {
					return
				}
			}
			if !yield(piece{netip.PrefixFrom(block, 8), false}) {
				return
			}
		}
	}
}

// routes hands over a piece's routes. It collects them first, since the table is locked meanwhile, and yield may take its
// time.
func (p piece) routes(t *vrftable.Table, vr string, yield func(vrftable.RouteInfo) error) error {
	var all []vrftable.RouteInfo
	for r := range t.RoutesIn(vr, p.Prefix) {
		if p.exactly && r.Prefix != p.Prefix {
			break
		}
		all = append(all, r)
	}
	for _, r := range all {
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

// showVRs lists the VRs with their tables' sizes.
func showVRs(t *vrftable.Table) *VRs {
	out := &VRs{VRs: []VR{}}
	for _, v := range t.VRs() {
		e := VR{Name: v.Name, Prefixes: v.Prefixes, FIB: v.FIB, Imported: v.Imported, Routes: map[string]int{}}
		for source, n := range v.Paths {
			if n > 0 {
				e.Routes[vrftable.Source(source).String()] = n
			}
		}
		out.VRs = append(out.VRs, e)
	}
	return out
}

// groupOf is a group as answers have it; workers counted for its members.
func groupOf(g vrftable.GroupInfo, workers []*forwarder.Worker) Group {
	out := Group{Number: int(g.Number), Hop: int(g.Hop), Routes: g.Routes, Members: []Member{}}
	counts := forwarder.SumGroup(g.Number, workers...)
	for i, m := range g.Members {
		e := Member{Gateway: m.Gateway.String(), Interface: m.Interface, Egress: m.Egress, Buckets: m.Buckets, Tx: trafficOf(counts[i])}
		if m.Neighbor.IsValid() {
			e.Neighbor = m.Neighbor.String()
		}
		out.Members = append(out.Members, e)
	}
	return out
}

// Groups lists the sets of equal next hops by number.
func (r *Router) Groups() *Groups {
	out := &Groups{Groups: []Group{}}
	workers := r.forwarders()
	for _, g := range r.table.Groups() {
		out.Groups = append(out.Groups, groupOf(g, workers))
	}
	return out
}

// showImports and showExports list policies.
func showImports(t *vrftable.Table) *Imports {
	out := &Imports{Imports: []Import{}}
	for _, i := range t.Imports() {
		out.Imports = append(out.Imports, Import(i))
	}
	return out
}

func showExports(t *vrftable.Table) *Exports {
	out := &Exports{Exports: []Export{}}
	for _, e := range t.Exports() {
		originated := "local"
		if e.Originated == vrftable.OriginatedAll {
			originated = "all"
		}
		out.Exports = append(out.Exports, Export{e.VRF, e.RouteMap, originated, int(e.Distance), e.Exported})
	}
	return out
}
