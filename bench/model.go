package bench

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"vrfwd/lpm"
	"vrfwd/packet"
)

// outcome is what a route of the model leads to.
type outcome uint8

const (
	dropped   outcome = iota // discarded or for lack of a neighbour
	forwarded                // to place.circuit
	local                    // for the router itself
)

// place is where a route leads: the layer 2 interface, the neighbour there, and the IP interface that counts it.
type place struct {
	outcome outcome
	circuit circuit
	l2      uint16 // see plan
	owner   uint16
	src     packet.MAC
	dst     packet.MAC
	iface   string
	twin    int32 // another next hop on the same layer 2 interface that churn may choose; 0: none
}

// entrance is what a layer 2 interface's primary gives a packet.
type entrance struct {
	customer int // -1: the parent
	fallback bool
}

// model forwards by the rules of DESIGN 3, naively: one bart table per VRF and one of the parent, asked one after the
// other. It is built from the plan and the routes, not from a vrftable.Table. Immutable once built.
type model struct {
	plan     plan
	places   []place // by number; 0 is none
	parent   *bart.Table[int32]
	vrfs     []*bart.Table[int32]
	imported *bart.Table[int32] // what every VRF imports, nil: nothing; a VRF's own route wins for the same prefix
	ingress  map[circuit]entrance
}

func newModel(p plan) *model {
	m := &model{plan: p, places: make([]place, 1), parent: new(bart.Table[int32]), ingress: map[circuit]entrance{}}
	for range p.customers {
		m.vrfs = append(m.vrfs, new(bart.Table[int32]))
	}
	return m
}

// place adds a place and returns its number.
func (m *model) place(p place) int32 {
	if p.outcome == forwarded {
		p.l2, p.owner = m.plan.layer2(p.circuit)
		p.src = portMAC(p.circuit.port)
	}
	m.places = append(m.places, p)
	return int32(len(m.places) - 1)
}

// routes adds routes to a table; hop h leads to place base+h.
func routes(t *bart.Table[int32], rs []lpm.Route, base int32) {
	for _, r := range rs {
		t.Insert(prefix4(r.Addr, int(r.Len)), base+int32(r.Hop))
	}
}

// lookup answers a packet that entered through a layer 2 interface: nil where it has no route, or no primary.
func (m *model) lookup(in circuit, dst uint32) *place {
	from, ok := m.ingress[in]
	if !ok {
		return nil
	}
	addr := host4(dst)
	if from.customer >= 0 {
		if at, ok := m.vrf(from.customer, addr); ok {
			return &m.places[at]
		}
		if !from.fallback {
			return nil
		}
	}
	if at, ok := m.parent.Lookup(addr); ok {
		return &m.places[at]
	}
	return nil
}

// vrf looks an address up among a VRF's own routes and those it imports: the longest prefix wins, its own of two equal.
func (m *model) vrf(c int, addr netip.Addr) (int32, bool) {
	host := netip.PrefixFrom(addr, addr.BitLen())
	own, at, ok := m.vrfs[c].LookupPrefixLPM(host)
	if m.imported != nil {
		if pfx, other, found := m.imported.LookupPrefixLPM(host); found && (!ok || pfx.Bits() > own.Bits()) {
			return other, true
		}
	}
	return at, ok
}

// expect is gen.Config.Expect's answer.
func (m *model) expect(in circuit, dst uint32) (l2, owner uint16) {
	if p := m.lookup(in, dst); p != nil && p.outcome == forwarded {
		return p.l2, p.owner
	}
	return 0, 0
}
