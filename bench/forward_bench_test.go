package bench

import (
	"fmt"
	"sync"
	"testing"

	"vrfwd/gen"
	"vrfwd/internal/qsbr"
	"vrfwd/lpm"
)

// The network of the benchmarks: the real table with 64 next hops, spread by hash (the worst case of a FIB), and 1,000
// typical VRFs. A full copy into so many needs more than 100 GiB; it is measured with 4. With -short it is a small table: whether the
// benchmarks run is then the question, not what they say.
func benchNetwork(m Method) Network {
	n, _ := Defaults()
	n.Table, n.Locality, n.Method = Real, gen.Hashed, m
	if m == FullCopy {
		n.VRFs = 4
	}
	if testing.Short() {
		n.Table, n.Routes = Synthetic, 50_000
	}
	return n
}

type built struct {
	*Scenario
	err error
}

// scenarios are built once each, when first asked for, for all sub-benchmarks and counts.
var scenarios = func() map[Method]func() built {
	all := map[Method]func() built{}
	for _, m := range Methods() {
		all[m] = sync.OnceValue(func() built {
			s, err := New(benchNetwork(m))
			return built{s, err}
		})
	}
	return all
}()

func scenario(b *testing.B, m Method) *Scenario {
	b.Helper()
	s := scenarios[m]()
	if s.err != nil {
		b.Fatal(s.err)
	}
	return s.Scenario
}

// measure forwards b.N frames, rounded up to bursts. One op is one frame.
func measure(b *testing.B, s *Scenario, l Load) {
	b.Helper()
	ours := open(b, s, l, 0)
	defer ours.bed.Close()
	b.ResetTimer()
	ours.run(b, b.N)
	b.StopTimer()
	ours.report(b)
}

// BenchmarkForward forwards 64-byte frames to routed destinations, header checksum verified; fallback is the share of
// the VPNs' frames that go to the Internet, by whatever method. The methods from the Internet have all frames from there.
func BenchmarkForward(b *testing.B) {
	for _, m := range Methods() {
		shares := []int{100}
		if m == Fallback {
			shares = []int{0, 50, 100}
		} else if m.Inbound() {
			shares = []int{0}
		}
		for _, share := range shares {
			for _, ports := range []Ports{SameCore, Rings} {
				b.Run(fmt.Sprintf("method=%v/fallback=%d/ports=%v", m, share, ports), func(b *testing.B) {
					_, l := Defaults()
					l.Ports, l.Fallback = ports, float64(share)/100
					measure(b, scenario(b, m), l)
				})
			}
		}
	}
}

// BenchmarkForwardWorkers gives each worker a generator and a sink of its own, on its own core. The base is one of them alone, the first
// and the second in turn. The control is loads from memory on as many CPUs. ns/pkt is one worker's.
func BenchmarkForwardWorkers(b *testing.B) {
	for workers := 2; workers == 2 || workers <= len(allowedCPUs()); workers *= 2 {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			_, l := Defaults()
			l.Workers = workers
			ours := open(b, scenario(b, Fallback), l, 0)
			defer ours.bed.Close()
			tables := make([][]uint32, workers)
			for i := range tables {
				tables[i] = make([]uint32, 1<<20) // 4 MiB, as the FIB
				for j := range tables[i] {
					tables[i][j] = uint32(j)
				}
			}
			first := func(cpus []int) float64 { return ours.loads(b, tables[:1], cpus[:1]) }
			second := func(cpus []int) float64 { return ours.loads(b, tables[1:2], cpus[:1]) }
			compare(b, ours, []*side{ours.alone(0), ours.alone(1)}, comparison{
				ours: func(cpus []int) float64 { return ours.loads(b, tables, cpus[:workers]) },
				base: []func([]int) float64{first, second}})
		})
	}
}

// BenchmarkChurn forwards while another thread changes the parent's routes, so many times a second. The base is without, and the control is
// the base against itself.
func BenchmarkChurn(b *testing.B) {
	const changes = 2000
	b.Run(fmt.Sprintf("changes=%d", changes), func(b *testing.B) {
		_, l := Defaults()
		l.Check = Signed
		ours := open(b, scenario(b, Fallback), l, changes)
		defer ours.bed.Close()
		base := ours.alone(0)
		same := func(cpus []int) float64 { return base.turn(b, cpus, slice) }
		compare(b, ours, []*side{base}, comparison{ours: same, base: []func([]int) float64{same}})
	})
}

// BenchmarkMemory reports bytes; its times mean nothing.
func BenchmarkMemory(b *testing.B) {
	report := func(b *testing.B, name string, bytes, routes int) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				continue
			}
			b.ReportMetric(float64(bytes)/(1<<20), "MiB")
			if routes > 0 {
				b.ReportMetric(float64(bytes)/float64(routes), "B/route")
			} else {
				b.ReportMetric(float64(bytes), "B")
			}
		})
	}
	const vrfs = 1000
	var d qsbr.Domain
	parent, err := lpm.NewTable(&d)
	if err != nil {
		b.Fatal(err)
	}
	defer parent.Close()
	none, err := lpm.NewSet(parent, 1)
	if err != nil {
		b.Fatal(err)
	}
	defer none.Close()
	empty, err := lpm.NewSet(parent, 1+vrfs)
	if err != nil {
		b.Fatal(err)
	}
	defer empty.Close()
	base, _ := none.Memory()
	bytes, _ := empty.Memory()
	report(b, "part=vrf/profile=empty", (bytes-base)/vrfs, 0)

	s := scenario(b, Fallback)
	for i, own := range s.own {
		if err := empty.Build(uint16(1+i), own); err != nil {
			b.Fatal(err)
		}
	}
	bytes, _ = empty.Memory()
	report(b, "part=vrfs/profile=typical/vrfs=1000", bytes, s.Built.VRFRoutes)

	synthetic, err := gen.Synthetic(gen.TableConfig{NextHops: s.nextHops, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	for _, table := range []struct {
		name   string
		routes []lpm.Route
	}{{Real, s.global}, {Synthetic, synthetic}} {
		t, err := lpm.NewTable(&d)
		if err != nil {
			b.Fatal(err)
		}
		if err := t.Build(table.routes); err != nil {
			b.Fatal(err)
		}
		bytes, _ := t.Memory()
		t.Close()
		report(b, "part=global/table="+table.name, bytes, len(table.routes))
	}
	m := s.memory()
	for _, p := range m.Parts() {
		if p.Bytes > 0 {
			routes := 0
			if p.Key == "rib" || p.Key == "fib-writer" {
				routes = s.Built.Routes + s.Built.VRFRoutes
			}
			report(b, "part="+p.Key+"/method=fallback", p.Bytes, routes)
		}
	}
	full := scenario(b, FullCopy)
	report(b, fmt.Sprintf("part=vrf-fibs/method=full-copy/vrfs=%d", full.Network.VRFs), full.memory().VRFFIB,
		full.Built.VRFRoutes+full.Built.Imported)
	chosen := scenario(b, ImportMap)
	report(b, fmt.Sprintf("part=vrf-fibs/method=import-map/vrfs=%d", chosen.Network.VRFs), chosen.memory().VRFFIB,
		chosen.Built.VRFRoutes+chosen.Built.Imported)
}
