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

// measure forwards b.N frames, rounded up to bursts, by as many trials as turns: each has its first worker on the next CPU. One op is one
// frame; rates are means of the trials.
func measure(b *testing.B, s *Scenario, l Load, churn, turns int) {
	b.Helper()
	if cpus := len(allowedCPUs()); l.Ports == Rings && cpus < l.Workers+1 || cpus < l.Workers {
		b.Skipf("%d CPUs: too few for %d workers with ports=%v", cpus, l.Workers, l.Ports)
	}
	bed, err := s.NewBed(l)
	if err != nil {
		b.Fatal(err)
	}
	defer bed.Close()
	if _, err := bed.Run(context.Background(), Run{Frames: 1 << 17}); err != nil { // warm
		b.Fatal(err)
	}
	var pps, ns, lost float64
	b.ResetTimer()
	for range turns {
		t, err := bed.Run(context.Background(), Run{Frames: max(1, uint64(b.N/turns)), Churn: churn})
		if err != nil {
			b.Fatal(err)
		}
		if !t.Account.OK() {
			b.Fatalf("%s %v", t.Account.Verdict(), t.Faults)
		}
		pps, ns, lost = pps+t.PPS, ns+t.NS, lost+float64(t.Account.Lost)
		bed.cpus = append(bed.cpus[1:], bed.cpus[0])
	}
	b.StopTimer()
	b.ReportMetric(pps/1e6/float64(turns), "Mpps")
	b.ReportMetric(ns/float64(turns), "ns/pkt")
	b.ReportMetric(lost, "lost")
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
					measure(b, scenario(b, m), l, 0, 1)
				})
			}
		}
	}
}

// BenchmarkForwardWorkers gives each worker a generator and a sink of its own, on its own core. ns/pkt is one worker's. CPUs take turns,
// for one may have a busier neighbour than the other: two workers are to be twice one on either, not twice one on the quieter.
func BenchmarkForwardWorkers(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			_, l := Defaults()
			l.Workers = workers
			measure(b, scenario(b, Fallback), l, 0, 2)
		})
	}
}

// BenchmarkChurn forwards while another thread changes the parent's routes, so many times a second.
func BenchmarkChurn(b *testing.B) {
	for _, changes := range []int{0, 2000} {
		b.Run(fmt.Sprintf("changes=%d", changes), func(b *testing.B) {
			_, l := Defaults()
			l.Check = Signed
			measure(b, scenario(b, Fallback), l, changes, 1)
		})
	}
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
