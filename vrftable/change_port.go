package vrftable

import (
	"maps"
	"slices"
)

// The smallest MTU of an IPv4 link (RFC 791 3.2) and the default.
const (
	minMTU     = 68
	defaultMTU = 1500
)

func (c AddPort) stage(t *Table) (err error) {
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
	if c.MTU, err = linkOf(object, c.MAC, c.MTU); err != nil {
		return err
	}
	p := &port{name: c.Name, number: c.Number, mac: c.MAC, mtu: c.MTU, up: true, vlans: map[uint16]*layer2{}}
	t.ports[c.Name], t.portNumbers[c.Number] = p, p
	t.journal.undo(func() {
		delete(t.ports, c.Name)
		t.portNumbers[c.Number] = nil
	})
	return nil
}

// linkOf checks a port's address and completes its MTU.
func linkOf(object string, mac MAC, mtu uint16) (uint16, error) {
	if !mac.unicast() {
		return 0, refuse(ErrInvalid, object, "MAC %v: a station's address is needed, not zero and not a group", mac)
	}
	if mtu == 0 {
		return defaultMTU, nil
	}
	if mtu < minMTU {
		return 0, refuse(ErrInvalid, object, "MTU %d: at least %d", mtu, minMTU)
	}
	return mtu, nil
}

func (c SetPort) stage(t *Table) error {
	p, err := t.port(c.Name)
	if err != nil {
		return err
	}
	if c.MTU, err = linkOf("port "+c.Name, c.MAC, c.MTU); err != nil {
		return err
	}
	set := func(mac MAC, mtu uint16) {
		p.mac, p.mtu = mac, mtu
		for _, l := range p.vlans {
			t.touchLayer2(l)
		}
	}
	mac, mtu := p.mac, p.mtu
	set(c.MAC, c.MTU)
	t.journal.undo(func() { set(mac, mtu) })
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
