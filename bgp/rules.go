package bgp

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// rules decide what one neighbour is told of a route, and with which attributes. In their order:
//
//  1. A route that BGP has brought, a table's without a neighbour among them, is passed on, but not to the neighbour that
//     it is from, and not from one internal neighbour to another (RFC 4271 9.2). So are aggregates. Of the others,
//     networks and what is redistributed, but no host routes of interfaces' addresses and neighbours.
//  2. What a summary-only aggregate holds is not told, nor what well-known communities keep in (RFC 1997).
//  3. The route map of the network, the redistribution or the aggregate, then that of the neighbour.
//  4. Attributes. To external neighbours: own AS before the path, own address as next hop, no LOCAL_PREF and no MED of
//     others (RFC 4271 5.1). To internal ones: as they are, LOCAL_PREF always, own address where there is no other.
//
// They belong to the sender's goroutine.
type rules struct {
	c        *Config
	n        *Neighbor
	table    *vrftable.Table
	internal bool
	fourAS   bool
	self     netip.Addr

	out          *vrftable.Policy // nil: everything
	networks     map[netip.Prefix]*vrftable.Policy
	redistribute map[Redistribution]*vrftable.Policy // nil: as they are
	aggregates   map[netip.Prefix]*vrftable.Policy

	cache  map[ruleKey]string
	cached int // bytes of what is in it
}

// ruleKey is all that attributes follow from, once it is decided that the route is told.
type ruleKey struct {
	attrs       vrftable.Encoded
	bgp         bool
	nextHop     netip.Addr
	origin      vrftable.Origin
	first, last *vrftable.Set
}

// What bounds the cache: entries, and bytes of attributes.
const (
	maxRules     = 1 << 15
	maxRuleBytes = 8 << 20
)

func newRules(p *peer, s *session) *rules {
	return &rules{c: p.c, n: &p.cfg, table: p.sp.server.table, internal: p.c.internal(&p.cfg), fourAS: s.open.fourAS,
		self: s.local}
}

// renew takes the route maps as they are now.
func (r *rules) renew() {
	policy := func(name string) *vrftable.Policy {
		if name == "" {
			return nil
		}
		return r.table.Policy(name)
	}
	r.out = policy(r.n.Out)
	r.networks, r.redistribute, r.aggregates = map[netip.Prefix]*vrftable.Policy{}, map[Redistribution]*vrftable.Policy{},
		map[netip.Prefix]*vrftable.Policy{}
	for _, n := range r.c.Networks {
		r.networks[n.Prefix] = policy(n.RouteMap)
	}
	for _, d := range r.c.Redistribute {
		r.redistribute[d.Kind] = policy(d.RouteMap)
	}
	for _, a := range r.c.Aggregates {
		r.aggregates[a.Prefix] = policy(a.RouteMap)
	}
	r.cache, r.cached = map[ruleKey]string{}, 0
}

// advertise returns the attributes that a route is told with, encoded; "": it is not told.
func (r *rules) advertise(b *vrftable.Best) string {
	policy, origin, ok := r.eligible(b)
	if !ok || r.summarized(b) {
		return ""
	}
	key := ruleKey{attrs: b.Attrs, bgp: fromBGP(b.Source), origin: origin}
	if r.internal && !r.n.NextHopSelf && key.bgp && b.From == "" { // another VR's gateway says nothing here
		key.nextHop = b.Gateway
	}
	var a *vrftable.Attributes
	if policy != nil || r.out != nil {
		a = r.prepare(&key)
	}
	if policy != nil {
		if key.first, ok = policy.Judge(b.Prefix, b.Tag, b.Gateway, a); !ok {
			return ""
		}
		key.first.Apply(a)
	}
	if r.out != nil {
		if key.last, ok = r.out.Judge(b.Prefix, b.Tag, b.Gateway, a); !ok {
			return ""
		}
		key.last.Apply(a)
	}
	code, ok := r.cache[key]
	if !ok {
		if a == nil {
			a = r.prepare(&key)
		}
		if !r.kept(b.Attrs.Decode()) && !r.kept(a) {
			code = r.encode(a, &key)
		}
		if r.cached += len(key.attrs) + len(code); len(r.cache) == maxRules || r.cached > maxRuleBytes {
			clear(r.cache)
			r.cached = len(key.attrs) + len(code)
		}
		r.cache[key] = code
	}
	return code
}

// prepare returns a route's attributes, without what an external neighbour is not told of others.
func (r *rules) prepare(key *ruleKey) *vrftable.Attributes {
	a := key.attrs.Decode()
	if a == nil {
		a = &vrftable.Attributes{}
	}
	if !key.bgp {
		a.Origin = key.origin
	}
	if !r.internal {
		a.LocalPref, a.MED = 0, 0
	}
	return a
}

func fromBGP(s vrftable.Source) bool { return s == vrftable.EBGP || s == vrftable.IBGP }

// eligible tells whether a route is told at all, the route map that makes it so, and its ORIGIN if BGP has not brought it.
func (r *rules) eligible(b *vrftable.Best) (policy *vrftable.Policy, origin vrftable.Origin, ok bool) {
	if b.Source == 0 {
		return nil, 0, false
	}
	if fromBGP(b.Source) {
		if b.Source == vrftable.IBGP && b.Peer.Addr.IsValid() && r.internal || b.From == "" && b.Peer.Addr == r.n.Addr {
			return nil, 0, false
		}
		return nil, 0, true
	}
	if b.Source == vrftable.Originated && b.From == "" {
		policy, ok = r.aggregates[b.Prefix]
		return policy, vrftable.OriginIGP, ok
	}
	if policy, ok = r.networks[b.Prefix]; ok {
		return policy, vrftable.OriginIGP, true
	}
	kind := Redistribution(0)
	switch {
	case b.Source == vrftable.OwnAddress || b.Source == vrftable.Neighbor: // the connected route holds them
	case b.From != "" && r.c.VR == "":
		kind = RedistributeExported
	case b.From != "":
		kind = RedistributeImported
	case b.Source == vrftable.Connected:
		kind = RedistributeConnected
	case b.Source == vrftable.Static:
		kind = RedistributeStatic
	}
	policy, ok = r.redistribute[kind]
	return policy, vrftable.OriginIncomplete, ok
}

// summarized tells whether an aggregate stands for a route.
func (r *rules) summarized(b *vrftable.Best) bool {
	return slices.ContainsFunc(r.c.Aggregates, func(a Aggregate) bool {
		return a.SummaryOnly && a.Prefix.Bits() < b.Prefix.Bits() && a.Prefix.Contains(b.Prefix.Addr())
	})
}

// kept tells whether well-known communities keep a route from the neighbour (RFC 1997).
func (r *rules) kept(a *vrftable.Attributes) bool {
	if a == nil {
		return false
	}
	for _, c := range a.Communities {
		switch wire.WellKnownCommunity(c) {
		case wire.COMMUNITY_NO_ADVERTISE:
			return true
		case wire.COMMUNITY_NO_EXPORT, wire.COMMUNITY_NO_EXPORT_SUBCONFED:
			if !r.internal {
				return true
			}
		}
	}
	return false
}

// encode encodes attributes in the order of their types (RFC 4271 5); "": they leave no room for a prefix behind them, so
// that the route cannot be told (9.2).
func (r *rules) encode(a *vrftable.Attributes, key *ruleKey) string {
	hop, path := r.self, a.ASPath
	if key.nextHop.IsValid() && key.nextHop != r.n.Addr {
		hop = key.nextHop
	}
	if !r.internal {
		path = slices.Concat([]uint32{r.c.AS}, path)
	}
	e := encoder{}
	e.add(flagTransitive, wire.BGP_ATTR_TYPE_ORIGIN, []byte{byte(a.Origin)})
	e.path(path, r.fourAS)
	e.add(flagTransitive, wire.BGP_ATTR_TYPE_NEXT_HOP, hop.AsSlice())
	if a.MED != 0 {
		e.add(flagOptional, wire.BGP_ATTR_TYPE_MULTI_EXIT_DISC, binary.BigEndian.AppendUint32(nil, a.MED))
	}
	if r.internal {
		e.add(flagTransitive, wire.BGP_ATTR_TYPE_LOCAL_PREF,
			binary.BigEndian.AppendUint32(nil, cmp.Or(a.LocalPref, vrftable.DefaultLocalPref)))
	}
	if len(a.Communities) > 0 {
		var all []byte
		for _, c := range a.Communities {
			all = binary.BigEndian.AppendUint32(all, uint32(c))
		}
		e.add(flagOptional|flagTransitive, wire.BGP_ATTR_TYPE_COMMUNITIES, all)
	}
	e.others([]byte(a.Other), r.fourAS)
	return e.code()
}
