package vrftable

import (
	"fmt"
	"net/netip"
)

func (c AddRoute) stage(t *Table) error    { return t.addRoute(&c.Route) }
func (c DeleteRoute) stage(t *Table) error { return t.deleteRoute(&c.Route) }

func (c AddRoutes) stage(t *Table) error {
	for i := range c.Routes {
		if err := t.addRoute(&c.Routes[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c DeleteRoutes) stage(t *Table) error {
	for i := range c.Routes {
		if err := t.deleteRoute(&c.Routes[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *Route) object() string {
	vr := r.VR
	if vr == "" {
		vr = Parent
	}
	return fmt.Sprintf("%v route %v in %s", r.Source, r.Prefix, vr)
}

// identify checks what makes a route's identity, but for the next hop, and returns its VR and a path with source and
// distance.
func (t *Table) identify(r *Route) (v *vr, p path, err error) {
	if v, err = t.vrf(r.VR); err != nil {
		return
	}
	if !r.Prefix.IsValid() || !r.Prefix.Addr().Is4() {
		return v, p, refuse(ErrInvalid, r.object(), "an IPv4 prefix is needed, such as 192.0.2.0/24")
	}
	if m := r.Prefix.Masked(); m != r.Prefix {
		return v, p, refuse(ErrInvalid, r.object(), "host bits are set: write %v", m)
	}
	if r.Source < Static || r.Source > Originated {
		return v, p, refuse(ErrInvalid, r.object(), "source: static, ebgp, ibgp or originated; the others follow from "+
			"interfaces and neighbours")
	}
	if r.Peer != (Peer{}) && r.Source != EBGP && r.Source != IBGP {
		return v, p, refuse(ErrInvalid, r.object(), "peer %v: only ebgp and ibgp routes are learned from peers", r.Peer.Addr)
	}
	if r.OnLink && r.Peer == (Peer{}) {
		return v, p, refuse(ErrInvalid, r.object(), "on-link is for routes of a peer: name the interface in place of it")
	}
	p.source, p.distance = r.Source, r.Distance
	if p.distance == 0 {
		p.distance = r.Source.Distance()
	}
	return v, p, nil
}

// nextHopKey checks a route's next hop and returns its key.
func (t *Table) nextHopKey(v *vr, r *Route) (k nhKey, err error) {
	var gateway netip.Addr
	switch n := r.NextHop.(type) {
	case Via:
		gateway = n.Gateway
		if n.Interface == "" {
			break
		}
		i := t.ifaceNames[n.Interface]
		switch {
		case i == nil:
			return k, refuse(ErrNotFound, r.object(), "interface %s: add it with AddInterface first", n.Interface)
		case i.vr != v:
			return k, refuse(ErrInvalid, r.object(), "interface %s is in VR %s: add a share in VR %s on its "+
				"layer 2 interface and name that", n.Interface, i.vr.name, v.name)
		case i.l2 == nil:
			return k, refuse(ErrInvalid, r.object(), "interface %s is a loopback: use Discard instead", n.Interface)
		case !gateway.IsValid():
			return k, refuse(ErrInvalid, r.object(), "a route to interface %s names its gateway: what stands on "+
				"Ethernet needs a next hop address", n.Interface)
		}
		k = nhKey{kind: nhDirect, iface: i.index}
	case Kind:
		switch n {
		case Discard:
			return nhKey{kind: nhDiscard}, nil
		case Reject:
			return nhKey{kind: nhReject}, nil
		}
		return k, refuse(ErrInvalid, r.object(), "next hop: Via, Discard or Reject")
	case nil:
		if r.Attrs == nil || !r.Source.bgp() {
			return k, refuse(ErrInvalid, r.object(), "next hop: Via, Discard or Reject; a BGP route may leave it to "+
				"Attrs.NextHop")
		}
		gateway = r.Attrs.NextHop
	}
	if !gateway.Is4() || !unicast(gateway) {
		return k, refuse(ErrInvalid, r.object(), "gateway %v: a unicast IPv4 address is needed", gateway)
	}
	if k.kind != nhDirect {
		k = nhKey{kind: nhRecursive, vr: v.table}
		if r.OnLink {
			k.kind = nhOnLink
		}
	}
	k.gateway = addr4(gateway)
	return k, nil
}

// unicast tells whether an address can be that of one station.
func unicast(a netip.Addr) bool { return !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() }

// find returns a native path with that identity, peer.Addr or p's and k; every: whatever its next hop. 0: none.
func (t *Table) find(v *vr, pfx netip.Prefix, peer Peer, p *path, k nhKey, every bool) uint32 {
	did, ok := v.rib.Get(pfx)
	if !ok {
		return 0
	}
	if peer.Addr.IsValid() {
		return t.pathOf(did, addr4(peer.Addr))
	}
	for id := t.dests.at(did).first; id != 0; {
		c := t.paths.at(id)
		if c.source == p.source && c.distance == p.distance && c.peer == 0 && !c.leaked() &&
			(every || t.nexthops[c.nh].key == k) {
			return id
		}
		id = c.next
	}
	return 0
}

func (t *Table) addRoute(r *Route) error {
	v, p, err := t.identify(r)
	if err != nil {
		return err
	}
	k, err := t.nextHopKey(v, r)
	if err != nil {
		return err
	}
	if r.Attrs != nil {
		if err := r.Attrs.check(); err != nil {
			return refuse(ErrInvalid, r.object(), "%v", err)
		}
	}
	if r.Peer != (Peer{}) {
		if err := r.Peer.check(); err != nil {
			return refuse(ErrInvalid, r.object(), "%v", err)
		}
	}
	nh, ok := t.nextHop(k)
	if !ok {
		return refuseNextHops(r.object())
	}
	peer, ok := t.peers.intern(peerKey{Peer: r.Peer})
	if !ok {
		return refuse(ErrCapacity, r.object(), "peer %v: there are routes of %d peers already", r.Peer.Addr, maxPeers)
	}
	p.nh, p.peer, p.tag, p.attrs = nh, peer, r.Tag, t.attrs.intern(r.Attrs)
	if id := t.find(v, r.Prefix, r.Peer, &p, k, false); id != 0 {
		if c := t.paths.at(id); c.nh == p.nh && c.tag == p.tag && c.attrs == p.attrs && c.peer == p.peer &&
			c.source == p.source && c.distance == p.distance {
			t.attrs.release(p.attrs)
			t.peers.release(p.peer)
			return nil
		}
		t.removePath(id)
	}
	t.addPath(v, r.Prefix, p)
	return nil
}

func (t *Table) deleteRoute(r *Route) error {
	v, p, err := t.identify(r)
	if err != nil {
		return err
	}
	k := nhKey{}
	every := r.Source == Static && r.NextHop == nil
	if !every && !r.Peer.Addr.IsValid() {
		if k, err = t.nextHopKey(v, r); err != nil {
			return err
		}
	}
	if r.Peer.Addr.IsValid() && !r.Peer.Addr.Is4() {
		return refuse(ErrInvalid, r.object(), "peer %v: an IPv4 address is needed", r.Peer.Addr)
	}
	id := t.find(v, r.Prefix, r.Peer, &p, k, every)
	if id == 0 && r.Peer.Addr.IsValid() {
		return refuse(ErrNotFound, r.object(), "no such route of peer %v", r.Peer.Addr)
	}
	if id == 0 {
		return refuse(ErrNotFound, r.object(), "no such route with distance %d: name the source, distance and "+
			"next hop that it was added with", p.distance)
	}
	t.removePath(id)
	for every && id != 0 {
		if id = t.find(v, r.Prefix, r.Peer, &p, k, true); id != 0 {
			t.removePath(id)
		}
	}
	return nil
}

// check tells whether the attributes can be stored.
func (a *Attributes) check() error {
	switch {
	case a.NextHop.IsValid() && !a.NextHop.Is4():
		return fmt.Errorf("attribute next hop %v: an IPv4 address is needed", a.NextHop)
	case len(a.ASPath) > 1<<16-1:
		return fmt.Errorf("an AS path of %d: at most %d", len(a.ASPath), 1<<16-1)
	case len(a.Communities) > 1<<16-1:
		return fmt.Errorf("%d communities: at most %d", len(a.Communities), 1<<16-1)
	case a.Origin > OriginIncomplete:
		return fmt.Errorf("origin %d: 0 to %d", a.Origin, OriginIncomplete)
	}
	return nil
}
