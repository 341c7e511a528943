package bgp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// siege is a bed whose first neighbour, AS 64501 at 10.9.0.2, is a hostile script, and whose second one, AS 64502, behaves.
type siege struct {
	*bed
	good  *router
	since time.Time
}

func newSiege(t *testing.T, change func(*Neighbor)) *siege {
	b := newBed(t)
	c := b.config(func(c *Config, n *Neighbor) {
		n.Passive = true
		if change != nil {
			change(n)
		}
		c.Neighbors = append(c.Neighbors, Neighbor{Addr: third, AS: 64502, Local: own, Connect: 200 * time.Millisecond})
	})
	b.run(c)
	s := &siege{bed: b, good: b.router(third, 64502, nil, "203.0.113.0/24")}
	b.established(third)
	has(t, "the good neighbour's route", b.table, goodRoute)
	s.since = b.neighbor(third).Since
	return s
}

const goodRoute = "203.0.113.0/24 ebgp via 10.9.0.3 path [64502]"

// check tells whether the good neighbour has suffered, and nothing is left of the hostile one.
func (s *siege) check() {
	s.t.Helper()
	has(s.t, "after the hostile neighbour", s.table, goodRoute)
	if i := s.neighbor(third); i.State != Established || i.Since != s.since || i.Flaps != 0 {
		s.t.Errorf("the good neighbour: %+v", i)
	}
}

// again lets the hostile neighbour connect again at once.
func (s *siege) again() {
	s.t.Helper()
	if err := s.server.Clear("", other, ClearHard); err != nil {
		s.t.Fatal(err)
	}
}

// TestHostileMessages: what is wrong, or comes at the wrong time, ends its session with the NOTIFICATION that RFC 4271 6 has
// for it.
func TestHostileMessages(t *testing.T) {
	s := newSiege(t, nil)
	open := withHeader(wire.BGP_MSG_OPEN, openBody(4, 64501, 90, other, scriptCaps...)...)
	bad := slices.Clone(open)
	bad[5] = 0
	update := withHeader(wire.BGP_MSG_UPDATE, updateBody(mandatory)...)
	const (
		connected = iota
		opened
		established
	)
	for _, test := range []struct {
		name          string
		stage         int
		message       []byte
		code, subcode uint8
		why           string
	}{
		{"marker", connected, bad, 1, 1, "marker is not all ones"},
		{"length", connected, append(appendHeader(nil, wire.BGP_MSG_OPEN, 0xff00), 4), 1, 2, "65299 bytes for a message of type 1"},
		{"type", connected, withHeader(77), 1, 3, "message of type 77"},
		{"UPDATE first", connected, update, 5, 1, "type 2 in place of an OPEN"},
		{"KEEPALIVE first", connected, keepalive(), 5, 1, "type 4 in place of an OPEN"},
		{"ROUTE-REFRESH first", connected, refresh(), 5, 1, "type 5 in place of an OPEN"},
		{"version", connected, withHeader(wire.BGP_MSG_OPEN, openBody(5, 64501, 90, other)...), 2, 1, "version 5"},
		{"AS", connected, withHeader(wire.BGP_MSG_OPEN, openBody(4, 64503, 90, other)...), 2, 2, "received 64503"},
		{"identifier 0", connected, withHeader(wire.BGP_MSG_OPEN, openBody(4, 64501, 90, netip.IPv4Unspecified())...), 2, 3, "identifier"},
		{"hold time 1", connected, withHeader(wire.BGP_MSG_OPEN, openBody(4, 64501, 1, other)...), 2, 6, "hold time 1"},
		{"marker, opened", opened, bad, 1, 1, "marker is not all ones"},
		{"a second OPEN", opened, open, 5, 2, "type 1 in place of a KEEPALIVE"},
		{"UPDATE before KEEPALIVE", opened, update, 5, 2, "type 2 in place of a KEEPALIVE"},
		{"ROUTE-REFRESH before KEEPALIVE", opened, refresh(), 5, 2, "type 5 in place of a KEEPALIVE"},
		{"OPEN, established", established, open, 5, 3, "type 1 in an established session"},
		{"marker, established", established, bad, 1, 1, "marker is not all ones"},
		{"length, established", established, appendHeader(nil, wire.BGP_MSG_KEEPALIVE, 1), 1, 2, "bytes for a message of type 4"},
		{"UPDATE that cannot be read", established, withHeader(wire.BGP_MSG_UPDATE, 0, 9, 0, 0), 3, 1, "withdrawn routes are longer"},
		{"an unknown well-known attribute", established, withHeader(wire.BGP_MSG_UPDATE, updateBody(append(mandatory, 0x40, 99, 0))...), 3, 2, "attribute of type 99"},
	} {
		s.again()
		peer := s.dial(other)
		if test.stage >= opened {
			peer.send(wire.BGP_MSG_OPEN, open[headerLen:]...)
			peer.until(wire.BGP_MSG_OPEN)
			peer.until(wire.BGP_MSG_KEEPALIVE)
		}
		if test.stage == established {
			peer.send(wire.BGP_MSG_KEEPALIVE)
			peer.announce("198.51.100.0/24")
		}
		if err := peer.write(test.message); err != nil {
			t.Fatal(err)
		}
		if code, subcode, data := peer.ended(); code != test.code || subcode != test.subcode {
			t.Errorf("%s: NOTIFICATION %d/%d % x, want %d/%d", test.name, code, subcode, data, test.code, test.subcode)
		}
		wait(t, test.name+": the peer knows why", func() bool { return strings.Contains(s.neighbor(other).LastError, test.why) })
	}
	s.check()
}

// TestHostileAttributes: random bytes in the place of attributes withdraw routes or end their session, nothing else.
func TestHostileAttributes(t *testing.T) {
	s := newSiege(t, nil)
	r := rand.New(rand.NewPCG(1, 9))
	peer := s.dial(other).establish()
	resets := 0
	for n := range 500 {
		attrs := slices.Clone(mandatory)
		for range 1 + r.IntN(4) {
			switch r.IntN(4) {
			case 0:
				attrs[r.IntN(len(attrs))] = byte(r.Uint32())
			case 1:
				attrs = attrs[:r.IntN(len(attrs))+1]
			case 2:
				attrs = append(attrs, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()))
			default:
				attrs = append(attrs, raw(0xc0, wire.BGPAttrType(r.Uint32()), make([]byte, r.IntN(30))...)...)
			}
		}
		before := s.neighbor(other)
		peer.send(wire.BGP_MSG_UPDATE, updateBody(attrs)...)
		var now NeighborInfo
		for now = s.neighbor(other); now.Received.Updates == before.Received.Updates && now.Flaps == before.Flaps; now = s.neighbor(other) {
			time.Sleep(50 * time.Microsecond)
		}
		if now.Flaps > before.Flaps {
			if code, _, _ := peer.ended(); code != wire.BGP_ERROR_UPDATE_MESSAGE_ERROR {
				t.Fatalf("update %d: NOTIFICATION %d", n, code)
			}
			resets++
			s.again()
			peer = s.dial(other).establish()
			s.established(other)
		}
	}
	if m := s.neighbor(other).Received; m.Malformed == 0 || resets == 0 {
		t.Errorf("%d malformed, %d sessions ended: the test tests nothing", m.Malformed, resets)
	}
	peer.conn.Close()
	s.check()
}

// slash24 is the n-th /24 from 20.0.0.0 on.
func slash24(n uint32) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{20 + byte(n>>16), byte(n >> 8), byte(n)}), 24)
}

// TestHostilePrefixes: 5,000,000 prefixes against a limit of 1,000 leave few in the table.
func TestHostilePrefixes(t *testing.T) {
	s := newSiege(t, func(n *Neighbor) { n.MaxPrefixes = 1000 })
	peer := s.dial(other).establish()
	go func() { // the router's words are to be read, or they fill the connection
		prefixes := make([]netip.Prefix, 0, 800)
		var b []byte
		for n := uint32(0); n < 5_000_000; {
			prefixes = prefixes[:0]
			for range 800 {
				prefixes = append(prefixes, slash24(n))
				n++
			}
			b, _ = appendUpdate(b[:0], string(mandatory), prefixes)
			if peer.write(b) != nil {
				return
			}
		}
	}()
	most := 0
	wait(t, "the session has ended", func() bool {
		most = max(most, s.table.PeerRoutes("", other))
		return s.neighbor(other).Flaps == 1
	})
	// A batch may overshoot by what is in it, and by an update.
	if most = max(most, s.table.PeerRoutes("", other)); most > 1000+maxBatch+2*maxUpdate+maxLen/2 {
		t.Errorf("%d of the neighbour's prefixes were in the table", most)
	}
	if code, subcode, _ := peer.ended(); code != 6 || subcode != 1 {
		t.Errorf("NOTIFICATION %d/%d", code, subcode)
	}
	wait(t, "it is not let in again", func() bool { return s.neighbor(other).State == Idle })
	s.check()
}

// TestHostileFlaps: a neighbour that comes and goes is left alone for longer and longer.
func TestHostileFlaps(t *testing.T) {
	s := newSiege(t, nil)
	for range 20 {
		peer := s.dial(other)
		peer.write(withHeader(wire.BGP_MSG_OPEN, openBody(4, 64501, 90, other, scriptCaps...)...))
		peer.write(keepalive())
		peer.write(withHeader(wire.BGP_MSG_UPDATE, updateBody(mandatory)...))
		time.Sleep(100 * time.Millisecond)
		peer.conn.Close()
	}
	if f := s.neighbor(other).Flaps; f == 0 || f > 4 {
		t.Errorf("%d sessions in 2 s: want the first, and those after 1 s and 2 s more", f)
	}
	s.check()
}

// TestDeafNeighbor: one that never reads holds nobody up, and its session can be cleared and closed.
func TestDeafNeighbor(t *testing.T) {
	s := newSiege(t, nil)
	peer := s.dial(other)
	peer.conn.SetReadBuffer(4096)
	peer.establish()
	many := make([]vrftable.Route, 40_000)
	for i := range many {
		many[i] = vrftable.Route{Prefix: slash24(uint32(i)),
			Source: vrftable.EBGP, NextHop: vrftable.Discard, Attrs: &vrftable.Attributes{ASPath: []uint32{1, 2, 3, 100_000 + uint32(i)}, Communities: make([]vrftable.Community, 60)}}
	}
	apply(t, s.table, vrftable.AddRoutes{Routes: many})
	wait(t, "the good neighbour has all", func() bool { return s.good.table.PeerRoutes("", own) == len(many) })
	apply(t, s.table, vrftable.DeleteRoutes{Routes: many})
	wait(t, "the good neighbour has none", func() bool { return s.good.table.PeerRoutes("", own) == 0 })
	if i := s.neighbor(other); i.State != Established || i.Sent.Announced >= uint64(len(many)) {
		t.Errorf("the deaf neighbour was to be stuck: %+v", i)
	}
	for _, kind := range []ClearKind{ClearOut, ClearIn, ClearIn, ClearIn, ClearHard} {
		if err := s.server.Clear("", other, kind); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, "the session is cleared", func() bool { return s.neighbor(other).Flaps == 1 })
	s.check()
}

// TestRestlessNeighbor: one that changes the same routes without a pause ends with the last of them, and leaves the others alone.
func TestRestlessNeighbor(t *testing.T) {
	s := newSiege(t, nil)
	peer := s.dial(other).establish()
	go func() {
		for {
			if kind, _, err := readMessage(peer.conn, make([]byte, maxLen)); err != nil || kind == wire.BGP_MSG_NOTIFICATION {
				return
			}
		}
	}()
	const rounds = 20_000
	var b []byte
	for n := range rounds {
		med := raw(0x80, 4, 0, 0, byte(n>>8), byte(n))
		b, _ = appendUpdate(b, string(append(slices.Clone(mandatory), med...)), []netip.Prefix{
			netip.MustParsePrefix("20.0.0.0/8"), netip.PrefixFrom(netip.AddrFrom4([4]byte{21, byte(n % 10)}), 16)})
		if n%100 == 99 {
			if err := peer.write(b); err != nil {
				t.Fatal(err)
			}
			b = b[:0]
		}
	}
	wait(t, "the last is there", func() bool {
		for r := range s.table.RoutesIn("", netip.MustParsePrefix("20.0.0.0/8")) {
			return r.Attrs.MED == rounds-1
		}
		return false
	})
	wait(t, "the good neighbour has what there is", func() bool { return s.good.table.PeerRoutes("", own) == 11 })
	if i := s.neighbor(other); i.Received.Updates != rounds || i.Received.Announced != 2*rounds || i.Accepted != 11 {
		t.Errorf("%+v", i)
	}
	if told := s.neighbor(third).Sent.Announced; told > rounds {
		t.Errorf("%d changes were told: what changes faster than it is told is to be told once", told)
	}
	peer.conn.Close()
	s.check()
}

// TestCollision: two connections that both sides have begun at once leave the one of the router with the higher identifier.
func TestCollision(t *testing.T) {
	for _, id := range []string{"10.0.0.1", "10.200.0.1"} { // lower and higher than 10.9.0.1
		t.Run(fmt.Sprint("identifier=", id), func(t *testing.T) {
			b := newBed(t)
			accept := b.listen(other)
			b.run(b.config(nil))
			theirs := accept() // the router has begun it
			ours := b.dial(other)
			open := openBody(4, 64501, 90, netip.MustParseAddr(id), scriptCaps...)
			loser, winner := theirs, ours
			if id == "10.0.0.1" {
				loser, winner = ours, theirs
			}
			for _, s := range []*script{theirs, ours} {
				s.until(wire.BGP_MSG_OPEN)
			}
			for _, s := range []*script{theirs, ours} {
				s.send(wire.BGP_MSG_OPEN, open...)
			}
			if code, subcode, _ := loser.ended(); code != 6 || subcode != 7 {
				t.Errorf("the loser's NOTIFICATION: %d/%d", code, subcode)
			}
			winner.until(wire.BGP_MSG_KEEPALIVE)
			winner.send(wire.BGP_MSG_KEEPALIVE)
			b.established(other)
			late := b.dial(other) // a collision with an established session
			if kind, _ := late.read(); kind != 0 {
				t.Errorf("a late connection: message of type %d", kind)
			}
			winner.announce("198.51.100.0/24")
			has(t, "the winner's route", b.table, "198.51.100.0/24 ebgp via 10.9.0.2 path [64501 65010]")
		})
	}
}

// TestCollisionLost: where the connection that a collision has left does not last, the router connects again.
func TestCollisionLost(t *testing.T) {
	b := newBed(t)
	accept := b.listen(other)
	b.run(b.config(nil))
	theirs, ours := accept(), b.dial(other)
	for _, s := range []*script{theirs, ours} {
		s.send(wire.BGP_MSG_OPEN, openBody(4, 64501, 90, netip.MustParseAddr("10.200.0.1"), scriptCaps...)...)
	}
	theirs.ended()
	ours.until(wire.BGP_MSG_KEEPALIVE)
	ours.conn.Close()
	accept().establish()
	b.established(other)
}

// TestCollisions: two routers that connect at once, again and again, come to one session.
func TestCollisions(t *testing.T) {
	b := newBed(t)
	quick := func(c *Config, n *Neighbor) { n.Connect = time.Millisecond }
	c := b.config(quick)
	b.run(c)
	r := b.router(other, 64501, quick)
	for round := range 20 {
		b.established(other)
		wait(t, "one session", func() bool {
			mine, its := b.server.sessionWith(other), r.server.sessionWith(own)
			return mine != nil && its != nil && mine.conn.LocalAddr().String() == its.conn.RemoteAddr().String() &&
				mine.conn.RemoteAddr().String() == its.conn.LocalAddr().String() && mine.outgoing != its.outgoing
		})
		set(t, b.server, Config{AS: c.AS, RouterID: c.RouterID, Netns: c.Netns}) // both begin at about the same time
		set(t, r.server, Config{AS: r.cfg.AS, RouterID: r.cfg.RouterID, Netns: r.cfg.Netns, Redistribute: r.cfg.Redistribute})
		if n := len(b.server.Neighbors()); n != 0 {
			t.Fatalf("round %d: %d neighbours", round, n)
		}
		set(t, r.server, r.cfg)
		set(t, b.server, c)
	}
}

// sessionWith returns the established session with a neighbour of the parent; nil: there is none.
func (s *Server) sessionWith(addr netip.Addr) *session {
	p, err := s.find("", addr)
	if err != nil {
		return nil
	}
	p[0].mu.Lock()
	defer p[0].mu.Unlock()
	return p[0].session
}
