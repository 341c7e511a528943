package e2e

import (
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"vrfwd/internal/testnet"
	"vrfwd/packet"
)

var (
	packets = flag.Int("packets", 10_000, "packets of the kernel oracle, for each method; with -short a tenth")
	seed    = flag.Uint64("seed", 1, "seed of the kernel oracle's networks and packets")
)

// perBatch is how many packets a router is sent before it must have handled them: as many as fit any of its queues.
const perBatch = 200

// lag is how many batches later an input is judged: what a slow thread still had to send then counts as well.
const lag = 2

// oracle sends the same packets to the kernel and to another router, and compares what they make of them.
type oracle struct {
	t       testing.TB
	network *network
	routers [2]*world
	account [2]*account
	pending [][]input
	tally   map[string]int
	found   []string // differences that no rule explains
}

// share returns a part of the packets.
func share(of int) int {
	if testing.Short() {
		of *= 10
	}
	return *packets / of
}

// unlimited has fwd answer whatever may be answered.
const unlimited = `
icmp-errors: {rate: 1000000, burst: 1000000}
icmp-echo: {rate: 1000000, burst: 1000000}
`

// TestOracle: fwd does what the kernel does with every packet, or what a named rule says.
func TestOracle(t *testing.T) {
	seen, compared := map[string]bool{}, 0
	for i, m := range methods {
		t.Run(m.name, func(t *testing.T) {
			links := testnet.New(t)
			n := build(i, *seed)
			kernel, other := newWorld(t, links, "kernel", n), newWorld(t, links, "fwd", n)
			kernelRouter(t, kernel)
			start(t, other.router, unlimited+n.yaml())
			o := compare(t, n, kernel, other, share(1))
			o.verdict(t)
			compared++
			for what := range o.tally {
				seen[what] = true
			}
		})
	}
	if compared < len(methods) {
		return // only some were asked for
	}
	for _, what := range []string{"dropped", "forwarded", "fragmented", "ICMP 0/0", "ICMP 3/0", "ICMP 3/1", "ICMP 3/2", "ICMP 3/3", "ICMP 3/4",
		"ICMP 11/0", "ICMP 12/0"} {
		if !seen["kernel: "+what] {
			t.Errorf("no packet was %s by the kernel: the packets do not tell enough", what)
		}
	}
}

// TestOracleItself: a kernel differs in nothing from another one, so what TestOracle finds is fwd's.
func TestOracleItself(t *testing.T) {
	for i, m := range methods {
		t.Run(m.name, func(t *testing.T) {
			links := testnet.New(t)
			n := build(i, *seed)
			a, b := newWorld(t, links, "kernel", n), newWorld(t, links, "twin", n)
			kernelRouter(t, a)
			kernelRouter(t, b)
			compare(t, n, a, b, share(10)).verdict(t)
		})
	}
}

// TestOracleSees: one small difference between two kernels does not go unseen.
func TestOracleSees(t *testing.T) {
	const method = 2
	for _, c := range []struct {
		name   string
		differ func(t *testing.T, w *world)
	}{
		{"a route", func(t *testing.T, w *world) {
			w.router.Run(t, "ip", "route", "replace", "198.18.0.0/24", "via", "10.1.0.2", "dev", "b0", "onlink", "table", "1001")
		}},
		{"discard instead of reject", func(t *testing.T, w *world) {
			w.router.Run(t, "sh", "-c", "ip route show table 1000 | sed -n 's/^unreachable \\([0-9./]*\\).*/\\1/p' | "+
				"while read p; do ip route del unreachable $p table 1000 && ip route add blackhole $p table 1000; done")
		}},
		{"no fallback", func(t *testing.T, w *world) { w.router.Run(t, "ip", "rule", "del", "fwmark", "4", "lookup", "1000") }},
		{"a neighbour's MAC", func(t *testing.T, w *world) {
			w.router.Neigh("up0", "198.51.100.5", net.HardwareAddr{2, 1, 2, 3, 4, 5})
		}},
		{"an MTU", func(t *testing.T, w *world) { w.router.Run(t, "ip", "link", "set", "up1", "mtu", "592") }},
		{"the source of ICMP errors", func(t *testing.T, w *world) {
			w.router.Sysctl("net.ipv4.icmp_errors_use_inbound_ifaddr", "0")
		}},
		{"the default TTL", func(t *testing.T, w *world) { w.router.Sysctl("net.ipv4.ip_default_ttl", "63") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			links := testnet.New(t)
			n := build(method, *seed)
			a, b := newWorld(t, links, "kernel", n), newWorld(t, links, "twin", n)
			kernelRouter(t, a)
			kernelRouter(t, b)
			c.differ(t, b)
			if o := compare(t, n, a, b, 2000); len(o.found) == 0 {
				t.Error("the oracle sees no difference")
			}
		})
	}
}

// compare runs the oracle over two routers.
func compare(t testing.TB, n *network, kernel, other *world, count int) *oracle {
	o := &oracle{t: t, network: n, routers: [2]*world{kernel, other}, tally: map[string]int{}}
	for i, w := range o.routers {
		w.listen(t)
		o.account[i] = newAccount(n)
	}
	g := newGenerator(n, *seed)
	for mark := 1; count > 0 || len(o.pending) > 0; mark++ {
		batch := make([]input, min(count, perBatch)) // none at the end: then those before come to their end
		count -= len(batch)
		for i := range batch {
			batch[i] = g.packet()
		}
		o.pending = append(o.pending, batch)
		for i := range o.routers {
			o.pass(i, batch, mark&0x7fff)
		}
		if len(o.pending) <= lag {
			continue
		}
		for i := range o.pending[0] {
			o.judge(&o.pending[0][i])
		}
		o.pending = o.pending[1:]
		if count == 0 && !slices.ContainsFunc(o.pending, func(b []input) bool { return len(b) > 0 }) {
			break
		}
	}
	for i, name := range []string{"kernel", "other"} {
		for _, s := range o.account[i].strays {
			o.differ("stray", fmt.Sprintf("%s sent on %s what belongs to no input: %x", name, s.out.name, s.frame[:min(len(s.frame), 120)]))
		}
		for c, w := range o.routers[i].wires {
			if lost := w.Lost(); lost != 0 {
				t.Errorf("%s: the test lost %d frames on %s", name, lost, c.name)
			}
		}
	}
	return o
}

// pass sends a batch to a router and waits until it has handled it: until the echo request that follows on each circuit is
// answered.
func (o *oracle) pass(router int, batch []input, mark int) {
	w, a := o.routers[router], o.account[router]
	for i := range batch {
		a.expect(&batch[i])
	}
	for i := range batch {
		w.wires[batch[i].in].Send(batch[i].frame)
	}
	for _, c := range w.network.circuits {
		body := make([]byte, 26)
		body[0] = packet.ICMPEcho
		binary.BigEndian.PutUint16(body[4:], markID)
		binary.BigEndian.PutUint16(body[6:], uint16(mark))
		binary.BigEndian.PutUint16(body[2:], packet.Checksum(body))
		from := c.stations()[0]
		echo := ipHeader{id: markID, from: from, to: c.addr.Addr(), ttl: 64, protocol: packet.ProtoICMP, payload: body}
		w.wires[c].Send(frameOf(c.router(), c.station(from), packet.EtherTypeIPv4, echo.packet()))
	}
	deadline := time.After(10 * time.Second)
	for {
		done := !slices.ContainsFunc(w.network.circuits, func(c *circuit) bool { return a.marks[c] != mark })
		if done {
			break
		}
		select {
		case got := <-w.arrivals:
			a.add(got)
		case <-deadline:
			o.t.Fatalf("%s: after a batch the router answers no echo request: mark %d, seen %v", w.router.Name(), mark, a.marks)
		}
	}
	for len(w.arrivals) > 0 {
		a.add(<-w.arrivals)
	}
}

// judge compares what the routers made of an input.
func (o *oracle) judge(in *input) {
	a, b := o.account[0].take(in), o.account[1].take(in)
	o.tally["kernel: "+outcome(a)]++
	what := difference(a, b)
	if what == "" {
		return
	}
	for _, r := range rules {
		if what != flawed && r.explains(in, a, b) {
			o.tally["explained by rule "+r.name]++
			return
		}
	}
	o.differ(what, describe(in, a, b))
}

func (o *oracle) differ(what, text string) {
	o.tally["UNEXPLAINED: "+what]++
	o.found = append(o.found, what+": "+text)
}

// verdict prints what was compared, and fails the test for each difference that no rule explains.
func (o *oracle) verdict(t *testing.T) {
	var s strings.Builder
	for _, k := range slices.Sorted(maps.Keys(o.tally)) {
		fmt.Fprintf(&s, "\n  %7d %s", o.tally[k], k)
	}
	t.Logf("method %s, seed %d:%s", o.network.name, *seed, s.String())
	const shown = 500
	for _, f := range o.found[:min(shown, len(o.found))] {
		t.Error(f)
	}
	if n := len(o.found); n > shown {
		t.Errorf("and %d more differences", n-shown)
	}
}

// outcome names what the kernel made of an input.
func outcome(all []output) string {
	switch {
	case len(all) == 0:
		return "dropped"
	case !all[0].made && len(all) > 1:
		return "fragmented"
	case !all[0].made:
		return "forwarded"
	}
	if m := all[0].icmp(); m != nil {
		return fmt.Sprintf("ICMP %d/%d", m[0], m[1])
	}
	return "reset"
}
