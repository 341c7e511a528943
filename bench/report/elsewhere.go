package report

import (
	"fmt"

	"vrfwd/bench/sample"
)

// elsewhere is what other machines' newest runs say, each with the main job.
func elsewhere(runs []*run) (section, bool) {
	s := section{id: "machines", title: "Other machines"}
	g := grid{head: []string{"machine", "rate of one core", "cycles a packet", "two circuits' rate : fallback's", "NDR through rings", "plan's rates off by", "its memory off by"}}
	var charts []chart
	for i, r := range runs {
		center, _ := r.main()
		row := []entry{words(fmt.Sprintf("%v, %s", r.machine(), r.last().Format("2006-01-02"))), maybe(center.of(sample.FigRate, mpps)), maybe(center.of(sample.FigCycles, cycles)),
			{}, {}, {}, {}}
		if circuits, ok := r.largest("two-circuits"); ok && circuits.Point.VRFs == center.Point.VRFs {
			row[3] = maybe(circuits.timesRate())
		}
		if ndr := r.find(sample.NDR, func(p *sample.Point) bool { return p.Ports == "rings" }); len(ndr) > 0 {
			row[4] = maybe(ndr[0].of(sample.FigNDR, mpps))
		}
		if r.model != nil {
			if rate, memory, n := r.model.Errors(); n > 0 {
				row[5], row[6] = r.planned("error/rate", rate, share).cell(), r.planned("error/memory", memory, share).cell()
			}
		}
		g.rows = append(g.rows, row)
		for _, c := range workers(r, center) {
			if c.moves() {
				c.id, c.title = fmt.Sprintf("%s-%d", c.id, i+2), fmt.Sprintf("%s: %v", c.title, r.machine())
				charts = append(charts, c)
			}
		}
	}
	s.blocks = []block{text("Of each other machine whose samples are here the newest run: the main job, the search for loss, and how far the model that `fwd plan` makes " +
		"of it, where `--cpu` asks for it, is off at most at the points held back."), table(g)}
	if len(charts) > 0 {
		s.blocks = append(s.blocks, block{charts: charts})
	}
	return s, len(g.rows) > 0
}
