package bgp

import (
	"context"
	"encoding/binary"
	"net/netip"
	"slices"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// aggregate keeps a VR's aggregates: each is there, as a discard route, while the VR has a route within it. It tells of no
// AS path (RFC 9774 has no AS_SETs), but that it lacks one (ATOMIC_AGGREGATE) and who has made it (AGGREGATOR). It is preferred
// to what neighbours tell of its prefix, which would go unnoticed under a summary, and lead astray what it discards.
func (sp *speaker) aggregate(ctx context.Context, c *Config, w *vrftable.Watch) {
	defer w.Close()
	there := map[netip.Prefix]bool{}
	route := func(p netip.Prefix) vrftable.Route {
		return vrftable.Route{VR: c.VR, Prefix: p, Source: vrftable.Originated, NextHop: vrftable.Discard,
			Distance: vrftable.DistanceBGP - 1, Attrs: &vrftable.Attributes{Other: aggregator(c)}}
	}
	defer func() {
		for p := range there {
			sp.server.applier.wait(vrftable.DeleteRoute{Route: route(p)})
		}
	}()
	changed, all := []netip.Prefix(nil), true
	for {
		for _, a := range c.Aggregates {
			if !all && !slices.ContainsFunc(changed, func(p netip.Prefix) bool {
				return a.Prefix.Bits() < p.Bits() && a.Prefix.Contains(p.Addr())
			}) {
				continue
			}
			switch needed := sp.contributes(c.VR, a.Prefix); {
			case needed && !there[a.Prefix]:
				if sp.server.applier.wait(vrftable.AddRoute{Route: route(a.Prefix)}) == nil { // else at the next change within it
					there[a.Prefix] = true
				}
			case !needed && there[a.Prefix]:
				sp.server.applier.wait(vrftable.DeleteRoute{Route: route(a.Prefix)})
				delete(there, a.Prefix)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-w.C():
			changed, all = w.Take(changed[:0])
		}
	}
}

// contributes tells whether there is a route within an aggregate, other than an aggregate.
func (sp *speaker) contributes(vr string, within netip.Prefix) (found bool) {
	sp.server.table.BestsIn(vr, within, func(b *vrftable.Best) bool {
		found = b.Prefix != within && b.Source != vrftable.Originated
		return !found
	})
	return found
}

// aggregator is the attributes of what this router has aggregated, encoded.
func aggregator(c *Config) string {
	code := appendAttribute(nil, flagTransitive, wire.BGP_ATTR_TYPE_ATOMIC_AGGREGATE, nil)
	code = appendAttribute(code, flagOptional|flagTransitive, wire.BGP_ATTR_TYPE_AGGREGATOR,
		append(binary.BigEndian.AppendUint32(nil, c.AS), c.RouterID.AsSlice()...))
	return string(code)
}
