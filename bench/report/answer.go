package report

import (
	"vrfwd/bench/plan"
	"vrfwd/bench/sample"
	"vrfwd/internal/estimate"
)

// question is the one that the engine exists for.
const question = "What does fallback global cost against the other methods?"

// methodNames are for people.
var methodNames = map[string]string{"fallback": "fallback global", "two-circuits": "two circuits", "default-share": "default route to a share",
	"import-map": "global import map", "full-copy": "full copy"}

// against is a figure against the main job's, by trials that took turns; false where there were none.
func (s located) against(how string, u unit, combine func(own, main float64) float64) (figure, bool) {
	t, ok := s.Figure(sample.FigTime)
	r, paired := s.Figure(sample.FigReference)
	if !ok || !paired || len(t.Raw) == 0 || len(t.Raw) != len(r.Raw) {
		return figure{}, false
	}
	e := estimate.Paired(t.Raw, r.Raw, combine)
	return figure{v: e.Median, low: e.Low, high: e.High, how: "median of " + how, unit: u,
		from: []string{s.id + "/figures/time", s.id + "/figures/" + sample.FigReference}}, true
}

// timesRate is how many times the main job's rate it is, for one worker.
func (s located) timesRate() (figure, bool) {
	return s.against("1/0", times, func(own, main float64) float64 { return main / own })
}

// moreCycles is how many cycles a packet takes more than one of the main job.
func (s located) moreCycles() (figure, bool) {
	return s.against("0-1", unit{"cycles", s.Conditions.TSC.GHz}, func(own, main float64) float64 { return own - main })
}

// answer is the first section: each method at the main job's point, and what a full copy would be.
func answer(r *run) (section, bool) {
	s := section{id: "answer", title: question}
	center, ok := r.main()
	if !ok {
		return s, false
	}
	rate, _ := center.of(sample.FigRate, mpps)
	cyc, _ := center.of(sample.FigCycles, cycles)
	all, _ := center.memory(tables...)
	p := &center.Point
	lead := prose(words("With "), center.count("vrfs", p.VRFs).cell(), words(" VRFs and a global table of "), center.count("routes", p.Routes).cell(),
		words(" routes, one core forwards "), rate.cell(), words(" of "+p.Size+"-byte packets that all fall back to the global table: "), cyc.cell(),
		words(" a packet, generator and sink included. All tables together take "), all.cell(), words("."))
	g := grid{head: []string{"method", "VRFs", "rate of one core", "cycles a packet", "rate : fallback's", "cycles more", "tables", "tables more"}}
	for _, m := range plan.Methods() {
		at, ok := r.largest(m)
		if m == "fallback" {
			at = center
		}
		if !ok {
			continue
		}
		row := []entry{words(methodNames[m]), at.count("vrfs", at.Point.VRFs).cell(), maybe(at.of(sample.FigRate, mpps)), maybe(at.of(sample.FigCycles, cycles))}
		bytes, _ := at.memory(tables...)
		if m == "fallback" {
			row = append(row, entry{}, entry{}, bytes.cell(), entry{})
		} else {
			more := less(bytes, all, bytesUnit(max(bytes.v-all.v, all.v-bytes.v)))
			row = append(row, maybe(at.timesRate()), maybe(at.moreCycles()), bytes.cell(), more.cell())
		}
		g.rows = append(g.rows, row)
	}
	if copied, ok := r.copied(p); ok {
		g.rows = append(g.rows, []entry{words(methodNames["full-copy"] + ", extrapolated"), center.count("vrfs", p.VRFs).cell(), {}, {}, {}, {}, copied.cell(), {}})
	}
	s.blocks = []block{lead, table(g), text("Rate and cycles beside fallback's are by trials that took turns with it on the same core, so that a machine " +
		"that drifts takes both with it; memory is of all VRFs and the global table, on control and forwarding side. In memory: no network card, driver or kernel is in any figure. " +
		"A full copy into all VRFs fits in no memory here: it is measured in few, and its memory extrapolated by the plan's model.")}
	if c, ok := methodChart(r, center); ok {
		s.blocks = append(s.blocks, block{charts: c})
	}
	return s, true
}

// copied is the memory of a full copy into as many VRFs as the main job has.
func (r *run) copied(p *sample.Point) (figure, bool) {
	if r.model == nil {
		return figure{}, false
	}
	w := plan.Defaults()
	w.VRFs, w.Routes, w.Profile, w.Size, w.Method, w.Extrapolate = p.VRFs, p.Routes, p.Profile, p.Size, "full-copy", true
	a, err := r.model.Answer(w)
	if err != nil || a.Methods[0].Total == 0 {
		return figure{}, false
	}
	bytes := 0.0
	for _, part := range a.Methods[0].Memory {
		if part.Key != "arena" && part.Key != "rings" {
			bytes += part.Bytes
		}
	}
	return r.planned("full-copy/tables", bytes, bytesUnit(bytes)), true
}

// methodChart is the answer as pictures: cycles and memory of each method.
func methodChart(r *run, center located) ([]chart, bool) {
	cyc := chart{id: "methods-cycles", title: "Cycles for a packet to the Internet", x: axis{kind: category}, y: axis{title: "cycles"}, series: []curve{{name: "cycles"}}}
	mem := chart{id: "methods-memory", title: "Memory of all tables", x: axis{kind: category}, y: axis{title: "MiB"}, series: []curve{{name: "memory"}}}
	for _, m := range plan.Methods() {
		at, ok := r.largest(m)
		if m == "fallback" {
			at = center
		}
		if !ok {
			continue
		}
		x, name := float64(len(cyc.x.names)), m
		if at.Point.VRFs != center.Point.VRFs {
			name += ", " + plan.Thousands(at.Point.VRFs)
			cyc.notes = []string{"Where a number stands behind the method, of so many VRFs instead of " + plan.Thousands(center.Point.VRFs) + "."}
			mem.notes = cyc.notes
		}
		cyc.x.names, mem.x.names = append(cyc.x.names, name), append(mem.x.names, name)
		if f, ok := at.of(sample.FigCycles, cycles); ok {
			cyc.series[0].marks = append(cyc.series[0].marks, mark{x: x, y: f, note: describe(&at.Point, &center.Point)})
		}
		if f, ok := at.memory(tables...); ok {
			f.unit = mib
			mem.series[0].marks = append(mem.series[0].marks, mark{x: x, y: f, note: describe(&at.Point, &center.Point)})
		}
	}
	return []chart{cyc, mem}, cyc.drawn()
}
