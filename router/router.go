package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vrfwd/config"
	"vrfwd/forwarder"
	"vrfwd/slowpath"
	"vrfwd/vrftable"
)

// Router is a provider edge. New makes it, Run runs it, Close gives everything back; the rest may be called from any
// goroutine in between.
type Router struct {
	log    *slog.Logger
	level  *slog.LevelVar
	driver Driver
	start  time.Time

	table   *vrftable.Table
	ports   []*port // by number
	workers []*worker
	slow    *slowpath.Path
	slowTap *forwarder.Tap // of what the slow path sends
	bgp     sessions
	links   Links
	control *server  // nil: none
	metrics *metrics // nil: none

	reloading sync.Mutex // serialises reloads, and guards config and replaying
	config    *config.Config
	replaying *replay // nil: none

	capturing  atomic.Bool // there is a capture
	logChanges atomic.Bool // interfaces' states are logged
	routeLog   routeLog
}

// What a worker's way to the slow path and its tap hold.
const (
	slowFrames = 1024
	tapFrames  = 4096
	tapBytes   = 2048
)

// New opens the ports, builds the table and makes the workers; it takes the control socket and the metrics' address.
// Frames are received from now on, and forwarded by Run. An error leaves nothing behind.
func New(c *config.Config, o Options) (r *Router, err error) {
	r = &Router{log: o.Log, level: o.Level, driver: o.Driver, config: c, start: time.Now()}
	if r.log == nil {
		r.log = slog.Default()
	}
	if r.driver == nil {
		r.driver = System{}
	}
	r.logChanges.Store(c.Log.Changes)
	r.routeLog.r = r
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
			r = nil
		}
	}()
	if c.Control != "" { // first: it tells whether this router runs already
		if r.control, err = listen(c.Control); err != nil {
			return r, err
		}
	}
	if c.Metrics != "" {
		if r.metrics, err = newMetrics(r, c.Metrics); err != nil {
			return r, err
		}
	}
	if r.links, err = r.driver.WatchLinks(); err != nil {
		return r, err
	}
	if err = r.openPorts(); err != nil {
		return r, err
	}
	if err = r.buildTable(); err != nil {
		return r, err
	}
	if err = r.makeWorkers(); err != nil {
		return r, err
	}
	if err = r.makeSlowPath(); err != nil {
		return r, err
	}
	if o.sessions == nil {
		o.sessions = newSessions
	}
	r.routeLog.follow(c.Log.Routes)
	r.bgp = o.sessions(r.table, r.log) // last: it listens on the slow path's TUN devices
	return r, r.bgp.Set(bgpOf(c))
}

func (r *Router) openPorts() error {
	for _, p := range r.config.Ports {
		n, err := newPort(r.config, p, r.driver)
		if err != nil {
			return err
		}
		r.ports = append(r.ports, n)
		for _, w := range n.queues[len(n.queues)-1].Warnings() {
			r.log.Warn(w, "port", n.name)
		}
	}
	slices.SortFunc(r.ports, func(a, b *port) int { return a.number - b.number }) // numbers are those from 0
	return nil
}

// facts is what the table is told of a port.
func (r *Router) facts(name string) (mac vrftable.MAC, mtu int, ok bool) {
	for _, p := range r.ports {
		if p.name == name {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.mac, p.mtu, true
		}
	}
	return mac, 0, false
}

func (r *Router) buildTable() (err error) {
	c := r.config
	room := min(2*c.MaxVRFs, vrftable.MaxVRFs) // what a reload adds stands beside what it deletes
	if r.table, err = vrftable.New(vrftable.Config{VRFs: room, Ports: len(c.Ports), Log: r.log}); err != nil {
		return err
	}
	plan, err := c.Changes(r.facts)
	if err != nil {
		return err
	}
	return plan.Apply(r.table)
}

// makeWorkers opens the workers' queues last, so that no frame waits while the table is built.
func (r *Router) makeWorkers() error {
	for _, p := range r.ports {
		if err := p.openWorkers(p.queues); err != nil {
			return err
		}
	}
	for i := range r.config.Workers {
		w, err := newWorker(i, r)
		if err != nil {
			return err
		}
		r.workers = append(r.workers, w)
	}
	return nil
}

func (r *Router) makeSlowPath() (err error) {
	if r.slowTap, err = forwarder.NewTap(tapFrames, tapBytes); err != nil {
		return err
	}
	c := slowpath.Config{Table: r.table, Log: r.log, Ports: make([]forwarder.Port, len(r.ports)), Limits: limits(r.config),
		Hosts: hostsOf(r.config)}
	for _, w := range r.workers {
		c.Sources = append(c.Sources, w.slow)
	}
	for _, p := range r.ports {
		p.slow.tap, p.slow.view = r.slowTap, r.table.View
		c.Ports[p.number] = p.slow
	}
	r.slow, err = slowpath.New(c)
	return err
}

// limits are the configured limits of ICMP messages.
func limits(c *config.Config) map[slowpath.Message]slowpath.Limit {
	all := map[slowpath.Message]slowpath.Limit{}
	for m := range slowpath.NumMessages {
		l := c.ICMPErrors
		if m == slowpath.EchoReply {
			l = c.ICMPEcho
		}
		if l != nil {
			all[m] = slowpath.Limit{Rate: l.Rate, Burst: l.Burst}
		}
	}
	return all
}

// Run forwards until ctx ends, then tells BGP neighbours so, takes what the ports have received, sends it, and returns. It
// returns early with the error of a worker that could not run.
func (r *Router) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers, others sync.WaitGroup
	workCtx, stopWorkers := context.WithCancel(context.Background()) // sessions that end need the workers still
	defer stopWorkers()
	for _, w := range r.workers {
		workers.Go(func() {
			if err := w.run(workCtx); err != nil {
				cancel(err)
			}
		})
	}
	slowCtx, stopSlow := context.WithCancel(context.Background())
	others.Go(func() { cancelOn(cancel, r.slow.Run(slowCtx)) })
	states := &interfaceStates{}
	states.look(r.table, r.logInterface)
	others.Go(func() { r.watchLinks(ctx, states) })
	others.Go(func() { r.watchLoad(ctx) })
	if r.control != nil {
		others.Go(func() { r.control.serve(ctx, r) })
	}
	if r.metrics != nil {
		others.Go(func() { cancelOn(cancel, r.metrics.serve(ctx)) })
	}
	r.log.Info("forwarding", "ports", len(r.ports), "workers", len(r.workers), "vrfs", len(r.table.VRs())-1,
		"ready_after", time.Since(r.start).Round(time.Millisecond))
	r.bgp.Run(ctx)
	stopWorkers()
	workers.Wait()
	r.drainSlowPath()
	stopSlow()
	others.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func cancelOn(cancel context.CancelCauseFunc, err error) {
	if err != nil {
		cancel(err)
	}
}

// drainSlowPath waits, for a short time, until the slow path has taken what workers have punted.
func (r *Router) drainSlowPath() {
	for range 100 {
		if c := r.slow.Counters(); r.totals().Punted == sum(c.Punted[:]) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func sum(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// totals adds up the workers' counters.
func (r *Router) totals() forwarder.Totals {
	return forwarder.Sum(r.forwarders()...)
}

func (r *Router) forwarders() []*forwarder.Worker {
	all := make([]*forwarder.Worker, len(r.workers))
	for i, w := range r.workers {
		all[i] = w.Worker
	}
	return all
}

// Summary is the account of everything since start, on a few lines.
func (r *Router) Summary() string {
	t := r.totals()
	s := fmt.Sprintf("%v\nslow path: %v", t, r.slow.Counters())
	if lost := r.ringTotals(); lost != (Ring{}) {
		s += "\nrings:"
		for _, name := range ringNames {
			if n := lost.byName()[name]; n > 0 {
				s += fmt.Sprintf(" %s %d", name, n)
			}
		}
	}
	return s
}

// Close gives everything back. Run must have returned. Closing twice is harmless.
func (r *Router) Close() error {
	var errs []error
	if r.control != nil {
		errs = append(errs, r.control.close())
		r.control = nil
	}
	if r.metrics != nil {
		errs = append(errs, r.metrics.close())
		r.metrics = nil
	}
	r.routeLog.follow(false)
	if r.bgp != nil {
		r.bgp.Close() // it listens also where Run was never called
		r.bgp = nil
	}
	if r.slow != nil {
		errs = append(errs, r.slow.Close())
	}
	for _, w := range r.workers {
		errs = append(errs, w.close())
	}
	r.workers = nil
	if r.slowTap != nil {
		errs = append(errs, r.slowTap.Close())
		r.slowTap = nil
	}
	for _, p := range r.ports {
		errs = append(errs, p.close())
	}
	if r.links != nil {
		errs = append(errs, r.links.Close())
		r.links = nil
	}
	if r.table != nil {
		r.table.Close()
	}
	return errors.Join(errs...)
}
