package router

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"vrfwd/forwarder"
	"vrfwd/packet"
)

// captureEvery is how often a capture looks for frames. A tap has room for those of that time at 2 million a second.
const captureEvery = 2 * time.Millisecond

// filter turns a request into what taps copy.
func (r *Router) filter(q Request) (f forwarder.Filter, err error) {
	f = forwarder.Filter{Directions: 1<<forwarder.Received | 1<<forwarder.Sent, AllPorts: true}
	if q.Drops {
		f.Directions = 1 << forwarder.Dropped
	}
	if len(q.Reasons) > 0 && !q.Drops {
		return f, bad("capture: reasons are those of drops: ask for drops")
	}
	for _, name := range q.Reasons {
		reason, ok := reasonByName(name)
		if !ok {
			return f, bad("capture: there is no reason %q; known: %s", name, strings.Join(reasonNames(), ", "))
		}
		f.Reasons |= 1 << reason
	}
	if q.Snap < 0 || q.Snap > packet.MaxFrameSize {
		return f, bad("capture: %d bytes of each frame: 1 to %d, or 0 for all", q.Snap, packet.MaxFrameSize)
	}
	f.Snap = uint16(q.Snap)
	if q.Interface == "" {
		return f, nil
	}
	if f.Iface = r.table.InterfaceIndex(q.Interface); f.Iface != 0 {
		return f, nil
	}
	for _, p := range r.ports {
		if p.name == q.Interface {
			f.AllPorts, f.Port = false, uint16(p.number)
			return f, nil
		}
	}
	return f, bad("capture: there is no interface or port %s; `fwd show interfaces` lists them", q.Interface)
}

func reasonNames() (all []string) {
	for reason := range forwarder.NumReasons {
		all = append(all, reason.String())
	}
	return all
}

// reasonByName takes "no route", "no-route" and "no_route".
func reasonByName(name string) (forwarder.Reason, bool) {
	i := slices.Index(reasonNames(), strings.NewReplacer("-", " ", "_", " ").Replace(name))
	return forwarder.Reason(max(i, 0)), i >= 0
}

// answerCapture streams frames as pcapng until the client closes its side, the connection breaks or the router ends.
func (r *Router) answerCapture(ctx context.Context, conn *net.UnixConn, q Request) error {
	w := newBodyWriter(conn)
	f, err := r.filter(q)
	if err == nil && !r.capturing.CompareAndSwap(false, true) {
		err = errors.New("capture: there is one already; end it first")
	}
	if err != nil {
		if err := w.e.Encode(headerOf(err)); err != nil {
			return err
		}
		return w.Flush()
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, conn)
	}()
	err = r.capture(ctx, ended, w, f)
	r.capturing.Store(false) // before the client knows, which may begin the next one
	conn.Close()
	<-ended
	return err
}

// capture arms the taps, and writes what they copy. The header tells the client that frames are captured from now on.
func (r *Router) capture(ctx context.Context, ended <-chan struct{}, w *bodyWriter, f forwarder.Filter) error {
	taps := []*forwarder.Tap{r.slowTap}
	for _, k := range r.workers {
		taps = append(taps, k.tap)
	}
	c := &capture{r: r, out: newPcapng(w), batch: make([]packet.Desc, forwarder.MaxBurst), interfaces: map[captureKey]int{}}
	for _, t := range taps {
		c.drain(t, func(packet.Desc, forwarder.Captured) error { return nil }) // what the capture before has left
		c.missed -= t.Missed()
	}
	for _, t := range taps {
		t.Arm(f)
		defer t.Disarm()
	}
	if err := errors.Join(w.begin(), c.out.section(), w.Flush()); err != nil {
		return err
	}
	tick := time.NewTicker(captureEvery)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-ctx.Done():
			done = true
		case <-ended:
			done = true
		case <-tick.C:
		}
		if done {
			for _, t := range taps {
				t.Disarm()
			}
		}
		for _, t := range taps {
			c.drain(t, func(d packet.Desc, a forwarder.Captured) error { return c.write(t, d, a) })
		}
		if c.err == nil {
			c.err = w.Flush()
		}
		if c.err != nil {
			return c.err
		}
	}
	for _, t := range taps {
		c.missed += t.Missed()
	}
	if err := c.out.statistics(c.missed); err != nil {
		return err
	}
	return w.Flush()
}

// capture is one that runs.
type capture struct {
	r          *Router
	out        *pcapng
	batch      []packet.Desc
	interfaces map[captureKey]int // pcapng's numbers
	missed     uint64
	err        error // of writing
}

// captureKey names what pcapng calls an interface: an IP interface on a port.
type captureKey struct{ port, iface uint16 }

// drain takes what a tap holds, and no more than it can hold: frames may come as fast as they are taken.
func (c *capture) drain(t *forwarder.Tap, each func(packet.Desc, forwarder.Captured) error) {
	for range tapFrames / len(c.batch) {
		n := t.Pop(c.batch)
		for _, d := range c.batch[:n] {
			if c.err == nil {
				c.err = each(d, t.About(d))
			}
		}
		t.Free(c.batch[:n])
	}
}

// write writes one frame, with the interface's block before the first of it.
func (c *capture) write(t *forwarder.Tap, d packet.Desc, a forwarder.Captured) error {
	key := captureKey{d.Port, a.Iface}
	number, ok := c.interfaces[key]
	if !ok {
		number = len(c.interfaces)
		c.interfaces[key] = number
		name, about := c.r.ports[d.Port].name, "no IP interface"
		if iface := c.r.table.InterfaceName(a.Iface); iface != "" {
			name, about = iface+"@"+name, "IP interface "+iface
		}
		if err := c.out.iface(name, about+" on port "+c.r.ports[d.Port].name); err != nil {
			return err
		}
	}
	frame := t.Arena().Frame(d)
	if d.Flags&packet.FlagTCI != 0 && len(frame) >= addressesLen { // the tag is not in the frame: put it there
		frame = slices.Concat(frame[:addressesLen], []byte{byte(packet.EtherTypeVLAN >> 8), byte(packet.EtherTypeVLAN & 0xff),
			byte(d.TCI >> 8), byte(d.TCI)}, frame[addressesLen:])
		a.Length += packet.TagLen
	}
	comment := a.Direction.String()
	if a.Direction == forwarder.Dropped {
		comment += ": " + a.Reason.String()
	}
	return c.out.frame(number, a.Time, int(a.Length), frame, a.Direction != forwarder.Sent, comment)
}

// addressesLen is the bytes of a frame's two MAC addresses: a tag stands behind them.
const addressesLen = 12
