package vrftable

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// twin is the naive twin of Table: it keeps the configuration in maps and works everything out from scratch, in the
// plainest way, after every batch. It checks nothing: it is given only batches that the table accepted.
type twin struct {
	portUp map[string]bool
	l2     map[string]*twinL2
	ifaces map[string]*twinIface
	routes map[string]map[string]Route // by VR, by identity
	lists  map[string][]PrefixRule
	maps   map[string][]RouteMapEntry
	imps   map[string]SetImportMap
	have   map[string]map[netip.Prefix]bool // imported, by VRF: what is in stays in
	exps   map[string]SetExportMap
	vrs    map[string]bool
	paths  map[string]int  // maximum paths, by VR
	stale  map[string]bool // by VR and identity of the route: its peer restarts
	tab    *Table          // for the numbers that decide last: interface indexes and tables

	lookups int // that are left for the gateway at hand
}

type twinL2 struct {
	port  string
	vlan  uint16
	up    bool
	neigh map[netip.Addr]twinNeighbor
}

type twinNeighbor struct {
	mac   MAC
	owner string
}

type twinIface struct {
	AddInterface
	admin bool
}

// twinPath is a candidate with all that decides about it.
type twinPath struct {
	source   Source
	distance uint8
	nh       NextHop // Via, Discard, Reject, Local or Glean
	nhVR     string  // where a gateway is looked up
	iface    string  // of Local and Glean
	tag      uint32
	attrs    *Attributes
	peer     Peer
	onLink   bool
	from     string
	policy   netip.Prefix
	group    []*twinPath // exported or imported with these; nil: alone
	to       twinHop
	ok       bool
}

// twinHop is what an adjacency should say.
type twinHop struct {
	kind    Kind
	iface   string
	gateway netip.Addr
	mac     MAC
}

func newTwin(tab *Table) *twin {
	return &twin{
		portUp: map[string]bool{}, l2: map[string]*twinL2{}, ifaces: map[string]*twinIface{},
		routes: map[string]map[string]Route{}, lists: map[string][]PrefixRule{}, maps: map[string][]RouteMapEntry{},
		imps: map[string]SetImportMap{}, have: map[string]map[netip.Prefix]bool{}, exps: map[string]SetExportMap{},
		vrs: map[string]bool{Parent: true}, paths: map[string]int{}, stale: map[string]bool{}, tab: tab,
	}
}

func vrName(s string) string {
	if s == "" {
		return Parent
	}
	return s
}

func routeID(r Route) string {
	d := r.Distance
	if d == 0 {
		d = r.Source.Distance()
	}
	if r.Peer.Addr.IsValid() {
		return fmt.Sprint(r.Prefix, r.Peer.Addr)
	}
	nh := r.NextHop
	if nh == nil {
		nh = Via{Gateway: r.Attrs.NextHop}
	}
	return fmt.Sprintf("%v %v %d %T %v", r.Prefix, r.Source, d, nh, nh)
}

func (w *twin) apply(changes []Change) {
	for _, c := range changes {
		switch c := c.(type) {
		case AddPort:
			w.portUp[c.Name] = true
		case SetPortState:
			w.portUp[c.Port] = c.Up
		case AddVRF:
			w.vrs[c.Name] = true
		case DeleteVRF:
			delete(w.vrs, c.Name)
			delete(w.paths, c.Name)
			delete(w.have, c.Name)
		case AddLayer2:
			w.l2[c.Name] = &twinL2{c.Port, c.VLAN, true, map[netip.Addr]twinNeighbor{}}
		case DeleteLayer2:
			delete(w.l2, c.Name)
		case SetLayer2State:
			w.l2[c.Layer2].up = c.Up
		case AddInterface:
			c.VR = vrName(c.VR)
			w.ifaces[c.Name] = &twinIface{c, true}
		case DeleteInterface:
			if i := w.ifaces[c.Name]; i.Layer2 != "" { // static neighbours refuse it
				maps.DeleteFunc(w.l2[i.Layer2].neigh, func(_ netip.Addr, n twinNeighbor) bool { return n.owner == c.Name })
			}
			delete(w.ifaces, c.Name)
		case SetAdmin:
			w.ifaces[c.Interface].admin = c.Up
		case SetFallback:
			w.ifaces[c.Interface].FallbackGlobal = c.Global
		case SetMTU:
			w.ifaces[c.Interface].MTU = c.MTU
		case MoveShare:
			i := w.ifaces[c.Interface]
			if i.Layer2 != c.Layer2 {
				maps.DeleteFunc(w.l2[i.Layer2].neigh, func(_ netip.Addr, n twinNeighbor) bool { return n.owner == c.Interface })
				i.Layer2 = c.Layer2
			}
		case AddNeighbor:
			w.l2[w.ifaces[c.Interface].Layer2].neigh[c.Addr] = twinNeighbor{c.MAC, c.Interface}
		case LearnNeighbor:
			w.l2[w.ifaces[c.Interface].Layer2].neigh[c.Addr] = twinNeighbor{c.MAC, c.Interface}
		case ForgetNeighbor:
			delete(w.l2[w.ifaces[c.Interface].Layer2].neigh, c.Addr)
		case DeleteNeighbor:
			delete(w.l2[w.ifaces[c.Interface].Layer2].neigh, c.Addr)
		case AddRoute:
			w.addRoute(c.Route)
		case AddRoutes:
			for _, r := range c.Routes {
				w.addRoute(r)
			}
		case DeleteRoute:
			if c.Source == Static && c.NextHop == nil {
				maps.DeleteFunc(w.routes[vrName(c.VR)], func(_ string, r Route) bool {
					return r.Source == Static && r.Prefix == c.Prefix && cmp.Or(r.Distance, DistanceStatic) == cmp.Or(c.Distance, DistanceStatic)
				})
				continue
			}
			delete(w.routes[vrName(c.VR)], routeID(c.Route))
		case SetMaximumPaths:
			w.paths[vrName(c.VR)] = c.N
		case PeerUpdate:
			w.peerUpdate(c)
		case MarkPeer:
			for id, r := range w.routes[vrName(c.VR)] {
				if r.Peer.Addr == c.Peer {
					w.stale[vrName(c.VR)+id] = true
				}
			}
		case SweepPeer:
			maps.DeleteFunc(w.routes[vrName(c.VR)], func(id string, r Route) bool { return r.Peer.Addr == c.Peer && w.stale[vrName(c.VR)+id] })
		case DeletePeer:
			maps.DeleteFunc(w.routes[vrName(c.VR)], func(_ string, r Route) bool { return r.Peer.Addr == c.Peer })
		case SetPrefixList:
			w.lists[c.Name] = c.Rules
		case SetRouteMap:
			w.maps[c.Name] = c.Entries
		case SetImportMap:
			w.imps[c.VRF] = c
		case ClearImportMap:
			delete(w.imps, c.VRF)
		case SetExportMap:
			w.exps[c.VRF] = c
		case ClearExportMap:
			delete(w.exps, c.VRF)
		default:
			panic(fmt.Sprintf("the twin does not know %T", c))
		}
	}
}

func (w *twin) addRoute(r Route) {
	vr := vrName(r.VR)
	if w.routes[vr] == nil {
		w.routes[vr] = map[string]Route{}
	}
	w.routes[vr][routeID(r)] = r
	delete(w.stale, vr+routeID(r))
}

func (w *twin) peerUpdate(c PeerUpdate) {
	for _, prefix := range c.Withdrawn {
		delete(w.routes[vrName(c.VR)], routeID(Route{Prefix: prefix, Peer: c.Peer}))
	}
	for _, pr := range c.Routes {
		r := Route{VR: c.VR, Prefix: pr.Prefix, Source: c.Source, Peer: c.Peer, Attrs: pr.Attrs}
		delete(w.routes[vrName(c.VR)], routeID(r))
		permit := c.RouteMap == ""
		for _, e := range w.maps[c.RouteMap] {
			if w.matches(e.Match, &twinPath{attrs: r.Attrs, policy: r.Prefix}) {
				if permit = e.Permit; permit {
					a := *r.Attrs
					e.Set.Apply(&a)
					r.Attrs = &a
				}
				break
			}
		}
		if permit {
			w.addRoute(r)
		}
	}
}

func (w *twin) up(iface string) bool {
	i := w.ifaces[iface]
	if !i.admin {
		return false
	}
	if i.Layer2 == "" {
		return true
	}
	l := w.l2[i.Layer2]
	return l.up && w.portUp[l.port]
}

type twinRIB map[netip.Prefix][]*twinPath

// natives collects a VR's own routes.
func (w *twin) natives(vr string) twinRIB {
	rib := twinRIB{}
	for _, i := range w.ifaces {
		if i.VR != vr {
			continue
		}
		for _, a := range i.Addresses {
			net := a.Masked()
			if a.Bits() < 32 {
				rib[net] = append(rib[net], &twinPath{source: Connected, nh: Glean, iface: i.Name, policy: net})
			}
			own := netip.PrefixFrom(a.Addr(), 32)
			rib[own] = append(rib[own], &twinPath{source: OwnAddress, nh: Local, iface: i.Name, policy: net})
			if i.Layer2 == "" {
				continue
			}
			for addr := range w.l2[i.Layer2].neigh {
				if host := netip.PrefixFrom(addr, 32); net.Contains(addr) && a.Bits() < 32 {
					rib[host] = append(rib[host], &twinPath{source: Neighbor, distance: DistanceNeighbor,
						nh: Via{addr, i.Name}, policy: net})
				}
			}
		}
	}
	for _, r := range w.routes[vr] {
		p := &twinPath{source: r.Source, distance: r.Distance, nh: r.NextHop, nhVR: vr, tag: r.Tag, attrs: r.Attrs, peer: r.Peer, onLink: r.OnLink,
			policy: r.Prefix}
		if p.distance == 0 {
			p.distance = r.Source.Distance()
		}
		if p.nh == nil {
			p.nh = Via{Gateway: r.Attrs.NextHop}
		}
		rib[r.Prefix] = append(rib[r.Prefix], p)
	}
	for _, all := range rib {
		for _, p := range all {
			w.lookups = maxLookups
			p.to, p.ok = w.resolve(rib, p, 0)
		}
	}
	return rib
}

func (w *twin) resolve(rib twinRIB, p *twinPath, depth int) (twinHop, bool) {
	if p.iface != "" {
		return twinHop{kind: p.nh.(Kind), iface: p.iface}, w.up(p.iface)
	}
	v, ok := p.nh.(Via)
	if !ok {
		return twinHop{kind: p.nh.(Kind)}, true
	}
	if v.Interface != "" {
		return w.hopTo(v.Interface, v.Gateway), w.up(v.Interface)
	}
	if depth == maxRecursion || w.lookups == 0 {
		return twinHop{}, false
	}
	w.lookups--
	var through []*twinPath
	bits := -1
	for prefix, all := range rib {
		if !prefix.Contains(v.Gateway) || prefix.Bits() < bits {
			continue
		}
		for _, c := range all {
			via, isVia := c.nh.(Via)
			switch {
			case c.source == OwnAddress && p.onLink:
				return twinHop{}, false // a station must be another's
			case c.source != Connected && (p.onLink || c.source != OwnAddress && c.source != Static),
				c.iface != "" && !w.up(c.iface),
				isVia && via.Interface != "" && !w.up(via.Interface):
				continue
			}
			if prefix.Bits() > bits {
				through, bits = nil, prefix.Bits()
			}
			through = append(through, c)
		}
	}
	slices.SortFunc(through, func(a, b *twinPath) int {
		if w.better(a, b) {
			return -1
		}
		return 1
	})
	for _, c := range through {
		switch c.nh {
		case NextHop(Local):
			return twinHop{}, false
		case NextHop(Glean):
			return w.hopTo(c.iface, v.Gateway), true
		}
		if hop, ok := w.resolve(rib, c, depth+1); ok {
			return hop, true
		}
	}
	return twinHop{}, false
}

func (w *twin) hopTo(iface string, gateway netip.Addr) twinHop {
	h := twinHop{kind: Glean, iface: iface, gateway: gateway}
	if n, ok := w.l2[w.ifaces[iface].Layer2].neigh[gateway]; ok {
		h.kind, h.mac = Forward, n.mac
	}
	return h
}

// better is the order of best paths.
func (w *twin) better(a, b *twinPath) bool {
	first, _ := w.decide(a, b)
	return first
}

// decide also tells the step that it took.
func (w *twin) decide(a, b *twinPath) (bool, Step) {
	if a.distance != b.distance {
		return a.distance < b.distance, StepDistance
	}
	if (a.from == "") != (b.from == "") {
		return a.from == "", StepLeaked
	}
	if a.source.bgp() && b.source.bgp() {
		x, y := attrsOf(a), attrsOf(b)
		switch {
		case x.LocalPref != y.LocalPref:
			return x.LocalPref > y.LocalPref, StepLocalPref
		case len(x.ASPath) != len(y.ASPath):
			return len(x.ASPath) < len(y.ASPath), StepASPath
		case x.Origin != y.Origin:
			return x.Origin < y.Origin, StepOrigin
		case x.MED != y.MED:
			return x.MED < y.MED, StepMED
		}
	}
	if a.source != b.source {
		return a.source < b.source, StepSource
	}
	if c := a.peer.ID.Compare(b.peer.ID); c != 0 { // no peer, no address, comes first
		return c < 0, StepID
	}
	if c := a.peer.Addr.Compare(b.peer.Addr); c != 0 {
		return c < 0, StepPeer
	}
	if c := w.place(a, b); c != 0 {
		return c < 0, StepNextHop
	}
	x, _ := w.tab.VRTable(a.from)
	y, _ := w.tab.VRTable(b.from)
	return x < y, StepTable
}

// why is what RouteInfo.Why says of p.
func (w *twin) why(all []*twinPath, p *twinPath) Step {
	best := w.best(all, false)
	if !p.ok {
		return StepUnresolved
	}
	rival := best
	if p == best {
		rival = w.best(slices.DeleteFunc(slices.Clone(all), func(o *twinPath) bool { return o == p }), false)
	}
	if rival == nil {
		return StepNone
	}
	_, by := w.decide(p, rival)
	return by
}

// place compares next hops; that of several is the first of them.
func (w *twin) place(a, b *twinPath) int {
	first := func(p *twinPath) *twinPath {
		for _, o := range p.group {
			if w.place(o, &twinPath{nh: p.nh, iface: p.iface}) < 0 {
				p = &twinPath{nh: o.nh, iface: o.iface}
			}
		}
		return p
	}
	a, b = first(a), first(b)
	return cmp.Or(gatewayOf(a).Compare(gatewayOf(b)), cmp.Compare(kindRank(a), kindRank(b)),
		cmp.Compare(w.tab.InterfaceIndex(ifaceOf(a)), w.tab.InterfaceIndex(ifaceOf(b))))
}

// equals returns the paths that best is used together with, itself included, one for each next hop; nil: it is used alone.
func (w *twin) equals(vr string, all []*twinPath, best *twinPath) []*twinPath {
	limit := MaxPaths
	if best.source != Static {
		limit = max(1, w.paths[vr])
	}
	if best.source < Static || best.from != "" || !best.spreads() {
		return best.group
	}
	var ties []*twinPath
	for _, p := range all {
		_, via := p.nh.(Via)
		if _, by := w.decide(p, best); p == best || via && p.from == "" && (by == StepID || by == StepPeer || by == StepNextHop) {
			ties = append(ties, p)
		}
	}
	slices.SortFunc(ties, func(a, b *twinPath) int {
		if w.better(a, b) {
			return -1
		}
		return 1
	})
	choose := func(ok func(*twinPath) bool) (set []*twinPath) {
		for _, p := range ties {
			if ok(p) && !slices.ContainsFunc(set, func(o *twinPath) bool { return o.nh == p.nh }) {
				set = append(set, p)
			}
		}
		return set
	}
	set := choose(func(*twinPath) bool { return true })
	if len(set) > limit {
		set = choose((*twinPath).spreads)
		set = set[:min(limit, len(set))]
	}
	if len(set) < 2 {
		return nil
	}
	return set
}

// spreads tells whether the path leads to a neighbour now.
func (p *twinPath) spreads() bool {
	_, via := p.nh.(Via)
	return p.ok && via && (p.to.kind == Forward || p.to.kind == Glean)
}

// hops returns what packets that best is right for go by: each member's, as often as there are members that lead there.
func (w *twin) hops(vr string, all []*twinPath, best *twinPath) (hops []twinHop) {
	for _, p := range w.equals(vr, all, best) {
		if p.spreads() {
			hops = append(hops, p.to)
		}
	}
	if hops == nil {
		hops = append(hops, best.to)
	}
	return hops
}

func ifaceOf(p *twinPath) string {
	if v, ok := p.nh.(Via); ok {
		return v.Interface
	}
	return p.iface
}

func attrsOf(p *twinPath) Attributes {
	a := Attributes{}
	if p.attrs != nil {
		a = *p.attrs
	}
	if a.LocalPref == 0 {
		a.LocalPref = DefaultLocalPref
	}
	return a
}

func gatewayOf(p *twinPath) netip.Addr {
	if v, ok := p.nh.(Via); ok {
		return v.Gateway
	}
	return netip.IPv4Unspecified()
}

func kindRank(p *twinPath) int {
	v, ok := p.nh.(Via)
	switch {
	case p.nh == NextHop(Discard):
		return 0
	case p.nh == NextHop(Reject):
		return 1
	case p.nh == NextHop(Local):
		return 2
	case p.nh == NextHop(Glean):
		return 3
	case ok && v.Interface != "":
		return 4
	}
	return 5
}

func (w *twin) best(all []*twinPath, native bool) *twinPath {
	var best *twinPath
	for _, p := range all {
		if p.ok && (!native || p.from == "") && (best == nil || w.better(p, best)) {
			best = p
		}
	}
	return best
}

// judge asks a route map; nil: denied.
func (w *twin) judge(name string, p *twinPath) *twinPath {
	for _, e := range w.maps[name] {
		if !w.matches(e.Match, p) {
			continue
		}
		if !e.Permit {
			return nil
		}
		c := *p
		if e.Set.LocalPref != 0 || len(e.Set.Communities) > 0 {
			a := Attributes{}
			if p.attrs != nil {
				a = *p.attrs
			}
			if e.Set.LocalPref != 0 {
				a.LocalPref = e.Set.LocalPref
			}
			if e.Set.Additive {
				a.Communities = slices.Clone(a.Communities)
				for _, x := range e.Set.Communities {
					if p.attrs == nil || !slices.Contains(p.attrs.Communities, x) {
						a.Communities = append(a.Communities, x)
					}
				}
			} else if len(e.Set.Communities) > 0 {
				a.Communities = e.Set.Communities
			}
			c.attrs = &a
		}
		return &c
	}
	return nil
}

func (w *twin) matches(m Match, p *twinPath) bool {
	a := attrsOf(p)
	if m.PrefixList != "" {
		permitted := false
		for _, r := range w.lists[m.PrefixList] {
			lo, hi := r.Prefix.Bits(), r.Prefix.Bits()
			if r.GE != 0 {
				lo, hi = int(r.GE), 32
			}
			if r.LE != 0 {
				hi = int(r.LE)
			}
			if r.Prefix.Contains(p.policy.Addr()) && p.policy.Bits() >= lo && p.policy.Bits() <= hi {
				permitted = r.Permit
				break
			}
		}
		if !permitted {
			return false
		}
	}
	if m.Tag != 0 && m.Tag != p.tag {
		return false
	}
	if m.NextHop.IsValid() {
		nh := a.NextHop
		if !nh.IsValid() {
			nh = gatewayOf(p)
		}
		if nh.IsUnspecified() || !m.NextHop.Contains(nh) {
			return false
		}
	}
	if len(m.Communities) > 0 && !slices.ContainsFunc(a.Communities, func(c Community) bool { return slices.Contains(m.Communities, c) }) {
		return false
	}
	return m.ASPath == "" || twinASPath(m.ASPath, a.ASPath)
}

// twinASPath knows the forms "_n_", "^n_", "_n$" and "^$" without a regular expression.
func twinASPath(expr string, path []uint32) bool {
	var n uint32
	fmt.Sscan(strings.Trim(expr, "_^$"), &n)
	switch {
	case expr == "^$":
		return len(path) == 0
	case expr[0] == '^':
		return len(path) > 0 && path[0] == n
	case expr[len(expr)-1] == '$':
		return len(path) > 0 && path[len(path)-1] == n
	}
	return slices.Contains(path, n)
}

func inOrder(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// settle works out the RIBs: VRFs' own routes, exports, the parent's best, imports.
func (w *twin) settle() map[string]twinRIB {
	ribs := map[string]twinRIB{}
	for vr := range w.vrs {
		ribs[vr] = w.natives(vr)
	}
	parent := ribs[Parent]
	for vr, e := range w.exps {
		for prefix, all := range ribs[vr] {
			best := w.best(all, true)
			if best == nil || e.Originated == OriginatedLocal && (best.source == EBGP || best.source == IBGP) {
				continue
			}
			if c := w.judge(e.RouteMap, best); c != nil {
				natives := slices.DeleteFunc(slices.Clone(all), func(p *twinPath) bool { return p.from != "" })
				c.group = w.equals(vr, natives, best)
				c.from, c.distance = vr, cmp.Or(e.Distance, DistanceLeaked)
				parent[prefix] = append(parent[prefix], c)
			}
		}
	}
	for vr := range w.have {
		if _, ok := w.imps[vr]; !ok {
			delete(w.have, vr)
		}
	}
	for vr, m := range w.imps {
		copies := map[netip.Prefix]*twinPath{}
		for prefix, all := range parent {
			if best := w.best(all, false); best != nil && best.from == "" {
				if c := w.judge(m.RouteMap, best); c != nil {
					c.group = w.equals(Parent, all, best)
					c.from, c.distance = Parent, cmp.Or(m.Distance, DistanceLeaked)
					copies[prefix] = c
				}
			}
		}
		have := map[netip.Prefix]bool{}
		order := slices.SortedFunc(maps.Keys(copies), inOrder)
		for _, prefix := range order {
			if w.have[vr][prefix] && len(have) < m.MaxRoutes {
				have[prefix] = true
			}
		}
		for _, prefix := range order {
			if len(have) < m.MaxRoutes {
				have[prefix] = true
			}
		}
		w.have[vr] = have
		for prefix := range have {
			ribs[vr][prefix] = append(ribs[vr][prefix], copies[prefix])
		}
	}
	return ribs
}
