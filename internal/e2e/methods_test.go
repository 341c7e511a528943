package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
)

// methods are the ways between VPNs and Internet (DESIGN 1), each with what it adds to the network that all have.
var methods = []struct {
	name string
	add  func(b *builder)
}{
	{"two-circuits", (*builder).twoCircuits},
	{"default-to-share", (*builder).defaultToShare},
	{"fallback-global", (*builder).fallbackGlobal},
	{"import-map", (*builder).importMap},
	{"full-copy", (*builder).fullCopy},
	{"static-to-share", (*builder).staticToShare},
	{"export-map", (*builder).exportMap},
	{"bgp-to-parent", (*builder).bgpToParent},
}

// builder makes networks at random.
type builder struct {
	network
	rand    *rand.Rand
	uplinks []*circuit
	sites   map[string][]*circuit // by VRF
	global  []static              // the parent's routes to the Internet
}

// build makes the network of a method: a parent with three uplinks of different MTU and some hundred routes, and four
// VRFs whose sites have the same addresses in 10.0.0.0/8.
func build(method int, seed uint64) *network {
	m := methods[method]
	b := &builder{
		network: network{name: m.name, imports: map[string][]prefixRule{}, exports: map[string][]prefixRule{}},
		rand:    rand.New(rand.NewPCG(seed, uint64(method))),
		sites:   map[string][]*circuit{},
	}
	for i, mtu := range []int{1500, 600, 4000} {
		b.uplinks = append(b.uplinks, b.circuit(fmt.Sprintf("up%d", i), "", fmt.Sprintf("198.51.100.%d/28", i*16+1), mtu))
	}
	b.loopbacks = append(b.loopbacks, loopback{"", netip.MustParseAddr("192.0.2.1")})
	for _, vrf := range []string{"amber", "blue", "coral", "dune"} {
		b.vrfs = append(b.vrfs, vrf)
		b.sites[vrf] = append(b.sites[vrf], b.circuit(vrf[:1]+"0", vrf, "10.1.0.1/28", 1500))
	}
	b.sites["amber"] = append(b.sites["amber"], b.circuit("a1", "amber", "10.1.0.17/28", 1500))
	b.loopbacks = append(b.loopbacks, loopback{"amber", netip.MustParseAddr("10.255.0.1")}, loopback{"blue", netip.MustParseAddr("10.255.0.1")})

	b.internet(200)
	for i, vrf := range b.vrfs {
		b.site(vrf, 40)
		// What the VPN has of public addresses, and a longer and a shorter prefix than the parent's that lead elsewhere.
		b.to(vrf, public(i), b.sites[vrf][0])
		b.to(vrf, netip.PrefixFrom(b.global[b.rand.IntN(len(b.global))].prefix.Addr(), 32), b.sites[vrf][0])
		b.nowhere(vrf, netip.PrefixFrom(public(i).Addr(), 26).Masked())
	}
	m.add(b)
	return &b.network
}

// public returns the prefix of public addresses that the i-th VPN has.
func public(i int) netip.Prefix { return netip.MustParsePrefix(fmt.Sprintf("198.18.%d.0/24", i)) }

func (b *builder) circuit(name, vr, addr string, mtu int) *circuit {
	c := &circuit{name: name, number: len(b.circuits), vr: vr, addr: netip.MustParsePrefix(addr), mtu: mtu}
	b.circuits = append(b.circuits, c)
	return c
}

// to adds a route to one of a circuit's stations, unless the VR has one for the prefix.
func (b *builder) to(vr string, p netip.Prefix, out *circuit) {
	stations := out.stations()
	b.add(static{vr, p, toGateway, out, stations[b.rand.IntN(len(stations))]})
}

// nowhere adds a discard or a reject route.
func (b *builder) nowhere(vr string, p netip.Prefix) {
	b.add(static{vr: vr, prefix: p, kind: toDiscard + kind(b.rand.IntN(2))})
}

func (b *builder) add(s static) {
	for _, r := range b.own(s.vr) {
		if r.prefix == s.prefix {
			return
		}
	}
	b.statics = append(b.statics, s)
}

// random adds n routes below a prefix: mostly /16 to /24, some shorter and longer, some inside others, some to nowhere.
func (b *builder) random(vr string, below netip.Prefix, n int, outs []*circuit) {
	var made []netip.Prefix
	for range n {
		bits := max(below.Bits(), []int{8, 12, 16, 18, 20, 22, 24, 24, 24, 28, 32}[b.rand.IntN(11)])
		base := below
		if len(made) > 0 && b.rand.IntN(4) == 0 {
			base = made[b.rand.IntN(len(made))]
			bits = max(bits, base.Bits())
		}
		a := host4(base.Addr()) | b.rand.Uint32()&(1<<(32-base.Bits())-1)
		p := netip.PrefixFrom(addr4(a), bits).Masked()
		if martian(p.Addr()) || martian(lastOf(p)) {
			continue
		}
		made = append(made, p)
		if b.rand.IntN(12) == 0 {
			b.nowhere(vr, p)
		} else {
			b.to(vr, p, outs[b.rand.IntN(len(outs))])
		}
	}
}

// martian reports what a router must not forward from or to (RFC 1812 5.3.7): 0/8, 127/8, 224/3.
func martian(a netip.Addr) bool {
	first := a.As4()[0]
	return first == 0 || first == 127 || first >= 224
}

// internet gives the parent its routes, all of them outside what VPNs use.
func (b *builder) internet(n int) {
	for _, below := range []string{"11.0.0.0/8", "16.0.0.0/4", "64.0.0.0/3", "128.0.0.0/3", "203.0.112.0/20"} {
		b.random("", netip.MustParsePrefix(below), n/5, b.uplinks)
	}
	b.global = append(b.global, b.statics...)
}

// site gives a VRF its own routes.
func (b *builder) site(vrf string, n int) {
	b.random(vrf, netip.MustParsePrefix("10.0.0.0/8"), n, b.sites[vrf])
}

// fallback makes a VRF's first site fall back; other sites of the VRF do not.
func (b *builder) fallback(vrfs ...string) {
	for _, v := range vrfs {
		b.sites[v][0].fallback = true
	}
}

// back lets the Internet reach the public addresses of all VPNs, by shares or by export.
func (b *builder) back(export bool) {
	for i, vrf := range b.vrfs {
		if export {
			b.exports[vrf] = append(b.exports[vrf], prefixRule{public(i), 24, 32})
		} else {
			b.to("", public(i), b.sites[vrf][0])
		}
	}
}

// twoCircuits: a customer's second circuit belongs to the parent.
func (b *builder) twoCircuits() {
	for i, vrf := range []string{"amber", "blue"} {
		c := b.circuit(vrf[:1]+"x", "", fmt.Sprintf("198.51.100.%d/28", 128+i*16+1), 1500)
		b.to("", public(i), c)
	}
}

// defaultToShare: VRFs' default routes lead to gateways over shares on the uplinks.
func (b *builder) defaultToShare() {
	for i, vrf := range b.vrfs {
		b.to(vrf, netip.MustParsePrefix("0.0.0.0/0"), b.uplinks[i%len(b.uplinks)])
	}
	b.back(false)
}

// fallbackGlobal: what has no route in the VRF takes the parent's. One VRF has a default route, which hides all of those;
// one interface does not fall back.
func (b *builder) fallbackGlobal() {
	b.fallback("amber", "blue", "coral")
	b.to("coral", netip.MustParsePrefix("0.0.0.0/0"), b.sites["coral"][0])
	b.to("", netip.MustParsePrefix("0.0.0.0/0"), b.uplinks[0])
	b.back(true)
}

// importMap: VRFs have copies of some of the parent's routes, connected ones among them.
func (b *builder) importMap() {
	all := netip.MustParsePrefix("0.0.0.0/0")
	b.imports["amber"] = []prefixRule{{all, 8, 16}}
	b.imports["blue"] = []prefixRule{{netip.MustParsePrefix("64.0.0.0/3"), 3, 32}, {netip.MustParsePrefix("198.51.100.0/24"), 24, 32}}
	b.imports["coral"] = []prefixRule{{all, 24, 24}, {netip.MustParsePrefix("192.0.2.1/32"), 32, 32}}
	b.fallback("blue")
	b.back(false)
}

// fullCopy: every VRF has all of the parent's routes, over shares on the uplinks.
func (b *builder) fullCopy() {
	for _, vrf := range b.vrfs {
		for _, s := range b.global {
			s.vr = vrf
			b.add(s)
		}
	}
	b.back(true)
}

// staticToShare: the parent reaches customers by static routes over shares on their circuits, in other VRFs than their
// public prefixes say too.
func (b *builder) staticToShare() {
	b.fallback(b.vrfs...)
	b.back(false)
	for i, vrf := range b.vrfs {
		b.to("", netip.PrefixFrom(public(i).Addr(), 28), b.sites[b.vrfs[(i+1)%len(b.vrfs)]][0])
		b.to("", netip.PrefixFrom(netip.MustParseAddr(fmt.Sprintf("100.64.%d.1", i)), 32), b.sites[vrf][len(b.sites[vrf])-1])
	}
}

// exportMap: the parent has copies of VRFs' routes, of a connected network too. Those to nowhere go along.
func (b *builder) exportMap() {
	b.fallback("amber", "dune")
	b.back(true)
	c := b.circuit("dx", "dune", "198.18.100.1/28", 1500)
	c.fallback = true
	b.exports["dune"] = append(b.exports["dune"], prefixRule{netip.MustParsePrefix("198.18.100.0/28"), 28, 28})
}

// bgpToParent is what a BGP session between a customer and the parent stands on: the parent's static route to the
// customer's loopback over a share, and the parent's loopback imported into the VRF.
func (b *builder) bgpToParent() {
	for i, vrf := range b.vrfs {
		ce := netip.PrefixFrom(netip.MustParseAddr(fmt.Sprintf("100.64.%d.1", i)), 32)
		b.to("", ce, b.sites[vrf][0])
		b.to(vrf, ce, b.sites[vrf][0])
		b.imports[vrf] = []prefixRule{{netip.MustParsePrefix("192.0.2.1/32"), 32, 32}}
	}
	b.fallback("dune")
	b.back(true)
}
