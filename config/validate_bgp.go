package config

import (
	"net/netip"
	"slices"
	"time"

	"vrfwd/vrftable"
)

// addBGP checks the VRs' BGP, and fills in the addresses that the file leaves out.
func (v *validator) addBGP(all []router) {
	parent := v.c.VR.BGP
	for _, r := range all {
		b := r.BGP
		if b == nil {
			continue
		}
		if r.Host == nil {
			v.fail(b.At, "bgp: VR %s has no host: sessions run over its TUN device: add host: {device: NAME}", r.name)
		}
		v.checkAS(&b.Place, b.AS)
		if parent != nil && b.AS != parent.AS {
			v.warn(b.of("as"), "as: VR %s has AS %d, but the parent AS %d (line %d)", r.name, b.AS, parent.AS,
				parent.of("as").Line)
		}
		if b.RouterID = r.routerID(); !b.RouterID.IsValid() {
			v.fail(b.At, "bgp: VR %s has no address to take the router-id from: give one", r.name)
		}
		if len(b.Neighbors) == 0 {
			v.warn(b.At, "bgp: VR %s has no neighbors: there is nobody to have a session with", r.name)
		}
		for i := range b.Neighbors {
			v.addBGPNeighbor(r, &b.Neighbors[i])
		}
		v.addOriginated(r)
	}
}

// checkAS refuses numbers that no AS has: AS_TRANS (RFC 6793 9), and the last ones of 16 and 32 bits (RFC 7300).
func (v *validator) checkAS(p *Place, as uint32) {
	if as == 23456 || as == 1<<16-1 || as == 1<<32-1 {
		v.fail(p.of("as"), "as: %d is reserved: no AS has it (RFC 6793, RFC 7300)", as)
	}
}

// routerID returns the BGP identifier: the file's, or an address of the VR; not valid: there is none.
func (r router) routerID() netip.Addr {
	var all []netip.Addr
	for _, l := range r.Loopbacks {
		all = append(all, hosts(l.Addresses)...)
	}
	if len(all) == 0 {
		for _, i := range r.Interfaces {
			all = append(all, hosts(i.Addresses)...)
		}
	}
	switch {
	case r.BGP.RouterID.IsValid():
		return r.BGP.RouterID
	case len(all) == 0:
		return netip.Addr{}
	}
	return slices.MinFunc(all, netip.Addr.Compare)
}

func hosts(addresses []netip.Prefix) (all []netip.Addr) {
	for _, p := range addresses {
		all = append(all, p.Addr())
	}
	return all
}

// owner returns the name of the VR's interface or loopback that has an address; "": none.
func (r router) owner(a netip.Addr) string {
	for _, i := range r.Interfaces {
		if slices.Contains(hosts(i.Addresses), a) {
			return i.Name
		}
	}
	for _, l := range r.Loopbacks {
		if slices.Contains(hosts(l.Addresses), a) {
			return l.Name
		}
	}
	return ""
}

// towards returns the VR's address in whose network a neighbour is; not valid: it is in none.
func (r router) towards(a netip.Addr) netip.Addr {
	for _, i := range r.Interfaces {
		for _, p := range i.Addresses {
			if p.Contains(a) {
				return p.Addr()
			}
		}
	}
	return netip.Addr{}
}

func (v *validator) addBGPNeighbor(r router, p *Pair[BGPNeighbor]) {
	n, addr := &p.Value, p.Key
	v.checkAS(&n.Place, n.AS)
	if name := r.owner(addr); name != "" {
		v.fail(n.At, "neighbors: %v is the router's own address, of %s", addr, name)
		return
	}
	internal, own := n.AS == r.BGP.AS, r.towards(addr)
	switch {
	case n.LocalAddress.IsValid() && r.owner(n.LocalAddress) == "":
		v.fail(n.of("local-address"), "local-address: %v is no address of an interface or loopback of VR %s", n.LocalAddress,
			r.name)
	case !own.IsValid() && !internal && n.Multihop == 0:
		v.fail(n.At, "neighbors: %v is in no network of an interface of VR %s: an external neighbour that is further away needs "+
			"multihop, such as multihop: 2", addr, r.name)
	case !own.IsValid() && !n.LocalAddress.IsValid():
		v.fail(n.At, "neighbors: %v is in no network of an interface of VR %s: say by local-address which own address the "+
			"session is to have", addr, r.name)
	case !n.LocalAddress.IsValid():
		n.LocalAddress = own
	}
	v.checkSession(n, addr, internal)
	for _, m := range []struct{ key, name string }{{"route-map-in", n.RouteMapIn}, {"route-map-out", n.RouteMapOut}} {
		v.optionalMap(&n.Place, m.key, m.name)
	}
	if !internal {
		v.watchExternal(n, addr)
	}
}

// checkSession checks what is about the session alone.
func (v *validator) checkSession(n *BGPNeighbor, addr netip.Addr, internal bool) {
	// TCP_MD5SIG_MAXKEYLEN of the kernel's include/uapi/linux/tcp.h.
	if len(n.Password) > 80 {
		v.fail(n.of("password"), "password: %d bytes: at most 80 are possible (TCP MD5)", len(n.Password))
	}
	for _, t := range []struct {
		p     *Place
		key   string
		value time.Duration
	}{{&n.Timers.Place, "hold", n.Timers.Hold}, {&n.Place, "graceful-restart", n.GracefulRestart}} {
		if t.value%time.Second != 0 {
			v.fail(t.p.of(t.key), "%s: %v: whole seconds are needed", t.key, t.value)
		}
	}
	if m := n.MaxPrefixes; m != nil && m.WarnOnly && m.Restart != 0 {
		v.fail(m.of("restart"), "restart: with warn-only the session does not end: there is nothing to restart")
	}
	switch {
	case internal && n.AllowOwnAS != 0:
		v.fail(n.of("allow-own-as"), "allow-own-as: %v is internal: the own AS in a path from there is a loop", addr)
	case !internal && n.NextHopSelf:
		v.warn(n.of("next-hop-self"), "next-hop-self: %v is external: it is told the own address anyway", addr)
	}
}

// watchExternal warns of an external neighbour that may announce what it likes, or is told everything. RFC 8212 asks
// that nothing passes without a policy; here everything does.
func (v *validator) watchExternal(n *BGPNeighbor, addr netip.Addr) {
	if n.RouteMapIn == "" {
		v.warn(n.At, "neighbour %v is external and has no route-map-in: everything that it announces is accepted (RFC 8212 asks for a policy)", addr)
	}
	if n.RouteMapOut == "" {
		v.warn(n.At, "neighbour %v is external and has no route-map-out: it is told all routes (RFC 8212 asks for a policy)", addr)
	}
	if n.MaxPrefixes == nil {
		v.warn(n.At, "neighbour %v is external and has no max-prefixes: a mistake there can fill this router's memory", addr)
	}
}

// addOriginated checks what a VR advertises of its own.
func (v *validator) addOriginated(r router) {
	b := r.BGP
	first := map[netip.Prefix]Position{}
	for i := range b.Networks {
		n := &b.Networks[i]
		v.once(first, "networks", n.Prefix, n.At)
		v.optionalMap(&n.Place, "route-map", n.RouteMap)
	}
	clear(first)
	for i := range b.Aggregates {
		a := &b.Aggregates[i]
		v.once(first, "aggregates", a.Prefix, a.At)
		v.optionalMap(&a.Place, "route-map", a.RouteMap)
		if a.Prefix.Bits() == 32 {
			v.fail(a.of("prefix"), "aggregates: %v: there is nothing within a /32: at most /31 is allowed", a.Prefix)
		}
	}
	d := &b.Redistribute
	for _, m := range []*Redistribution{d.Connected, d.Static, d.Exported, d.Imported} {
		if m != nil {
			v.optionalMap(&m.Place, "route-map", m.RouteMap)
		}
	}
	switch {
	case d.Exported != nil && r.name != vrftable.Parent:
		v.fail(d.of("exported"), "exported: VR %s is a VRF: what VRFs export is in the parent", r.name)
	case d.Imported != nil && r.name == vrftable.Parent:
		v.fail(d.of("imported"), "imported: the parent imports nothing: VRFs do")
	}
}

// once refuses a prefix that is given twice.
func (v *validator) once(first map[netip.Prefix]Position, key string, p netip.Prefix, at Position) {
	if other, ok := first[p]; ok {
		v.fail(at, "%s: %v is given already (line %d)", key, p, other.Line)
		return
	}
	first[p] = at
}

// optionalMap finds a route map by name, where there is a name.
func (v *validator) optionalMap(p *Place, key, name string) {
	if name != "" {
		v.routeMap(p, key, name)
	}
}
