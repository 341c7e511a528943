package report

import (
	"math"
	"slices"
	"strings"
	"testing"

	"vrfwd/bench/plan"
	"vrfwd/bench/sample"
)

// TestGeneratorNote: what one generator for all workers means stands below the charts that show it, and below no others.
func TestGeneratorNote(t *testing.T) {
	b, err := Open(folder(t))
	if err != nil {
		t.Fatal(err)
	}
	r := b.runs[0]
	center, _ := r.main()
	noted := func(c chart) bool {
		return slices.ContainsFunc(c.notes, func(n string) bool { return strings.Contains(n, "one generator and sink serve all workers") })
	}
	if c := workers(r, center); !noted(c[0]) || !noted(c[1]) {
		t.Errorf("%q %q", c[0].notes, c[1].notes)
	}
	r.samples = slices.DeleteFunc(r.samples, func(s located) bool { return s.Point.Ports == "rings" && s.Point.Workers > 1 })
	if c := workers(r, center); !noted(c[0]) || noted(c[1]) {
		t.Errorf("one worker: %q %q", c[0].notes, c[1].notes)
	}
	r.samples = slices.DeleteFunc(r.samples, func(s located) bool { return s.Point.Ports == "rings" })
	if c := workers(r, center); noted(c[0]) || noted(c[1]) {
		t.Errorf("%q %q", c[0].notes, c[1].notes)
	}
}

// TestMemoryForVRF: each mark stands above the name of its method, also where one before it has nothing to show.
func TestMemoryForVRF(t *testing.T) {
	b, err := Open(folder(t))
	if err != nil {
		t.Fatal(err)
	}
	r := b.runs[0]
	main, _ := r.main()
	one := r.beside(sample.OfTrial, main.Point, func(p *sample.Point) { p.VRFs = 0 })
	i := slices.IndexFunc(one, func(s located) bool { return s.Point.VRFs == 1 })
	*main.Memory = *one[i].Memory // no more than with one VRF
	perVRF := memory(r)[1]
	if names := perVRF.x.names; len(names) != len(plan.Methods())-1 || len(perVRF.series[0].marks) != len(names) {
		t.Fatalf("%q, %d marks", names, len(perVRF.series[0].marks))
	}
	for i, m := range perVRF.series[0].marks {
		if m.x != float64(i) || m.note != perVRF.x.names[i]+" VRFs" || strings.HasPrefix(m.note, "fallback") {
			t.Errorf("mark %d at %g is of %s", i, m.x, m.note)
		}
	}
}

// TestHeldWithoutMemory: of a point whose memory is not known nothing is said of it.
func TestHeldWithoutMemory(t *testing.T) {
	b, err := Open(folder(t))
	if err != nil {
		t.Fatal(err)
	}
	r := b.runs[0]
	for _, s := range r.samples {
		if s.Settings[sample.SettingRole] == sample.HeldBack {
			s.Memory = nil
		}
	}
	if err := r.fit(); err != nil {
		t.Fatal(err)
	}
	s, _ := modelled(r)
	for _, row := range s.blocks[1].table.rows {
		for _, e := range row {
			if slices.ContainsFunc(e.figures, func(f figure) bool { return math.IsNaN(f.v) || f.unit == mib }) {
				t.Errorf("%+v", e)
			}
		}
	}
}

// TestWholeTicks: there is no half worker.
func TestWholeTicks(t *testing.T) {
	a := axis{kind: linear, min: 1, whole: true}
	for most, want := range map[float64][]float64{2: {1, 2}, 4: {1, 2, 3, 4}, 16: {0, 5, 10, 15, 20}} {
		l := layout{kind: linear}
		l.min, l.max = a.span([]float64{1, most})
		if got := a.ticks(&l, nil); !slices.Equal(got, want) {
			t.Errorf("up to %g workers: %v, want %v", most, got, want)
		}
	}
}
