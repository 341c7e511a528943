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
	tab    *Table // for the numbers that decide last: interface indexes and tables
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
	from     string
	policy   netip.Prefix
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
		vrs: map[string]bool{Parent: true}, tab: tab,
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
	if !r.Source.bgp() {
		return fmt.Sprint(r.Prefix, r.Source, d)
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
			delete(w.routes[vrName(c.VR)], routeID(c.Route))
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
		p := &twinPath{source: r.Source, distance: r.Distance, nh: r.NextHop, nhVR: vr, tag: r.Tag, attrs: r.Attrs, policy: r.Prefix}
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
	if depth == maxRecursion {
		return twinHop{}, false
	}
	var best *twinPath
	bits := -1
	for prefix, all := range rib {
		if !prefix.Contains(v.Gateway) || prefix.Bits() < bits {
			continue
		}
		for _, c := range all {
			via, isVia := c.nh.(Via)
			switch {
			case c.source != Connected && c.source != OwnAddress && c.source != Static,
				c.iface != "" && !w.up(c.iface),
				isVia && via.Interface != "" && !w.up(via.Interface):
				continue
			}
			if prefix.Bits() > bits || w.better(c, best) {
				best, bits = c, prefix.Bits()
			}
		}
	}
	switch {
	case best == nil || best.nh == NextHop(Local):
		return twinHop{}, false
	case best.nh == NextHop(Glean):
		return w.hopTo(best.iface, v.Gateway), true
	}
	return w.resolve(rib, best, depth+1)
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
	if a.distance != b.distance {
		return a.distance < b.distance
	}
	if (a.from == "") != (b.from == "") {
		return a.from == ""
	}
	if a.source.bgp() && b.source.bgp() {
		x, y := attrsOf(a), attrsOf(b)
		switch {
		case x.LocalPref != y.LocalPref:
			return x.LocalPref > y.LocalPref
		case len(x.ASPath) != len(y.ASPath):
			return len(x.ASPath) < len(y.ASPath)
		case x.Origin != y.Origin:
			return x.Origin < y.Origin
		case x.MED != y.MED:
			return x.MED < y.MED
		}
	}
	if a.source != b.source {
		return a.source < b.source
	}
	if c := gatewayOf(a).Compare(gatewayOf(b)); c != 0 {
		return c < 0
	}
	if c := cmp.Compare(kindRank(a), kindRank(b)); c != 0 {
		return c < 0
	}
	if c := cmp.Compare(w.tab.InterfaceIndex(ifaceOf(a)), w.tab.InterfaceIndex(ifaceOf(b))); c != 0 {
		return c < 0
	}
	x, _ := w.tab.VRTable(a.from)
	y, _ := w.tab.VRTable(b.from)
	return x < y
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
