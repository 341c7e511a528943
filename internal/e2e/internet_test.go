package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"vrfwd/internal/testnet"
)

// byImport is a VRF whose routes to the Internet are copies of the parent's.
func byImport(vrf string) string {
	return strings.Replace(byFallback(vrf), ", fallback-global: true", "", 1) + "global-import-map: {route-map: internet, max-routes: 10}\n"
}

// byDefault is a VRF with a default route to the ISP, over a share on the uplink.
func byDefault(vrf string) string {
	return strings.Replace(byFallback(vrf), ", fallback-global: true", "", 1) +
		"  - {prefix: 0.0.0.0/0, gateway: 192.0.2.2, share: " + vrf + "-out}\nshares:\n  " + vrf + "-out: {layer2: core}\n"
}

// byExport is byFallback with copies of the customer's public routes in the parent.
func byExport(vrf string) string {
	return byFallback(vrf) + "global-export-map: {route-map: public}\n"
}

// policy is what imports and exports need.
const policy = `
prefix-lists:
  internet: [permit 0.0.0.0/0, permit 198.51.100.0/24 le 32]
  public: [permit 203.0.113.0/24 ge 25]
route-maps:
  internet:
    - permit: {prefix-list: internet}
  public:
    - permit: {prefix-list: public}
`

// TestInternet: customers with the same addresses reach the Internet, and the Internet them, by real programs and each way.
func TestInternet(t *testing.T) {
	testnet.Need(t, "ping", "traceroute", "curl")
	for _, c := range []struct {
		name   string
		parent string
		vrf    func(string) string
	}{
		{"fallback global, static routes to shares", byShares, byFallback},
		{"fallback global, export maps", "routes:\n  - {prefix: 0.0.0.0/0, gateway: 192.0.2.2}\n", byExport},
		{"import maps, static routes to shares", byShares, byImport},
		{"default routes to shares, static routes to shares", byShares, byDefault},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			r := start(t, p.pe, config(c.parent, c.vrf)+policy)
			reaches(t, p.red, ispLoopback)
			reaches(t, p.blue, ispLoopback)
			reaches(t, p.isp, redPublic)
			reaches(t, p.isp, bluePublic)
			p.traceroute(t)
			p.web(t)
			p.isolated(t)
			bytes := int64(100 << 20)
			if testing.Short() {
				bytes = 10 << 20
			}
			transfer(t, p.red, p.isp, redPublic, ispLoopback, bytes)
			transfer(t, p.isp, p.blue, ispLoopback, bluePublic, bytes/10)
			said, code := r.stop()
			if code != 0 {
				t.Errorf("fwd ended with %d: %s", code, said)
			}
		})
	}
}

// traceroute: the provider edge is the first hop, by the address that the sender's side knows, in both directions.
func (p *place) traceroute(t *testing.T) {
	for _, c := range []struct {
		from     *testnet.NS
		to, edge string
	}{{p.red, ispLoopback, "10.0.0.1"}, {p.isp, redPublic, "192.0.2.1"}, {p.isp, bluePublic, "192.0.2.1"}} {
		out := c.from.Run(t, "traceroute", "-n", "-q", "1", "-w", "5", "-m", "4", c.to)
		hops := regexp.MustCompile(`(?m)^ *(\d) +(\S+)`).FindAllStringSubmatch(out, -1)
		if len(hops) != 2 || hops[0][2] != c.edge || hops[1][2] != c.to {
			t.Errorf("traceroute to %s should go by %s:\n%s", c.to, c.edge, out)
		}
	}
}

// web: each customer sees a web server of the Internet, which sees the customer's own public address.
func (p *place) web(t *testing.T) {
	var listener net.Listener
	var err error
	p.isp.Do(func() { listener, err = net.Listen("tcp", ispLoopback+":80") })
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		_ = json.NewEncoder(w).Encode(host)
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	for ns, want := range map[*testnet.NS]string{p.red: redPublic, p.blue: bluePublic} {
		if out := ns.Run(t, "curl", "-sS", "--max-time", "10", "http://"+ispLoopback+"/"); strings.TrimSpace(out) != `"`+want+`"` {
			t.Errorf("the web server takes %s for %s", want, out)
		}
	}
}

// isolated: a VRF without fallback or any other way has no Internet and learns so, and what is one customer's reaches no
// other.
func (p *place) isolated(t *testing.T) {
	out, err := p.green.Command(t.Context(), "ping", "-c", "1", "-W", "5", ispLoopback).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "From 10.0.0.1") || !strings.Contains(string(out), "Net Unreachable") {
		t.Errorf("green pings the Internet: %v\n%s", err, out)
	}
	// Red and blue have the same addresses, green's inside address is routed in green alone: nothing that red sends comes to
	// green, and to blue only what is for its public addresses.
	secret := []byte("from red")
	wires := map[string]*testnet.Wire{"green": p.green.Wire("eth0"), "blue": p.blue.Wire("eth0")}
	for _, to := range []string{greenInside, "10.0.0.2", "10.0.0.3", "10.255.255.255", "203.0.113.200", "192.0.2.77"} {
		p.red.Do(func() {
			conn, err := net.Dial("udp", to+":4242")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = conn.Write(secret) // an ICMP error may have come in
		})
	}
	reaches(t, p.red, ispLoopback) // what was sent before has been handled
	for name, w := range wires {
		for {
			frame, ok := w.Recv(0)
			if !ok {
				break
			}
			if to := net.IP(frame[30:34]).String(); strings.Contains(string(frame), string(secret)) && (name != "blue" || to != "203.0.113.200") {
				t.Errorf("what red sent to %s reaches %s", to, name)
			}
		}
	}
}
