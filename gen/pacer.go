package gen

import (
	"fmt"
	"math"
	"time"
)

// Pacer says when frames are to be sent: frame k of a rate r in bursts of b is due at
//
//	start + floor(k/b)*b/r
//
// a schedule that does not drift, as every time follows from the start alone. A sender that is late makes up for it at
// once, but only for what fell due during the last slack: frames older than that are missed, so that a thread that slept does
// not flood who receives. What is missed is the generator's own shortfall.
//
// Times are nanoseconds of any clock that does not jump. It reads no clock itself and belongs to one goroutine.
type Pacer struct {
	perNS  float64 // frames a nanosecond; 0: as many as the port takes
	burst  uint64
	slack  uint64 // frames
	start  int64
	end    int64  // nothing falls due from here on
	limit  uint64 // frames to send
	sent   uint64
	missed uint64
	late   int64
}

// Slack is for how long a late sender makes up: several time slices of a busy machine's scheduler.
const Slack = 10 * time.Millisecond

// MaxRate is the highest rate in frames a second.
const MaxRate = 1e9

// SetSlack has a late sender make up for so many frames at most, and a burst, instead of those of the last Slack: as many
// as the receiver's queue holds besides what it has to hold anyway.
func (p *Pacer) SetSlack(frames int) { p.slack = p.burst + uint64(max(frames, 0)) }

// NewPacer makes a pacer of rate frames a second, 0: without limit, in bursts of burst frames.
func NewPacer(rate float64, burst int) (*Pacer, error) {
	if !(rate >= 0 && rate <= MaxRate) {
		return nil, fmt.Errorf("gen: rate of %g frames a second: 0 (no limit) to %g is possible", rate, MaxRate)
	}
	if burst < 1 || burst > 1<<20 {
		return nil, fmt.Errorf("gen: bursts of %d frames: 1 to %d are possible", burst, 1<<20)
	}
	p := &Pacer{perNS: rate / 1e9, burst: uint64(burst), end: math.MaxInt64}
	p.slack = p.burst + uint64(p.perNS*float64(Slack))
	return p, nil
}

// Start begins the schedule at a time, now or later. It ends after duration, 0: never, or after count frames sent, 0:
// without such a limit.
func (p *Pacer) Start(at int64, duration time.Duration, count uint64) {
	p.start, p.end, p.limit, p.sent, p.missed, p.late = at, math.MaxInt64, math.MaxUint64, 0, 0, 0
	if duration > 0 {
		p.end = at + int64(duration)
	}
	if count > 0 {
		p.limit = count
	}
}

// scheduled returns the number of frames that have fallen due until now.
func (p *Pacer) scheduled(now int64) uint64 {
	if now = min(now, p.end-1); now < p.start {
		return 0
	}
	// Half a nanosecond more than at takes away, so that what rounding does never makes a frame late.
	return uint64((float64(now-p.start)+0.5)*p.perNS/float64(p.burst)+1) * p.burst
}

// at returns when frame k is due.
func (p *Pacer) at(k uint64) int64 {
	if p.perNS == 0 {
		return p.start
	}
	due := float64(k/p.burst*p.burst) / p.perNS
	if due >= float64(math.MaxInt64-p.start) {
		return math.MaxInt64
	}
	return p.start + int64(math.Ceil(due-0.25))
}

// Due returns how many frames are to be sent now.
func (p *Pacer) Due(now int64) int {
	left := p.limit - p.sent
	if p.perNS == 0 {
		if now < p.start || now >= p.end {
			return 0
		}
		return int(min(left, math.MaxInt32))
	}
	owed := p.scheduled(now) - p.sent - p.missed
	if owed > p.slack && left > 0 {
		missed := (owed - p.slack + p.burst - 1) / p.burst * p.burst // whole bursts
		p.missed += missed
		owed -= missed
	}
	return int(min(owed, left, math.MaxInt32))
}

// Sent takes note of n frames sent at a time, of those that were due.
func (p *Pacer) Sent(n int, now int64) {
	if n > 0 && p.perNS > 0 {
		p.late = max(p.late, now-p.at(p.sent+p.missed))
	}
	p.sent += uint64(n)
}

// Next returns when the next frame is due; math.MaxInt64: none will be.
func (p *Pacer) Next() int64 {
	if at := p.at(p.sent + p.missed); at < p.end && p.sent < p.limit {
		return at
	}
	return math.MaxInt64
}

// At returns when the i-th frame from now on is due, of those not sent yet: 0 is the next. Without a rate it is the start.
func (p *Pacer) At(i int) int64 { return p.at(p.sent + p.missed + uint64(i)) }

// Over tells that the schedule has ended: all has been sent, or the time is over and what was due has been sent or missed.
func (p *Pacer) Over(now int64) bool { return p.sent >= p.limit || now >= p.end && p.Due(now) == 0 }

// Missed returns the number of frames that were given up so far: they had fallen due longer ago than the slack.
func (p *Pacer) Missed() uint64 { return p.missed }

// Pace is a pacer's account.
type Pace struct {
	Sent   uint64
	Missed uint64        // frames that fell due and were not sent in time: the generator's shortfall
	Late   time.Duration // the latest that a frame was sent after its time
}

// Pace returns the account of what fell due until now.
func (p *Pacer) Pace(now int64) Pace {
	a := Pace{Sent: p.sent, Missed: p.missed, Late: time.Duration(p.late)}
	if p.perNS > 0 && p.sent < p.limit {
		a.Missed = p.scheduled(now) - p.sent
	}
	return a
}
