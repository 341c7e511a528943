package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"vrfwd/bench/plan"
	"vrfwd/bench/sample"
)

// plots are all charts of a run, in their order. A chart without samples is not among them: missing says so.
func plots(r *run) (drawn []chart, missing []string) {
	center, ok := r.main()
	var all []chart
	if ok {
		all = append(all, sizes(r, center)...)
		all = append(all, workers(r, center)...)
		all = append(all, routes(r, center), vrfs(r, center), fallback(r, center), churn(r, center))
		all = append(all, memory(r)...)
		all = append(all, stages(r))
	}
	all = append(all, losses(r), latencies(r))
	for _, c := range all {
		if c.drawn() {
			drawn = append(drawn, c)
		} else {
			missing = append(missing, c.title)
		}
	}
	if !ok {
		missing = append(missing, "rates and memory: no trial of the main job is among the samples")
	}
	return drawn, missing
}

// axisOf makes a curve of samples along an axis.
func axisOf(name string, samples []located, fig string, u unit, x func(p *sample.Point) float64) curve {
	c := curve{name: name}
	for _, s := range samples {
		if f, ok := s.of(fig, u); ok {
			c.marks = append(c.marks, mark{x: x(&s.Point), y: f, note: s.Command})
		}
	}
	return c.sorted()
}

// sorted orders marks along the axis; of repetitions the last counts.
func (c curve) sorted() curve {
	slices.SortStableFunc(c.marks, func(a, b mark) int { return cmp.Compare(a.x, b.x) })
	kept := c.marks[:0]
	for i, m := range c.marks {
		if i+1 < len(c.marks) && c.marks[i+1].x == m.x {
			continue
		}
		kept = append(kept, m)
	}
	c.marks = kept
	return c
}

// mean is the mean frame size.
func mean(p *sample.Point) float64 {
	v, _ := plan.MeanSize(p.Size)
	return v
}

// sizes are rate and bits against frame size; mixes stand at their mean.
func sizes(r *run, center located) []chart {
	all := r.beside(sample.OfTrial, center.Point, func(p *sample.Point) { p.Size = "" })
	var fixed, mixed []located
	for _, s := range all {
		if strings.Contains(s.Point.Size, ":") {
			mixed = append(mixed, s)
		} else {
			fixed = append(fixed, s)
		}
	}
	against := func(id, title, y, fig string, u unit) chart {
		return chart{id: id, title: title, x: axis{title: "frame size, bytes with FCS", kind: linear}, y: axis{title: y},
			series: []curve{axisOf("one size", fixed, fig, u, mean), axisOf("mix, at its mean size", mixed, fig, u, mean)}}
	}
	return []chart{against("size-pps", "Rate against frame size", "Mpps", sample.FigRate, mpps),
		against("size-bits", "Bits against frame size", "Gbit/s on layer 1", sample.FigBits, gbit)}
}

// workers are rate and efficiency against workers, with the law that was fitted.
func workers(r *run, center located) []chart {
	rate := chart{id: "workers", title: "Rate against workers", x: axis{title: "workers, each on a core", kind: linear, min: 1, whole: true}, y: axis{title: "Mpps"}}
	part := chart{id: "efficiency", title: "Efficiency against workers", x: rate.x, y: axis{title: "% of as many times the rate of one"}}
	for _, ports := range []string{"samecore", "rings"} {
		p := center.Point
		p.Ports = ports
		all := r.beside(sample.OfTrial, p, func(p *sample.Point) { p.Workers, p.Check = 0, "" })
		name := map[string]string{"samecore": "generator and sink on the worker's core", "rings": "generator and sink on a core of their own"}[ports]
		workers := func(p *sample.Point) float64 { return float64(p.Workers) }
		c := axisOf(name, all, sample.FigRate, mpps, workers)
		rate.series = append(rate.series, c)
		eff := curve{name: name}
		if len(c.marks) > 1 && c.marks[0].x == 1 {
			for _, m := range c.marks {
				one := c.marks[0].y
				v := m.y.v / (one.v * m.x)
				id, _, _ := strings.Cut(m.y.from[0], "/")
				eff.marks = append(eff.marks, mark{x: m.x, y: figure{v: v, low: v, high: v, how: "0/1/2", unit: share,
					from: []string{m.y.from[0], one.from[0], id + "/point/workers"}}})
			}
		}
		part.series = append(part.series, eff)
	}
	for _, c := range []*chart{&rate, &part} {
		if len(c.series[1].marks) > 0 {
			c.notes = append(c.notes, "On a core of their own, one generator and sink serve all workers: from some number of workers on they are what limits.")
		}
	}
	if r.model != nil && len(rate.series[0].marks) > 1 {
		s := r.model.Scaling()
		law, one := curve{name: "Universal Scalability Law", line: true}, rate.series[0].marks[0].y
		for n := 1; n <= s.Most; n++ {
			y := r.planned(fmt.Sprintf("law/%d", n), one.v*s.Capacity(n), mpps)
			y.from = append(y.from, one.from[0])
			law.marks = append(law.marks, mark{x: float64(n), y: y})
		}
		rate.series = append(rate.series, law)
		if s.Most < 3 {
			part.notes = append(part.notes, "With so few numbers of workers measured, contention and coherence cannot be told apart.")
		}
	}
	return []chart{rate, part}
}

func routes(r *run, center located) chart {
	return chart{id: "routes", title: "Rate against global routes", x: axis{title: "routes of the global table", kind: logarithmic}, y: axis{title: "Mpps"},
		series: []curve{axisOf("fallback", r.beside(sample.OfTrial, center.Point, func(p *sample.Point) { p.Routes = 0 }), sample.FigRate, mpps,
			func(p *sample.Point) float64 { return float64(p.Routes) })}}
}

func vrfs(r *run, center located) chart {
	c := chart{id: "vrfs", title: "Rate against VRFs", x: axis{title: "VRFs", kind: logarithmic}, y: axis{title: "Mpps"}}
	for _, share := range []float64{100, 0} {
		p := center.Point
		p.Fallback = share
		name := "all to the Internet"
		if share == 0 {
			name = "all within the VPNs"
		}
		c.series = append(c.series, axisOf(name, r.beside(sample.OfTrial, p, func(p *sample.Point) { p.VRFs = 0 }), sample.FigRate, mpps,
			func(p *sample.Point) float64 { return float64(p.VRFs) }))
	}
	return c
}

func fallback(r *run, center located) chart {
	c := chart{id: "fallback", title: "Rate against share to the Internet", x: axis{title: "% of the VPNs' frames", kind: linear}, y: axis{title: "Mpps"}}
	for _, m := range plan.Methods() {
		p := center.Point
		p.Method = m
		all := r.beside(sample.OfTrial, p, func(p *sample.Point) { p.Fallback = 0 })
		c.series = append(c.series, axisOf(m, all, sample.FigRate, mpps, func(p *sample.Point) float64 { return p.Fallback }))
	}
	return c
}

func churn(r *run, center located) chart {
	return chart{id: "churn", title: "Rate while routes change", x: axis{title: "route changes a second", kind: linear}, y: axis{title: "Mpps"},
		series: []curve{axisOf("fallback", r.beside(sample.OfTrial, center.Point, func(p *sample.Point) { p.Churn = 0 }), sample.FigRate, mpps,
			func(p *sample.Point) float64 { return float64(p.Churn) })}}
}

// largest is a method's trial with most global routes, of those the one with most VRFs, all whose packets go to the Internet: of
// 1,000 VRFs at most, with 1,000 imports at most.
func (r *run) largest(method string) (best located, ok bool) {
	for _, s := range r.find(sample.OfTrial, func(p *sample.Point) bool {
		return p.Method == method && p.Profile == "typical" && p.Workers == 1 && p.Fallback == 100 && p.Imports <= 1000
	}) {
		if s.Memory == nil {
			continue
		}
		p, q := &s.Point, &sample.Point{}
		if ok {
			q = &best.Point
		}
		size := func(p *sample.Point) int { return p.Routes*10 + p.VRFs }
		if p.VRFs <= 1000 && size(p) > size(q) {
			best, ok = s, true
		}
	}
	return best, ok
}

// memory is bytes for a route and for a VRF, by method.
func memory(r *run) []chart {
	perRoute := chart{id: "memory-route", title: "Memory for a route", x: axis{kind: category}, y: axis{title: "bytes for a route that it holds"}, stacked: true,
		notes: []string{"Of all routes in the RIBs: the global table's, the VRFs' own, and what is imported."}}
	perVRF := chart{id: "memory-vrf", title: "Memory for a VRF", x: axis{kind: category}, y: axis{title: "KiB for a VRF, all of its tables", kind: logarithmic},
		notes: []string{"Without the global table: what is more than with one VRF, a VRF."}}
	names := map[string]string{"rib": "RIB", "fib-writer": "FIB writers' records", "vrf-fibs": "VRF FIBs", "global-fib": "global FIB"}
	for _, key := range []string{"rib", "fib-writer", "vrf-fibs", "global-fib"} {
		perRoute.series = append(perRoute.series, curve{name: names[key]})
	}
	perVRF.series = []curve{{name: "a VRF"}}
	one, haveOne := located{}, false
	if center, ok := r.main(); ok {
		for _, s := range r.beside(sample.OfTrial, center.Point, func(p *sample.Point) { p.VRFs = 0 }) {
			if s.Point.VRFs == 1 {
				one, haveOne = s, true
			}
		}
	}
	for _, m := range plan.Methods() {
		s, ok := r.largest(m)
		if !ok {
			continue
		}
		x := float64(len(perRoute.x.names))
		name := fmt.Sprintf("%s, %s", m, plan.Thousands(s.Point.VRFs))
		perRoute.x.names = append(perRoute.x.names, name)
		routes := figure{v: float64(s.Point.Routes + s.Point.VRFRoutes + s.Point.Imported), from: []string{s.id + "/point/routes", s.id + "/point/vrf_routes"}}
		if s.Point.Imported > 0 {
			routes.from = append(routes.from, s.id+"/point/imported")
		}
		for i, key := range []string{"rib", "fib-writer", "vrf-fibs", "global-fib"} {
			f, _ := s.memory(key)
			perRoute.series[i].marks = append(perRoute.series[i].marks, mark{x: x, y: over(f, routes, bytesU), note: name + " VRFs"})
		}
		if all, _ := s.memory(tables...); haveOne {
			base, _ := one.memory(tables...)
			more := less(all, base, unit{"KiB", 1.0 / (1 << 10)})
			more.from = append(more.from, s.id+"/point/vrfs")
			more.how = "(" + more.how + ")/" + fmt.Sprint(len(more.from)-1)
			more.v /= float64(s.Point.VRFs)
			more.low, more.high = more.v, more.v
			if more.v > 0 {
				perVRF.series[0].marks = append(perVRF.series[0].marks, mark{x: float64(len(perVRF.x.names)), y: more, note: name + " VRFs"})
				perVRF.x.names = append(perVRF.x.names, name)
			}
		}
	}
	return []chart{perRoute, perVRF}
}

// stages is the cycle budget by method.
func stages(r *run) chart {
	c := chart{id: "stages", title: "Cycles by stage", x: axis{kind: category}, y: axis{title: "cycles for a packet"}, stacked: true,
		notes: []string{"Medians of trials on one core, in which the clock is read between stages. The generator is receive, and the sink part of transmit."}}
	for _, m := range plan.Methods() {
		all := r.find(sample.OfTrial, func(p *sample.Point) bool { return p.Method == m })
		i := slices.IndexFunc(all, func(s located) bool { return len(s.Stages) > 0 })
		if i < 0 {
			continue
		}
		s := all[i]
		x := float64(len(c.x.names))
		c.x.names = append(c.x.names, m)
		for _, st := range s.Stages {
			at := slices.IndexFunc(c.series, func(k curve) bool { return k.name == st.Stage })
			if at < 0 {
				c.series, at = append(c.series, curve{name: st.Stage}), len(c.series)
			}
			c.series[at].marks = append(c.series[at].marks, mark{x: x, note: m,
				y: figure{v: st.Cycles, low: st.Cycles, high: st.Cycles, from: []string{s.id + "/stages/" + st.Stage + "/cycles"}, unit: cycles}})
		}
	}
	return c
}

// losses is the loss curve.
func losses(r *run) chart {
	c := chart{id: "loss", title: "Loss against offered load", x: axis{title: "Mpps offered", kind: linear}, y: axis{title: "% lost"}}
	for _, s := range r.find(sample.Loss, nil) {
		k := curve{name: describe(&s.Point, &s.Point) + ", " + s.Point.Ports}
		for i, st := range s.Curve {
			k.marks = append(k.marks, mark{x: st.Offered / 1e6, y: figure{v: st.Loss.Value, low: st.Loss.Low, high: st.Loss.High,
				from: []string{fmt.Sprintf("%s/curve/%d/loss", s.id, i)}, unit: share}})
		}
		c.series = append(c.series, k.sorted())
	}
	return c
}

// latencies are the percentiles at each load.
func latencies(r *run) chart {
	c := chart{id: "latency", title: "Latency by percentile", x: axis{title: "% of the frames that are as fast, or faster", kind: tail},
		y: axis{title: "µs", kind: logarithmic}}
	for _, s := range r.find(sample.OfLatency, nil) {
		for i, l := range s.Latency {
			k := curve{name: fmt.Sprintf("%g %% of the loss-free rate", l.Share)}
			for j, p := range l.Percentiles {
				v := float64(max(p.NS, 1))
				k.marks = append(k.marks, mark{x: p.Percent, y: figure{v: v, low: v, high: v,
					from: []string{fmt.Sprintf("%s/latency/%d/percentiles/%d/ns", s.id, i, j)}, unit: micros}, note: fmt.Sprintf("p%g", p.Percent)})
			}
			c.series = append(c.series, k)
		}
	}
	return c
}
