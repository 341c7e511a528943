package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"vrfwd/gen"
	"vrfwd/packet"
)

// ReplayOptions say how a capture is replayed.
type ReplayOptions struct {
	Speed    float64        // 1: the original timing, 2: twice as fast; 0: as fast as the port takes, or Rate
	Rate     float64        // frames a second, in place of the original timing; 0: not
	Loop     int            // passes; 0: until it is stopped
	Src, Dst packet.MAC     // in place of the frames' own; zero: as captured
	Dump     *Dump          // where frames go that other links receive; nil: nowhere
	Drain    time.Duration  // after the last frame, frames are awaited until none has come for so long; 0: 300 ms
	Progress func(Progress) // once a second
	Clock    Clock          // nil: SystemClock
}

// ReplayReport is the account of a replay.
type ReplayReport struct {
	Started     time.Time         `json:"started"`
	Seconds     float64           `json:"seconds"`
	Interrupted bool              `json:"interrupted,omitempty"`
	Passes      int               `json:"passes"` // whole ones
	Frames      uint64            `json:"frames"` // sent
	Bits        float64           `json:"bits_per_second"`
	Rate        float64           `json:"frames_per_second"`
	Refused     uint64            `json:"refused"`   // frames that the port had no room for at first; they were sent later
	LateMax     int64             `json:"late_ns"`   // the latest that a frame was sent after its time
	Missed      uint64            `json:"missed"`    // with a rate: how many frames fewer than it asks for were sent
	Cut         uint64            `json:"cut"`       // not sent: the capture does not have all of them
	Short       uint64            `json:"short"`     // not sent: less than an Ethernet header
	Long        uint64            `json:"long"`      // not sent: more than the interface's MTU
	Backwards   uint64            `json:"backwards"` // frames older than the one before, sent with it
	Ports       []PortReport      `json:"ports"`
	Received    map[string]uint64 `json:"received,omitempty"` // by kind
}

// replayer sends a capture through one port.
type replayer struct {
	link  *Link
	name  string
	clock Clock
	opts  ReplayOptions
	open  func() (*Capture, error)
	stop  atomic.Bool
	arena *packet.Arena
	batch []packet.Desc // ready to be sent
	free  []packet.Desc
	pacer *gen.Pacer

	capture *Capture
	next    CapturedFrame // read and not sent yet
	due     int64
	origin  int64 // when a frame with time `zero` is due
	zero    int64
	last    int64 // time of the frame before
	stuck   int64

	report        ReplayReport
	frames, bytes atomic.Uint64
	refused       atomic.Uint64
}

// Replay sends what a capture holds through one port, pass by pass, while the other links receive. open opens the capture
// anew for each pass. It ends after the last pass or when ctx is done.
func Replay(ctx context.Context, s *Spec, links Links, port int, open func() (*Capture, error), opts ReplayOptions) (*ReplayReport, error) {
	r := &replayer{link: &links.All[port], name: s.Ports[port].Name, clock: opts.Clock, opts: opts, open: open}
	if r.clock == nil {
		r.clock = SystemClock()
	}
	err := presentSchedule().admits(links.threads())
	if err != nil {
		return nil, err
	}
	if r.pacer, err = gen.NewPacer(opts.Rate, 1); err != nil {
		return nil, err
	}
	longest := packet.MaxFrameSize
	if mtu := r.link.MTU; mtu > 0 {
		longest = min(longest, mtu+packet.EthernetLen+packet.TagLen)
	}
	if r.arena, err = packet.NewArena(txBatch, longest); err != nil {
		return nil, err
	}
	defer r.arena.Close()
	for i := range txBatch {
		r.free = append(r.free, r.arena.Desc(i))
	}
	arp, err := newARPHost(s, links.All, false)
	if err != nil {
		return nil, err
	}
	defer arp.close()
	var stopRx atomic.Bool
	k := newSink(s, &links, r.clock, arp, &stopRx)
	k.dump = opts.Dump
	r.report.Started = time.Now()

	receives := links.receives()
	var rx sync.WaitGroup
	if receives {
		rx.Go(k.run)
	}
	done := make(chan error)
	go func() { done <- r.run() }()
	start := r.clock.Now()
	r.report.Interrupted, err = r.wait(ctx, done, k, start)
	if receives {
		r.drain(k)
		stopRx.Store(true)
		rx.Wait()
	}
	if err != nil {
		return nil, err
	}
	r.finish(s, &links, port, k)
	return &r.report, nil
}

// wait reports until the replay is over.
func (r *replayer) wait(ctx context.Context, done <-chan error, k *sink, start int64) (interrupted bool, err error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	stopped := ctx.Done()
	for {
		select {
		case err := <-done:
			r.report.Seconds = time.Duration(r.clock.Now() - start).Seconds()
			return interrupted, err
		case <-stopped:
			stopped, interrupted = nil, true
			r.stop.Store(true)
		case <-tick.C:
			if r.opts.Progress != nil {
				n := r.frames.Load()
				r.opts.Progress(Progress{Elapsed: time.Duration(r.clock.Now() - start), Sending: true, Sent: n,
					SentBytes: r.bytes.Load() + fcs*n, Refused: r.refused.Load(), Foreign: k.seen.foreign.Load()})
			}
		}
	}
}

// drain waits for frames in flight.
func (r *replayer) drain(k *sink) {
	drain := r.opts.Drain
	if drain == 0 {
		drain = defaultDrain
	}
	from := r.clock.Now()
	for seen, quiet := uint64(0), from; r.clock.Now()-quiet < int64(drain) && r.clock.Now()-from < int64(drainLimit); time.Sleep(5 * time.Millisecond) {
		if n := k.seen.foreign.Load(); n != seen {
			seen, quiet = n, r.clock.Now()
		}
	}
}

func (r *replayer) finish(s *Spec, links *Links, port int, k *sink) {
	p := &r.report
	p.Frames, p.Refused = r.frames.Load(), r.refused.Load()
	took := time.Duration(p.Seconds * 1e9)
	p.Rate, p.Bits = rate(p.Frames, took), rate(8*(r.bytes.Load()+fcs*p.Frames), took)
	p.Received = k.foreign
	if k.unknown > 0 {
		p.Received["trafgen's own"] = k.unknown
	}
	for i := range links.All {
		l := &links.All[i]
		if l.Tx == nil && l.Rx == nil {
			continue
		}
		one := PortReport{Name: s.Ports[i].Name, Received: k.ports[i], Dropped: l.dropped(), Trouble: l.trouble()}
		if i == port {
			one.Sent, one.Refused = p.Frames, p.Refused
		}
		p.Ports = append(p.Ports, one)
	}
}

// run sends all passes.
func (r *replayer) run() (err error) {
	defer r.clock.Thread()()
	r.pacer.Start(r.clock.Now(), 0, 0)
	r.due = r.clock.Now()
	for pass := 0; (r.opts.Loop == 0 || pass < r.opts.Loop) && !r.stop.Load(); pass++ {
		before := r.frames.Load()
		if err := r.pass(); err != nil {
			return err
		}
		if r.stop.Load() {
			break
		}
		r.report.Passes++
		if r.frames.Load() == before {
			return errors.New("replay: the capture has no frame that can be sent")
		}
	}
	if r.opts.Rate > 0 {
		pace := r.pacer.Pace(r.clock.Now())
		r.report.Missed, r.report.LateMax = pace.Missed, int64(pace.Late)
	}
	return nil
}

// pass sends the capture once.
func (r *replayer) pass() (err error) {
	if r.capture, err = r.open(); err != nil {
		return err
	}
	defer r.capture.Close()
	first, more := true, true
	var fault error // of the capture: what is before it is sent
	for (more || len(r.batch) > 0) && !r.stop.Load() {
		now := r.clock.Now()
		for more && len(r.free) > 0 {
			if r.next.Data == nil {
				more, fault = r.read(first)
				first = false
				continue
			}
			if !r.ready(now) {
				break
			}
			r.load()
		}
		if len(r.batch) == 0 {
			if more {
				r.clock.Sleep(min(r.dueAt(), now+int64(stopCheck)))
			}
			continue
		}
		if err := r.send(now); err != nil {
			return err
		}
	}
	if fault != nil {
		return fmt.Errorf("replay: after %d frames: %w", r.frames.Load(), fault)
	}
	return nil
}

// read reads the next frame that can be sent; false at the end of the file.
func (r *replayer) read(first bool) (more bool, err error) {
	longest := r.arena.FrameSize()
	for {
		f, err := r.capture.Next()
		switch {
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		case len(f.Data) < f.Length:
			r.report.Cut++
			continue
		case len(f.Data) < packet.EthernetLen:
			r.report.Short++
			continue
		case len(f.Data) > longest || r.tooLong(f.Data):
			r.report.Long++
			continue
		}
		if first { // a pass follows the one before at once
			r.zero, r.origin, r.last = f.Time, r.due, f.Time
		}
		if f.Time < r.last {
			r.report.Backwards++
			f.Time = r.last
		}
		r.last = f.Time
		r.next = f
		if r.opts.Speed > 0 {
			r.due = r.origin + int64(float64(f.Time-r.zero)/r.opts.Speed)
		}
		return true, nil
	}
}

// tooLong tells whether the MTU forbids a frame; a tag does not count.
func (r *replayer) tooLong(frame []byte) bool {
	return r.link.MTU > 0 && len(frame) > r.link.MTU+packet.EthernetLen && !packet.IsTPID(packet.Ethernet(frame).EtherType())
}

func (r *replayer) dueAt() int64 {
	if r.opts.Rate > 0 {
		return r.pacer.Next()
	}
	return r.due
}

// ready tells whether the next frame is to be sent by now.
func (r *replayer) ready(now int64) bool {
	switch {
	case r.opts.Rate > 0:
		return r.pacer.Due(now) > len(r.batch)
	case r.opts.Speed > 0:
		return r.due <= now
	}
	return true
}

// load puts the next frame into the batch.
func (r *replayer) load() {
	d := r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	d.Len = uint16(len(r.next.Data))
	frame := r.arena.Frame(d)
	copy(frame, r.next.Data)
	if r.opts.Dst != (packet.MAC{}) {
		packet.Ethernet(frame).SetDst(r.opts.Dst)
	}
	if r.opts.Src != (packet.MAC{}) {
		packet.Ethernet(frame).SetSrc(r.opts.Src)
	}
	r.batch = append(r.batch, d)
	if r.opts.Speed > 0 {
		r.report.LateMax = max(r.report.LateMax, r.clock.Now()-r.due)
	}
	r.next = CapturedFrame{}
}

// send sends what the port takes of the batch.
func (r *replayer) send(now int64) error {
	took := r.link.Tx.TxBurst(r.arena, r.batch)
	bytes := uint64(0)
	for _, d := range r.batch[:took] {
		bytes += uint64(d.Len)
	}
	add(&r.frames, uint64(took))
	add(&r.bytes, bytes)
	r.pacer.Sent(took, now)
	r.free = append(r.free, r.batch[:took]...)
	r.batch = append(r.batch[:0], r.batch[took:]...)
	if len(r.batch) == 0 {
		r.stuck = 0
		return nil
	}
	add(&r.refused, uint64(len(r.batch)))
	switch {
	case took > 0 || r.stuck == 0:
		r.stuck = now
	case now-r.stuck > int64(stuckLimit):
		return stuckError(r.name, r.link)
	}
	r.clock.Wait(refusedWait)
	return nil
}
