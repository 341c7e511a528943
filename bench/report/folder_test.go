package report

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/internal/peer"
)

// A folder of results as a reference run leaves it, in small: figures are made up, and different for each sample, so that none
// can stand for another.

// made makes samples of a run.
type made struct {
	run  string
	at   time.Time
	on   string  // the machine
	fast float64 // how many times as fast as the other run
	rng  *rand.Rand
	all  []sample.Sample
}

func mainPoint() sample.Point {
	return sample.Point{Ports: "samecore", Table: "synthetic", Routes: 1_000_000, NextHops: 64, VRFs: 1000, Profile: "typical", VRFRoutes: 280_000,
		Method: "fallback", Fallback: 100, Keys: "routed", Size: "64", Flows: 65536, Workers: 1, Burst: 256, Imports: 1000, Seed: 1}
}

func (m *made) add(kind sample.Kind, change func(s *sample.Sample)) {
	s := sample.Sample{Kind: kind, Time: m.at, Run: m.run, Point: mainPoint(), OK: true, Settings: map[string]string{},
		Conditions: sample.Conditions{Go: "go1.26", GOOS: "linux", GOARCH: "amd64", CPU: m.on, CPUs: 8, Commit: "0123456789abcdef",
			TSC: sample.Clock{GHz: 2.5, How: "rdtscp"}, L2: 512 << 10, L3: 32 << 20}}
	change(&s)
	p := &s.Point
	s.Command = fmt.Sprintf("fwd bench --run %s --number %d", m.run, len(m.all))
	if kind == sample.OfTrial {
		ns := 40.0 / m.fast
		ns += map[string]float64{"two-circuits": 1, "default-share": 3, "import-map": 15, "full-copy": 25}[p.Method] + float64(100-p.Fallback)/10
		if s.Settings[sample.SettingRole] != "" { // the model is to be off
			ns *= 1.07
		}
		var time, rate, bits, cyc, beside []float64
		for range 7 {
			f := 1 + 0.03*m.rng.Float64()
			n, f := float64(p.Workers), f/(1-0.02*float64(p.Workers-1))
			time, rate, cyc = append(time, ns*f), append(rate, n*1e9/ns/f), append(cyc, 2.5*ns*f)
			bits, beside = append(bits, n*1e9/ns/f*8*84), append(beside, 40/m.fast*f)
		}
		s.Add(sample.Median(sample.FigTime, "ns/pkt", time))
		s.Add(sample.Median(sample.FigRate, "pps", rate))
		s.Add(sample.Median(sample.FigBits, "bit/s", bits))
		s.Add(sample.Median(sample.FigCycles, "cycles/pkt", cyc))
		s.Add(sample.Median(sample.FigReference, "ns/pkt", beside))
		s.Add(sample.Count(sample.FigLoss, "1", 0))
		k := len(m.all) * len(m.all) * 500
		s.Memory = &sample.Memory{GlobalFIB: 3<<20 + k, VRFFIB: 1000 + 5*p.VRFRoutes + 3*p.Imported, FIBWriter: 2<<20 + 9*p.Routes, RIB: 80*p.Routes + 108*(p.VRFRoutes+p.Imported),
			Adjacencies: 50_000 + 500*p.VRFs, Ingress: 160_000, Arena: 49152, Rings: 0}
	}
	m.all = append(m.all, s)
}

func (m *made) trial(change func(p *sample.Point)) {
	m.add(sample.OfTrial, func(s *sample.Sample) { change(&s.Point) })
}

func (m *made) everything() {
	m.add(sample.OfTrial, func(s *sample.Sample) {
		s.Stages = []sample.Stage{{Stage: "generate", NS: 4, Cycles: 10}, {Stage: "receive", NS: 1, Cycles: 2.5}, {Stage: "lookup", NS: 22, Cycles: 55},
			{Stage: "rewrite", NS: -0.4, Cycles: -1}, {Stage: "transmit", NS: 3, Cycles: 7.5}}
	})
	for _, size := range []string{"128", "512", "1518", "64:7,594:4,1518:1"} {
		m.trial(func(p *sample.Point) { p.Size = size })
	}
	for _, w := range []int{2, 4, 8} {
		m.trial(func(p *sample.Point) { p.Workers = w })
	}
	for _, w := range []int{1, 2, 4} {
		m.trial(func(p *sample.Point) { p.Ports, p.Check, p.Workers = "rings", "signed", w })
	}
	for _, r := range []int{1000, 10_000, 100_000} {
		m.trial(func(p *sample.Point) { p.Routes = r })
	}
	for _, v := range []int{1, 10, 100, 4000} {
		for _, share := range []float64{0, 100} {
			m.trial(func(p *sample.Point) { p.VRFs, p.VRFRoutes, p.Fallback = v, 280*v, share })
		}
	}
	for _, method := range []string{"fallback", "two-circuits", "default-share", "import-map"} {
		for _, share := range []float64{0, 50, 100} {
			if method == "fallback" && share == 100 {
				continue
			}
			m.trial(func(p *sample.Point) {
				if p.Method, p.Fallback = method, share; method == "import-map" {
					p.Imported = 1_000_000
				}
			})
		}
	}
	for _, v := range []int{1, 4} {
		m.trial(func(p *sample.Point) { p.Method, p.VRFs, p.VRFRoutes, p.Imported = "full-copy", v, 280*v, 1_000_000*v })
	}
	for _, c := range []int{500, 4000} {
		m.trial(func(p *sample.Point) { p.Churn = c })
	}
	held := func(change func(p *sample.Point)) {
		m.add(sample.OfTrial, func(s *sample.Sample) {
			change(&s.Point)
			s.Settings[sample.SettingRole] = sample.HeldBack
		})
	}
	held(func(p *sample.Point) { p.VRFs, p.VRFRoutes, p.Fallback = 300, 84_000, 60 })
	held(func(p *sample.Point) { p.Method, p.VRFs, p.VRFRoutes = "two-circuits", 500, 140_000 })

	rings := func(s *sample.Sample) { s.Point.Ports, s.Point.Check = "rings", "signed" }
	m.add(sample.NDR, func(s *sample.Sample) {
		rings(s)
		s.Add(sample.Between(sample.FigNDR, "pps", 18e6*m.fast, 18.1e6*m.fast))
		s.Add(sample.Between(sample.FigPDR, "pps", 19e6, 19.2e6))
		s.Add(sample.Between(sample.FigNDRBits, "bit/s", 12e9*m.fast, 12.1e9*m.fast))
		s.Add(sample.Count(sample.FigPDR+"-conditional", "pps", 18.9e6))
	})
	m.add(sample.Loss, func(s *sample.Sample) {
		rings(s)
		for i, loss := range []float64{0.12, 0.07, 0.01, 0, 0} {
			offered := 22e6 * (1 - 0.1*float64(i))
			s.Curve = append(s.Curve, sample.Step{Offered: offered, Percent: 100 - 10*float64(i), Rate: offered * (1 - loss),
				Loss: sample.Median(sample.FigLoss, "1", []float64{loss, loss * 1.1, loss * 0.9})})
		}
		s.Add(sample.Count(sample.FigLossFree, "pps", 15.4e6))
	})
	m.add(sample.OfLatency, func(s *sample.Sample) {
		rings(s)
		for i, load := range []float64{10, 50, 90} {
			l := sample.Latency{Share: load, Rate: 18e4 * load, Frames: 4_000_000, Min: 900, Mean: 3000, Max: 900_000, Clock: sample.ClockError{Read: 31, Of: "sink"}}
			for j, p := range []float64{50, 90, 99, 99.9, 99.99, 99.999} {
				l.Percentiles = append(l.Percentiles, sample.Percentile{Percent: p, NS: int64(2000 + 700*i + (1+i)*j*j*j*300)})
			}
			s.Latency = append(s.Latency, l)
		}
	})
}

// folder writes two runs of a machine and between them one of another, raw files of benchmarks and of peers.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i, name := range []string{"20260102T000000Z-old", "20260202T000000Z-other", "20260302T000000Z-new"} {
		m := made{run: name, at: time.Date(2026, time.Month(1+i), 2, 3, 4, 5, 0, time.UTC), on: []string{"Some <CPU> & more", "Another CPU", "Some <CPU> & more"}[i],
			fast: 1 + 0.3*float64(i), rng: rand.New(rand.NewPCG(uint64(i), 7))}
		m.everything()
		f, err := sample.OpenFile(filepath.Join(dir, "samples-"+name+sample.Ext))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Append(m.all...); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	converge, err := os.ReadFile(convergeRaw)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"gobench-20260102-a.txt": raw + memoryRaw, "gobench-20260302-b.txt": string(converge), "peers-a.txt": peerSamples} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := peer.Write(dir, twoPeers); err != nil {
		t.Fatal(err)
	}
	return dir
}

// memoryRaw is what the one bar that is computed from two units needs.
const memoryRaw = `pkg: vrfwd/lpm
BenchmarkMemory/vrfs=1000/profile=typical 1 0 ns/op 2.657 MiB 9.79 B/route
BenchmarkMemory/vrfs=1000/profile=typical 1 0 ns/op 2.757 MiB 9.89 B/route
BenchmarkUpdate/table=real/engine=fib/readers=1 1 3 ns/op 973000 updates/s
`
