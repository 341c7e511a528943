package vrftable

import (
	"maps"
	"net/netip"
	"slices"
)

func (c AddInterface) stage(t *Table) error {
	object := "interface " + c.Name
	if c.Name == "" {
		return refuse(ErrInvalid, object, "a name is needed")
	}
	if t.ifaceNames[c.Name] != nil {
		return refuse(ErrExists, object, "delete it first or choose another name")
	}
	v, err := t.vrf(c.VR)
	if err != nil {
		return err
	}
	i := &iface{
		name: c.Name, vr: v, shared: c.Shared, fallback: c.FallbackGlobal, admin: true, mtu: c.MTU,
		addrs: slices.Clone(c.Addresses), nexthops: map[uint32]struct{}{}, adjacencies: map[adjKey]*adjacency{},
	}
	if c.Layer2 != "" {
		if i.l2, err = t.layer2(c.Layer2); err != nil {
			return err
		}
	}
	switch {
	case c.MTU != 0 && c.MTU < minMTU:
		return refuse(ErrInvalid, object, "MTU %d: at least %d, or 0 for the port's", c.MTU, minMTU)
	case c.Shared && i.l2 == nil:
		return refuse(ErrInvalid, object, "a share needs a layer 2 interface")
	case c.Shared && len(c.Addresses) > 0:
		return refuse(ErrInvalid, object, "a share has no addresses: they belong to the primary")
	case c.Shared && c.FallbackGlobal:
		return refuse(ErrInvalid, object, "a share receives nothing: set fallback on the ingress interface, a primary")
	case !c.Shared && i.l2 != nil && i.l2.primary != nil:
		return refuse(ErrExists, object, "%s has a primary already, %s: make this one Shared", c.Layer2, i.l2.primary.name)
	}
	for n, a := range c.Addresses {
		if err := i.checkAddress(object, a); err != nil {
			return err
		}
		if v.subnets.OverlapsPrefix(a.Masked()) || overlaps(c.Addresses[:n], a) {
			return refuse(ErrExists, object, "address %v overlaps another interface's network in VR %s: choose another", a, v.name)
		}
	}
	if err := t.numberInterface(object, i); err != nil {
		return err
	}
	t.ifaceNames[c.Name] = i
	v.ifaces++
	t.attach(i)
	for _, a := range i.addrs {
		v.subnets.Insert(a.Masked())
	}
	t.touch(i)
	t.journal.undo(func() {
		delete(t.ifaceNames, c.Name)
		v.ifaces--
		t.detach(i)
		i.deleted = true
		for _, a := range i.addrs {
			v.subnets.Delete(a.Masked())
		}
		t.touch(i)
	})
	return t.addOwnRoutes(object, i)
}

func overlaps(others []netip.Prefix, a netip.Prefix) bool {
	return slices.ContainsFunc(others, a.Overlaps)
}

func (i *iface) checkAddress(object string, a netip.Prefix) error {
	host := netip.Addr{}
	if a.IsValid() {
		host = a.Addr()
	}
	switch {
	case !host.Is4():
		return refuse(ErrInvalid, object, "address %v: an IPv4 address with length is needed, such as 192.0.2.1/30", a)
	case host.IsMulticast() || host.IsLoopback() || host.IsUnspecified() || a.Bits() < 8:
		return refuse(ErrInvalid, object, "address %v cannot be an interface's", a)
	case i.l2 == nil && a.Bits() != 32:
		return refuse(ErrInvalid, object, "address %v: a loopback's is a /32", a)
	case a.Bits() < 31 && (host == a.Masked().Addr() || addr4(host)|^uint32(0)<<(32-a.Bits()) == ^uint32(0)):
		return refuse(ErrInvalid, object, "address %v is its network's own or broadcast address", a)
	}
	return nil
}

// numberInterface gives i an index. Indexes of deleted interfaces are used again last, the oldest first, so that
// counters by index stay apart as long as can be.
func (t *Table) numberInterface(object string, i *iface) error {
	switch {
	case len(t.ifaces) < 1<<16:
		i.index = uint16(len(t.ifaces))
		t.ifaces = append(t.ifaces, i)
	case len(t.ifaceFree) > 0 && t.domain.Passed(t.ifaceFree[0].token):
		i.index = t.ifaceFree[0].slot
		t.ifaceFree, t.ifaces[i.index] = t.ifaceFree[1:], i
	default:
		return refuse(ErrCapacity, object, "all 65535 interface indexes are in use: delete interfaces first")
	}
	t.journal.undo(func() { t.deletedIfaces = append(t.deletedIfaces, i) })
	return nil
}

// attach and detach put an interface on its layer 2 interface and take it off.
func (t *Table) attach(i *iface) {
	switch {
	case i.l2 == nil:
	case i.shared:
		i.l2.shares[i] = struct{}{}
	default:
		i.l2.primary = i
		t.touchIngress(i.l2)
	}
}

func (t *Table) detach(i *iface) {
	switch {
	case i.l2 == nil:
	case i.shared:
		delete(i.l2.shares, i)
	default:
		i.l2.primary = nil
		t.touchIngress(i.l2)
	}
}

// addOwnRoutes adds what follows from a primary's addresses: networks, own addresses, and the host routes of
// neighbours that are known already.
func (t *Table) addOwnRoutes(object string, i *iface) error {
	for _, a := range i.addrs {
		if a.Bits() < 32 {
			if err := t.addOwn(object, i, a.Masked(), Connected, nhKey{kind: nhGlean, iface: i.index}); err != nil {
				return err
			}
		}
		own := netip.PrefixFrom(a.Addr(), 32)
		if err := t.addOwn(object, i, own, OwnAddress, nhKey{kind: nhLocal, iface: i.index}); err != nil {
			return err
		}
	}
	if i.l2 != nil && !i.shared {
		for _, addr := range slices.Sorted(maps.Keys(i.l2.neighbors)) {
			if err := t.addHost(object, i.l2, addr); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Table) addOwn(object string, i *iface, pfx netip.Prefix, s Source, k nhKey) error {
	nh, ok := t.nextHop(k)
	if !ok {
		return refuseNextHops(object)
	}
	t.addPath(i.vr, pfx, path{nh: nh, source: s, distance: s.Distance()})
	i.own = append(i.own, t.journal.last())
	t.journal.undo(func() { i.own = i.own[:len(i.own)-1] })
	return nil
}

func refuseNextHops(object string) error {
	return refuse(ErrCapacity, object, "%d next hops are all there is room for: share next hops between routes", maxNextHops)
}

func (t *Table) iface(name string) (*iface, error) {
	if i := t.ifaceNames[name]; i != nil {
		return i, nil
	}
	return nil, refuse(ErrNotFound, "interface "+name, "add it with AddInterface first")
}

func (c DeleteInterface) stage(t *Table) error {
	i, err := t.iface(c.Name)
	if err != nil {
		return err
	}
	object := "interface " + c.Name
	if i.routes > 0 {
		return refuse(ErrInUse, object, "%d routes name it, %s among them: delete them first", i.routes, t.routeVia(i))
	}
	if i.l2 != nil {
		for _, addr := range slices.Sorted(maps.Keys(i.l2.neighbors)) {
			if n := i.l2.neighbors[addr]; n.owner == i && !n.learned {
				return refuse(ErrInUse, object, "neighbour %v is on it: delete that first", netAddr(addr))
			}
		}
		for _, addr := range slices.Sorted(maps.Keys(i.l2.neighbors)) {
			if i.l2.neighbors[addr].owner == i {
				t.forgetNeighbor(i.l2, addr)
			}
		}
		if !i.shared {
			for _, addr := range slices.Sorted(maps.Keys(i.l2.neighbors)) {
				t.removeHost(i.l2, addr)
			}
		}
	}
	own := i.own
	for _, id := range own {
		t.removePath(id)
	}
	i.own = nil
	delete(t.ifaceNames, c.Name)
	i.vr.ifaces--
	i.deleted = true
	t.detach(i)
	for _, a := range i.addrs {
		i.vr.subnets.Delete(a.Masked())
	}
	t.touch(i)
	t.deletedIfaces = append(t.deletedIfaces, i)
	t.journal.undo(func() {
		i.own = own
		t.ifaceNames[c.Name] = i
		i.vr.ifaces++
		i.deleted = false
		t.attach(i)
		for _, a := range i.addrs {
			i.vr.subnets.Insert(a.Masked())
		}
		t.touch(i)
	})
	return nil
}

// routeVia names one route that names interface i.
func (t *Table) routeVia(i *iface) string {
	for id := range i.nexthops {
		for at := t.nexthops[id].first; at != 0; at = t.paths.at(at).nhNext {
			if p := t.paths.at(at); t.via(p) && !p.leaked() {
				return t.dests.at(p.dest).prefix().String()
			}
		}
	}
	return "none"
}

func (c SetFallback) stage(t *Table) error {
	i, err := t.iface(c.Interface)
	if err != nil {
		return err
	}
	if i.shared {
		return refuse(ErrInvalid, "interface "+c.Interface, "a share receives nothing: set fallback on a primary")
	}
	old := i.fallback
	i.fallback = c.Global
	t.touch(i)
	t.journal.undo(func() {
		i.fallback = old
		t.touch(i)
	})
	return nil
}

func (c SetAdmin) stage(t *Table) error {
	i, err := t.iface(c.Interface)
	if err != nil {
		return err
	}
	old := i.admin
	i.admin = c.Up
	t.touch(i)
	t.journal.undo(func() {
		i.admin = old
		t.touch(i)
	})
	return nil
}

func (c SetMTU) stage(t *Table) error {
	i, err := t.iface(c.Interface)
	if err != nil {
		return err
	}
	if c.MTU != 0 && c.MTU < minMTU {
		return refuse(ErrInvalid, "interface "+c.Interface, "MTU %d: at least %d, or 0 for the port's", c.MTU, minMTU)
	}
	old := i.mtu
	i.mtu = c.MTU
	t.touch(i)
	t.journal.undo(func() {
		i.mtu = old
		t.touch(i)
	})
	return nil
}

func (c MoveShare) stage(t *Table) error {
	i, err := t.iface(c.Interface)
	if err != nil {
		return err
	}
	if !i.shared {
		return refuse(ErrInvalid, "interface "+c.Interface, "it is a primary: only a share can be moved")
	}
	to, err := t.layer2(c.Layer2)
	if err != nil {
		return err
	}
	from := i.l2
	if from == to {
		return nil
	}
	for _, addr := range slices.Sorted(maps.Keys(from.neighbors)) {
		if from.neighbors[addr].owner == i {
			t.forgetNeighbor(from, addr)
		}
	}
	move := func(l *layer2) {
		t.detach(i)
		i.l2 = l
		t.attach(i)
		t.touch(i)
	}
	move(to)
	t.journal.undo(func() { move(from) })
	return nil
}
