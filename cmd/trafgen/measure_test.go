package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/bench/search"
	"vrfwd/bench/sweep"
	"vrfwd/cmd/internal/cli"
	"vrfwd/internal/testnet"
)

// programs is the program that tests run.
var programs testnet.Programs

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }

// program runs the built program.
func program(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a program")
	}
	cmd := exec.CommandContext(t.Context(), programs.File(t, "trafgen"), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	return exitOf(t, cmd.Run()), out.String(), errs.String()
}

func exitOf(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		t.Fatal(err)
	}
	return exit.ExitCode()
}

// little is a network that is built in milliseconds, on one CPU.
func little(more ...string) []string {
	return append([]string{"--routes", "2000", "--vrfs", "10", "--flows", "500", "--ports", "samecore", "--workers", "1", "--trial", "5ms"}, more...)
}

// TestMeasureUsage: bad flags end with exit code 2, nothing on standard output, and what is wrong and allowed on standard error.
func TestMeasureUsage(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.jsonl")
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sweepOf := func(args ...string) []string { return append([]string{"sweep", "mrr", "--out", out}, args...) }
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"ndr", "extra"}, "takes no arguments"},
		{[]string{"ndr", "--nonsense"}, "--help"},
		{[]string{"ndr", "--vrfs", "many"}, "--vrfs"},
		{[]string{"ndr", "--vrfs", "0"}, "--vrfs 0: 1 or more"},
		{[]string{"ndr", "--vrfs", "100000"}, "--vrfs 100000: 1 to 16000"},
		{[]string{"ndr", "--method", "x"}, "--method x: two-circuits"},
		{[]string{"ndr", "--method", "full-copy", "--vrfs", "16000"}, "GiB"},
		{[]string{"ndr", "--size", "20"}, "--size 20: "},
		{[]string{"ndr", "--frames", "1000"}, "--frames 1000: a power of two"},
		{[]string{"ndr", "--table", text + "x"}, "no such file"},
		{[]string{"ndr", "--table", text}, "text:1:1:"},
		{[]string{"ndr", "--trial", "0s"}, "--trial 0s: a time"},
		{[]string{"ndr", "--warmup", "-1s"}, "--warmup -1s: a time"},
		{[]string{"ndr", "--width", "0"}, "--width 0: 0.01 to 50"},
		{[]string{"ndr", "--exceed", "100"}, "--exceed 100: 0 to 99"},
		{[]string{"ndr", "--pdr", "-1"}, "--pdr -1: 0 to 99"},
		{[]string{"ndr", "--max", "fast"}, "--max fast: "},
		{[]string{"ndr", "--max", "50%"}, "--max 50%: a rate in pps or bit/s"},
		{[]string{"ndr", "--max", "2Gpps"}, "--max 2Gpps: at most 1e+09"},
		{[]string{"ndr", "--max", "1Mpps", "--min", "2Mpps"}, "--min 2Mpps: it is above --max 1Mpps"},
		{[]string{"ndr", "--repeat", "3"}, "unknown flag: --repeat"},
		{[]string{"ndr", "--rate", "1Mpps"}, "unknown flag: --rate"},
		{[]string{"loss", "--step", "20"}, "--step 20: 0.1 to 10"},
		{[]string{"loss", "--repeat", "0"}, "--repeat 0: 1 to 10000"},
		{[]string{"latency", "--shares", "10,x"}, "--shares 10,x: numbers above 0"},
		{[]string{"latency", "--shares", "0"}, "--shares 0: numbers above 0"},
		{[]string{"back-to-back", "--most", "0"}, "--most 0: 1 or more"},
		{[]string{"soak", "--length", "0s"}, "--length 0s: a time"},
		{[]string{"ndr", "--json", "--csv"}, "only one of them"},
		{[]string{"ndr", "--require", "ndr"}, "--require \"ndr\": a figure"},
		{[]string{"ndr", "--require", "speed>=1Mpps"}, "ndr, pdr"},
		{[]string{"ndr", "--require", "ndr>=20"}, "a rate such as 2Mpps"},
		{[]string{"ndr", "--require", "ndr>=1Gbit/s"}, "a rate such as 2Mpps"},
		{[]string{"ndr", "--out", filepath.Join(dir, "no", "such")}, "--out "},
		{[]string{"ndr", "--out", text}, "text:1: "},
		{[]string{"ndr", "--port", "a"}, "--sink is missing"},
		{[]string{"ndr", "--sink", "a"}, "--port is missing"},
		{[]string{"ndr", "--gateway", "10.0.0.1"}, "--gateway 10.0.0.1: it goes with --port"},
		{[]string{"ndr", "--port", "a", "--sink", "b", "--vrfs", "10"}, "--vrfs 10: in memory only"},
		{[]string{"ndr", "--port", "a", "--sink", "b", "--size", "20"}, "--size 20: frame size 20"},
		{[]string{"ndr", "--config", text}, "text:1:1:"},
		{[]string{"sweep"}, "throughput, ndr, loss"},
		{[]string{"sweep", "speed"}, "throughput, ndr, loss"},
		{sweepOf(), "--over is missing"},
		{sweepOf("--over", "vrfs"), "name=value"},
		{sweepOf("--over", "color=red"), "color is no parameter"},
		{sweepOf("--over", "trial=1s,2s"), "trial is no parameter"},
		{sweepOf("--over", "gateway=1,2"), "gateway is no parameter"},
		{sweepOf("--over", "vrfs=10,x"), "vrfs=x"},
		{sweepOf("--over", "vrfs=10,0"), "--vrfs 0"},
		{sweepOf("--over", "vrfs=10,20", "--vrfs", "5"), "only one of them"},
		{sweepOf("--over", "vrfs=10", "--over", "vrfs=20"), "for the second time"},
		{sweepOf("--over", "vrfs=20000,30000", "--quiet"), "none of the points"},
		{[]string{"sweep", "mrr", "--over", "vrfs=10"}, "--out is missing"},
		{sweepOf("--over", "vrfs=10", "--require", "x"), "--require"},
	} {
		code, stdout, stderr := trafgen(t.Context(), c.args...)
		if code != cli.BadUse || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("%q: exit code %d, %q\n%q; want %q", c.args, code, stdout, stderr, c.says)
		}
	}
}

// TestKinds: every measurement gives its figures, in every format, by the built program.
func TestKinds(t *testing.T) {
	for _, c := range []struct {
		args    []string
		figures string
	}{
		{[]string{"mrr", "--repeat", "3"}, "rate bits time cycles"},
		{[]string{"throughput", "--max", "20kpps", "--width", "20"}, "throughput"},
		{[]string{"ndr", "--max", "20kpps", "--width", "20", "--sum", "15ms"}, ""},
		{[]string{"loss", "--max", "20kpps", "--repeat", "1"}, "loss-free"},
		{[]string{"latency", "--ndr", "20kpps", "--length", "50ms", "--shares", "50"}, "rate"},
		{[]string{"back-to-back", "--max", "100kpps", "--most", "100", "--throughput", "50kpps", "--repeat", "2"}, "burst"},
		{[]string{"soak", "--rate", "20kpps", "--length", "30ms"}, "rate loss"},
	} {
		code, out, errs := program(t, append(c.args, little("--json", "--quiet")...)...)
		var s sample.Sample
		if err := json.Unmarshal([]byte(out), &s); err != nil || errs != "" || (code == 0) != s.OK {
			t.Errorf("%q: exit code %d, %v\n%s%s", c.args, code, err, out, errs)
			continue
		}
		for name := range strings.FieldsSeq(c.figures) {
			if _, ok := s.Figure(name); !ok {
				t.Errorf("%q: no %s in %+v", c.args, name, s.Figures)
			}
		}
		if string(s.Kind) != c.args[0] || s.Point.VRFs != 10 || s.Point.Ports != "samecore" || s.Memory == nil || len(s.Trials) == 0 ||
			!strings.HasPrefix(s.Command, "trafgen "+c.args[0]) || !strings.Contains(s.Command, "--vrfs 10") || strings.Contains(s.Command, "json") {
			t.Errorf("%q: %+v", c.args, s)
		}
		if c.args[0] == "latency" && (len(s.Latency) != 1 || s.Latency[0].Frames == 0) {
			t.Errorf("%+v", s.Latency)
		}
	}
	_, out, errs := program(t, append([]string{"mrr", "--repeat", "3"}, little()...)...)
	if !strings.Contains(out, "verdict    ok") || !strings.Contains(errs, "mrr trial 3: all offered") || !strings.Contains(errs, "building: ") {
		t.Errorf("%s%s", out, errs)
	}
	_, out, _ = program(t, append([]string{"mrr", "--repeat", "3"}, little("--csv", "--quiet")...)...)
	if rows, err := csv.NewReader(strings.NewReader(out)).ReadAll(); err != nil || len(rows) != 5 || !slices.Contains(rows[1], "rate") {
		t.Error(err, out)
	}
	_, out, _ = program(t, append([]string{"mrr", "--repeat", "3"}, little("--bench", "--quiet")...)...)
	if strings.Count(out, "\nBenchmarkMrr/") != 3 || !strings.Contains(out, "\ncpu: ") {
		t.Error(out)
	}
}

// TestRequire: a requirement that is met is exit code 0, one that is not 1, with what is short on standard error.
func TestRequire(t *testing.T) {
	for require, want := range map[string]int{"rate>=1pps": 0, "cycles>0": 0, "rate>=900Mpps": 1, "cycles<=0.5": 1} {
		code, out, errs := program(t, append([]string{"mrr", "--repeat", "3", "--require", "bits>=1bit/s", "--require", require}, little("--quiet")...)...)
		if code != want || !strings.Contains(out, "FIGURE") || (want == 1) != strings.Contains(errs, "trafgen: required "+require+": it is ") {
			t.Errorf("%s: exit code %d\n%s%s", require, code, out, errs)
		}
	}
}

// grid is a sweep of twelve points.
func grid(out string) []string {
	return []string{"sweep", "mrr", "--repeat", "3", "--over", "size=64;64:7,594:4", "--over", "vrfs=5,10,20", "--over", "burst=32,256", "--out", out,
		"--routes", "2000", "--flows", "500", "--ports", "samecore", "--workers", "1", "--trial", "30ms"}
}

// TestSweepResumes: a sweep that is interrupted, and killed, goes on where it was: no point is measured twice or lost.
func TestSweepResumes(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	name := programs.File(t, "trafgen")
	out := filepath.Join(t.TempDir(), "grid.jsonl")
	kept := map[string]string{} // lines by command
	check := func() int {
		t.Helper()
		f, err := sample.OpenFile(out) // as the next run does: a torn line goes
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
		for i, s := range f.Done {
			if was, ok := kept[s.Command]; ok && was != lines[i] {
				t.Errorf("measured twice: %s", s.Command)
			}
			kept[s.Command] = lines[i]
		}
		if len(kept) != len(f.Done) {
			t.Errorf("%d points, %d lines", len(kept), len(f.Done))
		}
		return len(f.Done)
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL, syscall.SIGTERM} {
		cmd := exec.CommandContext(t.Context(), name, grid(out)...)
		errs, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		points, last := 0, ""
		for in := bufio.NewScanner(errs); in.Scan(); {
			last = in.Text()
			if strings.HasPrefix(last, "point ") {
				if points++; points == 3 { // two of this run are finished
					_ = cmd.Process.Signal(signal)
				}
			}
		}
		code := exitOf(t, cmd.Wait())
		if signal != syscall.SIGKILL && (code != 1 || !strings.Contains(last, "of 12 points are in")) {
			t.Errorf("%v: exit code %d: %s", signal, code, last)
		}
		if n := check(); n < len(kept) || n == 12 {
			t.Fatalf("%v: %d points", signal, n)
		}
	}
	before := len(kept)
	if before < 6 {
		t.Errorf("%d points are left of three runs", before)
	}
	code, table, errs := program(t, grid(out)...)
	if code != 0 || check() != 12 || strings.Count(table, "\n") != 13 || !strings.Contains(errs, fmt.Sprintf(", %d kept", before)) {
		t.Errorf("exit code %d\n%s%s", code, table, errs)
	}
	code, again, errs := program(t, grid(out)...)
	if code != 0 || again != table || errs != "" || check() != 12 {
		t.Errorf("exit code %d\n%s%s", code, again, errs)
	}
}

// TestSweepUnfit: combinations that cannot be are named, the others are there.
func TestSweepUnfit(t *testing.T) {
	out := filepath.Join(t.TempDir(), "a.jsonl")
	code, table, errs := program(t, "sweep", "mrr", "--repeat", "1", "--over", "vrfs=10,100000", "--over", "method=fallback,two-circuits", "--out", out, "--routes", "2000", "--flows", "500",
		"--ports", "samecore", "--workers", "1", "--trial", "5ms", "--csv", "--quiet", "--require", "rate>=900Mpps")
	if code != 1 || strings.Count(errs, "left out: vrfs=100000 method=") != 2 || strings.Count(errs, "required rate>=900Mpps") != 2 || strings.Count(table, ",rate,") != 2 {
		t.Errorf("exit code %d\n%s%s", code, table, errs)
	}
}

// TestMeasureLive: the same over a veth pair, with a live point in the sample.
func TestMeasureLive(t *testing.T) {
	a, b, _ := pair(t)
	out := filepath.Join(t.TempDir(), "live.jsonl")
	code, stdout, stderr := program(t, "throughput", "--port", a, "--sink", b, "--vlan", "5", "--sink-vlan", "5", "--max", "5kpps", "--trial", "100ms", "--width", "30", "--flows", "100", "--size", "128",
		"--out", out, "--json", "--quiet")
	var s sample.Sample
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || stderr != "" || (code == 0) != s.OK {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
	}
	if p := s.Point; p.Ports != "live" || p.Size != "128" || p.Flows != 100 || p.Burst != 1 || !strings.Contains(p.Target, a+" > "+b) || s.Generator.SelfTest == 0 || s.Trials[0].Sent < 100 {
		t.Errorf("%+v", s)
	}
	if all, err := sample.ReadFile(out); err != nil || len(all) != 1 || all[0].Command != s.Command {
		t.Error(err, all)
	}
	code, stdout, stderr = program(t, "sweep", "soak", "--rate", "2kpps", "--length", "200ms", "--port", a, "--sink", b, "--over", "size=64,512", "--out", out, "--quiet", "--csv")
	if code != 0 || strings.Count(stdout, ",loss,") != 2 || !strings.Contains(stdout, ",512,") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// TestSearchView: on a terminal the block holds the point, what is known, the time left and the last trials, and is drawn over
// itself.
func TestSearchView(t *testing.T) {
	var b bytes.Buffer
	v := &searchView{w: &b, tty: true}
	v.point(sweep.Progress{Name: "vrfs=10", Kept: 2, Done: 1, Left: 7, Rest: 90 * time.Second})
	v.begin("in memory")
	p := search.Progress{Kind: sample.NDR, Low: 1.9e6, High: 2e6, Elapsed: 3 * time.Second, Left: 12 * time.Second}
	for i := range recentTrials + 2 {
		p.Trials, p.Last = i+1, sample.Trial{Offered: 2e6, Rate: 1.9e6, Sent: 100, Lost: 5, Received: 95}
		v.trial(p)
	}
	all := b.String()
	last := all[strings.LastIndex(all, "\x1b[J"):]
	for _, want := range []string{"point 4 of 10: vrfs=10, 2 kept, about 1m30s left\n", "ndr  in memory  3s, about 12s left\n", "1.900 Mpps to 2.000 Mpps (5 %)\n", "    10     2.000 Mpps     1.900 Mpps        5 %"} {
		if !strings.Contains(last, want) {
			t.Errorf("no %q in\n%q", want, last)
		}
	}
	if lines := strings.Count(last, "\n"); lines != 4+recentTrials || !strings.Contains(all, fmt.Sprintf("\x1b[%dA", lines)) {
		t.Errorf("%q", all)
	}
	v.end()
	if !strings.HasSuffix(b.String(), "A\r\x1b[J") || v.lines != 0 {
		t.Errorf("%q", b.String())
	}
	for _, c := range []struct {
		p    search.Progress
		want string
	}{
		{search.Progress{Kind: sample.NDR}, ""}, {search.Progress{Kind: sample.NDR, Low: 5}, "at least 5 pps"},
		{search.Progress{Kind: sample.NDR, High: 5}, "less than 5 pps"},
		{search.Progress{Kind: sample.BackToBack, Low: 10, High: 20}, "10 frames to 20 frames (50 %)"},
	} {
		if got := known(c.p); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestCommandLine: the line that does a point again is one that a shell takes.
func TestCommandLine(t *testing.T) {
	got := commandLine(sample.NDR, []setting{{"size", "64:7,594:4", false}, {"imix", "true", true}, {"no-pin", "false", true}, {"vrf", "it's {vlan}", false}, {"table", "", false}})
	if want := `trafgen ndr --size 64:7,594:4 --imix --no-pin=false --vrf 'it'\''s {vlan}' --table ''`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
