package report

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	convergeRaw    = "testdata/gobench-converge.txt"
	convergeGolden = "testdata/convergence.md"
)

// TestConvergence: the section as Markdown, from a file whose figures are made up: some bars met, some missed, some without samples.
func TestConvergence(t *testing.T) {
	text, err := os.ReadFile(convergeRaw)
	if err != nil {
		t.Fatal(err)
	}
	b := Book{bench: []*file{parsed(t, "gobench-converge.txt", string(text))}}
	used := map[*file]bool{}
	s, ok := b.converging(used)
	if !ok || !used[b.bench[0]] {
		t.Fatalf("no section: %v", used)
	}
	var got bytes.Buffer
	s.markdown(&got, 2)
	want, err := os.ReadFile(convergeGolden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s differs; now:\n%s", convergeGolden, got.Bytes())
	}

	// The README has the bars alone, and no word on those without samples: the failover's.
	lines := strings.Split(string(b.Section()), "\n")
	for _, r := range convergence() {
		is := slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "| "+r.what+" |") })
		if want := r.bar != 0 && !strings.HasPrefix(r.of, "e2e.Convergence/case=failover"); is != want {
			t.Errorf("the README has %q: %v, want %v", r.what, is, want)
		}
	}
	if text := strings.Join(lines, "\n"); strings.Contains(text, "failover") {
		t.Errorf("the README tells of a failover that was not measured:\n%s", text)
	}
}

// TestConvergenceMissing: without samples there is no section.
func TestConvergenceMissing(t *testing.T) {
	b := Book{bench: []*file{parsed(t, "a.txt", raw)}}
	if s, ok := b.converging(map[*file]bool{}); ok {
		t.Errorf("%+v", s)
	}
	for _, s := range b.sections() {
		if s.id == "convergence" {
			t.Error("the report has a section without samples")
		}
	}
}

// TestNone: a bar of nothing is met by nothing alone, and printed as 0.
func TestNone(t *testing.T) {
	r := row{bar: none, show: "%"}
	if got := r.verdict(0); got != "bar" {
		t.Errorf("0: %q", got)
	}
	if got := r.verdict(1e-9); got != "**missed**" {
		t.Errorf("more than 0: %q", got)
	}
	if got := r.limit(r.bar); got != "≤ 0 %" {
		t.Errorf("printed %q", got)
	}
}

// TestConvergenceUnits: the benchmarks report the units that the rows ask for, and rows with a bar can stand alone.
func TestConvergenceUnits(t *testing.T) {
	folders := map[string]string{"mrt": "bgp/mrt", "vrftable": "vrftable", "bench": "bench", "e2e": "internal/e2e"}
	for _, r := range convergence() {
		if r.bar != 0 && strings.HasPrefix(r.what, "the same") {
			t.Errorf("%q has a bar, and does not say what it is of", r.what)
		}
		pkg, name, _ := strings.Cut(r.of, ".")
		name, _, _ = strings.Cut(name, "/")
		declared := regexp.MustCompile(`(?m)^func Benchmark` + name + `\(`)
		files, err := filepath.Glob(filepath.Join("../..", folders[pkg], "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(files, func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && declared.Match(text) && bytes.Contains(text, []byte(`"`+r.unit+`"`))
		}) {
			t.Errorf("%s: no Benchmark%s in %s that reports %s", r.what, name, folders[pkg], r.unit)
		}
	}
}
