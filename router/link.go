package router

import (
	"context"
	"errors"
	"time"

	"vrfwd/afpacket"
	"vrfwd/vrftable"
)

// linkEvery is how often ports are looked at without news of them: for a deleted device that came back when it could not be
// opened yet.
const linkEvery = time.Second

// watchLinks keeps the table's ports like the devices behind them, until ctx ends. states are the interfaces' at the start.
func (r *Router) watchLinks(ctx context.Context, states *interfaceStates) {
	tick := time.NewTicker(linkEvery)
	defer tick.Stop()
	for {
		for _, p := range r.ports {
			r.watchLink(ctx, p)
		}
		states.look(r.table, r.logInterface)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-r.links.Changed():
		}
	}
}

// watchLink looks at one port. The link monitor alone replaces queues and states.
func (r *Router) watchLink(ctx context.Context, p *port) {
	if p.removed() && !r.reopen(ctx, p) {
		return
	}
	q := p.queues[len(p.queues)-1]
	state := q.State()
	mac, mtu := vrftable.MAC(q.MAC()), min(q.MTU(), p.opened)
	p.mu.Lock()
	before, changed := p.down, (mac != p.mac || mtu != p.mtu) && !errors.Is(state, afpacket.ErrRemoved)
	p.down = state
	if changed {
		p.mac, p.mtu = mac, mtu
	}
	effective := p.effectiveMTU()
	p.mu.Unlock()

	var changes []vrftable.Change
	if changed {
		r.log.Info("device changed", "event", eventPortChanged, "port", p.name, "mac", mac, "mtu", mtu)
	}
	if changed || p.untold {
		changes = append(changes, vrftable.SetPort{Name: p.name, MAC: p.mac, MTU: effective})
	}
	if (before == nil) != (state == nil) || p.untold {
		changes = append(changes, vrftable.SetPortState{Port: p.name, Up: state == nil})
	}
	switch {
	case state == nil && before != nil:
		r.log.Info("port is up: its routes are back", "event", eventPortUp, "port", p.name, "device", p.device)
	case state != nil && (before == nil || errors.Is(state, afpacket.ErrRemoved)):
		r.log.Warn("port is down: its routes are withdrawn", "event", eventPortDown, "port", p.name, "device", p.device, "error", state)
	}
	if errors.Is(state, afpacket.ErrRemoved) {
		r.watchAll()
	}
	if len(changes) == 0 {
		return
	}
	err := r.table.Apply(changes)
	if err != nil && !p.untold {
		r.log.Error("the table did not take a port's new state: it is told again", "port", p.name, "error", err)
	}
	p.untold = err != nil
	if state != nil {
		r.forgetNeighbors(p)
	}
}

// forgetNeighbors forgets who was learned on a port that went down: others may be there when it comes up, and that may be
// before the slow path would have noticed.
func (r *Router) forgetNeighbors(p *port) {
	for _, i := range r.table.Interfaces() {
		if i.Port == p.name && !i.Shared {
			r.slow.FlushNeighbors(i.Name)
		}
	}
}

// removed tells whether the port's device was deleted.
func (p *port) removed() bool { return errors.Is(p.down, afpacket.ErrRemoved) }

func (r *Router) watchAll() {
	for _, w := range r.workers {
		r.watch(w)
	}
}

// reopen opens a deleted device that has come back under its name: the slow path's queue first, then each worker's. The
// old queues are closed when nobody touches them any more.
func (r *Router) reopen(ctx context.Context, p *port) bool {
	last := len(p.queues) - 1
	fresh := make([]Queue, len(p.queues))
	slow, err := p.openSlow()
	if err == nil {
		fresh[last] = slow
		err = p.openWorkers(fresh)
	}
	if err != nil {
		for _, q := range fresh {
			if q != nil {
				_ = q.Close()
			}
		}
		if err.Error() != p.failure && !errors.Is(err, afpacket.ErrRemoved) {
			r.log.Warn("the device is back, but cannot be opened: trying again", "port", p.name, "error", err)
		}
		p.failure = err.Error()
		return false
	}
	p.failure = ""
	p.mu.Lock()
	old := p.queues
	p.queues, p.opened = fresh, slow.MTU()
	p.down = afpacket.ErrDown // until the next look says otherwise
	for _, q := range old {
		p.closed = addStats(p.closed, q.Stats())
	}
	p.mu.Unlock()
	r.watchAll()
	if err := r.slow.SetPort(uint16(p.number), &slowPort{queue: slow, number: uint16(p.number), tap: r.slowTap, view: r.table.View}); err != nil {
		r.log.Error("the slow path did not take a port's new queue", "port", p.name, "error", err)
	}
	for i, w := range r.workers {
		done, err := w.SetPort(p.number, fresh[i])
		if err != nil {
			r.log.Error("a worker did not take a port's new queue", "port", p.name, "worker", i, "error", err)
			continue
		}
		w.waiter.Wake()
		select {
		case <-done:
		case <-ctx.Done(): // the worker may have ended; Close closes what is left
			p.mu.Lock()
			p.leftover = append(p.leftover, old[i:]...)
			p.mu.Unlock()
			return false
		}
		_ = old[i].Close()
	}
	_ = old[last].Close()
	return true
}
