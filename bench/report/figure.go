package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"vrfwd/bench/plan"
	"vrfwd/bench/sample"
)

// figure is a number of the report with what it is from, so that a test can look it up in the raw samples: nothing else may
// print one.
type figure struct {
	v, low, high float64 // low and high equal v where there is no interval
	// from are the places of the raw values: "FILE:LINE/figures/rate", "FILE:LINE/memory/rib", "FILE:LINE/stages/lookup/cycles".
	from []string
	// how says what was made of them: "" nothing, "sum", an expression over their numbers from 0 on ("0/1", "0+1-2+3":
	// sums bind closer here than quotients and differences), or "model".
	how  string
	unit unit
}

// unit prints values: those of raw samples times scale, with a name behind.
type unit struct {
	name  string
	scale float64
}

var (
	mpps   = unit{"Mpps", 1e-6}
	gbit   = unit{"Gbit/s", 1e-9}
	cycles = unit{"cycles", 1}
	nanos  = unit{"ns", 1}
	micros = unit{"µs", 1e-3}
	mib    = unit{"MiB", 1.0 / (1 << 20)}
	gib    = unit{"GiB", 1.0 / (1 << 30)}
	bytesU = unit{"B", 1}
	times  = unit{"x", 1}
	share  = unit{"%", 100}
)

// bytesUnit is the unit that a number of bytes is read in.
func bytesUnit(n float64) unit {
	switch {
	case n >= 1<<30:
		return gib
	case n >= 1<<20:
		return mib
	case n >= 1<<10:
		return unit{"KiB", 1.0 / (1 << 10)}
	}
	return bytesU
}

// of is a figure of a sample.
func (s located) of(name string, u unit) (figure, bool) {
	f, ok := s.Figure(name)
	return figure{v: f.Value, low: f.Low, high: f.High, from: []string{s.id + "/figures/" + name}, unit: u}, ok
}

// count is a whole number of the sample's point.
func (s located) count(field string, n int) figure {
	v := float64(n)
	return figure{v: v, low: v, high: v, from: []string{s.id + "/point/" + field}, unit: unit{"", 1}}
}

// memory is the bytes of parts of a sample together.
func (s located) memory(keys ...string) (figure, bool) {
	f := figure{how: "sum"}
	if s.Memory == nil {
		return f, false
	}
	for _, p := range s.Memory.Parts() {
		for _, k := range keys {
			if k == p.Key {
				f.v += float64(p.Bytes)
				f.from = append(f.from, s.id+"/memory/"+memoryField(p.Key))
			}
		}
	}
	f.low, f.high, f.unit = f.v, f.v, bytesUnit(f.v)
	return f, true
}

// memoryField is a part's name in the file.
func memoryField(key string) string {
	if key == "vrf-fibs" {
		return "vrf_fib"
	}
	return strings.ReplaceAll(key, "-", "_")
}

// tables are the parts of memory that routes and VRFs take: frames and rings are settings.
var tables = []string{"global-fib", "vrf-fibs", "fib-writer", "adjacencies", "ingress", "rib"}

// over divides one figure by another. Points of one run that were not measured in turns have no interval of a ratio.
func over(a, b figure, u unit) figure {
	v := a.v / b.v
	return figure{v: v, low: v, high: v, from: append(append([]string{}, a.from...), b.from...), how: joined(a, b, "/"), unit: u}
}

// less takes one figure from another.
func less(a, b figure, u unit) figure {
	v := a.v - b.v
	return figure{v: v, low: v, high: v, from: append(append([]string{}, a.from...), b.from...), how: joined(a, b, "-"), unit: u}
}

// joined writes an expression over the places from: "0/1", or "(0+1+2)/(3+4)" of sums.
func joined(a, b figure, op string) string {
	side := func(f figure, at int) string {
		var terms []string
		for i := range f.from {
			terms = append(terms, fmt.Sprint(at+i))
		}
		return strings.Join(terms, "+")
	}
	return side(a, 0) + op + side(b, len(a.from))
}

// text prints the figure: "20.4 Mpps [20.1, 21.0]".
func (f figure) text() string {
	v := number(f.v * f.unit.scale)
	if f.unit == (unit{"", 1}) && f.v == math.Trunc(f.v) {
		return plan.Thousands(int(f.v))
	}
	if f.low == f.high {
		return strings.TrimSpace(v + " " + f.unit.name)
	}
	return fmt.Sprintf("%s %s [%s, %s]", v, f.unit.name, number(f.low*f.unit.scale), number(f.high*f.unit.scale))
}

// data are the attributes by which the figure can be traced.
func (f figure) data() string {
	return fmt.Sprintf(`data-from="%s" data-how="%s" data-value="%s" data-low="%s" data-high="%s" data-scale="%s"`,
		template.HTMLEscapeString(strings.Join(f.from, " ")), template.HTMLEscapeString(f.how), exact(f.v), exact(f.low), exact(f.high), exact(f.unit.scale))
}

// html prints the figure with its data.
func (f figure) html() template.HTML {
	text := f.text()
	if v, interval, ok := strings.Cut(text, " ["); ok {
		text = template.HTMLEscapeString(v) + ` <span class="i">[` + template.HTMLEscapeString(interval) + `</span>`
	} else {
		text = template.HTMLEscapeString(text)
	}
	return template.HTML(`<span class="n" ` + f.data() + `>` + text + `</span>`)
}

// exact prints a number so that it is read back as it was.
func exact(v float64) string {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf("%.17g", v)
}

// entry is something of a table: figures, or words.
type entry struct {
	figures []figure
	words   string
	code    bool // words are a command
	told    bool // words may have numbers that nobody measured: of what a peer is
}

func (f figure) cell() entry  { return entry{figures: []figure{f}} }
func words(text string) entry { return entry{words: text} }
func told(text string) entry  { return entry{words: text, told: true} }
func maybe(f figure, ok bool) entry {
	if !ok {
		return entry{}
	}
	return f.cell()
}

// grid is a table.
type grid struct {
	head  []string
	right []bool // columns of figures; nil: none in Markdown
	rows  [][]entry
}

// describe says what a sample is of where it differs from another point.
func describe(p, center *sample.Point) string {
	var parts []string
	add := func(differs bool, format string, args ...any) {
		if differs {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(true, "%s", p.Method)
	add(p.Method == "import-map" && p.Imports != center.Imports, "%s imports", plan.Thousands(p.Imports))
	add(p.VRFs != center.VRFs, "%s VRFs", plan.Thousands(p.VRFs))
	add(p.Profile != center.Profile, "%s", p.Profile)
	add(p.Routes != center.Routes, "%s routes", plan.Thousands(p.Routes))
	add(p.Fallback != center.Fallback, "%g %% to the Internet", p.Fallback)
	add(p.Size != center.Size, "%s B", p.Size)
	add(p.Keys != center.Keys, "%s", p.Keys)
	add(p.Ports != center.Ports, "%s", p.Ports)
	add(p.Workers != center.Workers, "%d workers", p.Workers)
	add(p.Churn != center.Churn, "%s changes/s", plan.Thousands(p.Churn))
	return strings.Join(parts, ", ")
}
