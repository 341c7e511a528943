//go:build linux

package e2e

import (
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"vrfwd/afpacket"
	"vrfwd/gen"
	"vrfwd/packet"
)

// BenchmarkLatency is how long 64-byte packets take through fwd as BenchmarkLive has it, at 10 % of its highest loss-free
// rate: from the stamp in the frame, made before the call that sends it, to the kernel's time of reception on the other
// veth pair. An idle worker sleeps (busy-poll=off), or never does (busy-poll=on).
//
// fwd's worker has CPU 0. One thread on CPU 1 sends, receives and never waits, at the usual priority: no two threads of the
// tester can keep each other from running, and when it looks at a frame does not count. Metrics: p50-us, p99-us, p99.9-us and
// max-us of the frames of one trial of a second each time; lossfree-Mpps, and fwd-limits: 1 where fwd lost frames at the generator's
// highest rate, 0 where the generator is the limit; loss in percent.
func BenchmarkLatency(b *testing.B) {
	table := liveTable(b)
	for _, mode := range []struct{ name, key string }{{"off", ""}, {"on", "busy-poll: true\n"}} {
		b.Run("busy-poll="+mode.name, func(b *testing.B) {
			l := newLive(b, table)
			start(b, l.router, mode.key+l.configuration())
			l.open(b, true)
			pinned(b, generatorCPU)
			trial := time.Second
			if testing.Short() {
				trial /= 10
			}
			rate, limited := l.lossFree(b, trial)
			age := l.ages(b)
			for b.Loop() {
				age.trial(b, rate/10, trial)
			}
			for _, q := range []struct {
				name    string
				percent float64
			}{{"p50-us", 50}, {"p99-us", 99}, {"p99.9-us", 99.9}, {"max-us", 100}} {
				b.ReportMetric(float64(min(age.distribution.ValueAtPercentile(q.percent), age.most))/1e3, q.name)
			}
			b.ReportMetric(rate/1e6, "lossfree-Mpps")
			b.ReportMetric(limited, "fwd-limits")
			b.ReportMetric(100*(1-float64(age.received)/float64(age.sent)), "loss-%")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// lossFree returns the highest rate, in frames a second, that trials lose nothing at, and 1 if fwd sets it, 0 if the generator
// does.
func (l *live) lossFree(b *testing.B, trial time.Duration) (rate, limited float64) {
	const least, most = 10_000, 500_000 // frames a second: what must be possible, and what makes the first trial long enough
	lossless := func(rate float64, frames int) (float64, bool) {
		frames = frames / liveBurst * liveBurst
		got, sent, _ := l.send(b, rate, frames)
		return float64(frames) / sent.Seconds(), got == uint64(frames)
	}
	high, ok := lossless(0, int(most*trial.Seconds()))
	if ok {
		return high, 0
	}
	for high > rate*21/20 {
		try := (rate + high) / 2
		if try < least {
			b.Fatalf("frames are lost at %.0f frames a second", high)
		}
		if _, ok := lossless(try, int(try*trial.Seconds())); ok {
			rate = try
		} else {
			high = try
		}
	}
	return rate, 1
}

// ages are the latencies of frames that a live's generator sends, in ns.
type ages struct {
	*live
	sink           *afpacket.Port
	burst          []packet.Desc
	distribution   *hdrhistogram.Histogram
	most           int64
	sent, received int
}

// ages opens the sink.
func (l *live) ages(b *testing.B) *ages {
	a := &ages{live: l, burst: make([]packet.Desc, 256), distribution: hdrhistogram.New(1, int64(time.Minute), 3)}
	var err error
	l.stations.Do(func() {
		a.sink, err = afpacket.Open(afpacket.Options{Interface: "internet", RxOnly: true, Promiscuous: true, Timestamps: true})
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = a.sink.Close() })
	return a
}

// trial sends for a while, frame by frame, and receives until nothing comes any more.
func (a *ages) trial(b *testing.B, rate float64, duration time.Duration) {
	pacer, err := gen.NewPacer(rate, 1)
	if err != nil {
		b.Fatal(err)
	}
	const quiet = 200 * time.Millisecond
	d, clock := a.frames(), time.Now()
	last := duration
	pacer.Start(0, duration, 0)
	for now := time.Duration(0); now < last+quiet; now = time.Since(clock) {
		if n := min(pacer.Due(int64(now)), liveBurst); n > 0 {
			a.traffic.Fill(a.arena, d[:n])
			for i := range d[:n] {
				gen.PutStamp(a.arena.Frame(d[i]), time.Now().UnixNano())
			}
			sent := a.port.TxBurst(a.arena, d[:n])
			pacer.Sent(sent, int64(now))
			a.sent += sent
		}
		if a.receive() {
			last = max(last, now)
		}
	}
}

// receive takes a burst, and tells whether there was one.
func (a *ages) receive() bool {
	n := a.sink.RxBurst(a.burst)
	for _, d := range a.burst[:n] {
		s, ok := gen.ParseStamp(a.sink.Arena().Frame(d))
		if !ok {
			continue // ARP
		}
		age := int64(int32(d.Mark - uint32(s.Time)))
		a.received++
		a.most = max(a.most, age)
		_ = a.distribution.RecordValue(max(age, 0))
	}
	a.sink.Free(a.burst[:n])
	return n > 0
}
