package bench

import (
	"context"
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

// side is one side of a comparison.
type side struct {
	load  Load
	churn int // changes of routes a second

	bed                   *Bed
	pps, ns, lost, trials float64 // added up
}

// measure forwards b.N frames, rounded up to bursts. One op is one frame.
func measure(b *testing.B, s *Scenario, ours side) {
	b.Helper()
	ours.open(b, s)
	defer ours.bed.Close()
	b.ResetTimer()
	ours.run(b, b.N)
	b.StopTimer()
	ours.report(b)
}

// slice is how many frames a worker forwards until it is the other side's turn: some 30 ms, in which a neighbour on the machine
// seldom comes or goes.
const slice = 1 << 20

// compare is measure beside a base that takes turns with ours in the same seconds; x is the rate of ours in parts of the base's. Each goes
// first as often as the other, and on each CPU, for one may have a busier neighbour: two workers are to be twice one on either, not twice
// one on the quieter. The base's frames are no ops.
func compare(b *testing.B, s *Scenario, ours, base side) {
	b.Helper()
	ours.open(b, s)
	defer ours.bed.Close()
	base.open(b, s)
	defer base.bed.Close()
	cpus := len(allowedCPUs())
	rounds := cpus * (1 + b.N/(2*cpus*slice*ours.load.Workers)) // of ours, base, base, ours
	frames := b.N / (2 * rounds)
	b.ResetTimer()
	for range rounds {
		ours.run(b, frames)
		b.StopTimer()
		base.run(b, frames*base.load.Workers/ours.load.Workers)
		base.run(b, frames*base.load.Workers/ours.load.Workers)
		b.StartTimer()
		ours.run(b, frames)
		ours.nextCPU()
		base.nextCPU()
	}
	b.StopTimer()
	ours.report(b)
	b.ReportMetric(base.pps/1e6/base.trials, "base-Mpps")
	b.ReportMetric(ours.pps/base.pps, "x")
}

// open makes the side's bed and warms it.
func (o *side) open(b *testing.B, s *Scenario) {
	b.Helper()
	if cpus := len(allowedCPUs()); o.load.Ports == Rings && cpus < o.load.Workers+1 || cpus < o.load.Workers {
		b.Skipf("%d CPUs: too few for %d workers with ports=%v", cpus, o.load.Workers, o.load.Ports)
	}
	var err error
	if o.bed, err = s.NewBed(o.load); err != nil {
		b.Fatal(err)
	}
	o.run(b, 1<<17)
	o.pps, o.ns, o.lost, o.trials = 0, 0, 0, 0
}

// run adds a trial of so many frames.
func (o *side) run(b *testing.B, frames int) {
	b.Helper()
	t, err := o.bed.Run(context.Background(), Run{Frames: uint64(max(1, frames)), Churn: o.churn})
	if err != nil {
		b.Fatal(err)
	}
	if !t.Account.OK() {
		b.Fatalf("%s %v", t.Account.Verdict(), t.Faults)
	}
	o.pps, o.ns, o.lost, o.trials = o.pps+t.PPS, o.ns+t.NS, o.lost+float64(t.Account.Lost), o.trials+1
}

// nextCPU gives the first worker the next CPU.
func (o *side) nextCPU() { o.bed.cpus = append(o.bed.cpus[1:], o.bed.cpus[0]) }

func (o *side) report(b *testing.B) {
	b.ReportMetric(o.pps/1e6/o.trials, "Mpps")
	b.ReportMetric(o.ns/o.trials, "ns/pkt")
	b.ReportMetric(o.lost, "lost")
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
					measure(b, scenario(b, m), side{load: l})
				})
			}
		}
	}
}

// BenchmarkForwardWorkers gives each worker a generator and a sink of its own, on its own core. The base is one worker. ns/pkt is one
// worker's.
func BenchmarkForwardWorkers(b *testing.B) {
	for workers := 2; workers == 2 || workers <= len(allowedCPUs()); workers *= 2 {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			_, one := Defaults()
			one.Workers = 1
			several := one
			several.Workers = workers
			compare(b, scenario(b, Fallback), side{load: several}, side{load: one})
		})
	}
}

// BenchmarkChurn forwards while another thread changes the parent's routes, so many times a second. The base is without.
func BenchmarkChurn(b *testing.B) {
	const changes = 2000
	b.Run(fmt.Sprintf("changes=%d", changes), func(b *testing.B) {
		_, l := Defaults()
		l.Check = Signed
		compare(b, scenario(b, Fallback), side{load: l, churn: changes}, side{load: l})
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
