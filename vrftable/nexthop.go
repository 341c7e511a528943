package vrftable

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"vrfwd/lpm"
)

// nexthop is what paths share that go the same way. It holds at most one adjacency: none while it cannot be used.
type nexthop struct {
	key    nhKey
	adj    *adjacency
	first  uint32 // its paths
	refs   int    // their number and, of a group, that of dests that use it; of a member, that of its groups
	queued bool   // in Table.queue
	prev   uint32 // the list of next hops of one adjacency
	next   uint32
	groups []uint32 // next hops that are groups with this one among them
	group  *group   // nhGroup: what it is; else nil
}

// place is the key that the next hop is ordered by.
func (nh *nexthop) place() *nhKey {
	if nh.group != nil {
		return &nh.group.first
	}
	return &nh.key
}

type nhKind uint8

const (
	nhDiscard nhKind = iota
	nhReject
	nhLocal     // iface
	nhGlean     // iface
	nhDirect    // iface, gateway
	nhRecursive // vr, gateway
	nhOnLink    // vr, gateway
	nhGroup     // gateway: the group's number
)

type nhKey struct {
	kind    nhKind
	vr      uint16 // nhRecursive, nhOnLink: the table that the gateway is looked up in
	iface   uint16
	gateway uint32
}

// maxNextHops bounds the next hops, and with them the adjacencies in use. Half the slots are kept for what a batch
// replaces while readers may still hold the old ones: a batch never runs out half way.
const maxNextHops = int(lpm.MaxHop-lowSlots) / 2

// nextHop returns the number of the next hop with that key, made where there is none.
func (t *Table) nextHop(k nhKey) (uint32, bool) {
	if k == t.lastKey && t.lastNH != 0 && t.nexthops[t.lastNH] != nil {
		return t.lastNH, true
	}
	id, ok := t.nhIndex[k]
	if !ok {
		if len(t.nhIndex) >= maxNextHops {
			return 0, false
		}
		id = t.newNextHop(k)
		switch k.kind {
		case nhRecursive, nhOnLink:
			t.vrs[k.vr].gatewaysOf(k.kind).Insert(netPrefix(k.gateway, 32), id)
		case nhLocal, nhGlean, nhDirect:
			t.ifaces[k.iface].nexthops[id] = struct{}{}
		}
		t.enqueue(id)
	}
	t.lastKey, t.lastNH = k, id
	return id, true
}

// newNextHop makes a next hop. It goes with the batch if nothing comes to use it.
func (t *Table) newNextHop(k nhKey) (id uint32) {
	if n := len(t.nhFree); n > 0 {
		id, t.nhFree = t.nhFree[n-1], t.nhFree[:n-1]
	} else {
		id = uint32(len(t.nexthops))
		t.nexthops = append(t.nexthops, nil)
	}
	t.nexthops[id] = &nexthop{key: k}
	t.nhIndex[k] = id
	t.idle = append(t.idle, id)
	return id
}

func (t *Table) enqueue(id uint32) {
	if nh := t.nexthops[id]; !nh.queued {
		nh.queued = true
		t.queue = append(t.queue, id)
	}
}

// sweepNextHops removes the next hops that no path uses any more.
func (t *Table) sweepNextHops() {
	for i := 0; i < len(t.idle); i++ { // a group that goes may leave its members idle
		id := t.idle[i]
		nh := t.nexthops[id]
		if nh == nil || nh.refs > 0 {
			continue
		}
		t.bind(id, nil)
		delete(t.nhIndex, nh.key)
		switch nh.key.kind {
		case nhRecursive, nhOnLink:
			t.vrs[nh.key.vr].gatewaysOf(nh.key.kind).Delete(netPrefix(nh.key.gateway, 32))
		case nhLocal, nhGlean, nhDirect:
			delete(t.ifaces[nh.key.iface].nexthops, id)
		case nhGroup:
			t.dropGroup(id)
		}
		t.nexthops[id] = nil
		t.nhFree = append(t.nhFree, id)
	}
	t.idle = trim(t.idle)
	t.lastNH = 0
}

// bind makes a the adjacency of next hop id. Its paths are marked where the hop they have in the FIB changes.
func (t *Table) bind(id uint32, a *adjacency) {
	nh := t.nexthops[id]
	if nh.adj == a {
		return
	}
	if old := nh.adj; old != nil {
		if nh.next != 0 {
			t.nexthops[nh.next].prev = nh.prev
		}
		if nh.prev != 0 {
			t.nexthops[nh.prev].next = nh.next
		} else {
			old.first = nh.next
		}
		if old.first == 0 {
			t.idleAdj = append(t.idleAdj, old)
		}
	}
	nh.adj, nh.prev, nh.next = a, 0, 0
	if a != nil {
		nh.next = a.first
		if a.first != 0 {
			t.nexthops[a.first].prev = id
		}
		a.first = id
	}
	t.markPaths(nh)
	for _, group := range nh.groups {
		t.enqueue(group)
	}
}

// markPaths marks the prefixes of all paths of a next hop, and the gateways that resolve through them.
func (t *Table) markPaths(nh *nexthop) {
	for id := nh.first; id != 0; {
		p := t.paths.at(id)
		t.changed(p, t.dests.at(p.dest))
		id = p.nhNext
	}
}

// recheckGateways queues the next hops whose gateway lies in d's prefix.
func (t *Table) recheckGateways(d *dest) {
	v := t.vrs[d.vr]
	for i := range v.gateways {
		if v.gateways[i].Size4() == 0 {
			continue
		}
		for _, id := range v.gateways[i].Subnets(netip.PrefixFrom(netAddr(d.addr), int(d.bits))) {
			t.enqueue(id)
		}
	}
}

// gatewaysOf returns the index of the next hops of a kind that are looked up in this VR.
func (v *vr) gatewaysOf(k nhKind) *bart.Table[uint32] { return &v.gateways[k-nhRecursive] }
