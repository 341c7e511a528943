package main

import (
	"bufio"
	"fmt"
	"strings"
)

// record writes samples in the Go benchmark format (golang.org/design/14313-benchmark-format).
type record struct {
	w   *bufio.Writer
	pkg string // of the last sample
}

// packageName is what samples of this program belong to.
const packageName = "vrfwd/bench/peers"

// conditions writes "key: value" lines.
func (r *record) conditions(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(r.w, "%s: %s\n", pairs[i], pairs[i+1])
	}
}

// owner names the package of the samples that follow.
func (r *record) owner(pkg string) {
	if r.pkg != pkg {
		fmt.Fprintf(r.w, "pkg: %s\n", pkg)
		r.pkg = pkg
	}
}

// sample writes one, of n operations: values and units in turn.
func (r *record) sample(name string, n uint64, values ...any) {
	r.owner(packageName)
	fmt.Fprintf(r.w, "Benchmark%s\t%d", name, n)
	for i := 0; i < len(values); i += 2 {
		fmt.Fprintf(r.w, "\t%.5g %s", values[i], values[i+1])
	}
	fmt.Fprintln(r.w)
}

// copied takes over what `go test -bench` printed: its samples and whose they are, and nothing else. It returns how many
// samples there were.
func (r *record) copied(output string) (n int) {
	for line := range strings.Lines(output) {
		if pkg, ok := strings.CutPrefix(line, "pkg: "); ok {
			r.owner(strings.TrimSpace(pkg))
		} else if strings.HasPrefix(line, "Benchmark") && strings.Count(line, "\t") > 1 {
			fmt.Fprint(r.w, line)
			n++
		}
	}
	return n
}
