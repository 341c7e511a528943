package live

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"vrfwd/forwarder"
	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/packet"
)

// BenchmarkGenerator makes 64-byte frames in memory, in bursts, each as its pacer says, and hands them to a port that takes
// them at once. frames=template: as the flow's line has them; signed: with flow and sequence; stamped: with the time of each
// besides, when it left or (due) when it was to leave, as trials have it. The rate is as high as pacers go, so that there is always
// something due: what is timed is the generator, its pacer and its clock included.
func BenchmarkGenerator(b *testing.B) {
	for _, frames := range []string{"template", "signed", "stamped", "stamped-due"} {
		b.Run("frames="+frames, func(b *testing.B) {
			s, port := generator(b, frames, gen.MaxRate, 1)
			st := s.streams[0]
			s.start(s.clock.Now())
			b.ResetTimer()
			for port.n < b.N {
				if frames == "template" || frames == "signed" {
					// As sender.turn and send, but for the stamp.
					now := s.clock.Now()
					n := min(st.pacer.Due(now), txBatch)
					st.traffic.Fill(s.arena, s.descs[:n])
					st.pacer.Sent(s.link.Tx.TxBurst(s.arena, s.descs[:n]), now)
					continue
				}
				s.turn(s.clock.Now())
			}
			b.StopTimer()
			b.ReportMetric(float64(port.n)/b.Elapsed().Seconds()/1e6, "Mpps")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(port.n), "ns/pkt")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkPacing sends at a rate, one frame at a time as trafgen does by default, on a thread of its own; an op is a frame, and
// at least so many are sent that it takes 200 ms. Metrics: by how much the mean rate is off, in percent; how far from the nominal
// one a gap between two frames is, median, 99th percentile and at most; the latest that a frame left; and what was not sent in time.
func BenchmarkPacing(b *testing.B) {
	for _, rate := range []float64{1e3, 1e4, 1e5, 1e6} {
		b.Run(fmt.Sprintf("rate=%.0fkpps", rate/1e3), func(b *testing.B) {
			s, port := generator(b, "stamped", rate, 1)
			st := s.streams[0]
			n := max(uint64(b.N), uint64(rate/5))
			st.stream.Count = n
			port.at = make([]int64, 0, n)
			port.clock = s.clock
			done := make(chan struct{})
			go func() { // finish closes the arena: it is made anew for each run
				defer close(done)
				s.run(s.clock.Now())
			}()
			<-done
			if s.err != nil || len(port.at) < 2 {
				b.Fatal(s.err, len(port.at))
			}
			first, last := port.at[0], port.at[len(port.at)-1]
			mean := float64(len(port.at)-1) / float64(last-first) * 1e9
			var off []int64
			for i := 1; i < len(port.at); i++ {
				off = append(off, int64(math.Abs(float64(port.at[i]-port.at[i-1])-1e9/rate)))
			}
			slices.Sort(off)
			b.ReportMetric(100*math.Abs(mean/rate-1), "off-%")
			b.ReportMetric(float64(off[len(off)/2]), "jitter-p50-ns")
			b.ReportMetric(float64(off[len(off)*99/100]), "jitter-p99-ns")
			b.ReportMetric(float64(off[len(off)-1]), "jitter-max-ns")
			b.ReportMetric(float64(st.pace.Late), "late-max-ns")
			b.ReportMetric(100*float64(st.pace.Missed)/float64(st.pace.Sent+st.pace.Missed), "missed-%")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// taken is a port that takes everything, and notes when where it has a clock.
type taken struct {
	n     int
	at    []int64
	clock Clock
}

// generator is a sender with one stream of 1,024 flows of 64 bytes into memory.
func generator(b *testing.B, frames string, rate float64, burst int) (*sender, *taken) {
	b.Helper()
	traffic, err := gen.New(gen.Config{
		VPN:    []gen.Ingress{{Hosts: []lpm.Route{{Addr: 10 << 24, Len: 8}}}},
		Global: []lpm.Route{{Addr: 198<<24 | 18<<16, Len: 15, Hop: 1}}, Fallback: 1, Flows: defaultFlows, Seed: 1, Unsigned: frames == "template",
		Expect: func(*gen.Ingress, uint32) (uint16, uint16) { return 1, 1 },
	})
	if err != nil {
		b.Fatal(err)
	}
	port := &taken{}
	tx := &forwarder.FuncPort{Tx: func(_ *packet.Arena, d []packet.Desc) int {
		port.n += len(d)
		if port.clock != nil {
			now := port.clock.Now()
			for range d {
				port.at = append(port.at, now)
			}
		}
		return len(d)
	}}
	s := &sender{name: "memory", link: &Link{Tx: tx}, clock: SystemClock(), stop: new(atomic.Bool), due: frames == "stamped-due"}
	if err := s.add(&Stream{Rate: rate, Burst: burst}, traffic, false); err != nil {
		b.Fatal(err)
	}
	if err := s.prepare(); err != nil {
		b.Fatal(err)
	}
	runtime.LockOSThread()
	b.Cleanup(runtime.UnlockOSThread)
	return s, port
}
