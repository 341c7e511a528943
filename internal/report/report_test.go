package main

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
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

// TestEstimate: the interval against a twin that counts binomial tails in exact arithmetic.
func TestEstimate(t *testing.T) {
	for n := 1; n <= 60; n++ {
		samples := make([]float64, n)
		for i := range samples {
			samples[i] = float64(i)
		}
		rand.Shuffle(n, func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
		k := 0
		for below := big.NewInt(1); ; k++ { // below: ways to have at most k of n samples below the median
			below.Add(below, new(big.Int).Binomial(int64(n), int64(k+1)))
			if new(big.Int).Mul(below, big.NewInt(40)).Cmp(new(big.Int).Lsh(big.NewInt(1), uint(n))) > 0 {
				break
			}
		}
		e := estimateOf(samples)
		if e.median != float64(n-1)/2 || e.low != float64(k) || e.high != float64(n-1-k) || e.samples != n {
			t.Errorf("%d samples: %+v, want the median of 0..%d and %d from either end", n, e, n-1, k)
		}
	}
}

func TestRatioPairs(t *testing.T) {
	if e := paired([]float64{400, 220, 270}, []float64{4, 2, 3}, func(a, b float64) float64 { return a / b }); e.median != 100 || e.low != 90 || e.high != 110 {
		t.Errorf("%+v, want 100 [90, 110]", e)
	}
}

func TestDifferencePairs(t *testing.T) {
	if e := paired([]float64{90, 110, 100}, []float64{50, 60, 70}, func(a, b float64) float64 { return a - b }); e.median != 40 || e.low != 30 || e.high != 50 {
		t.Errorf("%+v, want 40 [30, 50]", e)
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
	files, err := readAll(dir)
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
	if e, f := rows[0].value(files); f != files[0] || e.median != 9 {
		t.Errorf("%s: %+v of %v, want the newest", rows[0].what, e, f)
	}
	if e, f := rows[1].value(files); f != files[1] || e.median != 100 {
		t.Errorf("%s: %+v of %v, want the newest file that holds both", rows[1].what, e, f)
	}
	if _, f := rows[2].value(files); f != nil {
		t.Errorf("%s: a value without samples", rows[2].what)
	}
	if err := run(dir, ""); err != nil {
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
	if err := run(t.TempDir(), ""); err == nil || !strings.Contains(err.Error(), "make bench") {
		t.Errorf("an empty folder: %v, want what to do", err)
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

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 3.14159: "3.14", 0.01234: "0.0123", 99.96: "100", 1234.5: "1234", 2e6: "2000000"} {
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
	for _, r := range bars() {
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
			inside, err := filepath.Glob(filepath.Join("..", pkg, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, inside...)
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
	files, err := readAll(results)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		return
	}
	for name, render := range map[string]func(old []byte) ([]byte, error){
		filepath.Join(results, "REPORT.md"): func([]byte) ([]byte, error) { return report(files), nil },
		readme:                              func(old []byte) ([]byte, error) { return splice(old, section(files)) },
	} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Errorf("%v: run make report", err)
			continue
		}
		if want, err := render(text); err != nil || !bytes.Equal(text, want) {
			t.Errorf("%s is not what the raw samples say: run make report (%v)", name, err)
		}
	}
}
