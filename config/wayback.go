package config

import (
	"cmp"
	"net/netip"
	"slices"

	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// way is a route, and the VRF that it leads to; "": none.
type way struct {
	prefix netip.Prefix
	vrf    string
}

func (w way) compare(p netip.Prefix) int {
	return cmp.Or(w.prefix.Addr().Compare(p.Addr()), cmp.Compare(w.prefix.Bits(), p.Bits()))
}

// ways are the routes in use of one VR, sorted by address, then length.
type ways []way

func (all ways) search(p netip.Prefix) (int, bool) {
	return slices.BinarySearchFunc(all, p, way.compare)
}

// in returns those of p and of what lies in it.
func (all ways) in(p netip.Prefix) ways {
	first, _ := all.search(p)
	n := first
	for n < len(all) && p.Contains(all[n].prefix.Addr()) {
		n++
	}
	return all[first:n]
}

// astray returns a part of p, the first and largest there is, for which the parent's routes lead elsewhere than to vrf; false:
// there is none. own are the VRF's routes: what a longer one decides is not p's.
func (parent ways) astray(p netip.Prefix, vrf string, own ways) (netip.Prefix, bool) {
	cover := ""
	for bits := range p.Bits() { // from the shortest: the longest has the last word
		if at, ok := parent.search(netip.PrefixFrom(p.Addr(), bits).Masked()); ok {
			cover = parent[at].vrf
		}
	}
	inside, longer := parent.in(p), own.in(p)
	if len(longer) > 0 && longer[0].prefix == p {
		longer = longer[1:]
	}
	if len(longer) == 0 {
		return inside.within(p, cover, vrf)
	}
	var rest ways // of the parent's, with the longer ones as if all was well there
	for len(inside)+len(longer) > 0 {
		var next way
		if len(longer) == 0 || len(inside) > 0 && inside[0].compare(longer[0].prefix) < 0 {
			next, inside = inside[0], inside[1:]
		} else {
			next, longer = way{longer[0].prefix, vrf}, longer[len(longer.in(longer[0].prefix)):]
			inside = inside[len(inside.in(next.prefix)):]
		}
		rest = append(rest, next)
	}
	return rest.within(p, cover, vrf)
}

// within is astray where all lies in p, and what covers p leads to cover.
func (all ways) within(p netip.Prefix, cover, vrf string) (netip.Prefix, bool) {
	if len(all) > 0 && all[0].prefix == p {
		cover, all = all[0].vrf, all[1:]
	}
	if len(all) == 0 {
		return p, cover != vrf
	}
	lower, upper := halves(p)
	n, _ := all.search(upper)
	low, one := all[:n].within(lower, cover, vrf)
	high, two := all[n:].within(upper, cover, vrf)
	switch {
	case one && two && low == lower && high == upper:
		return p, true
	case one:
		return low, true
	}
	return high, two
}

// halves splits a prefix shorter than /32.
func halves(p netip.Prefix) (lower, upper netip.Prefix) {
	bits, a := p.Bits()+1, p.Addr().As4()
	a[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	return netip.PrefixFrom(p.Addr(), bits), netip.PrefixFrom(netip.AddrFrom4(a), bits)
}

// public tells whether a prefix can have a way back from the Internet: it is none of RFC 1918, RFC 6598 and RFC 3927.
func public(p netip.Prefix) bool {
	for _, local := range []netip.Prefix{
		netip.PrefixFrom(netip.AddrFrom4([4]byte{10}), 8), netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16}), 12),
		netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168}), 16), netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10),
		netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254}), 16),
	} {
		if local.Overlaps(p) {
			return false
		}
	}
	return true
}

// needsWayBack tells whether a VRF's static route is to public addresses at a customer's.
func (s *static) needsWayBack() bool {
	_, out := s.route.NextHop.(vrftable.Via)
	return out && s.route.VR != vrftable.Parent && s.route.Prefix.Bits() > 0 && public(s.route.Prefix)
}

// stretches are stretches of addresses, apart from each other and sorted.
type stretches []struct{ first, last uint32 }

// waysBack are the addresses that a way back is asked for.
func waysBack(statics []static) (all stretches) {
	for n := range statics {
		if p := statics[n].route.Prefix; statics[n].needsWayBack() {
			first := number4(p.Addr())
			all = append(all, struct{ first, last uint32 }{first, first | uint32(1<<(32-p.Bits())-1)})
		}
	}
	slices.SortFunc(all, func(a, b struct{ first, last uint32 }) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(b.last, a.last))
	})
	kept := all[:0]
	for _, s := range all { // of prefixes that overlap, one holds the other
		if len(kept) == 0 || s.first > kept[len(kept)-1].last {
			kept = append(kept, s)
		}
	}
	return kept
}

// touch tells whether a route's prefix and they have addresses in common.
func (all stretches) touch(r lpm.Route) bool {
	i, _ := slices.BinarySearchFunc(all, r.Addr, func(s struct{ first, last uint32 }, addr uint32) int { return cmp.Compare(s.last, addr) })
	return i < len(all) && uint64(all[i].first) < uint64(r.Addr)+1<<(32-r.Len)
}
