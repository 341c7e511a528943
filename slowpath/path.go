package slowpath

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"vrfwd/forwarder"
	"vrfwd/internal/qsbr"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// Config says what a Path works on. Table and Sources are needed, the rest may be left out.
type Config struct {
	Table   *vrftable.Table
	Sources []*forwarder.SlowPath // one per worker, none of which runs yet; open until the Path is closed
	Ports   []forwarder.Port      // the slow path's own queues, by port number, used to send only; nil: there is none
	Hosts   []Host                // TUN devices; see SetHosts

	Limits    map[Message]Limit // a message without one has DefaultLimit
	Neighbors NeighborConfig

	Log *slog.Logger     // conflicts, refused neighbours, failing devices; nil: slog.Default()
	Now func() time.Time // called once per Poll; nil: time.Now
}

// Path is the slow path of all workers. Its methods may be called from any goroutine; Poll and Run take turns with them.
type Path struct {
	table   *vrftable.Table
	sources []*forwarder.SlowPath
	limits  [NumMessages]Limit
	config  NeighborConfig
	log     *slog.Logger
	clock   func() time.Time
	inbox   chan hostPacket
	punts   chan struct{} // a worker has punted packets
	popped  []packet.Desc

	hostsMu sync.Mutex // serialises SetHosts; taken before mu

	mu        sync.Mutex // guards what follows
	closed    bool
	reader    *qsbr.Reader
	now       time.Time
	view      *vrftable.View // valid while the reader is online
	links     *links
	ports     []forwarder.Port
	out       *packet.Arena // one frame, to send from
	scratch   []byte        // the packet being sent, and behind it the fragment being sent
	id        uint16        // of the next packet made here
	buckets   map[bucketKey]*bucket
	neighbors map[neighborKey]*neighbor
	waiting   int       // packets in neighbours' queues
	due       time.Time // of the first neighbour or reassembly timer, or earlier
	pending   pendingChanges
	partial   map[fragmentKey]*partial
	hosts     map[string]*hostDevice // by VR
	open      func(Host) (device, error)
	traffic   traffic
	count     Counters
}

// New makes a Path and opens its TUN devices. Close gives everything back.
func New(c Config) (*Path, error) {
	if c.Table == nil || len(c.Sources) == 0 {
		return nil, errors.New("slowpath: a Table and at least one of Sources are needed")
	}
	if len(c.Ports) > forwarder.MaxPorts {
		return nil, fmt.Errorf("slowpath: %d ports: %d is the most", len(c.Ports), forwarder.MaxPorts)
	}
	neighbors, err := c.Neighbors.complete()
	if err != nil {
		return nil, err
	}
	p := &Path{
		table: c.Table, sources: c.Sources, config: neighbors, log: c.Log, clock: c.Now,
		inbox:  make(chan hostPacket, hostQueue),
		punts:  make(chan struct{}, 1),
		popped: make([]packet.Desc, forwarder.MaxBurst),
		ports:  append([]forwarder.Port(nil), c.Ports...), scratch: make([]byte, 2*packet.MaxFrameSize),
		buckets:   map[bucketKey]*bucket{},
		neighbors: map[neighborKey]*neighbor{}, partial: map[fragmentKey]*partial{},
		hosts: map[string]*hostDevice{}, open: openTUN,
	}
	for m := range NumMessages {
		p.limits[m] = DefaultLimit(m)
	}
	for m, l := range c.Limits {
		if m >= NumMessages || l.Rate < 0 || l.Burst < 0 {
			return nil, fmt.Errorf("slowpath: limit of %v: rate %d, burst %d: both are 0 or more", m, l.Rate, l.Burst)
		}
		p.limits[m] = l
	}
	if p.log == nil {
		p.log = slog.Default()
	}
	if p.clock == nil {
		p.clock = time.Now
	}
	if p.out, err = packet.NewArena(1, packet.MaxFrameSize); err != nil {
		return nil, fmt.Errorf("slowpath: %w", err)
	}
	for _, s := range p.sources {
		s.Notify(p.punts)
	}
	p.now = p.clock()
	p.reader = c.Table.Domain().Register()
	p.forgetOld()
	if err := p.SetHosts(c.Hosts); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Close ends the TUN devices and gives memory back. Run must have returned. Closing twice is harmless.
func (p *Path) Close() error {
	err := p.SetHosts(nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return err
	}
	p.closed = true
	p.reader.Close()
	return errors.Join(err, p.out.Close())
}

func (p *Path) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// SetPort replaces the queue of a port, such as one whose interface was deleted and made again; nil: it has none.
func (p *Path) SetPort(number uint16, port forwarder.Port) error {
	if number >= forwarder.MaxPorts {
		return fmt.Errorf("slowpath: port %d: port numbers are below %d", number, forwarder.MaxPorts)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for int(number) >= len(p.ports) {
		p.ports = append(p.ports, nil)
	}
	p.ports[number] = port
	return nil
}

// Counters returns what was counted so far.
func (p *Path) Counters() Counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// maxRest is how long an idle Run sleeps at most: until it sees that an interface has come up, and announces it.
const maxRest = 100 * time.Millisecond

// Run polls until ctx is done: when a worker has punted something, a TUN device has a packet, or a timer is due.
func (p *Path) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if p.Poll() > 0 {
			continue
		}
		timer.Reset(p.rest())
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-p.punts:
		case h := <-p.inbox:
			p.pass(func() { p.fromHost(h) })
		}
	}
	return nil
}

// rest is for how long nothing falls due.
func (p *Path) rest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := min(p.due.Sub(p.now), maxRest)
	if p.pending.failing {
		rest = min(rest, p.pending.again.Sub(p.now))
	}
	return max(rest, 0)
}

// Poll makes one pass: a burst from each worker, what TUN devices have read, and the timers that are due. It returns the
// number of packets.
func (p *Path) Poll() (n int) {
	p.pass(func() {
		for _, s := range p.sources {
			d := p.popped[:s.Pop(p.popped)]
			for i := range d {
				p.count.Punted[reasonOf(d[i])]++
				p.settle(p.punted(s.Arena().Frame(d[i]), d[i]))
			}
			s.Free(d)
			n += len(d)
		}
		for range len(p.inbox) {
			p.fromHost(<-p.inbox)
			n++
		}
		if !p.now.Before(p.due) {
			p.tick()
		}
	})
	return n
}

// pass does what f does with one time, one list of interfaces and one view, and then tells the table of the neighbours
// that were found. A closed Path does nothing.
func (p *Path) pass(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.now = p.clock()
	p.refresh() // may wait for the table: not as a reader
	p.reader.Online()
	p.view = p.table.View()
	f()
	p.view = nil
	p.reader.Offline()
	p.install()
}

// settle counts what became of a packet.
func (p *Path) settle(o Outcome) { p.count.Outcomes[o]++ }

// resettle counts what became of a packet that was waiting.
func (p *Path) resettle(o Outcome) {
	p.count.Outcomes[Waiting]--
	p.count.Outcomes[o]++
}

// tick runs the timers. due is when the next one is.
func (p *Path) tick() {
	p.due = p.now.Add(time.Hour)
	p.ageNeighbors()
	p.agePartials()
}

// wake sees that tick runs at a time or before.
func (p *Path) wake(at time.Time) {
	if at.Before(p.due) {
		p.due = at
	}
}

func reasonOf(d packet.Desc) forwarder.Reason {
	return forwarder.Reason(min(d.Mark, uint32(forwarder.NumReasons)-1))
}
