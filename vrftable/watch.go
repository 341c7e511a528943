package vrftable

import (
	"fmt"
	"net/netip"
	"sync"
)

// Watch tells which prefixes of a VR may have another route in use than before, for who passes routes on: what changed
// is collected until it is taken, and how often a prefix changed meanwhile does not matter. Its methods may be called
// from any goroutine.
type Watch struct {
	t     *Table
	v     *vr
	limit int
	c     chan struct{}

	mu       sync.Mutex
	prefixes []netip.Prefix
	all      bool
}

// Watch starts to watch a VR, until that is deleted: one that is made under its name later is another. At most limit
// prefixes are collected: with more, all may have changed.
func (t *Table) Watch(name string, limit int) (*Watch, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, err := t.vrf(name)
	if err != nil {
		return nil, fmt.Errorf("vrftable: %w", err)
	}
	w := &Watch{t: t, v: v, limit: limit, c: make(chan struct{}, 1)}
	v.watches = append(v.watches, w)
	t.watches++
	return w, nil
}

// Close ends the watch.
func (w *Watch) Close() {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	for i, other := range w.v.watches {
		if other == w {
			w.v.watches = append(w.v.watches[:i:i], w.v.watches[i+1:]...)
			w.t.watches--
			return
		}
	}
}

// C receives when there is something to take.
func (w *Watch) C() <-chan struct{} { return w.c }

// Take returns what has changed since the last call, some prefixes perhaps several times; all: any may have. It appends
// to buf.
func (w *Watch) Take(buf []netip.Prefix) (prefixes []netip.Prefix, all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	buf, all = append(buf, w.prefixes...), w.all
	w.prefixes, w.all = trim(w.prefixes), false
	return buf, all
}

// All has the watch tell that all prefixes may have changed.
func (w *Watch) All() {
	w.mu.Lock()
	w.prefixes, w.all = w.prefixes[:0], true
	w.mu.Unlock()
	w.signal()
}

func (w *Watch) signal() {
	select {
	case w.c <- struct{}{}:
	default:
	}
}

// note adds what a batch has touched.
func (w *Watch) note(prefixes []netip.Prefix) {
	if len(prefixes) == 0 {
		return
	}
	w.mu.Lock()
	switch {
	case w.all:
	case len(w.prefixes)+len(prefixes) > w.limit:
		w.prefixes, w.all = w.prefixes[:0], true
	default:
		w.prefixes = append(w.prefixes, prefixes...)
	}
	w.mu.Unlock()
	w.signal()
}

// tellWatches tells what the batch at hand has touched, before its marks are cleared.
func (t *Table) tellWatches() {
	if t.watches == 0 {
		return
	}
	t.tellWatch(t.dirtyParent)
	t.tellWatch(t.dirtyVRF)
}

func (t *Table) tellWatch(dirty []uint32) {
	changed := map[*vr][]netip.Prefix{}
	for _, id := range dirty {
		d := t.dests.at(id)
		if v := t.vrs[d.vr]; len(v.watches) > 0 {
			changed[v] = append(changed[v], d.prefix())
		}
	}
	for v, prefixes := range changed {
		for _, w := range v.watches {
			w.note(prefixes)
		}
	}
}

// Best is the route in use for a prefix, as far as BGP has to know it to pass it on.
type Best struct {
	Prefix  netip.Prefix
	Source  Source // 0: there is no route
	From    string // imported or exported from this VR; "": native
	Peer    Peer
	Tag     uint32
	Gateway netip.Addr // as configured; not valid: none
	Attrs   Encoded
}

// Bests calls f with the route in use for each of some prefixes, in their order. The table is read-locked meanwhile: f must
// not call it.
func (t *Table) Bests(name string, prefixes []netip.Prefix, f func(*Best)) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v, err := t.vrf(name)
	if err != nil {
		return
	}
	for _, pfx := range prefixes {
		b := Best{Prefix: pfx}
		if did, ok := v.rib.Get(pfx); ok {
			t.best(t.dests.at(did), &b)
		}
		f(&b)
	}
}

// BestsIn is Bests of the prefixes within one that have a route in use, itself included, in their order; f tells whether
// to go on.
func (t *Table) BestsIn(name string, within netip.Prefix, f func(*Best) bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v, err := t.vrf(name)
	if err != nil || !within.Addr().Is4() {
		return
	}
	for pfx, did := range v.rib.Subnets(within) {
		b := Best{Prefix: pfx}
		if t.best(t.dests.at(did), &b); b.Source != 0 && !f(&b) {
			return
		}
	}
}

func (t *Table) best(d *dest, b *Best) {
	if d.best == 0 {
		return
	}
	p := t.paths.at(d.best)
	b.Source, b.Tag, b.Peer = p.source, p.tag, t.peers.peers[p.peer].Peer
	if p.leaked() {
		b.From = t.vrs[t.dests.at(p.origin).vr].name
	}
	if p.attrs != 0 {
		b.Attrs = Encoded(t.attrs.sets[p.attrs].code)
	}
	if k := &t.nexthops[p.nh].key; k.gateway != 0 && k.kind != nhGroup {
		b.Gateway = netAddr(k.gateway)
	}
}

// PeerRoutes returns the number of routes of a peer in a VR.
func (t *Table) PeerRoutes(name string, peer netip.Addr) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v, err := t.vrf(name)
	if err != nil || !peer.Is4() {
		return 0
	}
	return v.peers[addr4(peer)]
}
