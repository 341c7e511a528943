package bgp

import (
	"context"
	"errors"
	"sync"
	"time"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// limitReached is that a neighbour announces more prefixes than it may.
type limitReached struct{ fault }

func (l *limitReached) Unwrap() error { return &l.fault }

// errCleared is that an operator has ended the session.
var errCleared = faultf(wire.BGP_ERROR_CEASE, wire.BGP_ERROR_SUB_ADMINISTRATIVE_RESET, "cleared by an operator")

// errRestarted is that the neighbour has connected anew: the old connection is dead (RFC 4724 5).
var errRestarted = errors.New("the neighbour has restarted")

// stalePath is how long a neighbour that is back may take until its End-of-RIB: it may wait for its own neighbours first.
const stalePath = 6 * time.Minute

// serve runs an established session to its end, and returns why it ended.
func (p *peer) serve(parent context.Context, s *session) error {
	ctx, end := context.WithCancelCause(parent)
	defer end(nil)
	out, err := newSender(p, s)
	if err != nil {
		s.close(faultf(wire.BGP_ERROR_CEASE, wire.BGP_ERROR_SUB_OUT_OF_RESOURCES, "%v", err))
		return err
	}
	p.established(s, out, end)
	switch {
	case p.lapse == nil:
	case s.open.forwarding():
		p.keep(stalePath) // it is back in time; until its End-of-RIB it may take longer
	default:
		p.giveUp() // its forwarding state is lost, and so are its routes (RFC 4724 4.2)
	}
	began := time.Now()
	endOfRIB, refreshes := make(chan struct{}, 1), make(chan struct{}, 1)
	var running sync.WaitGroup
	for _, f := range []func() error{
		func() error { return p.receive(ctx, s, out, endOfRIB) },
		func() error { return s.keepAlive(ctx, refreshes) },
		func() error { return out.run(ctx) },
	} {
		running.Go(func() { end(f()) })
	}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-p.lapsed():
			p.giveUp()
		case <-endOfRIB:
			if p.lapse != nil {
				p.giveUp()
			}
		case c := <-p.incoming:
			if s.restart == 0 || time.Since(began) < settling {
				c.Close() // a collision with an established session (RFC 4271 6.8)
				continue
			}
			p.pending = c
			end(errRestarted)
		case k := <-p.clears:
			switch {
			case k == ClearOut:
				out.resync()
			case k == ClearIn && s.open.refresh:
				select {
				case refreshes <- struct{}{}:
				default: // one is about to be sent
				}
			default: // a neighbour without route refresh tells its routes again in a new session
				end(errCleared)
			}
		}
	}
	why := context.Cause(ctx)
	p.leave()
	s.close(why)
	running.Wait()
	p.over(parent, s, why)
	return why
}

// refresh is a ROUTE-REFRESH for IPv4 unicast (RFC 2918 3).
func refresh() []byte {
	return append(appendHeader(nil, wire.BGP_MSG_ROUTE_REFRESH, 4), 0, wire.AFI_IP, 0, wire.SAFI_UNICAST)
}

func (p *peer) established(s *session, out *sender, end context.CancelCauseFunc) {
	p.mu.Lock()
	p.state, p.since, p.lastErr = Established, time.Now(), ""
	p.session, p.out, p.end, p.warned = s, out, end, false
	p.mu.Unlock()
	p.log.Info("bgp: session established", "event", "session-up", "id", s.open.id, "hold", s.hold, "graceful-restart", s.restart)
}

func (p *peer) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state, p.since, p.flaps = Idle, time.Now(), p.flaps+1
	p.session, p.out, p.end = nil, nil, nil
}

// over ends what an established session has left: its routes go, or are kept while the neighbour restarts.
func (p *peer) over(parent context.Context, s *session, why error) {
	p.log.Warn("bgp: the session has ended", "event", "session-down", "reason", why)
	vr, addr := p.c.VR, p.cfg.Addr
	if s.restart == 0 || parent.Err() != nil || explained(why) {
		p.sp.server.applier.wait(vrftable.DeletePeer{VR: vr, Peer: addr})
		p.accept(0)
		return
	}
	if p.lapse != nil { // it has not told all its routes since the last time
		p.giveUp()
	}
	p.sp.server.applier.wait(vrftable.MarkPeer{VR: vr, Peer: addr})
	p.keep(s.restart)
	p.log.Info("bgp: the neighbour's routes are kept while it restarts", "for", s.restart)
}

// abort ends the established session, if there is one. Any goroutine may call it.
func (p *peer) abort(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		p.end(why)
	}
}

// accept takes note of how many of the neighbour's prefixes there are, and does what is to be done at the limit.
func (p *peer) accept(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accepted = n
	limit := p.cfg.MaxPrefixes
	if limit == 0 || n <= limit {
		p.warned = p.warned && n > limit*9/10
		return
	}
	if p.cfg.WarnOnly {
		if !p.warned {
			p.log.Warn("bgp: more prefixes than the neighbour may announce", "event", "prefix-limit", "prefixes", n, "limit", limit)
		}
		p.warned = true
		return
	}
	if p.end != nil {
		p.log.Warn("bgp: more prefixes than the neighbour may announce: the session ends", "event", "prefix-limit", "prefixes",
			n, "limit", limit)
		p.end(&limitReached{*faultf(wire.BGP_ERROR_CEASE, wire.BGP_ERROR_SUB_MAXIMUM_NUMBER_OF_PREFIXES_REACHED,
			"%d prefixes: at most %d are taken", n, limit)})
	}
}

// settling is how long after an establishment a connection from the neighbour is still taken for the other half of a
// collision, not for its restart.
const settling = time.Second
