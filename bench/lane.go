package bench

import (
	"fmt"
	"sync/atomic"

	"vrfwd/forwarder"
	"vrfwd/packet"
)

// lane is one worker with its own memory, traffic and sink. Nothing in it is shared with another lane but what is read.
type lane struct {
	worker  *forwarder.Worker
	arena   *packet.Arena
	slow    *forwarder.SlowPath
	sources []source
	sink    *sink
	left    uint64 // frames that may still be generated
	backoff uint64 // bursts that were not generated for lack of free frames
	punted  []packet.Desc

	pace *pace // nil: as fast as frames come back

	loop  []*loopPort          // ports=samecore, by port number
	rings []*forwarder.MemPort // ports=rings, by port number
	free  []packet.Desc        // ports=rings: a stack of frames that are not in flight
	burst []packet.Desc        // ports=rings: scratch
	out   int                  // ports=rings: frames in flight

	slots []packet.Desc // ports=samecore: all frames
	next  int           // ports=samecore: in slots

	done atomic.Uint64 // frames that came out or back, for the progress display
}

// endless is more frames than any trial has.
const endless = 1 << 62

// newLane makes a lane whose flows are numbered from base on. wrap, if not nil, stands between the worker and each
// port: for tests.
func (s *Scenario) newLane(l *Load, base uint32, seed uint64, cpu int, wrap func(forwarder.Port) forwarder.Port) (*lane, error) {
	sources, all, err := s.sources(l, base, seed)
	if err != nil {
		return nil, err
	}
	largest := forwarder.MinFrame + forwarder.Reserve
	for _, t := range all {
		largest = max(largest, t.MaxLen()+forwarder.Reserve)
	}
	ln := &lane{sources: sources}
	if ln.arena, err = packet.NewArena(l.Frames, largest); err != nil {
		return nil, fmt.Errorf("bench: %d frames of %d bytes: %w", l.Frames, largest, err)
	}
	clear(ln.arena.Bytes()) // touched before anything is timed
	if ln.sink, err = newSink(l.Check, s.model, ln.arena, all, base); err != nil {
		return nil, err
	}
	for i := range ln.arena.Frames() {
		ln.slots = append(ln.slots, ln.arena.Desc(i))
	}
	ln.burst = make([]packet.Desc, l.Burst)
	ports := make([]forwarder.Port, s.plan.ports())
	for number := range ports {
		if ports[number], err = ln.port(l, uint16(number)); err != nil {
			return nil, err
		}
		if wrap != nil {
			ports[number] = wrap(ports[number])
		}
	}
	if s.Network.Return == BGPCE { // sessions end in the slow path
		if ln.slow, err = forwarder.NewSlowPath(slowFrames, largest); err != nil {
			return nil, err
		}
		ln.punted = make([]packet.Desc, slowFrames)
	}
	ln.worker, err = forwarder.NewWorker(forwarder.Config{Ports: ports, View: s.Table.View, Readers: s.Table.Domain(),
		Slow: ln.slow, Burst: l.Burst, Pin: l.Pin, CPU: cpu})
	return ln, err
}

const slowFrames = 1024

// port makes one port of the lane.
func (ln *lane) port(l *Load, number uint16) (forwarder.Port, error) {
	if l.Ports == Rings {
		p, err := forwarder.NewMemPort(ln.arena, l.Frames)
		if err != nil {
			return nil, err
		}
		ln.rings = append(ln.rings, p)
		ln.free = append(ln.free[:0], ln.slots...)
		return p, nil
	}
	p := &loopPort{lane: ln}
	for i := range ln.sources {
		if ln.sources[i].port == number {
			p.source, p.number = &ln.sources[i], i
		}
	}
	ln.loop = append(ln.loop, p)
	return p, nil
}

// close gives the lane's memory back.
func (ln *lane) close() {
	ln.worker.Close()
	if ln.slow != nil {
		ln.slow.Close()
	}
	ln.arena.Close()
}

// drainSlow takes what was punted: the slow path's other end.
func (ln *lane) drainSlow() {
	if ln.slow == nil {
		return
	}
	n := ln.slow.Pop(ln.punted)
	if v := ln.sink.verifier; v != nil {
		for i := range n {
			v.punted(ln.punted[i].Port, ln.slow.Arena().Frame(ln.punted[i]))
		}
	}
	ln.slow.Free(ln.punted[:n])
}

// loopPort is a port whose other end is generator and sink, in the worker's own thread. A burst is finished before the
// next is asked for (every frame of it was sent or given back), so the frames are used in turn without asking which are
// free; the lane counts that they did come back.
type loopPort struct {
	lane   *lane
	source *source // nil: nothing enters here
	number int     // of the source
}

var _ forwarder.Port = (*loopPort)(nil)

// Arena implements forwarder.Port.
func (p *loopPort) Arena() *packet.Arena { return p.lane.arena }

// RxBurst implements forwarder.Port: it generates.
func (p *loopPort) RxBurst(d []packet.Desc) int {
	ln := p.lane
	if p.source == nil || ln.left == 0 {
		return 0
	}
	n := min(len(d), p.source.burst, int(min(ln.left, endless)))
	var now int64
	if ln.pace != nil {
		ln.overflow(p.number)
		if n, _, now = ln.owed(p.number, n, n); n == 0 {
			return 0
		}
	}
	if ln.next+n > len(ln.slots) {
		ln.next = 0
	}
	d = d[:n]
	ln.left -= uint64(n)
	if ln.pace != nil {
		copy(d, ln.slots[ln.next:])
		ln.offer(p.number, d, 0, now)
	} else {
		p.source.fillSlots(ln.arena, ln.next, d)
	}
	ln.next += n
	ln.sink.ahead, ln.sink.step = p.source.ahead()
	if v := ln.sink.verifier; v != nil {
		v.save(d)
	}
	return n
}

// TxBurst implements forwarder.Port: it collects. Short frames are padded only for the check of every byte: what the
// medium needs here is nothing, and a network card pads by itself.
func (p *loopPort) TxBurst(from *packet.Arena, d []packet.Desc) int {
	if p.lane.sink.verifier != nil {
		forwarder.Pad(from, d)
	}
	p.lane.pace.came(from, d)
	p.lane.sink.take(d)
	return len(d)
}

// Free implements forwarder.Port.
func (p *loopPort) Free(d []packet.Desc) { p.lane.sink.back(d) }

// turn is one pass of the generator and sink of a lane with rings: it fills what is free, and takes what came back. It
// returns the frames moved.
func (ln *lane) turn() int {
	moved := 0
	for i := range ln.sources {
		s := &ln.sources[i]
		if ln.left == 0 {
			break
		}
		port := ln.rings[s.port]
		most := min(s.burst, int(min(ln.left, endless)))
		n := port.Room(min(most, len(ln.free)))
		lost, now := 0, int64(0)
		if ln.pace != nil {
			if n, lost, now = ln.owed(i, most, n); n+lost == 0 {
				continue
			}
		} else if n == 0 {
			ln.backoff++
			continue
		}
		d := ln.free[len(ln.free)-n:]
		ln.free = ln.free[:len(ln.free)-n]
		if ln.pace != nil {
			ln.offer(i, d, lost, now)
		} else {
			s.fill(ln.arena, d)
		}
		ln.sink.ahead, ln.sink.step = s.ahead()
		if v := ln.sink.verifier; v != nil {
			v.save(d)
		}
		moved += port.Inject(d)
		ln.left -= uint64(n)
		ln.out += n
	}
	for _, port := range ln.rings {
		if n := port.Collect(ln.burst); n > 0 {
			ln.pace.came(ln.arena, ln.burst[:n])
			ln.sink.take(ln.burst[:n])
			ln.recycle(ln.burst[:n])
			moved += n
		}
		if n := port.Freed(ln.burst); n > 0 {
			ln.sink.back(ln.burst[:n])
			ln.recycle(ln.burst[:n])
			moved += n
		}
	}
	ln.drainSlow()
	return moved
}

// recycle makes frames free. A frame starts where Arena.Desc says, at a multiple of a cache line; a shorter or longer
// layer 2 header has moved that by a few bytes.
func (ln *lane) recycle(d []packet.Desc) {
	n := len(ln.free)
	ln.free = ln.free[:n+len(d)]
	for i, free := 0, ln.free[n:]; i < len(d) && i < len(free); i++ {
		free[i] = packet.Desc{Off: (d[i].Off + packet.CacheLine/2) &^ (packet.CacheLine - 1)}
	}
	ln.out -= len(d)
}
