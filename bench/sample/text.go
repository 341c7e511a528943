package sample

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText writes one sample for people: what was measured, the figures with their intervals, loss curve, latencies, what the
// tester itself could do, and the verdict.
func (s *Sample) WriteText(w io.Writer) error {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")) }
	s.head(row)
	fmt.Fprintln(t)
	if len(s.Figures) > 0 {
		row("FIGURE", "VALUE", "LOW", "HIGH", "INTERVAL")
		for _, f := range s.Figures {
			row(f.Name, Quantity(f.Value, f.Unit), Quantity(f.Low, f.Unit), Quantity(f.High, f.Unit), f.interval())
		}
		fmt.Fprintln(t)
	}
	s.curve(row)
	s.latencies(row)
	t.Flush()
	s.tail(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (f *Figure) interval() string {
	text := f.Of
	if len(f.Raw) > 0 {
		text += fmt.Sprintf(" of %d", len(f.Raw))
	}
	return text
}

// head says what was measured, how, and on what.
func (s *Sample) head(row func(...string)) {
	p, c := &s.Point, &s.Conditions
	row(string(s.Kind), p.Text())
	var settings []string
	for _, k := range sorted(s.Settings) {
		settings = append(settings, k+" "+s.Settings[k])
	}
	row("by", strings.Join(settings, ", "))
	row("on", fmt.Sprintf("%s, %d CPUs, %s, %s, commit %.12s", c.CPU, c.CPUs, c.Kernel, c.Go, c.Commit))
	if p.Ports == "samecore" || p.Ports == "rings" {
		row("", "in memory: no network card, no kernel, no driver in any figure")
	}
}

// Text says what a point is, on one line.
func (p *Point) Text() string {
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if p.Target != "" {
		say("%s %s", p.Ports, p.Target)
	} else {
		say("ports %s", p.Ports)
	}
	switch {
	case p.Method != "" && p.Method != "none":
		say("%s", p.Method)
	case p.Return != "" && p.Return != "none":
		say("%s", p.Return)
	}
	if p.Routes > 0 {
		say("%d routes", p.Routes)
	}
	if p.VRFs > 0 && p.Ports != "live" {
		say("%d VRFs", p.VRFs)
	}
	if p.Profile != "" {
		say("%s", p.Profile)
	}
	if p.Ports != "live" {
		say("%g %% to the Internet", p.Fallback)
	}
	if p.Inbound > 0 {
		say("%g %% from it", p.Inbound)
	}
	say("%s bytes", p.Size)
	if p.Keys != "" {
		say("%s keys", p.Keys)
	}
	if p.Flows > 0 {
		say("%d flows", p.Flows)
	}
	if p.Workers == 1 {
		say("1 worker")
	} else if p.Workers > 0 {
		say("%d workers", p.Workers)
	}
	if p.Burst > 0 {
		say("bursts of %d", p.Burst)
	}
	if p.Churn > 0 {
		say("%d route changes/s", p.Churn)
	}
	return strings.Join(parts, ", ")
}

func (s *Sample) curve(row func(...string)) {
	if len(s.Curve) == 0 {
		return
	}
	row("OFFERED", "SHARE", "CAME OUT", "LOST", "LOW", "HIGH")
	for _, c := range s.Curve {
		row(PPS(c.Offered), fmt.Sprintf("%g %%", c.Percent), PPS(c.Rate), Quantity(c.Loss.Value, "1"), Quantity(c.Loss.Low, "1"), Quantity(c.Loss.High, "1"))
	}
	row()
}

func (s *Sample) latencies(row func(...string)) {
	if len(s.Latency) == 0 {
		return
	}
	head := []string{"LOAD", "RATE", "FRAMES", "LOST", "MIN", "MEAN"}
	var percents []float64
	for _, l := range s.Latency {
		for _, p := range l.Percentiles {
			if !slices.Contains(percents, p.Percent) {
				percents = append(percents, p.Percent)
			}
		}
	}
	slices.Sort(percents)
	for _, p := range percents {
		head = append(head, fmt.Sprintf("P%g", p))
	}
	row(append(head, "MAX")...)
	for _, l := range s.Latency {
		cells := []string{fmt.Sprintf("%g %%", l.Share), PPS(l.Rate), strconv.FormatUint(l.Frames, 10), strconv.FormatUint(l.Lost, 10), Span(l.Min), Span(l.Mean)}
		for _, want := range percents {
			cell := "-" // too few frames
			for _, p := range l.Percentiles {
				if p.Percent == want {
					cell = Span(p.NS)
				}
			}
			cells = append(cells, cell)
		}
		row(append(cells, Span(l.Max))...)
	}
	c := &s.Latency[len(s.Latency)-1].Clock
	row("clock", fmt.Sprintf("%s's time of reception, steps of %s, %s to read, drift %s", c.Of, Span(c.Step), Span(c.Read), Span(c.Drift)))
	row()
}

// tail is the tester's own account and the verdict.
func (s *Sample) tail(b *bytes.Buffer) {
	g := &s.Generator
	if g.SelfTest > 0 {
		fmt.Fprintf(b, "self-test  %s from generator to sink, %d lost\n", PPS(g.SelfTest), g.SelfTestLost)
	}
	sent, lost := uint64(0), uint64(0)
	for i := range s.Trials {
		sent, lost = sent+s.Trials[i].Sent, lost+s.Trials[i].Lost
	}
	fmt.Fprintf(b, "trials     %d, %d frames sent, %d lost; %d not sent in time (%.2g %% in the worst trial), at most %s late\n", len(s.Trials), sent, lost, g.Missed,
		100*g.Shortfall, Span(g.Late))
	for _, n := range s.Notes {
		fmt.Fprintf(b, "note       %s\n", n)
	}
	for _, f := range s.Faults {
		fmt.Fprintf(b, "FAULT      %s\n", f)
	}
	if s.OK {
		fmt.Fprintln(b, "verdict    ok")
	}
	if s.Command != "" {
		fmt.Fprintf(b, "again      %s\n", s.Command)
	}
}

func sorted(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// WriteTable writes samples as one table, a line each: what of their points differs, and their figures.
func WriteTable(w io.Writer, samples ...Sample) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	axes := differing(samples)
	var head []string
	for _, a := range axes {
		head = append(head, strings.ToUpper(a))
	}
	names := figureNames(samples)
	for _, n := range names {
		head = append(head, strings.ToUpper(n), "INTERVAL")
	}
	fmt.Fprintln(t, strings.Join(append(head, "VERDICT"), "\t"))
	for i := range samples {
		s := &samples[i]
		var cells []string
		values := s.Point.fields()
		for _, a := range axes {
			cells = append(cells, values[a])
		}
		for _, n := range names {
			if f, ok := s.Figure(n); ok {
				cells = append(cells, Quantity(f.Value, f.Unit), Quantity(f.Low, f.Unit)+" .. "+Quantity(f.High, f.Unit))
			} else {
				cells = append(cells, "-", "-")
			}
		}
		verdict := "ok"
		if !s.OK {
			verdict = strings.Join(s.Faults, "; ")
		}
		fmt.Fprintln(t, strings.Join(append(cells, verdict), "\t"))
	}
	return t.Flush()
}

// figureNames are all figures that some sample has, in the order that they come in.
func figureNames(samples []Sample) (names []string) {
	for i := range samples {
		for _, f := range samples[i].Figures {
			if !slices.Contains(names, f.Name) {
				names = append(names, f.Name)
			}
		}
	}
	return names
}

// axes are the fields of a point that sweeps go along, in the order of tables.
var axes = []string{"ports", "target", "table", "method", "return", "routes", "next_hops", "locality", "vrfs", "profile", "imports", "fallback", "inbound",
	"keys", "size", "flows", "workers", "burst", "frames", "churn", "check", "seed"}

// fields gives a point's values by the names that JSON has for them.
func (p *Point) fields() map[string]string {
	n, g := strconv.Itoa, func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	return map[string]string{"ports": p.Ports, "target": p.Target, "table": p.Table, "method": p.Method, "return": p.Return, "routes": n(p.Routes),
		"next_hops": n(p.NextHops), "locality": p.Locality, "vrfs": n(p.VRFs), "profile": p.Profile, "imports": n(p.Imports), "fallback": g(p.Fallback),
		"inbound": g(p.Inbound), "keys": p.Keys, "size": p.Size, "flows": n(p.Flows), "workers": n(p.Workers), "burst": n(p.Burst),
		"frames": n(p.Frames), "churn": n(p.Churn), "check": p.Check, "seed": strconv.FormatUint(p.Seed, 10)}
}

// differing are the axes along which samples differ.
func differing(samples []Sample) (found []string) {
	for _, a := range axes {
		for i := range samples {
			if samples[i].Point.fields()[a] != samples[0].Point.fields()[a] {
				found = append(found, a)
				break
			}
		}
	}
	return found
}

// WriteCSV writes samples in long form, a line for each figure, step of a loss curve and percentile, with what it is of: for
// spreadsheets and plots (RFC 4180). Units are in a column, values without prefixes.
func WriteCSV(w io.Writer, samples ...Sample) error {
	c := csv.NewWriter(w)
	if err := c.Write(slices.Concat([]string{"time", "kind"}, axes, []string{"figure", "at", "unit", "value", "low", "high", "interval", "ok"})); err != nil {
		return err
	}
	for i := range samples {
		s := &samples[i]
		values := s.Point.fields()
		same := []string{s.Time.UTC().Format(time.RFC3339), string(s.Kind)}
		for _, a := range axes {
			same = append(same, values[a])
		}
		number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
		line := func(f Figure, at string) {
			_ = c.Write(slices.Concat(same, []string{f.Name, at, f.Unit, number(f.Value), number(f.Low), number(f.High), f.Of, strconv.FormatBool(s.OK)}))
		}
		for _, f := range s.Figures {
			line(f, "")
		}
		for _, step := range s.Curve {
			line(step.Loss, number(step.Offered)+"pps")
		}
		for _, l := range s.Latency {
			at := number(l.Share) + "%"
			line(Count("latency-min", "ns", float64(l.Min)), at)
			line(Count("latency-mean", "ns", float64(l.Mean)), at)
			for _, p := range l.Percentiles {
				line(Count(fmt.Sprintf("latency-p%g", p.Percent), "ns", float64(p.NS)), at)
			}
			line(Count("latency-max", "ns", float64(l.Max)), at)
		}
	}
	c.Flush()
	return c.Error()
}
