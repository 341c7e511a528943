package router

import (
	"net/netip"

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
	if vr == "" {
		vr = vrftable.Parent
	}
	if _, ok := t.VRTable(vr); !ok {
		return bad("show routes: there is no VRF %s; known: %s", vr, vrNames(t))
	}
	if addr, err := netip.ParseAddr(filter); err == nil && addr.Is4() {
		r, ok := t.LookupRIB(vr, addr)
		if !ok {
			return nil
		}
		return showExactly(t, vr, r.Prefix, yield)
	}
	within := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if filter != "" {
		var err error
		if within, err = netip.ParsePrefix(filter); err != nil || !within.Addr().Is4() {
			return bad("show routes: %s: an IPv4 prefix such as 192.0.2.0/24 or an address is needed", filter)
		}
		if within != within.Masked() {
			return bad("show routes: %s has bits set behind its length: %v is meant", filter, within.Masked())
		}
	}
	if within.Bits() >= 8 {
		return showRoutes(t.RoutesIn(vr, within), yield)
	}
	first := int(within.Addr().As4()[0])
	for octet := first; octet < first+1<<(8-within.Bits()); octet++ {
		block := netip.AddrFrom4([4]byte{byte(octet)})
		for bits := within.Bits(); bits < 8; bits++ {
			if shorter := netip.PrefixFrom(block, bits); shorter == shorter.Masked() {
				if err := showExactly(t, vr, shorter, yield); err != nil {
					return err
				}
			}
		}
		if err := showRoutes(t.RoutesIn(vr, netip.PrefixFrom(block, 8)), yield); err != nil {
			return err
		}
	}
	return nil
}

// showExactly hands over the routes of one prefix.
func showExactly(t *vrftable.Table, vr string, prefix netip.Prefix, yield func(Route) error) error {
	return showRoutes(func(each func(vrftable.RouteInfo) bool) {
		for r := range t.RoutesIn(vr, prefix) {
			if r.Prefix != prefix || !each(r) {
				return
			}
		}
	}, yield)
}

// showRoutes collects first, since the table is locked while routes runs, and yield may take its time.
func showRoutes(routes func(func(vrftable.RouteInfo) bool), yield func(Route) error) error {
	var all []vrftable.RouteInfo
	for r := range routes {
		all = append(all, r)
	}
	for _, r := range all {
		if err := yield(routeOf(r)); err != nil {
			return err
		}
	}
	return nil
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
