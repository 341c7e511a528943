package e2e

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"vrfwd/internal/testnet"
)

// place is a provider edge with real hosts around it.
//
//	red   10.0.0.2, 203.0.113.1   --- red   [    ]
//	blue  10.0.0.2, 203.0.113.129 --- blue  [ pe ] core --- isp 192.0.2.2, 192.0.2.3, 198.51.100.1
//	green 10.0.0.2, 10.7.0.1      --- green [    ]
//
// The customers' public addresses, and green's 10.7.0.1, are on their loopbacks, and so is 198.51.100.1 of the ISP.
type place struct {
	links                 *testnet.Net
	pe                    *testnet.NS
	red, blue, green, isp *testnet.NS
}

// customers are the hosts of VPN sites: all have the same address on their link.
const (
	redPublic   = "203.0.113.1"
	bluePublic  = "203.0.113.129"
	greenInside = "10.7.0.1"
	ispLoopback = "198.51.100.1"
)

func newPlace(t testing.TB) *place {
	n := testnet.New(t)
	p := &place{links: n, pe: n.NS("pe"), red: n.NS("red"), blue: n.NS("blue"), green: n.NS("green"), isp: n.NS("isp")}
	p.pe.Sysctl("net.ipv4.ip_forward", "0") // fwd forwards, nobody else
	for _, c := range []struct {
		ns         *testnet.NS
		port, home string
	}{{p.red, "red", redPublic}, {p.blue, "blue", bluePublic}, {p.green, "green", greenInside}} {
		n.Veth(p.pe, c.port, c.ns, "eth0")
		c.ns.Addr("eth0", "10.0.0.2/24")
		c.ns.Addr("lo", c.home+"/32")
		c.ns.Run(t, "ip", "route", "add", "default", "via", "10.0.0.1", "src", c.home)
	}
	n.Veth(p.pe, "core", p.isp, "eth0")
	p.isp.Addr("lo", ispLoopback+"/32")
	p.addressISP(t)
	return p
}

// addressISP gives the ISP's end of the uplink its addresses and its way to the customers.
func (p *place) addressISP(t testing.TB) {
	p.isp.Addr("eth0", "192.0.2.2/24")
	p.isp.Addr("eth0", "192.0.2.3/24")
	p.isp.Run(t, "ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.1", "src", ispLoopback)
}

// longRings are receive rings that hold a second, at a block a millisecond: the tests, and whatever else the machine does, take the
// processor away for a while.
const longRings = "rings: {blocks: 1024}\n"

// config is a configuration of the place: red and blue reach the Internet by fallback, green does not. parent and vrfs add
// to the parent, and to red and blue by what they return for its name.
func config(parent string, vrf func(name string) string) string {
	var s strings.Builder
	s.WriteString(longRings + "ports: {core: {}, red: {}, blue: {}, green: {}}\nvr:\n  interfaces:\n    uplink: {layer2: core, addresses: [192.0.2.1/24]}\n")
	s.WriteString(indent(parent, 2))
	s.WriteString("vrfs:\n")
	for _, name := range []string{"red", "blue"} {
		fmt.Fprintf(&s, "  %s:\n%s", name, indent(vrf(name), 4))
	}
	s.WriteString("  green:\n    interfaces:\n      ce-green: {layer2: green, addresses: [10.0.0.1/24]}\n    routes:\n      - {prefix: 10.7.0.0/16, gateway: 10.0.0.2}\n")
	return s.String()
}

// indent sets lines deeper.
func indent(text string, by int) string {
	var s strings.Builder
	for line := range strings.Lines(strings.TrimPrefix(text, "\n")) {
		s.WriteString(strings.Repeat(" ", by) + strings.TrimRight(line, "\n") + "\n")
	}
	return s.String()
}

// home is the network of a customer's public addresses.
func home(vrf string) string {
	if vrf == "red" {
		return "203.0.113.0/25"
	}
	return "203.0.113.128/25"
}

// byFallback is a VRF with fallback and a way to the customer's public addresses.
func byFallback(vrf string) string {
	return fmt.Sprintf(`
interfaces:
  ce-%[1]s: {layer2: %[1]s, addresses: [10.0.0.1/24], fallback-global: true}
routes:
  - {prefix: %[2]s, gateway: 10.0.0.2}
`, vrf, home(vrf))
}

// byShares is a parent that reaches the customers by static routes over shares, and everything else by the ISP.
const byShares = `
shares:
  to-red: {layer2: red}
  to-blue: {layer2: blue}
routes:
  - {prefix: 0.0.0.0/0, gateway: 192.0.2.2}
  - {prefix: 203.0.113.0/25, gateway: 10.0.0.2, share: to-red}
  - {prefix: 203.0.113.128/25, gateway: 10.0.0.2, share: to-blue}
`

// reaches waits until a ping is answered.
func reaches(t testing.TB, from *testnet.NS, address string) {
	t.Helper()
	eventually(t, from.Name()+" reaches "+address, func() bool { return pings(t, from, address) })
}

// pings tells whether one ping is answered.
func pings(t testing.TB, from *testnet.NS, address string, options ...string) bool {
	args := append([]string{"-c", "1", "-W", "1"}, append(options, address)...)
	return from.Command(t.Context(), "ping", args...).Run() == nil
}

// transfer sends bytes by TCP from one host to an address of another, and back; the hashes tell that all came over.
func transfer(t testing.TB, from, to *testnet.NS, source, address string, bytes int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var listener net.Listener
	var err error
	to.Do(func() { listener, err = net.Listen("tcp", net.JoinHostPort(address, "0")) })
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	type end struct {
		up, down [sha256.Size]byte
		err      error
	}
	server := make(chan end, 1)
	go func() {
		var e end
		defer func() { server <- e }()
		conn, err := listener.Accept()
		if err != nil {
			e.err = err
			return
		}
		defer conn.Close()
		if e.up, e.err = receive(conn, bytes); e.err == nil {
			e.down, e.err = send(conn, bytes)
		}
	}()
	var conn net.Conn
	from.Do(func() {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
		conn, err = d.DialContext(ctx, "tcp", listener.Addr().String())
	})
	if err != nil {
		t.Fatalf("%s to %s: %v", from.Name(), address, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close(); listener.Close() })
	defer stop()
	began := time.Now()
	up, err := send(conn, bytes)
	if err != nil {
		t.Fatalf("up: %v", err)
	}
	down, err := receive(conn, bytes)
	if err != nil {
		t.Fatalf("down: %v", err)
	}
	e := <-server
	if e.err != nil || e.up != up || e.down != down {
		t.Errorf("%s to %s: %v, hashes up %x and %x, down %x and %x", from.Name(), address, e.err, up, e.up, e.down, down)
	}
	t.Logf("%d MiB up and down by TCP in %v", bytes>>20, time.Since(began).Round(time.Millisecond))
}

// send writes random bytes and returns their hash.
func send(w io.Writer, n int64) (sum [sha256.Size]byte, err error) {
	block := make([]byte, 1<<20)
	_, _ = rand.Read(block)
	hash := sha256.New()
	for at := int64(0); at < n; at += int64(len(block)) {
		binary.BigEndian.PutUint64(block, uint64(at)) // no two blocks are the same
		if _, err = w.Write(block); err != nil {
			return sum, err
		}
		hash.Write(block)
	}
	return [sha256.Size]byte(hash.Sum(nil)), nil
}

func receive(r io.Reader, n int64) (sum [sha256.Size]byte, err error) {
	hash := sha256.New()
	_, err = io.CopyN(hash, r, n)
	return [sha256.Size]byte(hash.Sum(nil)), err
}

// counters is what `fwd show counters --json` says.
type counters struct {
	Received  uint64            `json:"received"`
	Forwarded uint64            `json:"forwarded"`
	Punted    uint64            `json:"punted"`
	Dropped   uint64            `json:"dropped"`
	Drops     map[string]uint64 `json:"drops"`
	SlowPath  map[string]uint64 `json:"slow_path"`
	Ring      map[string]uint64 `json:"ring"`
}

// counters reads the account once nothing is under way: when two readings are the same.
func (r *router) counters() (c counters) {
	r.t.Helper()
	last := ""
	eventually(r.t, "the account stands still and balances", func() bool {
		text := r.show("counters", "--json")
		same := text == last
		last = text
		c = counters{}
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			r.t.Fatalf("%v: %s", err, text)
		}
		return same && c.Received == c.Forwarded+c.Punted+c.Dropped
	})
	return c
}
