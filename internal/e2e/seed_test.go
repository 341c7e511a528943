package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vrfwd/bgp/mrt"
	"vrfwd/gen"
	"vrfwd/internal/testnet"
)

var tableRoutes = flag.Int("table", 20_000, "routes of the full table that a CE has through the router, up to the real table's 901,899")

// seedCase is the provider edge of a BGP session between the CE and the parent, through the VRF's interface: the parent
// reaches the CE's loopback by a share, the VRF has the parent's by import.
func seedCase() string {
	text := peConfig(`
loopbacks:
  lo0: {addresses: [198.18.0.1/32]}
shares:
  to-red: {layer2: red}
routes:
  - {prefix: 198.18.1.1/32, gateway: 10.0.0.2, share: to-red}
`, "", ceRedFallback+`
routes:
  - {prefix: 198.18.1.1/32, gateway: 10.0.0.2}
  - {prefix: 203.0.113.0/25, gateway: 10.0.0.2}
global-import-map: {route-map: loopback, max-routes: 1}
`, `
prefix-lists:
  loopback: [permit 198.18.0.1/32]
  public: [permit 203.0.113.0/24 le 28]
route-maps:
  loopback:
    - permit: {prefix-list: loopback}
  from-ce:
    - permit: {prefix-list: public, as-path: "^64510$"}
`)
	return strings.Replace(text, "      192.0.2.6:",
		"      198.18.1.1: {as: 64510, local-address: 198.18.0.1, multihop: 2, timers: {connect: 1s}, route-map-in: from-ce}\n      192.0.2.6:", 1)
}

// testSeedCase: the CE has the whole table by its session with the parent, and announces its prefix, which both gateways
// learn with its AS in the path.
func testSeedCase(t *testing.T, ce func(*peering, *testing.T) (table func() string)) {
	t.Parallel()
	p := newPeering(t)
	p.ce.Run(t, "ip", "route", "add", "198.18.0.1/32", "via", "10.0.0.1", "src", ceLoopback)
	p.ce.Run(t, "ip", "route", "add", "192.0.2.0/24", "via", "10.0.0.1", "src", redPublic) // for answers to what gateways send themselves
	table := ce(p, t)
	r := start(t, p.pe, seedCase())
	p.converges(t, r, "203.0.113.0/25")
	if paths := p.bird1.Show(t, "route", "all", "203.0.113.0/25"); !strings.Contains(paths, "BGP.as_path: 64500 64510") {
		t.Errorf("isp1 should have the prefix from the CE:\n%s", paths)
	}
	eventually(t, "the CE has both prefixes", func() bool {
		all := table()
		return strings.Contains(all, "198.51.100.0/25") && strings.Contains(all, "198.51.100.128/25")
	})
	p.reachBoth(t, "10.0.0.1")
}

// birdCE runs BIRD in the customer's site.
func (p *peering) birdCE(t *testing.T) func() string {
	p.ce.Bird(t, t.TempDir(), ceConfig("protocol kernel { ipv4 { export where source = RTS_BGP; }; learn; }"))
	return func() string { return p.ce.Run(t, "ip", "route") }
}

// ceConfig is BIRD in the customer's site.
func ceConfig(more string) string {
	return `router id 198.18.1.1;
protocol device {}
protocol direct { ipv4; }
` + more + `
protocol static { ipv4; route 203.0.113.0/25 blackhole; route 198.18.0.1/32 via 10.0.0.1; }
protocol bgp parent {
	local 198.18.1.1 as 64510;
	neighbor 198.18.0.1 as 64500;
	multihop 2;
	connect delay time 1;
	connect retry time 1;
	error wait time 1, 2;
	ipv4 { import all; export where net = 203.0.113.0/25; };
}
`
}

// frrCE runs FRR in the customer's site.
func (p *peering) frrCE(t *testing.T) func() string {
	p.ce.FRR(t, `hostname ce
ip route 203.0.113.0/25 blackhole
ip route 198.18.0.1/32 10.0.0.1
router bgp 64510
 bgp router-id 198.18.1.1
 no bgp ebgp-requires-policy
 neighbor 198.18.0.1 remote-as 64500
 neighbor 198.18.0.1 ebgp-multihop 2
 neighbor 198.18.0.1 update-source 198.18.1.1
 neighbor 198.18.0.1 timers connect 1
 address-family ipv4 unicast
  network 203.0.113.0/25
 exit-address-family
`)
	return func() string { return p.ce.Run(t, "ip", "route") }
}

// TestFullTable: a multihomed CE has the full table of one of its gateways by its session with the parent, through the
// router, while a TCP connection of the site goes on through it: every prefix, with the gateway's path behind the parent's
// AS. What BIRD has at both ends is compared by its own dumps.
func TestFullTable(t *testing.T) {
	p := newPeering(t)
	p.ce.Run(t, "ip", "route", "add", "198.18.0.1/32", "via", "10.0.0.1", "src", ceLoopback)
	p.ce.Run(t, "ip", "route", "add", "default", "via", "10.0.0.1", "src", redPublic)
	p.bird1.Kill()
	dir := t.TempDir()
	table := realTable(t, *tableRoutes)
	want := writeRoutes(t, filepath.Join(dir, "routes.conf"), table)
	p.bird1 = p.isp1.Bird(t, dir, strings.Replace(gatewayConfig(1, "192.0.2.2", "192.0.2.1", ""), "protocol static {",
		"protocol static full { ipv4;\ninclude \""+dir+"/routes.conf\";\n}\nprotocol static {", 1))
	ceDir := t.TempDir()
	ce := p.ce.Bird(t, ceDir, ceConfig(""))
	r := start(t, p.pe, seedCase())
	p.converges(t, r, "203.0.113.0/25")
	reaches(t, p.isp1, redPublic)
	c := converse(t, p.ce, redPublic, p.isp1, isp1Loopback)
	began := time.Now()
	told := func() (n int) {
		for _, one := range r.sessions() {
			if one.Address == ceLoopback {
				n = one.Advertised
			}
		}
		return n
	}
	for told() < len(table) {
		if time.Since(began) > time.Duration(len(table)/3000)*time.Second+time.Minute {
			t.Fatalf("%d of %d routes in %v", told(), len(table), time.Since(began))
		}
		time.Sleep(100 * time.Millisecond)
	}
	var got map[netip.Prefix]string
	eventually(t, "the CE has the table", func() bool {
		got = birdTable(t, ce, filepath.Join(ceDir, "dump"))
		return len(got) >= len(want)
	})
	t.Logf("%d routes in %v", len(got), time.Since(began).Round(time.Millisecond))
	for prefix, path := range want {
		if got[prefix] != "64500 64501 "+path {
			t.Fatalf("%v: the CE has path %q, its gateway announces %q", prefix, got[prefix], path)
		}
	}
	c.whole()
}

// realTable is the first prefixes of the real table that no station of a peering is in.
func realTable(t testing.TB, n int) (all []netip.Prefix) {
	t.Helper()
	routes, err := gen.RealTable(1, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routes[:min(n, len(routes))] {
		all = append(all, netip.PrefixFrom(addr4(r.Addr), int(r.Len)))
	}
	return all
}

// writeRoutes writes prefixes as static routes of BIRD's, and returns their paths: some 200,000 distinct ones in a full table.
func writeRoutes(t testing.TB, name string, prefixes []netip.Prefix) map[netip.Prefix]string {
	t.Helper()
	var s strings.Builder
	paths := map[netip.Prefix]string{}
	random := rand.New(rand.NewPCG(1, 5))
	var prepends, path string
	for _, p := range prefixes {
		if path == "" || random.IntN(4) == 0 {
			prepends, path = "", ""
			for range 2 + random.IntN(4) {
				as := 1000 + random.IntN(60000)
				prepends, path = fmt.Sprintf("%s bgp_path.prepend(%d);", prepends, as), strings.TrimSpace(fmt.Sprintf("%d %s", as, path))
			}
		}
		paths[p] = path
		fmt.Fprintf(&s, "route %v blackhole {%s };\n", p, prepends)
	}
	if err := os.WriteFile(name, []byte(s.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return paths
}

// birdTable is what BIRD has by BGP: the path of each prefix.
func birdTable(t testing.TB, b *testnet.Bird, file string) map[netip.Prefix]string {
	t.Helper()
	b.Do(t, "mrt", "dump", "table", "\"master4\"", "to", "\""+file+"\"")
	dump, err := mrt.ReadFile(file, mrt.Choice{All: true})
	if err != nil {
		t.Fatal(err)
	}
	all := map[netip.Prefix]string{}
	for _, r := range dump.Routes {
		all[netip.PrefixFrom(addr4(r.Addr), int(r.Len))] = strings.Trim(fmt.Sprint(dump.Attrs[r.Attrs].ASPath), "[]")
	}
	return all
}

// TestSessionInVRF: the CE's session is with its VRF, by the addresses of the PE-CE circuit: what it announces is exported and
// told to both gateways, and what the VRF imports is told to the CE, which has no other way there.
func TestSessionInVRF(t *testing.T) {
	p := newPeering(t)
	ce := strings.NewReplacer("local 198.18.1.1 as", "local 10.0.0.2 as", "neighbor 198.18.0.1 as", "neighbor 10.0.0.1 as", "\tmultihop 2;\n", "",
		" route 198.18.0.1/32 via 10.0.0.1;", "").Replace(ceConfig("protocol kernel { ipv4 { export where source = RTS_BGP; }; learn; }"))
	p.ce.Bird(t, t.TempDir(), ce)
	r := start(t, p.pe, peConfig("", "", ceRed+`
host: {device: red0}
bgp:
  as: 64500
  neighbors:
    10.0.0.2: {as: 64510, timers: {connect: 1s}, route-map-in: from-ce}
global-import-map: {route-map: internet, max-routes: 10}
global-export-map: {route-map: from-ce, originated: all}
`, `
prefix-lists:
  public: [permit 203.0.113.0/24 le 28]
route-maps:
  from-ce:
    - permit: {prefix-list: public, as-path: "^64510$"}
  internet:
    - permit: {as-path: '^6450[12]_'}
`))
	p.converges(t, r, "203.0.113.0/25")
	if paths := p.bird1.Show(t, "route", "all", "203.0.113.0/25"); !strings.Contains(paths, "BGP.as_path: 64500 64510") {
		t.Errorf("isp1 should have the prefix from the CE:\n%s", paths)
	}
	eventually(t, "the CE has both prefixes", func() bool {
		all := p.ce.Run(t, "ip", "route")
		return strings.Contains(all, "198.51.100.0/25 via 10.0.0.1") && strings.Contains(all, "198.51.100.128/25 via 10.0.0.1")
	})
	p.reachBoth(t, "10.0.0.1")
}
