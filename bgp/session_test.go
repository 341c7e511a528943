package bgp

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/internal/testnet"
	"vrfwd/vrftable"
)

func TestPassword(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.run(b.config(func(c *Config, n *Neighbor) { n.Password = "secret" }))
	r := b.router(other, 64501, func(c *Config, n *Neighbor) { n.Password = "secret" })
	b.established(other)
	for _, password := range []string{"wrong", ""} {
		n := r.cfg.Neighbors[0]
		n.Password, n.Connect = password, 50*time.Millisecond
		c := r.cfg
		c.Neighbors = []Neighbor{n}
		set(t, r.server, c)
		for deadline := time.Now().Add(500 * time.Millisecond); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if i := b.neighbor(other); i.State >= OpenSent && i.Flaps > 0 {
				t.Fatalf("with password %q: %+v", password, i)
			}
		}
	}
	set(t, r.server, r.cfg)
	b.established(other)
}

func TestPassive(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.run(b.config(func(c *Config, n *Neighbor) { n.Passive = true }))
	b.listen(other) // where nobody connects to, as the session shows that comes the other way
	b.dial(other).establish()
	b.established(other)
	if s := b.server.sessionWith(other); s.outgoing {
		t.Error("a passive router has connected")
	}
}

// TestMultihop: packets to an external neighbour do not pass a router, unless they are to.
func TestMultihop(t *testing.T) {
	t.Parallel()
	n := testnet.New(t)
	pe, mid, far := n.NS("pe"), n.NS("mid"), n.NS("far")
	n.Veth(pe, "core", mid, "a")
	n.Veth(mid, "b", far, "eth0")
	pe.Addr("core", "10.9.0.1/24")
	mid.Addr("a", "10.9.0.2/24")
	mid.Addr("b", "10.8.0.1/24")
	far.Addr("eth0", "10.8.0.2/24")
	pe.Route("default", "10.9.0.2")
	far.Route("default", "10.8.0.1")
	mid.Sysctl("net.ipv4.ip_forward", "1")
	end := netip.MustParseAddr("10.8.0.2")
	servers := map[*Server]func(uint8) Config{
		newServer(t, newTable(t, own)): func(hops uint8) Config {
			return Config{AS: 64500, RouterID: own, Netns: pe.Name(), Neighbors: []Neighbor{
				{Addr: end, AS: 64501, Local: own, Multihop: hops, Connect: 50 * time.Millisecond}}}
		},
		newServer(t, newTable(t, end)): func(hops uint8) Config {
			return Config{AS: 64501, RouterID: end, Netns: far.Name(), Neighbors: []Neighbor{
				{Addr: own, AS: 64500, Local: end, Multihop: hops, Connect: 50 * time.Millisecond}}}
		},
	}
	for s, c := range servers {
		start(t, s, c(0))
	}
	time.Sleep(500 * time.Millisecond)
	for s := range servers {
		if i := s.Neighbors(); len(i) != 1 || i[0].State >= OpenSent {
			t.Errorf("without multihop: %+v", i)
		}
	}
	for s, c := range servers {
		set(t, s, c(2))
	}
	for s := range servers {
		wait(t, "the session is established", func() bool { i := s.Neighbors(); return len(i) == 1 && i[0].State == Established })
	}
}

// TestHoldTimer: a third of the time between keepalives, and the end after all of it.
func TestHoldTimer(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.run(b.config(func(c *Config, n *Neighbor) { n.Passive = true }))
	peer := b.dial(other)
	peer.send(wire.BGP_MSG_OPEN, openBody(4, 64501, 3, other)...)
	peer.confirm()
	b.established(other)
	if h := b.neighbor(other).Hold; h != 3*time.Second {
		t.Errorf("hold time %v", h)
	}
	keepalives, code := 0, uint8(0)
	for code == 0 {
		switch kind, body := peer.read(); kind {
		case wire.BGP_MSG_KEEPALIVE:
			keepalives++
		case wire.BGP_MSG_NOTIFICATION:
			code = body[0]
		case 0:
			t.Fatal("no NOTIFICATION")
		}
	}
	if code != wire.BGP_ERROR_HOLD_TIMER_EXPIRED || keepalives < 1 || keepalives > 3 {
		t.Errorf("NOTIFICATION %d after %d keepalives", code, keepalives)
	}
	wait(t, "it is said", func() bool { return strings.Contains(b.neighbor(other).LastError, "nothing was received for 3s") })
}

// TestSendHold: a neighbour that takes nothing ends a write (RFC 9687).
func TestSendHold(t *testing.T) {
	if got := sendHold(3 * time.Second); got != 8*time.Minute {
		t.Errorf("of a hold time of 3 s: %v", got)
	}
	if got := sendHold(time.Hour); got != 2*time.Hour {
		t.Errorf("of a hold time of an hour: %v", got)
	}
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(&peer{}, c, true)
	s.send = 50 * time.Millisecond
	for err == nil {
		err = s.write(make([]byte, 1<<20))
	}
	if err.Error() != "the neighbour reads nothing" {
		t.Error(err)
	}
	s.close(collision())
}

func TestNotificationReceived(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.run(b.config(func(c *Config, n *Neighbor) { n.Passive = true }))
	peer := b.dial(other).establish()
	peer.announce("198.51.100.0/24")
	has(t, "the route", b.table, "198.51.100.0/24 ebgp via 10.9.0.2 path [64501 65010]")
	peer.send(wire.BGP_MSG_NOTIFICATION, append([]byte{6, 2, 9}, "back at 6"...)...)
	wait(t, "it is shown", func() bool { return strings.HasSuffix(b.neighbor(other).LastError, `: "back at 6"`) })
	has(t, "its routes are gone", b.table)
}

func TestMaxPrefixes(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	c := b.config(func(c *Config, n *Neighbor) { n.MaxPrefixes, n.RestartIn = 2, 500*time.Millisecond })
	b.run(c)
	r := b.router(other, 64501, nil, "198.51.100.0/24", "203.0.113.0/24")
	accepted := func(what string, n int) {
		t.Helper()
		wait(t, what, func() bool {
			nudge(r.server, own)
			return b.neighbor(other).Accepted == n
		})
	}
	accepted("the limit holds two", 2)
	apply(t, r.table, static("192.0.2.0/24"))
	wait(t, "three are too many", func() bool {
		return strings.Contains(neighbor(r.server, own).LastError, "maximum number of prefixes reached")
	})
	has(t, "all are gone", b.table)
	wait(t, "it is tried again after a time", func() bool { return b.neighbor(other).Flaps >= 2 })
	apply(t, r.table, unstatic("192.0.2.0/24"))
	accepted("the two are back", 2)

	c.Neighbors[0].RestartIn = 0
	set(t, b.server, c)
	accepted("the two are back", 2)
	apply(t, r.table, static("192.0.2.0/24"))
	wait(t, "three are too many", func() bool { return b.neighbor(other).State == Idle })
	apply(t, r.table, unstatic("192.0.2.0/24"))
	time.Sleep(300 * time.Millisecond)
	if s := b.neighbor(other).State; s != Idle {
		t.Errorf("state %v without a clear", s)
	}
	if err := b.server.Clear("", other, ClearHard); err != nil {
		t.Fatal(err)
	}
	accepted("it is cleared", 2)

	c.Neighbors[0].WarnOnly = true
	set(t, b.server, c)
	apply(t, r.table, static("192.0.2.0/24"))
	accepted("three are taken with a warning", 3)
	if i := b.neighbor(other); i.State != Established || i.Flaps != 0 {
		t.Errorf("%+v", i)
	}
}

// TestTwoOctetNeighbor: a neighbour without the capability sees AS_TRANS, and the rest in AS4_PATH.
func TestTwoOctetNeighbor(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	apply(t, b.table, static("203.0.113.0/24"))
	b.run(b.config(func(c *Config, n *Neighbor) {
		c.AS, n.Passive, c.Redistribute = 70000, true, []Redistribute{{Kind: RedistributeStatic}}
	}))
	peer := b.dial(other)
	peer.send(wire.BGP_MSG_OPEN, openBody(4, 64501, 90, other)...)
	open := peer.until(wire.BGP_MSG_OPEN)
	if as := binary.BigEndian.Uint16(open[1:]); as != as2 {
		t.Errorf("AS %d in the OPEN", as)
	}
	peer.send(wire.BGP_MSG_KEEPALIVE)
	d := newDecoder(&Config{AS: 64501, RouterID: other}, &Neighbor{Local: other}, &peerOpen{as: 70000})
	body := peer.until(wire.BGP_MSG_UPDATE)
	u, err := d.decode(body)
	if err != nil || u.malformed != "" || len(u.announced) != 1 || !slices.Equal(u.attrs.ASPath, []uint32{70000}) {
		t.Errorf("% x: %+v, %v", body, u, err)
	}
	attrs := slices.Concat(okOrigin, raw(0x40, 2, appendPath(nil, []uint32{64501, 80000}, 2)...), okNextHop,
		raw(0xc0, 17, appendPath(nil, []uint32{80000}, 4)...))
	peer.send(wire.BGP_MSG_UPDATE, updateBody(attrs)...)
	has(t, "its route", b.table, "198.51.100.0/24 ebgp via 10.9.0.2 path [64501 80000]", "203.0.113.0/24 static")
}

// TestInternal: routes of an internal neighbour go to external ones, not to other internal ones; next hops stay, but for
// next-hop-self.
func TestInternal(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.ns.Addr("eth0", "10.9.0.4/24")
	fourth := netip.MustParseAddr("10.9.0.4")
	c := b.config(func(c *Config, n *Neighbor) {
		n.AS = 64500
		for _, m := range []Neighbor{{Addr: third, AS: 64500, Local: own}, {Addr: fourth, AS: 64504, Local: own}} {
			m.Connect = 200 * time.Millisecond
			c.Neighbors = append(c.Neighbors, m)
		}
	})
	b.run(c)
	first := b.router(other, 64500, nil, "198.51.100.0/24")
	second := b.router(third, 64500, nil)
	external := b.router(fourth, 64504, nil, "203.0.113.0/24")
	b.established(other, third, fourth)
	has(t, "the external neighbour", external.table, "198.51.100.0/24 ebgp via 10.9.0.1 path [64500]", "203.0.113.0/24 static")
	has(t, "an internal neighbour", second.table, "203.0.113.0/24 ibgp via 10.9.0.4 path [64504]")
	has(t, "the other", first.table, "198.51.100.0/24 static", "203.0.113.0/24 ibgp via 10.9.0.4 path [64504]")
	for r := range second.table.RoutesIn("", netip.MustParsePrefix("203.0.113.0/24")) {
		if r.Attrs.LocalPref != 100 {
			t.Errorf("local preference %d", r.Attrs.LocalPref)
		}
	}
	since := b.neighbor(other).Since
	c.Neighbors = slices.Clone(c.Neighbors)
	c.Neighbors[1].NextHopSelf = true
	set(t, b.server, c)
	has(t, "with next-hop-self", second.table, "203.0.113.0/24 ibgp via 10.9.0.1 path [64504]")
	if b.neighbor(other).Since != since || b.neighbor(other).Flaps != 0 {
		t.Error("a session that nobody has changed was ended")
	}
}

func prefixList(name string, prefixes ...string) vrftable.SetPrefixList {
	l := vrftable.SetPrefixList{Name: name}
	for _, p := range prefixes {
		l.Rules = append(l.Rules, vrftable.PrefixRule{Permit: true, Prefix: netip.MustParsePrefix(p)})
	}
	return l
}

// TestRouteMaps: what they permit comes in and goes out, and follows when they change.
func TestRouteMaps(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	apply(t, b.table, static("192.0.2.0/25"), static("192.0.2.128/25"), prefixList("in", "198.51.100.0/24"), prefixList("out", "192.0.2.0/25"),
		vrftable.SetRouteMap{Name: "in", Entries: []vrftable.RouteMapEntry{{Permit: true, Match: vrftable.Match{PrefixList: "in"}, Set: vrftable.Set{LocalPref: 7}}}},
		vrftable.SetRouteMap{Name: "out", Entries: []vrftable.RouteMapEntry{{Permit: true, Match: vrftable.Match{PrefixList: "out"}, Set: vrftable.Set{Prepend: []uint32{64500}}}}})
	b.run(b.config(func(c *Config, n *Neighbor) {
		n.In, n.Out, c.Redistribute = "in", "out", []Redistribute{{Kind: RedistributeStatic}}
	}))
	r := b.router(other, 64501, nil, "198.51.100.0/24", "203.0.113.0/24")
	statics := []string{"192.0.2.0/25 static", "192.0.2.128/25 static"}
	has(t, "in", b.table, append(statics, "198.51.100.0/24 ebgp via 10.9.0.2 path [64501]")...)
	has(t, "out", r.table, "192.0.2.0/25 ebgp via 10.9.0.1 path [64500 64500]", "198.51.100.0/24 static", "203.0.113.0/24 static")
	updates := uint64(2) // what is out, and End-of-RIB
	wait(t, "End-of-RIB", func() bool { return neighbor(r.server, own).Received.Updates == updates })

	apply(t, b.table, prefixList("in", "203.0.113.0/24"), prefixList("out", "192.0.2.0/25", "192.0.2.128/25"))
	b.server.PoliciesChanged()
	has(t, "in, changed", b.table, append(statics, "203.0.113.0/24 ebgp via 10.9.0.2 path [64501]")...)
	has(t, "out, changed", r.table, "192.0.2.0/25 ebgp via 10.9.0.1 path [64500 64500]", "192.0.2.128/25 ebgp via 10.9.0.1 path [64500 64500]",
		"198.51.100.0/24 static", "203.0.113.0/24 static")
	if i := neighbor(r.server, own); i.Received.Updates != updates+1 || i.Received.Refreshes != 1 || i.Flaps != 0 {
		t.Errorf("more than what differs was told: %d updates before, now %+v", updates, i)
	}
	var told []string
	for p, a := range b.server.Advertised("", other, netip.MustParsePrefix("192.0.2.0/24")) {
		told = append(told, fmt.Sprintf("%v %v %v", p, a.ASPath, a.NextHop))
		b.neighbor(other) // it may be asked meanwhile
	}
	if !slices.Equal(told, []string{"192.0.2.0/25 [64500 64500] 10.9.0.1", "192.0.2.128/25 [64500 64500] 10.9.0.1"}) {
		t.Errorf("advertised: %q", told)
	}
	// Clearing.
	clear := func(kind ClearKind) {
		t.Helper()
		if err := b.server.Clear("default", other, kind); err != nil {
			t.Fatal(err)
		}
	}
	before := neighbor(r.server, own).Received
	clear(ClearOut)
	wait(t, "all is told again", func() bool { return neighbor(r.server, own).Received.Announced == before.Announced+2 })
	clear(ClearIn)
	wait(t, "all is asked for again", func() bool { return neighbor(r.server, own).Received.Refreshes == before.Refreshes+1 })
	clear(ClearHard)
	wait(t, "the session is new", func() bool {
		i := neighbor(r.server, own)
		return i.Flaps > 0 && i.State == Established
	})
	if err := b.server.Clear("", third, ClearHard); err == nil || err.Error() != "default has no neighbor 10.9.0.3" {
		t.Error(err)
	}
}

// TestOrigination: networks, redistribution and aggregates.
func TestOrigination(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	aggregate := netip.MustParsePrefix("198.51.0.0/16")
	c := b.config(func(c *Config, n *Neighbor) {
		c.Networks = []Network{{Prefix: netip.MustParsePrefix("192.0.2.0/24")}, {Prefix: netip.MustParsePrefix("192.0.3.0/24")}}
		c.Aggregates = []Aggregate{{Prefix: aggregate, SummaryOnly: true}}
	})
	b.run(c)
	r := b.router(other, 64501, nil)
	apply(t, b.table, static("192.0.2.0/24"), static("203.0.113.0/24"))
	network := "192.0.2.0/24 ebgp via 10.9.0.1 path [64500]"
	has(t, "a network", r.table, network)
	apply(t, b.table, static("198.51.100.0/24"))
	has(t, "the aggregate's discard route", b.table, "192.0.2.0/24 static", "198.51.0.0/16 originated path []", "198.51.100.0/24 static", "203.0.113.0/24 static")
	sum := "198.51.0.0/16 ebgp via 10.9.0.1 path [64500]"
	has(t, "an aggregate", r.table, network, sum)
	for i := range r.table.RoutesIn("", aggregate) {
		if want := others(aggregator(&c)); !slices.Equal(others(i.Attrs.Other), want) || i.Attrs.Origin != vrftable.OriginIGP {
			t.Errorf("the aggregate's attributes: %+v, want others %q", i.Attrs, want)
		}
	}
	c.Redistribute = []Redistribute{{Kind: RedistributeStatic}, {Kind: RedistributeConnected}}
	c.Aggregates = []Aggregate{{Prefix: aggregate}}
	set(t, b.server, c)
	has(t, "redistributed", r.table, network, sum, "198.51.100.0/24 ebgp via 10.9.0.1 path [64500]", "203.0.113.0/24 ebgp via 10.9.0.1 path [64500]")
	for i := range r.table.RoutesIn("", netip.MustParsePrefix("203.0.113.0/24")) {
		if i.Attrs.Origin != vrftable.OriginIncomplete {
			t.Errorf("origin %d", i.Attrs.Origin)
		}
	}
	wait(t, "the connected network, too, which r has itself", func() bool { return neighbor(r.server, own).Accepted == 5 })
	apply(t, b.table, unstatic("198.51.100.0/24"))
	has(t, "without its last route", r.table, network, "203.0.113.0/24 ebgp via 10.9.0.1 path [64500]")
	has(t, "the discard route is gone", b.table, "192.0.2.0/24 static", "203.0.113.0/24 static")
	apply(t, b.table, static("198.51.100.0/24"))
	has(t, "again", r.table, network, sum, "198.51.100.0/24 ebgp via 10.9.0.1 path [64500]", "203.0.113.0/24 ebgp via 10.9.0.1 path [64500]")
	apply(t, r.table, static("198.51.0.0/16"))
	wait(t, "the neighbour's own", func() bool { return neighbor(b.server, other).Accepted == 1 })
	for i := range b.table.RoutesIn("", aggregate) {
		if i.Prefix == aggregate && i.Best != (i.Source == vrftable.Originated) {
			t.Errorf("beside a neighbour's: %v, in use: %v", i.Source, i.Best)
		}
	}
	apply(t, r.table, unstatic("198.51.0.0/16"))
	b.server.Close()
	has(t, "the end takes what was made", b.table, "192.0.2.0/24 static", "198.51.100.0/24 static", "203.0.113.0/24 static")
	has(t, "and what was told", r.table)
}

// TestSet: neighbours change beside a session that goes on; an error changes nothing.
func TestSet(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	c := b.config(nil)
	b.run(c)
	b.router(other, 64501, nil, "198.51.100.0/24")
	b.established(other)
	since := b.neighbor(other).Since
	more := c
	more.Neighbors = append(slices.Clone(c.Neighbors), Neighbor{Addr: third, AS: 64502, Local: own, Connect: 100 * time.Millisecond})
	set(t, b.server, more)
	r := b.router(third, 64502, nil, "203.0.113.0/24")
	b.established(third)
	both := []string{"198.51.100.0/24 ebgp via 10.9.0.2 path [64501]", "203.0.113.0/24 ebgp via 10.9.0.3 path [64502]"}
	has(t, "both", b.table, both...)

	blocked := b.listenOn(b.pe, "10.9.0.99:179")
	defer blocked.Close()
	bad := more
	bad.Neighbors = append(slices.Clone(more.Neighbors[:1]), Neighbor{Addr: netip.MustParseAddr("10.9.0.5"), AS: 1, Local: netip.MustParseAddr("10.9.0.99"), Password: "x"})
	bad.Neighbors[0].Password = "wrong"
	if err := b.server.Set([]Config{bad}); err == nil || !strings.Contains(err.Error(), "another BGP speaker has the address") {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"AS":            func(c *Config) { c.AS = 0 },
		"router ID":     func(c *Config) { c.RouterID = netip.Addr{} },
		"each once":     func(c *Config) { c.Neighbors = append(c.Neighbors, c.Neighbors[0]) },
		"local address": func(c *Config) { c.Neighbors[0].Local = netip.Addr{} },
		"hold time":     func(c *Config) { c.Neighbors[0].Hold = time.Second },
		"restart":       func(c *Config) { c.Neighbors[0].GracefulRestart = 2 * maxRestart },
		"password":      func(c *Config) { c.Neighbors[0].Password = strings.Repeat("x", 81) },
		"maximum":       func(c *Config) { c.Neighbors[0].MaxPrefixes = -1 },
		"host bits":     func(c *Config) { c.Networks = []Network{{Prefix: netip.MustParsePrefix("10.0.0.1/8")}} },
		"namespace":     func(c *Config) { c.Netns = "there-is-none" },
	} {
		bad := more
		bad.Neighbors = slices.Clone(more.Neighbors)
		change(&bad)
		if err := b.server.Set([]Config{bad}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.server.Set([]Config{more, more}); err == nil {
		t.Error("two configurations of a VR were taken")
	}
	has(t, "after an error", b.table, both...)
	if err := b.server.Clear("", third, ClearHard); err != nil { // the listener still takes it without a password
		t.Fatal(err)
	}
	wait(t, "it comes back", func() bool { i := neighbor(r.server, own); return i.Flaps == 1 && i.State == Established })
	set(t, b.server, c)
	has(t, "without the second", b.table, both[:1]...)
	wait(t, "it knows", func() bool {
		return strings.Contains(strings.ToLower(neighbor(r.server, own).LastError), "deconfigured")
	})
	if i := b.neighbor(other); i.Since != since || i.Flaps != 0 {
		t.Errorf("the session was not to be touched: %+v", i)
	}
	set(t, b.server, Config{AS: 64500, RouterID: own, Netns: b.pe.Name()})
	has(t, "without neighbours", b.table)
}

func (b *bed) listenOn(ns *testnet.NS, address string) (l net.Listener) {
	b.t.Helper()
	ns.Addr("core", "10.9.0.99/24")
	var err error
	ns.Do(func() { l, err = net.Listen("tcp4", address) })
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

// TestClose: nothing is left of a server that has ended, whatever its sessions were doing.
func TestClose(t *testing.T) {
	b := newBed(t)
	var ends []func()
	run := func(s *Server, c Config) {
		set(t, s, c)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.Run(ctx) }()
		ends = append(ends, func() { cancel(); <-done })
	}
	fourth := netip.MustParseAddr("10.9.0.4")
	run(b.server, b.config(func(c *Config, n *Neighbor) {
		c.Aggregates = []Aggregate{{Prefix: netip.MustParsePrefix("198.51.0.0/16")}}
		c.Neighbors = append(c.Neighbors, Neighbor{Addr: third, AS: 64502, Local: own, GracefulRestart: time.Minute, Passive: true},
			Neighbor{Addr: fourth, AS: 64504, Local: own, Connect: time.Millisecond}, Neighbor{Addr: netip.MustParseAddr("10.9.0.5"), AS: 1, Local: own, Shutdown: true})
	}))
	far := newTable(t, other)
	apply(t, far, static("198.51.100.0/24"))
	run(newServer(t, far), Config{AS: 64501, RouterID: other, Netns: b.ns.Name(), Redistribute: []Redistribute{{Kind: RedistributeStatic}},
		Neighbors: []Neighbor{{Addr: own, AS: 64500, Local: other, Connect: 100 * time.Millisecond}}})
	wait(t, "a session", func() bool { i := neighbor(b.server, other); return i.State == Established && i.Accepted == 1 })
	peer := b.dial(third) // in OpenSent
	peer.until(wire.BGP_MSG_OPEN)
	for _, end := range ends {
		end()
	}
	if code, subcode, _ := peer.ended(); code != 6 || subcode != 2 {
		t.Errorf("NOTIFICATION %d/%d", code, subcode)
	}
	has(t, "nothing is left", b.table)
	if err := b.server.Set(nil); err == nil {
		t.Error("a closed server was set")
	}
	b.server.Close()
	defer func() {
		if t.Failed() {
			t.Logf("left:\n%s", strings.Join(goroutines(), "\n\n"))
		}
	}()
	wait(t, "no goroutine is left", func() bool { return len(goroutines()) == 0 })
}

// goroutines gives the stacks of this package's.
func goroutines() []string {
	buf := make([]byte, 1<<20)
	stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	return slices.DeleteFunc(stacks, func(s string) bool {
		return !strings.Contains(s, "bgp.(*") && !strings.Contains(s, "bgp.openSockets")
	})
}
