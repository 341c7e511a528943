package vrftable

import (
	"net/netip"

	"vrfwd/lpm"
)

type port struct {
	name   string
	number uint16
	mac    MAC
	mtu    uint16
	up     bool
	vlans  map[uint16]*layer2
}

// layer2 is a layer 2 interface. Neighbours belong to it: its primary and its shares reach the same stations.
type layer2 struct {
	name      string
	port      *port
	vlan      uint16
	up        bool // administratively
	primary   *iface
	shares    map[*iface]struct{}
	neighbors map[uint32]neighbor
}

type neighbor struct {
	mac     MAC
	owner   *iface // that AddNeighbor named
	host    uint32 // its host route's path; 0: not in a connected network
	learned bool   // by LearnNeighbor
}

// iface is an IP interface.
type iface struct {
	name        string
	index       uint16
	vr          *vr
	l2          *layer2 // nil: loopback
	shared      bool
	fallback    bool
	admin       bool
	up          bool   // derived: what readers were told last
	mtu         uint16 // 0: the port's
	addrs       []netip.Prefix
	own         []uint32 // paths of its addresses
	routes      int      // routes of AddRoute that name it
	nexthops    map[uint32]struct{}
	adjacencies map[adjKey]*adjacency
	touched     bool
	deleted     bool
}

func (i *iface) effectiveMTU() uint16 {
	if i.mtu == 0 || i.mtu > i.l2.port.mtu {
		return i.l2.port.mtu
	}
	return i.mtu
}

// subnet returns the connected network of i that holds addr.
func (i *iface) subnet(addr uint32) (netip.Prefix, bool) {
	for _, a := range i.addrs {
		if a.Bits() < 32 && a.Contains(netAddr(addr)) {
			return a.Masked(), true
		}
	}
	return netip.Prefix{}, false
}

// all yields the primary, if any, and the shares.
func (l *layer2) all(yield func(*iface) bool) {
	if l.primary != nil && !yield(l.primary) {
		return
	}
	for s := range l.shares {
		if !yield(s) {
			return
		}
	}
}

// touch marks an interface whose state, place or content may have changed.
func (t *Table) touch(i *iface) {
	if !i.touched {
		i.touched = true
		t.touchedIfaces = append(t.touchedIfaces, i)
	}
}

func (t *Table) touchLayer2(l *layer2) {
	t.touchIngress(l)
	for i := range l.all {
		t.touch(i)
	}
}

// touchIngress marks a layer 2 interface whose ingress record may have changed.
func (t *Table) touchIngress(l *layer2) {
	t.touchedIngress = append(t.touchedIngress, ingressPlace{l.port.number, l.vlan})
}

// deriveInterfaces brings the interfaces' states up to date. An interface is up while it is administratively up and the
// layer 2 interface and the port that it stands on are up; a loopback needs the first only.
func (t *Table) deriveInterfaces() {
	if len(t.touchedIfaces) > 0 {
		t.ifaceGeneration.Add(1)
	}
	for _, i := range t.touchedIfaces {
		i.touched = false
		up := i.admin && !i.deleted && (i.l2 == nil || i.l2.up && i.l2.port.up)
		if up != i.up {
			i.up = up
			for id := range i.nexthops {
				t.enqueue(id)
			}
		}
		for _, a := range i.adjacencies {
			t.touchAdj(a)
		}
		if i.l2 != nil && !i.shared {
			t.touchIngress(i.l2)
		}
	}
	t.touchedIfaces = trim(t.touchedIfaces)
}

// ingressPlace is where an ingress record stands.
type ingressPlace struct{ port, vlan uint16 }

// ingress builds the record of a place.
func (t *Table) ingress(at ingressPlace) Ingress {
	p := t.portNumbers[at.port]
	if p == nil {
		return Ingress{}
	}
	l := p.vlans[at.vlan]
	if l == nil || l.primary == nil {
		return Ingress{}
	}
	i := l.primary
	r := Ingress{Iface: i.index, Table: i.vr.table}
	if i.fallback || i.vr.table == 0 {
		r.Flags = lpm.Fallback
	}
	if i.up {
		r.State = IngressUp
	}
	return r
}
