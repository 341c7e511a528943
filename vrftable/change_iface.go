package vrftable

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// The smallest MTU of an IPv4 link (RFC 791 3.2) and the default.
const (
	minMTU     = 68
	defaultMTU = 1500
)

func (c AddPort) stage(t *Table) error {
	object := "port " + c.Name
	if c.Name == "" {
		return refuse(ErrInvalid, object, "a name is needed")
	}
	if t.ports[c.Name] != nil {
		return refuse(ErrExists, object, "delete it first or choose another name")
	}
	if int(c.Number) >= len(t.portNumbers) {
		return refuse(ErrCapacity, object, "number %d: 0 to %d (raise Config.Ports)", c.Number, len(t.portNumbers)-1)
	}
	if p := t.portNumbers[c.Number]; p != nil {
		return refuse(ErrExists, object, "number %d is port %s's: choose another", c.Number, p.name)
	}
	if !c.MAC.unicast() {
		return refuse(ErrInvalid, object, "MAC %v: a station's address is needed, not zero and not a group", c.MAC)
	}
	if c.MTU == 0 {
		c.MTU = defaultMTU
	}
	if c.MTU < minMTU {
		return refuse(ErrInvalid, object, "MTU %d: at least %d", c.MTU, minMTU)
	}
	p := &port{name: c.Name, number: c.Number, mac: c.MAC, mtu: c.MTU, up: true, vlans: map[uint16]*layer2{}}
	t.ports[c.Name], t.portNumbers[c.Number] = p, p
	t.journal.undo(func() {
		delete(t.ports, c.Name)
		t.portNumbers[c.Number] = nil
	})
	return nil
}

func (c DeletePort) stage(t *Table) error {
	p, err := t.port(c.Name)
	if err != nil {
		return err
	}
	if len(p.vlans) > 0 {
		for _, v := range slices.Sorted(maps.Keys(p.vlans)) {
			return refuse(ErrInUse, "port "+c.Name, "layer 2 interface %s stands on it: delete that first", p.vlans[v].name)
		}
	}
	delete(t.ports, c.Name)
	t.portNumbers[p.number] = nil
	t.journal.undo(func() { t.ports[c.Name], t.portNumbers[p.number] = p, p })
	return nil
}

func (t *Table) port(name string) (*port, error) {
	if p := t.ports[name]; p != nil {
		return p, nil
	}
	return nil, refuse(ErrNotFound, "port "+name, "add it with AddPort first")
}

func (c SetPortState) stage(t *Table) error {
	p, err := t.port(c.Port)
	if err != nil {
		return err
	}
	if p.up == c.Up {
		return nil
	}
	set := func(up bool) {
		p.up = up
		for _, l := range p.vlans {
			t.touchLayer2(l)
		}
	}
	set(c.Up)
	t.journal.undo(func() { set(!c.Up) })
	return nil
}

func (c AddVRF) stage(t *Table) error {
	object := "VRF " + c.Name
	if c.Name == "" {
		return refuse(ErrInvalid, object, "a name is needed")
	}
	if t.vrNames[c.Name] != nil {
		return refuse(ErrExists, object, "delete it first or choose another name")
	}
	v := &vr{name: c.Name}
	switch n := len(t.vrFree); {
	case len(t.vrs) < cap(t.vrs):
		v.table = uint16(len(t.vrs))
		t.vrs = append(t.vrs, v)
	case n > 0:
		v.table = t.vrFree[n-1]
		t.vrFree, t.vrs[v.table] = t.vrFree[:n-1], v
	case len(t.vrWaiting)+len(t.deletedVRs) > 0:
		return refuse(ErrBusy, object, "readers still hold the tables of deleted VRFs: apply again when they have polled")
	default:
		return refuse(ErrCapacity, object, "%d VRFs are all there is room for: raise Config.VRFs", cap(t.vrs)-1)
	}
	t.vrNames[c.Name] = v
	t.journal.undo(func() {
		delete(t.vrNames, c.Name)
		v.deleted = true
		t.deletedVRs = append(t.deletedVRs, v)
	})
	return nil
}

// vrf finds a VR by name; "" is the parent.
func (t *Table) vrf(name string) (*vr, error) {
	if name == "" {
		return t.vrs[0], nil
	}
	if v := t.vrNames[name]; v != nil {
		return v, nil
	}
	return nil, refuse(ErrNotFound, "VRF "+name, "add it with AddVRF first")
}

// child finds a VRF by name and refuses the parent.
func (t *Table) child(name string) (*vr, error) {
	v, err := t.vrf(name)
	if err == nil && v.table == 0 {
		return nil, refuse(ErrInvalid, "VR "+Parent, "a VRF is needed, not the parent VR")
	}
	return v, err
}

func (c DeleteVRF) stage(t *Table) error {
	v, err := t.child(c.Name)
	if err != nil {
		return err
	}
	object := "VRF " + c.Name
	switch {
	case v.ifaces > 0:
		for _, i := range t.ifaces {
			if i != nil && i.vr == v && !i.deleted {
				return refuse(ErrInUse, object, "interface %s is in it: delete that first", i.name)
			}
		}
	case v.routes > 0:
		return refuse(ErrInUse, object, "it has %d routes, %s among them: delete them first", v.routes, t.someRoute(v))
	case v.imp != nil:
		return refuse(ErrInUse, object, "it has a global import map: clear that first")
	case v.exp != nil:
		return refuse(ErrInUse, object, "it has a global export map: clear that first")
	}
	delete(t.vrNames, c.Name)
	v.deleted = true
	t.deletedVRs = append(t.deletedVRs, v)
	t.journal.undo(func() { t.vrNames[c.Name], v.deleted = v, false })
	return nil
}

// someRoute names one route of AddRoute in v.
func (t *Table) someRoute(v *vr) string {
	for pfx, did := range v.rib.All4() {
		for id := t.dests.at(did).first; id != 0; id = t.paths.at(id).next {
			if p := t.paths.at(id); !p.leaked() && p.source >= Static {
				return pfx.String()
			}
		}
	}
	return "none"
}

func (c AddLayer2) stage(t *Table) error {
	object := "layer 2 interface " + c.Name
	if c.Name == "" {
		return refuse(ErrInvalid, object, "a name is needed")
	}
	if t.layer2s[c.Name] != nil {
		return refuse(ErrExists, object, "delete it first or choose another name")
	}
	p, err := t.port(c.Port)
	if err != nil {
		return err
	}
	if c.VLAN > 4094 {
		return refuse(ErrInvalid, object, "VLAN %d: 1 to 4094, or 0 for untagged (IEEE 802.1Q table 9-2)", c.VLAN)
	}
	if l := p.vlans[c.VLAN]; l != nil {
		return refuse(ErrExists, object, "VLAN %d of port %s is layer 2 interface %s: use that", c.VLAN, c.Port, l.name)
	}
	l := &layer2{name: c.Name, port: p, vlan: c.VLAN, up: true,
		shares: map[*iface]struct{}{}, neighbors: map[uint32]neighbor{}}
	t.layer2s[c.Name], p.vlans[c.VLAN] = l, l
	t.journal.undo(func() {
		delete(t.layer2s, c.Name)
		delete(p.vlans, c.VLAN)
	})
	return nil
}

func (t *Table) layer2(name string) (*layer2, error) {
	if l := t.layer2s[name]; l != nil {
		return l, nil
	}
	return nil, refuse(ErrNotFound, "layer 2 interface "+name, "add it with AddLayer2 first")
}

func (c DeleteLayer2) stage(t *Table) error {
	l, err := t.layer2(c.Name)
	if err != nil {
		return err
	}
	for i := range l.all {
		return refuse(ErrInUse, "layer 2 interface "+c.Name, "IP interface %s stands on it: delete or move that first", i.name)
	}
	delete(t.layer2s, c.Name)
	delete(l.port.vlans, l.vlan)
	t.journal.undo(func() { t.layer2s[c.Name], l.port.vlans[l.vlan] = l, l })
	return nil
}

func (c SetLayer2State) stage(t *Table) error {
	l, err := t.layer2(c.Layer2)
	if err != nil {
		return err
	}
	if l.up == c.Up {
		return nil
	}
	l.up = c.Up
	t.touchLayer2(l)
	t.journal.undo(func() {
		l.up = !c.Up
		t.touchLayer2(l)
	})
	return nil
}

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
			if i.l2.neighbors[addr].owner == i {
				return refuse(ErrInUse, object, "neighbour %v is on it: delete that first", netAddr(addr))
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
			if p := t.paths.at(at); p.via && !p.leaked() {
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

func (c AddNeighbor) stage(t *Table) error {
	i, err := t.iface(c.Interface)
	if err != nil {
		return err
	}
	object := fmt.Sprintf("neighbour %v on %s", c.Addr, c.Interface)
	switch {
	case i.l2 == nil:
		return refuse(ErrInvalid, object, "a loopback has no neighbours")
	case !c.Addr.Is4() || c.Addr.IsUnspecified() || c.Addr.IsMulticast() || c.Addr.IsLoopback():
		return refuse(ErrInvalid, object, "a unicast IPv4 address is needed")
	case !c.MAC.unicast():
		return refuse(ErrInvalid, object, "MAC %v: a station's address is needed, not zero and not a group", c.MAC)
	}
	l, addr := i.l2, addr4(c.Addr)
	old, was := l.neighbors[addr]
	n := neighbor{mac: c.MAC, owner: i, host: old.host}
	t.setNeighbor(l, addr, n, true)
	t.journal.undo(func() { t.setNeighbor(l, addr, old, was) })
	if was {
		return nil
	}
	return t.addHost(object, l, addr)
}

// setNeighbor stores or removes a neighbour, and marks the adjacencies that its MAC belongs to.
func (t *Table) setNeighbor(l *layer2, addr uint32, n neighbor, there bool) {
	if there {
		l.neighbors[addr] = n
	} else {
		delete(l.neighbors, addr)
	}
	for i := range l.all {
		if a := i.adjacencies[adjKey{Forward, i.index, addr}]; a != nil {
			t.touchAdj(a)
		}
	}
}

func (c DeleteNeighbor) stage(t *Table) error {
	i, err := t.iface(c.Interface)
	if err != nil {
		return err
	}
	if i.l2 != nil && c.Addr.Is4() {
		if _, ok := i.l2.neighbors[addr4(c.Addr)]; ok {
			t.forgetNeighbor(i.l2, addr4(c.Addr))
			return nil
		}
	}
	return refuse(ErrNotFound, fmt.Sprintf("neighbour %v on %s", c.Addr, c.Interface), "it was not added")
}

func (t *Table) forgetNeighbor(l *layer2, addr uint32) {
	t.removeHost(l, addr)
	old := l.neighbors[addr]
	t.setNeighbor(l, addr, neighbor{}, false)
	t.journal.undo(func() { t.setNeighbor(l, addr, old, true) })
}

// addHost adds the host route of a neighbour that lies in a network of the primary.
func (t *Table) addHost(object string, l *layer2, addr uint32) error {
	i := l.primary
	if i == nil {
		return nil
	}
	if _, ok := i.subnet(addr); !ok {
		return nil
	}
	for _, a := range i.addrs {
		if addr4(a.Addr()) == addr {
			return refuse(ErrInvalid, object, "%v is interface %s's own address", a.Addr(), i.name)
		}
	}
	nh, ok := t.nextHop(nhKey{kind: nhDirect, iface: i.index, gateway: addr})
	if !ok {
		return refuseNextHops(object)
	}
	t.addPath(i.vr, netPrefix(addr, 32), path{nh: nh, source: Neighbor, distance: DistanceNeighbor})
	t.setHost(l, addr, t.journal.last())
	return nil
}

func (t *Table) removeHost(l *layer2, addr uint32) {
	if n := l.neighbors[addr]; n.host != 0 {
		t.removePath(n.host)
		t.setHost(l, addr, 0)
	}
}

func (t *Table) setHost(l *layer2, addr, host uint32) {
	n := l.neighbors[addr]
	old := n.host
	n.host = host
	l.neighbors[addr] = n
	t.journal.undo(func() {
		n := l.neighbors[addr]
		n.host = old
		l.neighbors[addr] = n
	})
}
