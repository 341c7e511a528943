package forwarder

import (
	"runtime"
	"sync/atomic"
	"testing"

	"vrfwd/packet"
)

// BenchmarkRings forwards as BenchmarkWorker does, through in-memory ports with generator and sink in another thread:
// each frame's header is written by one core, read and rewritten by the other. One op is one packet.
func BenchmarkRings(b *testing.B) {
	if runtime.NumCPU() < 2 {
		b.Skip("needs two CPUs")
	}
	const frames, size = 2048, 2048 // no ring can be full
	bed, good := benchBed(b), benchFrames(frames)
	a := newArena(b, frames, 256)
	in, out := newMemPort(b, a, size), newMemPort(b, a, size)
	w := bed.worker(Config{Ports: []Port{in, out}})
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		d := make([]packet.Desc, frames)
		for i := range d {
			d[i] = a.Desc(i)
		}
		spare := frames
		for !stop.Load() {
			n := min(spare, MaxBurst)
			ready := d[spare-n : spare]
			for i := range ready {
				slot := a.Slot(ready[i])
				ready[i] = a.Desc(slot)
				ready[i].Len = uint16(len(good[slot]))
				copy(a.Frame(ready[i])[:40], good[slot])
			}
			k := in.Inject(ready)
			copy(ready, ready[k:])
			spare -= k
			spare += out.Collect(d[spare:min(spare+MaxBurst, frames)])
		}
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.ResetTimer()
	for n := 0; n < b.N; {
		n += w.Poll()
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mpps")
	stop.Store(true)
	<-done
	if n := balanced(b, w); n.Dropped > 0 {
		b.Error(n)
	}
}
