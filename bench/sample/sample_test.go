package sample

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func one() Sample {
	return Sample{
		Format: Format, Kind: NDR, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), OK: true,
		Point:      Point{Ports: "rings", Method: "fallback", Routes: 1000, VRFs: 10, Fallback: 50, Size: "64:7,594:4,1518:1", Keys: "routed", Workers: 1, Burst: 256, Seed: 1},
		Settings:   map[string]string{"trial": "1s"},
		Figures:    []Figure{Between(FigNDR, "pps", 1e6, 1.005e6), Between(FigPDR, "pps", 1.1e6, 1.1e6), Median(FigCycles, "cycles/pkt", []float64{3, 1, 2})},
		Trials:     []Trial{{Offered: 1e6, Seconds: 1, Sent: 10, Received: 8, Lost: 1, Discarded: 1, Missed: 10, Rate: 8}},
		Curve:      []Step{{Offered: 2e6, Percent: 100, Rate: 1e6, Loss: Median(FigLoss, "1", []float64{0.5})}},
		Latency:    []Latency{{Share: 50, Rate: 5e5, Frames: 100, Percentiles: []Percentile{{50, 10}, {90, 10}, {99, 12}}}},
		Memory:     &Memory{GlobalFIB: 1 << 20},
		Stages:     []Stage{{"lookup", 1.5, 3}},
		Conditions: Conditions{CPU: "A  CPU", Go: "go1.26", GOOS: "linux", GOARCH: "amd64"}, Command: "trafgen ndr --vrfs 10",
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a"+Ext)
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := one()
	if err := f.Append(want, want); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if f, err = OpenFile(path); err != nil || len(f.Done) != 2 {
		t.Fatal(err, f)
	}
	if err := f.Append(want); err != nil {
		t.Fatal(err)
	}
	f.Close()
	got, err := ReadDir(filepath.Dir(path))
	if err != nil || len(got) != 3 {
		t.Fatal(err, len(got))
	}
	for _, s := range got {
		if !reflect.DeepEqual(s, want) {
			t.Errorf("%+v\nwant %+v", s, want)
		}
	}
	if _, err := ReadDir(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestCutOff: a writer that was stopped in the middle of a line leaves all points before it.
func TestCutOff(t *testing.T) {
	var b bytes.Buffer
	s := one()
	if err := Append(&b, s, s); err != nil {
		t.Fatal(err)
	}
	whole := b.Len()
	path := filepath.Join(t.TempDir(), "cut"+Ext)
	for _, cut := range []int{whole - 1, whole/2 + 1, whole / 2} {
		if err := os.WriteFile(path, b.Bytes()[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		var bad *FormatError
		if _, err := ReadFile(path); cut > whole/2 && (!errors.As(err, &bad) || bad.Line != 2) {
			t.Errorf("%d of %d bytes: %v", cut, whole, err)
		}
		f, err := OpenFile(path)
		if err != nil || len(f.Done) != 1 {
			t.Fatalf("%d of %d bytes: %v", cut, whole, err)
		}
		if err := f.Append(s); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, b.Bytes()) {
			t.Errorf("%d of %d bytes: %v %q", cut, whole, err, got)
		}
	}
}

// TestRefused: what is no sample is refused by file and line, when it is read and before it is written.
func TestRefused(t *testing.T) {
	var good bytes.Buffer
	if err := Append(&good, one()); err != nil {
		t.Fatal(err)
	}
	line := good.String()
	for _, c := range []struct{ old, new, says string }{
		{`"format":1`, `"format":2,"news":3`, "format 2: 1 is what"},
		{`"format":1`, `"format":1,"news":3`, "unknown field \"news\""},
		{`"kind":"ndr"`, `"kind":"rate"`, `kind "rate": [trial mrr`},
		{`"ports":"rings"`, `"ports":""`, "ports and size are missing"},
		{`"received":8`, `"received":9`, "10 frames sent, but 9 received + 1 lost + 1 discarded"},
		{`"value":1000000,`, `"value":1,`, `figure "ndr": 1 is not in its interval`},
		{`"name":"pdr"`, `"name":"ndr"`, `figure "ndr" for the second time`},
		{`"name":"pdr","unit":"pps"`, `"name":"pdr","unit":""`, "name and unit are needed"},
		{`"percent":99`, `"percent":9`, "percentiles do not rise"},
		{`"go":"go1.26"`, `"go":""`, "conditions are missing"},
		{`"time":"2026-01-02T03:04:05Z"`, `"time":"0001-01-01T00:00:00Z"`, "time is missing"},
		{`"command":"trafgen`, `"command":"\ntrafgen`, "one line is possible"},
		{"}\n", "}{}\n", "more than one sample"},
		{line, "\n", "empty: one sample a line"},
		{line, "{\n", "byte "},
	} {
		bad := strings.Replace(line, c.old, c.new, 1)
		if bad == line {
			t.Fatalf("no %s in %s", c.old, line)
		}
		all, err := Read("file", strings.NewReader(line+bad))
		var at *FormatError
		if !errors.As(err, &at) || at.File != "file" || at.Line != 2 || !strings.Contains(err.Error(), c.says) || all != nil {
			t.Errorf("%s: %v", c.new, err)
		}
	}
	s := one()
	s.Trials[0].Lost = 7
	var b bytes.Buffer
	if err := Append(&b, s); err == nil || b.Len() > 0 {
		t.Error(err, b.String())
	}
}

func TestFigures(t *testing.T) {
	s := one()
	if f, ok := s.Figure(FigCycles); !ok || f.Value != 2 || f.Low != 1 || f.High != 3 || f.Of != Range {
		t.Error(f, ok)
	}
	if f := Median("x", "1", []float64{1, 2, 3, 4, 5, 6}); f.Of != Confidence || f.Value != 3.5 {
		t.Error(f)
	}
	s.Add(Count(FigNDR, "pps", 5))
	if f, _ := s.Figure(FigNDR); f.Value != 5 || len(s.Figures) != 3 {
		t.Error(s.Figures)
	}
	if _, ok := s.Figure("none"); ok {
		t.Error("a figure that is not there")
	}
	if r := s.Trials[0].Shortfall(); r != 0.5 {
		t.Error(r)
	}
}

// TestKey: repetitions have one key, and other points and settings others.
func TestKey(t *testing.T) {
	a, b := one(), one()
	b.Time, b.Figures, b.Point.TableHash = b.Time.Add(1), nil, "found out later"
	if a.Key() != b.Key() {
		t.Error(a.Key(), b.Key())
	}
	for _, change := range []func(*Sample){
		func(s *Sample) { s.Kind = MRR }, func(s *Sample) { s.Point.Workers++ }, func(s *Sample) { s.Settings = map[string]string{"trial": "2s"} },
	} {
		b := one()
		if change(&b); a.Key() == b.Key() {
			t.Error(b.Key())
		}
	}
}

// TestBench: what is written is Go benchmark format, one line for each repetition.
func TestBench(t *testing.T) {
	var b strings.Builder
	other := one()
	other.Kind, other.Point.Table = BackToBack, "real"
	if err := WriteBench(&b, one(), other); err != nil {
		t.Fatal(err)
	}
	config := regexp.MustCompile(`^[a-z][^ A-Z]*: ?.*$`)
	line := regexp.MustCompile(`^Benchmark[A-Z]\S* [1-9][0-9]*( -?[0-9.e+-]+ \S+)+$`)
	var lines []string
	for l := range strings.Lines(b.String()) {
		switch l = strings.TrimSuffix(l, "\n"); {
		case line.MatchString(l):
			lines = append(lines, l)
		case !config.MatchString(l):
			t.Errorf("not Go benchmark format: %q", l)
		}
	}
	const point = "/method=fallback/ports=rings/routes=1000/vrfs=10/fallback=50/keys=routed/size=64:7,594:4,1518:1/workers=1/burst=256/churn=0"
	for _, want := range []string{
		"BenchmarkNdr" + point + " 1 3 cycles/pkt",
		"BenchmarkLatency" + point + "/load=50 1 10 p50-ns 10 p90-ns 12 p99-ns",
		"BenchmarkMemory" + point + "/part=global-fib 1 1048576 B",
		"BenchmarkLossCurve" + point + "/offered=2e+06 1 0.5 loss 1000000 pps",
		"BenchmarkStages" + point + "/stage=lookup 1 1.5 ns/op 3 cycles/pkt",
		"BenchmarkBackToBack" + point + " 1 2 cycles/pkt",
	} {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, want[:strings.IndexByte(want, ' ')+1]) }) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Count(b.String(), "cpu: A CPU\n") != 1 || !strings.Contains(b.String(), "table: \n") || !strings.Contains(b.String(), "table: real\n") {
		t.Error(b.String())
	}
}
