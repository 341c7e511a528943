package bgp

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// applier brings what all sessions have learned into the tables: one goroutine, which takes what has queued up as one
// batch. The queue is short: a neighbour that sends faster than the tables take it finds its connection full.
type applier struct {
	table *vrftable.Table
	log   *slog.Logger
	jobs  chan job
}

// job is what one session has learned, or what is to be done about its routes.
type job struct {
	p       *peer           // nil: nobody is to be blamed
	session context.Context // ended by a fault: what it has learned is worth nothing any more; nil: always worth it
	change  vrftable.Change
	routes  int
	done    chan<- struct{} // closed when it is in force, or never will be; nil: nobody waits
	refused *error          // before that: why it never will be; nil: nobody asks
}

// The bounds of the queue and of a batch. A job has up to maxUpdate routes.
const (
	maxJobs  = 64
	maxBatch = 8192 // routes
)

func newApplier(t *vrftable.Table, log *slog.Logger) *applier {
	a := &applier{table: t, log: log, jobs: make(chan job, maxJobs)}
	go a.run()
	return a
}

func (a *applier) close() { close(a.jobs) }

// submit queues a job; false: ctx has ended.
func (a *applier) submit(ctx context.Context, j job) bool {
	select {
	case a.jobs <- j:
		return true
	case <-ctx.Done():
		return false
	}
}

// wait brings a change into force, nil: what was queued before.
func (a *applier) wait(c vrftable.Change) (err error) {
	done := make(chan struct{})
	a.jobs <- job{change: c, done: done, refused: &err}
	<-done
	return err
}

func (a *applier) run() {
	for j := range a.jobs {
		batch, routes := []job{j}, j.routes
	more:
		for routes < maxBatch {
			select {
			case j, ok := <-a.jobs:
				if !ok {
					break more
				}
				batch, routes = append(batch, j), routes+j.routes
			default:
				break more
			}
		}
		a.apply(batch)
	}
}

// apply applies a batch. Jobs that the table refuses are left out, and their sessions end: their routes cannot be kept.
func (a *applier) apply(batch []job) {
	defer func() {
		for _, j := range batch {
			if j.done != nil {
				close(j.done)
			}
		}
	}()
	left := slices.DeleteFunc(slices.Clone(batch), job.idle)
	for len(left) > 0 {
		changes := make([]vrftable.Change, len(left))
		for i := range left {
			changes[i] = left[i].change
		}
		err := a.table.Apply(changes)
		refused := (*vrftable.ChangeError)(nil)
		switch {
		case err == nil:
			a.check(left)
			return
		case errors.Is(err, vrftable.ErrBusy):
			time.Sleep(time.Millisecond) // readers hold what was replaced before: they let go within a burst
		case errors.As(err, &refused):
			a.blame(left[refused.Index], refused)
			left = slices.Delete(left, refused.Index, refused.Index+1)
		case len(left) > 1: // a FIB is full: for whom, is found one by one
			for i := range left {
				a.apply([]job{{p: left[i].p, session: left[i].session, change: left[i].change, routes: left[i].routes,
					refused: left[i].refused}})
			}
			return
		default:
			a.blame(left[0], err)
			return
		}
	}
}

// idle tells whether a job changes nothing: it only waits, or its session has ended by a fault, which takes its routes.
func (j job) idle() bool {
	if j.session == nil || j.session.Err() == nil {
		return j.change == nil
	}
	f := (*fault)(nil)
	return errors.As(context.Cause(j.session), &f)
}

// blame tells whose job the table does not take, and ends the session.
func (a *applier) blame(j job, err error) {
	a.log.Error("bgp: the table refuses a change", "error", err)
	if j.refused != nil {
		*j.refused = err
	}
	if j.p != nil {
		j.p.abort(faultf(wire.BGP_ERROR_CEASE, wire.BGP_ERROR_SUB_OUT_OF_RESOURCES, "the table refuses a route: %v", err))
	}
}

// check looks at the limits of those whose routes were applied.
func (a *applier) check(jobs []job) {
	for i, j := range jobs {
		if j.p != nil && (i == len(jobs)-1 || jobs[i+1].p != j.p) {
			j.p.accept(a.table.PeerRoutes(j.p.c.VR, j.p.cfg.Addr))
		}
	}
}
