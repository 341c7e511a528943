package e2e

import (
	"fmt"
	"strings"
	"testing"

	"vrfwd/internal/testnet"
)

// TestSiteMethods: the ways to the Internet that TestInternet does not go.
func TestSiteMethods(t *testing.T) {
	testnet.Need(t, "ping", "traceroute", "curl")
	t.Run("two circuits", testTwoCircuits)
	t.Run("full copy", testFullCopy)
}

// testTwoCircuits: a site's second circuit, in the parent, is its way to the Internet and back; the VPN's leads nowhere.
func testTwoCircuits(t *testing.T) {
	p := newPlace(t)
	parent := "\n  internet-red: {layer2: red-inet, addresses: [100.64.0.1/30]}\nroutes:\n  - {prefix: 0.0.0.0/0, gateway: 192.0.2.2}\n" +
		"  - {prefix: 203.0.113.0/25, gateway: 100.64.0.2}\n"
	text := config(parent, func(vrf string) string { return strings.Replace(byFallback(vrf), ", fallback-global: true", "", 1) })
	p.links.Veth(p.pe, "red-inet", p.red, "eth1")
	p.red.Addr("eth1", "100.64.0.2/30")
	r := start(t, p.pe, strings.Replace(text, "green: {}}", "green: {}, red-inet: {}}", 1))

	out, err := p.red.Command(t.Context(), "ping", "-c", "1", "-W", "5", ispLoopback).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "From 10.0.0.1") || !strings.Contains(string(out), "Net Unreachable") {
		t.Errorf("the VPN's circuit leads to the Internet: %v\n%s", err, out)
	}
	p.red.Run(t, "ip", "route", "replace", "default", "via", "100.64.0.1", "src", redPublic)
	p.red.Run(t, "ip", "route", "flush", "cache")
	reaches(t, p.red, ispLoopback)
	reaches(t, p.isp, redPublic)
	if out := p.red.Run(t, "traceroute", "-n", "-q", "1", "-w", "5", "-m", "4", ispLoopback); !strings.Contains(out, " 1  100.64.0.1 ") {
		t.Errorf("the provider edge should be the first hop, by its address in the second circuit:\n%s", out)
	}
	transfer(t, p.red, p.isp, redPublic, ispLoopback, 1<<20)
	transfer(t, p.isp, p.red, ispLoopback, redPublic, 1<<20)
	r.counters()
}

// testFullCopy: VRFs with a copy of every route of the parent, but not of its own networks.
func testFullCopy(t *testing.T) {
	const routes = 5000
	p := newPlace(t)
	parent := byShares + fmt.Sprintf("tables:\n  - {synthetic: {routes: %d, seed: 1}, next-hops: [192.0.2.2, 192.0.2.3]}\n", routes)
	r := start(t, p.pe, config(parent, func(vrf string) string {
		return strings.Replace(byImport(vrf), "{route-map: internet, max-routes: 10}", "{route-map: all, max-routes: 100000}", 1)
	})+`
prefix-lists:
  internet: [deny 192.0.2.0/24 le 32, permit 0.0.0.0/0 le 32]
route-maps:
  all:
    - permit: {prefix-list: internet}
`)
	for _, vrf := range []string{"red", "blue"} {
		all := r.show("routes", vrf)
		if n := strings.Count(all, "\n"); n <= routes {
			t.Errorf("VRF %s has %d routes", vrf, n)
		}
		if strings.Contains(all, "192.0.2.0/24 ") {
			t.Errorf("the parent's own network is in VRF %s", vrf)
		}
	}
	reaches(t, p.red, ispLoopback)
	reaches(t, p.blue, ispLoopback)
	reaches(t, p.isp, bluePublic)
	p.traceroute(t)
	p.web(t)
	p.isolated(t)
	transfer(t, p.red, p.isp, redPublic, ispLoopback, 1<<20)
	transfer(t, p.isp, p.blue, ispLoopback, bluePublic, 1<<20)
}
