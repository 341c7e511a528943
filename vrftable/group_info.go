package vrftable

import (
	"net/netip"
	"slices"

	"vrfwd/lpm"
)

// GroupInfo is a set of next hops that routes use together.
type GroupInfo struct {
	Number  uint16  // in Adjacency.Group, and in the workers' counters: given out anew when the group is gone, last of all
	Hop     lpm.Hop // its slot in View.Adj; 0: no member can be used
	Routes  int     // prefixes that lead to it, in all VRs
	Members []MemberInfo
}

// MemberInfo is a member of a group. Its position is its number in the workers' counters, for as long as the group lives.
type MemberInfo struct {
	Gateway   netip.Addr
	Interface string     // named by the route; "": none
	Egress    string     // interface that it resolves to; "": it cannot be used
	Neighbor  netip.Addr // whose MAC the header holds
	Hop       lpm.Hop    // slot in View.Adj; 0: it cannot be used
	Buckets   int        // of GroupBuckets
}

// Groups lists the groups by number.
func (t *Table) Groups() []GroupInfo {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var all []GroupInfo
	for _, id := range t.groups.index {
		all = append(all, t.groupInfo(id))
	}
	slices.SortFunc(all, func(a, b GroupInfo) int { return int(a.Number) - int(b.Number) })
	return all
}

func (t *Table) groupInfo(id uint32) GroupInfo {
	nh := t.nexthops[id]
	g := nh.group
	info := GroupInfo{Number: g.number, Routes: nh.refs}
	if nh.adj != nil {
		info.Hop = nh.adj.slot
	}
	for i, m := range g.members[:g.n] {
		nh := t.nexthops[m]
		member := MemberInfo{Gateway: netAddr(nh.key.gateway)}
		if nh.key.iface != 0 {
			member.Interface = t.ifaces[nh.key.iface].name
		}
		if a := nh.adj; a != nil && a.key.kind == Forward {
			member.Hop, member.Egress, member.Neighbor = a.slot, t.ifaces[a.key.iface].name, netAddr(a.key.gateway)
			for _, owner := range g.owners {
				if int(owner) == i {
					member.Buckets++
				}
			}
		}
		info.Members = append(info.Members, member)
	}
	return info
}

// inGroup tells whether path p of d is one of those that the group which d uses is made of, and can be used.
func (t *Table) inGroup(g *group, d *dest, p *path) bool {
	best := t.paths.at(d.best)
	return t.spreads(p) && slices.Contains(g.members[:g.n], uint16(p.nh)) && (p == best || t.equal(p, best))
}
