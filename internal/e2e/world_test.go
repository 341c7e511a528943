package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"vrfwd/internal/testnet"
)

// world is a router between stations: a namespace that routes, and one with the other ends of its circuits.
type world struct {
	network  *network
	router   *testnet.NS
	stations *testnet.NS
	wires    map[*circuit]*testnet.Wire
	arrivals chan arrival
}

// arrival is a frame that the router sent to the stations of a circuit.
type arrival struct {
	out   *circuit
	frame []byte
}

// newWorld makes the circuits of a network. Nobody routes yet, nor do the stations' kernels answer: they have no address.
func newWorld(t testing.TB, net *testnet.Net, name string, n *network) *world {
	w := &world{network: n, router: net.NS(name + "-router"), stations: net.NS(name + "-stations"), wires: map[*circuit]*testnet.Wire{}}
	w.router.Sysctl("net.ipv4.ip_forward", "0")
	w.stations.Sysctl("net.ipv4.ip_forward", "0")
	for _, c := range n.circuits {
		net.Veth(w.router, c.name, w.stations, c.name, testnet.MTU(c.mtu))
		w.router.SetMAC(c.name, c.router())
	}
	return w
}

// listen begins to receive, until the test ends.
func (w *world) listen(t testing.TB) {
	w.arrivals = make(chan arrival, 1<<16)
	for _, c := range w.network.circuits {
		wire := w.stations.Wire(c.name)
		w.wires[c] = wire
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for t.Context().Err() == nil {
				if frame, ok := wire.Recv(50 * time.Millisecond); ok {
					w.arrivals <- arrival{c, frame}
				}
			}
		}()
		t.Cleanup(func() { <-stopped })
	}
}

// kernelRouter makes the kernel route in a world: each VR is a routing table, and a packet mark, which nftables sets by the
// interface that a packet comes in by, chooses the tables: the VRF's, then the parent's where the circuit falls back. The
// mark is reflected (fwmark_reflect), so that ICMP messages about a packet are routed as it was. The usual rules are gone:
// own addresses are local in their own VR alone. A network's own address is a broadcast address, as it was in Linux before
// 5.14 (RFC 1812 4.2.2.11).
func kernelRouter(t testing.TB, w *world) {
	testnet.Need(t, "nft")
	r := w.router
	for key, value := range map[string]string{
		"ip_forward":                            "1",
		"fwmark_reflect":                        "1",
		"icmp_ratemask":                         "0", // no limits
		"icmp_errors_use_inbound_ifaddr":        "1", // DESIGN 3.4: sourced from the ingress primary
		"conf/all/rp_filter":                    "0",
		"conf/all/accept_local":                 "1", // no look at the source: routers need not (RFC 1812 5.3.8)
		"conf/all/send_redirects":               "0",
		"conf/all/accept_redirects":             "0",
		"conf/all/accept_source_route":          "0",
		"conf/all/drop_unicast_in_l2_multicast": "1",      // RFC 1122 3.3.6
		"ipfrag_time":                           "100000", // single fragments to the router stay silent
	} {
		r.Sysctl("net/ipv4/"+key, value)
	}
	var ip, marks strings.Builder
	n := w.network
	table := map[string]int{}
	for i, vr := range n.vrs() {
		table[vr] = 1000 + i
	}
	for _, c := range n.circuits {
		for _, key := range []string{"rp_filter", "send_redirects", "accept_redirects", "accept_source_route"} {
			r.Sysctl("net/ipv4/conf/"+c.name+"/"+key, "0")
		}
		fmt.Fprintf(&ip, "address add %v dev %s noprefixroute\n", c.addr, c.name)
		for _, s := range c.stations() {
			fmt.Fprintf(&ip, "neighbour replace %v lladdr %v dev %s nud permanent\n", s, c.station(s), c.name)
		}
		mark := c.number + 1
		fmt.Fprintf(&marks, "add rule ip oracle ingress iifname %s meta mark set %d\n", c.name, mark)
		fmt.Fprintf(&ip, "rule add priority %d fwmark %d lookup %d\n", 100+2*mark, mark, table[c.vr])
		if c.fallback {
			fmt.Fprintf(&ip, "rule add priority %d fwmark %d lookup %d\n", 101+2*mark, mark, table[""])
		}
	}
	for _, l := range n.loopbacks {
		fmt.Fprintf(&ip, "address replace %v/32 dev lo\n", l.addr)
	}
	for _, vr := range n.vrs() {
		for _, r := range n.fib(vr) {
			device := "lo"
			if r.out != nil {
				device = r.out.name
			}
			fmt.Fprintf(&ip, "route add table %d ", table[vr])
			switch r.kind {
			case toGateway:
				fmt.Fprintf(&ip, "%v via %v dev %s onlink\n", r.prefix, r.gateway, device)
			case toNetwork:
				fmt.Fprintf(&ip, "%v dev %s scope link\n", r.prefix, device)
			case toRouter:
				fmt.Fprintf(&ip, "local %v dev %s scope host\n", r.prefix, device)
			case toBroadcast:
				fmt.Fprintf(&ip, "broadcast %v dev %s scope link\n", r.prefix, device)
				if vr == r.out.vr {
					// Where the kernel looks whether ARP is to ask for an address.
					fmt.Fprintf(&ip, "route append table local broadcast %v dev %s scope link\n", r.prefix, device)
				}
			case toDiscard:
				fmt.Fprintf(&ip, "blackhole %v\n", r.prefix)
			case toReject:
				fmt.Fprintf(&ip, "unreachable %v\n", r.prefix)
			}
		}
	}
	ip.WriteString("rule del priority 0\nrule del priority 32766\nrule del priority 32767\n")
	batch(t, r, ip.String(), "ip", "-batch", "-")
	batch(t, r, "add table ip oracle\nadd chain ip oracle ingress { type filter hook prerouting priority raw; }\n"+marks.String(), "nft", "-f", "-")
}

// batch gives a program in a namespace its commands.
func batch(t testing.TB, ns *testnet.NS, commands, name string, args ...string) {
	t.Helper()
	cmd := ns.Command(t.Context(), name, args...)
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s in %s: %v\n%.2000s", name, ns.Name(), err, out)
	}
}
