package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vrfwd/bench/sample"
)

// law is a device whose costs are known: what the model has to find.
type law struct{ sigma, kappa float64 }

func (l law) ns(p *sample.Point) float64 {
	q := placeOf(p)
	ns := map[string]float64{"fallback": 30, "two-circuits": 28, "default-share": 32, "import-map": 45, "full-copy": 60}[p.Method]
	ns += 3 * along(axisVRFs, q.at[axisVRFs]) * (1 - p.Fallback/200)
	ns += 2 * along(axisRoutes, q.at[axisRoutes])
	ns += 4 * along(axisSize, q.at[axisSize])
	ns += 8 * (1 - p.Fallback/100)
	ns += 5 * along(axisImports, q.at[axisImports])
	ns += 2 * along(axisChurn, q.at[axisChurn])
	if p.Keys == "zipf" {
		ns *= 0.8
	}
	n := float64(p.Workers)
	return ns * (1 + l.sigma*(n-1) + l.kappa*n*(n-1))
}

func (l law) memory(p *sample.Point) *sample.Memory {
	m := &sample.Memory{
		GlobalFIB: 1<<20 + int(2.3*float64(p.Routes)+200*math.Sqrt(float64(p.Routes))), VRFFIB: 116 + 8*p.VRFs + 5*p.VRFRoutes,
		FIBWriter: 2<<20 + 10*p.Routes + 18*p.VRFRoutes, RIB: 80*p.Routes + 108*(p.VRFRoutes+p.Imported), Adjacencies: 50_000 + 580*p.VRFs,
		Ingress: 160_000 + 6*p.VRFs, Arena: 49152 * p.Workers,
	}
	switch p.Method {
	case "full-copy":
		m.VRFFIB += 3 * p.Imported
		m.FIBWriter += 9 * p.Imported
	case "import-map":
		m.VRFFIB += 31 * p.Imported
		m.FIBWriter += 57 * p.Imported
	}
	return m
}

// sample measures a point of the law: on a machine whose first core is slowed down in each trial by up to so much, which the
// reference beside it shows, and each of whose others by half of that, give or take a twentieth.
func (l law) sample(p sample.Point, slow float64, rng *rand.Rand, role string) sample.Sample {
	reference := point("fallback", 1000, 1_000_000)
	s := sample.Sample{Kind: sample.OfTrial, Time: time.Unix(1_800_000_000, 0).UTC(), Run: "law", Point: p, OK: true, Memory: l.memory(&p),
		Conditions: sample.Conditions{Go: "go", CPU: "law", TSC: sample.Clock{GHz: 2}}, Settings: map[string]string{sample.SettingRole: role}}
	var ns, beside []float64
	for range 7 {
		f := 1 + slow*rng.Float64()
		rates := 1 / f
		for range p.Workers - 1 {
			rates += 1 / (1 + slow*(0.45+0.1*rng.Float64()))
		}
		ns, beside = append(ns, l.ns(&p)*float64(p.Workers)/rates), append(beside, l.ns(&reference)*f)
	}
	s.Add(sample.Median(sample.FigTime, "ns/pkt", ns))
	s.Add(sample.Median(sample.FigReference, "ns/pkt", beside))
	return s
}

func point(method string, vrfs, routes int) sample.Point {
	p := sample.Point{Ports: "samecore", Table: "synthetic", Routes: routes, NextHops: 64, VRFs: vrfs, Profile: "typical", VRFRoutes: 280 * vrfs,
		Method: method, Fallback: 100, Keys: "routed", Size: "64", Flows: 65536, Workers: 1, Burst: 256}
	p.Imported = vrfs * int(imported(method, routes, 1000))
	return p
}

// samples are a grid as the reference run has it, in small.
func (l law) samples(slow float64) (all []sample.Sample) {
	rng := rand.New(rand.NewPCG(1, 2))
	add := func(role string, p sample.Point, change ...func(*sample.Point)) {
		for _, c := range change {
			c(&p)
		}
		all = append(all, l.sample(p, slow, rng, role))
	}
	main := point("fallback", 1000, 1_000_000)
	add("", main)
	all[0].Stages = []sample.Stage{{Stage: "generate", NS: 2}, {Stage: "receive", NS: 1}, {Stage: "classify", NS: 3}, {Stage: "lookup", NS: 20},
		{Stage: "transmit", NS: 3}}
	for _, f := range []float64{0, 50} {
		add("", main, func(p *sample.Point) { p.Fallback = f })
	}
	for _, size := range []string{"256", "1518", "64:7,594:4,1518:1"} {
		add("", main, func(p *sample.Point) { p.Size = size })
	}
	add("", main, func(p *sample.Point) { p.Keys = "zipf" })
	for _, churn := range []int{1000, 4000} {
		add("", main, func(p *sample.Point) { p.Churn = churn })
	}
	for _, w := range []int{2, 3, 4, 8} {
		add("", main, func(p *sample.Point) { p.Workers = w })
	}
	for _, v := range []int{1, 10, 100, 4000} {
		add("", point("fallback", v, 1_000_000))
		add("", point("fallback", v, 1_000_000), func(p *sample.Point) { p.Fallback = 0 })
	}
	for _, r := range []int{10_000, 100_000} {
		add("", point("fallback", 1000, r))
	}
	for _, m := range []string{"two-circuits", "default-share", "import-map"} {
		add("", point(m, 1000, 1_000_000))
		add("", point(m, 100, 100_000))
	}
	add("", point("import-map", 1000, 1_000_000), func(p *sample.Point) { p.Imported = 5_000_000 })
	for _, c := range [][2]int{{1, 1_000_000}, {4, 1_000_000}, {100, 10_000}, {10, 100_000}} {
		add("", point("full-copy", c[0], c[1]))
	}
	add(sample.HeldBack, point("fallback", 300, 250_000), func(p *sample.Point) { p.Fallback, p.Size = 60, "512" })
	add(sample.HeldBack, point("fallback", 2000, 500_000), func(p *sample.Point) { p.Workers = 6 })
	add(sample.HeldBack, point("default-share", 500, 300_000))
	add(sample.HeldBack, point("import-map", 500, 500_000))
	add(sample.HeldBack, point("full-copy", 3, 400_000))
	return all
}

func fit(t *testing.T, all []sample.Sample) *Model {
	t.Helper()
	m, err := Fit(all, "samecore", "")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestLaw: the model finds a known law from noisy samples, at points that it was not fitted to.
func TestLaw(t *testing.T) {
	l := law{0.03, 0.002}
	m := fit(t, l.samples(0.5))
	if rate, memory, n := m.Errors(); n != 5 || rate > 0.1 || memory > 0.02 {
		t.Errorf("%d points held back: rates off by %.3f, memory by %.3f", n, rate, memory)
		for _, h := range m.HeldBack() {
			t.Logf("%s %+v %v", h.Sample.Point.Method, h.Rate, h.Ground)
		}
	}
	s, exact := m.Scaling(), Scaling{Sigma: l.sigma, Kappa: l.kappa}
	if s.Most != 8 || s.Fit > 0.01 {
		t.Errorf("%+v", s)
	}
	for n := range 9 {
		if got, want := s.Capacity(n), exact.Capacity(n); math.Abs(got-want) > 0.025*want {
			t.Errorf("%d workers: %.3f times the rate of one, the law says %.3f", n, got, want)
		}
	}
	m = fit(t, l.samples(0))
	if s := m.Scaling(); math.Abs(s.Sigma-l.sigma) > 1e-6 || math.Abs(s.Kappa-l.kappa) > 1e-6 {
		t.Errorf("%+v", s)
	}
	if peak := m.scaling.Peak(); peak != 22 { // sqrt(0.97/0.002)
		t.Error(peak)
	}
	w := Defaults()
	w.Gbit, w.PPS, w.Size = 0, 60e6, "64"
	a, err := m.Answer(w)
	if err != nil {
		t.Fatal(err)
	}
	p := point("fallback", 1000, 1_000_000)
	for _, c := range a.Methods {
		if c.Method != "fallback" {
			continue
		}
		// The fewest cores that leave the headroom.
		enough := func(n int) bool {
			p.Workers = n
			return float64(n)*1e9/l.ns(&p) >= 60e6/0.7
		}
		if c.Cores < 2 || !enough(c.Cores) || enough(c.Cores-1) || c.CoresGround.Basis != Measured && c.CoresGround.Basis != Interpolated {
			t.Errorf("%+v", c)
		}
		if p.Workers = c.Cores; !(c.Rate.Low <= c.Rate.Value && c.Rate.Value <= c.Rate.High) || math.Abs(c.Rate.Value*l.ns(&p)/1e9/float64(c.Cores)-1) > 0.03 {
			t.Errorf("rate %+v", c.Rate)
		}
		if want := l.memory(&p); math.Abs(c.Total-float64(want.GlobalFIB+want.VRFFIB+want.FIBWriter+want.RIB+want.Adjacencies+want.Ingress+want.Arena)) > 1 {
			t.Errorf("memory %v", c.Memory)
		}
	}
}

// TestFalsified: a model that is wrong says so.
func TestFalsified(t *testing.T) {
	all := law{}.samples(0)
	for i := range all {
		if all[i].Settings[sample.SettingRole] == sample.HeldBack && all[i].Point.Method == "default-share" {
			f, _ := all[i].Figure(sample.FigTime)
			for j := range f.Raw {
				f.Raw[j] *= 2
			}
			all[i].Add(sample.Median(f.Name, f.Unit, f.Raw))
			all[i].Memory.RIB *= 2
		}
	}
	if rate, memory, _ := fit(t, all).Errors(); rate < 0.8 || memory < 0.4 {
		t.Error(rate, memory)
	}
}

// TestGround: each answer says what it stands on, and nothing is extrapolated unasked.
func TestGround(t *testing.T) {
	m := fit(t, law{0.03, 0.002}.samples(0))
	for _, c := range []struct {
		change func(*Want)
		method string
		rate   Basis
		memory Basis
		why    string
	}{
		{func(*Want) {}, "fallback", Measured, Measured, ""},
		{func(w *Want) { w.Size = "300" }, "fallback", Interpolated, Measured, "300 bytes a frame: between 64 and 1518"},
		{func(w *Want) { w.VRFs = 500 }, "fallback", Interpolated, Interpolated, "500 VRFs: between 1 and 4000"},
		{func(w *Want) { w.VRFs = 5000 }, "fallback", Extrapolated, Extrapolated, "5000 VRFs: measured are 1 to 4000"},
		{func(w *Want) { w.Routes = 2_000_000 }, "fallback", Extrapolated, Extrapolated, "2,000,000 global routes"},
		{func(w *Want) { w.VRFs = 300 }, "default-share", Interpolated, Interpolated, "300 VRFs: as with fallback"},
		{func(*Want) {}, "full-copy", Extrapolated, Extrapolated, "1,000,000,000 imported routes: measured are 1,000,000 to 4,000,000"},
		{func(w *Want) { w.VRFs, w.Routes = 2, 1_000_000 }, "full-copy", Interpolated, Interpolated, "2,000,000 imported routes: between 1,000,000 and 4,000,000"},
		{func(w *Want) { w.Keys = "zipf" }, "fallback", Measured, Measured, ""},
		{func(w *Want) { w.Keys = "zipf" }, "two-circuits", Interpolated, Measured, "zipf destinations: as with fallback"},
		{func(w *Want) { w.Keys = "uniform" }, "fallback", Extrapolated, Measured, "uniform destinations: not measured"},
		{func(w *Want) { w.Gbit, w.PPS = 0, 80e6 }, "fallback", Extrapolated, Measured, "workers: measured are up to 8"},
	} {
		w := Defaults()
		w.Size, w.Method = "64", c.method
		c.change(&w)
		refusing, err := m.Answer(w)
		if err != nil {
			t.Fatal(err)
		}
		w.Extrapolate = true
		asked, err := m.Answer(w)
		if err != nil {
			t.Fatal(err)
		}
		a, b := refusing.Methods[0], asked.Methods[0]
		name := fmt.Sprintf("%s %+v", c.method, w)
		if b.CoresGround.Basis != c.rate || b.MemoryGround.Basis != c.memory || !strings.Contains(strings.Join(append(b.CoresGround.Why, b.MemoryGround.Why...), "; "), c.why) {
			t.Errorf("%s: %+v %+v", name, b.CoresGround, b.MemoryGround)
		}
		if len(b.Refused) > 0 || b.Total == 0 || b.PerCore == nil {
			t.Errorf("%s: refused %v", name, b.Refused)
		}
		for _, r := range a.Refused {
			if !strings.Contains(r, "measured") && !strings.Contains(r, "only") {
				t.Errorf("%s: %s", name, r)
			}
		}
		if refused := c.rate == Extrapolated || c.memory == Extrapolated; refused != (len(a.Refused) > 0) || (a.Rate == nil) != (c.rate == Extrapolated) ||
			(a.Total == 0) != (c.memory == Extrapolated) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestImpossible: where more cores make it slower, there is a rate that none reach.
func TestImpossible(t *testing.T) {
	w := Defaults()
	w.Gbit, w.PPS, w.Method, w.Extrapolate = 0, 300e6, "fallback", true
	a, err := fit(t, law{0.03, 0.002}.samples(0)).Answer(w)
	if err != nil {
		t.Fatal(err)
	}
	if m := a.Methods[0]; m.Cores != 0 || m.Rate != nil || !strings.Contains(strings.Join(m.CoresGround.Why, " "), "no number of cores reaches 429 Mpps: at best 22") {
		t.Errorf("%+v", m)
	}
}

// TestBottleneck: what is small is not blamed, and ports that carry less than the cores are.
func TestBottleneck(t *testing.T) {
	m := fit(t, law{}.samples(0))
	w := Defaults()
	w.Method, w.PortGbit = "fallback", 1
	for gbit, want := range map[float64]string{0: "lookup", 1: "I/O: the ports", 1000: "lookup"} {
		w.PortGbit = gbit
		a, err := m.Answer(w)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, s := range a.Methods[0].Shares {
			sum += s.Share
		}
		if a.Methods[0].Bottleneck != want || math.Abs(sum-1) > 1e-9 {
			t.Errorf("%g Gbit/s: %q %v", gbit, a.Methods[0].Bottleneck, a.Methods[0].Shares)
		}
	}
}

// TestLoss: where searches for loss are among the samples, rates are theirs.
func TestLoss(t *testing.T) {
	all := law{}.samples(0)
	one := 1e9 / law{}.ns(&all[0].Point)
	trial := all[0]
	trial.Figures = nil
	trial.Point.Ports = "rings"
	trial.Add(sample.Count(sample.FigRate, "pps", one))
	s := trial
	s.Kind, s.Figures = sample.NDR, nil
	s.Add(sample.Between(sample.FigNDR, "pps", 0.8*one, 0.81*one))
	s.Add(sample.Between(sample.FigPDR, "pps", 0.9*one, 0.91*one))
	m := fit(t, append(all, trial, s))
	for loss, want := range map[float64]float64{0: 0.8, 0.1: 0.8, 0.5: 0.9, 2: 0.9} {
		w := Defaults()
		w.Size, w.Method, w.Loss = "64", "fallback", loss
		a, err := m.Answer(w)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Methods[0].PerCore.Value / one; math.Abs(got-want) > 1e-3 || !strings.Contains(a.Notes[0], "searches") {
			t.Errorf("loss %g: %g of the rate, want %g: %s", loss, got, want, a.Notes[0])
		}
	}
}

func TestScaling(t *testing.T) {
	for _, l := range []law{{0, 0}, {0.1, 0}, {0.05, 0.01}, {0, 0.02}} {
		rates := map[int]float64{}
		for _, n := range []int{1, 2, 4, 7} {
			rates[n] = 3e6 * (&Scaling{Sigma: l.sigma, Kappa: l.kappa}).Capacity(n)
		}
		s, err := FitScaling(rates)
		if err != nil || math.Abs(s.Sigma-l.sigma) > 1e-9 || math.Abs(s.Kappa-l.kappa) > 1e-9 || s.Fit > 1e-9 || s.Most != 7 {
			t.Errorf("%v: %+v %v", l, s, err)
		}
	}
	// More than linear, by chance: no negative coefficient explains it.
	if s, err := FitScaling(map[int]float64{1: 1, 2: 2.1}); err != nil || s.Sigma != 0 || s.Kappa != 0 || math.Abs(s.Fit-0.0476) > 1e-3 {
		t.Errorf("%+v %v", s, err)
	}
	if s, err := FitScaling(map[int]float64{1: 1, 2: 1.8}); err != nil || math.Abs(s.Capacity(2)-1.8) > 1e-9 || s.Kappa != 0 {
		t.Errorf("two points: %+v %v", s, err)
	}
	if _, err := FitScaling(map[int]float64{2: 1}); err == nil {
		t.Error("without one worker")
	}
}

func TestWants(t *testing.T) {
	w, err := ReadWant("a.yaml", strings.NewReader("vrfs: 20\npps: 1e6\nvrf-routes: 50\nmethod: fallback\n"))
	if err != nil || w.VRFs != 20 || w.Gbit != 0 || w.PPS != 1e6 || w.Profile != "" || w.Routes != 1_000_000 {
		t.Errorf("%+v %v", w, err)
	}
	for text, want := range map[string]string{
		"vrfs: [":                      "a.yaml: [1:",
		"vrsf: 3":                      "unknown field",
		"vrfs: 0":                      "vrfs 0",
		"method: magic":                "method magic: fallback, two-circuits",
		"gbit: 1\npps: 2":              "only one",
		"size: 12":                     "64 bytes",
		"fallback: 101":                "0 to 100",
		"headroom: 100":                "0 to 99",
		"keys: some":                   "routed, uniform",
		"ports: x":                     "samecore and rings",
		"profile: x":                   "typical, lab and tiny",
		"routes: 0":                    "routes 0",
		"imports: -1":                  "imports -1",
		"vrf-routes: -1":               "vrf-routes -1",
		"churn: -1":                    "churn -1",
		"loss: .nan":                   "loss NaN",
		"port-gbit: -1":                "port-gbit",
		"pps: -1":                      "pps -1",
		"gbit: 0":                      "gbit 0",
		"profile: tiny\nvrf-routes: 3": "only one",
	} {
		if _, err := ReadWant("a.yaml", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := fit(t, law{}.samples(0)).Answer(Want{}); err == nil {
		t.Error("an empty want was answered")
	}
	if mean, err := MeanSize("64:7,594:4,1518:1"); err != nil || math.Abs(mean-361.83) > 0.01 {
		t.Error(mean, err)
	}
}

func TestNoSamples(t *testing.T) {
	for _, all := range [][]sample.Sample{nil, law{}.samples(0)} {
		if _, err := Fit(all, "rings", ""); !errors.Is(err, ErrNoSamples) || !strings.Contains(err.Error(), "rings") {
			t.Error(err)
		}
	}
	if _, err := Fit(law{}.samples(0)[1:9], "samecore", ""); err != nil {
		t.Error(err)
	}
}

// TestNewest: of several runs the newest counts, and samples with faults do not.
func TestNewest(t *testing.T) {
	all := law{}.samples(0)
	old := law{}.samples(0)
	for i := range old {
		old[i].Run, old[i].Time = "old", old[i].Time.Add(-time.Hour)
	}
	all[1].OK = false
	m := fit(t, append(old, all...))
	if n, want := len(m.memories)+len(m.held), len(all)-1; n != want {
		t.Error(n, want)
	}
}

// TestMachines: the newest run of any machine counts, or of that which is asked for; answers name the others.
func TestMachines(t *testing.T) {
	all, old := law{}.samples(0), law{0.1, 0}.samples(0)
	for i := range old {
		s := &old[i]
		s.Run, s.Time = "old", s.Time.Add(-time.Hour)
		s.Conditions.CPU, s.Conditions.CPUs, s.Conditions.GOARCH = "Another CPU", 16, "arm64"
	}
	all = append(old, all...)
	for cpu, want := range map[string][2]string{"": {"law", "Another CPU"}, "LAW": {"law", "Another CPU"}, "another": {"Another CPU", "law"}, "16 cpus, arm": {"Another CPU", "law"}} {
		m, err := Fit(all, "samecore", cpu)
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Answer(Defaults())
		if err != nil {
			t.Fatal(err)
		}
		if a.Samples.CPU != want[0] || len(a.Samples.Others) != 1 || a.Samples.Others[0].CPU != want[1] || (m.scaling.Sigma > 0.05) != (want[0] == "Another CPU") ||
			len(m.memories)+len(m.held) != len(old) {
			t.Errorf("%q: %+v %+v", cpu, a.Samples, m.scaling)
		}
		var b bytes.Buffer
		if err := a.WriteText(&b); err != nil || !strings.HasSuffix(b.String(), "; --cpu and a part of such a name asks for them\n") || !strings.Contains(b.String(), "machines, too: "+want[1]+", ") {
			t.Error(err, b.String())
		}
	}
	_, err := Fit(all, "samecore", "none")
	if bad, ok := errors.AsType[*WantError](err); !ok || bad.Field != "cpu" || !strings.Contains(bad.Reason, "Another CPU, 16 CPUs, arm64; law, 0 CPUs") {
		t.Error(err)
	}
	// Of two machines without names of their runs, neither has the other's samples.
	for i := range all {
		all[i].Run = ""
	}
	if m := fit(t, all); len(m.memories)+len(m.held) != len(old) || m.scaling.Sigma != 0 {
		t.Errorf("%d samples, %+v", len(m.memories), m.scaling)
	}
}

// TestSetup: a sample that differs in what no axis describes has no part in a model.
func TestSetup(t *testing.T) {
	all := law{}.samples(0)
	for _, change := range []func(*sample.Point){func(p *sample.Point) { p.Burst = 32 }, func(p *sample.Point) { p.Table = "real" },
		func(p *sample.Point) { p.NextHops = 1 }, func(p *sample.Point) { p.Locality = "hashed" }} {
		s := all[0]
		change(&s.Point)
		s.Stages, s.Figures = nil, nil
		s.Add(sample.Median(sample.FigTime, "ns/pkt", []float64{1000}))
		all = append(all, s)
	}
	if got, want := len(fit(t, all).times), len(fit(t, law{}.samples(0)).times); got != want {
		t.Errorf("%d trials of one worker, want %d", got, want)
	}
}

// TestNotMeasured: of a method without samples nothing is answered nor judged, and an answer says where no points judge it.
func TestNotMeasured(t *testing.T) {
	all := slices.DeleteFunc(law{}.samples(0), func(s sample.Sample) bool {
		return s.Point.Method == "default-share" && s.Settings[sample.SettingRole] == ""
	})
	m := fit(t, all)
	if _, _, n := m.Errors(); n != 4 || !slices.ContainsFunc(m.HeldBack(), func(h Held) bool { return strings.Contains(h.Refused, "no sample of method default-share") }) {
		t.Error(n, m.HeldBack())
	}
	w := Defaults()
	w.Method = "default-share"
	a, err := m.Answer(w)
	if err != nil || a.Methods[0].Rate != nil || a.Methods[0].Cores != 0 || !strings.Contains(a.Methods[0].Refused[0], "no sample of method default-share") {
		t.Errorf("%+v %v", a, err)
	}
	all = slices.DeleteFunc(all, func(s sample.Sample) bool { return s.Settings[sample.SettingRole] == sample.HeldBack })
	if a, err = fit(t, all).Answer(w); err != nil || !slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, "no samples were held back") }) {
		t.Errorf("%+v %v", a, err)
	}
	for i := range all {
		all[i].Point.Ports = "rings"
	}
	if m, err = Fit(all, "rings", ""); err != nil {
		t.Fatal(err)
	}
	w.Ports = "rings"
	if a, err = m.Answer(w); err != nil || !slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, "have a core of their own") }) {
		t.Errorf("%+v %v", a, err)
	}
}

func TestText(t *testing.T) {
	m := fit(t, law{0.03, 0.002}.samples(0.2))
	a, err := m.Answer(Defaults())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := a.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1000 VRFs (typical), 1,000,000 global routes; 3.274 Mpps of 361.8 bytes, 10 Gbit/s", "full-copy: not answered: ", "--extrapolate",
		"VRF FIBs", "MiB", "at 5 points held back from the fit: rates off by at most", "σ 0.0", "measured", "interpolated", "no network card", "from samples of law, 0 CPUs"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "--cpu") {
		t.Error("other machines, of which there are none")
	}
	doc, err := json.Marshal(a)
	if err != nil || !bytes.Contains(doc, []byte(`"largest_rate_error"`)) {
		t.Errorf("%v %s", err, doc)
	}
}

// TestRecorded: the model holds at the points that the recorded runs have held back: memory within 10 % for each machine, rates
// within 20 % for one at least. Where others use the caches too, what is held back moves by as much from one minute to the next.
func TestRecorded(t *testing.T) {
	const results = "../../results"
	if names, _ := filepath.Glob(filepath.Join(results, "*"+sample.Ext)); len(names) == 0 {
		t.Skip("no samples are recorded: make report")
	}
	all, err := sample.ReadDir(results)
	if err != nil {
		t.Fatal(err)
	}
	byMachine := map[sample.Machine][]sample.Sample{}
	for _, s := range all {
		m := s.Conditions.Machine()
		byMachine[m] = append(byMachine[m], s)
	}
	least := math.Inf(1)
	for machine, samples := range byMachine {
		m := fit(t, samples)
		rate, memory, n := m.Errors()
		if least = min(least, rate); n == 0 || memory > 0.1 {
			t.Errorf("%v: %d points held back: memory off by up to %.3f", machine, n, memory)
		}
		for _, h := range m.HeldBack() {
			t.Logf("%v: %s: %+.3f %+.3f %v", machine, h.Sample.Command, h.Rate.Error(), h.Memory.Error(), h.Ground)
		}
	}
	if least > 0.2 {
		t.Errorf("rates are off by up to %.3f", least)
	}
}
