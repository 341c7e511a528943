package vrftable

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// PrefixRule is one entry of a prefix list, as in router command lines: it matches a route whose prefix lies in Prefix
// and whose length is in range. Without GE and LE the length must be Prefix's own; with GE alone GE to 32, with LE
// alone Prefix's length to LE, with both GE to LE.
type PrefixRule struct {
	Permit bool
	Prefix netip.Prefix
	GE, LE uint8 // 0: not given. Prefix length < GE <= LE <= 32
}

// SetPrefixList adds a prefix list or replaces its content. Rules are tried in order, the first that matches decides; no
// match denies. What uses the list follows at once.
type SetPrefixList struct {
	Name  string
	Rules []PrefixRule
}

// DeletePrefixList removes a prefix list that no route map uses.
type DeletePrefixList struct{ Name string }

// RouteMapEntry is one entry of a route map: if all of Match holds, the route is permitted and changed by Set, or denied.
type RouteMapEntry struct {
	Permit bool
	Match  Match
	Set    Set
}

// Match is a conjunction; the zero value matches every route. A neighbour's host route and an interface's own address
// are judged as the connected route they belong to, so that they follow it everywhere.
type Match struct {
	PrefixList  string       // name; "": any prefix
	ASPath      string       // regular expression, see CompileASPath; "": any path
	Communities []Community  // the route carries at least one of them; empty: any
	NextHop     netip.Prefix // holds the BGP next hop or, without one, the gateway; zero value: any
	Tag         uint32       // 0: any
}

// Set is what a permitted route's copy is given.
type Set struct {
	Communities []Community // replace the route's, or are added to them with Additive; empty without Additive: unchanged
	Additive    bool
	LocalPref   uint32   // 0: unchanged
	MED         uint32   // 0: unchanged
	Prepend     []uint32 // put before the AS path
}

// empty tells whether the set changes nothing.
func (s *Set) empty() bool {
	return len(s.Communities) == 0 && s.LocalPref == 0 && s.MED == 0 && len(s.Prepend) == 0
}

// Apply changes attributes of the caller's own. What it puts into them may be shared.
func (s *Set) Apply(a *Attributes) {
	a.LocalPref, a.MED = cmp.Or(s.LocalPref, a.LocalPref), cmp.Or(s.MED, a.MED)
	if len(s.Prepend) > 0 {
		a.ASPath = slices.Concat(s.Prepend, a.ASPath)
	}
	switch {
	case len(s.Communities) == 0:
	case s.Additive:
		all := slices.Clone(a.Communities)
		for _, c := range s.Communities {
			if !slices.Contains(a.Communities, c) {
				all = append(all, c)
			}
		}
		a.Communities = all
	default:
		a.Communities = s.Communities
	}
}

// SetRouteMap adds a route map or replaces its content. Entries are tried in order, the first that matches decides; no
// match denies. The prefix lists it names must be there. What uses the map follows at once.
type SetRouteMap struct {
	Name    string
	Entries []RouteMapEntry
}

// DeleteRouteMap removes a route map that no import or export map uses.
type DeleteRouteMap struct{ Name string }

// policies are the prefix lists and route maps by name. The objects stay when their content is replaced.
type policies struct {
	lists map[string]*prefixList
	maps  map[string]*routeMap
}

func (p *policies) init() {
	p.lists, p.maps = map[string]*prefixList{}, map[string]*routeMap{}
}

type prefixList struct {
	name string
	prefixRules
}

// prefixRules are a prefix list's rules in order. They are replaced as a whole, never changed.
type prefixRules struct {
	rules []prefixRule
	index *bart.Table[[]int] // long lists: by network, the numbers of its rules
}

// indexMin is the number of rules from which an index is faster than asking one by one.
const indexMin = 32

func indexRules(rules []prefixRule) prefixRules {
	l := prefixRules{rules: rules}
	if len(rules) < indexMin {
		return l
	}
	l.index = new(bart.Table[[]int])
	for i := range rules {
		network := netPrefix(rules[i].net, uint8(maskBits(rules[i].mask)))
		numbers, _ := l.index.Get(network)
		l.index.Insert(network, append(numbers, i))
	}
	return l
}

// prefixRule is a PrefixRule made ready: it matches addr/bits if addr&mask == net and lo <= bits <= hi.
type prefixRule struct {
	net, mask uint32
	lo, hi    uint8
	permit    bool
}

func (r PrefixRule) compile() prefixRule {
	bits := uint8(r.Prefix.Bits())
	c := prefixRule{net: addr4(r.Prefix.Addr()), mask: mask(bits), lo: bits, hi: bits, permit: r.Permit}
	switch {
	case r.GE != 0 && r.LE != 0:
		c.lo, c.hi = r.GE, r.LE
	case r.GE != 0:
		c.lo, c.hi = r.GE, 32
	case r.LE != 0:
		c.hi = r.LE
	}
	return c
}

func mask(bits uint8) uint32 { return ^uint32(0) << (32 - bits) }

// permits tells what the first rule that matches says of a prefix.
func (l *prefixRules) permits(addr uint32, bits uint8) bool {
	if l.index == nil {
		for i := range l.rules {
			if l.rules[i].matches(addr, bits) {
				return l.rules[i].permit
			}
		}
		return false
	}
	first := len(l.rules)
	for _, numbers := range l.index.Supernets(netPrefix(addr, bits)) {
		for _, i := range numbers {
			if i < first && l.rules[i].matches(addr, bits) {
				first = i
			}
		}
	}
	return first < len(l.rules) && l.rules[first].permit
}

func (r *prefixRule) matches(addr uint32, bits uint8) bool {
	return addr&r.mask == r.net && r.lo <= bits && bits <= r.hi
}

type routeMap struct {
	name    string
	entries []mapEntry
}

type mapEntry struct {
	permit      bool
	list        *prefixList
	asPath      *ASPathRegexp
	communities []Community
	nextHop     prefixRule // mask != 0 or any
	hasNextHop  bool
	tag         uint32
	set         Set
}

// verdict is what a route map says of a route: denied, or permitted with these attributes, of which the holder has a
// reference.
type verdict struct {
	permit bool
	attrs  uint32
}

// judge asks map m about path p of dest d.
func (t *Table) judge(m *routeMap, p *path, d *dest) verdict {
	addr, bits := t.policyPrefix(p, d)
	for i := range m.entries {
		e := &m.entries[i]
		if !t.matches(e, p, addr, bits) {
			continue
		}
		if !e.permit {
			return verdict{}
		}
		return verdict{true, t.withSet(p.attrs, &e.set)}
	}
	return verdict{}
}

// policyPrefix returns the prefix that policies judge a path by: its own, or that of the connected route that it belongs
// to.
func (t *Table) policyPrefix(p *path, d *dest) (addr uint32, bits uint8) {
	if p.source == OwnAddress || p.source == Neighbor {
		if s, ok := t.ifaces[t.nexthops[p.nh].key.iface].subnet(d.addr); ok {
			return addr4(s.Addr()), uint8(s.Bits())
		}
	}
	return d.addr, d.bits
}

func (t *Table) matches(e *mapEntry, p *path, addr uint32, bits uint8) bool {
	switch {
	case e.list != nil && !e.list.permits(addr, bits),
		e.tag != 0 && e.tag != p.tag,
		e.hasNextHop && !t.nextHopIn(&e.nextHop, p),
		len(e.communities) > 0 && !t.carries(p.attrs, e.communities),
		e.asPath != nil && !e.asPath.match(&t.attrs, p.attrs):
		return false
	}
	return true
}

func (t *Table) nextHopIn(r *prefixRule, p *path) bool {
	nh, ok := t.attrs.nextHop(p.attrs)
	if !ok {
		nh = t.nexthops[p.nh].key.gateway
		ok = nh != 0
	}
	return ok && nh&r.mask == r.net
}

func (t *Table) carries(attrs uint32, wanted []Community) bool {
	count, off := t.attrs.communities(attrs)
	for i := range count {
		c := Community(t.attrs.word(attrs, off+4*i))
		for _, w := range wanted {
			if c == w {
				return true
			}
		}
	}
	return false
}

// withSet returns the attributes that s makes of a set, with one more reference.
func (t *Table) withSet(attrs uint32, s *Set) uint32 {
	if s.empty() {
		return t.attrs.retain(attrs)
	}
	a := t.attrs.decode(attrs)
	if a == nil {
		a = &Attributes{}
	}
	s.Apply(a)
	return t.attrs.intern(a)
}

// covers returns disjoint prefixes, in order, that hold every prefix that m can permit: what a change of m has to look
// at. A map whose permits all name prefix lists of a few networks is judged on those networks only.
func (m *routeMap) covers() []netip.Prefix {
	var all []netip.Prefix
	for i := range m.entries {
		e := &m.entries[i]
		if !e.permit {
			continue
		}
		if e.list == nil {
			return []netip.Prefix{netPrefix(0, 0)}
		}
		for _, r := range e.list.rules {
			if r.permit {
				all = append(all, netip.PrefixFrom(netAddr(r.net), maskBits(r.mask)))
			}
		}
	}
	return disjoint(all)
}
