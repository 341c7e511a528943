package afpacket

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"vrfwd/packet"
)

// Msg has no ring: recvmmsg copies frames into an arena, sendmmsg copies them out of wherever they lie.

// msgBatch is the most frames of one system call.
const msgBatch = 64

// msgRx receives by recvmmsg.
//
//	slot   | headroom 64, its last 10 bytes a virtio_net_hdr | frame ... |
type msgRx struct {
	judge
	socket *socket
	arena  *packet.Arena
	spare  []packet.Desc // frames to receive into
	msg    [msgBatch]unix.Mmsghdr
	iov    [msgBatch]unix.Iovec
	from   [msgBatch]unix.RawSockaddrLinklayer
	aux    [msgBatch]auxdata
}

// auxdata is the control message of PACKET_AUXDATA with its header.
type auxdata struct {
	header unix.Cmsghdr
	data   unix.TpacketAuxdata
	_      [4]byte
}

func newMsgRx(s *socket, o Options, j judge) (*msgRx, error) {
	for _, opt := range []struct {
		name string
		opt  int
	}{{"PACKET_AUXDATA", unix.PACKET_AUXDATA}, {"PACKET_VNET_HDR", unix.PACKET_VNET_HDR}} {
		if err := s.set(opt.name, opt.opt, 1); err != nil {
			return nil, err
		}
	}
	frames := max(2*msgBatch, o.BlockSize*o.Blocks/(o.FrameSize+packet.Headroom))
	arena, err := packet.NewArena(frames, o.FrameSize)
	if err != nil {
		return nil, err
	}
	r := &msgRx{judge: j, socket: s, arena: arena}
	for i := range arena.Frames() {
		r.spare = append(r.spare, arena.Desc(i))
	}
	s.buffer(unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, o.BlockSize*o.Blocks) // what waits here is what a ring holds
	return r, nil
}

func (r *msgRx) burst(d []packet.Desc) (n int) {
	for n < len(d) {
		want := min(len(d)-n, msgBatch, len(r.spare))
		batch := r.spare[len(r.spare)-want:]
		got, keep := r.receive(batch), 0
		for i, t := range batch {
			if i < got && r.take(i, &t) {
				d[n] = t
				n++
			} else {
				batch[keep] = t
				keep++
			}
		}
		r.spare = r.spare[:len(r.spare)-want+keep]
		if got < msgBatch {
			break
		}
	}
	return n
}

// receive makes one system call, into the slots of batch.
func (r *msgRx) receive(batch []packet.Desc) int {
	if len(batch) == 0 {
		return 0
	}
	mem := r.arena.Bytes()
	for i := range batch {
		r.iov[i].Base = &mem[batch[i].Off-vnetLen]
		r.iov[i].SetLen(vnetLen + r.arena.FrameSize())
		h := &r.msg[i].Hdr
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&r.from[i])), unix.SizeofSockaddrLinklayer
		h.Iov, h.Control = &r.iov[i], (*byte)(unsafe.Pointer(&r.aux[i]))
		h.SetIovlen(1)
		h.SetControllen(int(unsafe.Sizeof(r.aux[i])))
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(r.socket.fd), uintptr(unsafe.Pointer(&r.msg)),
		uintptr(len(batch)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// take describes received frame i, which lies at t, and reports whether it is to be given out.
func (r *msgRx) take(i int, t *packet.Desc) bool {
	aux := &r.aux[i].data
	e := entry{
		status: aux.Status, length: aux.Len, stored: r.msg[i].Len - vnetLen,
		kind: uint32(aux.Vlan_tpid)<<16 | uint32(r.from[i].Pkttype),
	}
	if r.msg[i].Len < vnetLen || r.aux[i].header.Type != unix.PACKET_AUXDATA {
		r.count.rxBad.Add(1)
		return false
	}
	if !r.plain(e) && !r.odd(r.arena.Bytes(), t.Off, e) {
		return false
	}
	r.describe(t, t.Off, e, uint32(aux.Vlan_tci), 0)
	return true
}

func (r *msgRx) free(d []packet.Desc) {
	if len(r.spare)+len(d) > cap(r.spare) {
		panic("afpacket: Port.Free: more frames than the arena has: one was freed twice")
	}
	for i := range d {
		r.spare = append(r.spare, r.arena.Desc(r.arena.Slot(d[i])))
	}
}

// msgTx sends by sendmmsg, from where the frames lie.
type msgTx struct {
	sizes
	socket *socket
	count  *counters
	msg    [msgBatch]unix.Mmsghdr
	iov    [msgBatch][4]unix.Iovec // addresses, tag, the rest, padding
	tag    [msgBatch][packet.TagLen]byte
	zeros  [minFrame]byte
}

func newMsgTx(s *socket, limits sizes, count *counters) *msgTx {
	return &msgTx{sizes: limits, socket: s, count: count}
}

func (t *msgTx) burst(from *packet.Arena, d []packet.Desc) (done int) {
	for done < len(d) {
		batch, long := 0, 0
		for ; done+batch < len(d) && batch < msgBatch; batch++ {
			if !t.fits(from.Frame(d[done+batch])) {
				long = 1
				break
			}
			t.gather(batch, from.Frame(d[done+batch]), d[done+batch])
		}
		sent := 0
		if batch > 0 {
			n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(t.socket.fd), uintptr(unsafe.Pointer(&t.msg)),
				uintptr(batch), unix.MSG_DONTWAIT, 0, 0)
			if errno == 0 {
				sent = int(n)
			}
		}
		add(&t.count.txFrames, sent)
		done += sent
		switch {
		case sent < batch:
			add(&t.count.txRefused, len(d)-done)
			return done
		case long > 0:
			t.count.txTooLong.Add(1)
			done++
		}
	}
	return done
}

// gather puts one frame together: its tag received out of band, and zeros behind a short one.
func (t *msgTx) gather(i int, frame []byte, d packet.Desc) {
	parts, length := t.iov[i][:0], len(frame)
	part := func(b []byte) {
		parts = append(parts, unix.Iovec{Base: unsafe.SliceData(b)})
		parts[len(parts)-1].SetLen(len(b))
	}
	if d.Flags&packet.FlagTCI != 0 && len(frame) >= packet.EthernetLen {
		t.tag[i] = [packet.TagLen]byte{tpid8021Q >> 8, tpid8021Q & 0xff, byte(d.TCI >> 8), byte(d.TCI)}
		part(frame[:12])
		part(t.tag[i][:])
		frame, length = frame[12:], length+packet.TagLen
	}
	part(frame)
	if length < minFrame {
		part(t.zeros[length:])
	}
	h := &t.msg[i].Hdr
	h.Iov = &t.iov[i][0]
	h.SetIovlen(len(parts))
}
