package report

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrfwd/bench/sample"
)

// TestElsewhere: a row for each other machine's newest run with the main job, and charts where workers differ; no section without
// any.
func TestElsewhere(t *testing.T) {
	b, err := Open(folder(t))
	if err != nil {
		t.Fatal(err)
	}
	if names := []string{b.machines()[0].name, b.machines()[1].name}; !slices.Equal(names, []string{"20260302T000000Z-new", "20260202T000000Z-other"}) {
		t.Fatal(names)
	}
	other := b.machines()[1]
	s, ok := elsewhere(b.machines()[1:])
	var text bytes.Buffer
	s.markdown(&text, 2)
	main, _ := other.main()
	rate, _ := main.of(sample.FigRate, mpps)
	circuits, _ := other.largest("two-circuits")
	ratio, ok2 := circuits.timesRate()
	for _, want := range []string{"| Another CPU, 8 CPUs, amd64, 2026-02-02 | " + rate.text() + " | ", " | " + ratio.text() + " | 23.4 Mpps [23.4, 23.5] | "} {
		if !ok || !ok2 || !strings.Contains(text.String(), want) {
			t.Errorf("lacks %q:\n%s", want, text.String())
		}
	}
	if charts := s.blocks[len(s.blocks)-1].charts; len(charts) != 2 || charts[0].id != "workers-2" || len(charts[0].series) != 3 || len(charts[0].series[2].marks) != 8 ||
		charts[1].title != "Efficiency against workers: Another CPU, 8 CPUs, amd64" {
		t.Errorf("%+v", charts)
	}
	// With one number of workers there is nothing to draw.
	other.samples = slices.DeleteFunc(other.samples, func(s located) bool { return s.Point.Workers != 1 })
	if s, ok = elsewhere([]*run{other}); !ok || len(s.blocks) != 2 {
		t.Errorf("%+v", s.blocks)
	}
	// Without the main job there is nothing to say.
	other.samples = slices.DeleteFunc(other.samples, func(s located) bool { return s.Point.Method == "fallback" })
	if s, ok = elsewhere(b.machines()[1:]); ok {
		t.Errorf("%+v", s.blocks)
	}
}

// TestShownModel: the report's model is of the run that it shows, or of none.
func TestShownModel(t *testing.T) {
	dir := folder(t)
	last := filepath.Join(dir, "samples-20260302T000000Z-new"+sample.Ext)
	all, err := sample.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := modelled(b.runs[0]); !ok || !strings.Contains(s.blocks[0].words[1].figures[0].from[0], "-new/") {
		t.Errorf("%+v", s.blocks)
	}
	all = slices.DeleteFunc(all, func(s sample.Sample) bool { return s.Kind == sample.OfTrial && s.Point.Ports == "samecore" })
	var text bytes.Buffer
	if err := sample.Append(&text, all...); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(last, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if b, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	if _, ok := modelled(b.runs[0]); ok || b.runs[0].model != nil {
		t.Error("a model of a run without trials that it could be made of")
	}
	if page := b.HTML(); !bytes.Contains(page, []byte("Another CPU")) || bytes.Contains(page, []byte("-new/error")) {
		t.Error("not the other machine alone has a model")
	}
}

// TestSaid: the table of searches says what people say.
func TestSaid(t *testing.T) {
	r := &run{name: "r"}
	for kind, names := range map[sample.Kind]string{sample.NDR: "ndr pdr ndr-bits pdr-bits ndr-conditional pdr-conditional", sample.Throughput: "throughput bits",
		sample.MRR: "rate bits time cycles", sample.Loss: "loss-free", sample.BackToBack: "burst buffer-time corrected-buffer-time", sample.Soak: "rate bits time cycles loss"} {
		s := &sample.Sample{Kind: kind, Point: sample.Point{Ports: "rings", Size: "64"}}
		for name := range strings.FieldsSeq(names) {
			s.Add(sample.Count(name, "pps", 1e6))
		}
		r.samples = append(r.samples, located{s, "a:1"})
	}
	s, ok := searches(r)
	if !ok || len(s.blocks[1].table.rows) < 20 {
		t.Fatalf("%+v", s.blocks)
	}
	for _, row := range s.blocks[1].table.rows {
		if !slices.ContainsFunc([]string{"RFC", "MRR", "soak"}, func(w string) bool { return strings.Contains(row[1].words, w) }) {
			t.Errorf("kind %q", row[1].words)
		}
		if strings.Contains(row[2].words, "-") || row[2].words == "ndr" || row[2].words == "pdr" {
			t.Errorf("%s: figure %q", row[1].words, row[2].words)
		}
	}
	if said(figureNames, "new") != "new" {
		t.Error("what has no name is itself")
	}
}
