package vrftable

import (
	"fmt"
)

func (c AddNeighbor) stage(t *Table) error { return t.addNeighbor(c, false) }

func (c LearnNeighbor) stage(t *Table) error { return t.addNeighbor(AddNeighbor(c), true) }

func (t *Table) addNeighbor(c AddNeighbor, learned bool) error {
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
	if was && learned && !old.learned {
		return refuse(ErrExists, object, "it is a static neighbour: delete that first")
	}
	n := neighbor{mac: c.MAC, owner: i, host: old.host, learned: learned}
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

func (c ForgetNeighbor) stage(t *Table) error {
	i, err := t.iface(c.Interface)
	if err != nil {
		return err
	}
	if i.l2 != nil && c.Addr.Is4() && i.l2.neighbors[addr4(c.Addr)].learned {
		t.forgetNeighbor(i.l2, addr4(c.Addr))
		return nil
	}
	return refuse(ErrNotFound, fmt.Sprintf("neighbour %v on %s", c.Addr, c.Interface), "it was not learned")
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
