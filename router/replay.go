package router

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"time"

	"vrfwd/bgp/mrt"
	"vrfwd/config"
	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// The pace of a replay.
const (
	replayTick  = 10 * time.Millisecond // how often due changes are looked for
	replayBatch = 4096                  // changes that are made at once at most
	replayBusy  = time.Millisecond      // before a batch is tried again that readers hold up: they let go within a burst
)

// replay plays changes that a route collector heard into a VR's RIB, as those of the file's peers. It belongs to one
// goroutine.
//
// A peer's BGP identifier is its address: update files have none. Peers without an IPv4 address cannot be told apart by one, and
// their changes are left out.
type replay struct {
	table    *vrftable.Table
	vr       string
	speed    float64 // times faster than it was heard; 0: at rate
	rate     float64 // changes a second
	said     []mrt.Change
	sets     []vrftable.Attributes
	peers    []mrt.Peer // chosen: those that take part
	gateways *config.Gateways
	hops     []lpm.Route // of announced prefixes, sorted: what gateways asks for
	attrs    map[replayedAttrs]*vrftable.Attributes
	next     int // change
	done     Replayed
}

// replayedAttrs names attributes of the file with a gateway.
type replayedAttrs struct {
	set     uint32
	gateway netip.Addr
}

// newReplay reads a request's file. The routes of a collector's file have its peers' next hops, so the request may say which
// gateways this router has instead.
func (r *Router) newReplay(q Request) (*replay, error) {
	p := &replay{table: r.table, vr: cmp.Or(q.VRF, vrftable.Parent), speed: q.Speed, rate: q.Rate, attrs: map[replayedAttrs]*vrftable.Attributes{}}
	if _, ok := r.table.VRTable(q.VRF); !ok {
		return nil, bad("replay: there is no VRF %s", q.VRF)
	}
	switch {
	case (q.Speed > 0) == (q.Rate > 0) || q.Speed < 0 || q.Rate < 0:
		return nil, bad("replay: %v times its speed and %v changes a second: one of the two is needed", q.Speed, q.Rate)
	case q.Limit < 0:
		return nil, bad("replay: a limit of %d changes: 1 or more, or 0 for all", q.Limit)
	}
	nextHops, err := gatewaysOf(q.NextHops)
	if err != nil {
		return nil, err
	}
	var translate config.Pairs[netip.Addr]
	for from, to := range q.Translate {
		key, err := netip.ParseAddr(from)
		if err != nil {
			return nil, bad("replay: translate %s: an address is needed", from)
		}
		gateway, err := gatewaysOf([]string{to})
		if err != nil {
			return nil, err
		}
		translate = append(translate, config.Pair[netip.Addr]{Key: key, Value: gateway[0]})
	}
	u, err := mrt.ReadUpdatesFile(q.File, mrt.Choice{})
	var malformed *mrt.Error
	var file *fs.PathError
	switch {
	case errors.As(err, &malformed):
		return nil, bad("replay: %v", malformed)
	case errors.As(err, &file):
		return nil, bad("replay: %s: %v", file.Path, file.Err)
	case err != nil:
		return nil, bad("replay: %v", err)
	}
	p.said, p.sets, p.peers = u.Changes, u.Attrs, u.Peers
	if q.Limit > 0 {
		p.said = p.said[:min(q.Limit, len(p.said))]
	}
	p.done = Replayed{File: q.File, VR: p.vr, Total: len(p.said)}
	if err := p.choose(); err != nil {
		return nil, err
	}
	for _, c := range p.said {
		if c.Kind == mrt.Announce && p.peers[c.Peer].Chosen {
			p.hops = append(p.hops, lpm.Route{Addr: c.Addr, Len: c.Len})
		}
	}
	slices.SortFunc(p.hops, byPrefix)
	p.hops = slices.Compact(p.hops)
	if p.gateways, err = config.NewGateways(translate, nextHops, p.peers, p.hops, gen.Clustered); err != nil {
		return nil, bad("replay: %v", err)
	}
	return p, nil
}

func byPrefix(a, b lpm.Route) int {
	return cmp.Or(cmp.Compare(a.Addr, b.Addr), cmp.Compare(a.Len, b.Len))
}

// gatewaysOf parses gateways.
func gatewaysOf(words []string) (all []netip.Addr, err error) {
	for _, word := range words {
		a, err := netip.ParseAddr(word)
		if err != nil || !station(a) {
			return nil, bad("replay: %q is not a gateway: a station's IPv4 address is needed", word)
		}
		all = append(all, a)
	}
	return all, nil
}

// station tells whether an address can be that of one IPv4 station.
func station(a netip.Addr) bool {
	return a.Is4() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback()
}

// choose marks the peers that take part: those with changes and an IPv4 address.
func (p *replay) choose() error {
	for i := range p.peers {
		p.peers[i].Chosen = false
	}
	by := map[netip.Addr]*mrt.Peer{}
	for _, c := range p.said {
		one := &p.peers[c.Peer]
		if one.Chosen || !station(one.Addr) {
			continue
		}
		if o := by[one.Addr]; o != nil {
			return bad("replay: %s has peers %v and %v, of one address: their routes cannot be told apart", p.done.File, o, one)
		}
		one.Chosen, by[one.Addr] = true, one
	}
	p.done.Peers = len(by)
	if len(p.said) > 0 && len(by) == 0 {
		return bad("replay: none of the peers of %s has an IPv4 address", p.done.File)
	}
	return nil
}

// each yields the peers that take part.
func (p *replay) each(yield func(*mrt.Peer) bool) {
	for i := range p.peers {
		if p.peers[i].Chosen && !yield(&p.peers[i]) {
			return
		}
	}
}

// begin makes the replay the router's one, if its peers' routes can be told from all others.
func (r *Router) begin(p *replay) error {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	if r.replaying != nil {
		return errors.New("replay: there is one already; end it first")
	}
	for one := range p.each {
		if from := r.config.LearnsFrom(p.vr, one.Addr); from != "" {
			return bad("replay: VR %s has routes of peer %v already, or may get some: it is a peer of %s; they could not be told apart", p.vr, one.Addr, from)
		}
		if r.table.HasPeer(p.vr, one.Addr) {
			return bad("replay: VR %s has routes of peer %v already: they could not be told apart", p.vr, one.Addr)
		}
	}
	r.replaying = p
	return nil
}

// end takes back what was replayed.
func (r *Router) end(ctx context.Context, p *replay) error {
	err := p.takeBack(ctx)
	r.reloading.Lock()
	defer r.reloading.Unlock()
	r.replaying = nil
	return err
}

// fail keeps an error for the client.
func (d *Replayed) fail(err error) {
	if err != nil && d.Error == "" {
		d.Error = err.Error()
	}
}

// apart tells whether a configuration leaves the peers alone whose routes are being replayed. The caller holds reloading.
func (r *Router) apart(c *config.Config) error {
	p := r.replaying
	if p == nil {
		return nil
	}
	for one := range p.each {
		if from := c.LearnsFrom(p.vr, one.Addr); from != "" {
			return fmt.Errorf("%s: %s of VR %s has peer %v, whose routes of %s are being replayed: end that first", c.File, from, p.vr, one.Addr, p.done.File)
		}
	}
	return nil
}

// answerReplay replays a file until its end, or until the client closes its side, the connection breaks or the router ends, and
// takes back what it has replayed. The header tells the client that the file has been read.
func (r *Router) answerReplay(ctx context.Context, conn *net.UnixConn, q Request) error {
	w := newBodyWriter(conn)
	p, err := r.newReplay(q)
	if err == nil {
		err = r.begin(p)
	}
	if err != nil {
		if err := w.e.Encode(headerOf(err)); err != nil {
			return err
		}
		return w.Flush()
	}
	r.log.Info("replay begins", "event", eventReplay, "file", q.File, "vr", p.vr, "peers", p.done.Peers, "changes", len(p.said))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, conn)
	}()
	err = w.flush()
	if err == nil {
		var failed error
		failed, err = p.run(ctx, ended, w)
		p.done.fail(failed)
	}
	p.done.Ended = true
	p.done.fail(r.end(ctx, p))
	r.log.Info("replay ended", "event", eventReplayEnded, "file", q.File, "vr", p.vr, "changes", p.done.Changes, "of", p.done.Total,
		"elapsed", time.Duration(p.done.Elapsed*float64(time.Second)).Round(time.Millisecond), "error", p.done.Error)
	if err == nil {
		err = errors.Join(w.encode(&p.done), w.flush())
	}
	conn.Close()
	<-ended
	return err
}

// run makes the changes when they are due. failed says why the table does not take one; gone, that the client does not listen.
func (p *replay) run(ctx context.Context, ended <-chan struct{}, w *bodyWriter) (failed, gone error) {
	if len(p.said) == 0 {
		return nil, nil
	}
	tick, second := time.NewTicker(replayTick), time.NewTicker(time.Second)
	defer tick.Stop()
	defer second.Stop()
	began := time.Now()
	defer func() { p.done.Elapsed = time.Since(began).Seconds() }()
	for p.next < len(p.said) {
		for p.due(time.Since(began)) > p.next {
			select {
			case <-ctx.Done():
				return nil, nil
			case <-ended:
				return nil, nil
			default:
			}
			batch := p.batch(min(p.due(time.Since(began)), p.next+replayBatch))
			if err := p.apply(ctx, batch); err != nil {
				return err, nil
			}
			p.done.Changes = p.next
			p.done.Behind = max(0, (time.Since(began) - p.at(p.next-1)).Seconds())
			p.done.MostBehind = max(p.done.MostBehind, p.done.Behind)
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-ended:
			return nil, nil
		case <-second.C:
			p.done.Elapsed = time.Since(began).Seconds()
			if err := errors.Join(w.encode(&p.done), w.flush()); err != nil {
				return nil, err
			}
		case <-tick.C:
		}
	}
	return nil, nil
}

// at returns when a change is due, after the beginning.
func (p *replay) at(i int) time.Duration {
	if p.speed > 0 {
		return time.Duration(float64(p.said[i].Time-p.said[0].Time) / p.speed * float64(time.Microsecond))
	}
	return time.Duration(float64(i) / p.rate * float64(time.Second))
}

// due returns how many changes have become due, one batch ahead at most.
func (p *replay) due(elapsed time.Duration) int {
	n := p.next
	for n < min(len(p.said), p.next+replayBatch) && p.at(n) <= elapsed {
		n++
	}
	return n
}

// apply applies a batch, again while readers hold it up. ctx ends that without an error: the table goes, too.
func (p *replay) apply(ctx context.Context, batch []vrftable.Change) error {
	for {
		err := p.table.Apply(batch)
		if !errors.Is(err, vrftable.ErrBusy) || ctx.Err() != nil {
			return err
		}
		time.Sleep(replayBusy)
	}
}

// batch makes changes of what was said, up to that number. What one peer says in a row is one change of the table, which
// withdraws before it announces: a withdrawal behind an announcement begins the next.
func (p *replay) batch(until int) (batch []vrftable.Change) {
	var now vrftable.PeerUpdate
	flush := func() {
		if len(now.Routes)+len(now.Withdrawn) > 0 {
			batch = append(batch, now)
		}
		now = vrftable.PeerUpdate{}
	}
	for ; p.next < until; p.next++ {
		c := &p.said[p.next]
		from := &p.peers[c.Peer]
		if !from.Chosen {
			p.done.LeftOut++
			continue
		}
		who := vrftable.Peer{Addr: from.Addr, ID: from.Addr}
		if now.Peer != who || c.Kind != mrt.Announce && len(now.Routes) > 0 {
			flush()
			now.VR, now.Peer, now.Source = p.vr, who, vrftable.EBGP
		}
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(c.Addr >> 24), byte(c.Addr >> 16), byte(c.Addr >> 8), byte(c.Addr)}), int(c.Len))
		switch c.Kind {
		case mrt.Announce:
			p.done.Announcements++
			now.Routes = append(now.Routes, vrftable.PeerRoute{Prefix: prefix, Attrs: p.attributes(c)})
		case mrt.Withdraw:
			p.done.Withdrawals++
			now.Withdrawn = append(now.Withdrawn, prefix)
		case mrt.Down:
			p.done.Downs++
			flush()
			batch = append(batch, vrftable.DeletePeer{VR: p.vr, Peer: who.Addr})
		}
	}
	flush()
	return batch
}

// attributes returns what an announcement's routes get.
func (p *replay) attributes(c *mrt.Change) *vrftable.Attributes {
	at, _ := slices.BinarySearchFunc(p.hops, lpm.Route{Addr: c.Addr, Len: c.Len}, byPrefix)
	key := replayedAttrs{c.Attrs, p.gateways.Of(p.hops[at].Hop, &p.peers[c.Peer], c.Peer, p.sets[c.Attrs].NextHop)}
	a := p.attrs[key]
	if a == nil {
		changed := p.sets[c.Attrs]
		changed.NextHop = key.gateway
		a = &changed
		p.attrs[key] = a
	}
	return a
}

// takeBack deletes the routes of all peers that take part. A VR that is no more has none.
func (p *replay) takeBack(ctx context.Context) (err error) {
	for one := range p.each {
		e := p.apply(ctx, []vrftable.Change{vrftable.DeletePeer{VR: p.vr, Peer: one.Addr}})
		if !errors.Is(e, vrftable.ErrNotFound) {
			err = errors.Join(err, e)
		}
	}
	return err
}
