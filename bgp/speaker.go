package bgp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"sync"
	"time"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// speaker is BGP in one VR: its sockets, neighbours and aggregates.
type speaker struct {
	server  *Server
	cfg     *Config // replaced, never changed
	log     *slog.Logger
	sockets *sockets

	mu        sync.Mutex
	listeners map[netip.Addr]*net.TCPListener // by own address
	peers     map[netip.Addr]*peer            // nil until they are to run

	stop    context.CancelFunc // of the aggregates; nil: they do not run
	stopped chan struct{}
	running sync.WaitGroup
}

func newSpeaker(s *Server, c *Config) (*speaker, error) {
	sp := &speaker{server: s, cfg: c, log: s.log.With("vr", vrName(c.VR)), listeners: map[netip.Addr]*net.TCPListener{},
		peers: map[netip.Addr]*peer{}}
	var err error
	if sp.sockets, err = openSockets(c.Netns); err != nil {
		return nil, fmt.Errorf("BGP in %s: %w", vrName(c.VR), err)
	}
	if err = sp.listen(c.Neighbors); err != nil {
		sp.close()
		return nil, err
	}
	return sp, nil
}

func vrName(name string) string {
	if name == "" {
		return vrftable.Parent
	}
	return name
}

// listen opens the listening sockets that neighbours need and that there are not yet.
func (sp *speaker) listen(neighbors []Neighbor) error {
	for i := range neighbors {
		n := &neighbors[i]
		l := sp.listeners[n.Local]
		if l == nil {
			var err error
			if l, err = sp.sockets.listen(netip.AddrPortFrom(n.Local, sp.cfg.port())); err != nil {
				return fmt.Errorf("BGP in %s: neighbor %v: %w", vrName(sp.cfg.VR), n.Addr, err)
			}
			sp.listeners[n.Local] = l
			sp.running.Go(func() { sp.accept(n.Local, l) })
		}
		if err := expect(l, n.Addr, n.Password); err != nil {
			return fmt.Errorf("BGP in %s: neighbor %v: %w", vrName(sp.cfg.VR), n.Addr, err)
		}
	}
	return nil
}

// accept hands connections to the neighbours that they are from.
func (sp *speaker) accept(local netip.Addr, l *net.TCPListener) {
	for {
		c, err := l.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, at worst: what comes next may be better
			sp.log.Warn("bgp: accept", "error", err)
			time.Sleep(time.Second)
			continue
		}
		if !sp.hand(local, c) {
			c.Close()
		}
	}
}

func (sp *speaker) hand(local netip.Addr, c *net.TCPConn) bool {
	from, _ := netip.AddrFromSlice(c.RemoteAddr().(*net.TCPAddr).IP)
	sp.mu.Lock()
	p := sp.peers[from.Unmap()]
	sp.mu.Unlock()
	if p == nil || p.cfg.Local != local || accepted(c, p.c.ttl(&p.cfg)) != nil {
		return false
	}
	p.arrive(c)
	return true
}

// start runs the neighbours that do not run yet.
func (sp *speaker) start() {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	for _, n := range sp.cfg.Neighbors {
		if sp.peers[n.Addr] == nil {
			p := newPeer(sp, n)
			sp.peers[n.Addr] = p
			p.start()
		}
	}
	if len(sp.cfg.Aggregates) == 0 || sp.stop != nil {
		return
	}
	w, err := sp.server.table.Watch(sp.cfg.VR, maxWatched)
	if err != nil {
		sp.log.Error("bgp: aggregates", "error", err)
		return
	}
	var ctx context.Context
	ctx, sp.stop = context.WithCancel(context.Background())
	sp.stopped = make(chan struct{})
	go func() {
		defer close(sp.stopped)
		sp.aggregate(ctx, sp.cfg, w)
	}()
}

// change makes the speaker what a configuration says for which listen has opened the sockets.
func (sp *speaker) change(c *Config) {
	wanted := map[netip.Addr]Neighbor{}
	for _, n := range c.Neighbors {
		wanted[n.Addr] = n
	}
	anew := !sp.keeps(c)
	why := uint8(wire.BGP_ERROR_SUB_PEER_DECONFIGURED)
	if anew {
		why = wire.BGP_ERROR_SUB_OTHER_CONFIGURATION_CHANGE
	}
	var old []*peer
	sp.mu.Lock()
	for addr, p := range sp.peers {
		if n, ok := wanted[addr]; !ok || n != p.cfg || anew {
			old = append(old, p)
			delete(sp.peers, addr)
		}
	}
	sp.mu.Unlock()
	quit(old, why)
	if anew {
		sp.endAggregates()
	}
	sp.mu.Lock()
	sp.cfg = c
	sp.mu.Unlock()
	sp.trim()
}

// trim closes the listening sockets that no neighbour needs.
func (sp *speaker) trim() {
	needed := map[netip.Addr]bool{}
	for _, n := range sp.cfg.Neighbors {
		needed[n.Local] = true
	}
	for addr, l := range sp.listeners {
		if !needed[addr] {
			l.Close()
			delete(sp.listeners, addr)
		}
	}
}

// keeps tells whether a change of configuration is one of neighbours only: sessions with others go on.
func (sp *speaker) keeps(c *Config) bool {
	a, b := *sp.cfg, *c
	a.Neighbors, b.Neighbors = nil, nil
	return reflect.DeepEqual(a, b)
}

// quit ends peers, all at once.
func quit(peers []*peer, subcode uint8) {
	var g sync.WaitGroup
	for _, p := range peers {
		g.Go(func() { p.quit(faultf(wire.BGP_ERROR_CEASE, subcode, "ended by this router")) })
	}
	g.Wait()
}

// end ends everything. Routes that were learned or made are taken back.
func (sp *speaker) end(subcode uint8) {
	sp.mu.Lock()
	var all []*peer
	for _, p := range sp.peers {
		all = append(all, p)
	}
	clear(sp.peers)
	sp.mu.Unlock()
	quit(all, subcode)
	sp.endAggregates()
	sp.close()
}

func (sp *speaker) endAggregates() {
	if sp.stop != nil {
		sp.stop()
		<-sp.stopped
		sp.stop = nil
	}
}

func (sp *speaker) close() {
	for _, l := range sp.listeners {
		l.Close()
	}
	sp.running.Wait()
	sp.sockets.close()
}
