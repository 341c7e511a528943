package bgp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// Options say how a Server is made.
type Options struct {
	Log *slog.Logger // nil: slog.Default()
}

// Server is BGP in all VRs of a table. Its methods may be called from any goroutine, Set from one at a time.
type Server struct {
	table   *vrftable.Table
	log     *slog.Logger
	applier *applier

	mu       sync.Mutex
	speakers map[string]*speaker // by VR
	running  bool
	closed   bool
}

// New makes a server without sessions. Run ends it.
func New(t *vrftable.Table, o Options) *Server {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Server{table: t, log: o.Log, applier: newApplier(t, o.Log), speakers: map[string]*speaker{}}
}

// Set makes BGP what configurations, one for a VR, say. Sessions whose neighbours stay as they are go on, unless AS,
// identifier, port, namespace, networks, redistribution or aggregates of their VR change. An error changes nothing: a
// socket cannot be opened, or a configuration cannot be.
func (s *Server) Set(configs []Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("bgp: the server has ended")
	}
	wanted := map[string]*Config{}
	for i := range configs {
		c := configs[i]
		if err := c.check(); err != nil {
			return err
		}
		if wanted[c.VR] != nil {
			return fmt.Errorf("BGP in %s: there are two configurations: one for a VR", vrName(c.VR))
		}
		wanted[c.VR] = &c
	}
	fresh := map[string]*speaker{}
	if err := s.open(wanted, fresh); err != nil {
		for _, sp := range fresh {
			sp.close()
		}
		for _, sp := range s.speakers {
			sp.trim()
			if back := sp.listen(sp.cfg.Neighbors); back != nil { // for their passwords
				s.log.Error("bgp: taking a change back", "error", back)
			}
		}
		return err
	}
	for vr, sp := range s.speakers {
		switch c := wanted[vr]; {
		case c == nil || fresh[vr] != nil:
			sp.end(wire.BGP_ERROR_SUB_PEER_DECONFIGURED)
			delete(s.speakers, vr)
		default:
			sp.change(c)
		}
	}
	maps.Copy(s.speakers, fresh)
	if s.running {
		s.start()
	}
	return nil
}

// open opens the sockets that configurations need and that there are not yet, and puts new speakers into fresh.
func (s *Server) open(wanted map[string]*Config, fresh map[string]*speaker) (err error) {
	for vr, c := range wanted {
		if sp := s.speakers[vr]; sp != nil && sp.cfg.Netns == c.Netns && sp.cfg.port() == c.port() {
			err = sp.listen(c.Neighbors)
		} else {
			fresh[vr], err = newSpeaker(s, c)
		}
		if err != nil {
			delete(fresh, vr)
			return err
		}
	}
	return nil
}

func (s *Server) start() {
	for _, sp := range s.speakers {
		sp.start()
	}
}

// Run lets sessions come up, until ctx ends and every neighbour was told so. What was learned is taken back.
func (s *Server) Run(ctx context.Context) {
	s.mu.Lock()
	s.running = true
	s.start()
	s.mu.Unlock()
	<-ctx.Done()
	s.Close()
}

// Close ends all sessions and closes the sockets. Closing twice is harmless.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	var g sync.WaitGroup
	for _, sp := range s.speakers {
		g.Go(func() { sp.end(wire.BGP_ERROR_SUB_ADMINISTRATIVE_SHUTDOWN) })
	}
	g.Wait()
	clear(s.speakers)
	s.applier.close()
}

// peers lists the neighbours of a VR, "*": of all, by VR and address.
func (s *Server) peers(vr string) (all []*peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, sp := range s.speakers {
		if vr != "*" && vr != name {
			continue
		}
		sp.mu.Lock()
		for _, p := range sp.peers {
			all = append(all, p)
		}
		sp.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b *peer) int {
		return cmp.Or(cmp.Compare(a.c.VR, b.c.VR), a.cfg.Addr.Compare(b.cfg.Addr))
	})
	return all
}

// find returns the neighbours of a VR with an address; none given: all.
func (s *Server) find(vr string, addr netip.Addr) (found []*peer, err error) {
	if vr == vrftable.Parent {
		vr = ""
	}
	for _, p := range s.peers(vr) {
		if !addr.IsValid() || p.cfg.Addr == addr {
			found = append(found, p)
		}
	}
	if len(found) == 0 && addr.IsValid() {
		return nil, fmt.Errorf("%s has no neighbor %v", vrName(vr), addr)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no BGP neighbors", vrName(vr))
	}
	return found, nil
}

// Neighbors lists all neighbours, by VR and address.
func (s *Server) Neighbors() (all []NeighborInfo) {
	for _, p := range s.peers("*") {
		all = append(all, p.info())
	}
	return all
}

// Clear clears the session with a neighbour of a VR, or, with an addr that is not valid, with all of them.
func (s *Server) Clear(vr string, addr netip.Addr, kind ClearKind) error {
	found, err := s.find(vr, addr)
	if err != nil {
		return err
	}
	for _, p := range found {
		select {
		case p.clears <- kind:
		case <-p.stopped:
		}
	}
	return nil
}

// PoliciesChanged has route maps applied as they are now: neighbours are asked for their routes again, and told what differs.
func (s *Server) PoliciesChanged() {
	for _, p := range s.peers("*") {
		p.mu.Lock()
		out := p.out
		p.mu.Unlock()
		if out == nil {
			continue
		}
		out.compare()
		if p.cfg.In != "" {
			select {
			case p.clears <- ClearIn:
			case <-p.stopped:
			}
		}
	}
}

// Advertised yields what a neighbour was told within a prefix, in the order of prefixes.
func (s *Server) Advertised(vr string, addr netip.Addr, within netip.Prefix) iter.Seq2[netip.Prefix, vrftable.Attributes] {
	return func(yield func(netip.Prefix, vrftable.Attributes) bool) {
		found, err := s.find(vr, addr)
		if err != nil || len(found) != 1 {
			return
		}
		p := found[0]
		p.mu.Lock()
		out := p.out
		var open *peerOpen
		if p.session != nil {
			open = p.session.open
		}
		p.mu.Unlock()
		if out == nil {
			return
		}
		d := newDecoder(&Config{}, &Neighbor{}, &peerOpen{fourAS: open.fourAS})
		d.internal = p.c.internal(&p.cfg)
		for _, a := range out.advertised(within) {
			if b, err := d.block([]byte(a.code), true); err == nil && !yield(a.prefix, *b.attrs) {
				return
			}
		}
	}
}

func (p *peer) info() NeighborInfo {
	p.mu.Lock()
	out := p.out
	p.mu.Unlock()
	advertised := 0
	if out != nil {
		advertised = out.size()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i := NeighborInfo{
		VR: p.c.VR, Addr: p.cfg.Addr, Local: p.cfg.Local, AS: p.cfg.AS, LocalAS: p.c.AS, Description: p.cfg.Description,
		State: p.state, Since: p.since, Flaps: p.flaps, LastError: p.lastErr, Stale: p.stale,
		Accepted: p.accepted, Advertised: advertised, MaxPrefixes: p.cfg.MaxPrefixes,
		Received: p.counters.received, Sent: p.counters.sent,
	}
	if s := p.session; s != nil {
		i.ID, i.Hold = s.open.id, s.hold
		i.Capabilities = s.capabilities()
	}
	return i
}
