package vrftable

import (
	"cmp"
	"fmt"
	"slices"

	"vrfwd/lpm"
)

// fibChange is a prefix whose hop in the FIB is to change, and the hop that was there.
type fibChange struct {
	dest  uint32
	old   uint16
	route lpm.Route
}

// order is where a change stands among those of its FIB: additions first, the longest prefix before shorter ones, then
// withdrawals, the shortest before longer ones. So a lookup finds, for each address, the hop of before the batch until it
// finds the one of after it: what is to match is there before what matched goes, and nothing shorter shows in between.
// Among prefixes of one length the order is that of addresses, for FIBs take neighbours together.
func (c *fibChange) order() uint64 {
	rank := lastAddition - int(c.route.Len)
	if c.route.Hop == 0 {
		rank = lastAddition + 1 + int(c.route.Len)
	}
	return uint64(rank)<<32 | uint64(c.route.Addr)
}

const lastAddition = 32 // rank

// arrange brings changes into order and tells how many are additions.
func arrange(changes []fibChange) (additions int) {
	slices.SortFunc(changes, func(a, b fibChange) int { return cmp.Compare(a.order(), b.order()) })
	additions, _ = slices.BinarySearchFunc(changes, (lastAddition+1)<<32, func(c fibChange, first uint64) int {
		return cmp.Compare(c.order(), first)
	})
	return additions
}

// deriveBest chooses the paths of dirty prefixes and collects what changes in the FIBs.
func (t *Table) deriveBest(dirty []uint32) {
	for _, id := range dirty {
		d := t.dests.at(id)
		best, nh, hop := t.bestOf(d, false), uint32(0), uint16(0)
		if best != 0 {
			nh = t.nextHopOf(d, best)
			hop = uint16(t.nexthops[nh].adj.slot)
		}
		if best == 0 || nh == t.paths.at(best).nh {
			nh = 0
		}
		t.useGroup(d, nh)
		d.best = best
		if hop == d.hop {
			continue
		}
		v := t.vrs[d.vr]
		if len(v.pending) == 0 {
			t.changedVRs = append(t.changedVRs, v)
		}
		v.pending = append(v.pending, fibChange{id, d.hop, lpm.Route{Addr: d.addr, Len: d.bits, Hop: lpm.Hop(hop)}})
		d.hop = hop
	}
}

// publish makes the derived differences visible, each part after what it names:
// adjacency slots, groups' buckets, ingress records that go, FIBs, ingress records that come.
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
	t.publishGroups()
	t.publishView(t.ingressGoing())
	if err := t.publishFIBs(); err != nil {
		return err
	}
	t.publishView(t.ingressChanges())
	return nil
}

// publishFIBs brings the collected changes into the FIBs, in order. Among FIBs the parent, which is
// derived first, adds last and withdraws first: a VRF's route hides the parent's as a longer one a shorter. Where a FIB
// refuses, which it does with all of a call or nothing, its prefixes' hops are put back to what the FIB still holds; if that
// was to take a batch back, it is owed.
func (t *Table) publishFIBs() (err error) {
	write := func(v *vr, changes []fibChange) {
		if len(changes) == 0 {
			return
		}
		if err == nil || t.takingBack {
			t.fib = t.fib[:0]
			for i := range changes {
				t.fib = append(t.fib, changes[i].route)
			}
			if refused := t.writeFIB(v, t.fib); refused != nil {
				err = fmt.Errorf("FIB of %s: %w", v.name, refused)
				if t.takingBack {
					t.owed = append(t.owed, owedFIB{v, slices.Clone(t.fib)})
				}
			}
		}
		if err != nil && !t.takingBack {
			for _, c := range changes {
				t.dests.at(c.dest).hop = c.old
			}
		}
	}
	for _, v := range slices.Backward(t.changedVRs) {
		v.additions = len(v.pending)
		if !t.anew(v, len(v.pending)) {
			v.additions = arrange(v.pending)
		}
		write(v, v.pending[:v.additions])
	}
	for _, v := range t.changedVRs {
		write(v, v.pending[v.additions:])
		v.pending = trim(v.pending)
	}
	t.fib, t.changedVRs = trim(t.fib), trim(t.changedVRs)
	return err
}

// buildMin is the number of changes from which a FIB is built anew, if they are also as many as it has prefixes: a
// change in place costs some 0.5 us, a prefix of a build some 0.15 us (real table).
const buildMin = 1024

// anew tells whether so many changes are a reason to build v's FIB anew, all of them at once.
func (t *Table) anew(v *vr, changes int) bool {
	if v.table == 0 {
		return changes >= max(buildMin, t.global.Len())
	}
	return changes >= max(buildMin, t.set.Len(v.table))
}

func (t *Table) applyFIB(v *vr, changes []lpm.Route) error {
	anew := len(changes) == len(v.pending) && t.anew(v, len(changes))
	switch {
	case v.table == 0 && anew:
		return t.global.Build(t.installed(v))
	case v.table == 0:
		return t.global.Apply(changes)
	case anew:
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
