package e2e

import (
	"strings"
	"testing"
	"time"

	"vrfwd/internal/testnet"
)

// session returns the session with a neighbour.
func (r *router) session(address string) (found session) {
	r.t.Helper()
	for _, s := range r.sessions() {
		if s.Address == address {
			found = s
		}
	}
	return found
}

// TestRestart: a gateway's BIRD and fwd are killed, as by kill -9, and started again.
func TestRestart(t *testing.T) {
	t.Run("of a gateway", testGatewayRestart)
	t.Run("of a gateway, gracefully", testGracefulRestart)
	t.Run("of the router", testRouterRestart)
}

// byBoth is a provider edge whose VPN falls back, with more for the session with isp1.
func byBoth(more string) string {
	return strings.Replace(peConfig(toRed, homeStatic, ceRedFallback+redHome, ""), "192.0.2.2: {as: 64501,",
		"192.0.2.2: {as: 64501, "+more, 1)
}

// testGatewayRestart: what a killed gateway has announced is used no longer: the other one's path is. It comes back with
// the gateway.
func testGatewayRestart(t *testing.T) {
	t.Parallel()
	p := newPeering(t)
	p.ce.Run(t, "ip", "route", "add", "default", "via", "10.0.0.1", "src", redPublic)
	r := start(t, p.pe, byBoth(""))
	p.converges(t, r, "203.0.113.0/25")
	p.bird1.Kill()
	leads := func(to string) func() bool {
		return func() bool {
			out := r.show("lookup", isp1Loopback, "--vrf", "red")
			return strings.Contains(out, to)
		}
	}
	eventually(t, "the other gateway's path is used", leads("192.0.2.6"))
	if s := r.session("192.0.2.2"); s.Accepted != 0 || s.Flaps != 1 {
		t.Errorf("the killed gateway: %+v", s)
	}
	p.bird1.Start(t)
	eventually(t, "the gateway's path is used again", leads("192.0.2.2"))
	p.reachBoth(t, "10.0.0.1")
}

// testGracefulRestart: routes of a gateway that has said that it can restart gracefully are kept while it does (RFC 4724): the
// kernel there goes on forwarding, and a stream of the site loses nothing. What it does not announce again, goes; and all goes if it
// does not come back.
func testGracefulRestart(t *testing.T) {
	t.Parallel()
	p := newPeering(t)
	p.ce.Run(t, "ip", "route", "add", "default", "via", "10.0.0.1", "src", redPublic)
	p.bird1.Kill()
	graceful := func(restart string) string {
		text := gatewayConfig(1, "192.0.2.2", "192.0.2.1", "graceful restart on;\n\tgraceful restart time "+restart+";")
		return strings.Replace(text, "protocol device {}", "graceful restart wait 5;\nprotocol device {}", 1)
	}
	p.bird1 = p.isp1.Bird(t, t.TempDir(), strings.Replace(graceful("30"), "\troute 198.51", "\troute 192.0.2.128/25 blackhole;\n\troute 198.51", 1))
	r := start(t, p.pe, byBoth("graceful-restart: 60s,"))
	p.converges(t, r, "203.0.113.0/25")
	eventually(t, "three prefixes are there", func() bool { return r.session("192.0.2.2").Accepted == 3 })
	reaches(t, p.ce, isp1Loopback)
	eventually(t, "isp1 reaches the site", func() bool { return pings(t, p.isp1, redPublic, "-I", isp1Loopback) })
	s := newStream(t, p.ce, redPublic, p.isp1, isp1Loopback)
	p.bird1.Kill()
	eventually(t, "the session is down", func() bool { return r.session("192.0.2.2").State != "Established" })
	if n := r.session("192.0.2.2"); n.Accepted != 3 || !n.Stale {
		t.Errorf("the routes of a neighbour that restarts should be kept: %+v", n)
	}
	p.bird1.Configure(t, graceful("1"))
	p.bird1.Start(t, "-R")
	eventually(t, "two prefixes are left", func() bool { n := r.session("192.0.2.2"); return n.Accepted == 2 && !n.Stale })
	s.lossless()

	p.bird1.Kill()
	eventually(t, "all routes are given up", func() bool { return r.session("192.0.2.2").Accepted == 0 })
}

// testRouterRestart: a router that was killed has all its routes again soon after it is started. Nobody tells its neighbours
// that it is gone: the TUN device goes with it, and they wait for their hold time.
func testRouterRestart(t *testing.T) {
	t.Parallel()
	p := newPeering(t)
	p.ce.Run(t, "ip", "route", "add", "default", "via", "10.0.0.1", "src", redPublic)
	for i, b := range []*testnet.Bird{p.bird1, p.bird2} {
		b.Kill()
		b.Configure(t, gatewayConfig(1+i, []string{"192.0.2.2", "192.0.2.6"}[i], []string{"192.0.2.1", "192.0.2.5"}[i], "hold time 9;"))
		b.Start(t)
	}
	r := start(t, p.pe, byBoth(""))
	p.converges(t, r, "203.0.113.0/25")
	r.kill()
	for _, ns := range []*testnet.NS{p.isp1, p.isp2} {
		eventually(t, ns.Name()+" has not the site's prefix", func() bool {
			return !strings.Contains(ns.Run(t, "ip", "route", "show", "proto", "bird"), "203.0.113.0/25 ")
		})
	}
	began := time.Now()
	r = start(t, p.pe, byBoth(""))
	p.converges(t, r, "203.0.113.0/25")
	t.Logf("converged %v after the start", time.Since(began).Round(time.Millisecond))
	p.reachBoth(t, "10.0.0.1")
}
