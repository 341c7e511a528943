// Package double is a device under test of known behaviour: it forwards up to a rate, queues so many frames, and drops,
// delays, duplicates, swaps and misroutes as told. What a tester finds is held against what the double has counted.
//
// It stands behind forwarder.Port on both sides, so that a tester cannot tell it from a router, and goes by the tester's
// clock: on one that only moves when somebody sleeps, a second takes milliseconds and is the same every time.
package double

import (
	"fmt"
	"sync"
	"time"

	"vrfwd/forwarder"
	"vrfwd/packet"
)

// Config says how a double behaves. The zero value is a cable. Every k-th is counted from the frames that were not dropped
// for lack of room, from 1; 0: none.
type Config struct {
	Rate  float64 // frames a second that it forwards; 0: all at once
	Queue int     // frames that wait while it forwards one; those beyond are dropped
	Delay time.Duration

	DropEvery      uint64
	DuplicateEvery uint64
	SwapEvery      uint64 // changes places with the frame behind it
	MisrouteEvery  uint64 // comes out with VLAN Misroute
	Misroute       uint16

	Frames   int // that it holds at once, a burst for the receiver included; 0: 4,096
	FrameLen int // bytes of the longest; 0: 1,600
}

// Clock is what a double goes by: bench/live's Clock is one.
type Clock interface {
	Now() int64
	Wall() int64
}

// Count is what a double did. In = Overflow + Dropped + Out - Duplicated, once it is empty.
type Count struct {
	In         uint64
	Overflow   uint64 // dropped for lack of room in the queue
	Dropped    uint64 // every k-th
	Duplicated uint64
	Swapped    uint64
	Misrouted  uint64
	Out        uint64
}

// Device is a double. Its sides may belong to two threads.
type Device struct {
	config Config
	clock  Clock
	arena  *packet.Arena

	mu     sync.Mutex
	idle   float64 // when it has forwarded all that wait
	queue  []waiting
	held   *waiting // is to change places with the next
	free   []int    // slots
	count  Count
	passed uint64
}

// waiting is a frame on its way.
type waiting struct {
	frame packet.Desc
	at    int64 // when it comes out
}

// holdFor is how long a frame waits for one that it could change places with.
const holdFor = int64(10 * time.Millisecond)

// New makes a double. Close gives its memory back.
func New(c Config, clock Clock) (*Device, error) {
	if c.Frames == 0 {
		c.Frames = 4096
	}
	if c.FrameLen == 0 {
		c.FrameLen = 1600
	}
	a, err := packet.NewArena(c.Frames, c.FrameLen)
	if err != nil {
		return nil, fmt.Errorf("double: %w", err)
	}
	d := &Device{config: c, clock: clock, arena: a}
	for i := range c.Frames {
		d.free = append(d.free, i)
	}
	return d, nil
}

// Close gives the memory back. Both sides must have stopped.
func (d *Device) Close() error { return d.arena.Close() }

// Count returns what the double did so far.
func (d *Device) Count() Count {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// In is the side that a tester sends on.
func (d *Device) In() forwarder.Port {
	return &forwarder.FuncPort{Memory: d.arena, Tx: d.take}
}

// Out is the side that it receives on. Desc.Mark is when the frame came out, as AF_PACKET ports have it with Timestamps.
func (d *Device) Out() forwarder.Port {
	return &forwarder.FuncPort{Memory: d.arena, Rx: d.give, Done: d.back}
}

// take receives frames, as many as there is memory for.
func (d *Device) take(from *packet.Arena, frames []packet.Desc) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	for i := range frames {
		if len(d.free) < 2 || int(frames[i].Len)+packet.TagLen > d.arena.FrameSize() { // a frame and its duplicate
			return i
		}
		d.one(from.Frame(frames[i]), now)
	}
	return len(frames)
}

// one has a frame pass, or not.
func (d *Device) one(frame []byte, now int64) {
	c := &d.config
	d.count.In++
	leaves := float64(now)
	if c.Rate > 0 {
		gap := 1e9 / c.Rate
		d.idle = max(d.idle, leaves)
		// The frame being forwarded is not in the queue. A thousandth of a frame is what rounding may do.
		if (d.idle-leaves)/gap > float64(c.Queue)+1e-3 {
			d.count.Overflow++
			return
		}
		d.idle += gap
		leaves = d.idle
	}
	d.passed++
	every := func(k uint64) bool { return k > 0 && d.passed%k == 0 }
	if every(c.DropEvery) {
		d.count.Dropped++
		return
	}
	w := waiting{d.copy(frame), int64(leaves) + int64(c.Delay)}
	if every(c.MisrouteEvery) {
		d.count.Misrouted++
		w.frame = d.retag(w.frame, c.Misroute)
	}
	if h := d.held; h != nil {
		d.held = nil
		h.at = w.at // both come out now, this one first
		d.queue = append(d.queue, w, *h)
	} else if every(c.SwapEvery) {
		d.count.Swapped++
		d.held = &w
	} else {
		d.queue = append(d.queue, w)
	}
	if every(c.DuplicateEvery) {
		d.count.Duplicated++
		d.queue = append(d.queue, waiting{d.copy(d.arena.Frame(w.frame)), w.at})
	}
}

// copy puts a frame into memory of the double's.
func (d *Device) copy(frame []byte) packet.Desc {
	to := d.arena.Desc(d.free[len(d.free)-1])
	d.free = d.free[:len(d.free)-1]
	to.Len = uint16(len(frame))
	copy(d.arena.Frame(to), frame)
	return to
}

// retag gives a frame another VLAN.
func (d *Device) retag(to packet.Desc, vlan uint16) packet.Desc {
	frame := d.arena.Frame(to)
	if !packet.IsTPID(packet.Ethernet(frame).EtherType()) {
		to.Len += packet.TagLen
		tagged := d.arena.Frame(to)
		copy(tagged[packet.EthernetLen+2:], frame[packet.EthernetLen-2:])
		tagged[12], tagged[13] = 0x81, 0x00
		frame = tagged
	}
	frame[packet.EthernetLen], frame[packet.EthernetLen+1] = byte(vlan>>8), byte(vlan)
	return to
}

// give hands out what has come out.
func (d *Device) give(to []packet.Desc) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	offset := d.clock.Wall() - now
	if d.held != nil && now-d.held.at >= holdFor { // nothing has come that it could change places with
		d.queue = append(d.queue, *d.held)
		d.held = nil
	}
	for n < len(to) && n < len(d.queue) && d.queue[n].at <= now {
		to[n] = d.queue[n].frame
		to[n].Mark = uint32(d.queue[n].at + offset)
		n++
	}
	d.queue = d.queue[:copy(d.queue, d.queue[n:])]
	d.count.Out += uint64(n)
	return n
}

func (d *Device) back(frames []packet.Desc) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range frames {
		d.free = append(d.free, d.arena.Slot(frames[i]))
	}
}
