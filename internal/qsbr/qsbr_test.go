package qsbr

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func TestGracePeriod(t *testing.T) {
	var d Domain
	if !d.Passed(d.Advance()) {
		t.Fatal("no reader: every grace period has passed")
	}
	a, b := d.Register(), d.Register()
	if !d.Passed(d.Advance()) {
		t.Fatal("offline readers must not delay a writer")
	}
	a.Online()
	b.Online()
	token := d.Advance()
	if d.Passed(token) {
		t.Fatal("two online readers have not been quiescent")
	}
	a.Quiesce()
	if d.Passed(token) {
		t.Fatal("one online reader has not been quiescent")
	}
	b.Offline()
	if !d.Passed(token) {
		t.Fatal("one quiescent, one offline: passed")
	}
	b.Online()
	token = d.Advance()
	a.Quiesce()
	b.Close()
	if !d.Passed(token) {
		t.Fatal("a closed reader must not delay a writer")
	}
}

// TestReclaim poisons what has been retired: a reader that ever sees poison held a reference over a grace period.
func TestReclaim(t *testing.T) {
	const rounds, readers = 300, 2
	type node struct{ a, b atomic.Uint64 }
	var d Domain
	var published atomic.Pointer[node]
	published.Store(&node{})
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range readers {
		r := d.Register()
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer r.Close()
			r.Online()
			for !stop.Load() {
				n := published.Load()
				if x, y := n.a.Load(), n.b.Load(); x != y {
					t.Errorf("a reader saw a reused node: %d, %d", x, y)
					return
				}
				r.Quiesce()
				runtime.Gosched()
			}
		}()
	}
	free := []*node{{}}
	for i := uint64(1); i < rounds; i++ {
		n := free[0]
		n.a.Store(i)
		n.b.Store(i)
		free[0] = published.Swap(n)
		d.Synchronize()
		free[0].a.Store(^uint64(0)) // poison: only one half, so that a late reader notices
	}
	stop.Store(true)
	wg.Wait()
}
