package vrftable

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"

	"vrfwd/internal/offheap"
	"vrfwd/internal/qsbr"
)

// SetMaximumPaths sets how many BGP paths of one prefix a VR uses at a time, 1 to MaxPaths: the best and those that are
// equal to it up to and including "external before internal", with other next hops. At first it is 1. Equal static routes
// are all used, up to MaxPaths, whatever it says.
type SetMaximumPaths struct {
	VR string // "": the parent
	N  int
}

func (c SetMaximumPaths) stage(t *Table) error {
	v, err := t.vrf(c.VR)
	if err != nil {
		return err
	}
	if c.N < 1 || c.N > MaxPaths {
		return refuse(ErrInvalid, "maximum paths of "+v.name, "%d: 1 to %d", c.N, MaxPaths)
	}
	old := v.maxPaths
	set := func(n int) {
		v.maxPaths = n
		for _, id := range v.rib.All4() {
			t.markDirty(id, t.dests.at(id))
		}
	}
	if old == c.N {
		return nil
	}
	set(c.N)
	t.journal.undo(func() { set(old) })
	return nil
}

// group is the next hops that the routes of one or more prefixes use together. It is a next hop itself (nhGroup): what its
// adjacency names is a run of buckets, and of those only words change while the group lives. So a member that cannot be
// used any more, or whose adjacency moves, changes no FIB.
//
// A group is known by its members, those that cannot be used now included: what it is does not depend on their states.
type group struct {
	number  uint16
	members [MaxPaths]uint16 // next hops, in the order of their numbers; 0: none
	n       int
	first   nhKey // the first of the members' keys, in the order of keys: a group's place among next hops
	owners  owners
	before  owners // owners before the batch at hand, if saved
	saved   bool
	touched bool // in Table.touchedGroups
}

// owners are the members, by position, that the buckets belong to.
type owners [GroupBuckets]uint8

const noOwner = 0xff

// share gives the buckets out anew to the members that can be used: at least one. Those have as many as any other or one
// more. A bucket changes hands only if its owner is gone or has more than its share.
//
// Where a member goes no other has to give anything, since 256/(n-1), rounded down, is at least 256/n, rounded up, for n
// up to 16.
func (o *owners) share(usable []uint8) {
	var count [MaxPaths]int
	var in [MaxPaths]bool
	for _, m := range usable {
		in[m] = true
	}
	for b, m := range o {
		if m != noOwner && in[m] {
			count[m]++
		} else {
			o[b] = noOwner
		}
	}
	// Who has most already may have one more than the others.
	order := slices.Clone(usable)
	slices.SortStableFunc(order, func(a, b uint8) int { return cmp.Compare(count[b], count[a]) })
	var quota [MaxPaths]int
	for i, m := range order {
		quota[m] = GroupBuckets / len(order)
		if i < GroupBuckets%len(order) {
			quota[m]++
		}
	}
	for b, m := range o {
		if m != noOwner && count[m] > quota[m] {
			count[m]--
			o[b] = noOwner
		}
	}
	next := 0
	for b, m := range o {
		if m != noOwner {
			continue
		}
		for count[order[next]] == quota[order[next]] {
			next = (next + 1) % len(order)
		}
		o[b] = order[next]
		count[order[next]]++
		next = (next + 1) % len(order)
	}
}

// groups is the memory behind groups: their buckets, by number, in one array for all views.
type groups struct {
	region  *offheap.Region
	buckets []Buckets
	index   map[[MaxPaths]uint16]uint32 // by members: the next hop that is the group
	free    []uint16
	dropped []uint16
	waiting []waitingSlot // given back, oldest first: free once token has passed
	full    bool          // there was no room, and that was logged
}

func (g *groups) init() error {
	r, err := offheap.Alloc(MaxGroups * GroupBuckets * 4)
	if err != nil {
		return fmt.Errorf("vrftable: groups of next hops: %w", err)
	}
	g.region, g.buckets = r, offheap.Slice[Buckets](r, MaxGroups)
	g.index = map[[MaxPaths]uint16]uint32{}
	for n := uint16(MaxGroups - 1); n > 0; n-- {
		g.free = append(g.free, n)
	}
	return nil
}

// prepare takes back the numbers that readers have let go of. They are given out last: counters go by number.
func (g *groups) prepare(d *qsbr.Domain) {
	n := 0
	for n < len(g.waiting) && d.Passed(g.waiting[n].token) {
		g.free = slices.Insert(g.free, 0, g.waiting[n].slot)
		n++
	}
	g.waiting = slices.Delete(g.waiting, 0, n)
}

// settle starts the grace period of the numbers that the batch gave back; with hold, a later settle does.
func (g *groups) settle(d *qsbr.Domain, hold bool) {
	if len(g.dropped) == 0 || hold {
		return
	}
	token := d.Advance()
	for _, n := range g.dropped {
		g.waiting = append(g.waiting, waitingSlot{n, token})
	}
	g.dropped = g.dropped[:0]
}

// nextHopOf returns the next hop of dest d by its best path: that path's own, or the group of those that go with it.
func (t *Table) nextHopOf(d *dest, best uint32) uint32 {
	p := t.paths.at(best)
	if t.paths.at(d.first).next == 0 {
		return p.nh
	}
	members, n := t.equals(d, p)
	if n < 2 {
		return p.nh
	}
	return t.together(members, n, d, p)
}

// equals returns the next hops that can be used together with p's, in the order of their numbers, p's included. If all
// that are equal are few enough, it is all of them, usable or not; else the best of those that are usable.
func (t *Table) equals(d *dest, p *path) (members [MaxPaths]uint16, n int) {
	limit := MaxPaths
	if p.source != Static {
		limit = t.vrs[d.vr].maxPaths
	}
	if limit == 1 || !p.source.mayGroup() || p.leaked() || !t.spreads(p) {
		return members, 0
	}
	t.ties = t.ties[:0]
	for id := d.first; id != 0; {
		o := t.paths.at(id)
		if o == p || t.equal(o, p) {
			t.ties = append(t.ties, id)
		}
		id = o.next
	}
	if len(t.ties) < 2 {
		return members, 0
	}
	add := func(nh uint32) bool {
		if slices.Contains(members[:n], uint16(nh)) {
			return true
		}
		if n == limit {
			return false
		}
		members[n] = uint16(nh)
		n++
		return true
	}
	for _, id := range t.ties {
		if add(t.paths.at(id).nh) {
			continue
		}
		slices.SortFunc(t.ties, func(a, b uint32) int { return t.compare(t.paths.at(a), t.paths.at(b)) })
		members, n = [MaxPaths]uint16{}, 0
		for _, id := range t.ties {
			if o := t.paths.at(id); t.spreads(o) && !add(o.nh) {
				break
			}
		}
		break
	}
	slices.Sort(members[:n])
	return members, n
}

// mayGroup tells whether routes of the source may be used several at a time.
func (s Source) mayGroup() bool { return s == Static || s.bgp() }

// spreads tells whether a path can be used now and leads to a neighbour: what is discarded, rejected or for the router
// itself is not shared out.
func (t *Table) spreads(p *path) bool {
	a := t.nexthops[p.nh].adj
	return a != nil && a.key.kind == Forward
}

// equal tells whether a path of p's dest is as good as p but for what decides between equals.
func (t *Table) equal(o, p *path) bool {
	if k := t.nexthops[o.nh].key.kind; o.leaked() || k != nhDirect && k != nhRecursive && k != nhOnLink {
		return false
	}
	_, by := t.decide(o, p)
	return by == StepID || by == StepPeer || by == StepNextHop
}

// together returns the next hop that is the group of members, made where there is none. A new one begins with the buckets
// of what d, whose best path is p, led to before, so that flows stay where they are. Where there is no room for a group, it
// is p's own next hop; that is logged, once until retryGroups.
func (t *Table) together(members [MaxPaths]uint16, n int, d *dest, p *path) uint32 {
	g := &t.groups
	id, ok := g.index[members]
	if !ok {
		if len(g.free) == 0 || len(t.nhIndex) >= maxNextHops {
			if !g.full {
				g.full = true
				t.log.Warn("vrftable: no room for another set of equal next hops: routes use the best of theirs alone", "groups", len(g.index))
			}
			return p.nh
		}
		number := g.free[len(g.free)-1]
		g.free = g.free[:len(g.free)-1]
		fresh := &group{number: number, members: members, n: n}
		fresh.first = t.nexthops[members[0]].key
		for _, m := range members[:n] {
			if k := t.nexthops[m].key; compareKeys(&k, &fresh.first) < 0 {
				fresh.first = k
			}
		}
		t.seed(fresh, d)
		id = t.newNextHop(nhKey{kind: nhGroup, gateway: uint32(number)})
		t.nexthops[id].group = fresh
		for _, m := range members[:n] {
			nh := t.nexthops[m]
			nh.refs++
			nh.groups = append(nh.groups, id)
		}
		g.index[members] = id
	}
	if t.nexthops[id].adj == nil {
		t.evaluateGroup(id)
	}
	return id
}

// groupReserve is how many groups there must be room for again before what found none is tried again.
const groupReserve = MaxGroups / 16

// retryGroups looks again at all that may be in want of a group, once there is room after there was none.
func (t *Table) retryGroups() {
	g := &t.groups
	if !g.full || len(g.free) < groupReserve || len(t.nhIndex)+groupReserve > maxNextHops {
		return
	}
	g.full = false
	for _, v := range t.vrs {
		if v == nil {
			continue
		}
		for _, id := range v.rib.All4() {
			if d := t.dests.at(id); d.group == 0 && d.first != 0 && t.paths.at(d.first).next != 0 {
				t.markDirty(id, d)
			}
		}
	}
}

// seed gives a new group the buckets that d's flows have: those of the group, or all of the next hop, that it led to.
func (t *Table) seed(fresh *group, d *dest) {
	for b := range fresh.owners {
		fresh.owners[b] = noOwner
	}
	position := func(nh uint16) uint8 {
		if i := slices.Index(fresh.members[:fresh.n], nh); i >= 0 {
			return uint8(i)
		}
		return noOwner
	}
	if d.group != 0 {
		old := t.nexthops[d.group].group
		for b, m := range old.owners {
			if m != noOwner {
				fresh.owners[b] = position(old.members[m])
			}
		}
		return
	}
	if d.best != 0 {
		if m := position(uint16(t.paths.at(d.best).nh)); m != noOwner {
			for b := range fresh.owners {
				fresh.owners[b] = m
			}
		}
	}
}

// evaluateGroup binds a group to its adjacency while any of its members can be used.
func (t *Table) evaluateGroup(id uint32) {
	nh := t.nexthops[id]
	if len(t.usableMembers(nh.group)) > 0 {
		t.bind(id, t.adjacency(adjKey{kind: Group, gateway: nh.key.gateway}))
		t.touchGroup(nh.group)
	} else {
		t.bind(id, nil)
	}
}

// usableMembers returns the positions of the members that can be used now.
func (t *Table) usableMembers(g *group) (all []uint8) {
	for i, m := range g.members[:g.n] {
		if a := t.nexthops[m].adj; a != nil && a.key.kind == Forward {
			all = append(all, uint8(i))
		}
	}
	return all
}

func (t *Table) touchGroup(g *group) {
	if !g.touched {
		g.touched = true
		t.touchedGroups = append(t.touchedGroups, g)
	}
}

// touchGroupsOf notes that the buckets of the groups of a next hop may have changed.
func (t *Table) touchGroupsOf(nh *nexthop) {
	for _, id := range nh.groups {
		t.touchGroup(t.nexthops[id].group)
	}
}

// publishGroups brings the buckets of touched groups up to date. The slots that they name are complete.
func (t *Table) publishGroups() {
	for _, g := range t.touchedGroups {
		usable := t.usableMembers(g)
		if len(usable) == 0 {
			continue
		}
		switch {
		case t.takingBack && g.saved:
			g.owners = g.before
		case !g.saved:
			g.before, g.saved = g.owners, true
		}
		g.owners.share(usable)
		words := &t.groups.buckets[g.number]
		for b, m := range g.owners {
			slot := t.nexthops[g.members[m]].adj.slot
			atomic.StoreUint32(&words[b], uint32(m)<<16|uint32(slot))
		}
	}
}

// settleGroups ends the marks of the batch.
func (t *Table) settleGroups() {
	for _, g := range t.touchedGroups {
		g.touched, g.saved = false, false
	}
	clear(t.touchedGroups)
	t.touchedGroups = trim(t.touchedGroups)
	t.groups.settle(&t.domain, t.owes())
}

// useGroup makes nh the group that d uses, 0: none, and keeps it for that long.
func (t *Table) useGroup(d *dest, nh uint32) {
	if uint32(d.group) == nh {
		return
	}
	if nh != 0 {
		t.nexthops[nh].refs++
	}
	if d.group != 0 {
		t.release(uint32(d.group))
	}
	d.group = uint16(nh)
}

// release drops a reference to a next hop.
func (t *Table) release(id uint32) {
	nh := t.nexthops[id]
	nh.refs--
	if nh.refs == 0 {
		t.idle = append(t.idle, id)
	}
}

// dropGroup ends a group that nothing uses any more.
func (t *Table) dropGroup(id uint32) {
	g := t.nexthops[id].group
	delete(t.groups.index, g.members)
	for _, m := range g.members[:g.n] {
		nh := t.nexthops[m]
		nh.groups = slices.DeleteFunc(nh.groups, func(o uint32) bool { return o == id })
		t.release(uint32(m))
	}
	t.groups.dropped = append(t.groups.dropped, g.number)
}

// compareKeys is the order of next hops: by address, then kind, then interface index. A group's place is that of the
// first of its members.
func compareKeys(a, b *nhKey) int {
	return cmp.Or(cmp.Compare(a.gateway, b.gateway), cmp.Compare(a.kind, b.kind), cmp.Compare(a.iface, b.iface))
}
