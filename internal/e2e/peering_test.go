package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"vrfwd/internal/testnet"
)

// peering is a provider edge between a customer and two Internet gateways that are real routers:
//
//	CE 10.0.0.2, 203.0.113.1, 198.18.1.1 --- red [    ] core  --- 192.0.2.2 isp1, AS 64501: 198.51.100.1
//	                                             [ pe ] core2 --- 192.0.2.6 isp2, AS 64502: 198.51.100.129
//
// Both gateways announce both halves of 198.51.100.0/24, each its own by the shorter path; behind each is only its own. They
// know nothing of the customer but what BGP tells them.
type peering struct {
	links        *testnet.Net
	pe, ce       *testnet.NS
	isp1, isp2   *testnet.NS
	bird1, bird2 *testnet.Bird
}

const (
	isp1Loopback = "198.51.100.1"
	isp2Loopback = "198.51.100.129"
	ceLoopback   = "198.18.1.1"
)

func newPeering(t *testing.T) *peering {
	testnet.Need(t, "tun", "ping", "traceroute", "bird", "birdc")
	n := testnet.New(t)
	p := &peering{links: n, pe: n.NS("pe"), ce: n.NS("ce"), isp1: n.NS("isp1"), isp2: n.NS("isp2")}
	p.pe.Sysctl("net.ipv4.ip_forward", "0") // fwd forwards, nobody else
	n.Veth(p.pe, "red", p.ce, "eth0")
	n.Veth(p.pe, "core", p.isp1, "eth0")
	n.Veth(p.pe, "core2", p.isp2, "eth0")
	p.ce.Addr("eth0", "10.0.0.2/30")
	p.ce.Addr("lo", redPublic+"/32")
	p.ce.Addr("lo", ceLoopback+"/32")
	p.isp1.Addr("eth0", "192.0.2.2/30")
	p.isp1.Addr("lo", isp1Loopback+"/32")
	p.isp2.Addr("eth0", "192.0.2.6/30")
	p.isp2.Addr("lo", isp2Loopback+"/32")
	p.bird1 = p.isp1.Bird(t, t.TempDir(), gatewayConfig(1, "192.0.2.2", "192.0.2.1", ""))
	p.bird2 = p.isp2.Bird(t, t.TempDir(), gatewayConfig(2, "192.0.2.6", "192.0.2.5", ""))
	return p
}

// gatewayConfig is BIRD as Internet gateway 1 or 2. more goes into its protocol bgp.
func gatewayConfig(number int, own, pe, more string) string {
	far := [2]string{"", " { bgp_path.prepend(64999); bgp_path.prepend(64998); }"}
	return fmt.Sprintf(`router id %[2]s;
protocol device {}
protocol kernel { ipv4 { export where source = RTS_BGP; }; graceful restart; }
protocol static {
	ipv4;
	route 198.51.100.0/25 blackhole%[5]s;
	route 198.51.100.128/25 blackhole%[6]s;
}
protocol bgp vrfwd {
	local %[2]s as %[1]d;
	neighbor %[3]s as 64500;
	connect delay time 1;
	connect retry time 1;
	error wait time 1, 2;
	%[4]s
	ipv4 { import all; export where source = RTS_STATIC; };
}
`, 64500+number, own, pe, more, far[number-1], far[2-number])
}

// peConfig is the provider edge: parent, bgp and red add to the parent, its BGP and the VRF; policies follow.
func peConfig(parent, bgp, red, policies string) string {
	return longRings + `ports: {core: {}, core2: {}, red: {}}
vr:
  interfaces:
    uplink: {layer2: core, addresses: [192.0.2.1/30]}
    uplink2: {layer2: core2, addresses: [192.0.2.5/30]}
` + indent(parent, 2) + `  host: {device: pe0}
  bgp:
    as: 64500
    router-id: 198.18.0.1
    neighbors:
      192.0.2.2: {as: 64501, timers: {connect: 1s}}
      192.0.2.6: {as: 64502, timers: {connect: 1s}}
` + indent(bgp, 4) + `vrfs:
  red:
` + indent(red, 4) + policies
}

const (
	ceRed         = "interfaces:\n  ce-red: {layer2: red, addresses: [10.0.0.1/30]}\n"
	ceRedFallback = "interfaces:\n  ce-red: {layer2: red, addresses: [10.0.0.1/30], fallback-global: true}\n"
	redHome       = "routes:\n  - {prefix: 203.0.113.0/25, gateway: 10.0.0.2}\n"
	toRed         = "shares:\n  to-red: {layer2: red}\nroutes:\n  - {prefix: 203.0.113.0/25, gateway: 10.0.0.2, share: to-red}\n"
	homeStatic    = "redistribute: {static: {}}\n"
)

// TestPeering: the ways between VPN and Internet (DESIGN 1), with real routers: the gateways learn the site's prefix by BGP,
// and a VPN whose method can choose between uplinks uses the one with the better path for each prefix.
func TestPeering(t *testing.T) {
	for _, c := range []struct {
		name               string
		parent, bgp, vrf   string
		policies           string
		learned            string // what the gateways have of the site
		first              string // what the site sees first on its way out
		oneUplink, circuit bool
	}{
		{name: "two circuits",
			parent: "interfaces:\n  red-inet: {layer2: red-inet, addresses: [100.64.0.1/30]}\nroutes:\n  - {prefix: 203.0.113.0/25, gateway: 100.64.0.2}\n",
			bgp:    homeStatic, vrf: ceRed, learned: "203.0.113.0/25", first: "100.64.0.1", circuit: true},
		{name: "default route to a share", parent: toRed, bgp: homeStatic, vrf: ceRed + redHome +
			"  - {prefix: 0.0.0.0/0, gateway: 192.0.2.2, share: red-out}\nshares:\n  red-out: {layer2: core}\n",
			learned: "203.0.113.0/25", first: "10.0.0.1", oneUplink: true},
		{name: "fallback global, aggregate", parent: toRed,
			bgp: homeStatic + "aggregates: [{prefix: 203.0.113.0/24, summary-only: true}]\n",
			vrf: ceRedFallback + redHome, learned: "203.0.113.0/24", first: "10.0.0.1"},
		{name: "global import map", parent: toRed, bgp: homeStatic,
			vrf:      ceRed + redHome + "global-import-map: {route-map: internet, max-routes: 10}\n",
			policies: "prefix-lists:\n  uplinks: [permit 192.0.2.0/24 le 30]\nroute-maps:\n  internet:\n    - permit: {as-path: '^6450[12]_'}\n    - permit: {prefix-list: uplinks}\n",
			learned:  "203.0.113.0/25", first: "10.0.0.1"},
		{name: "full copy", parent: toRed, bgp: homeStatic,
			vrf:      ceRed + redHome + "global-import-map: {route-map: all, max-routes: 1000}\n",
			policies: "route-maps:\n  all:\n    - permit: {}\n",
			learned:  "203.0.113.0/25", first: "10.0.0.1"},
		{name: "static route to a share", parent: toRed, bgp: "networks: [{prefix: 203.0.113.0/25}]\n", vrf: ceRedFallback + redHome,
			learned: "203.0.113.0/25", first: "10.0.0.1"},
		{name: "global export map", bgp: "redistribute: {exported: {}}\n",
			vrf:      ceRedFallback + redHome + "global-export-map: {route-map: public}\n",
			policies: "prefix-lists:\n  public: [permit 203.0.113.0/24 ge 25]\nroute-maps:\n  public:\n    - permit: {prefix-list: public}\n",
			learned:  "203.0.113.0/25", first: "10.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // it is waiting, most of the time
			p := newPeering(t)
			text := peConfig(c.parent, c.bgp, c.vrf, c.policies)
			if c.circuit {
				p.links.Veth(p.pe, "red-inet", p.ce, "eth1")
				p.ce.Addr("eth1", "100.64.0.2/30")
				text = strings.Replace(text, "red: {}}", "red: {}, red-inet: {}}", 1)
				text = strings.Replace(text, "  interfaces:\n    red-inet:", "    red-inet:", 1)
			}
			p.ce.Run(t, "ip", "route", "add", "default", "via", c.first, "src", redPublic)
			r := start(t, p.pe, text)
			p.converges(t, r, c.learned)
			if c.oneUplink {
				p.reachOne(t)
			} else {
				p.reachBoth(t, c.first)
			}
		})
	}
	t.Run("BGP session of the CE with the parent", func(t *testing.T) { testSeedCase(t, (*peering).birdCE) })
	t.Run("the same with FRR", func(t *testing.T) { testSeedCase(t, (*peering).frrCE) })
}

// session is a BGP session as `fwd show bgp summary --json` has it.
type session struct {
	Address    string
	State      string
	Accepted   int
	Advertised int
	Flaps      int
	Stale      bool
	LastError  string `json:"last_error"`
}

// sessions are the router's BGP sessions.
func (r *router) sessions() []session {
	r.t.Helper()
	var summary struct{ Neighbors []session }
	if err := json.Unmarshal([]byte(r.show("bgp", "summary", "--json")), &summary); err != nil {
		r.t.Fatal(err)
	}
	return summary.Neighbors
}

// converges waits until both gateways have learned the site's prefix, by BGP alone, and the provider edge theirs.
func (p *peering) converges(t *testing.T, r *router, learned string) {
	t.Helper()
	for _, ns := range []*testnet.NS{p.isp1, p.isp2} {
		eventually(t, ns.Name()+" has "+learned, func() bool {
			return strings.Contains(ns.Run(t, "ip", "route", "show", "proto", "bird"), learned+" ")
		})
	}
	for prefix, uplink := range map[string]string{"198.51.100.0/25": "192.0.2.2", "198.51.100.128/25": "192.0.2.6"} {
		eventually(t, prefix+" leads to "+uplink, func() bool { return strings.Contains(r.show("routes", "default", prefix), uplink) })
	}
}

// reachBoth: the site reaches what is behind either gateway, each by the better path, and both reach the site; traceroute
// shows the provider edge both ways.
func (p *peering) reachBoth(t *testing.T, first string) {
	t.Helper()
	for _, g := range []struct {
		ns                *testnet.NS
		loopback, ingress string
	}{{p.isp1, isp1Loopback, "192.0.2.1"}, {p.isp2, isp2Loopback, "192.0.2.5"}} {
		eventually(t, "the site reaches "+g.loopback, func() bool { return pings(t, p.ce, g.loopback, "-I", redPublic) })
		eventually(t, g.ns.Name()+" reaches the site", func() bool { return pings(t, g.ns, redPublic, "-I", g.loopback) })
		p.hops(t, p.ce, redPublic, g.loopback, first)
		p.hops(t, g.ns, g.loopback, redPublic, g.ingress)
	}
}

// reachOne: a default route leads to one gateway, whatever the destination.
func (p *peering) reachOne(t *testing.T) {
	t.Helper()
	reaches(t, p.ce, isp1Loopback)
	eventually(t, "isp1 reaches the site", func() bool { return pings(t, p.isp1, redPublic, "-I", isp1Loopback) })
	p.hops(t, p.ce, redPublic, isp1Loopback, "10.0.0.1")
	p.hops(t, p.isp1, isp1Loopback, redPublic, "192.0.2.1")
	if pings(t, p.ce, isp2Loopback) {
		t.Errorf("a default route to isp1 reaches what is behind isp2")
	}
}

// hops: between two hosts there is the provider edge, and nothing else.
func (p *peering) hops(t *testing.T, from *testnet.NS, source, to, first string) {
	t.Helper()
	out := from.Run(t, "traceroute", "-n", "-q", "1", "-w", "5", "-m", "4", "-s", source, to)
	if !strings.Contains(out, " 1  "+first+" ") || !strings.Contains(out, " 2  "+to+" ") {
		t.Errorf("%s to %s: %s should be the first hop, %s the second:\n%s", source, to, first, to, out)
	}
}
