package bench

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// Churn is what the route changes during a trial were.
type Churn struct {
	Changes uint64        `json:"changes"`
	Batches uint64        `json:"batches"` // calls of vrftable.Table.Apply
	Elapsed time.Duration `json:"elapsed_ns"`
	Longest time.Duration `json:"longest_ns"` // call
	// Ignored is changes of a file that change nothing here: see Replay.
	Ignored uint64 `json:"ignored,omitempty"`
}

// churner changes the parent's routes so that no frame's egress interface changes. Half of the changes announce a better
// path for a prefix, through another next hop behind the same uplink, or withdraw it; the others announce or withdraw a
// more specific prefix that has the same next hop. Where VRFs import the parent's routes it is better paths alone, as
// more prefixes would be more than the limit.
type churner struct {
	s       *Scenario
	rng     *rand.Rand
	undo    []vrftable.Route // what was announced, oldest first
	touched map[netip.Prefix]struct{}
	vias    map[lpm.Hop]vrftable.NextHop
	attrs   [2]*vrftable.Attributes // of more specific prefixes, and of better paths
}

const (
	churnStream = 0xc4a2
	churnMost   = 1024 // announcements that wait for their withdrawal
	churnBatch  = 1024 // changes at most: after a stall the rate is not made up at once
	churnTick   = time.Millisecond
)

func (s *Scenario) newChurner() *churner {
	c := &churner{s: s, rng: rand.New(rand.NewPCG(s.Network.Seed, churnStream)), touched: map[netip.Prefix]struct{}{},
		vias: map[lpm.Hop]vrftable.NextHop{}}
	c.attrs[0] = &vrftable.Attributes{ASPath: []uint32{64511}}
	c.attrs[1] = &vrftable.Attributes{ASPath: []uint32{64511}, LocalPref: 200}
	if s.chosen != nil {
		c.attrs[1].Communities = []vrftable.Community{chosenCommunity}
	}
	return c
}

// churn applies changes at a rate until stop is closed, then withdraws what it had announced.
func (s *Scenario) churn(rate int, stop <-chan struct{}) (*Churn, error) {
	c, sum, began := s.newChurner(), &Churn{}, time.Now()
	tick := time.NewTicker(churnTick)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			sum.Elapsed = time.Since(began)
			return sum, c.apply(nil, c.end())
		case <-tick.C:
		}
		due := int(time.Since(began).Seconds()*float64(rate)) - int(sum.Changes)
		var batch []vrftable.Change
		for range min(due, churnBatch) {
			batch = append(batch, c.change())
		}
		if err := c.apply(sum, batch); err != nil {
			return sum, err
		}
	}
}

// apply applies a batch and adds it to sum, unless that is nil.
func (c *churner) apply(sum *Churn, batch []vrftable.Change) error {
	if len(batch) == 0 {
		return nil
	}
	began := time.Now()
	if err := c.s.Table.Apply(batch); err != nil {
		return fmt.Errorf("bench: route changes: %w", err)
	}
	if sum != nil {
		sum.Longest = max(sum.Longest, time.Since(began))
		sum.Changes += uint64(len(batch))
		sum.Batches++
	}
	return nil
}

// change makes one change.
func (c *churner) change() vrftable.Change {
	if n := len(c.undo); n > 0 && (n == churnMost || c.rng.IntN(2) == 0) {
		return c.withdraw()
	}
	for range churnBatch {
		if r, ok := c.draw(); ok {
			c.undo = append(c.undo, r)
			c.touched[r.Prefix] = struct{}{}
			return vrftable.AddRoute{Route: r}
		}
	}
	if len(c.undo) > 0 {
		return c.withdraw()
	}
	return vrftable.AddRoutes{} // a table that nothing can be changed in
}

func (c *churner) withdraw() vrftable.Change {
	r := c.undo[0]
	c.undo = c.undo[1:]
	delete(c.touched, r.Prefix)
	return vrftable.DeleteRoute{Route: r}
}

// end withdraws everything.
func (c *churner) end() (batch []vrftable.Change) {
	for len(c.undo) > 0 {
		batch = append(batch, c.withdraw())
	}
	return batch
}

// draw makes a route to be announced, or does not.
func (c *churner) draw() (r vrftable.Route, ok bool) {
	global := c.s.global
	if c.s.chosen != nil {
		global = c.s.chosen
	}
	g := global[c.rng.IntN(len(global))]
	hop, better := g.Hop, 0
	if c.s.chosen != nil || c.rng.IntN(2) == 0 {
		twin := c.s.model.places[c.s.hopPlaces+int32(hop)].twin
		if twin == 0 {
			return r, false
		}
		hop, better = lpm.Hop(twin-c.s.hopPlaces), 1
	} else if g.Len++; g.Len > 32 || c.s.has(g) {
		return r, false
	}
	r = vrftable.Route{Prefix: prefix4(g.Addr, int(g.Len)), Source: vrftable.EBGP, NextHop: c.via(hop), Attrs: c.attrs[better]}
	_, taken := c.touched[r.Prefix]
	return r, !taken
}

// via returns what the table's next hop with that index is.
func (c *churner) via(hop lpm.Hop) vrftable.NextHop {
	via := c.vias[hop]
	if via == nil {
		u, _ := c.s.plan.uplinkOf(int(hop) - 1)
		via = vrftable.Via{Gateway: host4(c.s.plan.nextHop(int(hop) - 1)), Interface: uplinkName(u)}
		c.vias[hop] = via
	}
	return via
}

// has tells whether the parent's table was given the prefix.
func (s *Scenario) has(r lpm.Route) bool {
	_, found := slices.BinarySearchFunc(s.global, r, comparePrefixes)
	return found
}

// comparePrefixes is the order of tables: by address, then shorter first.
func comparePrefixes(a, b lpm.Route) int {
	return cmp.Compare(uint64(a.Addr)<<8|uint64(a.Len), uint64(b.Addr)<<8|uint64(b.Len))
}
