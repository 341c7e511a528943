package forwarder

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"vrfwd/lpm"
	"vrfwd/packet"
)

// benchBed is 64 VRFs on the VLANs of port 0 that fall back to a small parent table, and an untagged uplink on port 1:
// its FIBs fit into L1, so that what is measured is the worker.
func benchBed(b testing.TB) *bed {
	bed := newBed(b, 2, 65)
	for vrf := range 64 {
		bed.primary(0, 1+vrf, uint16(1+vrf), uint16(1+vrf), true)
		bed.adjacency(lpm.Hop(100+vrf), uint16(1+vrf), 0, uint16(1+vrf))
		bed.route(uint16(1+vrf), "10.0.0.0", 8, lpm.Hop(100+vrf))
	}
	bed.primary(1, 0, 1000, 0, true)
	for hop := range 16 {
		bed.adjacency(lpm.Hop(1+hop), uint16(1001+hop), 1)
		bed.route(0, fmt.Sprintf("%d.0.0.0", 16+hop), 8, lpm.Hop(1+hop))
	}
	return bed
}

// looped is a FuncPort that sends the same frames again and again, restored each time, and takes whatever is sent.
type looped struct {
	FuncPort
	good [][]byte
	d    []packet.Desc
	next int
}

func newLooped(t testing.TB, frames [][]byte) *looped {
	l := &looped{good: frames}
	l.Memory = newArena(t, len(frames), 256)
	for i, f := range frames {
		d := l.Memory.Desc(i)
		d.Len = uint16(len(f))
		l.d = append(l.d, d)
	}
	l.restore()
	l.Rx = func(d []packet.Desc) int {
		if l.next == len(l.d) {
			l.next = 0
		}
		n := copy(d, l.d[l.next:])
		for i := range d[:n] {
			copy(l.Memory.Frame(d[i])[:40], l.good[l.next+i])
		}
		l.next += n
		return n
	}
	l.Tx = func(_ *packet.Arena, d []packet.Desc) int { return len(d) }
	return l
}

func (l *looped) restore() {
	for i := range l.d {
		copy(l.Memory.Frame(l.d[i]), l.good[i])
	}
}

func benchFrames(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	var frames [][]byte
	for range n {
		dst := (16+r.Uint32N(16))<<24 | r.Uint32N(1<<24)
		frames = append(frames, ipv4Frame(10<<24|r.Uint32N(1<<24), dst, 64, 46, uint16(1+r.Uint32N(64))))
	}
	return frames
}

// BenchmarkWorker forwards 64-byte frames (60 and a 4-byte FCS) from 64 VRFs with fallback to an uplink, source and
// sink in the same thread. stages=timed says what each stage took. One op is one packet.
func BenchmarkWorker(b *testing.B) {
	run := func(b *testing.B, poll func(w *Worker) int) {
		bed := benchBed(b)
		l := newLooped(b, benchFrames(1024))
		sink := &FuncPort{Memory: l.Memory, Tx: l.Tx}
		w := bed.worker(Config{Ports: []Port{l, sink}})
		b.ReportAllocs()
		b.ResetTimer()
		for n := 0; n < b.N; {
			n += poll(w)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mpps")
		balanced(b, w)
	}
	b.Run("stages=all", func(b *testing.B) { run(b, (*Worker).Poll) })
	b.Run("stages=timed", func(b *testing.B) {
		var spent [NumStages]time.Duration
		run(b, func(w *Worker) int { return w.PollStages(&spent) })
		for s, d := range spent {
			b.ReportMetric(float64(d.Nanoseconds())/float64(b.N), Stage(s).String()+"-ns")
		}
	})
}

// BenchmarkGroups is BenchmarkWorker with all, half or none of the packets to groups of equal next hops: 16 groups, one for
// each of the parent's routes, of members that are the routes' hops otherwise. With none there are no groups at all.
func BenchmarkGroups(b *testing.B) {
	run := func(b *testing.B, members, of int) {
		bed := benchBed(b)
		for i := range 16 {
			if of == 0 || i%of != 0 {
				continue
			}
			var hops []lpm.Hop
			for m := range members {
				hops = append(hops, lpm.Hop(1+(i+m)%16))
			}
			bed.group(lpm.Hop(50+i), uint16(1+i), hops...)
			bed.route(0, fmt.Sprintf("%d.0.0.0", 16+i), 8, lpm.Hop(50+i))
		}
		frames := benchFrames(1024)
		r := rand.New(rand.NewPCG(5, 6))
		for _, f := range frames { // ports behind a tagged Ethernet and an IPv4 header
			binary.BigEndian.PutUint32(f[18+20:], r.Uint32())
		}
		l := newLooped(b, frames)
		sink := &FuncPort{Memory: l.Memory, Tx: l.Tx}
		w := bed.worker(Config{Ports: []Port{l, sink}})
		b.ReportAllocs()
		b.ResetTimer()
		for n := 0; n < b.N; {
			n += w.Poll()
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mpps")
		if s := balanced(b, w); s.Dropped != 0 {
			b.Error(s)
		}
	}
	b.Run("groups=none", func(b *testing.B) { run(b, 0, 0) })
	for _, share := range []struct {
		name string
		of   int
	}{{"half", 2}, {"all", 1}} {
		for _, members := range []int{1, 2, 16} {
			b.Run(fmt.Sprintf("groups=%s/members=%d", share.name, members), func(b *testing.B) { run(b, members, share.of) })
		}
	}
}

// BenchmarkStage runs one stage alone on a prepared burst. One op is one packet.
func BenchmarkStage(b *testing.B) {
	for s := Receive; s < NumStages; s++ {
		b.Run("stage="+s.String(), func(b *testing.B) {
			bed := benchBed(b)
			l := newLooped(b, benchFrames(MaxBurst))
			l.Rx = func(d []packet.Desc) int { return copy(d, l.d) }
			sink := &FuncPort{Memory: l.Memory, Tx: l.Tx}
			w := bed.worker(Config{Ports: []Port{l, sink}})
			v := w.view()
			w.receive(&w.in[0])
			if s >= Classify {
				w.classify(v)
			}
			if s >= Validate {
				w.validate(v)
			}
			if s >= Lookup {
				w.lookup(v)
			}
			if s >= Rewrite {
				w.rewrite(v)
			}
			out := w.out[1]
			l.restore()
			b.ResetTimer()
			for n := 0; n < b.N; n += MaxBurst {
				switch s {
				case Receive:
					w.receive(&w.in[0])
				case Classify:
					w.classify(v)
				case Validate:
					w.b.live = MaxBurst
					w.validate(v)
				case Lookup:
					w.lookup(v)
				case Rewrite:
					out.n, w.b.queues = 0, 0
					w.rewrite(v)
				case Transmit:
					out.n, w.b.queues = MaxBurst, 1
					w.transmit(v)
				}
			}
			if w.b.gone != 0 || w.b.live != MaxBurst && s > Receive {
				b.Fatalf("%d of %d packets on the fast path", w.b.live, MaxBurst)
			}
		})
	}
}
