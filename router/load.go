package router

import (
	"context"
	"sync/atomic"
	"time"
)

// loadSample is a worker's load over the last second.
type loadSample struct {
	permille atomic.Int64
	busy     time.Duration // when it was taken
	at       time.Time
}

// loadEvery is how often loads are taken.
const loadEvery = time.Second

// watchLoad samples the workers' CPU time until ctx ends.
func (r *Router) watchLoad(ctx context.Context) {
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for {
		for _, w := range r.workers {
			s, busy, now := &w.load, w.busy(), time.Now()
			if passed := now.Sub(s.at); !s.at.IsZero() && passed > 0 {
				s.permille.Store(min(1000, 1000*int64(busy-s.busy)/int64(passed)))
			}
			s.busy, s.at = busy, now
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
