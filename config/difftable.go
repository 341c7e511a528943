package config

import (
	"vrfwd/lpm"
)

// tableDiff is what changes of one set of routes.
type tableDiff struct {
	old, new   *routeSet // nil: none
	gone, come []lpm.Route
}

// compareTables compares the tables' routes, class by class.
func (d *differ) compareTables() (all []tableDiff) {
	class := func(s **routeSet) class { return (*s).class }
	had := index(d.old.tables, class)
	for _, s := range d.new.tables {
		t := tableDiff{new: s}
		if was := had[s.class]; was != nil {
			t.old = *was
			delete(had, s.class)
			t.compare()
		} else {
			t.come = s.routes
		}
		all = append(all, t)
	}
	for _, s := range d.old.tables {
		if had[s.class] != nil {
			all = append(all, tableDiff{old: s, gone: s.routes})
		}
	}
	return all
}

// compare walks both sets, which are in the same order.
func (t *tableDiff) compare() {
	a, b := t.old.routes, t.new.routes
	for len(a) > 0 || len(b) > 0 {
		order := 0
		switch {
		case len(a) == 0:
			order = 1
		case len(b) == 0:
			order = -1
		default:
			order = t.old.compare(a[0], t.new, b[0])
		}
		if order < 0 {
			t.gone = append(t.gone, a[0])
		}
		if order > 0 || order == 0 && !t.old.same(a[0], t.new, b[0]) { // what comes replaces what compares as equal
			t.come = append(t.come, b[0])
		}
		if order <= 0 {
			a = a[1:]
		}
		if order >= 0 {
			b = b[1:]
		}
	}
}
