package bgp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"vrfwd/vrftable"
)

// peer is a neighbour and the state machine of its session (RFC 4271 8). One goroutine, run, owns it; what others see
// is under mu.
//
//	run:  connect ------------> serve: receive     ----> applier -> vrftable
//	      ^  dial | incoming         | keepAlive
//	      |  greet, collision        | advertise  <---- Watch <- vrftable
//	      |  confirm                 v
//	      +----- hold off ---------- end: its routes go, or are kept while it restarts
type peer struct {
	sp  *speaker
	c   *Config
	cfg Neighbor // a change makes another peer
	log *slog.Logger

	incoming chan *net.TCPConn // of the listener: the last one, if the peer has not taken it yet
	clears   chan ClearKind
	pending  *net.TCPConn // came in while another session was established

	stop    context.CancelCauseFunc
	stopped chan struct{}

	lapse *time.Timer // until the routes of a neighbour that restarts are given up; nil: none are kept

	mu       sync.Mutex
	state    State
	since    time.Time
	flaps    uint64
	lastErr  string
	counters counters
	accepted int
	warned   bool // that the limit is reached
	stale    bool // routes are kept while the neighbour restarts

	// Of the established session; nil: there is none.
	session *session
	out     *sender
	end     context.CancelCauseFunc
}

// counters are the messages of both directions.
type counters struct{ received, sent Messages }

func newPeer(sp *speaker, cfg Neighbor) *peer {
	return &peer{
		sp: sp, c: sp.cfg, cfg: cfg, log: sp.log.With("neighbor", cfg.Addr, "as", cfg.AS),
		incoming: make(chan *net.TCPConn, 1), clears: make(chan ClearKind), stopped: make(chan struct{}), since: time.Now(),
	}
}

// start runs the peer until end.
func (p *peer) start() {
	ctx, stop := context.WithCancelCause(context.Background())
	p.stop = stop
	go func() {
		p.run(ctx)
		close(p.stopped)
		p.drop()
	}()
}

// arrive leaves a connection to the peer, whose goroutine may be busy with its routes, in the place of one that it has not
// taken yet. The listener alone calls it: it must not wait.
func (p *peer) arrive(c *net.TCPConn) {
	p.drop()
	p.incoming <- c
	select {
	case <-p.stopped:
		p.drop()
	default:
	}
}

// drop closes a connection that nobody has taken.
func (p *peer) drop() {
	select {
	case c := <-p.incoming:
		c.Close()
	default:
	}
}

// quit ends the peer, its session with a word of why, and takes its routes back.
func (p *peer) quit(why *fault) {
	p.stop(why)
	<-p.stopped
}

func (p *peer) count(f func(*counters)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.counters)
}

func (p *peer) setState(s State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != s {
		p.state, p.since = s, time.Now()
	}
}

// How long a neighbour is left alone whose sessions do not last: twice as long each time, until one has lasted.
const (
	firstPenalty = time.Second
	mostPenalty  = time.Minute
	lasting      = 30 * time.Second
)

func (p *peer) run(ctx context.Context) {
	defer p.gone()
	if p.cfg.Shutdown {
		p.refuse(ctx, nil)
		return
	}
	penalty := time.Duration(0)
	for ctx.Err() == nil {
		s, err := p.connect(ctx)
		served := err == nil
		if served {
			began := time.Now()
			err = p.serve(ctx, s)
			if time.Since(began) > lasting {
				penalty = 0
			}
		}
		p.setState(Idle)
		if ctx.Err() != nil {
			return
		}
		p.note(err)
		if !served {
			p.log.Info("bgp: no session", "event", "session-failed", "reason", err)
		}
		if errors.Is(err, errCleared) {
			penalty = 0
		}
		wait := time.NewTimer(penalty)
		if limit := (*limitReached)(nil); errors.As(err, &limit) {
			wait.Reset(p.cfg.RestartIn)
			if p.cfg.RestartIn == 0 {
				wait.Stop()
			}
		}
		if !errors.Is(err, errRestarted) || penalty > 0 { // else the neighbour has come back already
			p.refuse(ctx, wait.C)
		}
		wait.Stop()
		penalty = min(max(2*penalty, firstPenalty), mostPenalty)
	}
}

// gone gives the routes back of a peer that ends.
func (p *peer) gone() {
	p.dismiss()
	if p.lapse != nil {
		p.lapse.Stop()
	}
	p.sp.server.applier.wait(vrftable.DeletePeer{VR: p.c.VR, Peer: p.cfg.Addr})
}

// refuse closes what comes in until a time or the session is cleared.
func (p *peer) refuse(ctx context.Context, until <-chan time.Time) {
	p.dismiss()
	for {
		select {
		case <-ctx.Done():
			return
		case <-until:
			return
		case k := <-p.clears:
			if k == ClearHard && !p.cfg.Shutdown {
				return
			}
		case c := <-p.incoming:
			c.Close()
		case <-p.lapsed():
			p.giveUp()
		}
	}
}

// dismiss closes a connection that has come in while another session was established.
func (p *peer) dismiss() {
	if p.pending != nil {
		p.pending.Close()
		p.pending = nil
	}
}

// note keeps why there is no session.
func (p *peer) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastErr = err.Error()
}

// lapsed receives when the routes of a neighbour that has not come back in time are to go; nil: none are kept.
func (p *peer) lapsed() <-chan time.Time {
	if p.lapse == nil {
		return nil
	}
	return p.lapse.C
}

// giveUp takes the routes back that were kept for a neighbour that restarts.
func (p *peer) giveUp() {
	p.keep(0)
	p.sp.server.applier.wait(vrftable.SweepPeer{VR: p.c.VR, Peer: p.cfg.Addr})
	p.accept(p.sp.server.table.PeerRoutes(p.c.VR, p.cfg.Addr))
	p.log.Info("bgp: what the neighbour has not told again since its restart is given up")
}

// keep notes that the neighbour's routes are kept for a time while it restarts; 0: no longer.
func (p *peer) keep(d time.Duration) {
	if p.lapse != nil {
		p.lapse.Stop()
	}
	if p.lapse = nil; d > 0 {
		p.lapse = time.NewTimer(d)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stale = d > 0
}
