package e2e

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// network is a provider edge and what stands around it, from which the kernel and fwd are configured alike.
type network struct {
	name      string
	circuits  []*circuit
	vrfs      []string
	loopbacks []loopback
	statics   []static
	imports   map[string][]prefixRule // by VRF
	exports   map[string][]prefixRule // by VRF

	tables map[string][]route // what fib has found
}

// circuit is an Ethernet link with the router's interface on it and stations on the other end: one for each other address
// of the interface's network. Both ends have the circuit's name.
type circuit struct {
	name     string
	number   int
	vr       string // "": the parent
	addr     netip.Prefix
	fallback bool
	mtu      int
}

type loopback struct {
	vr   string
	addr netip.Addr
}

// kind is what a route does with a packet.
type kind int

const (
	noRoute kind = iota
	toGateway
	toNetwork // connected: to the destination itself
	toRouter
	toBroadcast
	toDiscard
	toReject
)

// static is a route of the configuration. Its circuit may be another VR's: then it stands on a share.
type static struct {
	vr      string
	prefix  netip.Prefix
	kind    kind // toGateway, toDiscard or toReject
	out     *circuit
	gateway netip.Addr
}

// prefixRule is an entry of a prefix list: prefixes in prefix, of min to max bits.
type prefixRule struct {
	prefix   netip.Prefix
	min, max int
}

func (r prefixRule) permits(p netip.Prefix) bool {
	return r.prefix.Bits() <= p.Bits() && r.prefix.Contains(p.Addr()) && r.min <= p.Bits() && p.Bits() <= r.max
}

// route is one of a VR's table: what the kernel is given, and the generator aims at.
type route struct {
	prefix  netip.Prefix
	kind    kind
	out     *circuit   // nil: none, or the loopback
	gateway netip.Addr // toGateway
	belongs netip.Prefix
}

// router returns the MAC address of the router on a circuit.
func (c *circuit) router() net.HardwareAddr {
	return net.HardwareAddr{2, 0xee, 0, 0, 0, byte(c.number)}
}

// station returns the MAC address of a station on a circuit.
func (c *circuit) station(a netip.Addr) net.HardwareAddr {
	b := a.As4()
	return net.HardwareAddr{2, 0x55, byte(c.number), b[1], b[2], b[3]}
}

// stations returns the addresses of all stations on a circuit: all of its network that a host may have, but the router's.
func (c *circuit) stations() (all []netip.Addr) {
	last := lastOf(c.addr)
	for a := c.addr.Masked().Addr().Next(); a != last; a = a.Next() {
		if a != c.addr.Addr() {
			all = append(all, a)
		}
	}
	return all
}

// lastOf returns a prefix's highest address.
func lastOf(p netip.Prefix) netip.Addr {
	return addr4(host4(p.Masked().Addr()) | ^uint32(0)>>p.Bits())
}

func host4(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func addr4(h uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(h >> 24), byte(h >> 16), byte(h >> 8), byte(h)})
}

// vrs returns the parent and the VRFs.
func (n *network) vrs() []string { return append([]string{""}, n.vrfs...) }

// own returns what a VR has of itself: its interfaces' networks and addresses, its loopbacks and its static routes.
func (n *network) own(vr string) (all []route) {
	for _, c := range n.circuits {
		if c.vr != vr {
			continue
		}
		connected := c.addr.Masked()
		for _, r := range []route{
			{prefix: connected, kind: toNetwork},
			{prefix: netip.PrefixFrom(c.addr.Addr(), 32), kind: toRouter},
			{prefix: netip.PrefixFrom(connected.Addr(), 32), kind: toBroadcast},
			{prefix: netip.PrefixFrom(lastOf(connected), 32), kind: toBroadcast},
		} {
			r.out, r.belongs = c, connected
			all = append(all, r)
		}
	}
	for _, l := range n.loopbacks {
		if l.vr == vr {
			p := netip.PrefixFrom(l.addr, 32)
			all = append(all, route{prefix: p, kind: toRouter, belongs: p})
		}
	}
	for _, s := range n.statics {
		if s.vr == vr {
			all = append(all, route{s.prefix, s.kind, s.out, s.gateway, s.prefix})
		}
	}
	return all
}

// fib returns a VR's table, longest prefixes first: its own routes, then those that maps bring from elsewhere where it has
// none of its own for the prefix (DESIGN 3.8). What is exported is chosen from own routes, what is imported from the
// parent's own alone: an exported route is not imported again (3.9). An interface's addresses follow the connected route.
func (n *network) fib(vr string) []route {
	if t, ok := n.tables[vr]; ok {
		return t
	}
	table := n.own(vr)
	add := func(from string, rules []prefixRule) {
		for _, r := range n.own(from) {
			permitted := slices.ContainsFunc(rules, func(p prefixRule) bool { return p.permits(r.belongs) })
			have := slices.ContainsFunc(table, func(o route) bool { return o.prefix == r.prefix })
			if permitted && !have {
				table = append(table, r)
			}
		}
	}
	if vr != "" {
		add("", n.imports[vr])
	} else {
		for _, v := range n.vrfs {
			add(v, n.exports[v])
		}
	}
	slices.SortStableFunc(table, func(a, b route) int { return cmp.Compare(b.prefix.Bits(), a.prefix.Bits()) })
	if n.tables == nil {
		n.tables = map[string][]route{}
	}
	n.tables[vr] = table
	return table
}

// lookup returns the route of a packet that came in on a circuit: the VRF's, if it has any; else, where the circuit falls
// back, the parent's (DESIGN 3.3).
func (n *network) lookup(in *circuit, to netip.Addr) route {
	tables := []string{in.vr}
	if in.fallback && in.vr != "" {
		tables = append(tables, "")
	}
	for _, vr := range tables {
		for _, r := range n.fib(vr) {
			if r.prefix.Contains(to) {
				return r
			}
		}
	}
	return route{}
}

func vrName(vr string) string {
	if vr == "" {
		return "default"
	}
	return vr
}

func (c *circuit) String() string {
	return fmt.Sprintf("%s (%v in %s, fallback %t, MTU %d)", c.name, c.addr, vrName(c.vr), c.fallback, c.mtu)
}

func (r route) String() string {
	switch r.kind {
	case toGateway:
		return fmt.Sprintf("%v by %v on %s", r.prefix, r.gateway, r.out.name)
	case noRoute:
		return "no route"
	}
	return fmt.Sprintf("%v %s", r.prefix, [...]string{toNetwork: "connected", toRouter: "own", toBroadcast: "broadcast",
		toDiscard: "discard", toReject: "reject"}[r.kind])
}
