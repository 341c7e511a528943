package config

import "vrfwd/vrftable"

func (v *validator) addPolicies() {
	c := v.c
	for i := range c.PrefixLists {
		l := &c.PrefixLists[i]
		v.lists[l.Name] = true
		if len(l.Rules) == 0 {
			v.fail(l.At, "prefix list %s is empty: at least one rule such as permit 10.0.0.0/8 le 24 is needed", l.Name)
			continue
		}
		c.objects.lists = append(c.objects.lists, l)
	}
	for i := range c.RouteMaps {
		m := &c.RouteMaps[i]
		v.maps[m.Name] = true
		if len(m.Entries) == 0 {
			v.fail(m.At, "route map %s is empty: at least one entry such as permit: {} is needed", m.Name)
			continue
		}
		all := make([]vrftable.RouteMapEntry, len(m.Entries))
		for n := range m.Entries {
			all[n] = v.entry(&m.Entries[n])
		}
		c.objects.maps = append(c.objects.maps, routeMap{m.Name, all, m.At})
	}
	for i := range c.VRFs {
		v.addImport(&c.VRFs[i])
		v.addExport(&c.VRFs[i])
	}
}

// unusedPolicies warns of prefix lists and route maps that nothing has named.
func (v *validator) unusedPolicies() {
	for i := range v.c.PrefixLists {
		v.unused("prefix list", v.c.PrefixLists[i].Object)
	}
	for i := range v.c.RouteMaps {
		v.unused("route map", v.c.RouteMaps[i].Object)
	}
}

func (v *validator) unused(kind string, o Object) {
	if !v.used[kind+" "+o.Name] {
		v.warn(o.At, "%s %s is not used", kind, o.Name)
	}
}

func (v *validator) entry(e *RouteMapEntry) vrftable.RouteMapEntry {
	m := e.Permit
	if e.Deny != nil {
		m = e.Deny
	}
	if (e.Permit == nil) == (e.Deny == nil) {
		v.fail(e.At, "an entry is either permit or deny: - permit: {...} or - deny: {...}")
		return vrftable.RouteMapEntry{}
	}
	out := vrftable.RouteMapEntry{Permit: e.Permit != nil, Match: vrftable.Match{
		PrefixList: m.PrefixList, ASPath: m.ASPath, Communities: m.Communities, NextHop: m.NextHop, Tag: m.Tag}}
	if m.PrefixList != "" {
		v.used["prefix list "+m.PrefixList] = true
		if !v.lists[m.PrefixList] {
			v.fail(m.of("prefix-list"), "prefix-list: there is no prefix list %s%s", quote(m.PrefixList),
				suggest(m.PrefixList, keys(v.lists)))
		}
	}
	if m.ASPath != "" {
		if _, err := vrftable.CompileASPath(m.ASPath); err != nil {
			v.fail(m.of("as-path"), "as-path: %v", err)
		}
	}
	if s := e.Set; s != nil {
		out.Set = vrftable.Set{Communities: s.Communities, Additive: s.Additive, LocalPref: s.LocalPreference, MED: s.MED,
			Prepend: s.Prepend}
		switch {
		case e.Deny != nil:
			v.fail(s.At, "set: a denied route is not copied: there is nothing to set")
		case s.Additive && len(s.Communities) == 0:
			v.fail(s.of("additive"), "additive: it needs communities")
		case len(s.Prepend) > vrftable.MaxPrepend:
			v.fail(s.of("prepend"), "prepend: %d AS numbers: at most %d", len(s.Prepend), vrftable.MaxPrepend)
		}
	}
	return out
}

// routeMap finds the route map that a key names, and says so if there is none.
func (v *validator) routeMap(p *Place, key, name string) {
	v.used["route map "+name] = true
	if !v.maps[name] {
		v.fail(p.of(key), "%s: there is no route map %s%s", key, quote(name), suggest(name, keys(v.maps)))
	}
}

func (v *validator) addImport(r *VRF) {
	i := r.Import
	if i == nil {
		return
	}
	v.routeMap(&i.Place, "route-map", i.RouteMap)
	v.c.objects.imports = append(v.c.objects.imports, importMap{vrftable.SetImportMap{VRF: r.Name, RouteMap: i.RouteMap,
		MaxRoutes: i.MaxRoutes, Distance: i.Distance}, i.At})
}

func (v *validator) addExport(r *VRF) {
	e := r.Export
	if e == nil {
		return
	}
	v.routeMap(&e.Place, "route-map", e.RouteMap)
	set := vrftable.SetExportMap{VRF: r.Name, RouteMap: e.RouteMap, Distance: e.Distance}
	if e.Originated == "all" {
		set.Originated = vrftable.OriginatedAll
	}
	v.c.objects.exports = append(v.c.objects.exports, exportMap{set, e.At})
}
