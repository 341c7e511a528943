package bgp

import (
	"context"
	"net/netip"
	"slices"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// maxUpdate is how many routes of several UPDATEs go to the tables at once.
const maxUpdate = 1024

// receive takes what the neighbour tells until the session ends.
func (p *peer) receive(ctx context.Context, s *session, out *sender, endOfRIB chan<- struct{}) error {
	d := newDecoder(p.c, &p.cfg, s.open)
	source := vrftable.EBGP
	if p.c.internal(&p.cfg) {
		source = vrftable.IBGP
	}
	fresh := func() vrftable.PeerUpdate {
		return vrftable.PeerUpdate{VR: p.c.VR, Peer: vrftable.Peer{Addr: p.cfg.Addr, ID: s.open.id}, Source: source,
			OnLink: source == vrftable.EBGP && p.c.ttl(&p.cfg) == 1, RouteMap: p.cfg.In}
	}
	next := fresh()
	flush := func() bool {
		n := len(next.Routes) + len(next.Withdrawn)
		if n == 0 {
			return true
		}
		ok := p.sp.server.applier.submit(ctx, job{p: p, session: ctx, change: next, routes: n})
		next = fresh()
		return ok
	}
	for {
		kind, body, err := s.read(s.hold)
		if err != nil {
			flush()
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch kind {
		case wire.BGP_MSG_UPDATE:
			u, err := d.decode(body)
			if err != nil {
				flush()
				return err
			}
			p.sort(u)
			if len(next.Routes) > 0 && len(u.withdrawn) > 0 && !flush() { // withdrawals come first in a PeerUpdate
				return ctx.Err()
			}
			next.Withdrawn = append(next.Withdrawn, u.withdrawn...)
			for _, pfx := range u.announced {
				next.Routes = append(next.Routes, vrftable.PeerRoute{Prefix: pfx, Attrs: u.attrs})
			}
			if u.endOfRIB {
				flush()
				p.sp.server.applier.wait(nil)
				select {
				case endOfRIB <- struct{}{}:
				default:
				}
			}
		case wire.BGP_MSG_KEEPALIVE:
			p.count(func(c *counters) { c.received.Keepalives++ })
		case wire.BGP_MSG_ROUTE_REFRESH:
			p.count(func(c *counters) { c.received.Refreshes++ })
			if slices.Equal(body, []byte{0, wire.AFI_IP, 0, wire.SAFI_UNICAST}) {
				out.resync()
			}
		default:
			return faultf(wire.BGP_ERROR_FSM_ERROR, wire.BGP_ERROR_SUB_RECEIVE_UNEXPECTED_MESSAGE_IN_ESTABLISHED_STATE,
				"message of type %d in an established session", kind)
		}
		if (s.in.Buffered() < headerLen || len(next.Routes)+len(next.Withdrawn) >= maxUpdate) && !flush() {
			return ctx.Err()
		}
	}
}

// sort puts an UPDATE's prefixes where they belong: what cannot be taken is withdrawn.
func (p *peer) sort(u *update) {
	n := len(u.announced)
	refused := 0
	if u.malformed != "" || u.refused != "" {
		u.withdrawn = append(u.withdrawn, u.announced...)
		u.announced, refused = u.announced[:0], n
	} else if slices.ContainsFunc(u.announced, martian) {
		u.announced = slices.DeleteFunc(u.announced, martian)
		refused = n - len(u.announced)
	}
	p.count(func(c *counters) {
		c.received.Updates++
		c.received.Announced += uint64(n)
		c.received.Withdrawn += uint64(len(u.withdrawn))
		c.received.Refused += uint64(refused)
		if u.malformed == "" {
			return
		}
		c.received.Malformed++
		if m := c.received.Malformed; m&(m-1) == 0 { // the first, and whenever there are twice as many
			p.log.Warn("bgp: malformed UPDATE, treated as a withdrawal (RFC 7606)", "reason", u.malformed, "prefixes", n,
				"malformed", m)
		}
	})
}

// martian tells whether a prefix holds no host that packets can be forwarded to (RFC 1812 5.3.7).
func martian(p netip.Prefix) bool {
	octet := p.Addr().As4()[0]
	return octet == 0 && p.Bits() >= 8 || octet == 127 || octet >= 224
}
