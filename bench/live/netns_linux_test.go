package live

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"vrfwd/internal/testnet"
)

// through makes a router of the kernel's between two hosts' namespaces, and opens a tester's ports in these.
func through(t *testing.T, streams string) (site, router, net *testnet.NS, spec *Spec, opened *Opened) {
	t.Helper()
	testnet.Need(t, "root")
	n := testnet.New(t)
	site, router, net = n.NS("site"), n.NS("router"), n.NS("net")
	n.Veth(site, "eth0", router, "down")
	n.Veth(net, "eth0", router, "up")
	router.Sysctl("net.ipv4.ip_forward", "1")
	router.Addr("down", "10.1.0.1/24")
	router.Addr("up", "192.0.2.1/24")
	router.Route("198.18.0.0/16", "192.0.2.2")
	spec = mustSpec(t, fmt.Sprintf(`
ports:
- {name: site, interface: eth0@%s}
- {name: net, interface: eth0@%s}
circuits:
- {name: site, port: site, vrf: red, address: 10.1.0.2, gateway: 10.1.0.1}
- {name: net, port: net, vrf: internet, address: 192.0.2.2, mac: "02:00:00:00:00:22"}
streams:
%s`, site.Name(), net.Name(), streams))
	opened, err := Open(spec, spec.Sides(true, true, false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	return site, router, net, spec, opened
}

// TestKernelRouter: streams pass the kernel as router, ARP on both sides, each frame accounted for; what it has no route
// for does not come out, and says so by ICMP.
func TestKernelRouter(t *testing.T) {
	_, _, _, spec, opened := through(t, `
- {name: out, from: site, to: net, source: 10.1.0.16-10.1.0.200, destination: 198.18.0.0/16, rate: 5kpps, count: 3000, flows: 200, size: "64,1518"}
- {name: no-route, from: site, to: discard, source: 10.1.0.2, destination: 203.0.113.0/24, rate: 1kpps, count: 100, flows: 10}
`)
	r, err := Run(context.Background(), spec, opened.Links, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	r.WriteText(&text)
	t.Log("\n" + text.String())
	out, no := r.Streams[0], r.Streams[1]
	if out.Sent != 3000 || out.Received != 3000 || no.Sent != 100 || no.Discarded != 100 || r.Total.WrongEgress+r.Total.Leak+r.Unknown > 0 {
		t.Errorf("%+v", r.Total)
	}
	unreachable := r.Foreign["ICMP unreachable, code 0"] + r.Foreign["ICMP unreachable, code 1"]
	if r.ARP.Answered == 0 || r.ARP.Requests == 0 || unreachable == 0 || r.Clock.Of != "kernel" || out.Latency.Negative > 0 || out.Latency.Frames != 3000 {
		t.Errorf("%+v %v", r.ARP, r.Foreign)
	}
}

// TestLinkDown: a link that goes down and comes up again costs frames, which are counted; the run goes on.
func TestLinkDown(t *testing.T) {
	site, _, _, spec, opened := through(t, `
- {name: out, from: site, to: net, source: 10.1.0.2, destination: 198.18.0.0/16, rate: 2kpps, duration: 2s, flows: 20}
`)
	done := make(chan *Report)
	go func() {
		r, err := Run(context.Background(), spec, opened.Links, Options{})
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	time.Sleep(700 * time.Millisecond)
	site.SetDown("eth0")
	time.Sleep(300 * time.Millisecond)
	site.SetUp("eth0")
	r := <-done
	s := r.Streams[0]
	if s.Sent == 0 || s.Missed == 0 || s.Sent+s.Missed != 4000 || s.Received == 0 || s.Sent != s.Received+s.Lost {
		t.Errorf("%+v", s)
	}
}

// TestOpenFaults: what cannot be opened is named, with the remedy, and nothing stays open.
func TestOpenFaults(t *testing.T) {
	testnet.Need(t, "root")
	for device, says := range map[string]string{
		"eth9":                    "eth9",
		"lo@no-such-namespace":    "network namespace no-such-namespace",
		"lo@/proc/self/ns/uts":    "setns",
		"lo@/proc/self/ns/absent": "ip netns list",
	} {
		spec := mustSpec(t, `
circuits: [{name: a, port: "`+device+`", gateway-mac: "02:00:00:00:00:01"}]
streams: [{name: x, from: a, to: discard, destination: 198.18.0.0/16, rate: 1pps}]
`)
		if o, err := Open(spec, spec.Sides(true, true, false)); err == nil || o != nil || !strings.Contains(err.Error(), says) ||
			!strings.Contains(err.Error(), "port "+device) {
			t.Errorf("%s: %v", device, err)
		}
	}
}
