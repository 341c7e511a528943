package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"vrfwd/internal/estimate"
)

// series is what one benchmark reported, by unit, in the order of the samples.
type series map[string][]float64

// file is one raw file: samples in the Go benchmark format (golang.org/design/14313-benchmark-format) and the
// conditions under which they were taken.
type file struct {
	name       string
	conditions []condition
	order      []string // the benchmarks' names in order of appearance
	samples    map[string]series
}

type condition struct{ key, value string }

// condition returns the value of a key, "" if the file does not say.
func (f *file) condition(key string) string {
	for _, c := range f.conditions {
		if c.key == key {
			return c.value
		}
	}
	return ""
}

// place names the samples of one benchmark and unit, as figures do.
func (f *file) place(benchmark, unit string) string { return f.name + "#" + benchmark + "#" + unit }

// figure is the median of a benchmark's samples.
func (f *file) figure(benchmark, unitName string) figure {
	e := estimate.Of(f.samples[benchmark][unitName])
	return figure{v: e.Median, low: e.Low, high: e.High, how: "median of 0", from: []string{f.place(benchmark, unitName)}, unit: unit{unitName, 1}}
}

var (
	conditionLine = regexp.MustCompile(`^([a-z][^\s:A-Z]*):\s*(.*)$`)
	procsSuffix   = regexp.MustCompile(`-\d+$`)
)

// parse reads one raw file. Lines that are neither a condition nor a benchmark are passed over, as the format says. A
// benchmark is known by its package's last element and its name, without "Benchmark" and without GOMAXPROCS:
// "lpm.Lookup/table=real/keys=uniform/engine=fib/mode=burst".
func parse(name string, r io.Reader) (*file, error) {
	f := &file{name: name, samples: map[string]series{}}
	in := bufio.NewScanner(r)
	pkg := ""
	for line := 1; in.Scan(); line++ {
		if m := conditionLine.FindStringSubmatch(in.Text()); m != nil {
			if m[1] == "pkg" {
				pkg = m[2][strings.LastIndexByte(m[2], '/')+1:] + "."
			} else if f.condition(m[1]) == "" {
				f.conditions = append(f.conditions, condition{m[1], m[2]})
			}
			continue
		}
		fields := strings.Fields(in.Text())
		if len(fields) < 4 || len(fields)%2 != 0 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		id := pkg + procsSuffix.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")
		if f.samples[id] == nil {
			f.samples[id] = series{}
			f.order = append(f.order, id)
		}
		for i := 2; i < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %q is not a number", name, line, fields[i])
			}
			f.samples[id][fields[i+1]] = append(f.samples[id][fields[i+1]], v)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// pattern matches the raw files of make bench. Other tools leave their samples beside them under other names.
const pattern = "gobench-*.txt"

// readAll reads the raw files of a folder that match and hold samples, the newest first by the date among their
// conditions.
func readAll(dir, pattern string) (files []*file, err error) {
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		r, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		f, err := parse(filepath.Base(name), r)
		r.Close()
		if err != nil {
			return nil, err
		}
		if len(f.samples) > 0 {
			files = append(files, f)
		}
	}
	slices.SortStableFunc(files, func(a, b *file) int { return cmp.Compare(b.condition("date"), a.condition("date")) })
	return files, nil
}

// newest returns the newest file that holds all the benchmarks with that unit, nil if there is none.
func newest(files []*file, unit string, benchmarks ...string) *file {
	for _, f := range files {
		if !slices.ContainsFunc(benchmarks, func(b string) bool { return len(f.samples[b][unit]) == 0 }) {
			return f
		}
	}
	return nil
}

// units lists the units of a series, the time first, without those that say nothing: 0 allocations a lookup, or the
// 0 ns of a benchmark that reports no time.
func units(s series) []string {
	var list []string
	for unit, v := range s {
		if slices.ContainsFunc(v, func(v float64) bool { return v != 0 }) {
			list = append(list, unit)
		}
	}
	slices.SortFunc(list, func(a, b string) int {
		if (a == "ns/op") != (b == "ns/op") {
			if a == "ns/op" {
				return -1
			}
			return 1
		}
		return cmp.Compare(a, b)
	})
	return list
}
