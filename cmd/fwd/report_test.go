package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"vrfwd/bench"
	"vrfwd/bench/plan"
	"vrfwd/bench/report"
	"vrfwd/bench/sample"
	"vrfwd/gen"
)

// TestRedo: the command of each point of the reference run means that point.
func TestRedo(t *testing.T) {
	g := bench.Grid{Rounds: 3, Trial: time.Second}
	for _, c := range bench.Reference(runtime.NumCPU(), true) {
		command := g.Command(&c)
		args, ok := strings.CutPrefix(command, "fwd bench ")
		if !ok {
			t.Fatal(command)
		}
		f := flagsOf(t, strings.Fields(args)...)
		c.Load.Frames = f.Load.Frames // chosen when the bed is made
		if !reflect.DeepEqual(f.Network, c.Network) || !reflect.DeepEqual(f.Load, c.Load) || f.Churn != c.Churn || f.run.Duration != 3*time.Second {
			t.Errorf("%s\n%+v %+v\n%+v %+v", command, f.Network, f.Load, c.Network, c.Load)
		}
	}
}

// measured is a folder with a small run of the grid.
func measured(t *testing.T) string {
	t.Helper()
	n, l := bench.Defaults()
	n.Routes, l.Flows, l.Pin = 2000, 500, false
	var cases []bench.Case
	for _, vrfs := range []int{5, 20, 50, 10} {
		n.VRFs, n.Profile = vrfs, gen.Tiny
		cases = append(cases, bench.Case{Network: n, Load: l, HeldBack: vrfs == 10, Stages: vrfs == 5})
	}
	dir := t.TempDir()
	g := bench.Grid{Cases: cases, Rounds: 3, Trial: 3 * time.Millisecond}
	path, err := g.Record(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.partial")); len(left) > 0 || filepath.Ext(path) != sample.Ext {
		t.Error(path, left)
	}
	return dir
}

func TestReportAndPlan(t *testing.T) {
	dir := measured(t)
	code, out, errs := fwd(t, "report", dir)
	if code != 0 || strings.TrimSpace(out) != filepath.Join(dir, report.Page) {
		t.Fatal(code, out, errs)
	}
	for _, name := range []string{report.Page, report.Text} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(text), "held back") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	args := []string{"plan", "--samples", dir, "--method", "fallback", "--vrfs", "20", "--profile", "tiny", "--routes", "2000", "--size", "64", "--pps", "1000", "--imports", "0"}
	code, out, errs = fwd(t, with(args, "--json")...)
	var a plan.Answer
	if err := json.Unmarshal([]byte(out), &a); code != 0 || err != nil {
		t.Fatal(code, err, errs, out)
	}
	if m := a.Methods; len(m) != 1 || m[0].Cores != 1 || m[0].CoresGround.Basis != plan.Measured || m[0].Total == 0 || a.Offered != 1000 || a.Held.Points != 1 {
		t.Errorf("%+v", a)
	}
	want := filepath.Join(dir, "want.yaml")
	if err := os.WriteFile(want, []byte("vrfs: 30\nprofile: tiny\nroutes: 2000\nimports: 0\nmethod: fallback\nsize: 64\npps: 1000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs = fwd(t, "plan", "--samples", dir, "-f", want, "--pps", "2000")
	if code != 0 || !strings.Contains(out, "30 VRFs (tiny), 2000 global routes; 0.002 Mpps") || !strings.Contains(out, "interpolated") || !strings.Contains(out, "held back") {
		t.Error(code, out, errs)
	}
	// Of several machines the newest, or the one that is asked for.
	all, err := sample.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		all[i].Run, all[i].Time, all[i].Conditions.CPU = "older", all[i].Time.Add(-time.Hour), "Another CPU"
	}
	older, err := sample.OpenFile(filepath.Join(dir, "samples-older"+sample.Ext))
	if err != nil {
		t.Fatal(err)
	}
	if err := older.Append(all...); err != nil {
		t.Fatal(err)
	}
	older.Close()
	if code, out, errs = fwd(t, args...); code != 0 || strings.Contains(out, "from samples of Another CPU") || !strings.Contains(out, "other machines, too: Another CPU") || !strings.Contains(out, "--cpu") {
		t.Error(code, out, errs)
	}
	if code, out, errs = fwd(t, with(args, "--cpu", "another")...); code != 0 || !strings.Contains(out, "from samples of Another CPU") {
		t.Error(code, out, errs)
	}
	if err := os.WriteFile(want, []byte("cpu: ANOTHER\nvrfs: 20\nprofile: tiny\nroutes: 2000\nimports: 0\nmethod: fallback\nsize: 64\npps: 1000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs = fwd(t, "plan", "--samples", dir, "-f", want); code != 0 || !strings.Contains(out, "from samples of Another CPU") {
		t.Error(code, out, errs)
	}
	if code, out, errs = fwd(t, with(args, "--cpu", "none such")...); code != 2 || out != "" || !strings.Contains(errs, "--cpu none such: ") || !strings.Contains(errs, "Another CPU, ") {
		t.Error(code, out, errs)
	}
	// Beyond what was measured: only when asked for.
	if code, out, errs = fwd(t, with(args, "--vrfs", "500")...); code != 1 || !strings.Contains(out, "not answered") || !strings.Contains(errs, "--extrapolate") {
		t.Error(code, out, errs)
	}
	if code, out, errs = fwd(t, with(args, "--vrfs", "500", "--extrapolate")...); code != 0 || !strings.Contains(out, "extrapolated") {
		t.Error(code, out, errs)
	}
}

func TestReportAndPlanRefuse(t *testing.T) {
	empty, broken := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "a"+sample.Ext), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	typo := filepath.Join(empty, "want.yaml")
	if err := os.WriteFile(typo, []byte("vrsf: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"report"}, "one folder"},
		{[]string{"report", empty}, "make bench"},
		{[]string{"report", broken}, "a.jsonl:1"},
		{[]string{"report", empty, "--long"}, "only with --measure"},
		{[]string{"report", empty, "--measure", "--rounds", "-1"}, "more than 0"},
		{[]string{"plan", "--samples", empty}, "fwd report --measure"},
		{[]string{"plan", "--samples", broken}, "a.jsonl:1"},
		{[]string{"plan", "--vrfs", "0"}, "--vrfs 0: 1 to"},
		{[]string{"plan", "--gbit", "1", "--pps", "1"}, "only one"},
		{[]string{"plan", "--profile", "tiny", "--vrf-routes", "1"}, "only one"},
		{[]string{"plan", "-f", typo}, "unknown field"},
		{[]string{"plan", "-f", empty + "/none"}, "no such file"},
	} {
		if code, out, errs := fwd(t, c.args...); code != 2 || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%v: %d %q %q, want %q", c.args, code, out, errs, c.want)
		}
	}
}
