package config

import (
	"maps"
	"slices"

	"vrfwd/vrftable"
)

// differ is a plan in the making: what is in the table, what shall be, and what was found out about both.
type differ struct {
	*Plan
	old, new *objects

	oldLayer2, newLayer2 map[string]*layer2
	keptLayer2           map[string]bool // by name: same port and VLAN in both
	early                map[string]bool // new layer 2 interfaces whose place nothing old has
	oldIface, newIface   map[string]*iface
	kept                 map[string]bool // interfaces that stay, moved or not
	gone                 map[string]bool // interfaces that are deleted, to be made anew or not
	moved                map[string]bool // shares
}

func (d *differ) compareLayer2s() {
	name := func(l *layer2) string { return l.name }
	d.oldLayer2, d.newLayer2 = index(d.old.layer2s, name), index(d.new.layer2s, name)
	taken := index(d.old.layer2s, func(l *layer2) slot { return l.slot })
	d.keptLayer2, d.early = map[string]bool{}, map[string]bool{}
	for name, l := range d.newLayer2 {
		switch was := d.oldLayer2[name]; {
		case was == nil:
			d.early[name] = taken[l.slot] == nil
		case was.slot == l.slot:
			d.keptLayer2[name] = true
		}
	}
}

func (d *differ) compareIfaces() {
	name := func(i *iface) string { return i.name }
	d.oldIface, d.newIface = index(d.old.ifaces, name), index(d.new.ifaces, name)
	d.kept, d.moved, d.gone = map[string]bool{}, map[string]bool{}, map[string]bool{}
	d.own = map[neighborKey]bool{}
	for name, i := range d.newIface {
		was := d.oldIface[name]
		switch {
		case was == nil || was.kind != i.kind || was.vr != i.vr || !slices.Equal(was.addresses, i.addresses):
		case i.layer2 == was.layer2 && (i.layer2 == "" || d.keptLayer2[i.layer2]):
			d.kept[name] = true
		case i.kind == share && i.layer2 != was.layer2 && (d.keptLayer2[i.layer2] || d.early[i.layer2]):
			d.kept[name], d.moved[name] = true, true
		}
	}
	for name := range d.oldIface {
		d.gone[name] = !d.kept[name]
	}
	for name, i := range d.newIface {
		if i.kind == primary && !d.kept[name] {
			for _, a := range i.addresses {
				d.own[neighborKey{i.layer2, a.Addr()}] = true
			}
		}
	}
}

// clearMaps ends the imports and exports that are no more.
func (d *differ) clearMaps() {
	imports := index(d.new.imports, func(m *importMap) string { return m.set.VRF })
	for _, m := range d.old.imports {
		if imports[m.set.VRF] == nil {
			d.drop(vrftable.ClearImportMap{VRF: m.set.VRF})
		}
	}
	exports := index(d.new.exports, func(m *exportMap) string { return m.set.VRF })
	for _, m := range d.old.exports {
		if exports[m.set.VRF] == nil {
			d.drop(vrftable.ClearExportMap{VRF: m.set.VRF})
		}
	}
}

// deleteStatics deletes the static routes that are no more, and those that stand on an interface that goes.
func (d *differ) deleteStatics() {
	stay := index(d.new.statics, (*static).key)
	for i := range d.old.statics {
		s := &d.old.statics[i]
		if stay[s.key()] == nil || d.gone[s.iface()] {
			d.drop(vrftable.DeleteRoute{Route: s.route})
		}
	}
}

func (d *differ) addStatics() {
	had := index(d.old.statics, (*static).key)
	for i := range d.new.statics {
		s := &d.new.statics[i]
		if was := had[s.key()]; was == nil || was.route != s.route || d.gone[s.iface()] {
			d.add(s.at, vrftable.AddRoute{Route: s.route})
		}
	}
}

// setMaximumPaths brings the VRs' numbers of paths up to date; a VRF begins with 1.
func (d *differ) setMaximumPaths() {
	had := map[string]int{}
	for _, p := range d.old.paths {
		had[p.set.VR] = p.set.N
	}
	for _, p := range d.new.paths {
		if p.set.N != max(1, had[p.set.VR]) {
			d.add(p.at, p.set)
		}
	}
}

// deleteNeighbors deletes the static neighbours that are no more, and those of an interface that goes. Others are
// replaced by being added again.
func (d *differ) deleteNeighbors() {
	now := index(d.new.neighbors, (*neighbor).key)
	for i := range d.old.neighbors {
		n := &d.old.neighbors[i]
		if now[n.key()] == nil || d.gone[n.iface] {
			d.drop(vrftable.DeleteNeighbor{Interface: n.iface, Addr: n.addr})
		}
	}
}

func (d *differ) addNeighbors() {
	had := index(d.old.neighbors, (*neighbor).key)
	for i := range d.new.neighbors {
		n := &d.new.neighbors[i]
		if was := had[n.key()]; was == nil || was.iface != n.iface || was.mac != n.mac || d.gone[was.iface] {
			d.add(n.at, vrftable.AddNeighbor{Interface: n.iface, Addr: n.addr, MAC: n.mac})
		}
	}
}

// moveShares moves shares, onto layer 2 interfaces that come early for that.
func (d *differ) moveShares() {
	for i := range d.new.layer2s {
		if l := &d.new.layer2s[i]; d.early[l.name] {
			d.addLayer2(l)
		}
	}
	for i := range d.new.ifaces {
		if s := &d.new.ifaces[i]; d.moved[s.name] {
			d.add(s.at, vrftable.MoveShare{Interface: s.name, Layer2: s.layer2})
		}
	}
}

// deleteIfaces deletes the interfaces that go, then the layer 2 interfaces and VRFs that are empty now.
func (d *differ) deleteIfaces() {
	for _, i := range d.old.ifaces {
		if d.gone[i.name] {
			d.drop(vrftable.DeleteInterface{Name: i.name})
		}
	}
	for _, l := range d.old.layer2s {
		if !d.keptLayer2[l.name] {
			d.drop(vrftable.DeleteLayer2{Name: l.name})
		}
	}
	stay := index(d.new.vrfs, func(v **VRF) string { return (*v).Name })
	for _, v := range d.old.vrfs {
		if stay[v.Name] == nil {
			d.drop(vrftable.DeleteVRF{Name: v.Name})
		}
	}
}

func (d *differ) addVRFs() {
	had := index(d.old.vrfs, func(v **VRF) string { return (*v).Name })
	for _, v := range d.new.vrfs {
		if had[v.Name] == nil {
			d.add(v.At, vrftable.AddVRF{Name: v.Name})
		}
	}
}

func (d *differ) addLayer2(l *layer2) {
	d.add(l.at, vrftable.AddLayer2{Name: l.name, Port: l.slot.port, VLAN: l.slot.vlan})
	if l.shutdown {
		d.add(l.at, vrftable.SetLayer2State{Layer2: l.name, Up: false})
	}
}

func (d *differ) addLayer2s() {
	for i := range d.new.layer2s {
		l := &d.new.layer2s[i]
		switch {
		case d.early[l.name]: // there already
		case !d.keptLayer2[l.name]:
			d.addLayer2(l)
		case d.oldLayer2[l.name].shutdown != l.shutdown:
			d.add(l.at, vrftable.SetLayer2State{Layer2: l.name, Up: !l.shutdown})
		}
	}
}

func (d *differ) addIfaces() {
	for i := range d.new.ifaces {
		i := &d.new.ifaces[i]
		was := d.oldIface[i.name]
		if !d.kept[i.name] {
			d.add(i.at, vrftable.AddInterface{Name: i.name, VR: i.vr, Layer2: i.layer2, Shared: i.kind == share,
				Addresses: i.addresses, FallbackGlobal: i.fallback, MTU: i.mtu})
			was = &iface{fallback: i.fallback, mtu: i.mtu}
		}
		if was.fallback != i.fallback {
			d.add(i.at, vrftable.SetFallback{Interface: i.name, Global: i.fallback})
		}
		if was.mtu != i.mtu {
			d.add(i.at, vrftable.SetMTU{Interface: i.name, MTU: i.mtu})
		}
		if was.shutdown != i.shutdown {
			d.add(i.at, vrftable.SetAdmin{Interface: i.name, Up: !i.shutdown})
		}
	}
}

// setPolicies brings prefix lists, route maps, imports and exports up to date, then deletes the lists and maps that
// nothing uses any more.
func (d *differ) setPolicies() {
	listName, mapName := func(l **PrefixList) string { return (*l).Name }, func(m *routeMap) string { return m.name }
	oldLists, oldMaps := index(d.old.lists, listName), index(d.old.maps, mapName)
	for _, l := range d.new.lists {
		was := oldLists[l.Name]
		delete(oldLists, l.Name)
		if was == nil || !slices.Equal((*was).Rules, l.Rules) {
			d.add(l.At, vrftable.SetPrefixList{Name: l.Name, Rules: l.Rules})
		}
	}
	for _, m := range d.new.maps {
		was := oldMaps[m.name]
		delete(oldMaps, m.name)
		if was == nil || !slices.EqualFunc(was.entries, m.entries, sameEntry) {
			d.add(m.at, vrftable.SetRouteMap{Name: m.name, Entries: m.entries})
		}
	}
	imports := index(d.old.imports, func(m *importMap) string { return m.set.VRF })
	for _, m := range d.new.imports {
		if was := imports[m.set.VRF]; was == nil || was.set != m.set {
			d.add(m.at, m.set)
		}
	}
	exports := index(d.old.exports, func(m *exportMap) string { return m.set.VRF })
	for _, m := range d.new.exports {
		if was := exports[m.set.VRF]; was == nil || was.set != m.set {
			d.add(m.at, m.set)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(oldMaps)) {
		d.drop(vrftable.DeleteRouteMap{Name: name})
	}
	for _, name := range slices.Sorted(maps.Keys(oldLists)) {
		d.drop(vrftable.DeletePrefixList{Name: name})
	}
}

func sameEntry(a, b vrftable.RouteMapEntry) bool {
	return a.Permit == b.Permit && a.Match.PrefixList == b.Match.PrefixList && a.Match.ASPath == b.Match.ASPath &&
		a.Match.NextHop == b.Match.NextHop && a.Match.Tag == b.Match.Tag &&
		slices.Equal(a.Match.Communities, b.Match.Communities) && slices.Equal(a.Set.Communities, b.Set.Communities) &&
		a.Set.Additive == b.Set.Additive && a.Set.LocalPref == b.Set.LocalPref && a.Set.MED == b.Set.MED &&
		slices.Equal(a.Set.Prepend, b.Set.Prepend)
}
