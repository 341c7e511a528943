package bgp

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// BenchmarkFullTable brings the real table, 901,899 routes with up to 200,000 distinct sets of attributes, from BIRD into a
// table and its FIB (direction=in), and from a table to BIRD (direction=out). Time runs from the session's establishment
// until the last route has arrived; CPU-s are this process's. With -short it is 20,000 routes.
func BenchmarkFullTable(b *testing.B) {
	b.Run("direction=in", func(b *testing.B) { benchmarkFullTable(b, fullIn) })
	b.Run("direction=out", func(b *testing.B) { benchmarkFullTable(b, fullOut) })
}

func benchmarkFullTable(b *testing.B, one func(*testing.B, []lpm.Route)) {
	routes, err := gen.RealTable(1, 1)
	if errors.Is(err, gen.ErrNoRealTable) {
		b.Skip(err)
	} else if err != nil {
		b.Fatal(err)
	}
	if testing.Short() {
		routes = routes[:20_000]
	}
	b.StopTimer()
	b.ResetTimer()
	for range b.N {
		one(b, routes)
	}
}

func fullIn(b *testing.B, routes []lpm.Route) {
	bed := newBed(b)
	var static strings.Builder
	static.WriteString("protocol static full { ipv4;\n")
	for i, r := range routes {
		p := prefixOf(r)
		fmt.Fprintf(&static, "route %v blackhole { ", p)
		for _, as := range fullPath(i) {
			fmt.Fprintf(&static, "bgp_path.prepend(%d); ", as)
		}
		fmt.Fprintf(&static, "bgp_community.add((64501,%d)); };\n", i%7)
	}
	static.WriteString("}\n")
	bird := bed.bird(static.String(), "disabled;")
	wait(b, "BIRD has its routes", func() bool {
		return strings.Contains(bird.Show(b, "route", "count"), fmt.Sprintf("%d of %d", len(routes), len(routes)))
	})
	bird.Do(b, "enable", "vrfwd")
	before := heap()
	bed.run(bed.config(nil))
	bed.established(other)
	m := startMeter(b, before)
	m.until(func() bool { return bed.table.PeerRoutes("", other) == len(routes) })
	m.report(len(routes))
	bed.server.Close()
}

func fullOut(b *testing.B, routes []lpm.Route) {
	bed := newBed(b)
	all := make([]vrftable.Route, len(routes))
	for i, r := range routes {
		all[i] = vrftable.Route{Prefix: prefixOf(r), Source: vrftable.EBGP, Attrs: &vrftable.Attributes{
			NextHop: other, ASPath: fullPath(i), Communities: []vrftable.Community{vrftable.Community(64501<<16 + i%7)}}}
	}
	apply(b, bed.table, vrftable.AddRoutes{Routes: all})
	bird := bed.bird("", "")
	before := heap()
	bed.run(bed.config(nil))
	bed.established(other)
	m := startMeter(b, before)
	m.until(func() bool {
		return strings.Contains(bird.Show(b, "route", "count"), fmt.Sprintf("%d of %d", len(routes), len(routes)))
	})
	m.report(len(routes))
	bed.server.Close()
}

// fullPath is the path of route i, farthest AS first: one of 200,000, shared by neighbouring prefixes as in a real table.
func fullPath(i int) []uint32 {
	set := uint32(i*2/9) * 2654435761 >> 8 % 200_000
	return []uint32{65000 + set%500, 100_000 + set, 3356}
}

func prefixOf(r lpm.Route) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(r.Addr >> 24), byte(r.Addr >> 16), byte(r.Addr >> 8), byte(r.Addr)}), int(r.Len))
}

// meter measures from the start to the end of a transfer.
type meter struct {
	b     *testing.B
	start time.Time
	cpu   time.Duration
	heap  uint64
}

func startMeter(b *testing.B, before uint64) *meter {
	b.StartTimer()
	return &meter{b: b, heap: before, cpu: cpuTime(b), start: time.Now()}
}

func (m *meter) until(holds func() bool) {
	for deadline := time.Now().Add(5 * time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.b.Fatal("the table has not arrived in 5 minutes")
		}
	}
	m.b.StopTimer()
}

func (m *meter) report(routes int) {
	took := time.Since(m.start).Seconds()
	m.b.ReportMetric(took, "s")
	m.b.ReportMetric((cpuTime(m.b) - m.cpu).Seconds(), "CPU-s")
	m.b.ReportMetric(float64(routes)/took, "routes/s")
	m.b.ReportMetric(float64(heap()-m.heap)/(1<<20), "MiB")
}

func heap() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

func cpuTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
