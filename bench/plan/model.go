package plan

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/internal/estimate"
)

// Model is what samples of one kind of ports on one machine say. It is read only once it is made.
type Model struct {
	ports  string
	center *sample.Sample // what most samples are like
	// reference is the median time of the run's reference, ns; 0: there was none.
	reference float64
	times     []timed
	lines     [axes][]line
	scaling   Scaling
	memories  []remembered
	parts     []part
	stages    map[string]*sample.Sample // by method: one with its cycle budget
	// loss is the rate of a search for loss, in rates of a trial at the same point, by the percentage lost; none: 0.
	loss map[float64]float64
	held []*sample.Sample
	on   sample.Conditions
	// others are the other machines that there are samples of.
	others []sample.Machine
	from   time.Time
	to     time.Time
	// spread is the standard deviation of the logarithm of the rates at held-back points from the model's.
	spread float64
}

// ErrNoSamples tells that there is nothing to fit a model to.
var ErrNoSamples = errors.New("no samples to plan with")

// Fit makes a model of the newest run among the samples with these ports, of whichever machine, or of one whose name
// (sample.Machine.String) has cpu in it, in upper or lower case. Samples that are not OK, and those that differ from the main
// job in what no axis describes (table, next hops, burst), are left out. Errors: ErrNoSamples, wrapped, or *WantError of the
// field cpu, where no machine has such a name.
func Fit(all []sample.Sample, ports, cpu string) (*Model, error) {
	m := &Model{ports: ports, stages: map[string]*sample.Sample{}, loss: map[float64]float64{}}
	last, machines := newest(all, ports, cpu)
	switch {
	case len(machines) == 0:
		return nil, fmt.Errorf("%w: none is of ports %s", ErrNoSamples, ports)
	case last == nil:
		return nil, &WantError{"cpu", cpu, "the samples of ports " + ports + " are of " + names(machines)}
	}
	m.on = last.Conditions
	own := m.on.Machine()
	m.others = slices.DeleteFunc(machines, func(o sample.Machine) bool { return o == own })
	// Of the run through whatever ports, and of it through these.
	all = slices.DeleteFunc(slices.Clone(all), func(s sample.Sample) bool { return !s.OK || s.Run != last.Run || s.Conditions.Machine() != own })
	var run []*sample.Sample
	for i := range all {
		if usable(&all[i], ports) {
			run = append(run, &all[i])
		}
	}
	m.findCenter(run)
	run = slices.DeleteFunc(run, func(s *sample.Sample) bool { return setupOf(s) != setupOf(m.center) })
	m.findReference(run)
	workers := map[int][]*sample.Sample{}
	for _, s := range run {
		switch {
		case s.Settings[sample.SettingRole] == sample.HeldBack:
			m.held = append(m.held, s)
			continue
		case len(s.Stages) > 0 && m.stages[s.Point.Method] == nil:
			m.stages[s.Point.Method] = s
		}
		if s.Memory != nil {
			m.memories = append(m.memories, remembered{countedOf(s), s.Memory, s})
		}
		t, ok := m.time(s)
		if !ok || s.Kind != sample.OfTrial {
			continue
		}
		one := s.Point
		one.Workers, one.Flows = 1, m.center.Point.Flows
		c := m.center.Point
		if placeOf(&one) == placeOf(&c) {
			workers[s.Point.Workers] = append(workers[s.Point.Workers], s)
		}
		if s.Point.Workers == 1 {
			m.times = append(m.times, timed{placeOf(&s.Point), t.Value, t.Low, t.High, s})
		}
	}
	if len(m.times) == 0 || len(m.memories) == 0 {
		return nil, fmt.Errorf("%w: none is a trial of ports %s with one worker and the memory by part", ErrNoSamples, ports)
	}
	for axis := range axes {
		m.lines[axis] = lines(m.times, axis)
	}
	rates := map[int]float64{}
	for n, same := range workers {
		for _, s := range same {
			t, _ := m.time(s)
			rates[n] += float64(n) * 1e9 / t.Value / float64(len(same))
		}
	}
	var err error
	if m.scaling, err = FitScaling(rates); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSamples, err)
	}
	m.parts = fitMemory(m.memories)
	m.fitLoss(all)
	m.from, m.to = m.center.Time, m.center.Time
	for _, s := range run {
		if s.Time.Before(m.from) {
			m.from = s.Time
		}
		if s.Time.After(m.to) {
			m.to = s.Time
		}
	}
	sum, n := 0.0, 0
	for _, h := range m.HeldBack() {
		if h.Refused == "" && h.Basis != Extrapolated {
			d := math.Log(h.Rate.Predicted / h.Rate.Measured)
			sum, n = sum+d*d, n+1
		}
	}
	if n > 0 {
		m.spread = math.Sqrt(sum / float64(n))
	}
	return m, nil
}

// usable tells samples that a model may be made of.
func usable(s *sample.Sample, ports string) bool {
	return s.OK && s.Point.Ports == ports && s.Point.Inbound == 0
}

// newest is the last trial with these ports of a machine that has cpu in its name, nil where there is none; and all machines
// with such trials, in their order.
func newest(all []sample.Sample, ports, cpu string) (last *sample.Sample, machines []sample.Machine) {
	for i := range all {
		s := &all[i]
		if !usable(s, ports) || s.Kind != sample.OfTrial {
			continue
		}
		on := s.Conditions.Machine()
		if !slices.Contains(machines, on) {
			machines = append(machines, on)
		}
		if strings.Contains(strings.ToLower(on.String()), strings.ToLower(cpu)) && (last == nil || s.Time.After(last.Time)) {
			last = s
		}
	}
	return last, machines
}

// names lists machines.
func names(machines []sample.Machine) string {
	var all []string
	for _, m := range machines {
		all = append(all, m.String())
	}
	return strings.Join(all, "; ")
}

// setup is what no axis describes, and all samples of a model have in common.
type setup struct {
	table, locality string
	nextHops, burst int
}

func setupOf(s *sample.Sample) setup {
	return setup{s.Point.Table, s.Point.Locality, s.Point.NextHops, s.Point.Burst}
}

// findCenter finds the sample that most others of its setup differ from in one axis at most.
func (m *Model) findCenter(run []*sample.Sample) {
	best := -1
	for _, s := range run {
		if s.Kind != sample.OfTrial || s.Point.Workers != 1 {
			continue
		}
		n, p := 0, placeOf(&s.Point)
		for _, o := range run {
			q := placeOf(&o.Point)
			for axis := range axes {
				if setupOf(o) == setupOf(s) && alike(&p, &q, axis) {
					n++
					break
				}
			}
		}
		if n > best {
			best, m.center = n, s
		}
	}
	if m.center == nil {
		m.center = run[0]
	}
}

// findReference takes the median of the time that all samples were measured beside.
func (m *Model) findReference(run []*sample.Sample) {
	var all []float64
	for _, s := range run {
		if f, ok := s.Figure(sample.FigReference); ok {
			all = append(all, f.Raw...)
		}
	}
	if len(all) > 0 {
		m.reference = estimate.Of(all).Median
	}
}

// time is a sample's time for a packet: where its trials took turns with those of a reference, as if that had had the run's
// median time in each of them.
func (m *Model) time(s *sample.Sample) (sample.Figure, bool) {
	t, ok := s.Figure(sample.FigTime)
	beside, paired := s.Figure(sample.FigReference)
	if !ok || !paired || len(beside.Raw) != len(t.Raw) || m.reference == 0 {
		return t, ok
	}
	// The reference tells of its own core alone. The rates of n workers add up, so that of theirs the n-th part that it forwards is
	// known to have been as slow, and of the others nothing is: their noise is independent, and the median of the trials takes it.
	// The full ratio would count the noise of one core n times.
	n := float64(max(s.Point.Workers, 1))
	e := estimate.Paired(t.Raw, beside.Raw, func(ns, ref float64) float64 { return ns * (n - 1 + m.reference/ref) / n })
	t.Value, t.Low, t.High = e.Median, e.Low, e.High
	return t, true
}

// countedOf is what a sample's memory depends on.
func countedOf(s *sample.Sample) counted {
	p := &s.Point
	c := counted{method: p.Method, vrfs: float64(p.VRFs), routes: float64(p.Routes), vrfRoutes: float64(p.VRFRoutes),
		imported: float64(p.Imported), nextHops: float64(p.NextHops), workers: float64(max(p.Workers, 1))}
	if s.Memory != nil {
		c.frames, c.descriptors = float64(s.Memory.Arena)/c.workers, float64(s.Memory.Rings)/c.workers
	}
	return c
}

// fitLoss takes a run's searches for loss, through whatever ports, relative to trials of the same point through the same.
func (m *Model) fitLoss(run []sample.Sample) {
	ratios := map[float64][]float64{}
	for i := range run {
		s := &run[i]
		for percent, name := range map[float64]string{0: sample.FigNDR, 0.5: sample.FigPDR} {
			f, ok := s.Figure(name)
			if !ok || f.Value <= 0 {
				continue
			}
			j := slices.IndexFunc(run, func(t sample.Sample) bool { return t.Kind == sample.OfTrial && t.Point == s.Point })
			if j < 0 {
				continue
			}
			if rate, ok := run[j].Figure(sample.FigRate); ok && rate.Value > 0 {
				ratios[percent] = append(ratios[percent], min(1, f.Value/rate.Value))
			}
		}
	}
	for percent, r := range ratios {
		slices.Sort(r)
		m.loss[percent] = r[len(r)/2]
	}
}

// lossFactor is the share of a trial's rate at which no more than so many percent are lost, and how that is known.
func (m *Model) lossFactor(percent float64) (factor float64, note string) {
	f, percentOf := 0.0, 0.0
	for p, v := range m.loss {
		if p <= percent && v > f {
			f, percentOf = v, p
		}
	}
	if f == 0 {
		return 1, "no search for loss is among the samples: the rate is that of trials whose generator waits, in which nothing is lost"
	}
	return f, fmt.Sprintf("searches with at most %g %% loss found %.3g of the rate of trials whose generator waits", percentOf, f)
}

// Scaling is the law fitted to the numbers of workers.
func (m *Model) Scaling() Scaling { return m.scaling }

// vrfRoutes is the routes of each VRF on average.
func (m *Model) vrfRoutes(w *Want) float64 {
	if w.Profile == "" {
		return w.VRFRoutes
	}
	mean, nearest := profiles[w.Profile], math.Inf(1)
	for i := range m.memories {
		p := &m.memories[i].sample.Point
		if d := math.Abs(math.Log(float64(p.VRFs) / float64(w.VRFs))); p.Profile == w.Profile && d < nearest && p.VRFs > 9 {
			mean, nearest = float64(p.VRFRoutes)/float64(p.VRFs), d
		}
	}
	return mean
}
