package router

import (
	"fmt"
	"net/netip"
	"sync"

	"vrfwd/vrftable"
)

// maxLogged is how many prefixes of a VR may change at once and still be logged one by one.
const maxLogged = 4096

// routeLog logs the routes in use that change, while it is asked for.
type routeLog struct {
	r       *Router
	stop    chan struct{} // nil: not asked for
	running sync.WaitGroup
}

// follow logs changes of the VRs that there are now, or none. It is called again when VRs may have come or gone.
func (l *routeLog) follow(on bool) {
	if l.stop != nil {
		close(l.stop)
		l.running.Wait()
		l.stop = nil
	}
	if !on {
		return
	}
	l.stop = make(chan struct{})
	for _, v := range l.r.table.VRs() {
		w, err := l.r.table.Watch(v.Name, maxLogged)
		if err != nil { // deleted meanwhile
			continue
		}
		l.running.Go(func() { l.watch(v.Name, w, l.stop) })
	}
}

func (l *routeLog) watch(vr string, w *vrftable.Watch, stop <-chan struct{}) {
	defer w.Close()
	var prefixes []netip.Prefix
	for {
		select {
		case <-stop:
			return
		case <-w.C():
		}
		var all bool
		if prefixes, all = w.Take(prefixes[:0]); all {
			l.r.log.Info("more routes have changed than are logged", "event", eventRoutes, "vr", vr)
			continue
		}
		var lines [][]any
		l.r.table.Bests(vr, prefixes, func(b *vrftable.Best) { lines = append(lines, routeLine(vr, b)) })
		for _, line := range lines {
			l.r.log.Info("route", line...)
		}
	}
}

// routeLine is what is logged of a route in use.
func routeLine(vr string, b *vrftable.Best) []any {
	line := []any{"event", eventRoute, "vr", vr, "prefix", b.Prefix}
	if b.Source == 0 {
		return append(line, "source", "none")
	}
	line = append(line, "source", b.Source)
	if b.Gateway.IsValid() {
		line = append(line, "gateway", b.Gateway)
	}
	if b.Peer.Addr.IsValid() {
		line = append(line, "neighbor", b.Peer.Addr)
	}
	if b.From != "" {
		line = append(line, "from", b.From)
	}
	if a := b.Attrs.Decode(); a != nil && len(a.ASPath) > 0 {
		line = append(line, "as-path", fmt.Sprint(a.ASPath))
	}
	return line
}
