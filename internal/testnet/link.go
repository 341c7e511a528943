package testnet

import (
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// What the library names on Linux alone.
const (
	permanent = 0x80 // NUD_PERMANENT, include/uapi/linux/neighbour.h
	linkScope = 253  // RT_SCOPE_LINK, include/uapi/linux/rtnetlink.h
)

// VethOption changes how Veth makes a pair.
type VethOption func(*vethOptions)

type vethOptions struct {
	mtu      int
	queues   int
	offloads bool
}

// MTU sets the MTU in bytes on both ends; without it 1500.
func MTU(bytes int) VethOption { return func(o *vethOptions) { o.mtu = bytes } }

// Queues gives both ends that many transmit and receive queues; without it one.
func Queues(n int) VethOption { return func(o *vethOptions) { o.queues = n } }

// Offloads leaves checksum and segmentation offloads as the kernel sets them: on. Frames then carry partial checksums
// and may be 64 KiB long.
func Offloads() VethOption { return func(o *vethOptions) { o.offloads = true } }

// Veth makes a pair of interfaces, ifA in a and ifB in b, both up. Offloads are off: what one end sends is, byte by byte,
// what the other receives.
func (n *Net) Veth(a *NS, ifA string, b *NS, ifB string, opts ...VethOption) {
	n.t.Helper()
	o := vethOptions{mtu: 1500, queues: 1}
	for _, opt := range opts {
		opt(&o)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Namespace, attrs.MTU = ifA, netlink.NsFd(a.handle), o.mtu
	attrs.NumTxQueues, attrs.NumRxQueues = o.queues, o.queues
	a.check(a.links.LinkAdd(&netlink.Veth{
		LinkAttrs: attrs, PeerName: ifB, PeerNamespace: netlink.NsFd(b.handle), PeerMTU: uint32(o.mtu),
		PeerNumTxQueues: uint32(o.queues), PeerNumRxQueues: uint32(o.queues),
	}), "veth %s to %s in %s", ifA, ifB, b.name)
	for _, end := range []struct {
		ns   *NS
		name string
	}{{a, ifA}, {b, ifB}} {
		if !o.offloads {
			var err error
			end.ns.Do(func() { err = offloadsOff(end.name) })
			end.ns.check(err, "offloads of %s", end.name)
		}
		end.ns.SetUp(end.name)
	}
}

func (ns *NS) link(name string) netlink.Link {
	ns.t.Helper()
	l, err := ns.links.LinkByName(name)
	ns.check(err, "interface %s", name)
	return l
}

// SetUp sets an interface up.
func (ns *NS) SetUp(name string) {
	ns.t.Helper()
	ns.check(ns.links.LinkSetUp(ns.link(name)), "set %s up", name)
}

// SetDown sets an interface down; the other end of a veth loses its carrier.
func (ns *NS) SetDown(name string) {
	ns.t.Helper()
	ns.check(ns.links.LinkSetDown(ns.link(name)), "set %s down", name)
}

// Delete removes an interface, and with it the other end of a veth.
func (ns *NS) Delete(name string) {
	ns.t.Helper()
	ns.check(ns.links.LinkDel(ns.link(name)), "delete %s", name)
}

// MAC returns an interface's hardware address.
func (ns *NS) MAC(name string) net.HardwareAddr {
	ns.t.Helper()
	return ns.link(name).Attrs().HardwareAddr
}

// SetMAC sets an interface's hardware address.
func (ns *NS) SetMAC(name string, mac net.HardwareAddr) {
	ns.t.Helper()
	ns.check(ns.links.LinkSetHardwareAddr(ns.link(name), mac), "set the MAC of %s to %s", name, mac)
}

// Addr gives an interface an address and its network, such as "192.0.2.1/24".
func (ns *NS) Addr(name, cidr string) {
	ns.t.Helper()
	prefix, err := netip.ParsePrefix(cidr)
	ns.check(err, "address")
	ns.check(ns.links.AddrAdd(ns.link(name), &netlink.Addr{IPNet: &net.IPNet{
		IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), 32),
	}}), "address %s on %s", cidr, name)
}

// Route adds a route in the main table. The destination is a prefix or "default"; via is a gateway's address or the name
// of an interface.
func (ns *NS) Route(destination, via string) {
	ns.t.Helper()
	if destination == "default" {
		destination = "0.0.0.0/0"
	}
	prefix, err := netip.ParsePrefix(destination)
	ns.check(err, "route")
	route := &netlink.Route{Dst: &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), 32)}}
	if gateway := net.ParseIP(via); gateway != nil {
		route.Gw = gateway
	} else {
		route.LinkIndex, route.Scope = ns.link(via).Attrs().Index, linkScope
	}
	ns.check(ns.links.RouteAdd(route), "route %s via %s", destination, via)
}

// Neigh tells an interface the hardware address of a neighbour, for good.
func (ns *NS) Neigh(name, ip string, mac net.HardwareAddr) {
	ns.t.Helper()
	ns.check(ns.links.NeighSet(&netlink.Neigh{
		LinkIndex: ns.link(name).Attrs().Index, State: permanent, IP: net.ParseIP(ip), HardwareAddr: mac,
	}), "neighbour %s of %s", ip, name)
}
