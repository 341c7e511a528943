package slowpath

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"vrfwd/packet"
	"vrfwd/vrftable"
)

// NeighborConfig is how long neighbours are believed and asked, and how much is kept of them. A zero field has its default.
type NeighborConfig struct {
	Reachable time.Duration // a neighbour is believed so long, or up to a quarter less; then asked again. 5 min
	Retry     time.Duration // between two requests to one neighbour (RFC 1122 2.3.2.1). 1 s
	Probes    int           // requests without an answer before the neighbour is given up. 3
	Negative  time.Duration // one that was given up is not asked again so long. 3 s
	Table     int           // neighbours of one layer 2 interface. 4096
	Queue     int           // packets that wait for one neighbour; one more pushes the oldest out. 16
	Packets   int           // packets that wait for all neighbours. 4096
}

func (c NeighborConfig) complete() (NeighborConfig, error) {
	if c.Reachable < 0 || c.Retry < 0 || c.Negative < 0 || c.Probes < 0 || c.Table < 0 || c.Queue < 0 || c.Packets < 0 {
		return c, fmt.Errorf("slowpath: neighbours: %+v: nothing may be negative; 0 is the default", c)
	}
	c.Reachable = cmp.Or(c.Reachable, 5*time.Minute)
	c.Retry = cmp.Or(c.Retry, time.Second)
	c.Probes = cmp.Or(c.Probes, 3)
	c.Negative = cmp.Or(c.Negative, 3*time.Second)
	c.Table = cmp.Or(c.Table, 4096)
	c.Queue = cmp.Or(c.Queue, 16)
	c.Packets = cmp.Or(c.Packets, 4096)
	return c, nil
}

// State is what is known of a neighbour.
//
//	            request                answer                  Reachable is over
//	(unknown) ---------> Incomplete -----------> Reachable ------------------------> Stale
//	                      |      ^                   ^          answer                | |
//	            no answer |      | Negative is over, +--------------------------------+ | no answer
//	                      v      | a packet                                             v
//	                     Failed -+                                                   (unknown)
//
// Packets are forwarded to a neighbour that is Reachable or Stale: it is asked again, by unicast and then by broadcast
// (RFC 1122 2.3.2.1), while workers go on sending to it. Anything that a neighbour says in ARP counts as an answer.
type State uint8

// The states.
const (
	Incomplete State = iota
	Reachable
	Stale
	Failed
	Static // configured: never asked, never forgotten
)

// String gives the state's stable name.
func (s State) String() string {
	switch s {
	case Incomplete:
		return "incomplete"
	case Reachable:
		return "reachable"
	case Stale:
		return "stale"
	case Failed:
		return "failed"
	case Static:
		return "static"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Neighbor is a station on a layer 2 interface.
type Neighbor struct {
	Layer2    string
	Interface string // the primary, or what a static neighbour was configured by
	Addr      netip.Addr
	MAC       vrftable.MAC // zero while it is not known
	State     State
	Age       time.Duration // since it was heard, first asked or given up; 0 for static ones
}

type neighborKey struct {
	link linkKey
	addr uint32
}

// neighbor is an entry of the cache.
type neighbor struct {
	key   neighborKey
	state State // Static: the table has it configured, and need not be told for a while
	mac   packet.MAC
	heard time.Time // or first asked
	due   time.Time // of the next request or change of state
	asked int       // requests since it was heard
	queue []datagram
	told  bool   // a change that tells the table of it is pending
	iface string // primary by which the table was told; "": it was not
}

// resolve sends a packet to a neighbour that workers do not know, or has it wait until the neighbour answers.
func (p *Path) resolve(d *datagram, a *vrftable.Adjacency, on *link) Outcome {
	key := neighborKey{on.key, a.Gateway}
	n := p.neighbors[key]
	if n != nil && n.state == Static { // it was, but workers do not know it any more
		p.drop(n, Undeliverable)
		n = nil
	}
	if n == nil {
		if !unicast(a.Gateway) || on.owns(a.Gateway) || !on.up {
			return p.answer(d, HostUnreachable, 0)
		}
		if n = p.newNeighbor(key); n == nil {
			return NeighborsFull
		}
		p.ask(n, on, packet.Broadcast())
	}
	switch n.state {
	case Failed:
		return p.answer(d, HostUnreachable, 0)
	case Incomplete:
		return p.enqueue(n, d)
	}
	p.tell(n, on)
	var header [packet.EthernetLen + packet.TagLen]byte
	return p.forward(d, a, header[:putHeader(header[:], n.mac, on, packet.EtherTypeIPv4)], on)
}

// newNeighbor makes room for a neighbour and an entry of the cache; nil: there is no room.
func (p *Path) newNeighbor(key neighborKey) *neighbor {
	on := p.links.byKey[key.link]
	if on.present >= p.config.Table && !p.evict(key.link) {
		return nil
	}
	on.present++
	n := &neighbor{key: key, heard: p.now}
	p.neighbors[key] = n
	return n
}

// evict forgets a neighbour that did not answer.
func (p *Path) evict(link linkKey) bool {
	for _, n := range p.neighbors {
		if n.key.link == link && n.state == Failed {
			p.drop(n, Undeliverable)
			return true
		}
	}
	return false
}

// enqueue has a packet wait. The newest are kept: what is older has more likely been sent again (RFC 1122 2.3.2.2).
func (p *Path) enqueue(n *neighbor, d *datagram) Outcome {
	if len(n.queue) == p.config.Queue {
		n.queue = append(n.queue[:0], n.queue[1:]...)
		p.waiting--
		p.resettle(QueueFull)
	}
	if p.waiting >= p.config.Packets {
		return QueueFull
	}
	own := *d
	own.ip = append(packet.IPv4(nil), d.ip...)
	n.queue = append(n.queue, own)
	p.waiting++
	return Waiting
}

// dequeue empties a neighbour's queue, in order, and does to each packet what f says.
func (p *Path) dequeue(n *neighbor, f func(d *datagram) Outcome) {
	queue := n.queue
	n.queue = nil
	p.waiting -= len(queue)
	for i := range queue {
		p.resettle(f(&queue[i]))
	}
}

// ask sends a request and sets the timer for what follows if it is not answered.
func (p *Path) ask(n *neighbor, on *link, to packet.MAC) {
	n.asked++
	n.due = p.now.Add(p.config.Retry)
	p.wake(n.due)
	p.sendARP(on, packet.ARPRequest, to, packet.MAC{}, p.source(on, n.key.addr), n.key.addr)
	p.count.ARPRequests++
}

// hear takes what a station has said of itself: its MAC address. Packets that wait for it are sent.
func (p *Path) hear(n *neighbor, on *link, mac packet.MAC) {
	switch {
	case n.state == Static:
		return
	case n.state == Incomplete || n.state == Failed:
		p.count.Resolved++
		p.tell(n, on)
	case n.mac != mac:
		p.count.Moved++
		p.tell(n, on)
	case n.state == Stale:
		p.count.Refreshed++
	}
	n.state, n.mac, n.heard, n.asked = Reachable, mac, p.now, 0
	n.due = p.now.Add(p.config.Reachable - rand.N(p.config.Reachable/4+1))
	p.wake(n.due)
	p.dequeue(n, p.route)
}

// ageNeighbors does what is due.
func (p *Path) ageNeighbors() {
	for _, n := range p.neighbors {
		if !p.now.Before(n.due) {
			p.age(n)
		} else {
			p.wake(n.due)
		}
	}
}

// age takes a neighbour that did not answer, or was not heard for long, a step on.
func (p *Path) age(n *neighbor) {
	on := p.links.byKey[n.key.link]
	switch {
	case n.state == Failed || n.state == Static:
		p.drop(n, Undeliverable)
	case n.state == Incomplete && n.asked >= p.config.Probes:
		p.count.Unresolved++
		n.state, n.heard, n.due = Failed, p.now, p.now.Add(p.config.Negative)
		p.wake(n.due)
		p.dequeue(n, func(d *datagram) Outcome { return p.answer(d, HostUnreachable, 0) })
	case n.state == Incomplete:
		p.ask(n, on, packet.Broadcast())
	case n.state == Reachable:
		n.state = Stale
		p.tell(n, on) // it may have been configured, or forgotten with its interface, since
		p.ask(n, on, n.mac)
	case n.asked < p.config.Probes:
		p.ask(n, on, n.mac)
	case n.asked < 2*p.config.Probes:
		p.ask(n, on, packet.Broadcast())
	default:
		p.count.Expired++
		p.drop(n, Undeliverable)
	}
}

// drop forgets a neighbour, here and in the table. What waits for it has the outcome given.
func (p *Path) drop(n *neighbor, o Outcome) {
	delete(p.neighbors, n.key)
	if on := p.links.byKey[n.key.link]; on != nil && on.present > 0 {
		on.present--
	}
	p.dequeue(n, func(*datagram) Outcome { return o })
	if n.iface != "" {
		p.pending.add(vrftable.ForgetNeighbor{Interface: n.iface, Addr: address(n.key.addr)}, nil)
	}
}

// forgetOld has the table forget what an earlier Path learned: nobody asks those neighbours any more.
func (p *Path) forgetOld() {
	for _, n := range p.table.Neighbors() {
		if n.Learned {
			p.pending.add(vrftable.ForgetNeighbor{Interface: n.Via, Addr: n.Addr}, nil)
		}
	}
	p.install()
}

// Neighbors lists the neighbours, static ones too, by layer 2 interface and address.
func (p *Path) Neighbors() []Neighbor {
	type place struct {
		layer2 string
		addr   netip.Addr
	}
	var all []Neighbor
	static := map[place]bool{}
	for _, n := range p.table.Neighbors() {
		if !n.Learned {
			static[place{n.Layer2, n.Addr}] = true
			all = append(all, Neighbor{Layer2: n.Layer2, Interface: n.Via, Addr: n.Addr, MAC: n.MAC, State: Static})
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock()
	for _, n := range p.neighbors {
		on, addr := p.links.byKey[n.key.link], address(n.key.addr)
		if n.state == Static || static[place{on.layer2, addr}] {
			continue
		}
		one := Neighbor{Layer2: on.layer2, Interface: on.name, Addr: addr, State: n.state, Age: now.Sub(n.heard)}
		if n.state == Reachable || n.state == Stale {
			one.MAC = vrftable.MAC(n.mac)
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b Neighbor) int {
		return cmp.Or(cmp.Compare(a.Layer2, b.Layer2), a.Addr.Compare(b.Addr))
	})
	return all
}

// FlushNeighbors forgets the learned neighbours of a primary, or of all for "", and returns how many. Those that are still
// being asked for stay, with the packets that wait for them.
func (p *Path) FlushNeighbors(iface string) (n int) {
	p.pass(func() {
		for key, e := range p.neighbors {
			if e.state != Incomplete && (iface == "" || p.links.byKey[key.link].name == iface) {
				p.drop(e, Undeliverable)
				n++
			}
		}
	})
	return n
}

// pendingChanges is what the table is still to be told.
type pendingChanges struct {
	changes []vrftable.Change
	of      []*neighbor // nil: of none any more
	failing bool
	again   time.Time
}

func (c *pendingChanges) add(change vrftable.Change, of *neighbor) {
	c.changes, c.of = append(c.changes, change), append(c.of, of)
}

// tell has the table told of a neighbour at the end of the pass.
func (p *Path) tell(n *neighbor, on *link) {
	if !n.told {
		n.told, n.iface = true, on.name
		p.pending.add(nil, n)
	}
}

// install tells the table what the pass has found out. If nothing can be applied, because readers are busy or a FIB is full, it is tried again.
func (p *Path) install() {
	c := &p.pending
	if len(c.changes) == 0 || c.failing && p.now.Before(c.again) {
		return
	}
	for i, n := range c.of {
		if n != nil {
			c.changes[i] = vrftable.LearnNeighbor{Interface: n.iface, Addr: address(n.key.addr), MAC: vrftable.MAC(n.mac)}
		}
	}
	for len(c.changes) > 0 {
		err := p.table.Apply(c.changes)
		if err == nil {
			break
		}
		refused, ok := errors.AsType[*vrftable.ChangeError](err)
		if !ok {
			if !c.failing {
				p.log.Warn("slowpath: neighbours cannot be installed, packets to them go by the slow path", "error", err)
			}
			c.failing, c.again = true, p.now.Add(p.config.Retry)
			return
		}
		p.refused(c.of[refused.Index], err)
		c.changes = slices.Delete(c.changes, refused.Index, refused.Index+1)
		c.of = slices.Delete(c.of, refused.Index, refused.Index+1)
	}
	for _, n := range c.of {
		if n != nil {
			n.told = false
		}
	}
	clear(c.changes)
	clear(c.of)
	c.changes, c.of, c.failing = c.changes[:0], c.of[:0], false
}

// refused takes note that the table does not take a neighbour: it has a static one, or the interface is gone.
func (p *Path) refused(n *neighbor, err error) {
	if n == nil || p.neighbors[n.key] != n {
		return
	}
	n.iface, n.told = "", false
	if errors.Is(err, vrftable.ErrExists) {
		n.state, n.due = Static, p.now.Add(p.config.Reachable)
		p.wake(n.due)
		return
	}
	if !errors.Is(err, vrftable.ErrNotFound) {
		p.log.Warn("slowpath: a neighbour was refused", "error", err)
	}
	p.drop(n, Undeliverable)
}
