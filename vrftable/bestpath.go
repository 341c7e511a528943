package vrftable

import "cmp"

// compare orders two paths of one prefix: negative where a is better. It is a total order over the paths that can stand
// side by side, so the choice does not depend on the order of arrival. The steps:
//
//  1. lower administrative distance
//  2. native before imported and exported
//  3. among BGP routes, the subset of RFC 4271 9.1.2.2 that a table without sessions can know: higher local preference,
//     shorter AS path (a), lower origin (b), lower MED (c; always compared, as "always-compare-med", because comparing
//     only within a neighbour AS makes the order depend on arrival), external before internal (d)
//  4. other sources in the order of their constants
//  5. lower next hop address (stands for steps e to g, which need the IGP cost and the peer), then lower interface index
//     and, for exported routes, lower table number
func (t *Table) compare(a, b *path) int {
	if c := cmp.Compare(a.distance, b.distance); c != 0 {
		return c
	}
	if a.leaked() != b.leaked() {
		if b.leaked() {
			return -1
		}
		return 1
	}
	if a.source.bgp() && b.source.bgp() {
		s := &t.attrs
		if a.attrs != b.attrs {
			if c := cmp.Or(
				-cmp.Compare(s.localPref(a.attrs), s.localPref(b.attrs)),
				cmp.Compare(s.pathLen(a.attrs), s.pathLen(b.attrs)),
				cmp.Compare(s.origin(a.attrs), s.origin(b.attrs)),
				cmp.Compare(s.med(a.attrs), s.med(b.attrs)),
			); c != 0 {
				return c
			}
		}
	}
	if c := cmp.Compare(a.source, b.source); c != 0 {
		return c
	}
	x, y := &t.nexthops[a.nh].key, &t.nexthops[b.nh].key
	if c := cmp.Or(cmp.Compare(x.gateway, y.gateway), cmp.Compare(x.kind, y.kind), cmp.Compare(x.iface, y.iface)); c != 0 {
		return c
	}
	if a.leaked() {
		return cmp.Compare(t.dests.at(a.origin).vr, t.dests.at(b.origin).vr)
	}
	return 0
}

func (p *path) leaked() bool { return p.origin != 0 }

// bestOf returns the best usable path of a dest; native leaves out imported and exported ones. 0: none.
func (t *Table) bestOf(d *dest, native bool) uint32 {
	best := uint32(0)
	for id := d.first; id != 0; {
		p := t.paths.at(id)
		if t.nexthops[p.nh].adj != nil && !(native && p.leaked()) &&
			(best == 0 || t.compare(p, t.paths.at(best)) < 0) {
			best = id
		}
		id = p.next
	}
	return best
}
