package bgp

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"vrfwd/internal/testnet"
	"vrfwd/vrftable"
)

// bed is a router's table and BGP in a namespace, and another namespace at the other end of a wire, with two addresses for
// neighbours:
//
//	pe 10.9.0.1/24 --- 10.9.0.2/24, 10.9.0.3/24 peer
type bed struct {
	t      testing.TB
	pe, ns *testnet.NS
	table  *vrftable.Table
	server *Server
}

var (
	own   = netip.MustParseAddr("10.9.0.1")
	other = netip.MustParseAddr("10.9.0.2")
	third = netip.MustParseAddr("10.9.0.3")
)

func newBed(t testing.TB) *bed {
	n := testnet.New(t)
	b := &bed{t: t, pe: n.NS("pe"), ns: n.NS("peer")}
	n.Veth(b.pe, "core", b.ns, "eth0")
	b.pe.Addr("core", "10.9.0.1/24")
	b.ns.Addr("eth0", "10.9.0.2/24")
	b.ns.Addr("eth0", "10.9.0.3/24")
	b.table = newTable(t, own)
	b.server = newServer(t, b.table)
	return b
}

// newTable makes the table of a router with an address on the wire.
func newTable(t testing.TB, addr netip.Addr) *vrftable.Table {
	table, err := vrftable.New(vrftable.Config{VRFs: 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Close)
	apply(t, table,
		vrftable.AddPort{Name: "core", MAC: vrftable.MAC{2}},
		vrftable.AddLayer2{Name: "core", Port: "core"},
		vrftable.AddInterface{Name: "core", Layer2: "core", Addresses: []netip.Prefix{netip.PrefixFrom(addr, 24)}},
	)
	return table
}

func newServer(t testing.TB, table *vrftable.Table) *Server {
	s := New(table, Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	t.Cleanup(s.Close)
	return s
}

func apply(t testing.TB, table *vrftable.Table, changes ...vrftable.Change) {
	t.Helper()
	if err := table.Apply(changes); err != nil {
		t.Fatal(err)
	}
}

// static is a static route that leads nowhere.
func static(prefix string) vrftable.AddRoute {
	return vrftable.AddRoute{Route: vrftable.Route{Prefix: netip.MustParsePrefix(prefix), Source: vrftable.Static, NextHop: vrftable.Discard}}
}

func unstatic(prefix string) vrftable.DeleteRoute {
	return vrftable.DeleteRoute{Route: static(prefix).Route}
}

// config is a router in AS 64500 with one external neighbour, in AS 64501.
func (b *bed) config(change func(*Config, *Neighbor)) Config {
	c := Config{AS: 64500, RouterID: own, Netns: b.pe.Name(), Neighbors: []Neighbor{
		{Addr: other, AS: 64501, Local: own, Connect: 200 * time.Millisecond},
	}}
	if change != nil {
		change(&c, &c.Neighbors[0])
	}
	return c
}

// run sets a configuration and runs the server to the end of the test.
func (b *bed) run(c Config) {
	b.t.Helper()
	start(b.t, b.server, c)
}

func start(t testing.TB, s *Server, c Config) {
	t.Helper()
	set(t, s, c)
	go s.Run(t.Context())
	wait(t, "the neighbours are started", func() bool { return len(s.Neighbors()) == len(c.Neighbors) })
}

func set(t testing.TB, s *Server, c Config) {
	t.Helper()
	if err := s.Set([]Config{c}); err != nil {
		t.Fatal(err)
	}
}

// router is another router of ours, at one of the peer's addresses.
type router struct {
	cfg    Config
	table  *vrftable.Table
	server *Server
}

// router starts one that tells its static routes. The router under test has to have it as its neighbour.
func (b *bed) router(addr netip.Addr, as uint32, change func(*Config, *Neighbor), statics ...string) *router {
	b.t.Helper()
	r := &router{table: newTable(b.t, addr)}
	for _, s := range statics {
		apply(b.t, r.table, static(s))
	}
	r.server = newServer(b.t, r.table)
	r.cfg = Config{AS: as, RouterID: addr, Netns: b.ns.Name(), Redistribute: []Redistribute{{Kind: RedistributeStatic}}, Neighbors: []Neighbor{
		{Addr: own, AS: 64500, Local: addr, Connect: 200 * time.Millisecond},
	}}
	if change != nil {
		change(&r.cfg, &r.cfg.Neighbors[0])
	}
	start(b.t, r.server, r.cfg)
	return r
}

// neighbor returns what the router under test says of a neighbour.
func (b *bed) neighbor(addr netip.Addr) NeighborInfo {
	return neighbor(b.server, addr)
}

func neighbor(s *Server, addr netip.Addr) NeighborInfo {
	for _, i := range s.Neighbors() {
		if i.Addr == addr {
			return i
		}
	}
	return NeighborInfo{} // it is not started yet
}

// bird starts BIRD as the neighbour; more is put into its protocol bgp and before it.
func (b *bed) bird(before, more string) *testnet.Bird {
	return b.ns.Bird(b.t, b.t.TempDir(), birdConfig(before, more))
}

func birdConfig(before, more string) string {
	return fmt.Sprintf(`router id 10.9.0.2;
protocol device {}
%s
protocol bgp vrfwd {
	local 10.9.0.2 as 64501;
	neighbor 10.9.0.1 as 64500;
	connect delay time 1;
	connect retry time 1;
	error wait time 1, 2;
	%s
	ipv4 { import all; export all; };
}
`, before, more)
}

// wait waits until a condition holds.
func wait(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in 20 s: %s", what)
		}
	}
}

// established waits for the sessions with neighbours.
func (b *bed) established(addrs ...netip.Addr) {
	b.t.Helper()
	for _, a := range addrs {
		wait(b.t, fmt.Sprintf("the session with %v is established", a), func() bool {
			nudge(b.server, a)
			return b.neighbor(a).State == Established
		})
	}
}

// nudge has a server try again at once that leaves a neighbour alone whose sessions did not last.
func nudge(s *Server, addr netip.Addr) {
	if i := neighbor(s, addr); i.State == Idle && i.Flaps > 0 {
		_ = s.Clear("", addr, ClearHard) // it is there
	}
}

// has waits until a table has these routes besides the connected ones, as routes lists them.
func has(t testing.TB, what string, table *vrftable.Table, want ...string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if got = routes(table, ""); slices.Equal(got, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: routes %q, want %q", what, got, want)
		}
	}
}

// routes lists a VR's routes in use, but for the connected ones.
func routes(t *vrftable.Table, vr string) (all []string) {
	for r := range t.Routes(vr) {
		if r.Best && r.Source >= vrftable.Static {
			s := fmt.Sprintf("%v %v", r.Prefix, r.Source)
			if r.Gateway.IsValid() {
				s += fmt.Sprintf(" via %v", r.Gateway)
			}
			if r.Attrs != nil {
				s += fmt.Sprintf(" path %v", r.Attrs.ASPath)
			}
			all = append(all, s)
		}
	}
	return all
}
