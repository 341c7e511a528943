package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vrfwd/bench/trial"
	"vrfwd/forwarder"
)

// Bed is a Scenario under a Load: workers with their ports, generators and sinks. Trials on it follow one another.
type Bed struct {
	Scenario *Scenario
	Load     Load // as completed

	lanes []*lane
	cpus  []int // of the lanes; ports=rings: the generator's last
	idle  int   // ports=rings: turns since a frame moved
}

// NewBed gives a scenario workers and traffic. Close gives them back. Errors: *ConfigError, or of memory.
func (s *Scenario) NewBed(l Load) (*Bed, error) { return s.newBed(l, nil) }

func (s *Scenario) newBed(l Load, wrap func(forwarder.Port) forwarder.Port) (*Bed, error) {
	if err := l.complete(&s.Network); err != nil {
		return nil, err
	}
	b := &Bed{Scenario: s, Load: l, cpus: allowedCPUs()}
	if l.Ports == Rings { // the generator has the first CPU
		b.cpus = append(b.cpus[1:], b.cpus[0])
	}
	base := uint32(0)
	for i := range l.Workers {
		ln, err := s.newLane(&l, base, l.Seed+uint64(i)*1_000_003, b.cpus[i%len(b.cpus)], wrap)
		if err != nil {
			b.Close()
			return nil, err
		}
		b.lanes = append(b.lanes, ln)
		base += uint32(len(ln.sink.flows))
	}
	return b, nil
}

// Close gives workers and memory back. The scenario stays.
func (b *Bed) Close() {
	for _, ln := range b.lanes {
		ln.close()
	}
	b.lanes = nil
}

// Memory returns the bytes of frames and of rings.
func (b *Bed) Memory() (arena, rings int) {
	const desc = 16
	for _, ln := range b.lanes {
		arena += len(ln.arena.Bytes())
		rings += len(ln.rings) * 4 * ln.arena.Frames() * desc
	}
	return arena, rings
}

// Flows returns the number of flows of all workers.
func (b *Bed) Flows() int {
	n := 0
	for _, ln := range b.lanes {
		n += len(ln.sink.flows)
	}
	return n
}

func (b *Bed) workers() (ws []*forwarder.Worker) {
	for _, ln := range b.lanes {
		ws = append(ws, ln.worker)
	}
	return ws
}

// Run says what a trial does.
type Run struct {
	Warmup   time.Duration
	Duration time.Duration
	Frames   uint64 // so many instead, rounded up to bursts, without warm-up; all workers together
	// Rate is what is offered, frames a second, to all workers together; 0: as many as come back. With a rate, frames that
	// find a worker's queue full are lost.
	Rate     float64
	Latency  bool    // time each frame, from when it was due; with a rate only
	Churn    int     // changes a second of the parent's routes meanwhile
	Replay   *Replay // the same of a collector's file; nil: none. Not with Churn
	Progress func(Progress)
}

// churns tells whether routes change meanwhile.
func (r *Run) churns() bool { return r.Churn > 0 || r.Replay != nil }

// Progress tells how far a trial is. It is called by Run's own goroutine, some times a second.
type Progress struct {
	Elapsed time.Duration // since the trial began, warm-up included
	Frames  uint64        // that came out or back since
}

// progressEvery is short enough for a display and too long to matter.
const progressEvery = 200 * time.Millisecond

// Trial is what a trial found. The rates are those between warm-up and stop, the account is of all frames.
type Trial struct {
	Elapsed time.Duration `json:"elapsed_ns"` // between warm-up and stop: the mean of the workers'
	Frames  uint64        `json:"frames"`     // that came out in that time
	Handled uint64        `json:"handled"`    // that came out, or were punted or dropped, in that time
	PPS     float64       `json:"pps"`        // frames that came out a second, the workers' rates added up
	BPS     float64       `json:"bps"`        // the same in bits of layer 1: 24 more bytes a frame: preamble, gap and FCS
	NS      float64       `json:"ns_per_packet"`

	Missed  uint64           `json:"missed"`  // frames that fell due and that the generators had no time to make
	Late    time.Duration    `json:"late_ns"` // the latest that a frame left after its time
	Latency *trial.Latency   `json:"-"`       // nil: frames were not timed
	Backoff uint64           `json:"backoff"` // bursts that the generators did not make: all frames were in flight
	Account Account          `json:"account"`
	Totals  forwarder.Totals `json:"-"`
	Churn   *Churn           `json:"churn,omitempty"`
	Faults  []string         `json:"faults,omitempty"` // the first frames that were not the model's
	Stopped bool             `json:"stopped"`          // before its time
}

// layer1 is what a frame takes on the wire besides its bytes as Desc.Len counts them: preamble and start delimiter 8,
// FCS 4, inter-frame gap 12 (IEEE 802.3 3.1.1, 4.4.2).
const layer1 = 24

// window is what one thread measured between warm-up and stop.
type window struct {
	elapsed              time.Duration
	frames, freed, bytes uint64
}

// Run runs one trial: warm-up, the time measured, stop, drain, counters. The context ends it early, with Stopped set;
// that is no error. Errors are those of threads that could not be pinned and of route changes that were refused.
func (b *Bed) Run(ctx context.Context, r Run) (Trial, error) {
	if r.Replay != nil {
		if err := r.Replay.check(); err != nil {
			return Trial{}, err
		}
	}
	for i, ln := range b.lanes {
		ln.sink.reset(r.churns())
		ln.backoff, ln.left = 0, endless
		if r.Frames > 0 {
			ln.left = r.Frames / uint64(len(b.lanes))
			if uint64(i) < r.Frames%uint64(len(b.lanes)) {
				ln.left++
			}
		}
		ln.done.Store(0)
		if ln.pace = nil; r.Rate > 0 {
			count := uint64(0)
			if r.Frames > 0 {
				count = ln.left
			}
			var err error
			if ln.pace, err = ln.newPace(r.Rate/float64(len(b.lanes)), count, b.Load.Ports, b.Load.Frames, r.Latency); err != nil {
				return Trial{}, err
			}
		}
	}
	busy := len(b.lanes) + 1 // and this goroutine, to show progress
	if b.Load.Ports == Rings {
		busy++
	}
	if r.churns() {
		busy++
	}
	if was := runtime.GOMAXPROCS(0); was < busy && (r.Progress != nil || r.churns() || busy-1 > was) {
		// A busy thread does not give way; so whoever else is to run has a P of its own.
		runtime.GOMAXPROCS(busy)
		defer runtime.GOMAXPROCS(was)
	}
	if r.Frames == 0 {
		runtime.GC()
	}
	var stop atomic.Bool
	defer context.AfterFunc(ctx, func() { stop.Store(true) })()
	before := forwarder.Sum(b.workers()...)
	ifaces := b.ifaceCounts()

	var windows []window
	errs := make(chan error, 1)
	churned := make(chan *Churn, 1)
	done, churnStop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var err error
		if b.Load.Ports == Rings {
			windows, err = b.runRings(r, &stop)
		} else {
			windows, err = b.runSameCore(r, &stop)
		}
		errs <- err
	}()
	var churnErr error
	if r.churns() {
		go func() {
			var c *Churn
			if r.Replay != nil {
				c, churnErr = b.Scenario.replay(r.Replay, churnStop)
			} else {
				c, churnErr = b.Scenario.churn(r.Churn, churnStop)
			}
			churned <- c
		}()
	}
	b.watch(r.Progress, done)
	t := Trial{}
	if r.churns() {
		close(churnStop)
		t.Churn = <-churned
	}
	if err := errors.Join(<-errs, churnErr); err != nil {
		return t, err
	}
	t.Stopped = ctx.Err() != nil
	for _, w := range windows {
		t.Elapsed += w.elapsed / time.Duration(len(windows))
		t.Frames += w.frames
		t.Handled += w.frames + w.freed
		if s := w.elapsed.Seconds(); s > 0 {
			t.PPS += float64(w.frames) / s
			t.BPS += 8 * float64(w.bytes+layer1*w.frames) / s
		}
	}
	if t.Handled > 0 {
		t.NS = float64(t.Elapsed.Nanoseconds()) * float64(len(b.lanes)) / float64(t.Handled)
	}
	t.Totals = forwarder.Sum(b.workers()...).Sub(&before)
	b.account(&t, ifaces)
	return t, nil
}

// watch calls progress until done.
func (b *Bed) watch(progress func(Progress), done <-chan struct{}) {
	if progress == nil {
		<-done
		return
	}
	began, tick := time.Now(), time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			p := Progress{Elapsed: time.Since(began)}
			for _, ln := range b.lanes {
				p.Frames += ln.done.Load()
			}
			progress(p)
		}
	}
}

// account adds the lanes' accounts up, and compares what each IP interface has counted with what came out.
func (b *Bed) account(t *Trial, before map[string]uint64) {
	came := map[string]uint64{}
	for _, ln := range b.lanes {
		a := ln.sink.account(came)
		if back := ln.sink.frames + ln.sink.freed + ln.pace.overflowed(); back < a.Sent {
			a.Missing = a.Sent - back
		}
		t.Account.add(a)
		t.Backoff += ln.backoff
		if ln.pace != nil {
			missed, late := ln.pace.missed()
			t.Missed += missed
			t.Late = max(t.Late, late)
			if ln.pace.stamps != nil {
				if t.Latency == nil {
					all := trial.NewLatency(3)
					t.Latency = &all
				}
				t.Latency.Merge(&ln.pace.latency)
			}
		}
		if v := ln.sink.verifier; v != nil {
			t.Faults = append(t.Faults, v.first...)
		}
	}
	for name, n := range b.ifaceCounts() {
		if n-before[name] != came[name] {
			t.Account.Interfaces++
			if len(t.Faults) < complaints {
				t.Faults = append(t.Faults, fmt.Sprintf("interface %s has sent %d, but %d came out", name, n-before[name], came[name]))
			}
		}
	}
}

// ifaceCounts returns the frames that each IP interface has sent.
func (b *Bed) ifaceCounts() map[string]uint64 {
	ws, counts := b.workers(), map[string]uint64{}
	for _, i := range b.Scenario.Table.Interfaces() {
		counts[i.Name] = forwarder.SumIface(i.Index, ws...).Tx.Packets
	}
	return counts
}

// passes is how many there are between two looks at the clock: some hundred microseconds.
const passes = 16

// meter measures one thread's time between warm-up and stop.
type meter struct {
	run    *Run
	stop   *atomic.Bool
	lanes  []*lane
	from   time.Time
	window window
	began  bool
}

func newMeter(r *Run, stop *atomic.Bool, lanes ...*lane) *meter {
	m := &meter{run: r, stop: stop, lanes: lanes, from: time.Now()}
	for _, ln := range lanes {
		ln.pace.begin()
	}
	if r.Frames > 0 {
		m.begin()
	}
	return m
}

// count adds up what came out and back.
func (m *meter) count() (w window) {
	for _, ln := range m.lanes {
		w.frames += ln.sink.frames
		w.freed += ln.sink.freed
		w.bytes += ln.sink.bytes
		ln.done.Store(ln.sink.frames + ln.sink.freed)
	}
	return w
}

func (m *meter) begin() {
	m.began, m.window = true, m.count()
	m.from = time.Now()
}

// goes reads the clock and tells whether the trial goes on.
func (m *meter) goes() bool {
	m.count()
	passed := time.Since(m.from)
	switch {
	case m.stop.Load():
		return false
	case m.run.Frames > 0:
		return slices.ContainsFunc(m.lanes, func(ln *lane) bool { return ln.left > 0 })
	case !m.began && passed >= m.run.Warmup:
		m.begin()
	case m.began && passed >= m.run.Duration:
		return false
	}
	return true
}

// end closes the window.
func (m *meter) end() window {
	if !m.began {
		m.window = m.count()
	}
	w := m.count()
	w.frames -= m.window.frames
	w.freed -= m.window.freed
	w.bytes -= m.window.bytes
	w.elapsed = time.Since(m.from)
	return w
}

// runSameCore runs every lane in a thread of its own, which generates, forwards and collects.
func (b *Bed) runSameCore(r Run, stop *atomic.Bool) ([]window, error) {
	windows, errs := make([]window, len(b.lanes)), make([]error, len(b.lanes))
	var ready, all sync.WaitGroup
	ready.Add(len(b.lanes))
	for i, ln := range b.lanes {
		all.Go(func() {
			errs[i] = b.onCPU(b.cpus[i%len(b.cpus)], func() {
				ready.Done()
				ready.Wait()
				m := newMeter(&r, stop, ln)
				for m.goes() {
					for range passes {
						ln.worker.Poll()
						ln.drainSlow()
					}
				}
				windows[i] = m.end()
			}, ready.Done)
		})
	}
	all.Wait()
	return windows, errors.Join(errs...)
}

// onCPU runs f on a locked thread, pinned where the load says so; failed instead of it where that is refused.
func (b *Bed) onCPU(cpu int, f, failed func()) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if b.Load.Pin {
		undo, err := pinThread(cpu)
		if err != nil {
			failed()
			return err
		}
		defer undo()
	}
	f()
	return nil
}

// drainFor is how long frames in flight may take to come back when nothing comes back at all.
const drainFor = time.Second

// runRings runs every worker in a thread of its own, and all generators and sinks in one.
func (b *Bed) runRings(r Run, stop *atomic.Bool) ([]window, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	errs := make([]error, len(b.lanes)+1)
	var all sync.WaitGroup
	polled := b.polled()
	for i, ln := range b.lanes {
		all.Go(func() {
			if errs[i] = ln.worker.Run(ctx); errs[i] != nil {
				stop.Store(true)
			}
		})
	}
	var w window
	errs[len(b.lanes)] = b.onCPU(b.cpus[len(b.cpus)-1], func() {
		// What is offered before a worker is there, a rate would have to count as lost.
		for r.Rate > 0 && !stop.Load() && slices.ContainsFunc(b.lanes, func(ln *lane) bool { return polls(ln) == polled[ln] }) {
			runtime.Gosched()
		}
		m := newMeter(&r, stop, b.lanes...)
		for m.goes() {
			b.turns(passes)
		}
		if r.Frames > 0 {
			b.drain()
		}
		w = m.end()
		b.drain()
	}, func() {})
	cancel()
	all.Wait()
	for _, ln := range b.lanes {
		ln.left = 0
		ln.turn()
	}
	return []window{w}, errors.Join(errs...)
}

func polls(ln *lane) uint64 { return forwarder.Sum(ln.worker).Polls }

// polled is how often the workers have looked for frames.
func (b *Bed) polled() map[*lane]uint64 {
	n := map[*lane]uint64{}
	for _, ln := range b.lanes {
		n[ln] = polls(ln)
	}
	return n
}

// turns gives every lane some passes, and gives way to other goroutines when nothing moves: there may be fewer CPUs than
// threads.
func (b *Bed) turns(n int) (moved int) {
	for range n {
		now := 0
		for _, ln := range b.lanes {
			now += ln.turn()
		}
		moved += now
	}
	if moved > 0 {
		b.idle = 0
	} else if b.idle++; b.idle > idleTurns {
		runtime.Gosched()
	}
	return moved
}

// idleTurns without a frame moved are some ten microseconds: longer than a worker takes for its burst. A locked thread
// that gives way sleeps and has to be woken.
const idleTurns = 64

// drain waits until all frames are back, or nothing moves any more.
func (b *Bed) drain() {
	for _, ln := range b.lanes {
		ln.left = 0
	}
	for last := time.Now(); slices.ContainsFunc(b.lanes, func(ln *lane) bool { return ln.out > 0 }); {
		if b.turns(passes) > 0 {
			last = time.Now()
		} else if time.Since(last) > drainFor {
			return
		}
	}
}
