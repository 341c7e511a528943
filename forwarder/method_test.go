package forwarder

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vrfwd/packet"
	"vrfwd/vrftable"
)

// site is a PE router with an uplink and two VPNs whose customers use the same addresses.
//
//	port 0  untagged   parent   uplink 192.0.2.1/30           ISP  192.0.2.2
//	port 1  VLAN 10    VRF a    a-ce   10.0.0.1/24, fallback  CE A 10.0.0.2
//	        VLAN 20    VRF b    b-ce   10.0.0.1/24            CE B 10.0.0.2
type site struct {
	t   *testing.T
	tab *vrftable.Table
	src [2]*source // what is received on each port
	ws  [2]*Worker // by ingress port
	tap *SlowPath  // of port 1's worker; before, vpnOnly has punted one packet without a route
}

var (
	macs = map[string]vrftable.MAC{
		"isp": {2, 0, 0, 0, 1, 1}, "ce-a": {2, 0, 0, 0, 2, 1}, "ce-b": {2, 0, 0, 0, 2, 2},
		"p0": {2, 0, 0, 0, 0, 0}, "p1": {2, 0, 0, 0, 0, 1},
	}
	ispVia = vrftable.Via{Gateway: addr("192.0.2.2")}
	ceVia  = vrftable.Via{Gateway: addr("10.0.0.2")}
)

func addr(s string) netip.Addr  { return netip.MustParseAddr(s) }
func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func on(v vrftable.Via, iface string) vrftable.Via {
	v.Interface = iface
	return v
}

func route(vr, prefix string, nh vrftable.NextHop) vrftable.AddRoute {
	return vrftable.AddRoute{Route: vrftable.Route{VR: vr, Prefix: pfx(prefix), Source: vrftable.Static, NextHop: nh}}
}

func newSite(t *testing.T, changes ...vrftable.Change) *site {
	tab, err := vrftable.New(vrftable.Config{VRFs: 4, Ports: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	s := &site{t: t, tab: tab}
	s.apply(
		vrftable.AddPort{Name: "p0", Number: 0, MAC: macs["p0"]},
		vrftable.AddPort{Name: "p1", Number: 1, MAC: macs["p1"]},
		vrftable.AddVRF{Name: "a"}, vrftable.AddVRF{Name: "b"},
		vrftable.AddLayer2{Name: "core", Port: "p0"},
		vrftable.AddLayer2{Name: "ce-a", Port: "p1", VLAN: 10},
		vrftable.AddLayer2{Name: "ce-b", Port: "p1", VLAN: 20},
		vrftable.AddInterface{Name: "uplink", Layer2: "core", Addresses: []netip.Prefix{pfx("192.0.2.1/30")}},
		vrftable.AddInterface{Name: "a-ce", VR: "a", Layer2: "ce-a", Addresses: []netip.Prefix{pfx("10.0.0.1/24")}},
		vrftable.AddInterface{Name: "b-ce", VR: "b", Layer2: "ce-b", Addresses: []netip.Prefix{pfx("10.0.0.1/24")}},
		vrftable.AddNeighbor{Interface: "uplink", Addr: addr("192.0.2.2"), MAC: macs["isp"]},
		vrftable.AddNeighbor{Interface: "a-ce", Addr: addr("10.0.0.2"), MAC: macs["ce-a"]},
		vrftable.AddNeighbor{Interface: "b-ce", Addr: addr("10.0.0.2"), MAC: macs["ce-b"]},
		route("", "8.0.0.0/8", ispVia),
		route("", "9.0.0.0/8", ispVia),
		route("a", "10.1.0.0/16", ceVia),
		route("b", "10.1.0.0/16", ceVia),
	)
	s.apply(changes...)
	for port := range s.ws {
		s.src[port] = newSource(t, 1, 2048, 2, port)
		s.tap = newSlowPath(t, 16)
		w, err := NewWorker(Config{Ports: s.src[port].sinks, View: tab.View, Readers: tab.Domain(), Slow: s.tap})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Close)
		s.ws[port] = w
	}
	return s
}

func (s *site) apply(c ...vrftable.Change) {
	s.t.Helper()
	if err := s.tab.Apply(c); err != nil {
		s.t.Fatal(err)
	}
}

// send sends one packet into (port, VLAN) and returns what came out, whole, or the reason why nothing did.
func (s *site) send(port int, vlan uint16, src, dst string, ttl uint8) ([]byte, outcome) {
	var tags []uint16
	if vlan != 0 {
		tags = []uint16{vlan}
	}
	in := ipv4Frame(ip4(s.t, src), ip4(s.t, dst), ttl, 90, tags...)
	w := s.ws[port]
	before := Sum(w)
	s.src[port].fill([]input{{frame: in}})
	w.Poll()
	if o := s.src[port].got[0]; o.verdict == Fast {
		return in, o
	}
	now := balanced(s.t, w)
	n := now.Sub(&before)
	for r := range NumReasons {
		if n.Drops[r]+n.Punts[r] > 0 {
			return in, outcome{reason: r}
		}
	}
	s.t.Fatal("a packet has vanished")
	return nil, outcome{}
}

// sends checks one packet's way: out of (port, VLAN) to the neighbour, counted on the interface alone, one TTL less,
// nothing else changed.
func (s *site) sends(port int, vlan uint16, dst string, outPort uint16, outVLAN uint16, to, iface string) {
	s.t.Helper()
	counts := func() map[string]Traffic {
		m := map[string]Traffic{}
		for _, i := range s.tab.Interfaces() {
			m[i.Name] = SumIface(i.Index, s.ws[:]...).Tx
		}
		return m
	}
	before := counts()
	in, o := s.send(port, vlan, "10.1.2.3", dst, 17)
	what := fmt.Sprintf("to %s from port %d VLAN %d", dst, port, vlan)
	if o.verdict != Fast {
		s.t.Errorf("%s: %v", what, o.reason)
		return
	}
	p := gopacket.NewPacket(o.frame, layers.LayerTypeEthernet, gopacket.Default)
	eth := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	gotVLAN := uint16(0)
	if tag, ok := p.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q); ok {
		gotVLAN = tag.VLANIdentifier
	}
	ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if !ok {
		s.t.Fatalf("%s: no IPv4 in %x", what, o.frame)
	}
	from := fmt.Sprintf("p%d", outPort)
	dstMAC, srcMAC := macs[to], macs[from]
	if o.port != outPort || gotVLAN != outVLAN || !bytes.Equal(eth.DstMAC, dstMAC[:]) || !bytes.Equal(eth.SrcMAC, srcMAC[:]) {
		s.t.Errorf("%s: left port %d VLAN %d to %v from %v; want port %d VLAN %d to %v from %v",
			what, o.port, gotVLAN, eth.DstMAC, eth.SrcMAC, outPort, outVLAN, dstMAC, srcMAC)
	}
	was := gopacket.NewPacket(in, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if ip.TTL != 16 || naiveSum(ip.Contents) != 0xffff || !bytes.Equal(ip.Payload, was.Payload) ||
		!ip.SrcIP.Equal(was.SrcIP) || !ip.DstIP.Equal(was.DstIP) || ip.Length != was.Length || ip.Id != was.Id {
		s.t.Errorf("%s: became %v", what, ip)
	}
	for name, after := range counts() {
		want := before[name]
		if name == iface {
			want.Packets++
			want.Bytes += 90
		}
		if after != want {
			s.t.Errorf("%s: interface %s has sent %+v, want %+v", what, name, after, want)
		}
	}
}

// refuses checks that a packet leaves the fast path for a reason.
func (s *site) refuses(port int, vlan uint16, dst string, r Reason) {
	s.t.Helper()
	if _, o := s.send(port, vlan, "10.1.2.3", dst, 17); o.verdict == Fast || o.reason != r {
		s.t.Errorf("to %s from port %d VLAN %d: %v %v, want %v", dst, port, vlan, o.verdict, o.reason, r)
	}
}

// vpnOnly checks what every method leaves alone: each VPN by itself.
func (s *site) vpnOnly() {
	s.t.Helper()
	s.sends(1, 10, "10.1.0.9", 1, 10, "ce-a", "a-ce")
	s.sends(1, 20, "10.1.0.9", 1, 20, "ce-b", "b-ce")
	s.refuses(0, 0, "10.1.0.9", NoRoute)
	s.refuses(1, 20, "8.8.8.8", NoRoute)
	s.refuses(1, 30, "8.8.8.8", NoPrimary)
}

func TestMethodTwoCircuits(t *testing.T) {
	s := newSite(t,
		vrftable.AddLayer2{Name: "ce-a-inet", Port: "p1", VLAN: 11},
		vrftable.AddInterface{Name: "a-inet", Layer2: "ce-a-inet", Addresses: []netip.Prefix{pfx("198.51.100.1/30")}},
		vrftable.AddNeighbor{Interface: "a-inet", Addr: addr("198.51.100.2"), MAC: macs["ce-a"]},
		route("", "203.0.113.0/24", vrftable.Via{Gateway: addr("198.51.100.2")}),
	)
	s.vpnOnly()
	s.refuses(1, 10, "8.8.8.8", NoRoute)
	s.sends(1, 11, "8.8.8.8", 0, 0, "isp", "uplink")
	s.refuses(1, 11, "10.1.0.9", NoRoute) // the second circuit is in the parent
	s.sends(0, 0, "203.0.113.7", 1, 11, "ce-a", "a-inet")
}

func TestMethodDefaultRouteToShare(t *testing.T) {
	s := newSite(t,
		vrftable.AddInterface{Name: "a-up", VR: "a", Layer2: "core", Shared: true},
		route("a", "0.0.0.0/0", on(ispVia, "a-up")),
	)
	s.vpnOnly()
	s.sends(1, 10, "8.8.8.8", 0, 0, "isp", "a-up")
	s.sends(1, 10, "77.7.7.7", 0, 0, "isp", "a-up") // not in the parent's table: nothing asks it

	// The share goes down with its layer 2 interface, its routes with it; they come back with it.
	s.apply(vrftable.SetAdmin{Interface: "a-up"})
	s.refuses(1, 10, "8.8.8.8", NoRoute)
	s.apply(vrftable.SetAdmin{Interface: "a-up", Up: true})
	s.sends(1, 10, "8.8.8.8", 0, 0, "isp", "a-up")
	// It moves and keeps its counters.
	sent := SumIface(s.tab.InterfaceIndex("a-up"), s.ws[:]...).Tx.Packets
	s.apply(
		vrftable.MoveShare{Interface: "a-up", Layer2: "ce-b"},
		vrftable.AddNeighbor{Interface: "a-up", Addr: addr("192.0.2.2"), MAC: macs["ce-b"]},
	)
	s.sends(1, 10, "8.8.8.8", 1, 20, "ce-b", "a-up")
	if n := SumIface(s.tab.InterfaceIndex("a-up"), s.ws[:]...).Tx.Packets; n != sent+1 || sent != 3 {
		t.Errorf("the share has sent %d packets, %d before it moved", n, sent)
	}
}

func TestMethodFallbackGlobal(t *testing.T) {
	s := newSite(t, vrftable.SetFallback{Interface: "a-ce", Global: true})
	s.vpnOnly()
	s.sends(1, 10, "8.8.8.8", 0, 0, "isp", "uplink")
	s.refuses(1, 10, "77.7.7.7", NoRoute)
	// Two interfaces of one VRF may differ.
	s.apply(
		vrftable.AddLayer2{Name: "ce-a2", Port: "p1", VLAN: 12},
		vrftable.AddInterface{Name: "a-ce2", VR: "a", Layer2: "ce-a2", Addresses: []netip.Prefix{pfx("10.0.2.1/24")}},
	)
	s.refuses(1, 12, "8.8.8.8", NoRoute)
	s.sends(1, 12, "10.1.0.9", 1, 10, "ce-a", "a-ce")
	// Any VRF route wins, whatever its kind and length.
	s.apply(route("a", "0.0.0.0/0", vrftable.Discard))
	s.refuses(1, 10, "8.8.8.8", Discard)
	s.apply(route("a", "8.0.0.0/6", vrftable.Reject))
	s.refuses(1, 10, "8.8.8.8", Reject)
	s.apply(vrftable.SetFallback{Interface: "a-ce"})
	s.refuses(1, 10, "77.7.7.7", Discard)
}

func TestMethodGlobalImportMap(t *testing.T) {
	s := newSite(t,
		vrftable.SetPrefixList{Name: "eight", Rules: []vrftable.PrefixRule{{Permit: true, Prefix: pfx("8.0.0.0/8"), LE: 32}}},
		vrftable.SetRouteMap{Name: "some", Entries: []vrftable.RouteMapEntry{
			{Permit: true, Match: vrftable.Match{PrefixList: "eight"}}}},
		vrftable.SetImportMap{VRF: "a", RouteMap: "some", MaxRoutes: 10},
	)
	s.vpnOnly()
	s.sends(1, 10, "8.8.8.8", 0, 0, "isp", "uplink") // no share is made
	s.refuses(1, 10, "9.9.9.9", NoRoute)
	s.apply(vrftable.DeleteRoute(route("", "8.0.0.0/8", ispVia))) // withdrawals follow
	s.refuses(1, 10, "8.8.8.8", NoRoute)
}

func TestMethodFullCopy(t *testing.T) {
	s := newSite(t,
		vrftable.SetRouteMap{Name: "all", Entries: []vrftable.RouteMapEntry{{Permit: true}}},
		vrftable.SetImportMap{VRF: "a", RouteMap: "all", MaxRoutes: 1_000_000},
	)
	s.vpnOnly()
	s.sends(1, 10, "8.8.8.8", 0, 0, "isp", "uplink")
	s.sends(1, 10, "9.9.9.9", 0, 0, "isp", "uplink")
	s.refuses(1, 10, "77.7.7.7", NoRoute)
}

func TestMethodStaticRouteToShare(t *testing.T) {
	s := newSite(t,
		vrftable.AddInterface{Name: "to-a", Layer2: "ce-a", Shared: true},
		route("", "203.0.113.0/24", on(ceVia, "to-a")),
	)
	s.vpnOnly()
	s.sends(0, 0, "203.0.113.7", 1, 10, "ce-a", "to-a")
	s.apply(vrftable.SetLayer2State{Layer2: "ce-a"})
	s.refuses(0, 0, "203.0.113.7", NoRoute)
	s.apply(vrftable.SetLayer2State{Layer2: "ce-a", Up: true})
	s.sends(0, 0, "203.0.113.7", 1, 10, "ce-a", "to-a")
}

func TestMethodGlobalExportMap(t *testing.T) {
	s := newSite(t,
		vrftable.SetPrefixList{Name: "public", Rules: []vrftable.PrefixRule{
			{Permit: true, Prefix: pfx("203.0.113.0/24"), LE: 32}}},
		vrftable.SetRouteMap{Name: "public", Entries: []vrftable.RouteMapEntry{
			{Permit: true, Match: vrftable.Match{PrefixList: "public"}}}},
		route("a", "203.0.113.0/25", ceVia),
		route("b", "203.0.113.128/25", ceVia),
		vrftable.SetExportMap{VRF: "a", RouteMap: "public"},
	)
	s.vpnOnly()
	s.sends(0, 0, "203.0.113.7", 1, 10, "ce-a", "a-ce") // the VRF's own interface
	s.refuses(0, 0, "203.0.113.200", NoRoute)           // no map exports nothing
	s.apply(vrftable.SetExportMap{VRF: "b", RouteMap: "public"})
	s.sends(0, 0, "203.0.113.200", 1, 20, "ce-b", "b-ce")
	s.apply(vrftable.ClearExportMap{VRF: "a"})
	s.refuses(0, 0, "203.0.113.7", NoRoute)
}

func TestMethodBGPSession(t *testing.T) {
	s := newSite(t,
		vrftable.AddInterface{Name: "lo", Addresses: []netip.Prefix{pfx("198.18.0.1/32")}},
		vrftable.AddInterface{Name: "to-a", Layer2: "ce-a", Shared: true},
		route("", "198.18.1.1/32", on(ceVia, "to-a")), // CE A's loopback
		vrftable.SetPrefixList{Name: "lo", Rules: []vrftable.PrefixRule{{Permit: true, Prefix: pfx("198.18.0.1/32")}}},
		vrftable.SetRouteMap{Name: "lo", Entries: []vrftable.RouteMapEntry{
			{Permit: true, Match: vrftable.Match{PrefixList: "lo"}}}},
		vrftable.SetImportMap{VRF: "a", RouteMap: "lo", MaxRoutes: 1},
	)
	s.vpnOnly()
	s.refuses(1, 10, "198.18.0.1", Local) // through the VRF's interface, for the parent
	if _, o := s.send(1, 10, "198.18.1.1", "198.18.0.1", 1); o.reason != Local {
		t.Errorf("a session's packet of TTL 1 (RFC 5082 is not used): %v", o.reason)
	}
	d := make([]packet.Desc, 4)
	if n := s.tap.Pop(d); n != 3 || Reason(d[1].Mark) != Local || Reason(d[2].Mark) != Local || d[2].Port != 1 {
		t.Errorf("the slow path has %d packets: %+v", n, d[:n])
	}
	s.refuses(1, 20, "198.18.0.1", NoRoute)
	s.sends(0, 0, "198.18.1.1", 1, 10, "ce-a", "to-a") // back to the CE over the share
}
