package config

import (
	"strings"

	"vrfwd/vrftable"
)

func (v *validator) addStatics(r router) {
	first := map[staticKey]Position{}
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
		if at, ok := first[s.key()]; ok {
			v.fail(o.At, "%v has a static route with distance %d already (line %d): give this one another distance", o.Prefix,
				s.route.Distance, at.Line)
			continue
		}
		first[s.key()] = o.At
		v.c.objects.statics = append(v.c.objects.statics, s)
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
