package bgp

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// handshake is how a peer comes to a session: by a connection of its own, by one that comes in, or by the one of both
// that a collision leaves over (RFC 4271 6.8). All its fields belong to the peer's goroutine; steps of attempts run beside
// it and end in an outcome.
type handshake struct {
	p        *peer
	ctx      context.Context
	out, in  *attempt
	dial     *time.Timer // until the next connection of its own
	outcomes chan outcome
	running  sync.WaitGroup
}

// attempt is a connection on its way.
type attempt struct {
	stage State // Connect, OpenSent or OpenConfirm
	s     *session
}

// outcome is how a step of an attempt has ended.
type outcome struct {
	a    *attempt
	conn *net.TCPConn // of a dial
	err  error
}

// connect makes a session. It goes on after attempts that find nobody, or whose connection is closed without a word; other
// errors end it.
func (p *peer) connect(ctx context.Context) (s *session, err error) {
	ctx, cancel := context.WithCancel(ctx)
	h := &handshake{p: p, ctx: ctx, outcomes: make(chan outcome), dial: time.NewTimer(0)}
	if p.cfg.Passive {
		h.dial.Stop()
	} else {
		h.dial.Reset(rand.N(p.cfg.connect()/4 + 1)) // so that two routers do not collide each time
	}
	defer func() {
		cancel()
		why := err
		if s != nil {
			why = collision()
		}
		h.end(s, why)
	}()
	if c := p.pending; c != nil {
		p.pending = nil
		h.accept(c)
	}
	for {
		p.setState(h.state())
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-p.lapsed():
			p.giveUp()
		case <-p.clears: // there is nothing to clear, but no reason to wait either
			if h.out == nil && !p.cfg.Passive {
				h.dial.Reset(0)
			}
		case c := <-p.incoming:
			h.accept(c)
		case <-h.dial.C:
			h.connect()
		case o := <-h.outcomes:
			if s, err := h.handle(o); s != nil || err != nil {
				return s, err
			}
		}
	}
}

// step runs a step of an attempt beside the peer's goroutine.
func (h *handshake) step(f func() outcome) {
	h.running.Add(1)
	go func() {
		defer h.running.Done()
		h.outcomes <- f()
	}()
}

func (h *handshake) connect() {
	a := &attempt{stage: Connect}
	h.out = a
	h.step(func() outcome {
		ctx, cancel := context.WithTimeout(h.ctx, max(h.p.cfg.connect(), 5*time.Second))
		defer cancel()
		c, err := h.p.sp.sockets.dial(ctx, &h.p.cfg, h.p.c.ttl(&h.p.cfg))
		return outcome{a, c, err}
	})
}

func (h *handshake) accept(c *net.TCPConn) {
	if h.in != nil {
		h.in.s.close(nil)
	}
	h.in = &attempt{}
	h.greet(h.in, c, false)
}

func (h *handshake) greet(a *attempt, c *net.TCPConn, outgoing bool) {
	a.stage, a.s = OpenSent, newSession(h.p, c, outgoing)
	h.step(func() outcome { return outcome{a: a, err: a.s.greet(h.p.c, &h.p.cfg)} })
}

// handle takes an attempt a step further. It returns a session that is established, or why there is none.
func (h *handshake) handle(o outcome) (*session, error) {
	own, other := &h.out, &h.in
	if o.a == h.in {
		own, other = &h.in, &h.out
	} else if o.a != h.out { // given up meanwhile
		if o.conn != nil {
			o.conn.Close()
		}
		return nil, nil
	}
	a := o.a
	switch {
	case o.err != nil:
		h.drop(own, o.err)
		if *other != nil || !explained(o.err) { // a neighbour that leaves this router alone for a while closes what comes
			h.p.note(o.err)
			return nil, nil
		}
		return nil, o.err
	case a.stage == Connect:
		h.greet(a, o.conn, true)
	case a.stage == OpenSent:
		// RFC 4271 6.8 looks at an attempt in OpenSent only where the other's identifier is known: it is, from this OPEN.
		if b := *other; b != nil && b.stage >= OpenSent {
			if !h.p.keeps(a.s) {
				h.drop(own, collision())
				return nil, nil
			}
			h.drop(other, collision())
		}
		a.stage = OpenConfirm
		h.step(func() outcome { return outcome{a: a, err: a.s.confirm()} })
	default:
		return a.s, nil
	}
	return nil, nil
}

// drop ends one of the attempts. Another connection of its own follows, unless the other attempt is a session before.
func (h *handshake) drop(which **attempt, why error) {
	a := *which
	*which = nil
	if which == &h.out && !h.p.cfg.Passive {
		h.dial.Reset(h.p.cfg.connect())
	}
	if a.s != nil {
		a.s.close(why)
	}
}

// explained tells whether a session ended because one side has told the other why.
func explained(err error) bool {
	f, n := (*fault)(nil), (*notified)(nil)
	return errors.As(err, &f) || errors.As(err, &n)
}

func collision() *fault {
	return faultf(wire.BGP_ERROR_CEASE, wire.BGP_ERROR_SUB_CONNECTION_COLLISION_RESOLUTION, "there are two connections")
}

// keeps tells whether a session is the one that a collision leaves: the one that the router with the higher identifier
// has begun, or, of the same identifier, with the higher AS (RFC 6286 2.3).
func (p *peer) keeps(s *session) bool {
	higher := p.c.RouterID.Compare(s.open.id)
	if higher == 0 {
		return s.outgoing == (p.c.AS > s.open.as)
	}
	return s.outgoing == (higher > 0)
}

// state is that of the attempt that has come farthest.
func (h *handshake) state() State {
	state := Active
	for _, a := range []*attempt{h.out, h.in} {
		if a != nil && (state == Active || a.stage > state) {
			state = a.stage
		}
	}
	return state
}

// end closes everything but the session that has come of it, and waits until no step runs any more.
func (h *handshake) end(winner *session, why error) {
	h.dial.Stop()
	for _, a := range []*attempt{h.out, h.in} {
		if a != nil && a.s != nil && a.s != winner {
			a.s.close(why)
		}
	}
	go func() {
		h.running.Wait()
		close(h.outcomes)
	}()
	for o := range h.outcomes {
		if o.conn != nil {
			o.conn.Close()
		}
	}
}
