package report

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const raw = `cpu: Some CPU
load: 0.10 0.20 0.30
date: 2026-01-02T03:04:05Z
goos: linux
pkg: vrfwd/lpm
BenchmarkLookup/table=real/keys=uniform/engine=fib/mode=burst-2   	 1000	 4.0 ns/op	 0 B/op
not a benchmark
BenchmarkLookup/table=real/keys=uniform/engine=fib/mode=burst-2   	 1000	 2.0 ns/op	 0 B/op
BenchmarkLookup/table=real/keys=uniform/engine=fib/mode=burst-2   	 1000	 3.0 ns/op	 0 B/op
BenchmarkLookup/table=real/keys=uniform/engine=bart-fast/mode=single 	 1000	 400 ns/op
BenchmarkLookup/table=real/keys=uniform/engine=bart-fast/mode=single 	 1000	 220 ns/op
BenchmarkLookup/table=real/keys=uniform/engine=bart-fast/mode=single 	 1000	 270 ns/op
PASS
ok  	vrfwd/lpm	1.2s
`

func parsed(t *testing.T, name, text string) *file {
	t.Helper()
	f, err := parse(name, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestParse(t *testing.T) {
	f := parsed(t, "a.txt", raw)
	want := []string{
		"lpm.Lookup/table=real/keys=uniform/engine=fib/mode=burst",
		"lpm.Lookup/table=real/keys=uniform/engine=bart-fast/mode=single",
	}
	if !slices.Equal(f.order, want) {
		t.Fatalf("benchmarks %q, want %q", f.order, want)
	}
	if got := f.samples[want[0]]["ns/op"]; !slices.Equal(got, []float64{4, 2, 3}) {
		t.Errorf("samples %v", got)
	}
	if got := units(f.samples[want[0]]); !slices.Equal(got, []string{"ns/op"}) {
		t.Errorf("units %v, want ns/op alone", got)
	}
	if got := f.condition("cpu"); got != "Some CPU" {
		t.Errorf("cpu %q", got)
	}
	_, err := parse("b.txt", strings.NewReader("pkg: x\nBenchmarkA 1 two ns/op\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "b.txt:2: ") {
		t.Errorf("a bad number: %v", err)
	}
}

func TestNewest(t *testing.T) {
	dir := t.TempDir()
	old := strings.Replace(raw, "2026-01-02", "2025-12-31", 1)
	part := "date: 2026-02-01T00:00:00Z\npkg: vrfwd/lpm\nBenchmarkLookup/table=real/keys=uniform/engine=fib/mode=burst 1 9 ns/op\n"
	for name, text := range map[string]string{"gobench-a.txt": raw, "gobench-b.txt": old, "gobench-c.txt": part, "gobench-d.txt": "no samples\n", "e.txt": raw} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := readAll(dir, pattern)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.name)
	}
	if !slices.Equal(names, []string{"gobench-c.txt", "gobench-a.txt", "gobench-b.txt"}) {
		t.Fatalf("order %v", names)
	}
	rows := bars()
	if e, f := rows[0].value(files); f != files[0] || e.v != 9 {
		t.Errorf("%s: %+v of %v, want the newest", rows[0].what, e, f)
	}
	if e, f := rows[1].value(files); f != files[1] || e.v != 100 {
		t.Errorf("%s: %+v of %v, want the newest file that holds both", rows[1].what, e, f)
	}
	if _, f := rows[2].value(files); f != nil {
		t.Errorf("%s: a value without samples", rows[2].what)
	}
	if _, err := Write(dir, ""); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "REPORT.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| burst lookup, uniform | 9 ns |", "100 x [90, 110]", "≥ 20 x", "Some CPU"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if _, err := Write(t.TempDir(), ""); err == nil || !strings.Contains(err.Error(), "make bench") {
		t.Errorf("an empty folder: %v, want what to do", err)
	}
}

// TestWriteRefuses: what cannot be read or rendered is named, and nothing is written over the document.
func TestWriteRefuses(t *testing.T) {
	for name, text := range map[string]string{"gobench-b.txt": "pkg: x\nBenchmarkA 1 two ns/op\n", "peers-b.txt": "pkg: x\nBenchmarkA 1 two ns/op\n", "peers.json": "{", "samples-b.jsonl": "{}\n"} {
		dir := folder(t)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Write(dir, ""); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := folder(t)
	document := filepath.Join(dir, "README.md")
	if _, err := Write(dir, document); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, text := range []string{"no markers\n", openMarker + "\n" + closeMarker + "\n"} {
		if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Write(dir, document)
		got, _ := os.ReadFile(document)
		if bad := !strings.Contains(text, openMarker); bad != errors.Is(err, errMarkers) || bad != (string(got) == text) || !bad && !bytes.Contains(got, []byte("| two circuits | 1,000 | ")) {
			t.Errorf("%q: %v\n%s", text, err, got)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		bar, aim, v float64
		want        string
	}{
		{20, 0, 20, "bar"}, {20, 0, 19.9, "**missed**"}, {-1.5, -1.2, 1.1, "aim"}, {-1.5, -1.2, 1.3, "bar"},
		{-1.5, -1.2, 1.6, "**missed**"}, {0, -3, 2.5, "aim"}, {0, -3, 3.5, "aim missed"}, {0, 0, 1, ""},
		{30, 50, 60, "aim"}, {30, 50, math.Inf(-1), "**missed**"},
	} {
		if got := (row{bar: c.bar, aim: c.aim}).verdict(c.v); got != c.want {
			t.Errorf("bar %v, aim %v, %v: %q, want %q", c.bar, c.aim, c.v, got, c.want)
		}
	}
}

// TestJudged: what is held against a bar is in the bar's unit.
func TestJudged(t *testing.T) {
	v := figure{v: 891_000, low: 800_000, high: 930_000, unit: unit{"M/s", 1e-6}}
	r := row{bar: 0.5, aim: 2}
	if got := r.judged(v); got < 0.8909 || got > 0.8911 || r.verdict(got) != "bar" {
		t.Errorf("%v: %q", got, r.verdict(got))
	}
	r.bar = none
	if got := r.judged(v); got < 0.9299 || got > 0.9301 {
		t.Errorf("%v", got)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 3.14159: "3.14", 0.01234: "0.0123", 99.96: "100", 1234.5: "1234", 2e6: "2000000", 1e-9: "0", -2e-5: "0"} {
		if got := number(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}

func TestSplice(t *testing.T) {
	got, err := splice([]byte("a\n"+openMarker+"\nold\n"+closeMarker+"\nb\n"), []byte("new\n"))
	if want := "a\n" + openMarker + "\n\nnew\n\n" + closeMarker + "\nb\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	for _, bad := range []string{"", openMarker, closeMarker + openMarker, openMarker + closeMarker + closeMarker} {
		if _, err := splice([]byte(bad), nil); !errors.Is(err, errMarkers) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestBarsExist: the benchmarks behind the bars are there.
func TestBarsExist(t *testing.T) {
	for _, r := range slices.Concat(bars(), convergence()) {
		for _, id := range []string{r.of, r.per, r.less} {
			if id == "" {
				continue
			}
			pkg, name, _ := strings.Cut(id, ".")
			name, _, _ = strings.Cut(name, "/")
			files, err := filepath.Glob(filepath.Join("../..", pkg, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, above := range []string{"../../internal", "../../bench", "../../bgp"} { // samples have the folder's last name
				inside, err := filepath.Glob(filepath.Join(above, pkg, "*_test.go"))
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, inside...)
			}
			declared := regexp.MustCompile(`(?m)^func Benchmark` + name + `\(`)
			if !slices.ContainsFunc(files, func(file string) bool {
				text, err := os.ReadFile(file)
				return err == nil && declared.Match(text)
			}) {
				t.Errorf("%s: package %s has no Benchmark%s", r.what, pkg, name)
			}
		}
	}
}

// TestCurrent: what is rendered is what the raw samples say.
func TestCurrent(t *testing.T) {
	const results, readme = "../../results", "../../README.md"
	b, err := Open(results)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, render := range map[string]func(old []byte) ([]byte, error){
		filepath.Join(results, Text): func([]byte) ([]byte, error) { return b.Markdown(), nil },
		readme:                       func(old []byte) ([]byte, error) { return splice(old, b.Section()) },
	} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Errorf("%v: run make render", err)
			continue
		}
		if want, err := render(text); err != nil || !bytes.Equal(text, want) {
			t.Errorf("%s is not what the raw samples say: run make render (%v)", name, err)
		}
	}
}
