package bench

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

func aResult(t *testing.T) *Result {
	t.Helper()
	var steps []string
	r, err := Execute(context.Background(), Plan{Network: small(Fallback), Load: Load{Fallback: 0.5, Flows: 1000, Ports: Rings},
		Run: Run{Duration: 30 * time.Millisecond, Churn: 1000}, Budget: time.Millisecond, Step: func(s string) { steps = append(steps, s) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 3 || !r.OK() || !r.Balanced() {
		t.Fatal(steps, r.Trial.Account.Verdict())
	}
	return r
}

func TestResultFiles(t *testing.T) {
	r, dir := aResult(t), filepath.Join(t.TempDir(), "new", "results")
	doc, text, err := r.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := r.Write(dir) // in the same second
	if err != nil || again == doc {
		t.Fatal(again, err)
	}
	got, err := ReadResult(doc)
	if err != nil {
		t.Fatal(err)
	}
	want := *r
	want.Trial.Totals = got.Trial.Totals // in Received and so on
	if !reflect.DeepEqual(*got, want) {
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got)
		t.Errorf("wrote %s\nread %s", a, b)
	}
	if got.Conditions.CPU == "" || got.Conditions.Go == "" || got.Settings.TableHash == "" || got.Conditions.TSC.GHz < 0 ||
		got.Cycles < 0 || got.Memory.RIB == 0 || got.Memory.Arena == 0 {
		t.Errorf("%+v", got)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 4 {
		t.Error("temporary files are left over:", names, err)
	}

	b, err := os.ReadFile(text)
	if err != nil {
		t.Fatal(err)
	}
	// golang.org/design/14313-benchmark-format
	config := regexp.MustCompile(`^[a-z][^ A-Z]*: .*$`)
	line := regexp.MustCompile(`^Benchmark[A-Z]\S* [1-9][0-9]*( -?[0-9.e+-]+ \S+)+$`)
	results := 0
	for l := range strings.Lines(string(b)) {
		switch l = strings.TrimSuffix(l, "\n"); {
		case line.MatchString(l):
			results++
		case !config.MatchString(l):
			t.Errorf("not Go benchmark format: %q", l)
		}
	}
	if results < 3 || !strings.Contains(string(b), " Mpps") || !strings.Contains(string(b), "method=fallback/fallback=50/ports=rings") {
		t.Errorf("%s", b)
	}
}

func TestReadResultRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	for _, text := range []string{"", "{", `{"format": 2}`, `{"format": 1, "unheard": 1}`, `{"format": 1, "settings": {"method": "x"}}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := ReadResult(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v %v", text, r, err)
		}
	}
	if _, err := ReadResult(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestWriteRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := aResult(t).Write(file); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func TestReport(t *testing.T) {
	r := aResult(t)
	r.Drops = map[string]uint64{"no route": 1234567}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Mpps", "cycles per packet", "Gbit/s", "lookup", "dropped, no route", "1,234,567", "global FIB",
		"RIB and FIB", "lost", "route changes", "verdict"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), " \n") {
		t.Error("blanks at the end of a line")
	}
	r.Trial.Account.Lost = 5
	b.Reset()
	if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), "FAILED: 5 lost") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestExecuteStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r, err := Execute(ctx, Plan{Network: small(Fallback), Load: Load{Flows: 100}, Run: Run{Duration: time.Hour}}); !errors.Is(err, context.Canceled) || r != nil {
		t.Error(r, err)
	}
}

func TestNames(t *testing.T) {
	for _, m := range append(Methods(), None) {
		if got, err := ParseMethod(m.String()); got != m || err != nil {
			t.Error(m, got, err)
		}
	}
	for k := Routed; k <= Zipf; k++ {
		if got, err := ParseKeys(k.String()); got != k || err != nil {
			t.Error(k, got, err)
		}
	}
	for p := SameCore; p <= Rings; p++ {
		if got, err := ParsePorts(p.String()); got != p || err != nil {
			t.Error(p, got, err)
		}
	}
	for c := Count; c <= Verify; c++ {
		var got Check
		if text, _ := c.MarshalText(); got.UnmarshalText(text) != nil || got != c {
			t.Error(c, got)
		}
	}
	for _, err := range []error{func() error { _, err := ParseMethod("x"); return err }(),
		func() error { _, err := ParseKeys("x"); return err }(), func() error { _, err := ParsePorts("x"); return err }()} {
		if err == nil || !strings.Contains(err.Error(), `"x"`) {
			t.Error(err)
		}
	}
}

func TestConditions(t *testing.T) {
	c := Here()
	if c.CPUs < 1 || c.GOMAXPROCS < 1 || c.Commit == "" || !strings.HasPrefix(c.Go, "go") && !strings.HasPrefix(c.Go, "devel") {
		t.Errorf("%+v", c)
	}
	if clock := TSC(); clock != TSC() || clock.How == "" || clock.GHz < 0 || clock.GHz > 20 {
		t.Errorf("%+v", clock)
	}
}
