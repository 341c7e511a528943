package report

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

// Markdown renders REPORT.md: all of the page but its plots.
func (b *Book) Markdown() []byte {
	var out bytes.Buffer
	out.WriteString("# Measured\n\nWritten by `make report` from the raw samples beside this file; edit nothing here. Values are medians, in\n" +
		"brackets the interval that holds the median with 95 % confidence (of fewer than six samples: the range). How to\n" +
		"read them: [README](../README.md#reading-the-numbers). Plots: " + Page + " beside this file.\n")
	for _, s := range b.sections() {
		fmt.Fprintf(&out, "\n## %s\n", s.title)
		s.markdown(&out, 2)
	}
	return out.Bytes()
}

// Section renders what the README shows: the answer, the bars, those of convergence after the others, and one line of conditions for each run.
func (b *Book) Section() []byte {
	var out bytes.Buffer
	if len(b.runs) > 0 {
		if s, ok := answer(b.runs[0]); ok {
			fmt.Fprintf(&out, "**%s**\n", s.title)
			s.markdown(&out, 3)
			fmt.Fprintf(&out, "\n![Cycles and memory by method](results/%s)\n\n", Picture)
		}
	}
	used := map[*file]bool{}
	g, missing := barTable(bars(), b.bench, used)
	more, _ := barTable(withBar(convergence()), b.bench, used)
	g.rows = append(g.rows, more.rows...)
	g.markdown(&out)
	if len(missing) > 0 {
		fmt.Fprintf(&out, "\nWithout samples: %s.\n", strings.Join(missing, "; "))
	}
	out.WriteByte('\n')
	if len(b.runs) > 0 {
		c, file := &b.runs[0].samples[0].Conditions, strings.SplitN(b.runs[0].samples[0].id, ":", 2)[0]
		fmt.Fprintf(&out, "[%s](results/%s): %s, %d CPUs, %s, %s, GOAMD64=%s, commit %.12s, load before the run %s.\n", file, file, c.CPU, c.CPUs, c.Kernel, c.Go,
			c.GOAMD64, c.Commit, c.Load)
	}
	for _, f := range b.bench {
		if used[f] {
			fmt.Fprintf(&out, "[%s](results/%s): %s, %s CPUs, %s, %s, GOAMD64=%s, commit %s, load before the run %s.\n", f.name, f.name,
				f.condition("cpu"), f.condition("cpus"), f.condition("kernel"), f.condition("go"), f.condition("goamd64"),
				f.condition("commit"), f.condition("load"))
		}
	}
	return out.Bytes()
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
