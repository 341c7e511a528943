package vrftable

import (
	"cmp"
	"slices"

	"github.com/gaissmai/bart"
)

// SetImportMap makes a VRF import those of the parent's routes in use that the route map permits, with the original's
// next hop and interface. At MaxRoutes it imports no more, logs that once and counts what it refuses; what was imported
// stays, and when room appears the missing ones come in the order of their prefixes. Again: replaces map and limit; if
// the limit is now below what is imported, the last in that order go.
type SetImportMap struct {
	VRF, RouteMap string
	MaxRoutes     int   // at least 1
	Distance      uint8 // of imported routes in the VRF; 0: DistanceLeaked, so that the VRF's own routes win
}

// ClearImportMap ends a VRF's import and withdraws what it imported.
type ClearImportMap struct{ VRF string }

// Origination says which of a VRF's routes an export map may export.
type Origination uint8

const (
	OriginatedLocal Origination = iota // connected, static, and routes that the PE originates
	OriginatedAll                      // all but imported ones
)

// SetExportMap makes the parent have those of a VRF's own routes that the route map permits. They keep next hop and
// interface: they lead to the VRF's interfaces. Without a map nothing is exported.
type SetExportMap struct {
	VRF, RouteMap string
	Originated    Origination
	Distance      uint8 // of exported routes in the parent; 0: DistanceLeaked, so that the parent's own routes win
}

// ClearExportMap ends a VRF's export and withdraws what it exported.
type ClearExportMap struct{ VRF string }

type importMap struct {
	routeMap *routeMap
	max      int
	distance uint8
	refused  uint64 // routes that were not imported at the limit
	limited  bool   // there may be permitted routes that are not imported
	rejudge  bool   // the map or the limit is new: judge everything again
	group    *importGroup
	was      importState // when fill began
}

// importState is what fill keeps of a VRF while it imports.
type importState struct {
	limited  bool
	refused  uint64
	imported bool // something
	forRoom  bool // it looks for what waits for room: where there is none it is done
}

type exportMap struct {
	routeMap   *routeMap
	originated Origination
	distance   uint8
	rejudge    bool
}

// importGroup is the VRFs that import by one route map: it is asked once per route for all of them.
type importGroup struct {
	routeMap   *routeMap
	vrs        []*vr
	asked      bool // in importers.asked
	verdict    verdict
	filling    bool     // in importers.filling
	candidates []uint32 // the parent's dests that are permitted and changed in the batch at hand
}

// importers are the VRFs with import maps.
type importers struct {
	stale   bool                       // groups of a VRF, or what their maps can permit
	covers  bart.Table[[]*importGroup] // by what their maps can permit
	asked   []*importGroup             // about the route at hand
	filling []*importGroup             // something may be missing in their VRFs
	scratch [2][]*vr                   // of fill
}

// deriveExports brings the parent's exported routes in line with the VRFs' own routes and export maps.
func (t *Table) deriveExports() {
	for _, v := range t.touchedVRs {
		if v.unexport || v.exp != nil && v.exp.rejudge {
			for _, id := range v.rib.All4() {
				t.markDirty(id, t.dests.at(id))
			}
			v.unexport = false
			if v.exp != nil {
				v.exp.rejudge = false
			}
		}
	}
	for _, id := range t.dirtyVRF {
		d := t.dests.at(id)
		if e := t.vrs[d.vr].exp; e != nil || d.leaks != 0 {
			t.export(e, id, d)
		}
	}
}

// export brings the one exported copy of d, if any, in line with export map e.
func (t *Table) export(e *exportMap, id uint32, d *dest) {
	var want verdict
	best, nh := uint32(0), uint32(0)
	if e != nil {
		best = t.bestOf(d, true)
	}
	if best != 0 {
		if p := t.paths.at(best); e.originated == OriginatedAll || p.source.local() {
			want = t.judge(e.routeMap, p, d)
			nh = t.nextHopOf(d, best)
		}
	}
	distance := uint8(0)
	if want.permit {
		distance = e.distance
	}
	t.setLeak(t.vrs[0], d.leaks, id, best, nh, distance, want)
	t.attrs.release(want.attrs)
}

// setLeak makes the copy of dest from in VR to what the verdict on from's path best asks for. Its next hop is nh: best's, or
// the group that best is of. leak is the copy there is; 0: none. It tells whether there is a copy now.
func (t *Table) setLeak(to *vr, leak, from, best, nh uint32, distance uint8, want verdict) bool {
	if !want.permit {
		if leak != 0 {
			t.unlinkLeak(leak)
		}
		return false
	}
	b := t.paths.at(best)
	p := path{
		nh: nh, attrs: want.attrs, tag: b.tag, origin: from, source: b.source, distance: distance, peer: b.peer,
	}
	if leak != 0 {
		if l := t.paths.at(leak); l.nh == p.nh && l.attrs == p.attrs && l.tag == p.tag && l.source == p.source &&
			l.distance == p.distance && l.peer == p.peer {
			return true
		}
		t.unlinkLeak(leak)
	}
	t.attrs.retain(p.attrs)
	t.peers.retain(p.peer)
	d := t.dests.at(from)
	id := t.newPath(to, d.prefix(), p)
	n := t.paths.at(id)
	n.leakNext = d.leaks
	if d.leaks != 0 {
		t.paths.at(d.leaks).leakPrev = id
	}
	d.leaks = id
	return true
}

func (t *Table) unlinkLeak(id uint32) {
	p := t.paths.at(id)
	if p.leakNext != 0 {
		t.paths.at(p.leakNext).leakPrev = p.leakPrev
	}
	if p.leakPrev != 0 {
		t.paths.at(p.leakPrev).leakNext = p.leakNext
	} else {
		t.dests.at(p.origin).leaks = p.leakNext
	}
	t.unlink(id)
	t.freePath(id)
}

// importable returns the parent's path that may be imported from d: the one in use, unless it was exported by a VRF.
func (t *Table) importable(d *dest) uint32 {
	if d.best == 0 || t.paths.at(d.best).leaked() {
		return 0
	}
	return d.best
}

// inUse returns the next hop that d's route in use leads to: the best path's own, or a group; 0: there is no route.
func (t *Table) inUse(d *dest) uint32 {
	if d.group != 0 || d.best == 0 {
		return uint32(d.group)
	}
	return t.paths.at(d.best).nh
}

// deriveImports brings the VRFs' imported routes in line with the parent's routes in use and the import maps:
// withdrawals and updates first, then what there is room for.
func (t *Table) deriveImports() {
	t.groupImporters()
	for _, id := range t.dirtyParent {
		if d := t.dests.at(id); d.leaks != 0 || t.importers.covers.Size4() > 0 {
			t.reimport(id, d)
		}
	}
	for _, v := range t.touchedVRs {
		if v.imp == nil && v.imported > 0 || v.imp != nil && v.imp.rejudge {
			t.rejudge(v)
		}
	}
	for _, g := range t.importers.filling {
		t.fill(g)
	}
	t.importers.filling = trim(t.importers.filling)
}

// toFill notes that something may be missing in VRFs of g.
func (t *Table) toFill(g *importGroup) {
	if !g.filling {
		g.filling = true
		t.importers.filling = append(t.importers.filling, g)
	}
}

// withdrawn counts an import of v less. The room that it leaves is filled where something waits for it.
func (t *Table) withdrawn(v *vr) {
	v.imported--
	if v.imp != nil && v.imp.limited {
		t.toFill(v.imp.group)
	}
}

// groupImporters sorts the VRFs with import maps by map, and the maps by what they can permit.
func (t *Table) groupImporters() {
	if !t.importers.stale {
		return
	}
	t.importers = importers{}
	index := map[*routeMap]*importGroup{}
	for _, v := range t.vrs {
		if v == nil || v.imp == nil {
			continue
		}
		g := index[v.imp.routeMap]
		if g == nil {
			g = &importGroup{routeMap: v.imp.routeMap}
			index[v.imp.routeMap] = g
			for _, cover := range g.routeMap.covers() {
				groups, _ := t.importers.covers.Get(cover)
				t.importers.covers.Insert(cover, append(groups, g))
			}
		}
		v.imp.group = g
		g.vrs = append(g.vrs, v)
	}
}

// ask returns the group's verdict on a path of d, judged once between calls of forget.
func (t *Table) ask(g *importGroup, best uint32, d *dest) verdict {
	if best == 0 {
		return verdict{}
	}
	if !g.asked {
		g.asked, g.verdict = true, t.judge(g.routeMap, t.paths.at(best), d)
		t.importers.asked = append(t.importers.asked, g)
	}
	return g.verdict
}

func (t *Table) forget() {
	for _, g := range t.importers.asked {
		t.attrs.release(g.verdict.attrs)
		g.asked, g.verdict = false, verdict{}
	}
	t.importers.asked = t.importers.asked[:0]
}

// reimport updates and withdraws the imported copies of the parent's dest d, and notes it as a candidate of the groups
// that permit it.
func (t *Table) reimport(id uint32, d *dest) {
	best := t.importable(d)
	for leak := d.leaks; leak != 0; {
		next := t.paths.at(leak).leakNext
		v := t.vrs[t.dests.at(t.paths.at(leak).dest).vr]
		var want verdict
		distance := uint8(0)
		if v.imp != nil {
			want, distance = t.ask(v.imp.group, best, d), v.imp.distance
		}
		if !t.setLeak(v, leak, id, best, t.inUse(d), distance, want) {
			t.withdrawn(v)
		}
		leak = next
	}
	if best != 0 {
		for _, groups := range t.importers.covers.Supernets(d.prefix()) { // the covers of one map are disjoint
			for _, g := range groups {
				if t.ask(g, best, d).permit {
					g.candidates = append(g.candidates, id)
					t.toFill(g)
				}
			}
		}
	}
	t.forget()
}

// rejudge updates and withdraws everything that v imported, for a new map or none, and what is above a new limit.
func (t *Table) rejudge(v *vr) {
	type copied struct{ leak, from uint32 }
	var all []copied
	for _, did := range v.rib.AllSorted4() {
		if leak := t.importIn(did); leak != 0 {
			all = append(all, copied{leak, t.paths.at(leak).origin})
		}
	}
	for _, c := range all {
		d := t.dests.at(c.from)
		var want verdict
		distance := uint8(0)
		if best := t.importable(d); v.imp != nil && best != 0 {
			want, distance = t.judge(v.imp.routeMap, t.paths.at(best), d), v.imp.distance
			t.setImported(v, c.leak, c.from, best, distance, want)
		} else {
			t.setImported(v, c.leak, c.from, 0, 0, verdict{})
		}
		t.attrs.release(want.attrs)
	}
	if v.imp == nil {
		return
	}
	t.toFill(v.imp.group)
	for i := len(all) - 1; i >= 0 && v.imported > v.imp.max; i-- {
		if leak := t.importOf(v, t.dests.at(all[i].from)); leak != 0 {
			t.setImported(v, leak, all[i].from, 0, 0, verdict{})
		}
	}
}

func (t *Table) setImported(v *vr, leak, from, best uint32, distance uint8, want verdict) {
	if !t.setLeak(v, leak, from, best, t.inUse(t.dests.at(from)), distance, want) {
		t.withdrawn(v)
	}
}

// importIn returns the imported path of a VRF's dest; 0: none.
func (t *Table) importIn(did uint32) uint32 {
	for id := t.dests.at(did).first; id != 0; id = t.paths.at(id).next {
		if t.paths.at(id).leaked() {
			return id
		}
	}
	return 0
}

// importOf returns v's imported path of the parent's dest d; 0: none.
func (t *Table) importOf(v *vr, d *dest) uint32 {
	if did, ok := v.rib.Get(d.prefix()); ok {
		return t.importIn(did)
	}
	return 0
}

// fill imports into the VRFs of g what is permitted and missing, in the order of prefixes, while there is room: of all
// the parent's routes that the map can permit where the map or the limit is new or there is room again, else of those
// that became permitted in this batch.
func (t *Table) fill(g *importGroup) {
	all, rest := t.importers.scratch[0][:0], t.importers.scratch[1][:0]
	for _, v := range g.vrs {
		m := v.imp
		forRoom := m.limited && !m.rejudge && v.imported < m.max
		m.was = importState{m.limited && !m.rejudge, m.refused, v.imported > 0, forRoom}
		if m.rejudge || forRoom {
			m.limited = false
			all = append(all, v)
		} else {
			rest = append(rest, v)
		}
	}
	t.importers.scratch = [2][]*vr{all, rest}
	if len(rest) > 0 {
		slices.SortFunc(g.candidates, func(a, b uint32) int {
			x, y := t.dests.at(a), t.dests.at(b)
			return cmp.Or(cmp.Compare(x.addr, y.addr), cmp.Compare(x.bits, y.bits))
		})
		for _, id := range g.candidates {
			t.offer(g, id, rest)
		}
	}
	if len(all) > 0 {
		t.offerAll(g, all)
	}
	for _, v := range g.vrs {
		m := v.imp
		if m.rejudge = false; m.limited && !m.was.limited {
			t.log.Warn("vrftable: import limit reached: no more routes are imported until there is room",
				"event", "import-limit", "vrf", v.name, "route-map", m.routeMap.name, "max-routes", m.max, "refused", m.refused-m.was.refused)
		}
	}
	g.filling, g.candidates = false, trim(g.candidates)
}

// offerAll offers VRFs of g all of the parent's routes that the map can permit.
func (t *Table) offerAll(g *importGroup, vrs []*vr) {
	for _, cover := range g.routeMap.covers() {
		for _, id := range t.vrs[0].rib.Subnets(cover) {
			if vrs = t.offer(g, id, vrs); len(vrs) == 0 {
				return
			}
		}
	}
}

// offer imports the route in use of the parent's dest id into those of the VRFs, all of g, that miss it, if it is
// permitted and there is room. It returns the VRFs without those that are done.
func (t *Table) offer(g *importGroup, id uint32, vrs []*vr) []*vr {
	d := t.dests.at(id)
	best := t.importable(d)
	if best == 0 {
		return vrs
	}
	want := t.judge(g.routeMap, t.paths.at(best), d)
	if want.permit {
		vrs = slices.DeleteFunc(vrs, func(v *vr) bool {
			m := v.imp
			switch {
			case m.was.imported && t.importOf(v, d) != 0:
				return false
			case v.imported >= m.max:
				m.limited = true
				m.refused++
				return m.was.forRoom
			}
			t.setLeak(v, 0, id, best, t.inUse(d), m.distance, want)
			v.imported++
			return false
		})
	}
	t.attrs.release(want.attrs)
	return vrs
}
