package afpacket

import (
	"fmt"
	"math/bits"
	"time"
)

// Version chooses how frames pass between the kernel and the process (Documentation/networking/packet_mmap.rst).
type Version uint8

// What each version does. Default is what measured best on a veth pair: see the package comment.
const (
	Default Version = iota
	V3              // TPACKET_V3: frames of any length packed into blocks, which the kernel hands over whole
	V2              // TPACKET_V2: one slot per frame, handed over one by one
	Msg             // no ring: recvmmsg and sendmmsg
)

func (v Version) String() string {
	if names := [...]string{"default", "v3", "v2", "msg"}; int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("Version(%d)", v)
}

// FanoutMode says by what the kernel spreads received frames over the members of a fanout group.
type FanoutMode uint8

// Fanout modes (packet(7), PACKET_FANOUT).
const (
	FanoutNone FanoutMode = iota
	FanoutHash            // by flow: the order within a flow is kept
	FanoutCPU             // by the CPU that the frame arrived on
	FanoutQM              // by the device's receive queue
)

// Fanout makes a port one of several members that share a device's received frames. A group belongs to one device: get
// its number by FanoutGroup and open each member with it.
type Fanout struct {
	Mode  FanoutMode
	Group uint16
}

// Options say what to open. All but Interface may be left zero.
type Options struct {
	Interface string // the device's name

	Rx     Version // of receiving; Default: V3
	Tx     Version // of sending; Default: V2
	RxOnly bool    // TxBurst takes nothing
	TxOnly bool    // RxBurst returns nothing

	// FrameSize is the largest frame in bytes, tags included, without FCS; 0: the device's MTU and the room for an
	// Ethernet header and two tags. Received frames that are longer are skipped and counted.
	FrameSize int

	// BlockSize is the bytes of a block of the receive ring, a power of two and whole pages; 0: 64 KiB, more for
	// frames that would not fit eight times. V2 and Msg have BlockSize*Blocks bytes of slots.
	BlockSize int
	Blocks    int // of the receive ring, at least 2; 0: 128
	TxFrames  int // slots of the transmit ring, at least 2; 0: 512

	// RetireTimeout is how long the kernel keeps a block that is not full, in whole milliseconds: what V3 may add to
	// the latency of a frame. 0: 1 ms.
	RetireTimeout time.Duration

	Fanout Fanout

	// Qdisc sends through the device's queueing discipline instead of past it (PACKET_QDISC_BYPASS).
	Qdisc bool

	// Promiscuous makes the device take frames for every MAC address, for as long as the port is open, and RxBurst
	// return them. Without it, frames that the kernel marks PACKET_OTHERHOST are skipped and counted.
	Promiscuous bool

	// Timestamps has RxBurst set Desc.Mark to the low 32 bits of the ns since 1970 at which the kernel received the
	// frame; without it Mark is 0. V3 and V2 only.
	Timestamps bool
}

// Sizes of what lies around frames in the rings, in bytes.
const (
	frameOverhead = 14 + 2*4 // Ethernet header and two tags
	ringOverhead  = 256      // more than the headers, addresses and alignment of any version
	pageSize      = 4096
)

// withDefaults fills in what is zero, for a device of that MTU, and refuses what cannot work.
func (o Options) withDefaults(mtu int) (Options, error) {
	for _, v := range []*Version{&o.Rx, &o.Tx} {
		if *v > Msg {
			return o, fmt.Errorf("version %d: V3, V2 or Msg", *v)
		}
	}
	if o.Rx == Default {
		o.Rx = V3
	}
	if o.Tx == Default {
		o.Tx = V2
	}
	if o.FrameSize == 0 {
		o.FrameSize = min(mtu+frameOverhead, maxFrame)
	}
	if o.BlockSize == 0 {
		o.BlockSize = max(64<<10, 1<<bits.Len(uint(8*(o.FrameSize+ringOverhead)-1)))
	}
	if o.Blocks == 0 {
		o.Blocks = 128
	}
	if o.TxFrames == 0 {
		o.TxFrames = 512
	}
	if o.RetireTimeout == 0 {
		o.RetireTimeout = time.Millisecond
	}
	switch {
	case o.RxOnly && o.TxOnly:
		return o, fmt.Errorf("both RxOnly and TxOnly: nothing is left")
	case o.Timestamps && o.Rx == Msg:
		return o, fmt.Errorf("timestamps are for V3 and V2")
	case o.FrameSize < minFrame || o.FrameSize > maxFrame:
		return o, fmt.Errorf("frame size %d bytes: %d to %d", o.FrameSize, minFrame, maxFrame)
	case o.BlockSize < pageSize || o.BlockSize&(o.BlockSize-1) != 0:
		return o, fmt.Errorf("block size %d bytes: a power of two, at least %d", o.BlockSize, pageSize)
	case o.BlockSize < o.FrameSize+ringOverhead:
		return o, fmt.Errorf("block size %d bytes: a frame of %d needs %d", o.BlockSize, o.FrameSize, o.FrameSize+ringOverhead)
	case o.Blocks < 2 || uint64(o.Blocks)*uint64(o.BlockSize) > 1<<31:
		return o, fmt.Errorf("%d blocks of %d bytes: at least 2, together at most 2 GiB", o.Blocks, o.BlockSize)
	case o.TxFrames < 2 || uint64(o.TxFrames)*uint64(o.FrameSize+ringOverhead) > 1<<31:
		return o, fmt.Errorf("%d transmit slots of %d bytes: at least 2, together at most 2 GiB", o.TxFrames, o.FrameSize)
	case o.RetireTimeout < time.Millisecond || o.RetireTimeout > time.Minute || o.RetireTimeout%time.Millisecond != 0:
		return o, fmt.Errorf("retire timeout %v: whole milliseconds, 1ms to 1m", o.RetireTimeout)
	case o.Fanout.Mode > FanoutQM:
		return o, fmt.Errorf("fanout mode %d: FanoutHash, FanoutCPU or FanoutQM", o.Fanout.Mode)
	}
	return o, nil
}
