package vrftable

import (
	"cmp"
	"fmt"
)

// Step is a step of the decision between the paths of one prefix: what sets a path apart from the best.
type Step uint8

// The steps in their order; see Table.decide.
const (
	StepNone       Step = iota // nothing: it is the only path that can be used
	StepUnresolved             // the next hop cannot be used now
	StepDistance
	StepLeaked
	StepLocalPref
	StepASPath
	StepOrigin
	StepMED
	StepSource
	StepID
	StepPeer
	StepNextHop
	StepTable
)

var stepNames = [...]string{"only path", "next hop unresolved", "distance", "native before imported or exported",
	"local preference", "AS path length", "origin", "MED", "external before internal", "BGP identifier", "peer address",
	"next hop address", "VRF"}

// String returns the step's name, such as "local preference".
func (s Step) String() string {
	if int(s) < len(stepNames) {
		return stepNames[s]
	}
	return fmt.Sprintf("step %d", uint8(s))
}

// decide orders two paths of one prefix, negative where a is better, and tells the step that it took. It is a total order
// over the paths that can stand side by side, so the choice does not depend on the order of arrival. The steps:
//
//  1. lower administrative distance
//  2. native before imported and exported
//  3. among BGP routes, those of RFC 4271 9.1.2.2: higher local preference (9.1.1), shorter AS path (a), lower origin (b),
//     lower MED (c; always compared, as "always-compare-med", because comparing only within a neighbour AS makes the order
//     depend on arrival), external before internal (d). There is no IGP, whose cost (e) could be compared
//  4. other sources in the order of their constants
//  5. lower BGP identifier (f), then lower address (g) of the peer; without a peer, both are 0
//  6. lower next hop address, then lower interface index and, for exported routes, lower table number
func (t *Table) decide(a, b *path) (int, Step) {
	if c := cmp.Compare(a.distance, b.distance); c != 0 {
		return c, StepDistance
	}
	if a.leaked() != b.leaked() {
		if b.leaked() {
			return -1, StepLeaked
		}
		return 1, StepLeaked
	}
	if a.attrs != b.attrs && a.source.bgp() && b.source.bgp() {
		s := &t.attrs
		if c := cmp.Compare(s.localPref(b.attrs), s.localPref(a.attrs)); c != 0 {
			return c, StepLocalPref
		}
		if c := cmp.Compare(s.pathLen(a.attrs), s.pathLen(b.attrs)); c != 0 {
			return c, StepASPath
		}
		if c := cmp.Compare(s.origin(a.attrs), s.origin(b.attrs)); c != 0 {
			return c, StepOrigin
		}
		if c := cmp.Compare(s.med(a.attrs), s.med(b.attrs)); c != 0 {
			return c, StepMED
		}
	}
	if c := cmp.Compare(a.source, b.source); c != 0 {
		return c, StepSource
	}
	if a.peer != b.peer {
		x, y := &t.peers.peers[a.peer], &t.peers.peers[b.peer]
		if c := cmp.Compare(x.id, y.id); c != 0 {
			return c, StepID
		}
		if c := cmp.Compare(x.addr, y.addr); c != 0 {
			return c, StepPeer
		}
	}
	if c := compareKeys(t.nexthops[a.nh].place(), t.nexthops[b.nh].place()); c != 0 {
		return c, StepNextHop
	}
	if a.leaked() {
		return cmp.Compare(t.dests.at(a.origin).vr, t.dests.at(b.origin).vr), StepTable
	}
	return 0, StepNone
}

// compare is the order alone.
func (t *Table) compare(a, b *path) int {
	order, _ := t.decide(a, b)
	return order
}

func (p *path) leaked() bool { return p.origin != 0 }

// usable tells whether the path's next hop can be used now.
func (t *Table) usable(p *path) bool { return t.nexthops[p.nh].adj != nil }

// bestOf returns the best usable path of a dest; native leaves out imported and exported ones. 0: none.
func (t *Table) bestOf(d *dest, native bool) uint32 {
	best := uint32(0)
	for id := d.first; id != 0; {
		p := t.paths.at(id)
		if t.usable(p) && !(native && p.leaked()) && (best == 0 || t.compare(p, t.paths.at(best)) < 0) {
			best = id
		}
		id = p.next
	}
	return best
}

// why tells what sets path id of d apart from the best path or, where it is that itself, from the next best.
func (t *Table) why(d *dest, id uint32) Step {
	p := t.paths.at(id)
	switch {
	case !t.usable(p):
		return StepUnresolved
	case id != d.best:
		_, by := t.decide(p, t.paths.at(d.best))
		return by
	}
	var second *path
	for other := d.first; other != 0; {
		o := t.paths.at(other)
		if other != id && t.usable(o) && (second == nil || t.compare(o, second) < 0) {
			second = o
		}
		other = o.next
	}
	if second == nil {
		return StepNone
	}
	_, by := t.decide(p, second)
	return by
}
