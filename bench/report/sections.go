package report

import (
	"fmt"
	"slices"
	"strings"

	"vrfwd/bench/sample"
)

// sections are all of the report, in their order.
func (b *Book) sections() (all []section) {
	add := func(s section, ok bool) {
		if ok {
			all = append(all, s)
		}
	}
	var newest *run
	if len(b.runs) > 0 {
		newest = b.runs[0]
		add(answer(newest))
	}
	used := map[*file]bool{}
	add(b.barred(used))
	add(b.converging(used))
	if newest != nil {
		add(plotted(newest))
		add(searches(newest))
		add(modelled(newest))
		add(elsewhere(b.machines()[1:]))
	}
	if before := b.before(); before != nil {
		add(compare(newest, before))
	}
	peers, behind := b.peers.section()
	add(peers, len(behind) > 0)
	if newest != nil {
		add(points(newest))
	}
	if len(b.bench) > 0 {
		all = append(all, every(b.bench))
	}
	conditions := section{id: "conditions", title: "Conditions"}
	for _, r := range b.machines() {
		conditions.blocks = append(conditions.blocks, r.described()...)
	}
	for _, f := range slices.Concat(b.bench, behind) {
		if used[f] || slices.Contains(behind, f) {
			conditions.blocks = append(conditions.blocks, f.described()...)
		}
	}
	return append(all, conditions)
}

// barred is the table of bars; used is completed with the files that it is from.
func (b *Book) barred(used map[*file]bool) (section, bool) {
	s := section{id: "bars", title: "What the project set out to reach"}
	g, missing := barTable(bars(), b.bench, used)
	s.blocks = []block{text("Ratios are taken sample by sample within one run."), table(g)}
	if len(missing) > 0 {
		s.blocks = append(s.blocks, text("Without samples: "+strings.Join(missing, "; ")+"."))
	}
	return s, len(g.rows) > 0
}

// barTable is the rows that have samples; missing names those that have none. used is completed with the files.
func barTable(rows []row, files []*file, used map[*file]bool) (g grid, missing []string) {
	g.head = []string{"what", "measured", "bar", "aim", "reached"}
	g.right = []bool{false, true, true, true, false}
	for _, r := range rows {
		v, f := r.value(files)
		if f == nil {
			missing = append(missing, r.what)
			continue
		}
		used[f] = true
		g.rows = append(g.rows, []entry{words(r.what), v.cell(), words(r.limit(r.bar)), words(r.limit(r.aim)), words(r.verdict(r.judged(v)))})
	}
	return g, missing
}

// plotted are the charts.
func plotted(r *run) (section, bool) {
	s := section{id: "plots", title: "What rates, memory and latency depend on"}
	drawn, missing := plots(r)
	s.blocks = []block{text("One thing at a time is changed from the main job. Marks are medians; whiskers hold the median with 95 % confidence (of fewer " +
		"than six samples: the range). In memory: a figure's generator and sink share the worker's core unless it says otherwise. Each mark names its sample to who points at it.")}
	if len(drawn) > 0 {
		s.blocks = append(s.blocks, block{charts: drawn})
	}
	if len(missing) > 0 {
		s.blocks = append(s.blocks, text("Without samples: "+strings.Join(missing, "; ")+"."))
	}
	return s, len(drawn) > 0
}

// searches are rates found by searches for loss, and latencies.
func searches(r *run) (section, bool) {
	s := section{id: "searches", title: "Rates without loss, and latency"}
	g := grid{head: []string{"of", "search for", "what", "found"}}
	var p sample.Point
	if center, ok := r.main(); ok {
		p = center.Point
	}
	latency := grid{head: []string{"load", "rate offered", "frames timed", "min", "p50", "p99", "p99.9", "max", "clock read"}}
	for _, at := range r.samples {
		if !slices.Contains([]sample.Kind{sample.NDR, sample.Throughput, sample.MRR, sample.Loss, sample.BackToBack, sample.Soak, sample.OfLatency}, at.Kind) {
			continue
		}
		of := describe(&at.Point, &p)
		if at.Kind != sample.OfLatency {
			for _, f := range at.Figures {
				if u, ok := unitOf(f.Unit); ok {
					v, _ := at.of(f.Name, u)
					g.rows = append(g.rows, []entry{words(of), words(said(kindNames, string(at.Kind))), words(said(figureNames, f.Name)), v.cell()})
				}
			}
		}
		for i, l := range at.Latency {
			ns := func(v int64, path string) entry {
				f := float64(v)
				return figure{v: f, low: f, high: f, from: []string{fmt.Sprintf("%s/latency/%d/%s", at.id, i, path)}, unit: micros}.cell()
			}
			percentile := func(percent float64) entry {
				j := slices.IndexFunc(l.Percentiles, func(p sample.Percentile) bool { return p.Percent == percent })
				if j < 0 {
					return entry{}
				}
				return ns(l.Percentiles[j].NS, fmt.Sprintf("percentiles/%d/ns", j))
			}
			rate := figure{v: l.Rate, low: l.Rate, high: l.Rate, from: []string{fmt.Sprintf("%s/latency/%d/rate", at.id, i)}, unit: mpps}
			frames := float64(l.Frames)
			timed := figure{v: frames, low: frames, high: frames, from: []string{fmt.Sprintf("%s/latency/%d/frames", at.id, i)}, unit: unit{"M", 1e-6}}
			latency.rows = append(latency.rows, []entry{words(fmt.Sprintf("%g %%", l.Share)), rate.cell(), timed.cell(), ns(l.Min, "min_ns"), percentile(50),
				percentile(99), percentile(99.9), ns(l.Max, "max_ns"), ns(l.Clock.Read, "clock/read_ns")})
		}
	}
	if len(g.rows) > 0 {
		s.blocks = append(s.blocks, text("Of NDR (no loss) and PDR the first figure is the relevant lower bound, in brackets it and the upper bound (RFC 9971)."), table(g))
	}
	if len(latency.rows) > 0 {
		s.blocks = append(s.blocks, text("Latency at shares of the NDR, of every frame from when it was due, so that a late generator hides nothing."), table(latency))
	}
	return s, len(s.blocks) > 0
}

// kindNames and figureNames are what people say for the names that samples have: see vrfwd/bench/sample.
var (
	kindNames = map[string]string{string(sample.NDR): "NDR and PDR (RFC 9971)", string(sample.Throughput): "throughput (RFC 2544)", string(sample.MRR): "MRR",
		string(sample.Loss): "frame loss rate (RFC 2544)", string(sample.BackToBack): "back-to-back frames (RFC 9004)", string(sample.Soak): "soak"}
	figureNames = map[string]string{sample.FigRate: "rate", sample.FigBits: "rate on layer 1", sample.FigTime: "time for a packet", sample.FigCycles: "cycles a packet",
		sample.FigLoss: "lost", sample.FigThroughput: "throughput", sample.FigNDR: "NDR", sample.FigPDR: "PDR", sample.FigNDRBits: "NDR on layer 1",
		sample.FigPDRBits: "PDR on layer 1", sample.FigNDR + "-conditional": "conditional throughput at the NDR goal", sample.FigPDR + "-conditional": "conditional throughput at the PDR goal",
		sample.FigLossFree: "highest step without loss", sample.FigBurst: "longest burst without loss", sample.FigBufferTime: "buffer time",
		sample.FigCorrected: "corrected buffer time"}
)

// said is what people say for a name, which is itself where they say nothing else.
func said(names map[string]string, name string) string {
	if said, ok := names[name]; ok {
		return said
	}
	return name
}

// unitOf is what a unit of samples is shown in.
func unitOf(name string) (unit, bool) {
	switch name {
	case "pps":
		return mpps, true
	case "bit/s":
		return gbit, true
	case "ns", "ns/pkt":
		return nanos, true
	case "cycles/pkt":
		return cycles, true
	case "frames":
		return unit{"frames", 1}, true
	case "1":
		return share, true
	case "B":
		return bytesU, true
	}
	return unit{}, false
}

// modelled is how good the model is that `fwd plan` makes of a run.
func modelled(r *run) (section, bool) {
	s := section{id: "plan", title: "The capacity plan's model, and how far it is off"}
	if r.model == nil {
		return s, false
	}
	held := r.model.HeldBack()
	if len(held) == 0 {
		return s, false
	}
	rate, memory, n := r.model.Errors()
	law := r.model.Scaling()
	s.blocks = append(s.blocks, prose(words(fmt.Sprintf("`fwd plan` answers from these samples. %d points between the measured ones were held back from the fit; there its rates are off by at most ", n)),
		r.planned("error/rate", rate, share).cell(), words(" and its memory by at most "), r.planned("error/memory", memory, share).cell(),
		words(". Rates are compared as if the machine had been as fast in all trials: by the main job's, which took turns with each point's. "+
			"Over cores the Universal Scalability Law holds with contention "), r.planned("scaling/sigma", law.Sigma, unit{"", 1}).cell(),
		words(" and coherence "), r.planned("scaling/kappa", law.Kappa, unit{"", 1}).cell(), words(fmt.Sprintf(", fitted to up to %d workers.", law.Most))))
	g := grid{head: []string{"held back", "rate predicted", "rate measured", "off by", "memory predicted", "memory measured", "off by"}}
	center := sample.Point{}
	if c, ok := r.main(); ok {
		center = c.Point
	}
	for i := range held {
		h := &held[i]
		path := fmt.Sprintf("held/%d/", i)
		row := []entry{words(describe(&h.Sample.Point, &center))}
		if h.Refused != "" {
			g.rows = append(g.rows, append(row, words(h.Refused), entry{}, entry{}, entry{}, entry{}, entry{}))
			continue
		}
		row = append(row, r.planned(path+"rate/predicted", h.Rate.Predicted, mpps).cell(), r.planned(path+"rate/measured", h.Rate.Measured, mpps).cell(),
			r.planned(path+"rate/error", h.Rate.Error(), share).cell())
		if h.Memory.Measured > 0 {
			row = append(row, r.planned(path+"memory/predicted", h.Memory.Predicted, mib).cell(), r.planned(path+"memory/measured", h.Memory.Measured, mib).cell(),
				r.planned(path+"memory/error", h.Memory.Error(), share).cell())
		} else {
			row = append(row, entry{}, entry{}, entry{})
		}
		g.rows = append(g.rows, row)
	}
	s.blocks = append(s.blocks, table(g))
	return s, true
}

// points lists every sample with the command that redoes it.
func points(r *run) (section, bool) {
	s := section{id: "points", title: "Every point, and how to measure it again"}
	center, _ := r.main()
	var p sample.Point
	if center.Sample != nil {
		p = center.Point
	}
	g := grid{head: []string{"point", "kind", "rate", "cycles a packet", "lost", "command"}}
	var faults []string
	for _, at := range r.samples {
		if !at.OK {
			faults = append(faults, at.id+": "+strings.Join(at.Faults, "; "))
		}
		rate, ok := at.of(sample.FigRate, mpps)
		if !ok {
			rate, ok = at.of(sample.FigNDR, mpps)
		}
		if !ok {
			rate, ok = at.of(sample.FigLossFree, mpps)
		}
		kind := string(at.Kind)
		if at.Settings[sample.SettingRole] != "" {
			kind += ", " + at.Settings[sample.SettingRole]
		}
		g.rows = append(g.rows, []entry{words(describe(&at.Point, &p)), words(kind), maybe(rate, ok), maybe(at.of(sample.FigCycles, cycles)),
			maybe(at.of(sample.FigLoss, share)), {words: at.Command, code: true}})
	}
	s.blocks = []block{text(fmt.Sprintf("%d samples of one run. `make report` measures all of them again.", len(r.samples)))}
	for _, f := range faults {
		s.blocks = append(s.blocks, text("Not to be trusted: "+f))
	}
	s.blocks = append(s.blocks, folded(section{title: "All points", blocks: []block{table(g)}}))
	return s, len(g.rows) > 0
}

// every lists each benchmark once, by package, with the samples of the newest file that has it.
func every(files []*file) section {
	s, seen := section{id: "benchmarks", title: "All benchmarks", blocks: []block{text("Of each benchmark the newest run.")}}, map[string]bool{}
	for _, f := range files {
		pkg := ""
		var g *grid
		for _, id := range f.order {
			if seen[id] {
				continue
			}
			seen[id] = true
			owner, name, ok := strings.Cut(id, ".")
			if !ok {
				owner, name = "", id
			}
			if owner != pkg || g == nil {
				pkg = owner
				g = &grid{head: []string{"benchmark", "measured", "samples"}}
				s.blocks = append(s.blocks, folded(section{title: owner + " (" + f.name + ")", blocks: []block{{table: g}}}))
			}
			var all entry
			n := 0
			for _, unit := range units(f.samples[id]) {
				all.figures = append(all.figures, f.figure(id, unit))
				n = len(f.samples[id][unit])
			}
			g.rows = append(g.rows, []entry{words(name), all, words(fmt.Sprint(n))})
		}
	}
	return s
}

// described lists what a raw file says of its run, but for the CPU's flags, which are many.
func (f *file) described() []block {
	g := grid{head: []string{"", ""}}
	for _, c := range f.conditions {
		if c.key != "cpu-flags" {
			g.rows = append(g.rows, []entry{words(c.key), words(c.value)})
		}
	}
	return []block{heading(f.name), table(g)}
}

// described lists the run's conditions.
func (r *run) described() []block {
	c, first := &r.samples[0].Conditions, r.samples[0].Time
	g := grid{head: []string{"", ""}}
	for _, kv := range [][2]string{
		{"file", strings.SplitN(r.samples[0].id, ":", 2)[0]}, {"measured", first.Format("2006-01-02 15:04") + " to " + r.last().Format("2006-01-02 15:04") + " UTC"},
		{"cpu", c.CPU}, {"cpus", fmt.Sprint(c.CPUs)}, {"caches", fmt.Sprintf("L2 %d KiB, L3 %d KiB, as CPUID says", c.L2>>10, c.L3>>10)},
		{"time-stamp counter", fmt.Sprintf("%.4f GHz, %s", c.TSC.GHz, c.TSC.How)}, {"kernel", c.Kernel}, {"mitigations", c.Mitigations},
		{"huge pages", c.HugePages}, {"load before", c.Load}, {"go", c.Go + " " + c.GOOS + "/" + c.GOARCH + " GOAMD64=" + c.GOAMD64},
		{"gomaxprocs", fmt.Sprint(c.GOMAXPROCS)}, {"commit", c.Commit}, {"table", fmt.Sprintf("%s, seed %d", r.samples[0].Point.Table, r.samples[0].Point.Seed)},
	} {
		if kv[1] != "" {
			g.rows = append(g.rows, []entry{words(kv[0]), words(kv[1])})
		}
	}
	return []block{heading("Run " + r.name), table(g)}
}
