package bench

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/gaissmai/bart"

	"vrfwd/bgp/mrt"
	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// Scenario is a provider edge: its parent VR with the Internet table, its VRFs, and the model of both. Any number of
// Beds may use it, one trial at a time where that changes routes.
type Scenario struct {
	Network Network         // as completed
	Table   *vrftable.Table // of the provider edge
	Built   Built

	plan      plan
	global    []lpm.Route            // parent's table as given: hop 1..nextHops
	attrs     []*vrftable.Attributes // of these, where the table has some
	chosen    []lpm.Route            // what VRFs import; nil: nothing
	own       [][]lpm.Route          // by customer: the VRF's routes, hop 1: its CE
	nextHops  int
	hopPlaces int32 // place of next hop 1, less 1
	model     *model
	hash      string
}

// Built says what was built and how long it took.
type Built struct {
	Routes    int           `json:"routes"`     // in the parent's table
	VRFRoutes int           `json:"vrf_routes"` // in all VRFs, imports not counted
	Imported  int           `json:"imported"`   // in all VRFs
	NextHops  int           `json:"next_hops"`
	Generate  time.Duration `json:"generate_ns"` // reading or generating the tables
	Load      time.Duration `json:"load_ns"`     // vrftable: RIBs, FIBs and adjacencies from nothing
	Model     time.Duration `json:"model_ns"`    // the slow model, for expectations
}

// New builds a scenario. Close gives it back. Errors: *ConfigError, gen.SyntaxError or mrt.Error (a table file), or what reading and
// memory give.
func New(n Network) (*Scenario, error) {
	if err := n.complete(); err != nil {
		return nil, err
	}
	s := &Scenario{Network: n}
	began := time.Now()
	if err := s.tables(); err != nil {
		return nil, err
	}
	s.plan = plan{uplinks: n.Uplinks, customers: n.VRFs}
	s.Built.Generate = time.Since(began)
	if err := n.affordable(len(s.global)); err != nil {
		return nil, err
	}
	var err error
	s.Table, err = vrftable.New(vrftable.Config{VRFs: n.VRFs, Ports: s.plan.ports()})
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	began = time.Now()
	// The method comes before the routes: a route map that is there judges each of the parent's routes once for all VRFs,
	// one that comes later walks the parent's table once for each VRF (60 ms a VRF).
	for _, batch := range []func() []vrftable.Change{s.devices, s.method, s.back, s.globalRoutes, s.vrfRoutes} {
		if err := s.Table.Apply(batch()); err != nil {
			s.Table.Close()
			return nil, fmt.Errorf("bench: building the table: %w", err)
		}
	}
	s.Built.Load = time.Since(began)
	for _, i := range s.Table.VRs() {
		s.Built.Imported += i.Imported
	}
	began = time.Now()
	s.build()
	s.Built.Model = time.Since(began)
	return s, nil
}

// Close gives the memory back. No Bed may be in use.
func (s *Scenario) Close() { s.Table.Close() }

// TableHash names the parent's table: gen.Hash.
func (s *Scenario) TableHash() string { return s.hash }

// VRFHash names the VRFs' routes, all in one.
func (s *Scenario) VRFHash() string { return gen.Hash(slices.Concat(s.own...)) }

// tables reads or generates the routes.
func (s *Scenario) tables() (err error) {
	n := &s.Network
	s.nextHops = n.NextHops
	switch n.Table {
	case Synthetic:
		s.global, err = gen.Synthetic(gen.TableConfig{Routes: n.Routes, NextHops: n.NextHops, Locality: n.Locality, Seed: n.Seed})
	case Real:
		if s.global, err = gen.RealTable(n.NextHops, n.Seed); err == nil {
			err = gen.AssignHops(s.global, n.NextHops, n.Locality, n.Seed)
		}
	default:
		err = s.file()
	}
	if err != nil {
		return err
	}
	s.hash = gen.Hash(s.global)
	s.own, err = gen.VRFs(gen.ProfileConfig{Profile: n.Profile, VRFs: n.VRFs, Seed: n.Seed, Public: s.global})
	switch n.Method {
	case ImportMap:
		s.chosen = evenly(s.global, n.Imports)
	case FullCopy:
		for _, r := range s.global {
			if !planned().Contains(host4(r.Addr)) {
				s.chosen = append(s.chosen, r)
			}
		}
	}
	s.Built.Routes, s.Built.NextHops = len(s.global), s.nextHops
	for _, r := range s.own {
		s.Built.VRFRoutes += len(r)
	}
	return err
}

func (s *Scenario) file() error {
	n := &s.Network
	if is, err := mrt.IsDump(n.Table); err != nil {
		return err
	} else if is {
		return s.dump()
	}
	list, err := gen.ReadTableFile(n.Table)
	if err != nil {
		return err
	}
	if len(list.Entries) == 0 {
		return &ConfigError{"table", n.Table, "it has no IPv4 prefixes: a line is `prefix [next-hop]`"}
	}
	var gateways []uint32
	if s.global, gateways, err = list.Routes(n.NextHops, n.Locality, n.Seed); err != nil {
		return err
	}
	if s.nextHops = len(gateways); s.nextHops > MaxNextHops {
		return &ConfigError{"table", n.Table, fmt.Sprintf("it has %d next hops: at most %d are possible", s.nextHops, MaxNextHops)}
	}
	return nil
}

// dump takes a route collector's dump: the routes of the peer with the most, with their attributes. That peer's next hops are few,
// mostly one; so the routes are spread over the network's, as those of a list without next hops.
func (s *Scenario) dump() error {
	n := &s.Network
	d, err := mrt.ReadFile(n.Table, mrt.Choice{})
	if err != nil {
		return err
	}
	if len(d.Routes) == 0 {
		return &ConfigError{"table", n.Table, "it has no IPv4 routes; skipped: " + d.Skipped.String()}
	}
	for _, r := range d.Routes {
		if last := len(s.global) - 1; last >= 0 && s.global[last] == (lpm.Route{Addr: r.Addr, Len: r.Len}) {
			continue // another path of the peer
		}
		s.global = append(s.global, lpm.Route{Addr: r.Addr, Len: r.Len})
		s.attrs = append(s.attrs, &d.Attrs[r.Attrs])
	}
	return gen.AssignHops(s.global, n.NextHops, n.Locality, n.Seed)
}

// evenly picks n routes.
func evenly(from []lpm.Route, n int) []lpm.Route {
	n = min(n, len(from))
	out := make([]lpm.Route, n)
	for i := range out {
		out[i] = from[i*len(from)/n]
	}
	return out
}

// devices is ports, interfaces and neighbours.
func (s *Scenario) devices() []vrftable.Change {
	var c []vrftable.Change
	p := s.plan
	for port := range p.ports() {
		c = append(c, vrftable.AddPort{Name: portName(uint16(port)), Number: uint16(port), MAC: vrftable.MAC(portMAC(uint16(port)))})
	}
	for u := range p.uplinks {
		l := p.uplink(u)
		c = append(c, vrftable.AddLayer2{Name: l.name(), Port: portName(l.port)},
			vrftable.AddInterface{Name: uplinkName(u), Layer2: l.name(), Addresses: []netip.Prefix{prefix4(uplinkNet(u)+1, 16)}})
	}
	for h := range s.nextHops {
		u, _ := p.uplinkOf(h)
		c = append(c, vrftable.AddNeighbor{Interface: uplinkName(u), Addr: host4(p.nextHop(h)), MAC: vrftable.MAC(nextHopMAC(h))})
	}
	for i := range p.customers {
		l := p.first(i)
		c = append(c, vrftable.AddVRF{Name: vrfName(i)},
			vrftable.AddLayer2{Name: l.name(), Port: portName(l.port), VLAN: l.vlan},
			vrftable.AddInterface{Name: ceName(i), VR: vrfName(i), Layer2: l.name(), FallbackGlobal: s.Network.Method == Fallback,
				Addresses: []netip.Prefix{prefix4(ceRouter, 30)}},
			vrftable.AddNeighbor{Interface: ceName(i), Addr: host4(ceHost), MAC: vrftable.MAC(ceMAC(i))})
	}
	return c
}

const chosenCommunity vrftable.Community = 64500<<16 | 100 // marks the routes that import-map imports

// globalRoutes is the Internet table, as if learned by EBGP from the next hops; attributes are shared by all routes of
// one next hop.
func (s *Scenario) globalRoutes() []vrftable.Change {
	type via struct {
		next  vrftable.NextHop
		attrs [2]*vrftable.Attributes // not chosen, chosen for import
	}
	hops := make([]via, s.nextHops)
	for h := range hops {
		u, _ := s.plan.uplinkOf(h)
		gateway := host4(s.plan.nextHop(h))
		hops[h].next = vrftable.Via{Gateway: gateway, Interface: uplinkName(u)}
		for i := range hops[h].attrs {
			a := &vrftable.Attributes{NextHop: gateway, ASPath: []uint32{uint32(64512 + h), uint32(65000 + h)}}
			if i == 1 {
				a.Communities = []vrftable.Community{chosenCommunity}
			}
			hops[h].attrs[i] = a
		}
	}
	list, chosen := make([]vrftable.Route, len(s.global)), s.chosen
	marks := map[*vrftable.Attributes]*vrftable.Attributes{}
	for i, r := range s.global {
		h, mark := &hops[r.Hop-1], 0
		if len(chosen) > 0 && chosen[0] == r {
			mark, chosen = 1, chosen[1:]
		}
		attrs := h.attrs[mark]
		if s.attrs != nil {
			attrs = s.marked(s.attrs[i], mark == 1, marks)
		}
		list[i] = vrftable.Route{Prefix: prefix4(r.Addr, int(r.Len)), Source: vrftable.EBGP, NextHop: h.next, Attrs: attrs}
	}
	return []vrftable.Change{vrftable.AddRoutes{Routes: list}}
}

// marked returns attributes with the community of what VRFs import, if it is to be there. marks keeps those that were made.
func (s *Scenario) marked(a *vrftable.Attributes, chosen bool, marks map[*vrftable.Attributes]*vrftable.Attributes) *vrftable.Attributes {
	if !chosen {
		return a
	}
	with := marks[a]
	if with == nil {
		copied := *a
		copied.Communities = append(slices.Clone(a.Communities), chosenCommunity)
		with = &copied
		marks[a] = with
	}
	return with
}

// static is one static route.
func static(vr string, addr uint32, bits int, gateway uint32, iface string) vrftable.Route {
	return vrftable.Route{VR: vr, Prefix: prefix4(addr, bits), Source: vrftable.Static,
		NextHop: vrftable.Via{Gateway: host4(gateway), Interface: iface}}
}

// vrfRoutes is the customers' own routes: static, to their CE.
func (s *Scenario) vrfRoutes() []vrftable.Change {
	var c []vrftable.Change
	for i, own := range s.own {
		list := make([]vrftable.Route, len(own))
		via := static(vrfName(i), 0, 0, ceHost, ceName(i))
		for j, r := range own {
			list[j] = via
			list[j].Prefix = prefix4(r.Addr, int(r.Len))
		}
		c = append(c, vrftable.AddRoutes{Routes: list})
	}
	return c
}

// method is what connects the VPNs to the Internet.
func (s *Scenario) method() []vrftable.Change {
	var c []vrftable.Change
	p := s.plan
	switch s.Network.Method {
	case TwoCircuits:
		for i := range p.customers {
			l := p.second(i)
			addr, bits := p.public(i)
			c = append(c, vrftable.AddLayer2{Name: l.name(), Port: portName(l.port), VLAN: l.vlan},
				vrftable.AddInterface{Name: secondName(i), Layer2: l.name(), Addresses: []netip.Prefix{prefix4(secondNet(i)+1, 30)}},
				vrftable.AddNeighbor{Interface: secondName(i), Addr: host4(secondNet(i) + 2), MAC: vrftable.MAC(ceMAC(i))})
			if s.Network.Return == None {
				c = append(c, vrftable.AddRoute{Route: static("", addr, bits, secondNet(i)+2, secondName(i))})
			}
		}
	case DefaultShare:
		for i := range p.customers {
			h := s.defaultHop(i)
			u, _ := p.uplinkOf(h)
			c = append(c, vrftable.AddInterface{Name: shareName(i), VR: vrfName(i), Layer2: p.uplink(u).name(), Shared: true},
				vrftable.AddRoute{Route: static(vrfName(i), 0, 0, p.nextHop(h), shareName(i))})
		}
	case ImportMap, FullCopy:
		match := vrftable.Match{}
		if s.Network.Method == ImportMap {
			match.Communities = []vrftable.Community{chosenCommunity}
		} else {
			// Everything but what the plan itself has in the parent.
			c = append(c, vrftable.SetPrefixList{Name: "internet", Rules: []vrftable.PrefixRule{
				{Prefix: planned(), LE: 32}, {Permit: true, Prefix: prefix4(0, 0), LE: 32}}})
			match.PrefixList = "internet"
		}
		c = append(c, vrftable.SetRouteMap{Name: "import", Entries: []vrftable.RouteMapEntry{{Permit: true, Match: match}}})
		for i := range p.customers {
			c = append(c, vrftable.SetImportMap{VRF: vrfName(i), RouteMap: "import", MaxRoutes: len(s.chosen)})
		}
	}
	return c
}

// defaultHop is the next hop of customer c's default route.
func (s *Scenario) defaultHop(c int) int { return c % s.nextHops }

// back is what connects the Internet to the VPNs.
func (s *Scenario) back() []vrftable.Change {
	var c []vrftable.Change
	p := s.plan
	switch s.Network.Return {
	case StaticShare:
		for i := range p.customers {
			addr, bits := p.public(i)
			c = append(c, vrftable.AddInterface{Name: backShareName(i), Layer2: p.first(i).name(), Shared: true},
				vrftable.AddRoute{Route: static("", addr, bits, ceHost, backShareName(i))})
		}
	case ExportMap:
		c = append(c,
			vrftable.SetPrefixList{Name: "public", Rules: []vrftable.PrefixRule{{Permit: true, Prefix: prefix4(publicSpace, 12), LE: 32}}},
			vrftable.SetRouteMap{Name: "export", Entries: []vrftable.RouteMapEntry{
				{Permit: true, Match: vrftable.Match{PrefixList: "public"}}}})
		for i := range p.customers {
			addr, bits := p.public(i)
			c = append(c, vrftable.AddRoute{Route: static(vrfName(i), addr, bits, ceHost, ceName(i))},
				vrftable.SetExportMap{VRF: vrfName(i), RouteMap: "export"})
		}
	case BGPCE:
		c = append(c,
			vrftable.AddInterface{Name: "loopback", Addresses: []netip.Prefix{prefix4(loopback, 32)}},
			vrftable.SetPrefixList{Name: "loopback", Rules: []vrftable.PrefixRule{{Permit: true, Prefix: prefix4(loopback, 32)}}},
			vrftable.SetRouteMap{Name: "loopback", Entries: []vrftable.RouteMapEntry{
				{Permit: true, Match: vrftable.Match{PrefixList: "loopback"}}}})
		for i := range p.customers {
			addr, bits := p.public(i)
			c = append(c, vrftable.AddInterface{Name: backShareName(i), Layer2: p.first(i).name(), Shared: true},
				vrftable.AddRoute{Route: static("", ceLoopback(i), 32, ceHost, backShareName(i))},
				vrftable.AddRoute{Route: vrftable.Route{Prefix: prefix4(addr, bits), Source: vrftable.EBGP,
					Attrs: &vrftable.Attributes{NextHop: host4(ceLoopback(i)), ASPath: []uint32{uint32(4_200_000_000 + i)}}}})
			c = append(c, vrftable.SetImportMap{VRF: vrfName(i), RouteMap: "loopback", MaxRoutes: 1})
		}
	}
	return c
}

// build makes the model, from the plan and the routes alone.
func (s *Scenario) build() {
	p, m := s.plan, newModel(s.plan)
	s.model = m
	discard, own := m.place(place{}), m.place(place{outcome: local})

	s.hopPlaces = int32(len(m.places)) - 1
	for h := range s.nextHops {
		u, _ := p.uplinkOf(h)
		at := place{outcome: forwarded, circuit: p.uplink(u), dst: nextHopMAC(h), iface: uplinkName(u)}
		if twin := h + p.uplinks; twin < s.nextHops {
			at.twin = s.hopPlaces + 1 + int32(twin)
		} else if twin := h - p.uplinks; twin >= 0 {
			at.twin = s.hopPlaces + 1 + int32(twin)
		}
		m.place(at)
	}
	toCE := make([]int32, p.customers)
	for c := range toCE {
		toCE[c] = m.place(place{outcome: forwarded, circuit: p.first(c), dst: ceMAC(c), iface: ceName(c)})
	}
	routes(m.parent, s.global, s.hopPlaces)
	for u := range p.uplinks {
		m.parent.Insert(prefix4(uplinkNet(u), 16), discard) // connected, no such neighbour
		m.parent.Insert(prefix4(uplinkNet(u)+1, 32), own)
		m.ingress[p.uplink(u)] = entrance{customer: -1}
	}
	for h := range s.nextHops {
		m.parent.Insert(prefix4(p.nextHop(h), 32), s.hopPlaces+1+int32(h))
	}
	for c, list := range s.own {
		t := m.vrfs[c]
		routes(t, list, toCE[c]-1)
		t.Insert(prefix4(ceNet, 30), discard)
		t.Insert(prefix4(ceRouter, 32), own)
		t.Insert(prefix4(ceHost, 32), toCE[c])
		m.ingress[p.first(c)] = entrance{customer: c, fallback: s.Network.Method == Fallback}
	}
	switch s.Network.Method {
	case TwoCircuits:
		for c := range p.customers {
			at := m.place(place{outcome: forwarded, circuit: p.second(c), dst: ceMAC(c), iface: secondName(c)})
			m.parent.Insert(prefix4(secondNet(c), 30), discard)
			m.parent.Insert(prefix4(secondNet(c)+1, 32), own)
			m.parent.Insert(prefix4(secondNet(c)+2, 32), at)
			if s.Network.Return == None {
				m.parent.Insert(prefix4(p.public(c)), at)
			}
			m.ingress[p.second(c)] = entrance{customer: -1}
		}
	case DefaultShare:
		for c := range p.customers {
			h := s.defaultHop(c)
			u, _ := p.uplinkOf(h)
			m.vrfs[c].Insert(prefix4(0, 0),
				m.place(place{outcome: forwarded, circuit: p.uplink(u), dst: nextHopMAC(h), iface: shareName(c)}))
		}
	case ImportMap, FullCopy:
		m.imported = new(bart.Table[int32])
		routes(m.imported, s.chosen, s.hopPlaces)
	}
	for c := range p.customers {
		switch s.Network.Return {
		case StaticShare:
			m.parent.Insert(prefix4(p.public(c)),
				m.place(place{outcome: forwarded, circuit: p.first(c), dst: ceMAC(c), iface: backShareName(c)}))
		case ExportMap:
			m.parent.Insert(prefix4(p.public(c)), toCE[c])
			m.vrfs[c].Insert(prefix4(p.public(c)), toCE[c])
		case BGPCE:
			at := m.place(place{outcome: forwarded, circuit: p.first(c), dst: ceMAC(c), iface: backShareName(c)})
			m.parent.Insert(prefix4(p.public(c)), at)
			m.parent.Insert(prefix4(ceLoopback(c), 32), at)
			m.vrfs[c].Insert(prefix4(loopback, 32), own)
		}
	}
	if s.Network.Return == BGPCE {
		m.parent.Insert(prefix4(loopback, 32), own)
	}
}
