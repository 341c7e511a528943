package bench

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"vrfwd/bgp/mrt"
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// Replay is route changes of a collector's update file.
type Replay struct {
	Updates *mrt.Updates
	// Speed is how many times faster than they were heard the changes are made. 0: at Rate, whenever they were heard.
	Speed float64
	Rate  int // changes a second
}

// replayer turns what peers said into changes of the parent's routes such that no frame's egress interface changes: an
// announcement is a better path through another next hop behind the uplink that the prefix's addresses leave by already, with
// the attributes of the file but for a local preference that makes it the best. A prefix that the parent does not have gets
// the next hop of the shortest that covers it. What nothing covers would make packets come out that are to be dropped: it is
// left out, and so are, where VRFs import the parent's routes, prefixes that they do not.
//
// Of a prefix that several peers announce, the latest announcement holds, until the last of them withdraws it.
type replayer struct {
	*churner
	said    *mrt.Updates
	next    int // change
	start   int64
	paths   map[lpm.Route]*heard // by prefix, Hop 0
	attrs   map[attrKey]*vrftable.Attributes
	ignored uint64
}

// heard is an announced prefix.
type heard struct {
	route vrftable.Route
	peers []uint16 // that announce it
}

// attrKey names attributes of the file, as they are changed.
type attrKey struct {
	set    uint32
	chosen bool
}

// replayPref makes what is announced the best path.
const replayPref = 200

func (s *Scenario) newReplayer(u *mrt.Updates) *replayer {
	r := &replayer{churner: s.newChurner(), said: u, paths: map[lpm.Route]*heard{}, attrs: map[attrKey]*vrftable.Attributes{}}
	if len(u.Changes) > 0 {
		r.start = u.Changes[0].Time
	}
	return r
}

// replay applies a file's changes until it or stop ends, then withdraws what it had announced.
func (s *Scenario) replay(p *Replay, stop <-chan struct{}) (*Churn, error) {
	r, sum, began := s.newReplayer(p.Updates), &Churn{}, time.Now()
	tick := time.NewTicker(churnTick)
	defer tick.Stop()
	ended := func() (*Churn, error) {
		sum.Ignored = r.ignored
		return sum, r.apply(nil, r.end())
	}
	for r.next < len(r.said.Changes) {
		select {
		case <-stop:
			sum.Elapsed = time.Since(began)
			return ended()
		case <-tick.C:
		}
		elapsed := time.Since(began)
		due := int(elapsed.Seconds() * float64(p.Rate))
		if p.Speed > 0 {
			due = r.due(elapsed, p.Speed)
		}
		if err := r.apply(sum, r.batch(min(due, r.next+churnBatch))); err != nil {
			return sum, err
		}
	}
	sum.Elapsed = time.Since(began)
	<-stop
	return ended()
}

// due returns how many of the file's changes were heard in the time, at that speed.
func (r *replayer) due(elapsed time.Duration, speed float64) int {
	until := r.start + int64(elapsed.Seconds()*speed*1e6)
	n := r.next
	for n < len(r.said.Changes) && n < r.next+churnBatch && r.said.Changes[n].Time <= until {
		n++
	}
	return n
}

// batch makes changes of what was said, up to that number of the file's changes.
func (r *replayer) batch(until int) (batch []vrftable.Change) {
	for ; r.next < min(until, len(r.said.Changes)); r.next++ {
		c := &r.said.Changes[r.next]
		before := len(batch)
		switch c.Kind {
		case mrt.Announce:
			batch = r.announce(batch, c)
		case mrt.Withdraw:
			batch = r.withdrawn(batch, c.Peer, lpm.Route{Addr: c.Addr, Len: c.Len})
		case mrt.Down:
			for _, prefix := range r.of(c.Peer) {
				batch = r.withdrawn(batch, c.Peer, prefix)
			}
		}
		if len(batch) == before {
			r.ignored++
		}
	}
	return batch
}

// of lists the prefixes that a peer announces, in order.
func (r *replayer) of(peer uint16) (list []lpm.Route) {
	for prefix, h := range r.paths {
		if slices.Contains(h.peers, peer) {
			list = append(list, prefix)
		}
	}
	slices.SortFunc(list, comparePrefixes)
	return list
}

func (r *replayer) announce(batch []vrftable.Change, c *mrt.Change) []vrftable.Change {
	prefix := lpm.Route{Addr: c.Addr, Len: c.Len}
	h := r.paths[prefix]
	if h == nil {
		via := r.way(prefix)
		if via == nil {
			return batch
		}
		h = &heard{route: vrftable.Route{Prefix: prefix4(c.Addr, int(c.Len)), Source: vrftable.EBGP, NextHop: via}}
		r.paths[prefix] = h
	}
	if !slices.Contains(h.peers, c.Peer) {
		h.peers = append(h.peers, c.Peer)
	}
	h.route.Attrs = r.attributes(c.Attrs)
	return append(batch, vrftable.AddRoute{Route: h.route})
}

func (r *replayer) withdrawn(batch []vrftable.Change, peer uint16, prefix lpm.Route) []vrftable.Change {
	h := r.paths[prefix]
	if h == nil {
		return batch
	}
	h.peers = slices.DeleteFunc(h.peers, func(p uint16) bool { return p == peer })
	if len(h.peers) > 0 {
		return batch
	}
	delete(r.paths, prefix)
	return append(batch, vrftable.DeleteRoute{Route: h.route})
}

// way returns the next hop of a path to a prefix; nil: none will do.
func (r *replayer) way(prefix lpm.Route) vrftable.NextHop {
	s, want := r.s, prefix4(prefix.Addr, int(prefix.Len))
	covering, at, ok := s.model.parent.LookupPrefixLPM(want)
	hop := lpm.Hop(at - s.hopPlaces)
	if !ok || at <= s.hopPlaces || int(hop) > s.nextHops {
		return nil
	}
	if s.chosen != nil && (covering != want || !r.imported(prefix)) {
		return nil
	}
	if covering == want {
		twin := s.model.places[at].twin
		if twin == 0 {
			return nil
		}
		hop = lpm.Hop(twin - s.hopPlaces)
	}
	return r.via(hop)
}

// imported tells whether VRFs import a prefix.
func (r *replayer) imported(prefix lpm.Route) bool {
	_, found := slices.BinarySearchFunc(r.s.chosen, prefix, comparePrefixes)
	return found
}

// attributes returns a set of the file with what makes its routes the best here.
func (r *replayer) attributes(set uint32) *vrftable.Attributes {
	key := attrKey{set, r.s.chosen != nil}
	a := r.attrs[key]
	if a == nil {
		changed := r.said.Attrs[set]
		changed.NextHop = netip.Addr{}
		changed.LocalPref = replayPref
		if key.chosen {
			changed.Communities = append(slices.Clone(changed.Communities), chosenCommunity)
		}
		a = &changed
		r.attrs[key] = a
	}
	return a
}

// end withdraws everything.
func (r *replayer) end() (batch []vrftable.Change) {
	for _, h := range r.paths {
		batch = append(batch, vrftable.DeleteRoute{Route: h.route})
	}
	clear(r.paths)
	return batch
}

// check refuses what cannot be replayed.
func (p *Replay) check() error {
	if (p.Speed > 0) == (p.Rate > 0) || p.Speed < 0 || p.Rate < 0 {
		return fmt.Errorf("bench: updates at %v times their speed and %d a second: one of the two is needed", p.Speed, p.Rate)
	}
	return nil
}
