package slowpath

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"vrfwd/packet"
	"vrfwd/vrftable"
)

// linkKey names a layer 2 interface by what frames carry: port number and VLAN.
type linkKey uint32

func keyOf(port, vlan uint16) linkKey { return linkKey(port)<<12 | linkKey(vlan&0xfff) }

// link is a layer 2 interface with a primary: a place where ARP is spoken.
type link struct {
	key     linkKey
	port    uint16
	vlan    uint16
	mac     packet.MAC
	up      bool
	layer2  string // its name
	name    string // of the primary
	iface   uint16 // of the primary
	table   uint16 // of the primary's VR
	addrs   []netip.Prefix
	present int // neighbours in the cache

	defended time.Time // when an own address was last defended
}

// ownAddress is an address of a VR.
type ownAddress struct {
	addr     uint32
	iface    uint16
	loopback bool
	fallback bool // of the interface: where no route of the VRF leads, the parent's table is used
}

// links is a copy of what the table knows of its interfaces, as the slow path needs it.
type links struct {
	generation uint64
	byKey      map[linkKey]*link
	byIface    map[uint16]*link        // by IP interface, shares too, that stands on a link
	own        map[uint16][]ownAddress // by the VR's table, loopbacks first
	vrs        map[string]uint16       // tables of VRs that have interfaces
}

// readLinks reads the table's interfaces. The generation is loaded first: a batch that comes in between is read again.
func readLinks(t *vrftable.Table) *links {
	l := &links{generation: t.InterfaceGeneration(), byKey: map[linkKey]*link{}, byIface: map[uint16]*link{},
		own: map[uint16][]ownAddress{}, vrs: map[string]uint16{}}
	all := t.Interfaces()
	for i := range all {
		info := &all[i]
		l.vrs[info.VR] = info.Table
		for _, a := range info.Addresses {
			l.own[info.Table] = append(l.own[info.Table],
				ownAddress{host(a.Addr()), info.Index, info.Layer2 == "", info.FallbackGlobal})
		}
		if info.Layer2 == "" || info.Shared {
			continue
		}
		key := keyOf(info.PortNumber, info.VLAN)
		l.byKey[key] = &link{
			key: key, port: info.PortNumber, vlan: info.VLAN, mac: packet.MAC(info.MAC), up: info.Up,
			layer2: info.Layer2, name: info.Name, iface: info.Index, table: info.Table, addrs: info.Addresses,
		}
	}
	for i := range all {
		if info := &all[i]; info.Layer2 != "" {
			if on := l.byKey[keyOf(info.PortNumber, info.VLAN)]; on != nil {
				l.byIface[info.Index] = on
			}
		}
	}
	for _, own := range l.own {
		slices.SortStableFunc(own, func(a, b ownAddress) int {
			if a.loopback == b.loopback {
				return 0
			}
			if a.loopback {
				return -1
			}
			return 1
		})
	}
	return l
}

// refresh brings the copy of the interfaces up to date. Neighbours of a layer 2 interface that went down or got another
// primary are forgotten: the station there may be another one. An interface that has come up announces its addresses.
func (p *Path) refresh() {
	if p.links != nil && p.links.generation == p.table.InterfaceGeneration() {
		return
	}
	old := p.links
	p.links = readLinks(p.table)
	if old == nil {
		old = &links{}
	}
	for _, n := range p.neighbors {
		was, is := old.byKey[n.key.link], p.links.byKey[n.key.link]
		if is != nil && is.up && is.iface == was.iface && is.layer2 == was.layer2 {
			is.present++
			is.defended = was.defended
		} else {
			p.drop(n, NoInterface)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.links.byKey)) {
		l, was := p.links.byKey[key], old.byKey[key]
		if l.up && (was == nil || !was.up || was.mac != l.mac || !slices.Equal(was.addrs, l.addrs)) {
			p.announce(l)
		}
	}
	for key := range p.buckets {
		if key.iface != 0 && p.links.byIface[key.iface] == nil {
			delete(p.buckets, key)
		}
	}
	p.addressHosts()
}

// owns tells whether an address is the primary's.
func (l *link) owns(addr uint32) bool {
	return slices.ContainsFunc(l.addrs, func(a netip.Prefix) bool { return host(a.Addr()) == addr })
}

// subnet tells whether an address lies in a network of the primary.
func (l *link) subnet(addr uint32) bool {
	return slices.ContainsFunc(l.addrs, func(a netip.Prefix) bool { return a.Bits() < 32 && a.Contains(address(addr)) })
}

// broadcast tells whether an address is a network's broadcast address, of today or of old: all host bits set, or none
// (RFC 1812 4.2.2.11). Networks of two addresses have none (RFC 3021).
func (l *link) broadcast(addr uint32) bool {
	for _, a := range l.addrs {
		if a.Bits() >= 31 || !a.Contains(address(addr)) {
			continue
		}
		if hosts := ^uint32(0) >> a.Bits(); addr&hosts == hosts || addr&hosts == 0 {
			return true
		}
	}
	return false
}

// source returns the address that speaks for a primary to addr: the one whose network holds addr, else the first, else,
// for an interface without addresses, one that its VR has, loopbacks first; 0: there is none.
func (p *Path) source(l *link, addr uint32) uint32 {
	for _, a := range l.addrs {
		if a.Contains(address(addr)) {
			return host(a.Addr())
		}
	}
	if len(l.addrs) > 0 {
		return host(l.addrs[0].Addr())
	}
	if own := p.links.own[l.table]; len(own) > 0 {
		return own[0].addr
	}
	return 0
}

// host returns an IPv4 address in host order, address is its inverse.
func host(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func address(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}
