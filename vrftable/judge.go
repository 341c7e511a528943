package vrftable

import "net/netip"

// Policy is a route map as it was when Table.Policy was called. Any number of goroutines may ask it.
type Policy struct{ entries []mapEntry }

// Policy returns a route map; one that there is not denies everything.
func (t *Table) Policy(name string) *Policy {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p := &Policy{}
	m := t.policies.maps[name]
	if m == nil {
		return p
	}
	for _, e := range m.entries {
		if e.list != nil {
			e.list = &prefixList{prefixRules: e.list.prefixRules}
		}
		p.entries = append(p.entries, e)
	}
	return p
}

// Judge tells whether the route map permits a route, and what it sets; a is not changed. gateway stands for a next hop
// that the attributes do not have.
func (p *Policy) Judge(prefix netip.Prefix, tag uint32, gateway netip.Addr, a *Attributes) (*Set, bool) {
	if !prefix.Addr().Is4() {
		return nil, false
	}
	if a.NextHop.IsValid() {
		gateway = a.NextHop
	}
	for i := range p.entries {
		if e := &p.entries[i]; e.holds(prefix, tag, gateway, a) {
			return &e.set, e.permit
		}
	}
	return nil, false
}

func (e *mapEntry) holds(prefix netip.Prefix, tag uint32, nextHop netip.Addr, a *Attributes) bool {
	switch {
	case e.list != nil && !e.list.permits(addr4(prefix.Addr()), uint8(prefix.Bits())),
		e.tag != 0 && e.tag != tag,
		e.hasNextHop && !(nextHop.Is4() && addr4(nextHop)&e.nextHop.mask == e.nextHop.net),
		len(e.communities) > 0 && !intersect(a.Communities, e.communities),
		e.asPath != nil && !e.asPath.Match(a.ASPath):
		return false
	}
	return true
}

func intersect(a, b []Community) bool {
	for _, c := range a {
		for _, w := range b {
			if c == w {
				return true
			}
		}
	}
	return false
}
