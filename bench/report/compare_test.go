package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"vrfwd/bench/sample"
)

// TestBefore: a run is compared with the newest earlier one of the same machine, whatever ran elsewhere since, and with none where
// there is none.
func TestBefore(t *testing.T) {
	on := func(name string, c sample.Conditions) *run {
		r := &run{name: name, samples: []located{rated(name, 1, 1e6)}}
		r.samples[0].Conditions = c
		return r
	}
	one := sample.Conditions{CPU: "one", CPUs: 2, GOARCH: "amd64", Commit: "abc"}
	same := one
	same.Commit = "def" // and whatever else is not the machine
	b := Book{runs: []*run{on("shown", one)}}
	for _, change := range []func(c *sample.Conditions){func(c *sample.Conditions) { c.CPU = "two" }, func(c *sample.Conditions) { c.CPUs = 16 },
		func(c *sample.Conditions) { c.GOARCH = "arm64" }} {
		c := one
		change(&c)
		b.runs = append(b.runs, on("other", c))
	}
	if r := b.before(); r != nil {
		t.Errorf("%+v of another machine", r)
	}
	for _, s := range b.sections() {
		if s.id == "compared" {
			t.Error("compared with nothing")
		}
	}
	b.runs = append(b.runs, on("before", same), on("long before", same))
	if r := b.before(); r == nil || r.name != "before" {
		t.Errorf("%+v", r)
	}
	if !slices.ContainsFunc(b.sections(), func(s section) bool { return s.id == "compared" }) {
		t.Error("not compared")
	}
	if r := (&Book{}).before(); r != nil {
		t.Error(r)
	}
}

// rated is a sample of a point with a rate.
func rated(run string, vrfs int, rates ...float64) located {
	s := &sample.Sample{Kind: sample.OfTrial, Run: run, Time: time.Unix(1, 0), OK: true, Point: sample.Point{Ports: "samecore", Size: "64", Method: "fallback", VRFs: vrfs}}
	s.Add(sample.Median(sample.FigRate, "pps", rates))
	return located{s, run + ":1"}
}

// TestCompare: what differs beyond both intervals got faster or slower, nothing else, and only of points that both runs have.
func TestCompare(t *testing.T) {
	now := run{name: "now", samples: []located{rated("now", 1, 20e6, 21e6, 22e6), rated("now", 2, 9e6, 10e6, 11e6), rated("now", 3, 5e6, 5.1e6), rated("now", 4, 1e6)}}
	then := run{name: "then", samples: []located{rated("then", 1, 10e6, 11e6, 12e6), rated("then", 2, 10.5e6, 12e6), rated("then", 3, 6e6, 7e6), rated("then", 5, 1e6)}}
	s, ok := compare(&now, &then)
	var b bytes.Buffer
	s.markdown(&b, 2)
	text := b.String()
	if !ok || !strings.Contains(text, "3 points in both, of which 1 got faster and 1 slower beyond noise") {
		t.Error(text)
	}
	for _, want := range []string{"| 21 Mpps [20, 22] | 11 Mpps [10, 12] | 1.91 x |", "| 5.05 Mpps [5, 5.1] | 6.5 Mpps [6, 7] | 0.777 x |"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "| 10 Mpps") {
		t.Error(text)
	}
	if _, ok := compare(&now, &run{samples: []located{rated("x", 9, 1)}}); ok {
		t.Error("nothing in common was compared")
	}
}
