package bench

import (
	"math"
	"time"

	"vrfwd/bench/trial"
	"vrfwd/gen"
	"vrfwd/packet"
)

// pace offers a lane's frames at a rate, and times them. Frames that fall due and find the worker's queue full are lost there,
// as a network card loses them; those that the generator had no time to make are missed, and no loss of the worker's.
//
// In samecore nobody but the worker's thread makes frames, so there is a queue in name alone: frames that fell due and that the
// worker has not asked for wait in it.
type pace struct {
	began   time.Time    // when the first frame was due
	pacers  []*gen.Pacer // by source
	queue   int          // frames, with samecore
	stamps  []int64      // by frame of the arena: when it was due; nil: frames are not timed
	latency trial.Latency
	lost    uint64 // found the queue full: there was no frame
}

// newPace makes the pace of a lane from its share of the rate. count is the number of frames of the lane, 0: endless.
func (ln *lane) newPace(rate float64, count uint64, ports Ports, frames int, timed bool) (*pace, error) {
	p := &pace{queue: max(frames, ringFrames)}
	for i := range ln.sources {
		one, err := gen.NewPacer(rate*ln.sources[i].share, 1)
		if err != nil {
			return nil, err
		}
		// What a late generator makes up for at once fits the queue beside what waits there already; with samecore, all of
		// it is the worker's delay.
		slack := frames / 2
		if ports == SameCore {
			slack = math.MaxInt32
		}
		one.SetSlack(slack)
		one.Start(0, 0, uint64(math.Ceil(float64(count)*ln.sources[i].share)))
		p.pacers = append(p.pacers, one)
	}
	if timed {
		p.stamps, p.latency = make([]int64, ln.arena.Frames()), trial.NewLatency(3)
	}
	return p, nil
}

// begin is called when frames can be sent.
func (p *pace) begin() {
	if p != nil {
		p.began = time.Now()
	}
}

func (p *pace) now() int64 { return int64(time.Since(p.began)) }

// stamp notes when frames were due that are about to be sent.
func (p *pace) stamp(source int, a *packet.Arena, d []packet.Desc) {
	if p.stamps == nil {
		return
	}
	for i := range d {
		p.stamps[a.Slot(d[i])] = p.pacers[source].At(i)
	}
}

// came times frames that came out.
func (p *pace) came(a *packet.Arena, d []packet.Desc) {
	if p == nil || p.stamps == nil {
		return
	}
	now := p.now()
	for i := range d {
		p.latency.Add(now - p.stamps[a.Slot(d[i])])
	}
}

// overflowed is how many frames found the queue full.
func (p *pace) overflowed() uint64 {
	if p == nil {
		return 0
	}
	return p.lost
}

// missed is the generator's shortfall, and the latest that a frame left.
func (p *pace) missed() (frames uint64, late time.Duration) {
	for _, one := range p.pacers {
		frames += one.Missed()
		late = max(late, one.Pace(0).Late)
	}
	return frames, late
}

// owed tells how many frames of a source are to be made now, at most so many: n, as far as there is room for them, and the
// rest, which is lost.
func (ln *lane) owed(source, most, room int) (n, lost int, now int64) {
	now = ln.pace.now()
	due := min(ln.pace.pacers[source].Due(now), most)
	n = min(due, room)
	return n, due - n, now
}

// offer makes the frames that owed has told of, in the slots that d names.
func (ln *lane) offer(source int, d []packet.Desc, lost int, now int64) {
	p, s := ln.pace, &ln.sources[source]
	s.fill(ln.arena, d)
	p.stamp(source, ln.arena, d)
	ln.lose(source, lost)
	p.pacers[source].Sent(len(d)+lost, now)
}

// lose has frames of a source be sent and lost: their sequence numbers are used up.
func (ln *lane) lose(source, n int) {
	ln.sources[source].skip(n)
	ln.pace.lost += uint64(n)
	ln.left -= uint64(n)
}

// overflow loses what waits beyond the queue, with samecore.
func (ln *lane) overflow(source int) {
	p := ln.pace
	now := p.now()
	if over := min(p.pacers[source].Due(now)-p.queue, int(ln.left)); over > 0 {
		ln.lose(source, over)
		p.pacers[source].Sent(over, now)
	}
}

// skip does as if n frames had been made and lost.
func (s *source) skip(n int) {
	for n > 0 {
		burst := min(n, s.burst)
		n -= burst
		for i := range s.parts {
			part := min(s.parts[i].n, burst)
			if i == len(s.parts)-1 {
				part = burst
			}
			s.parts[i].traffic.Skip(uint64(part))
			burst -= part
		}
	}
}
