package config

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"vrfwd/vrftable"
)

// layer2 finds a layer 2 interface by name, or makes the one that PORT or PORT.VLAN names; nil: neither, and said so.
func (v *validator) layer2(name string, at Position) *layer2 {
	if l := v.layer2s[name]; l != nil {
		return l
	}
	s := slot{port: name}
	if v.ports[name] == nil {
		if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
			if n, err := strconv.ParseUint(name[dot+1:], 10, 16); err == nil && n > 0 && name[dot+1] != '0' {
				s = slot{name[:dot], uint16(n)}
			}
		}
	}
	switch {
	case v.ports[s.port] == nil:
		guess := suggest(name, keys(v.layer2s), keys(v.ports))
		if s.vlan != 0 && guess == "" {
			guess = suggest(s.port, keys(v.ports))
		}
		v.fail(at, "layer2: there is no layer 2 interface %s: a name of layer2, or PORT or PORT.VLAN, is needed%s",
			quote(name), guess)
		return nil
	case s.vlan > 4094:
		v.fail(at, "layer2: %s: VLAN %d: 1 to 4094 are allowed (IEEE 802.1Q)", name, s.vlan)
		return nil
	}
	if l := v.slots[s]; l != nil {
		v.fail(at, "layer2: VLAN %d of port %s is layer 2 interface %s (line %d): use that name", s.vlan, s.port, l.name,
			l.at.Line)
		return nil
	}
	return v.addLayer2(layer2{name: name, slot: s, at: at})
}

func (v *validator) addInterfaces(r router) {
	for i := range r.Interfaces {
		o := &r.Interfaces[i]
		v.addIface(o.Place, iface{o.Name, r.name, o.Layer2, primary, o.Addresses, o.FallbackGlobal, o.MTU, o.Shutdown, o.At})
		if o.FallbackGlobal && r.name == vrftable.Parent {
			v.fail(o.of("fallback-global"), "fallback-global: %s is in the parent VR, whose own table it is: it is for VRFs", o.Name)
		}
	}
	for i := range r.Loopbacks {
		o := &r.Loopbacks[i]
		v.addIface(o.Place, iface{o.Name, r.name, "", loopback, o.Addresses, false, 0, o.Shutdown, o.At})
	}
	for i := range r.Shares {
		o := &r.Shares[i]
		v.addIface(o.Place, iface{o.Name, r.name, o.Layer2, share, nil, false, o.MTU, o.Shutdown, o.At})
	}
}

func (v *validator) addIface(p Place, i iface) {
	if other := v.ifaces[i.name]; other != nil {
		v.fail(i.at, "%s is a name already: %s %s of VR %s (line %d): names are of all VRs", i.name, other.kind, other.name,
			other.vr, other.at.Line)
		return
	}
	v.ifaces[i.name] = &i
	if i.kind != loopback {
		l := v.layer2(i.layer2, p.of("layer2"))
		if l == nil {
			return
		}
		if i.kind == primary {
			if other := v.primary[l.name]; other != nil {
				v.fail(p.of("layer2"), "layer2: %s has a primary already, %s of VR %s (line %d): make this one a share", l.name,
					other.name, other.vr, other.at.Line)
				return
			}
			v.primary[l.name] = &i
		}
		if most := v.ports[l.slot.port].MTU; most != 0 && i.mtu > most {
			v.fail(p.of("mtu"), "mtu: %d is more than port %s's %d", i.mtu, l.slot.port, most)
		}
	}
	for _, a := range i.addresses {
		v.checkAddress(p.of("addresses"), &i, a)
	}
	v.c.objects.ifaces = append(v.c.objects.ifaces, i)
}

func (v *validator) checkAddress(at Position, i *iface, a netip.Prefix) {
	host := a.Addr()
	switch {
	case !unicast(host):
		v.fail(at, "addresses: %v is not a station's address: none of 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3", a)
	case i.kind == loopback && a.Bits() != 32:
		v.fail(at, "addresses: %v: a loopback's is a /32", a)
	case a.Bits() < 8:
		v.fail(at, "addresses: %v: a network's length is 8 to 32", a)
	case a.Bits() < 31 && (host == a.Masked().Addr() || host == last(a)):
		v.fail(at, "addresses: %v is its network's own or broadcast address: choose another", a)
	}
}

// last returns a prefix's last address.
func last(p netip.Prefix) netip.Addr { return addr4(number4(p.Addr()) | ^mask(p.Bits())) }

// subnet is one address of an interface.
type subnet struct {
	netip.Prefix // masked
	iface        *iface
}

// checkSubnets refuses networks of one VR that overlap.
func (v *validator) checkSubnets(r router) {
	var all []subnet
	add := func(name string) {
		if i := v.ifaces[name]; i != nil && i.vr == r.name {
			for _, a := range i.addresses {
				all = append(all, subnet{a.Masked(), i})
			}
		}
	}
	for i := range r.Interfaces {
		add(r.Interfaces[i].Name)
	}
	for i := range r.Loopbacks {
		add(r.Loopbacks[i].Name)
	}
	slices.SortStableFunc(all, func(a, b subnet) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	for n := 1; n < len(all); n++ {
		a, b := all[n-1], all[n]
		if !a.Overlaps(b.Prefix) {
			continue
		}
		if all[n] = a; comparePositions(a.iface.at, b.iface.at) > 0 { // a is the longer one: it goes on holding what follows
			a, b = b, a
		}
		v.fail(b.iface.at, "%s's network %v overlaps %s's %v (line %d): networks of one VR are apart", b.iface.name, b.Prefix,
			a.iface.name, a.Prefix, a.iface.at.Line)
	}
}

// addNeighbors takes the static neighbours of all interfaces. They belong to the layer 2 interface.
func (v *validator) addNeighbors(all []router) {
	first := map[neighborKey]neighbor{}
	add := func(name string, pairs Pairs[vrftable.MAC]) {
		i := v.ifaces[name]
		if i == nil || v.layer2s[i.layer2] == nil {
			return
		}
		for _, p := range pairs {
			n := neighbor{i.layer2, p.Key, name, p.Value, p.At}
			if other, ok := first[n.key()]; ok {
				v.fail(p.At, "neighbors: %v is a neighbour on layer 2 interface %s already (line %d)", p.Key, i.layer2, other.at.Line)
				continue
			}
			first[n.key()] = n
			if own := v.primary[i.layer2]; own != nil && own.owns(p.Key) {
				v.fail(p.At, "neighbors: %v is interface %s's own address", p.Key, own.name)
				continue
			}
			v.c.objects.neighbors = append(v.c.objects.neighbors, n)
		}
	}
	for _, r := range all {
		for i := range r.Interfaces {
			add(r.Interfaces[i].Name, r.Interfaces[i].Neighbors)
		}
		for i := range r.Shares {
			add(r.Shares[i].Name, r.Shares[i].Neighbors)
		}
	}
}

func (i *iface) owns(a netip.Addr) bool {
	return slices.ContainsFunc(i.addresses, func(p netip.Prefix) bool { return p.Addr() == a })
}
