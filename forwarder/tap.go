package forwarder

import (
	"fmt"
	"sync/atomic"
	"time"

	"vrfwd/packet"
	"vrfwd/vrftable"
)

// Direction says where on its way a frame was captured.
type Direction uint8

// The directions.
const (
	Received Direction = iota // as it came in
	Sent                      // as the egress port took it, without padding
	Dropped                   // as it came in, or rewritten where the egress port did not take it (TxFull)
)

// String names the direction.
func (d Direction) String() string {
	switch d {
	case Received:
		return "received"
	case Sent:
		return "sent"
	}
	return "dropped"
}

// Filter says which frames a Tap copies. A punted frame is received, and not dropped.
type Filter struct {
	Directions uint8  // a bit for each Direction: 1<<Received | 1<<Sent
	AllPorts   bool   // not just those of Port
	Port       uint16 // number
	Iface      uint16 // IP interface, as ingress primary or egress; 0: any
	Reasons    uint64 // a bit for each Reason that a dropped frame may have; 0: any
	Snap       uint16 // most bytes of a frame; 0: all that a copy has room for
}

// Captured is what a Tap knows of a copy.
type Captured struct {
	Time      int64  // of the burst: nanoseconds since 1970, UTC
	Length    uint16 // of the frame, in bytes; the copy may have fewer
	Iface     uint16 // IP interface: of ingress, or of egress if sent or TxFull; 0: none
	Direction Direction
	Reason    Reason // if dropped
}

// Tap copies frames for whoever captures them, while it is armed. It never delays its worker: what does not fit is
// counted as missed. One worker or other producer, and one consumer. A Tap that is not armed costs a load per burst.
type Tap struct {
	copies
	filter atomic.Pointer[Filter]
	about  []Captured // by slot of the arena
	missed counter

	now   int64           // producer's: time of the burst
	place [MaxBurst]uint8 // producer's: of the batch's last entries, in the egress queue
}

// NewTap makes room for frames, a power of two, of at most size bytes each.
func NewTap(frames, size int) (*Tap, error) {
	c, err := newCopies(frames, size, min(frames, 2*MaxBurst)) // a frame is received, and sent or dropped
	if err != nil {
		return nil, fmt.Errorf("forwarder: tap: %w", err)
	}
	return &Tap{copies: c, about: make([]Captured, frames)}, nil
}

// Arm makes the producer copy what f chooses, from its next burst on.
func (t *Tap) Arm(f Filter) { t.filter.Store(&f) }

// Disarm ends that with the burst under way. Copies that wait can still be taken.
func (t *Tap) Disarm() { t.filter.Store(nil) }

// Armed returns the filter; nil: not armed. The producer asks once per burst.
func (t *Tap) Armed() *Filter { return t.filter.Load() }

// Pop takes up to len(d) copies: Port is the port, TCI a tag that is not in the frame. The consumer owns d[:n] until it
// frees them.
func (t *Tap) Pop(d []packet.Desc) (n int) { return t.out.Pop(d) }

// About tells of a copy that was taken.
func (t *Tap) About(d packet.Desc) Captured { return t.about[t.arena.Slot(d)] }

// Missed returns the number of frames that were chosen since the beginning but found no room.
func (t *Tap) Missed() uint64 { return t.missed.load() }

// Begin starts a burst. The producer calls Begin, Offer for each frame and Publish.
func (t *Tap) Begin() { t.now = time.Now().UnixNano() }

// Offer copies a frame, if f chooses it and there is room, and tells whether it did. Port is d.Port.
func (t *Tap) Offer(f *Filter, from *packet.Arena, d packet.Desc, port uint16, a Captured) bool {
	if f.Directions>>a.Direction&1 == 0 || !f.AllPorts && f.Port != port || f.Iface != 0 && f.Iface != a.Iface ||
		a.Direction == Dropped && f.Reasons != 0 && f.Reasons>>a.Reason&1 == 0 {
		return false
	}
	if t.room(0) == 0 || len(t.batch) == cap(t.batch) {
		t.missed.add(1)
		return false
	}
	length := min(d.Len, uint16(min(t.arena.FrameSize(), packet.MaxFrameSize)))
	if f.Snap != 0 {
		length = min(length, f.Snap)
	}
	a.Time, a.Length = t.now, d.Len
	to := t.take(from, d, length, port, uint32(a.Reason))
	t.about[t.arena.Slot(to)] = a
	return true
}

// Publish ends a burst: the consumer may take its copies.
func (t *Tap) Publish() { t.publish() }

// withdraw takes the last copy back.
func (t *Tap) withdraw() {
	last := len(t.batch) - 1
	t.spare = append(t.spare, t.batch[last])
	t.batch = t.batch[:last]
}

// The cold arms of the stages while a tap is armed.

// tapReceived offers the whole burst, and has the later stages offer theirs.
//
//go:noinline
func (w *Worker) tapReceived(v *vrftable.View, f *Filter) {
	b := &w.b
	b.tap = f
	w.tap.Begin()
	for _, d := range b.d[:b.n] {
		if inside(b.in, d) {
			w.tap.Offer(f, b.in.arena, d, b.in.number, Captured{Iface: w.ingressIface(v, d), Direction: Received})
		}
	}
}

// tapDone ends the burst.
//
//go:noinline
func (w *Worker) tapDone() {
	w.b.tap = nil
	w.tap.Publish()
}

// tapTx is out.port.TxBurst with an offer of what it takes. The copies are made before, since a frame that was handed
// over is no longer the worker's to read.
//
//go:noinline
func (w *Worker) tapTx(v *vrftable.View, out *egress, number uint8) int {
	b, t, offered, j := &w.b, w.tap, 0, 0
	for k, d := range out.d[:out.n] {
		j = b.packetOf(d, j)
		a := Captured{Iface: v.Adj[b.hop[j]].Iface, Direction: Sent}
		if t.Offer(b.tap, b.in.arena, d, uint16(number), a) {
			t.place[offered] = uint8(k)
			offered++
		}
	}
	n := out.port.TxBurst(b.in.arena, out.d[:out.n])
	for ; offered > 0 && int(t.place[offered-1]) >= n; offered-- {
		t.withdraw()
	}
	return n
}

// tapDropped offers a frame of the ingress port that is dropped.
//
//go:noinline
func (w *Worker) tapDropped(d packet.Desc, port, iface uint16, r Reason) {
	if inside(w.b.in, d) {
		w.tap.Offer(w.b.tap, w.b.in.arena, d, port, Captured{Iface: iface, Direction: Dropped, Reason: r})
	}
}

// inside tells whether a descriptor, which classify may not have judged yet, names bytes of its arena.
func inside(in *ingress, d packet.Desc) bool { return uint(d.Off)+uint(d.Len) <= in.size }

// ingressIface returns the primary that a received frame came in by; 0: there is none.
func (w *Worker) ingressIface(v *vrftable.View, d packet.Desc) uint16 {
	if !inside(w.b.in, d) {
		return 0
	}
	vlan, frame := uint16(0), w.b.in.arena.Frame(d)
	if d.Flags&packet.FlagTCI != 0 {
		vlan = d.TCI
	} else if len(frame) >= packet.EthernetLen+packet.TagLen {
		switch uint16(frame[12])<<8 | uint16(frame[13]) {
		case packet.EtherTypeVLAN, packet.EtherTypeQinQ:
			vlan = uint16(frame[14])<<8 | uint16(frame[15])
		}
	}
	return w.ingressOf(v)[vlan%vrftable.VLANs].Iface
}
