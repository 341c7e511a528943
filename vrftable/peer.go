package vrftable

import (
	"fmt"
	"net/netip"
)

// Peer is the neighbour that a BGP route was learned from: the address of the session and the BGP identifier that its
// OPEN told (RFC 4271 4.2), both IPv4. The zero value is none: routes of a table file, or made by the PE itself.
type Peer struct{ Addr, ID netip.Addr }

// check tells whether routes can be of the peer.
func (p *Peer) check() error {
	switch {
	case !p.Addr.Is4() || !unicast(p.Addr):
		return fmt.Errorf("peer %v: a unicast IPv4 address is needed", p.Addr)
	case !p.ID.Is4() || p.ID.IsUnspecified():
		return fmt.Errorf("peer %v: BGP identifier %v: four octets that are not all 0 are needed (RFC 6286)", p.Addr, p.ID)
	}
	return nil
}

// peerSet keeps each peer once, and once more for the routes that are kept while it restarts. Number 0 is "no peer", whose
// address and identifier are 0.
type peerSet struct {
	index map[peerKey]uint16
	peers []peer
	free  []uint16
	last  uint16 // intern's shortcut
}

type peerKey struct {
	Peer
	stale bool
}

type peer struct {
	peerKey
	addr, id uint32 // the same, in host order
	refs     uint32 // paths, leaked ones included
}

const maxPeers = 1<<16 - 1

func (s *peerSet) init() {
	s.index = map[peerKey]uint16{}
	s.peers = make([]peer, 1)
}

// intern returns the number of a checked peer, or 0 for none, with one more reference; false: there is no number left.
func (s *peerSet) intern(p peerKey) (uint16, bool) {
	if p == (peerKey{}) {
		return 0, true
	}
	if s.peers[s.last].peerKey == p {
		return s.retain(s.last), true
	}
	n, ok := s.index[p]
	if !ok {
		switch k := len(s.free); {
		case k > 0:
			n, s.free = s.free[k-1], s.free[:k-1]
		case len(s.peers) > maxPeers:
			return 0, false
		default:
			n = uint16(len(s.peers))
			s.peers = append(s.peers, peer{})
		}
		s.peers[n] = peer{peerKey: p, addr: addr4(p.Addr), id: addr4(p.ID)}
		s.index[p] = n
	}
	s.last = n
	return s.retain(n), true
}

// retain adds a reference to n.
func (s *peerSet) retain(n uint16) uint16 {
	if n != 0 {
		s.peers[n].refs++
	}
	return n
}

// release drops a reference to n, and the peer with the last one.
func (s *peerSet) release(n uint16) {
	if n == 0 {
		return
	}
	s.peers[n].refs--
	if s.peers[n].refs == 0 {
		delete(s.index, s.peers[n].peerKey)
		s.peers[n] = peer{}
		s.free = append(s.free, n)
	}
}

// known tells whether there is a path of a peer with that address.
func (s *peerSet) known(addr uint32) bool {
	for i := range s.peers {
		if s.peers[i].refs > 0 && s.peers[i].addr == addr {
			return true
		}
	}
	return false
}

// PeerUpdate is what a BGP neighbour tells in one or several UPDATE messages: withdrawals, then routes. What it tells of a
// prefix takes the place of what it told before. A withdrawal of what is not there is nothing; so is a route that the
// route map denies, but for that it withdraws what was there.
type PeerUpdate struct {
	VR        string // "": the parent
	Peer      Peer
	Source    Source // EBGP or IBGP
	OnLink    bool   // see Route
	RouteMap  string // permits and changes what is announced; "": all of it as it is; one that there is not denies
	Withdrawn []netip.Prefix
	Routes    []PeerRoute
}

// PeerRoute is one route of a PeerUpdate. Its gateway is Attrs.NextHop; Attrs may be shared by any number of routes and
// must not be modified afterwards.
type PeerRoute struct {
	Prefix netip.Prefix
	Attrs  *Attributes
}

func (c PeerUpdate) stage(t *Table) error {
	v, addr, err := t.peerOf(c.VR, c.Peer.Addr)
	if err != nil {
		return err
	}
	for _, pfx := range c.Withdrawn {
		if did, ok := v.rib.Get(pfx); ok {
			if id := t.pathOf(did, addr); id != 0 {
				t.removePath(id)
			}
		}
	}
	m := t.policies.maps[c.RouteMap]
	for i := range c.Routes {
		r := Route{VR: c.VR, Prefix: c.Routes[i].Prefix, Source: c.Source, Attrs: c.Routes[i].Attrs, Peer: c.Peer, OnLink: c.OnLink}
		if c.RouteMap == "" {
			err = t.addRoute(&r)
		} else {
			err = t.filter(m, v, &r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// filter is addRoute of what a route map makes of a route; nil denies.
func (t *Table) filter(m *routeMap, v *vr, r *Route) error {
	if r.Attrs == nil || !r.Attrs.NextHop.Is4() || !r.Prefix.IsValid() || !r.Prefix.Addr().Is4() || r.Prefix != r.Prefix.Masked() {
		return t.addRoute(r) // which says what is wrong
	}
	if m != nil {
		d := dest{addr: addr4(r.Prefix.Addr()), bits: uint8(r.Prefix.Bits())}
		p := path{source: r.Source, attrs: t.attrs.intern(r.Attrs)}
		want := t.judge(m, &p, &d)
		if want.permit && want.attrs != p.attrs {
			r.Attrs = t.attrs.decode(want.attrs)
		}
		t.attrs.release(p.attrs)
		t.attrs.release(want.attrs)
		if want.permit {
			return t.addRoute(r)
		}
	}
	if did, ok := v.rib.Get(r.Prefix); ok {
		if id := t.pathOf(did, addr4(r.Peer.Addr)); id != 0 {
			t.removePath(id)
		}
	}
	return nil
}

// DeletePeer deletes all routes of one peer in a VR, whatever its BGP identifier: the session is down. It costs a walk
// over the VR's RIB. A peer without routes is nothing to do.
type DeletePeer struct {
	VR   string // "": the parent
	Peer netip.Addr
}

// MarkPeer marks all routes of one peer in a VR as stale: it restarts, and they are kept meanwhile (RFC 4724 4.2). A route
// that the peer tells again is marked no longer.
type MarkPeer struct {
	VR   string
	Peer netip.Addr
}

// SweepPeer deletes the routes of a peer that are still marked.
type SweepPeer struct {
	VR   string
	Peer netip.Addr
}

func (c DeletePeer) stage(t *Table) error {
	return t.eachOf(c.VR, c.Peer, func(id uint32, _ *peer) error {
		t.removePath(id)
		return nil
	})
}

func (c MarkPeer) stage(t *Table) error {
	var marked []uint32
	mark := func(id uint32, stale bool) bool {
		p := t.paths.at(id)
		n, ok := t.peers.intern(peerKey{t.peers.peers[p.peer].Peer, stale})
		if ok {
			t.peers.release(p.peer)
			p.peer = n
		}
		return ok
	}
	t.journal.undo(func() {
		for _, id := range marked {
			mark(id, false)
		}
	})
	return t.eachOf(c.VR, c.Peer, func(id uint32, p *peer) error {
		switch {
		case p.stale:
		case !mark(id, true):
			return refuse(ErrCapacity, fmt.Sprintf("peer %v", c.Peer), "there are routes of %d peers already", maxPeers)
		default:
			marked = append(marked, id)
		}
		return nil
	})
}

func (c SweepPeer) stage(t *Table) error {
	return t.eachOf(c.VR, c.Peer, func(id uint32, p *peer) error {
		if p.stale {
			t.removePath(id)
		}
		return nil
	})
}

// peerOf checks a change's VR and peer.
func (t *Table) peerOf(name string, peer netip.Addr) (v *vr, addr uint32, err error) {
	if v, err = t.vrf(name); err != nil {
		return nil, 0, err
	}
	if !peer.Is4() || !unicast(peer) {
		return nil, 0, refuse(ErrInvalid, fmt.Sprintf("peer %v in %s", peer, v.name), "a unicast IPv4 address is needed")
	}
	return v, addr4(peer), nil
}

// eachOf calls f for all routes of a peer in a VR.
func (t *Table) eachOf(name string, addr netip.Addr, f func(id uint32, p *peer) error) error {
	v, a, err := t.peerOf(name, addr)
	if err != nil || !t.peers.known(a) {
		return err
	}
	for _, did := range v.rib.All4() {
		if id := t.pathOf(did, a); id != 0 {
			if err := f(id, &t.peers.peers[t.paths.at(id).peer]); err != nil {
				return err
			}
		}
	}
	return nil
}

// pathOf returns the native path of the peer with that address; 0: none.
func (t *Table) pathOf(did, peer uint32) uint32 {
	for id := t.dests.at(did).first; id != 0; {
		p := t.paths.at(id)
		if t.peers.peers[p.peer].addr == peer && !p.leaked() {
			return id
		}
		id = p.next
	}
	return 0
}
