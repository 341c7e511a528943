package forwarder

import (
	"context"
	"sync/atomic"
	"testing"

	"vrfwd/packet"
)

// TestSetPort replaces both queues of a running worker by queues of another arena.
func TestSetPort(t *testing.T) {
	b := benchBed(t)
	old, fresh := newLooped(t, benchFrames(32)), newLooped(t, benchFrames(32))
	var gone, oldTouched atomic.Bool
	source := &FuncPort{Memory: old.Memory, Tx: old.Tx, Done: old.Done, Rx: func(d []packet.Desc) int {
		if gone.Load() {
			oldTouched.Store(true)
		}
		return old.Rx(d)
	}}
	w := b.worker(Config{Ports: []Port{source, &FuncPort{Memory: old.Memory, Tx: old.Tx}}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for number, p := range []Port{fresh, &FuncPort{Memory: fresh.Memory, Tx: fresh.Tx}} {
		done, err := w.SetPort(number, p)
		if err != nil {
			t.Fatal(err)
		}
		<-done
	}
	gone.Store(true)
	for before := Sum(w).Forwarded; Sum(w).Forwarded < before+1000; {
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if oldTouched.Load() {
		t.Error("the old queue was used after SetPort had said that it was not")
	}
	balanced(t, w)
	if _, err := w.SetPort(7, fresh); err == nil {
		t.Error("a port that the worker does not have was replaced")
	}
}

// TestIdle: Run calls Idle, offline, after passes that found nothing, and counts them.
func TestIdle(t *testing.T) {
	b := benchBed(t)
	ctx, cancel := context.WithCancel(context.Background())
	next := 0
	w := b.worker(Config{Ports: []Port{&FuncPort{Memory: newArena(t, 1, 64)}}, Idle: func(passes int) {
		if next++; passes != next {
			t.Errorf("pass %d after %d", passes, next-1)
		}
		if !b.readers.Passed(b.readers.Advance()) {
			t.Error("the worker holds a writer up while it is idle")
		}
		if passes == 10 {
			cancel()
		}
	}})
	if err := w.Run(ctx); err != nil || next < 10 {
		t.Error(err, next)
	}
}
