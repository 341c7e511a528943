package vrftable

import (
	"fmt"

	"vrfwd/lpm"
)

// fibChange is a prefix whose hop in the FIB is to change, and the hop that was there.
type fibChange struct {
	dest uint32
	old  uint16
}

// deriveBest chooses the paths of dirty prefixes and collects what changes in the FIBs.
func (t *Table) deriveBest(dirty []uint32) {
	for _, id := range dirty {
		d := t.dests.at(id)
		d.best = t.bestOf(d, false)
		hop := uint16(0)
		if d.best != 0 {
			hop = uint16(t.nexthops[t.paths.at(d.best).nh].adj.slot)
		}
		if hop == d.hop {
			continue
		}
		v := t.vrs[d.vr]
		if len(v.fib) == 0 {
			t.changedVRs = append(t.changedVRs, v)
		}
		v.pending = append(v.pending, fibChange{id, d.hop})
		v.fib = append(v.fib, lpm.Route{Addr: d.addr, Len: d.bits, Hop: lpm.Hop(hop)})
		d.hop = hop
	}
}

// publish makes the derived differences visible, each part after what it names:
// adjacency slots, ingress records that go, FIBs, ingress records that come.
// On error some FIBs may be changed: roll back, derive and publish again.
func (t *Table) publish() error {
	for _, a := range t.freshAdj {
		if a.fresh {
			t.slots.write(a.slot, &a.content)
			a.fresh = false
		}
	}
	t.freshAdj = trim(t.freshAdj)
	if len(t.staleAdj) > 0 {
		t.slots.fork()
		for _, a := range t.staleAdj {
			t.slots.current.adj[a.slot] = a.content
			a.stale = false
		}
		t.staleAdj = trim(t.staleAdj)
	}
	t.publishView(t.ingressGoing())
	if err := t.publishFIBs(); err != nil {
		return err
	}
	t.publishView(t.ingressChanges())
	return nil
}

// publishFIBs brings the collected changes into the FIBs. Where a FIB refuses, its prefixes' hops are put back to what
// the FIB still holds.
func (t *Table) publishFIBs() (err error) {
	for _, v := range t.changedVRs {
		if err == nil {
			if err = t.writeFIB(v, v.fib); err != nil {
				err = fmt.Errorf("FIB of %s: %w", v.name, err)
			}
		}
		if err != nil {
			for _, c := range v.pending {
				t.dests.at(c.dest).hop = c.old
			}
		}
		v.fib, v.pending = trim(v.fib), trim(v.pending)
	}
	t.changedVRs = trim(t.changedVRs)
	return err
}

// buildMin is the number of changes from which a FIB is built anew, if they are also as many as it has prefixes: a
// change in place costs some 0.5 us, a prefix of a build some 0.15 us (real table).
const buildMin = 1024

func (t *Table) applyFIB(v *vr, changes []lpm.Route) error {
	if v.table == 0 {
		if len(changes) >= max(buildMin, t.global.Len()) {
			return t.global.Build(t.installed(v))
		}
		return t.global.Apply(changes)
	}
	if len(changes) >= max(buildMin, t.set.Len(v.table)) {
		return t.set.Build(v.table, t.installed(v))
	}
	return t.set.Apply(v.table, changes)
}

// installed lists what v's FIB is to hold, sorted.
func (t *Table) installed(v *vr) []lpm.Route {
	all := make([]lpm.Route, 0, v.rib.Size4())
	for _, id := range v.rib.AllSorted4() {
		if d := t.dests.at(id); d.hop != 0 {
			all = append(all, lpm.Route{Addr: d.addr, Len: d.bits, Hop: lpm.Hop(d.hop)})
		}
	}
	return all
}

type ingressChange struct {
	at     ingressPlace
	record Ingress
}

// ingressChanges lists the touched records that differ from the published ones.
func (t *Table) ingressChanges() (c []ingressChange) {
	view := t.View()
	for _, at := range t.touchedIngress {
		if r := t.ingress(at); r != published(view, at) {
			c = append(c, ingressChange{at, r})
		}
	}
	return c
}

// ingressGoing lists, as "no primary", the records in use that will not stay the same interface, up and in its VRF.
func (t *Table) ingressGoing() (c []ingressChange) {
	view := t.View()
	for _, at := range t.touchedIngress {
		old, r := published(view, at), t.ingress(at)
		if old.State == IngressUp && (r.State != IngressUp || r.Iface != old.Iface || r.Table != old.Table) {
			if r.Iface != old.Iface || r.Table != old.Table {
				r = Ingress{}
			}
			c = append(c, ingressChange{at, r})
		}
	}
	return c
}

func published(v *View, at ingressPlace) Ingress {
	if p := v.Ports[at.port]; p != nil {
		return p[at.vlan]
	}
	return Ingress{}
}

// publishView publishes a view with these ingress records changed and the current adjacency array. Records are copied
// per port; ports without change are shared with the view before.
func (t *Table) publishView(changes []ingressChange) {
	view := t.View()
	next := *view
	next.Adj = t.slots.current.adj
	if len(changes) == 0 && &next.Adj[0] == &view.Adj[0] {
		return
	}
	next.Generation++
	if len(changes) > 0 {
		next.Ports = append([]*[VLANs]Ingress(nil), view.Ports...)
	}
	for _, c := range changes {
		p := &next.Ports[c.at.port]
		if *p == view.Ports[c.at.port] {
			fresh := new([VLANs]Ingress)
			if *p != nil {
				*fresh = **p
			}
			*p = fresh
		}
		(*p)[c.at.vlan] = c.record
	}
	t.view.Store(&next)
}
