package config

import (
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"

	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// try applies a configuration to a table of its own, with one route for each gateway of a table file and nothing shut
// down: what the table would refuse is a fault of the configuration, and what its routes lead to is asked for warnings.
func (d *decoder) try(c *Config) {
	t, err := vrftable.New(vrftable.Config{VRFs: len(c.VRFs), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		d.fail(Position{}, "%v", err)
		return
	}
	defer t.Close()
	p, err := c.Changes(nil)
	if err == nil {
		p.sample(waysBack(c.objects.statics))
		err = p.Explain(t.Apply(p.Changes()))
	}
	var fault *Error
	switch {
	case errors.As(err, &fault):
		d.errs = append(d.errs, fault)
	case err != nil:
		d.fail(Position{}, "%v", err)
	default:
		w := &watcher{decoder: d, objects: &c.objects}
		w.watch(c, t)
	}
}

// sample leaves out of a plan what a trial does not need. What says where packets to some addresses go, stays.
func (p *Plan) sample(to stretches) {
	kept := p.steps[:0]
	for _, s := range p.steps {
		switch s.change.(type) {
		case vrftable.SetAdmin, vrftable.SetLayer2State:
			continue
		}
		if s.routes != nil {
			s.routes.routes = onePerHop(s.routes.set, to)
		}
		kept = append(kept, s)
	}
	p.steps = kept
}

// onePerHop takes one route for each gateway, and all that touch some addresses.
func onePerHop(s *routeSet, to stretches) (some []lpm.Route) {
	seen, left := make([]bool, len(s.gateways)), len(s.gateways)
	for _, r := range s.routes {
		switch n := s.number(r); {
		case !seen[n]:
			seen[n] = true
			left--
			some = append(some, r)
		case to.touch(r):
			some = append(some, r)
		case left == 0 && len(to) == 0:
			return some
		}
	}
	return some
}

// watcher looks for what a configuration most likely does not mean.
type watcher struct {
	*decoder
	*objects
	layer2s map[string]*layer2
	primary map[string]*iface // by layer 2 interface
	used    map[string]bool   // layer 2 interfaces that something stands on
}

func (w *watcher) watch(c *Config, t *vrftable.Table) {
	w.layer2s = index(w.objects.layer2s, func(l *layer2) string { return l.name })
	w.primary, w.used = map[string]*iface{}, map[string]bool{}
	for n := range w.ifaces {
		i := &w.ifaces[n]
		if w.used[i.layer2] = true; i.kind == primary {
			w.primary[i.layer2] = i
		}
	}
	w.unused()
	w.watchShares()
	w.watchGateways()
	w.watchNextHops(t)
	w.watchFallback(c, t)
	w.watchNeighbors(c, t)
}

// unused warns of what nothing uses.
func (w *watcher) unused() {
	ports := map[string]bool{}
	for _, l := range w.objects.layer2s {
		if ports[l.slot.port] = true; !w.used[l.name] {
			w.warn(l.at, "layer 2 interface %s has no IP interface: what arrives on it is dropped", l.name)
		}
	}
	for _, p := range w.ports {
		if !ports[p.Name] {
			w.warn(p.At, "port %s has no layer 2 interface: what arrives on it is dropped", p.Name)
		}
	}
	vrfs, named := map[string]bool{}, map[string]bool{}
	for _, i := range w.ifaces {
		vrfs[i.vr] = true
	}
	for _, i := range w.ifaces {
		if i.kind == primary && len(i.addresses) == 0 {
			w.warn(i.at, "interface %s has no address: it answers no ARP, so that nobody finds the router there", i.name)
		}
	}
	for _, v := range w.vrfs {
		if !vrfs[v.Name] {
			w.warn(v.At, "VRF %s has no interface", v.Name)
		}
	}
	for _, s := range w.statics {
		named[s.iface()] = true
	}
	for _, i := range w.ifaces {
		if i.kind == share && !named[i.name] {
			w.warn(i.at, "share %s has no route: nothing is sent on it", i.name)
		}
	}
}

// watchShares warns of shares whose layer 2 interface cannot serve them.
func (w *watcher) watchShares() {
	for _, i := range w.ifaces {
		if i.kind != share {
			continue
		}
		own := w.primary[i.layer2]
		switch {
		case own == nil:
			w.warn(i.at, "share %s: layer 2 interface %s has no primary: no ARP there, so only static neighbours are reached, "+
				"and what arrives is dropped", i.name, i.layer2)
		case own.mtu != i.mtu:
			w.warn(i.at, "share %s: its mtu is %s, but that of %s, the primary of layer 2 interface %s, is %s", i.name,
				mtuText(i.mtu), own.name, i.layer2, mtuText(own.mtu))
		}
	}
}

func mtuText(mtu uint16) string {
	if mtu == 0 {
		return "the port's"
	}
	return strconv.Itoa(int(mtu))
}

// watchGateways warns of routes by an interface whose gateway is not a neighbour there.
func (w *watcher) watchGateways() {
	ifaces := index(w.ifaces, func(i *iface) string { return i.name })
	known := index(w.neighbors, (*neighbor).key)
	for _, s := range w.statics {
		via, ok := s.route.NextHop.(vrftable.Via)
		if !ok || via.Interface == "" {
			continue
		}
		l := ifaces[via.Interface].layer2
		own := w.primary[l]
		if own == nil || known[neighborKey{l, via.Gateway}] != nil || own.reaches(via.Gateway) {
			continue
		}
		w.warn(s.at, "route %v: gateway %v is in no network of %s, the primary of layer 2 interface %s", s.route.Prefix,
			via.Gateway, own.name, l)
	}
}

func (i *iface) reaches(a netip.Addr) bool {
	for _, p := range i.addresses {
		if p.Contains(a) && p.Addr() != a {
			return true
		}
	}
	return false
}

// watchNextHops warns of routes whose gateway leads nowhere.
func (w *watcher) watchNextHops(t *vrftable.Table) {
	statics := index(w.statics, (*static).key)
	for _, v := range t.VRs() {
		for r := range t.Routes(v.Name) {
			if r.Kind != vrftable.Forward || r.Hop != 0 || r.From != "" {
				continue
			}
			at := w.tableOf(&r)
			key := staticKey{r.VR, r.Prefix, r.Distance, vrftable.Via{Gateway: r.Gateway, Interface: r.Interface}}
			if s := statics[key]; s != nil && r.Source == vrftable.Static {
				at = s.at
			}
			w.warn(at, "next hop %v is not connected: no network and no static route of VR %s leads to it", r.Gateway, r.VR)
		}
	}
}

// watchNeighbors warns of BGP neighbours that no route leads to.
func (w *watcher) watchNeighbors(c *Config, t *vrftable.Table) {
	for _, s := range c.Speakers() {
		for _, n := range s.Neighbors {
			if _, ok := t.LookupRIB(s.VR, n.Key); !ok {
				w.warn(n.At, "neighbour %v cannot be reached: no network and no route of VR %s leads to it", n.Key, s.VR)
			}
		}
	}
}

// tableOf returns the place of the table that a route is from.
func (w *watcher) tableOf(r *vrftable.RouteInfo) Position {
	for _, s := range w.tables {
		if s.vr == r.VR && s.source == r.Source && s.distance == r.Distance && slices.Contains(s.gateways, r.Gateway) {
			return s.at
		}
	}
	return Position{}
}

// watchFallback warns of VRFs whose packets reach the Internet by fallback, while answers do not come back, or whose own
// default route lets nothing fall back. What a BGP neighbour of the parent announces from behind a VRF's circuit is not
// known here: it may be the way back.
func (w *watcher) watchFallback(c *Config, t *vrftable.Table) {
	ifaces := index(w.ifaces, func(i *iface) string { return i.name })
	// leads tells which VRF a route of the parent leads to: that of the primary where its packets go out.
	leads := func(r *vrftable.RouteInfo) string {
		if i := ifaces[r.Egress]; i != nil && w.primary[i.layer2] != nil {
			return w.primary[i.layer2].vr
		}
		return ""
	}
	back := map[string]bool{}
	var parent ways
	for r := range t.Routes(vrftable.Parent) {
		back[leads(&r)] = true
		if r.Best {
			parent = append(parent, way{r.Prefix, leads(&r)})
		}
	}
	learns := map[string]bool{} // VRFs behind whose circuits the parent has a BGP neighbour
	if b := c.VR.BGP; b != nil {
		for _, n := range b.Neighbors {
			if r, ok := t.LookupRIB(vrftable.Parent, n.Key); ok {
				learns[leads(&r)] = true
			}
		}
	}
	falls := map[string]*Interface{} // by VRF: its first interface that falls back
	for n := range c.VRFs {
		v := &c.VRFs[n]
		at := slices.IndexFunc(v.Interfaces, func(i Interface) bool { return i.FallbackGlobal })
		if at < 0 {
			continue
		}
		i := &v.Interfaces[at]
		falls[v.Name] = i
		if !back[v.Name] {
			w.warn(i.of("fallback-global"), "%s falls back to the parent's table, but no route there leads back to VRF %s: "+
				"add one by a share of the parent on layer 2 interface %s, or a global-export-map", i.Name, v.Name, i.Layer2)
		}
	}
	own := map[string]ways{}
	for n := range w.statics {
		r := &w.statics[n].route
		own[r.VR] = append(own[r.VR], way{r.Prefix, r.VR})
	}
	for _, all := range own {
		slices.SortFunc(all, func(a, b way) int { return a.compare(b.prefix) })
	}
	for n := range w.statics {
		s := &w.statics[n]
		vrf, p := s.route.VR, s.route.Prefix
		i := falls[vrf]
		switch {
		case i == nil:
		case p.Bits() == 0:
			w.warn(i.of("fallback-global"), "%s never falls back: VRF %s has a default route (line %d), and a route of the VRF, "+
				"however short, comes first", i.Name, vrf, s.at.Line)
		case back[vrf] && !learns[vrf] && s.needsWayBack():
			if part, ok := parent.astray(p, vrf, own[vrf]); ok && part == p {
				w.warn(s.at, "VRF %s falls back to the parent's table, but no route there leads back to %v", vrf, p)
			} else if ok {
				w.warn(s.at, "VRF %s falls back to the parent's table, but no route there leads back to %v, a part of %v", vrf, part, p)
			}
		}
	}
}
