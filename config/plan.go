package config

import (
	"errors"
	"fmt"
	"slices"

	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// Plan is the changes that make a configuration of an empty table, or of the one before. It belongs to one goroutine.
type Plan struct {
	file    string
	steps   []step
	initial bool
	own     map[neighborKey]bool // addresses that interfaces come with: no neighbour is learned there
}

// step is one change, or the routes of a table.
type step struct {
	change vrftable.Change
	routes *routeChange
	at     Position
}

// routeChange adds or deletes routes of a set.
type routeChange struct {
	set    *routeSet
	routes []lpm.Route
	delete bool
}

func (p *Plan) add(at Position, c vrftable.Change) {
	p.steps = append(p.steps, step{change: c, at: at})
}

// drop adds a change that takes away what the old file has: it has no place in the new one.
func (p *Plan) drop(c vrftable.Change) { p.add(Position{}, c) }

func (p *Plan) addRoutes(s *routeSet, routes []lpm.Route) {
	if len(routes) > 0 {
		p.steps = append(p.steps, step{routes: &routeChange{s, routes, false}, at: s.at})
	}
}

func (p *Plan) dropRoutes(s *routeSet, routes []lpm.Route) {
	if len(routes) > 0 {
		p.steps = append(p.steps, step{routes: &routeChange{s, routes, true}})
	}
}

// Empty tells whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.steps) == 0 }

// Len is the number of changes, a table's routes counted as one.
func (p *Plan) Len() int { return len(p.steps) }

// Policies tells whether a prefix list or a route map changes.
func (p *Plan) Policies() bool {
	return slices.ContainsFunc(p.steps, func(s step) bool {
		switch s.change.(type) {
		case vrftable.SetPrefixList, vrftable.SetRouteMap, vrftable.DeletePrefixList, vrftable.DeleteRouteMap:
			return true
		}
		return false
	})
}

// Changes returns the changes as one batch. Each route of a table takes some 100 bytes in it: Apply needs less.
func (p *Plan) Changes() []vrftable.Change {
	all := make([]vrftable.Change, len(p.steps))
	for i, s := range p.steps {
		all[i] = s.change
		if r := s.routes; r != nil {
			all[i] = r.change(make([]vrftable.Route, 0, len(r.routes)), r.routes, r.hops())
		}
	}
	return all
}

// chunk is how many routes of a table Apply takes at a time where it may: 6 MiB of them.
const chunk = 1 << 16

// Apply applies the plan to a table. The plan of Changes is applied in several batches, so that a full Internet table
// needs little memory besides the table's own: after an error the table is to be closed. The plan of Diff is applied as
// one batch, all or nothing; learned neighbours in its way are forgotten.
//
// Errors are what Explain makes of Table.Apply's; vrftable.ErrBusy among them asks to try again later.
func (p *Plan) Apply(t *vrftable.Table) error {
	if p.initial {
		return p.applyInitial(t)
	}
	if p.Empty() {
		return nil
	}
	forget := p.forget(t.Neighbors())
	return p.explain(t.Apply(append(forget, p.Changes()...)), -len(forget))
}

func (p *Plan) applyInitial(t *vrftable.Table) error {
	var batch []vrftable.Change
	done := 0
	flush := func() error {
		err := p.explain(t.Apply(batch), done)
		done += len(batch)
		batch = batch[:0]
		return err
	}
	var buffer []vrftable.Route
	for _, s := range p.steps {
		if s.routes == nil {
			batch = append(batch, s.change)
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		hops := s.routes.hops()
		for routes := range slices.Chunk(s.routes.routes, chunk) {
			if buffer == nil {
				buffer = make([]vrftable.Route, 0, chunk)
			}
			if err := t.Apply([]vrftable.Change{s.routes.change(buffer[:0], routes, hops)}); err != nil {
				return p.explain(err, done)
			}
		}
		done++
	}
	return flush()
}

// forget returns what deletes the learned neighbours that have an address which an interface comes with. Others in the
// way of a plan go with what they stand on.
func (p *Plan) forget(neighbors []vrftable.NeighborInfo) (c []vrftable.Change) {
	for _, n := range neighbors {
		if n.Learned && p.own[neighborKey{n.Layer2, n.Addr}] {
			c = append(c, vrftable.ForgetNeighbor{Interface: n.Via, Addr: n.Addr})
		}
	}
	return c
}

// Explain says where in the file a refused change is from. err is Table.Apply's for Changes; others are returned as they
// are.
func (p *Plan) Explain(err error) error { return p.explain(err, 0) }

func (p *Plan) explain(err error, before int) error {
	var refused *vrftable.ChangeError
	if !errors.As(err, &refused) {
		return err
	}
	e := &Error{File: p.file, Text: fmt.Sprintf("%s: %v", refused.Object, refused.Err), Err: err}
	if i := refused.Index + before; i >= 0 && i < len(p.steps) {
		e.Position = p.steps[i].at
	}
	return e
}

// hop is what the routes of one gateway, or of one direction, have in common.
type hop struct {
	next  vrftable.NextHop
	attrs *vrftable.Attributes
	peer  *vrftable.Peer
}

func (r *routeChange) hops() []hop {
	directions := r.set.allDirections()
	all := make([]hop, len(directions))
	none := &vrftable.Peer{}
	for i, d := range directions {
		all[i].peer = none
		g := r.set.gateways[d.gateway]
		if r.set.source == vrftable.Static {
			all[i].next = vrftable.Via{Gateway: g}
			continue
		}
		attrs := *d.attrs
		attrs.NextHop = g
		all[i].attrs = &attrs
		if r.set.learned {
			all[i].peer = &r.set.peers[d.peer]
		}
	}
	return all
}

// change makes a change of some of the routes, in buffer's memory.
func (r *routeChange) change(buffer []vrftable.Route, routes []lpm.Route, hops []hop) vrftable.Change {
	s := r.set
	for _, route := range routes {
		h := &hops[route.Hop-1]
		buffer = append(buffer, vrftable.Route{VR: s.vr, Prefix: prefix(route), Source: s.source, Distance: s.distance,
			NextHop: h.next, Tag: s.tag, Attrs: h.attrs, Peer: *h.peer})
	}
	if r.delete {
		return vrftable.DeleteRoutes{Routes: buffer}
	}
	return vrftable.AddRoutes{Routes: buffer}
}
