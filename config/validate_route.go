package config

import (
	"strings"

	"vrfwd/vrftable"
)

func (v *validator) addStatics(r router) {
	before := map[staticKey][]Position{}
	for i := range r.Routes {
		o := &r.Routes[i]
		next := v.nextHop(r, o)
		if next == nil {
			continue
		}
		s := static{vrftable.Route{VR: r.name, Prefix: o.Prefix, Source: vrftable.Static, Distance: o.Distance, NextHop: next,
			Tag: o.Tag}, o.At}
		if s.route.Distance == 0 {
			s.route.Distance = vrftable.DistanceStatic
		}
		if !v.fits(&s, before) {
			continue
		}
		v.c.objects.statics = append(v.c.objects.statics, s)
	}
}

// fits tells whether a static route can stand beside those before it: the same prefix and distance again needs gateways, all
// different, and at most as many as a route can use. before has their places by key and, without a next hop, by prefix and
// distance.
func (v *validator) fits(s *static, before map[staticKey][]Position) bool {
	key := s.key()
	same := before[key]
	key.next = nil
	equal := before[key]
	_, via := s.route.NextHop.(vrftable.Via)
	switch {
	case len(same) > 0:
		v.fail(s.at, "%v has this static route with distance %d already (line %d): give this one another gateway or distance",
			s.route.Prefix, s.route.Distance, same[0].Line)
	case len(equal) > 0 && (!via || nowhere(before, key)):
		v.fail(s.at, "%v has a static route with distance %d already (line %d), and only gateways can share the packets: give this one "+
			"another distance", s.route.Prefix, s.route.Distance, equal[0].Line)
	case len(equal) == vrftable.MaxPaths:
		v.fail(s.at, "%v has %d static routes with distance %d already, the first in line %d: no more can share the packets", s.route.Prefix,
			vrftable.MaxPaths, s.route.Distance, equal[0].Line)
	default:
		before[key] = append(equal, s.at)
		before[s.key()] = []Position{s.at}
		return true
	}
	return false
}

// nowhere tells whether the static route of a prefix and distance leads to no gateway.
func nowhere(before map[staticKey][]Position, key staticKey) bool {
	for _, kind := range []vrftable.Kind{vrftable.Discard, vrftable.Reject} {
		if key.next = kind; before[key] != nil {
			return true
		}
	}
	return false
}

// addMaximumPaths notes what each VR says, or the default, at the VR's place.
func (v *validator) addMaximumPaths(c *Config) {
	add := func(vr string, n int, p *Place) {
		v.c.objects.paths = append(v.c.objects.paths, maximumPaths{vrftable.SetMaximumPaths{VR: vr, N: max(1, n)}, p.of("maximum-paths")})
	}
	add(vrftable.Parent, c.VR.MaximumPaths, &c.VR.Place)
	for i := range c.VRFs {
		add(c.VRFs[i].Name, c.VRFs[i].MaximumPaths, &c.VRFs[i].Place)
	}
}

// nextHop returns where a static route leads; nil: nowhere, and said so.
func (v *validator) nextHop(r router, o *Route) vrftable.NextHop {
	var ways []string
	for _, key := range []string{"gateway", "discard", "reject"} {
		if o.has(key) {
			ways = append(ways, key)
		}
	}
	switch {
	case len(ways) != 1:
		given := "none"
		if len(ways) > 1 {
			given = strings.Join(ways, " and ")
		}
		v.fail(o.At, "route %v: %s given: exactly one of gateway, discard: true and reject: true is needed", o.Prefix, given)
		return nil
	case o.has("share") && o.has("interface"):
		v.fail(o.of("interface"), "route %v: share and interface given: one of them is needed, or none", o.Prefix)
		return nil
	case ways[0] == "gateway":
		return v.via(r, o)
	case o.has("share") || o.has("interface"):
		v.fail(o.At, "route %v: share and interface go with a gateway", o.Prefix)
		return nil
	case o.Discard:
		return vrftable.Discard
	case o.Reject:
		return vrftable.Reject
	}
	v.fail(o.of(ways[0]), "route %v: %s: only true is allowed", o.Prefix, ways[0])
	return nil
}

func (v *validator) via(r router, o *Route) vrftable.NextHop {
	key, name, want := "share", o.Share, share
	if o.has("interface") {
		key, name, want = "interface", o.Interface, primary
	}
	if name == "" {
		return vrftable.Via{Gateway: o.Gateway}
	}
	i := v.ifaces[name]
	switch {
	case i == nil:
		v.fail(o.of(key), "%s: there is no %s %s in VR %s%s", key, want, quote(name), r.name, suggest(name, v.namesOf(r, want)))
		return nil
	case i.vr != r.name:
		v.fail(o.of(key), "%s: %s is in VR %s: name a share of VR %s on its layer 2 interface", key, name, i.vr, r.name)
		return nil
	case i.kind == loopback:
		v.fail(o.of(key), "%s: %s is a loopback: nothing is behind it", key, name)
		return nil
	case i.kind != want:
		v.fail(o.of(key), "%s: %s is not a %s: write %s: %s", key, name, want, i.kind, name)
		return nil
	}
	return vrftable.Via{Gateway: o.Gateway, Interface: name}
}

// namesOf lists the interfaces of one kind in a VR.
func (v *validator) namesOf(r router, k kind) (names []string) {
	for name, i := range v.ifaces {
		if i.vr == r.name && i.kind == k {
			names = append(names, name)
		}
	}
	return names
}
