package vrftable

import (
	"iter"
	"maps"
	"net/netip"
	"slices"

	"vrfwd/lpm"
)

// RouteInfo is a route as the RIB knows it.
type RouteInfo struct {
	VR       string
	Prefix   netip.Prefix
	Source   Source // of the original, where imported or exported
	Distance uint8
	Tag      uint32
	Attrs    *Attributes // the caller's own; nil: none
	Peer     Peer        // it was learned from; the zero value: none

	From string // imported or exported from this VR; "": native
	Best bool   // the route in use for its prefix, or the best of those that are
	Why  Step   // what decided against it or, of the best, for it and against the next best

	// InGroup: it is used together with equal ones, the best's and what is imported or exported of them included; Group is
	// their number, see Groups.
	InGroup bool
	Group   uint16

	// The next hop as configured. Kind: Forward with Gateway and, if named, Interface; Discard, Reject, Local or Glean. An
	// imported or exported route of several next hops is of kind Group.
	Kind      Kind
	Gateway   netip.Addr
	Interface string

	// What it resolves to; zero while it cannot be used.
	Hop      lpm.Hop    // slot in View.Adj
	Egress   string     // interface
	Neighbor netip.Addr // whose MAC the header holds; not valid: the destination itself
}

// Routes yields the routes of a VR in the order of their prefixes, those of one prefix from best to worst. Unknown VRs
// have none. The table is read-locked while the sequence runs: the loop must not call Apply or other queries.
func (t *Table) Routes(vr string) iter.Seq[RouteInfo] {
	return func(yield func(RouteInfo) bool) {
		t.mu.RLock()
		defer t.mu.RUnlock()
		v, err := t.vrf(vr)
		if err != nil {
			return
		}
		t.yieldRoutes(v, v.rib.AllSorted4(), yield)
	}
}

// RoutesIn is Routes of the prefixes that lie in one, itself included.
func (t *Table) RoutesIn(vr string, prefix netip.Prefix) iter.Seq[RouteInfo] {
	return func(yield func(RouteInfo) bool) {
		t.mu.RLock()
		defer t.mu.RUnlock()
		if v, err := t.vrf(vr); err == nil && prefix.Addr().Is4() {
			t.yieldRoutes(v, v.rib.Subnets(prefix), yield)
		}
	}
}

func (t *Table) yieldRoutes(v *vr, dests iter.Seq2[netip.Prefix, uint32], yield func(RouteInfo) bool) {
	var ids []uint32
	for _, did := range dests {
		d := t.dests.at(did)
		ids = ids[:0]
		for id := d.first; id != 0; id = t.paths.at(id).next {
			ids = append(ids, id)
		}
		slices.SortFunc(ids, func(a, b uint32) int { return t.compare(t.paths.at(a), t.paths.at(b)) })
		for _, id := range ids {
			if !yield(t.routeInfo(v, d, id)) {
				return
			}
		}
	}
}

// LookupRIB returns the route in use with the longest prefix that holds addr; false: no route, or no such VR. It knows
// nothing of fallback: a VRF without a route has none.
func (t *Table) LookupRIB(vr string, addr netip.Addr) (RouteInfo, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v, err := t.vrf(vr)
	if err != nil || !addr.Is4() {
		return RouteInfo{}, false
	}
	for _, did := range v.rib.Supernets(netip.PrefixFrom(addr, 32)) {
		if d := t.dests.at(did); d.best != 0 {
			return t.routeInfo(v, d, d.best), true
		}
	}
	return RouteInfo{}, false
}

func (t *Table) routeInfo(v *vr, d *dest, id uint32) RouteInfo {
	p := t.paths.at(id)
	nh := t.nexthops[p.nh]
	r := RouteInfo{
		VR: v.name, Prefix: d.prefix(), Source: p.source, Distance: p.distance, Tag: p.tag,
		Attrs: t.attrs.decode(p.attrs), Peer: t.peers.peers[p.peer].Peer, Best: d.best == id, Why: t.why(d, id),
	}
	if p.leaked() {
		r.From = t.vrs[t.dests.at(p.origin).vr].name
	}
	if d.group != 0 && t.inGroup(t.nexthops[d.group].group, d, p) {
		r.InGroup, r.Group = true, t.nexthops[d.group].group.number
	}
	switch nh.key.kind {
	case nhDiscard:
		r.Kind = Discard
	case nhReject:
		r.Kind = Reject
	case nhLocal:
		r.Kind = Local
	case nhGlean:
		r.Kind = Glean
	case nhGroup:
		r.Kind, r.InGroup, r.Group = Group, r.Best, nh.group.number
	default:
		r.Kind, r.Gateway = Forward, netAddr(nh.key.gateway)
	}
	if nh.key.iface != 0 {
		r.Interface = t.ifaces[nh.key.iface].name
	}
	if a := nh.adj; a != nil {
		r.Hop = a.slot
		if a.key.iface != 0 {
			r.Egress = t.ifaces[a.key.iface].name
		}
		if a.key.gateway != 0 && a.key.kind != Group {
			r.Neighbor = netAddr(a.key.gateway)
		}
	}
	return r
}

// InterfaceInfo is an IP interface with what it stands on and its state.
type InterfaceInfo struct {
	Name           string
	Index          uint16 // in Ingress.Iface, Adjacency.Iface and the workers' counters
	VR             string
	Table          uint16
	Layer2, Port   string // "": loopback
	PortNumber     uint16
	VLAN           uint16
	MAC            MAC
	MTU            uint16 // in force; 0: loopback
	Shared         bool
	FallbackGlobal bool
	AdminUp, Up    bool
	Addresses      []netip.Prefix
}

// Interfaces lists the IP interfaces by index.
func (t *Table) Interfaces() []InterfaceInfo {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var all []InterfaceInfo
	for _, i := range t.ifaces {
		if i == nil {
			continue
		}
		info := InterfaceInfo{
			Name: i.name, Index: i.index, VR: i.vr.name, Table: i.vr.table, Shared: i.shared, FallbackGlobal: i.fallback,
			AdminUp: i.admin, Up: i.up, Addresses: slices.Clone(i.addrs),
		}
		if l := i.l2; l != nil {
			info.Layer2, info.Port, info.PortNumber = l.name, l.port.name, l.port.number
			info.VLAN, info.MAC, info.MTU = l.vlan, l.port.mac, i.effectiveMTU()
		}
		all = append(all, info)
	}
	return all
}

// InterfaceGeneration changes with every batch that may have changed what Interfaces lists: who keeps a copy compares
// it, for the price of one load, before each use. It changes before the batch is in force, and Interfaces, called after
// that, waits for it.
func (t *Table) InterfaceGeneration() uint64 { return t.ifaceGeneration.Load() }

// InterfaceIndex returns the index of an interface by name; 0: there is none.
func (t *Table) InterfaceIndex(name string) uint16 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if i := t.ifaceNames[name]; i != nil {
		return i.index
	}
	return 0
}

// InterfaceName is the inverse of InterfaceIndex; "": there is none.
func (t *Table) InterfaceName(index uint16) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if int(index) < len(t.ifaces) && t.ifaces[index] != nil {
		return t.ifaces[index].name
	}
	return ""
}

// VRInfo is a VR and the size of its tables.
type VRInfo struct {
	Name         string
	Table        uint16 // 0: the parent
	Prefixes     int    // in the RIB
	Routes       int    // added by AddRoute
	FIB          int    // prefixes in the FIB
	Imported     int
	Paths        [Originated + 1]int // native paths by Source
	MaximumPaths int                 // see SetMaximumPaths
}

// VRs lists the parent and the VRFs by table.
func (t *Table) VRs() []VRInfo {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var all []VRInfo
	for _, v := range t.vrs {
		if v == nil {
			continue
		}
		info := VRInfo{Name: v.name, Table: v.table, Prefixes: v.rib.Size4(), Routes: v.routes(), Imported: v.imported,
			Paths: v.paths, MaximumPaths: v.maxPaths}
		if v.table == 0 {
			info.FIB = t.global.Len()
		} else {
			info.FIB = t.set.Len(v.table)
		}
		all = append(all, info)
	}
	return all
}

// VRTable returns a VR's table number; false: there is no such VR.
func (t *Table) VRTable(name string) (uint16, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v, err := t.vrf(name)
	if err != nil {
		return 0, false
	}
	return v.table, true
}

// HasPeer tells whether a VR has routes of the peer with an IPv4 address, whatever its BGP identifier. It costs a walk over the VR's
// RIB where some VR has.
func (t *Table) HasPeer(vr string, peer netip.Addr) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v, a, err := t.peerOf(vr, peer)
	if err != nil || !t.peers.known(a) {
		return false
	}
	for _, did := range v.rib.All4() {
		if t.pathOf(did, a) != 0 {
			return true
		}
	}
	return false
}

// ImportInfo is a VRF's global import map and its counters.
type ImportInfo struct {
	VRF, RouteMap string
	MaxRoutes     int
	Imported      int
	Refused       uint64 // routes that found no room, since the map was set
	Limited       bool   // permitted routes may be waiting for room
}

// Imports lists the VRFs with an import map by table.
func (t *Table) Imports() []ImportInfo {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var all []ImportInfo
	for _, v := range t.vrs {
		if v != nil && v.imp != nil {
			m := v.imp
			all = append(all, ImportInfo{v.name, m.routeMap.name, m.max, v.imported, m.refused, m.limited})
		}
	}
	return all
}

// ExportInfo is a VRF's global export map and what it exports.
type ExportInfo struct {
	VRF, RouteMap string
	Originated    Origination
	Distance      uint8
	Exported      int
}

// Exports lists the VRFs with an export map by table.
func (t *Table) Exports() []ExportInfo {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var all []ExportInfo
	for _, v := range t.vrs {
		if v == nil || v.exp == nil {
			continue
		}
		info := ExportInfo{VRF: v.name, RouteMap: v.exp.routeMap.name, Originated: v.exp.originated, Distance: v.exp.distance}
		for _, id := range v.rib.All4() {
			if t.dests.at(id).leaks != 0 { // a VRF's routes are leaked to the parent alone, each once
				info.Exported++
			}
		}
		all = append(all, info)
	}
	return all
}

// NeighborInfo is a known neighbour of a layer 2 interface.
type NeighborInfo struct {
	Layer2  string
	Addr    netip.Addr
	MAC     MAC
	Via     string // interface that AddNeighbor named
	Learned bool   // by LearnNeighbor; else static
}

// Neighbors lists the neighbours by layer 2 interface and address.
func (t *Table) Neighbors() []NeighborInfo {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var all []NeighborInfo
	for _, name := range slices.Sorted(maps.Keys(t.layer2s)) {
		l := t.layer2s[name]
		for _, addr := range slices.Sorted(maps.Keys(l.neighbors)) {
			n := l.neighbors[addr]
			all = append(all, NeighborInfo{name, netAddr(addr), n.mac, n.owner.name, n.learned})
		}
	}
	return all
}
