package afpacket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"vrfwd/packet"
)

// receiver and transmitter are the two directions of a port, in any version.
type receiver interface {
	burst(d []packet.Desc) int
	free(d []packet.Desc)
}

type transmitter interface {
	burst(from *packet.Arena, d []packet.Desc) int
}

// Port is one member of a device's queues: a receive ring and a transmit ring, each on a socket of its own. It is a
// forwarder.Port, and its burst methods and Free belong to one worker. The rest is safe from anywhere at any time until
// Close.
type Port struct {
	index int
	mac   atomic.Uint64 // in its upper 6 bytes, big-endian
	mtu   atomic.Int32

	rx, tx *socket // nil: not open
	in     receiver
	out    transmitter
	arena  *packet.Arena
	count  counters

	mu     sync.Mutex
	kernel struct{ drops, freezes uint64 } // PACKET_STATISTICS is cleared by reading
}

// Open opens a port in the calling thread's network namespace. It needs CAP_NET_RAW, then and not later. Errors name
// the interface and the remedy.
func Open(o Options) (*Port, error) {
	p, err := open(o)
	if err != nil {
		return nil, fmt.Errorf("afpacket: interface %q: %w", o.Interface, err)
	}
	return p, nil
}

func open(o Options) (p *Port, err error) {
	p = &Port{arena: packet.ArenaOver(nil)}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	first, err := openSocket()
	if err != nil {
		return p, err
	}
	if o.TxOnly {
		p.tx = first
	} else {
		p.rx = first
	}
	l, err := first.link(o.Interface)
	if err != nil {
		return p, err
	}
	if o, err = o.withDefaults(l.mtu); err != nil {
		return p, err
	}
	p.index = l.index
	p.know(l)
	if !o.RxOnly && p.tx == nil {
		if p.tx, err = openSocket(); err != nil {
			return p, err
		}
	}
	if p.tx != nil {
		if err = p.openTx(o); err != nil {
			return p, err
		}
	}
	if p.rx != nil {
		err = p.openRx(o, l)
	}
	return p, err
}

// openRx makes the ring first and binds last, so that no frame is received by the wrong way.
func (p *Port) openRx(o Options, l link) error {
	s, j := p.rx, judge{limit: uint32(o.FrameSize), others: o.Promiscuous, count: &p.count}
	if o.Timestamps {
		j.stamps = ^uint32(0)
	}
	if err := s.set("PACKET_IGNORE_OUTGOING", unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return err
	}
	switch o.Rx {
	case Msg:
		m, err := newMsgRx(s, o, j)
		if err != nil {
			return err
		}
		p.in, p.arena = m, m.arena
	case V2:
		shape := rxShape(o.BlockSize, o.Blocks, o.FrameSize)
		if err := s.ring("receive", unix.PACKET_RX_RING, V2, shape, 0); err != nil {
			return err
		}
		p.in, p.arena = newSlots(s.mem, shape, j), packet.ArenaOver(s.mem)
	default:
		shape := shape{slot: pageSize, block: uint32(o.BlockSize), blocks: uint32(o.Blocks)}
		shape.slots = shape.block / shape.slot * shape.blocks // the kernel checks it and does no more with it
		if err := s.ring("receive", unix.PACKET_RX_RING, V3, shape, o.RetireTimeout); err != nil {
			return err
		}
		p.in, p.arena = newBlocks(s.mem, uint(bits.Len(uint(o.BlockSize-1))), j), packet.ArenaOver(s.mem)
	}
	if err := s.bind(p.index, unix.ETH_P_ALL); err != nil {
		return err
	}
	if o.Promiscuous {
		m := &unix.PacketMreq{Ifindex: int32(p.index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(s.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, m); err != nil {
			return fmt.Errorf("promiscuous mode: %w", err)
		}
	}
	if o.Fanout.Mode == FanoutNone {
		return nil
	}
	if l.flags&unix.IFF_UP == 0 {
		return fmt.Errorf("%w: it cannot join a fanout group (ip link set %s up)", ErrDown, l.name)
	}
	if err := s.fanout(o.Fanout.Mode, o.Fanout.Group, 0); err != nil {
		return fmt.Errorf("fanout group %d: %w (a group belongs to one interface and one mode)", o.Fanout.Group, err)
	}
	return nil
}

func (p *Port) openTx(o Options) error {
	s := p.tx
	if !o.Qdisc {
		if err := s.set("PACKET_QDISC_BYPASS", unix.PACKET_QDISC_BYPASS, 1); err != nil {
			return err
		}
	}
	s.buffer(unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, o.TxFrames*(o.FrameSize+skbOverhead))
	limits := sizes{room: o.FrameSize, mtu: &p.mtu}
	if o.Tx == Msg {
		p.out = newMsgTx(s, limits, &p.count)
	} else {
		layout := v2Slot
		if o.Tx == V3 {
			layout = v3Slot
		}
		shape := txShape(o.TxFrames, max(o.FrameSize, minFrame)+packet.TagLen)
		if err := s.ring("transmit", unix.PACKET_TX_RING, o.Tx, shape, 0); err != nil {
			return err
		}
		p.out = newTxRing(s.mem, shape, layout, limits, s.kick, &p.count)
	}
	return s.bind(p.index, 0)
}

// kick has the kernel send what is in the transmit ring. It does not wait; the call is raw because it takes no longer
// than its frames need, and a worker that lost its processor meanwhile would have to wait for another one.
func (s *socket) kick() error {
	if _, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// Close closes the sockets and unmaps the rings; frames still held are lost, and their memory is invalid. The worker
// must have stopped. The device is left as it was. Closing twice is harmless.
func (p *Port) Close() error {
	p.in, p.out = nil, nil
	return errors.Join(p.arena.Close(), p.rx.close(), p.tx.close())
}

// Arena implements forwarder.Port: the receive ring.
func (p *Port) Arena() *packet.Arena { return p.arena }

// RxBurst implements forwarder.Port. Frames have at least 16 writable bytes before Off, Port 0, and a stripped 802.1Q
// tag as TCI with FlagTCI.
func (p *Port) RxBurst(d []packet.Desc) int {
	if p.in == nil {
		return 0
	}
	n := p.in.burst(d)
	add(&p.count.rxFrames, n)
	return n
}

// TxBurst implements forwarder.Port. Frames are copied; those of the port's own arena are freed. A tag in TCI, where
// FlagTCI is set, is put into the frame. What is not taken was counted as TxFull or TxRefused.
func (p *Port) TxBurst(from *packet.Arena, d []packet.Desc) int {
	if p.out == nil {
		return 0
	}
	n := p.out.burst(from, d)
	if from == p.arena {
		p.Free(d[:n])
	}
	return n
}

// Free implements forwarder.Port.
func (p *Port) Free(d []packet.Desc) {
	if p.in != nil {
		p.in.free(d)
	}
}

// socket returns one of the port's sockets, the receiving one first.
func (p *Port) socket() *socket {
	if p.rx != nil {
		return p.rx
	}
	return p.tx
}

// FD is the descriptor that becomes readable when frames have come; -1 for a TxOnly port.
func (p *Port) FD() int {
	if p.rx == nil {
		return -1
	}
	return p.rx.fd
}

// know keeps what may change while the port is open.
func (p *Port) know(l link) {
	var mac [8]byte
	copy(mac[:], l.mac[:])
	p.mac.Store(binary.BigEndian.Uint64(mac[:]))
	p.mtu.Store(int32(l.mtu))
}

// MAC is the device's address, when the port was opened or State was last called.
func (p *Port) MAC() [6]byte {
	var mac [8]byte
	binary.BigEndian.PutUint64(mac[:], p.mac.Load())
	return [6]byte(mac[:])
}

// MTU is the device's MTU in bytes, when the port was opened or State was last called.
func (p *Port) MTU() int { return int(p.mtu.Load()) }

// Index is the device's number.
func (p *Port) Index() int { return p.index }

// State is nil, or wraps ErrDown (also without carrier) or ErrRemoved. A device that comes up again works again; one
// that is gone does not come back: a new one of the same name takes a new port. It also refreshes MAC and MTU.
func (p *Port) State() error {
	s := p.socket()
	name, err := s.nameOf(p.index)
	if err != nil {
		return fmt.Errorf("afpacket: interface number %d: %w: it was removed", p.index, ErrRemoved)
	}
	l, err := s.link(name)
	if err != nil {
		return fmt.Errorf("afpacket: interface %s: %w", name, err)
	}
	p.know(l)
	switch {
	case l.flags&unix.IFF_UP == 0:
		return fmt.Errorf("afpacket: interface %s: %w (ip link set %s up)", name, ErrDown, name)
	case l.flags&unix.IFF_RUNNING == 0:
		return fmt.Errorf("afpacket: interface %s: %w: no carrier", name, ErrDown)
	}
	return nil
}

// Warnings says what about the device's settings will cost frames, with the command that cures it: a line each.
func (p *Port) Warnings() []string {
	name, err := p.socket().nameOf(p.index)
	if err != nil {
		return nil
	}
	return p.socket().warnings(name)
}

// Stats sums up what happened since Open.
func (p *Port) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rx != nil {
		if t, err := unix.GetsockoptTpacketStatsV3(p.rx.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			p.kernel.drops += uint64(t.Drops)
			p.kernel.freezes += uint64(t.Freeze_q_cnt)
		}
	}
	s := p.count.stats()
	s.RxDrops, s.RxFreezes = p.kernel.drops, p.kernel.freezes
	return s
}
