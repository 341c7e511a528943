package sample

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
)

// TestText: what people read holds the figures with units and intervals, percentiles where there are frames enough, and faults.
func TestText(t *testing.T) {
	s := one()
	s.Latency = append(s.Latency, Latency{Share: 90, Frames: 20, Percentiles: []Percentile{{50, 25_000}}, Max: 1_500_000})
	s.Generator.SelfTest, s.Generator.Shortfall, s.Notes = 5e7, 0.5, []string{"mind the gap"}
	var b bytes.Buffer
	if err := s.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ndr ", "1.000 Mpps", "1.005 Mpps", "bounds", "2 cycles/pkt", "range of 3", "50 %", "P99", "25.0 µs", "1.50 ms", "50.00 Mpps from generator to sink",
		"50 % in the worst trial", "mind the gap", "verdict    ok", "trafgen ndr --vrfs 10", "trial 1s", "1000 routes", "bursts of 256", "in memory"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	s.OK, s.Faults = false, []string{"3 frames leaked"}
	b.Reset()
	if err := s.WriteText(&b); err != nil || !strings.Contains(b.String(), "FAULT      3 frames leaked") || strings.Contains(b.String(), "verdict") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// TestTable: a table of several has a column for what differs and none for what does not, and CSV has every figure.
func TestTable(t *testing.T) {
	a, c := one(), one()
	c.Point.VRFs, c.Point.Size = 1000, "64"
	c.Figures = c.Figures[:1]
	var b bytes.Buffer
	if err := WriteTable(&b, a, c); err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(b.String(), "\n")
	if got := fmt.Sprint(strings.Fields(head)); got != "[VRFS SIZE NDR INTERVAL PDR INTERVAL CYCLES INTERVAL VERDICT]" {
		t.Error(got)
	}
	if !strings.Contains(b.String(), "64:7,594:4,1518:1  1.000 Mpps") || strings.Count(b.String(), "\n") != 3 {
		t.Error(b.String())
	}
	b.Reset()
	if err := WriteCSV(&b, a, c); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 1+2*(1+3+3)+3+1 { // figures, step, and min, mean, max, three percentiles
		t.Fatal(err, len(rows))
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	r := rows[2]
	if r[column["figure"]] != "pdr" || r[column["value"]] != "1.1e+06" || r[column["unit"]] != "pps" || r[column["vrfs"]] != "10" || r[column["ok"]] != "true" {
		t.Error(r)
	}
	last := rows[len(rows)-1]
	if last[column["figure"]] != "latency-max" || last[column["at"]] != "50%" || last[column["size"]] != "64" {
		t.Error(last)
	}
}

func TestRequirement(t *testing.T) {
	s := one()
	s.Kind = OfLatency
	s.Latency = append(s.Latency, Latency{Share: 90, Frames: 20, Percentiles: []Percentile{{50, 25_000}}, Max: 1_500_000})
	for _, c := range []struct {
		kind Kind
		text string
		met  bool
	}{
		{NDR, "ndr>=1Mpps", true}, {NDR, " ndr > 1Mpps ", false}, {NDR, "ndr>=0.9999Mpps", true}, {NDR, "ndr>=1001kpps", false}, {NDR, "ndr<=1000000pps", true},
		{NDR, "pdr<1.1Mpps", false}, {NDR, "ndr-bits>=1bit/s", false}, // not measured
		{MRR, "cycles<=2", true}, {MRR, "cycles<2cycles/pkt", false},
		{OfLatency, "p50<=25us", true}, {OfLatency, "p50@90<24.9us", false}, {OfLatency, "p99@50<=12ns", true}, {OfLatency, "p99<=1s", false},
		{OfLatency, "max<=1.5ms", true}, {OfLatency, "p50@10<=1s", false},
	} {
		r, err := ParseRequirement(c.kind, c.text)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := r.Judge(&s); (err == nil) != c.met {
			t.Errorf("%s: %v", c.text, err)
		}
	}
	s.Kind = Soak
	s.Add(Count(FigLoss, "1", 0.001))
	for text, met := range map[string]bool{"loss<=0.1%": true, "loss<=0.001": true, "loss<0.1%": false, "loss<=0": false} {
		r, err := ParseRequirement(Soak, text)
		if err != nil || (r.Judge(&s) == nil) != met {
			t.Errorf("%s: %v %v", text, err, r.Judge(&s))
		}
	}
	for text, says := range map[string]string{
		"ndr": "a value", "ndr=1Mpps": "a value", "": "a value", "foo>=1pps": "ndr, pdr", "ndr>=20": "2Mpps", "ndr>=20Gbit/s": "2Mpps", "ndr-bits>=20Mpps": "2Mbit/s", "ndr>=Mpps": "2Mpps",
		"p99<=1ms": "no figure",
	} {
		if _, err := ParseRequirement(NDR, text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"p99<=1", "p0<=1ms", "p100<=1ms", "p99@x<=1ms", "p99@0<=1ms"} {
		if _, err := ParseRequirement(OfLatency, text); err == nil {
			t.Error(text)
		}
	}
}
