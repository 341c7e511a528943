package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"vrfwd/bench/sample"
)

// Rate is a number of packets a second with the interval that is expected to hold it in 19 of 20 cases.
type Rate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Answer is what a Model says to a Want.
type Answer struct {
	Want    Want           `json:"want"`
	Offered float64        `json:"offered_pps"`
	Methods []MethodAnswer `json:"methods"`
	Scaling Scaling        `json:"scaling"`
	Held    struct {
		Points int     `json:"points"`
		Rate   float64 `json:"largest_rate_error"`
		Memory float64 `json:"largest_memory_error"`
	} `json:"held_back"`
	Samples struct {
		sample.Machine
		Commit string    `json:"commit"`
		From   time.Time `json:"from"`
		To     time.Time `json:"to"`
		// Others are the other machines that there are samples of: Want.CPU asks for one.
		Others []sample.Machine `json:"others,omitempty"`
	} `json:"samples"`
	Notes []string `json:"notes"`
}

// MethodAnswer is the answer for one method. Where a figure's ground is extrapolation that nobody asked for, the figure is not
// given and Refused says why.
type MethodAnswer struct {
	Method string `json:"method"`

	PerCore *Rate   `json:"per_core,omitempty"` // loss-free rate of one worker, pps
	NS      float64 `json:"ns_per_packet,omitempty"`
	Cycles  float64 `json:"cycles_per_packet,omitempty"`
	Time    Ground  `json:"time_ground"`

	Cores       int     `json:"cores,omitempty"`
	Rate        *Rate   `json:"rate,omitempty"`        // loss-free rate of all of them, pps
	Gbit        float64 `json:"gbit,omitempty"`        // the same on layer 1
	Utilization float64 `json:"utilization,omitempty"` // of them by what is offered, percent
	CoresGround Ground  `json:"cores_ground"`

	Bottleneck string  `json:"bottleneck,omitempty"`
	Shares     []Share `json:"shares,omitempty"` // of a packet's time

	Memory       []Bytes `json:"memory,omitempty"`
	Total        float64 `json:"memory_total,omitempty"`
	MemoryGround Ground  `json:"memory_ground"`

	Refused []string `json:"refused,omitempty"`
}

// Share is what of a packet's time goes where.
type Share struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"`
}

// maxCores is where a search for a number of cores ends.
const maxCores = 1024

// Answer answers. Errors: *WantError.
func (m *Model) Answer(w Want) (*Answer, error) {
	if err := w.Check(); err != nil {
		return nil, err
	}
	a := &Answer{Want: w, Offered: w.offered(), Scaling: m.scaling}
	a.Held.Rate, a.Held.Memory, a.Held.Points = m.Errors()
	a.Samples.Machine, a.Samples.Commit, a.Samples.From, a.Samples.To, a.Samples.Others = m.on.Machine(), m.on.Commit, m.from, m.to, m.others
	_, lossNote := m.lossFactor(w.Loss)
	a.Notes = append(a.Notes, lossNote)
	if w.Ports == "samecore" {
		a.Notes = append(a.Notes, "in memory, no network card or kernel in any figure; generator and sink share the worker's core and their time is in it")
	} else {
		a.Notes = append(a.Notes, "in memory, no network card or kernel in any figure; generator and sink have a core of their own, which is not counted")
	}
	if a.Held.Points == 0 {
		a.Notes = append(a.Notes, "no samples were held back: nothing tells how far the model is off between them")
	}
	for _, method := range w.methods() {
		a.Methods = append(a.Methods, m.method(&w, method, a.Offered))
	}
	return a, nil
}

// method answers for one.
func (m *Model) method(w *Want, method string, offered float64) MethodAnswer {
	a := MethodAnswer{Method: method}
	refuse := func(what string, g *Ground) bool {
		if g.Basis != Extrapolated || w.Extrapolate {
			return false
		}
		a.Refused = append(a.Refused, fmt.Sprintf("%s would be extrapolated: %s", what, strings.Join(g.Beyond, "; ")))
		return true
	}
	vrfRoutes := m.vrfRoutes(w)
	q := w.place(method, vrfRoutes)
	t, ground, err := m.timeAt(q)
	a.Time, a.CoresGround = ground, ground
	workers := 1.0
	switch {
	case err != nil:
		a.Refused = append(a.Refused, err.Error())
	case !refuse("the rate", &ground):
		m.rates(w, &a, &t, offered)
		a.Bottleneck, a.Shares = m.bottleneck(w, &a, &t, q)
		if a.CoresGround.Basis == Extrapolated && ground.Basis != Extrapolated && refuse("the number of cores", &a.CoresGround) {
			a.Cores, a.Rate, a.Gbit, a.Utilization = 0, nil, 0, 0
		}
		workers = float64(max(1, a.Cores))
	}
	imports := imported(method, w.Routes, w.Imports) * float64(w.VRFs)
	c := counted{method: method, vrfs: float64(w.VRFs), routes: float64(w.Routes), vrfRoutes: math.Round(vrfRoutes * float64(w.VRFs)), imported: imports,
		workers: workers}
	center := countedOf(m.center)
	c.nextHops, c.frames, c.descriptors = center.nextHops, center.frames, center.descriptors
	for i := range m.memories { // frames are as large as the mix needs
		if r := &m.memories[i]; r.sample.Point.Size == w.Size {
			c.frames = r.frames
		}
	}
	parts, total, g := m.memoryAt(c)
	a.MemoryGround = g
	if !refuse("memory", &g) {
		a.Memory, a.Total = parts, total
	}
	return a
}

// rates fills in what follows from a packet's time.
func (m *Model) rates(w *Want, a *MethodAnswer, t *timed, offered float64) {
	factor, _ := m.lossFactor(w.Loss)
	// Half of the interval that 1.96 standard deviations make, beside that of the anchor.
	spread := 1.96 * m.spread
	low := math.Hypot(1-t.ns/max(t.high, t.ns), 1-math.Exp(-spread))
	high := math.Hypot(t.ns/min(t.low, t.ns)-1, math.Exp(spread)-1)
	a.NS, a.Cycles = t.ns, t.ns*m.on.TSC.GHz
	one := factor * 1e9 / t.ns
	a.PerCore = &Rate{one, one * max(0, 1-low), one * (1 + high)}
	need := offered / (1 - w.Headroom/100)
	cores, last := 0, maxCores
	if peak := m.scaling.Peak(); peak > 0 {
		last = min(last, peak)
	}
	for n := 1; n <= last && cores == 0; n++ {
		if one*m.scaling.Capacity(n) >= need {
			cores = n
		}
	}
	if cores == 0 {
		a.CoresGround.lower(Extrapolated, "no number of cores reaches %.3g Mpps: at best %d of them %.3g", need/1e6, last, one*m.scaling.Capacity(last)/1e6)
		return
	}
	a.Cores = cores
	c := m.scaling.Capacity(cores)
	a.Rate = &Rate{a.PerCore.Value * c, a.PerCore.Low * c, a.PerCore.High * c}
	mean, _ := MeanSize(w.Size)
	a.Gbit = a.Rate.Value * (mean + wire) * 8 / 1e9
	a.Utilization = 100 * offered / a.Rate.Value
	switch {
	case cores > m.scaling.Most:
		a.CoresGround.lower(Extrapolated, "%d workers: measured are up to %d", cores, m.scaling.Most)
	case !slices.ContainsFunc(m.scaling.Points, func(p ScalingPoint) bool { return p.Workers == cores }):
		a.CoresGround.lower(Interpolated, "%d workers: between measured numbers", cores)
	}
}

// bottleneck says where a packet's time goes, and what limits: the ports, where they carry less than the cores forward.
func (m *Model) bottleneck(w *Want, a *MethodAnswer, t *timed, q place) (string, []Share) {
	s := m.stages[q.method]
	if s == nil {
		s = m.stages[m.center.Point.Method]
	}
	if s == nil {
		return "", nil
	}
	var lookup, io, headers float64
	for _, st := range s.Stages {
		switch st.Stage {
		case "look up", "lookup":
			lookup += max(0, st.NS)
		case "generate", "receive", "transmit", "settle":
			io += max(0, st.NS)
		default:
			headers += max(0, st.NS)
		}
	}
	sum := lookup + io + headers
	if sum == 0 {
		return "", nil
	}
	// What small tables would save is waiting for memory beyond the nearest caches.
	small := q
	for _, axis := range []int{axisVRFs, axisRoutes} {
		for i := range m.times {
			if m.times[i].method == m.center.Point.Method {
				small.at[axis] = min(small.at[axis], m.times[i].at[axis])
			}
		}
	}
	memory := 0.0
	if few, _, err := m.timeAt(small); err == nil {
		memory = max(0, (t.ns-few.ns)/t.ns)
	}
	rest := 1 - memory
	shares := []Share{{"lookup", rest * lookup / sum}, {"memory", memory}, {"I/O", rest * io / sum}, {"headers", rest * headers / sum}}
	slices.SortStableFunc(shares, func(a, b Share) int { return cmp.Compare(b.Share, a.Share) })
	if mean, _ := MeanSize(w.Size); w.PortGbit > 0 && a.Rate != nil && w.PortGbit*1e9/8/(mean+wire) < a.Rate.Value {
		return "I/O: the ports", shares
	}
	return shares[0].Name, shares
}
