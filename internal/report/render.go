package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// The lines of the README between which the bars stand.
const (
	openMarker  = "<!-- results: written by make report -->"
	closeMarker = "<!-- end of results -->"
)

// report renders REPORT.md: the bars, then all benchmarks, then the conditions of the files used.
func report(files []*file) []byte {
	var b bytes.Buffer
	b.WriteString("# Measured\n\nWritten by `make report` from the raw samples beside this file; edit nothing here. Values are medians, in\n" +
		"brackets the interval that holds the median with 95 % confidence (of fewer than six samples: the range). Ratios\n" +
		"are taken sample by sample within one run. How to read them: [README](../README.md#reading-the-numbers).\n\n")
	used := table(&b, files)
	b.WriteString("\n## All benchmarks\n\nOf each benchmark the newest run.\n")
	every(&b, files)
	b.WriteString("\n## Conditions\n")
	for _, f := range files {
		if used[f] {
			conditions(&b, f)
		}
	}
	return b.Bytes()
}

// table writes the bars that have samples, names those that have none, and returns the files that it used. Sources are
// numbered, as far as there is more than one.
func table(b *bytes.Buffer, files []*file) map[*file]bool {
	used := map[*file]bool{}
	var missing []string
	b.WriteString("| what | measured | bar | aim | reached |\n|---|---:|---:|---:|---|\n")
	for _, r := range bars() {
		e, f := r.value(files)
		if f == nil {
			missing = append(missing, r.what)
			continue
		}
		used[f] = true
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", r.what, e.text(r.show), r.limit(r.bar), r.limit(r.aim),
			r.verdict(e.median))
	}
	if len(missing) > 0 {
		fmt.Fprintf(b, "\nWithout samples: %s.\n", strings.Join(missing, "; "))
	}
	return used
}

// text prints an estimate: "3.12 ns [3.05, 3.20]", or "100 B" where all samples agree.
func (e estimate) text(unit string) string {
	if e.low == e.high {
		return number(e.median) + " " + unit
	}
	return fmt.Sprintf("%s %s [%s, %s]", number(e.median), unit, number(e.low), number(e.high))
}

// every lists each benchmark once, by package, with the samples of the newest file that has it.
func every(b *bytes.Buffer, files []*file) {
	seen := map[string]bool{}
	for _, f := range files {
		pkg := ""
		for _, id := range f.order {
			if seen[id] {
				continue
			}
			seen[id] = true
			owner, name, ok := strings.Cut(id, ".")
			if !ok {
				owner, name = "", id
			}
			if owner != pkg {
				pkg = owner
				fmt.Fprintf(b, "\n### %s (%s)\n\n| benchmark | measured | samples |\n|---|---|---:|\n", pkg, f.name)
			}
			var all []string
			n := 0
			for _, unit := range units(f.samples[id]) {
				e := estimateOf(f.samples[id][unit])
				n = e.samples
				all = append(all, e.text(unit))
			}
			fmt.Fprintf(b, "| %s | %s | %d |\n", name, strings.Join(all, ", "), n)
		}
	}
}

// conditions lists what the file says of the run, but for the CPU's flags, which are many.
func conditions(b *bytes.Buffer, f *file) {
	fmt.Fprintf(b, "\n### %s\n\n| | |\n|---|---|\n", f.name)
	for _, c := range f.conditions {
		if c.key == "cpu-flags" {
			continue
		}
		fmt.Fprintf(b, "| %s | %s |\n", c.key, strings.ReplaceAll(c.value, "|", `\|`))
	}
}

// section renders what the README shows: the bars and one line of conditions for each run.
func section(files []*file) []byte {
	var b bytes.Buffer
	used := table(&b, files)
	b.WriteByte('\n')
	for _, f := range files {
		if used[f] {
			fmt.Fprintf(&b, "[%s](results/%s): %s, %s CPUs, %s, %s, GOAMD64=%s, commit %s, load before the run %s.\n", f.name, f.name,
				f.condition("cpu"), f.condition("cpus"), f.condition("kernel"), f.condition("go"), f.condition("goamd64"),
				f.condition("commit"), f.condition("load"))
		}
	}
	return b.Bytes()
}

var errMarkers = errors.New("the lines " + openMarker + " and " + closeMarker + " must each stand there once, in this order")

// splice puts text between the markers.
func splice(document, text []byte) ([]byte, error) {
	before, rest, ok := bytes.Cut(document, []byte(openMarker))
	_, after, ok2 := bytes.Cut(rest, []byte(closeMarker))
	if !ok || !ok2 || bytes.Contains(after, []byte(openMarker)) || bytes.Contains(after, []byte(closeMarker)) ||
		bytes.Contains(before, []byte(closeMarker)) {
		return nil, errMarkers
	}
	return bytes.Join([][]byte{before, []byte(openMarker + "\n\n"), text, []byte("\n" + closeMarker), after}, nil), nil
}
