package live

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vrfwd/forwarder"
	"vrfwd/packet"
)

// fakeClock is moved by those who wait on it.
type fakeClock struct{ now atomic.Int64 }

const fakeWall = int64(1_700_000_000) * 1e9

func (c *fakeClock) Now() int64            { return c.now.Load() }
func (c *fakeClock) Wall() int64           { return fakeWall + c.now.Load() }
func (c *fakeClock) Sleep(until int64)     { c.now.Store(max(until, c.now.Load())) }
func (c *fakeClock) Wait(d time.Duration)  { c.now.Add(int64(d)) }
func (c *fakeClock) Thread() (done func()) { return func() {} }

// cable is a port in memory: what is sent on one side of it is received on the other, changed by a router in between.
type cable struct {
	t      testing.TB
	mu     sync.Mutex
	queue  [][]byte
	room   int                         // frames that it takes at once; 0: all
	router func(frame []byte) [][]byte // what becomes of a frame; nil: itself
	sent   [][]byte
	arena  *packet.Arena
	free   []int
	strip  bool // tags arrive out of band, as AF_PACKET gives them
}

const cableFrames = 512

func newCable(t testing.TB) *cable {
	t.Helper()
	a, err := packet.NewArena(cableFrames, 9100)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	c := &cable{t: t, arena: a}
	for i := range cableFrames {
		c.free = append(c.free, i)
	}
	return c
}

// tx is the side that frames are sent on.
func (c *cable) tx() forwarder.Port {
	return &forwarder.FuncPort{Memory: c.arena, Tx: func(from *packet.Arena, d []packet.Desc) int {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.room > 0 {
			d = d[:min(len(d), c.room)]
		}
		for i := range d {
			c.put(bytes.Clone(from.Frame(d[i])))
		}
		return len(d)
	}}
}

// put has a frame pass the router.
func (c *cable) put(frame []byte) {
	if len(frame) < forwarder.MinFrame {
		frame = append(frame, make([]byte, forwarder.MinFrame-len(frame))...)
	}
	c.sent = append(c.sent, frame)
	if c.router == nil {
		c.queue = append(c.queue, frame)
		return
	}
	c.queue = append(c.queue, c.router(frame)...)
}

// rx is the side that they are received on; reply takes what is sent there.
func (c *cable) rx(reply func(frame []byte)) forwarder.Port {
	return &forwarder.FuncPort{
		Memory: c.arena,
		Rx: func(d []packet.Desc) (n int) {
			c.mu.Lock()
			defer c.mu.Unlock()
			for n < len(d) && len(c.queue) > 0 && len(c.free) > 0 {
				frame := c.queue[0]
				c.queue = c.queue[1:]
				d[n] = c.arena.Desc(c.free[len(c.free)-1])
				c.free = c.free[:len(c.free)-1]
				if c.strip && frame[12] == 0x81 && frame[13] == 0 {
					d[n].TCI, d[n].Flags = uint16(frame[14])<<8|uint16(frame[15]), packet.FlagTCI
					frame = append(bytes.Clone(frame[:12]), frame[16:]...)
				}
				d[n].Len = uint16(len(frame))
				copy(c.arena.Frame(d[n]), frame)
				n++
			}
			return n
		},
		Tx: func(from *packet.Arena, d []packet.Desc) int {
			for i := range d {
				reply(bytes.Clone(from.Frame(d[i])))
			}
			return len(d)
		},
		Done: func(d []packet.Desc) {
			c.mu.Lock()
			defer c.mu.Unlock()
			for i := range d {
				c.free = append(c.free, c.arena.Slot(d[i]))
			}
			if len(c.free) > cableFrames {
				c.t.Error("more frames freed than there are")
			}
		},
	}
}

// retag gives a frame another tag; 0: none.
func retag(frame []byte, vlan uint16) []byte {
	if frame[12] == 0x81 {
		frame = append(bytes.Clone(frame[:12]), frame[16:]...)
	}
	if vlan != 0 {
		frame = append(append(bytes.Clone(frame[:12]), 0x81, 0, byte(vlan>>8), byte(vlan)), frame[12:]...)
	}
	return frame
}

// mustSpec reads a stream file's text.
func mustSpec(t testing.TB, text string) *Spec {
	t.Helper()
	d, err := Parse("test.yaml", ".", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Spec()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// marked is a port that says when its frames were received.
type marked struct {
	forwarder.Port
	at uint32
}

func (m marked) RxBurst(d []packet.Desc) int {
	n := m.Port.RxBurst(d)
	for i := range d[:n] {
		d[i].Mark = m.at
	}
	return n
}
