package router

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"vrfwd/forwarder"
)

// worker is a forwarding thread with what belongs to it.
type worker struct {
	*forwarder.Worker
	number int
	cpu    int // -1: not pinned
	slow   *forwarder.SlowPath
	tap    *forwarder.Tap
	waiter Waiter

	thread atomic.Int64
	ended  atomic.Int64 // CPU time of the thread that has ended, in ns
	load   loadSample
}

// newWorker gives a worker its queues of all ports.
func newWorker(number int, r *Router) (_ *worker, err error) {
	w := &worker{number: number, cpu: -1}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.slow, err = forwarder.NewSlowPath(slowFrames, frameBytes(r.ports)); err != nil {
		return nil, err
	}
	if w.tap, err = forwarder.NewTap(tapFrames, tapBytes); err != nil {
		return nil, err
	}
	if w.waiter, err = r.driver.NewWaiter(); err != nil {
		return nil, err
	}
	c := forwarder.Config{View: r.table.View, Readers: r.table.Domain(), Slow: w.slow, Tap: w.tap, Idle: w.idle,
		Ports: make([]forwarder.Port, len(r.ports))}
	if cpus := r.config.CPUs; len(cpus) > 0 {
		w.cpu = cpus[number%len(cpus)]
		c.Pin, c.CPU = true, w.cpu
	}
	if r.config.BusyPoll {
		c.Idle = func(int) {}
	}
	for _, p := range r.ports {
		c.Ports[p.number] = p.queues[number]
	}
	if w.Worker, err = forwarder.NewWorker(c); err != nil {
		return nil, err
	}
	r.watch(w)
	return w, nil
}

// frameBytes is the size of the largest frame that a port may receive: an MTU, and an Ethernet header with two tags.
func frameBytes(ports []*port) int {
	most := 0
	for _, p := range ports {
		most = max(most, p.mtu+22)
	}
	return min(most, 1<<16-1)
}

// An idle worker polls a few times more, for the frame that is just coming, and then waits for its ports, in steps so
// short that nothing can hold a swap or the end up for long.
const (
	spins   = 8
	maxRest = 100 * time.Millisecond
)

func (w *worker) idle(passes int) {
	if passes > spins {
		w.waiter.Wait(maxRest)
	}
}

// watch makes a worker's waiter wait for its present queues.
func (r *Router) watch(w *worker) {
	var queues []Queue
	for _, p := range r.ports {
		p.mu.Lock()
		if q := p.queues[w.number]; q != nil && !p.removed() {
			queues = append(queues, q)
		}
		p.mu.Unlock()
	}
	w.waiter.Watch(queues)
}

// drainTime bounds how long a worker goes on after the end, for what its ports have received.
const drainTime = 200 * time.Millisecond

// run forwards on a thread of its own until ctx ends, and then what has been received by then.
func (w *worker) run(ctx context.Context) error {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, whose time it has counted
	preferThread()
	w.thread.Store(int64(threadID()))
	defer context.AfterFunc(ctx, w.waiter.Wake)()
	err := w.Run(ctx)
	for end := time.Now().Add(drainTime); w.Poll() > 0 && time.Now().Before(end); {
	}
	w.ended.Store(int64(threadTime(threadID())))
	return err
}

// busy returns the CPU time that the worker has used.
func (w *worker) busy() time.Duration {
	if ended := w.ended.Load(); ended != 0 {
		return time.Duration(ended)
	}
	if id := w.thread.Load(); id != 0 {
		return threadTime(int(id))
	}
	return 0
}

func (w *worker) close() error {
	var errs []error
	if w.Worker != nil {
		w.Worker.Close()
	}
	if w.slow != nil {
		errs = append(errs, w.slow.Close())
	}
	if w.tap != nil {
		errs = append(errs, w.tap.Close())
	}
	if w.waiter != nil {
		errs = append(errs, w.waiter.Close())
	}
	return errors.Join(errs...)
}
