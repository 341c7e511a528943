package live

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"vrfwd/gen"
	"vrfwd/packet"
)

// sender sends the streams of one port, on a thread of its own.
type sender struct {
	name    string // of the port
	link    *Link
	clock   Clock
	streams []*sending
	stop    *atomic.Bool
	arena   *packet.Arena
	descs   []packet.Desc
	due     bool  // frames are stamped with the time that they were due, not that they leave
	stuck   int64 // since when the port has taken nothing; 0: it takes frames
	err     error

	refused atomic.Uint64 // frames; written by the sender alone
}

// sending is one stream being sent.
type sending struct {
	stream  *Stream
	traffic *gen.Traffic
	pacer   *gen.Pacer
	share   float64 // of its frames that are to come out in this process
	started int64
	over    bool
	pace    gen.Pace
	took    time.Duration

	frames, bytes atomic.Uint64 // without FCS; written by the sender alone
}

const (
	// Frames filled, stamped and handed to the port at once. The kernel sends them one after another, some 2 us each on a
	// veth: at full rate the last one is 130 us older than its stamp when it leaves, which counts as its latency.
	txBatch = 64
	// A thread that waits looks this often whether it is to stop.
	stopCheck = 20 * time.Millisecond
	// A port that took nothing is tried again after this time.
	refusedWait = 20 * time.Microsecond
	// A port that takes nothing for this long ends the run.
	stuckLimit = 10 * time.Second
)

// add adds a stream. MTU is checked here: a frame that the port can never take would only be refused for ever.
func (s *sender) add(stream *Stream, t *gen.Traffic, tagged bool) error {
	p, err := gen.NewPacer(stream.Rate, stream.Burst)
	if err != nil {
		return err
	}
	l2 := packet.EthernetLen
	if tagged {
		l2 += packet.TagLen
	}
	if s.link.MTU > 0 && t.MaxLen() > s.link.MTU+l2 {
		return unfit("stream %s: frames of %d bytes do not fit port %s, whose MTU is %d: at most %d, with FCS",
			stream.Name, t.MaxLen()+fcs, s.name, s.link.MTU, s.link.MTU+l2+fcs)
	}
	s.streams = append(s.streams, &sending{stream: stream, traffic: t, pacer: p})
	return nil
}

const fcs = 4

// prepare makes the memory that frames are filled into.
func (s *sender) prepare() (err error) {
	size := 64 // what a gen.Traffic writes at least
	for _, st := range s.streams {
		size = max(size, st.traffic.MaxLen())
	}
	if s.arena, err = packet.NewArena(txBatch, size); err != nil {
		return err
	}
	for i := range txBatch {
		s.descs = append(s.descs, s.arena.Desc(i))
	}
	return nil
}

// run sends from the time start on until all streams are over, or it is told to stop.
func (s *sender) run(start int64) {
	defer s.clock.Thread()()
	s.start(start)
	defer s.finish()
	for s.err == nil && !s.stop.Load() {
		next, busy, over := s.turn(s.clock.Now())
		switch {
		case over:
			return
		case !busy:
			s.clock.Sleep(next)
		}
	}
}

func (s *sender) start(at int64) {
	for _, st := range s.streams {
		st.started = at + int64(st.stream.Delay)
		st.pacer.Start(st.started, st.stream.Duration, st.stream.Count)
	}
}

// turn sends what is due. next is when there is more to do; over: there will be nothing more.
func (s *sender) turn(now int64) (next int64, busy, over bool) {
	next, over = now+int64(stopCheck), true
	for _, st := range s.streams {
		if st.over {
			continue
		}
		if n := min(st.pacer.Due(now), txBatch); n > 0 {
			busy = true
			s.send(st, n, now)
		}
		if st.pacer.Over(now) {
			st.end(now)
			continue
		}
		over = false
		next = min(next, st.pacer.Next())
	}
	return next, busy, over
}

// finish ends the streams that are not over.
func (s *sender) finish() {
	for _, st := range s.streams {
		if !st.over {
			st.end(s.clock.Now())
		}
	}
	s.arena.Close()
}

func (st *sending) end(now int64) {
	st.over, st.pace, st.took = true, st.pacer.Pace(now), time.Duration(max(now-st.started, 0))
	if limit := st.stream.Duration; limit > 0 { // it may have slept beyond
		st.took = min(st.took, limit)
	}
}

// send sends n frames of a stream, or as many as the port takes.
func (s *sender) send(st *sending, n int, now int64) {
	d := s.descs[:n]
	st.traffic.Fill(s.arena, d)
	wall := s.clock.Wall() - s.clock.Now() // once a burst: it is the dearer clock
	for i := range d {
		sent := min(st.pacer.At(i), now)
		if !s.due {
			sent = s.clock.Now()
		}
		gen.PutStamp(s.arena.Frame(d[i]), wall+sent)
	}
	took := s.link.Tx.TxBurst(s.arena, d)
	st.traffic.Rewind(d[took:])
	st.pacer.Sent(took, now)
	bytes := uint64(0)
	for i := range d[:took] {
		bytes += uint64(d[i].Len)
	}
	add(&st.frames, uint64(took))
	add(&st.bytes, bytes)
	if took > 0 {
		s.stuck = 0
	}
	if took < n {
		s.back(n-took, now)
	}
}

// sent is the number of frames of all streams.
func (s *sender) sent() (frames uint64) {
	for _, st := range s.streams {
		frames += st.frames.Load()
	}
	return frames
}

// back waits for a port that has refused frames.
func (s *sender) back(refused int, now int64) {
	add(&s.refused, uint64(refused))
	switch {
	case s.stuck == 0:
		s.stuck = now
	case now-s.stuck > int64(stuckLimit):
		s.err = stuckError(s.name, s.link)
	}
	s.clock.Wait(refusedWait)
}

// stuckError says why a port takes nothing.
func stuckError(name string, link *Link) error {
	why := link.state()
	if why == nil {
		why = errors.New("its queue stays full")
	}
	return fmt.Errorf("port %s has taken no frame for %v: %w", name, stuckLimit, why)
}
