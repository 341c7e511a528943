package vrftable

import "slices"

func (c SetPrefixList) stage(t *Table) error {
	object := "prefix list " + c.Name
	if c.Name == "" {
		return refuse(ErrInvalid, object, "a name is needed")
	}
	if len(c.Rules) == 0 {
		return refuse(ErrInvalid, object, "at least one rule is needed")
	}
	rules := make([]prefixRule, len(c.Rules))
	for i, r := range c.Rules {
		if err := r.check(); err != nil {
			return refuse(ErrInvalid, object, "rule %d: %v", i, err)
		}
		rules[i] = r.compile()
	}
	l := t.policies.lists[c.Name]
	if l == nil {
		l = &prefixList{name: c.Name}
		t.policies.lists[c.Name] = l
		t.journal.undo(func() { delete(t.policies.lists, c.Name) })
	}
	old := l.prefixRules
	l.prefixRules = indexRules(rules)
	t.touchList(l)
	t.journal.undo(func() {
		l.prefixRules = old
		t.touchList(l)
	})
	return nil
}

func (c DeletePrefixList) stage(t *Table) error {
	l := t.policies.lists[c.Name]
	if l == nil {
		return refuse(ErrNotFound, "prefix list "+c.Name, "it was not set")
	}
	for _, m := range t.policies.maps {
		if m.uses(l) {
			return refuse(ErrInUse, "prefix list "+c.Name, "route map %s uses it: change that first", m.name)
		}
	}
	delete(t.policies.lists, c.Name)
	t.journal.undo(func() { t.policies.lists[c.Name] = l })
	return nil
}

func (m *routeMap) uses(l *prefixList) bool {
	return slices.ContainsFunc(m.entries, func(e mapEntry) bool { return e.list == l })
}

func (c SetRouteMap) stage(t *Table) error {
	object := "route map " + c.Name
	if c.Name == "" {
		return refuse(ErrInvalid, object, "a name is needed")
	}
	if len(c.Entries) == 0 {
		return refuse(ErrInvalid, object, "at least one entry is needed")
	}
	entries := make([]mapEntry, len(c.Entries))
	for i := range c.Entries {
		if err := t.compileEntry(object, i, &c.Entries[i], &entries[i]); err != nil {
			return err
		}
	}
	m := t.policies.maps[c.Name]
	if m == nil {
		m = &routeMap{name: c.Name}
		t.policies.maps[c.Name] = m
		t.journal.undo(func() { delete(t.policies.maps, c.Name) })
	}
	old := m.entries
	m.entries = entries
	t.touchMap(m)
	t.journal.undo(func() {
		m.entries = old
		t.touchMap(m)
	})
	return nil
}

// MaxPrepend bounds what one entry puts before an AS path.
const MaxPrepend = 32

func (t *Table) compileEntry(object string, i int, c *RouteMapEntry, e *mapEntry) (err error) {
	*e = mapEntry{permit: c.Permit, tag: c.Match.Tag, communities: slices.Clone(c.Match.Communities), set: c.Set}
	e.set.Communities, e.set.Prepend = slices.Clone(c.Set.Communities), slices.Clone(c.Set.Prepend)
	if name := c.Match.PrefixList; name != "" {
		if e.list = t.policies.lists[name]; e.list == nil {
			return refuse(ErrNotFound, object, "entry %d: prefix list %s: add it with SetPrefixList first", i, name)
		}
	}
	if c.Match.ASPath != "" {
		if e.asPath, err = CompileASPath(c.Match.ASPath); err != nil {
			return refuse(ErrInvalid, object, "entry %d: %v", i, err)
		}
	}
	if n := c.Match.NextHop; n != (Match{}).NextHop {
		r := PrefixRule{Prefix: n}
		if err := r.check(); err != nil {
			return refuse(ErrInvalid, object, "entry %d: next hop: %v", i, err)
		}
		e.nextHop, e.hasNextHop = r.compile(), true
	}
	if !c.Permit && !(c.Set.empty() && !c.Set.Additive) {
		return refuse(ErrInvalid, object, "entry %d denies: it cannot set anything", i)
	}
	if c.Set.Additive && len(c.Set.Communities) == 0 {
		return refuse(ErrInvalid, object, "entry %d: additive needs communities", i)
	}
	if len(c.Set.Prepend) > MaxPrepend || slices.Contains(c.Set.Prepend, 0) {
		return refuse(ErrInvalid, object, "entry %d: prepend: at most %d AS numbers, none of them 0", i, MaxPrepend)
	}
	return nil
}

func (c DeleteRouteMap) stage(t *Table) error {
	m, err := t.routeMap(c.Name)
	if err != nil {
		return err
	}
	for _, v := range t.vrs {
		if v != nil && (v.imp != nil && v.imp.routeMap == m || v.exp != nil && v.exp.routeMap == m) {
			return refuse(ErrInUse, "route map "+c.Name, "VRF %s imports or exports by it: clear that first", v.name)
		}
	}
	delete(t.policies.maps, c.Name)
	t.journal.undo(func() { t.policies.maps[c.Name] = m })
	return nil
}

func (t *Table) routeMap(name string) (*routeMap, error) {
	if m := t.policies.maps[name]; m != nil {
		return m, nil
	}
	return nil, refuse(ErrNotFound, "route map "+name, "add it with SetRouteMap first")
}

// touchList and touchMap mark the VRFs whose imports or exports a policy decides.
func (t *Table) touchList(l *prefixList) {
	for _, m := range t.policies.maps {
		if m.uses(l) {
			t.touchMap(m)
		}
	}
}

func (t *Table) touchMap(m *routeMap) {
	for _, v := range t.vrs {
		if v == nil {
			continue
		}
		if v.imp != nil && v.imp.routeMap == m {
			v.imp.rejudge, t.importers.stale = true, true
			t.touchVR(v)
		}
		if v.exp != nil && v.exp.routeMap == m {
			v.exp.rejudge = true
			t.touchVR(v)
		}
	}
}

func (t *Table) touchVR(v *vr) {
	if !v.touched {
		v.touched = true
		t.touchedVRs = append(t.touchedVRs, v)
	}
}

func (c SetImportMap) stage(t *Table) error {
	v, err := t.child(c.VRF)
	if err != nil {
		return err
	}
	m, err := t.routeMap(c.RouteMap)
	if err != nil {
		return err
	}
	if c.MaxRoutes <= 0 {
		return refuse(ErrInvalid, "import map of "+c.VRF, "max-routes must be given, at least 1")
	}
	if c.Distance == 0 {
		c.Distance = DistanceLeaked
	}
	t.setImport(v, &importMap{routeMap: m, max: c.MaxRoutes, distance: c.Distance})
	return nil
}

func (c ClearImportMap) stage(t *Table) error {
	v, err := t.child(c.VRF)
	if err != nil {
		return err
	}
	if v.imp == nil {
		return refuse(ErrNotFound, "import map of "+c.VRF, "it was not set")
	}
	t.setImport(v, nil)
	return nil
}

func (t *Table) setImport(v *vr, m *importMap) {
	old := v.imp
	set := func(m *importMap) {
		v.imp, t.importers.stale = m, true
		if m != nil {
			m.rejudge = true
		}
		t.touchVR(v)
	}
	set(m)
	t.journal.undo(func() { set(old) })
}

func (c SetExportMap) stage(t *Table) error {
	v, err := t.child(c.VRF)
	if err != nil {
		return err
	}
	m, err := t.routeMap(c.RouteMap)
	if err != nil {
		return err
	}
	if c.Originated > OriginatedAll {
		return refuse(ErrInvalid, "export map of "+c.VRF, "originated %d: OriginatedLocal or OriginatedAll", c.Originated)
	}
	if c.Distance == 0 {
		c.Distance = DistanceLeaked
	}
	t.setExport(v, &exportMap{routeMap: m, originated: c.Originated, distance: c.Distance})
	return nil
}

func (c ClearExportMap) stage(t *Table) error {
	v, err := t.child(c.VRF)
	if err != nil {
		return err
	}
	if v.exp == nil {
		return refuse(ErrNotFound, "export map of "+c.VRF, "it was not set")
	}
	t.setExport(v, nil)
	return nil
}

func (t *Table) setExport(v *vr, m *exportMap) {
	old := v.exp
	set := func(m *exportMap) {
		if m != nil {
			m.rejudge = true
		}
		v.exp, v.unexport = m, m == nil
		t.touchVR(v)
	}
	set(m)
	t.journal.undo(func() { set(old) })
}
