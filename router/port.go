package router

import (
	"errors"
	"fmt"
	"sync"

	"vrfwd/afpacket"
	"vrfwd/config"
	"vrfwd/forwarder"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// port is a device of the configuration, with its queues.
type port struct {
	name, device string
	number       int
	options      afpacket.Options // of all queues
	driver       Driver

	mu     sync.Mutex
	limit  int     // configured MTU; 0: the device's
	queues []Queue // by worker, then the slow path's, which only sends
	slow   *slowPort
	mac    vrftable.MAC
	mtu    int            // the device's, at most opened
	opened int            // the device's when it was opened: what the rings' slots have room for
	down   error          // why it is down; nil: it is up
	closed afpacket.Stats // of queues that were replaced

	untold  bool   // the link monitor's: the table did not take what was seen last
	failure string // the link monitor's: why the device could not be opened again, as logged

	leftover []Queue // that were replaced while the router ended, and wait for close
}

// The configuration's words.
var (
	versions = map[string]afpacket.Version{"": afpacket.Default, "v3": afpacket.V3, "v2": afpacket.V2, "msg": afpacket.Msg}
	fanouts  = map[string]afpacket.FanoutMode{"hash": afpacket.FanoutHash, "cpu": afpacket.FanoutCPU, "qm": afpacket.FanoutQM}
)

// portOptions turns the configuration's part into options. TPACKET_V3 hands frames over by the block, up to a millisecond
// late; a worker that never sleeps gets each at once from TPACKET_V2, which costs it a few per cent more.
func portOptions(c *config.Config, p config.Port) afpacket.Options {
	o := afpacket.Options{
		Interface: p.Device, Rx: versions[c.Rings.Receive], Tx: versions[c.Rings.Transmit], Qdisc: c.Rings.Qdisc,
		BlockSize: int(c.Rings.BlockSize), Blocks: c.Rings.Blocks, TxFrames: c.Rings.TxFrames, RetireTimeout: c.Rings.Retire,
		Promiscuous: p.Promiscuous,
	}
	if c.BusyPoll && o.Rx == afpacket.Default {
		o.Rx = afpacket.V2
	}
	if c.Workers > 1 {
		o.Fanout.Mode = fanouts[c.Fanout]
	}
	return o
}

// newPort opens the slow path's queue: the device is there, and what it is like is known.
func newPort(c *config.Config, p config.Port, d Driver) (*port, error) {
	n := &port{name: p.Name, device: p.Device, number: int(p.Number), options: portOptions(c, p), driver: d,
		limit: int(p.MTU), queues: make([]Queue, c.Workers+1)}
	q, err := n.openSlow()
	if err != nil {
		return nil, err
	}
	n.queues[c.Workers] = q
	n.slow = &slowPort{queue: q, number: uint16(n.number)}
	n.mac, n.mtu, n.opened = vrftable.MAC(q.MAC()), q.MTU(), q.MTU()
	return n, nil
}

func (p *port) openSlow() (Queue, error) {
	o := p.options
	o.TxOnly, o.Fanout = true, afpacket.Fanout{}
	return p.open(o)
}

func (p *port) open(o afpacket.Options) (Queue, error) {
	q, err := p.driver.Open(o)
	if err != nil {
		return nil, fmt.Errorf("port %s: %w", p.name, err)
	}
	return q, nil
}

// openWorkers opens the workers' queues, all but the last of queues: from now on frames wait for them. What was opened
// before an error is in queues.
func (p *port) openWorkers(queues []Queue) (err error) {
	o := p.options
	if o.Fanout.Mode != afpacket.FanoutNone { // a group is one device's: a new one takes a new group
		if o.Fanout.Group, err = p.driver.FanoutGroup(); err != nil {
			return fmt.Errorf("port %s: %w", p.name, err)
		}
	}
	for i := range queues[:len(queues)-1] {
		if queues[i], err = p.open(o); err != nil {
			return err
		}
	}
	return nil
}

// close closes all queues. Nobody may use them any more.
func (p *port) close() error {
	var errs []error
	for _, q := range append(p.leftover, p.queues...) {
		if q != nil {
			errs = append(errs, q.Close())
		}
	}
	p.leftover, p.queues = nil, nil
	return errors.Join(errs...)
}

// effectiveMTU is what the table has: the configured MTU, at most the device's. p.mu is held.
func (p *port) effectiveMTU() uint16 {
	mtu := min(p.mtu, packet.MaxFrameSize)
	if p.limit != 0 {
		mtu = min(mtu, p.limit)
	}
	return uint16(mtu)
}

func (p *port) setLimit(mtu int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = mtu
}

// stats adds up the queues' counters, those of closed ones included.
func (p *port) stats() afpacket.Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := p.closed
	for _, q := range p.queues {
		if q != nil {
			sum = addStats(sum, q.Stats())
		}
	}
	return sum
}

func addStats(a, b afpacket.Stats) afpacket.Stats {
	a.RxFrames += b.RxFrames
	a.RxDrops += b.RxDrops
	a.RxTooLong += b.RxTooLong
	a.RxSuper += b.RxSuper
	a.RxOtherHost += b.RxOtherHost
	a.RxTag += b.RxTag
	a.RxBad += b.RxBad
	a.RxChecksum += b.RxChecksum
	a.RxFreezes += b.RxFreezes
	a.TxFrames += b.TxFrames
	a.TxFull += b.TxFull
	a.TxRefused += b.TxRefused
	a.TxTooLong += b.TxTooLong
	a.TxWrong += b.TxWrong
	return a
}

// slowPort is the slow path's queue of a port, and shows the tap what is sent: as sent by the primary. The slow path is
// a reader of views while it sends.
type slowPort struct {
	queue  Queue
	number uint16
	tap    *forwarder.Tap
	view   func() *vrftable.View
}

// Arena implements forwarder.Port.
func (s *slowPort) Arena() *packet.Arena { return s.queue.Arena() }

// RxBurst implements forwarder.Port: nothing is received.
func (s *slowPort) RxBurst([]packet.Desc) int { return 0 }

// Free implements forwarder.Port.
func (s *slowPort) Free(d []packet.Desc) { s.queue.Free(d) }

// TxBurst implements forwarder.Port.
func (s *slowPort) TxBurst(from *packet.Arena, d []packet.Desc) int {
	n := s.queue.TxBurst(from, d)
	if f := s.tap.Armed(); f != nil {
		s.tap.Begin()
		for _, sent := range d[:n] { // copied by the queue: the slow path owns them still
			iface := uint16(0)
			if ports := s.view().Ports; int(s.number) < len(ports) && ports[s.number] != nil {
				iface = ports[s.number][vlanOf(from.Frame(sent))].Iface
			}
			s.tap.Offer(f, from, sent, s.number, forwarder.Captured{Iface: iface, Direction: forwarder.Sent})
		}
		s.tap.Publish()
	}
	return n
}

// vlanOf returns the VLAN of a frame that is about to be sent; 0: none.
func vlanOf(frame []byte) uint16 {
	if len(frame) < packet.EthernetLen+packet.TagLen || uint16(frame[12])<<8|uint16(frame[13]) != packet.EtherTypeVLAN {
		return 0
	}
	return (uint16(frame[14])<<8 | uint16(frame[15])) % vrftable.VLANs
}
