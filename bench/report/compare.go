package report

import (
	"cmp"
	"fmt"
	"slices"

	"vrfwd/bench/sample"
)

// change is a point that two runs have.
type change struct {
	now, then   located
	rate, rated figure // now and then: of trials, or the NDR
	ratio       figure // above 1 is faster now
	noise       bool   // the intervals hold the same
}

// compare compares a run with an earlier one of the same machine, point by point (sample.Sample.Key). A point got faster or slower
// where the intervals of both have nothing in common. They are of absolute rates: of a machine that was equally quiet both times.
func compare(now, then *run) (section, bool) {
	s := section{id: "compared", title: "Against the run before"}
	var all []change
	for _, a := range now.samples {
		i := slices.IndexFunc(then.samples, func(b located) bool { return b.Key() == a.Key() })
		if i < 0 {
			continue
		}
		if c, ok := changed(a, then.samples[i]); ok {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return s, false
	}
	differ, slower := grid{head: []string{"point", "rate now", "rate before", "now : before"}}, 0
	n := 0
	slices.SortStableFunc(all, func(x, y change) int { return cmp.Compare(x.ratio.v, y.ratio.v) })
	center, _ := now.main()
	p := sample.Point{}
	if center.Sample != nil {
		p = center.Point
	}
	for _, c := range all {
		if c.noise {
			continue
		}
		if n++; c.ratio.v < 1 {
			slower++
		}
		differ.rows = append(differ.rows, []entry{words(describe(&c.now.Point, &p)), c.rate.cell(), c.rated.cell(), c.ratio.cell()})
	}
	s.blocks = []block{text(fmt.Sprintf("Run %s against %s: %d points in both, of which %d got faster and %d slower beyond noise: their intervals have nothing in common.",
		now.name, then.name, len(all), n-slower, slower))}
	if n > 0 {
		s.blocks = append(s.blocks, table(differ))
	}
	return s, true
}

// changed compares the rates of a point.
func changed(now, then located) (c change, ok bool) {
	name := sample.FigRate
	if _, ok := now.Figure(name); !ok {
		name = sample.FigNDR
	}
	a, ok := now.of(name, mpps)
	b, ok2 := then.of(name, mpps)
	if !ok || !ok2 || b.v <= 0 {
		return c, false
	}
	c = change{now: now, then: then, rate: a, rated: b, ratio: over(a, b, times)}
	c.noise = a.low <= b.high && b.low <= a.high
	return c, true
}
