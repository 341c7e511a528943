package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"vrfwd/bench"
	"vrfwd/cmd/internal/cli"
	"vrfwd/gen"
)

// quick is a run that takes a fraction of a second and runs on one CPU.
var quick = []string{"bench", "--routes", "2000", "--vrfs", "10", "--flows", "1000", "--duration", "50ms", "--warmup", "10ms",
	"--stages", "1ms", "--ports", "samecore", "--workers", "1"}

// fwd runs a command line in this process.
func fwd(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func with(args []string, more ...string) []string {
	return append(append([]string(nil), args...), more...)
}

func TestBenchText(t *testing.T) {
	dir := t.TempDir()
	code, out, errs := fwd(t, with(quick, "--results", dir)...)
	if code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	for _, want := range []string{"Mpps", "cycles", "Gbit/s", "lookup", "global FIB", "verdict"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	docs, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	texts, _ := filepath.Glob(filepath.Join(dir, "*.txt"))
	if len(docs) != 1 || len(texts) != 1 {
		t.Fatal(docs, texts)
	}
	r, err := bench.ReadResult(docs[0])
	if err != nil || !r.OK() || r.Settings.Method != bench.Fallback || r.Settings.Fallback != 1 {
		t.Errorf("%v %+v", err, r)
	}
	if !strings.Contains(errs, docs[0]) || !strings.Contains(errs, "building") {
		t.Error(errs)
	}
}

func TestBenchJSON(t *testing.T) {
	code, out, errs := fwd(t, with(quick, "--json", "--results", "", "--quiet", "--verify", "--method", "bgp-ce", "--churn", "500",
		"--imix", "--keys", "zipf", "--seed", "7", "--profile", "tiny")...)
	var r bench.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || errs != "" {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, out, errs)
	}
	s := r.Settings
	if !r.OK() || s.Return != bench.BGPCE || s.Check != bench.Verify || s.Churn != 500 || s.Keys != bench.Zipf || s.Seed != 7 ||
		s.Profile != "tiny" || !strings.HasPrefix(s.Size, "64:7") || r.Trial.Churn == nil || len(r.Budget) == 0 {
		t.Errorf("%+v", r)
	}
}

func TestDefaults(t *testing.T) {
	f := flagsOf(t)
	if f.Network.Routes != 1_000_000 || f.Network.VRFs != 1000 || f.Network.Method != bench.Fallback || f.Load.Fallback != 1 ||
		f.Network.Profile != gen.Typical || f.run.Duration != 10*time.Second || f.results != "results" || !f.Load.Pin {
		t.Errorf("%+v", f)
	}
	if cpus := runtime.NumCPU(); cpus > 1 && (f.Load.Ports != bench.Rings || f.Load.Workers != cpus-1) ||
		cpus == 1 && (f.Load.Ports != bench.SameCore || f.Load.Workers != 1) {
		t.Errorf("%d CPUs: %+v", cpus, f.Load)
	}
	if f := flagsOf(t, "--ports", "samecore"); f.Load.Workers != runtime.NumCPU() {
		t.Errorf("%+v", f.Load)
	}
}

// flagsOf parses flags of `fwd bench` without running it.
func flagsOf(t *testing.T, args ...string) *benchFlags {
	t.Helper()
	cmd, f := newBench()
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	if err := f.parse(cmd.Flags().Changed); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestUsage: bad flags and files end with exit code 2, nothing on standard output, and the place and the remedy on standard
// error.
func TestUsage(t *testing.T) {
	dir := t.TempDir()
	table := filepath.Join(dir, "table")
	if err := os.WriteFile(table, []byte("10.0.0.0/8\nfoo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"nonsense"}, []string{"nonsense", "help"}},
		{[]string{"bench", "extra"}, []string{"extra"}},
		{[]string{"version", "extra"}, []string{"extra"}},
		{[]string{"gen", "extra"}, []string{"extra"}},
		{[]string{"bench", "--nonsense"}, []string{"--nonsense", "--help"}},
		{[]string{"bench", "--vrfs", "many"}, []string{"--vrfs", "many"}},
		{[]string{"bench", "--vrfs", "0"}, []string{"--vrfs 0", "1 or more"}},
		{[]string{"bench", "--vrfs", "1000000"}, []string{"--vrfs 1000000", "16000"}},
		{[]string{"bench", "--routes", "3000000"}, []string{"--routes 3000000", "2000000"}},
		{[]string{"bench", "--profile", "huge"}, []string{"--profile huge", "typical"}},
		{[]string{"bench", "--locality", "x"}, []string{"--locality x", "clustered"}},
		{[]string{"bench", "--method", "none"}, []string{"--method none", "two-circuits"}},
		{[]string{"bench", "--return", "x"}, []string{"--return x", "export-map"}},
		{[]string{"bench", "--method", "full-copy"}, []string{"--method full-copy", "GiB", "VRFs"}},
		{[]string{"bench", "--keys", "x"}, []string{"--keys x", "zipf"}},
		{[]string{"bench", "--ports", "x"}, []string{"--ports x", "rings"}},
		{[]string{"bench", "--check", "x"}, []string{"--check x", "signed"}},
		{[]string{"bench", "--check", "count", "--verify"}, []string{"--verify", "--check count"}},
		{[]string{"bench", "--size", "32"}, []string{"--size 32", "64"}},
		{[]string{"bench", "--size", "9000"}, []string{"--size 9000", "1518"}},
		{[]string{"bench", "--size", "100", "--imix"}, []string{"--imix", "--size"}},
		{[]string{"bench", "--fallback", "120"}, []string{"--fallback 120", "100"}},
		{[]string{"bench", "--inbound", "10"}, []string{"--inbound 10", "return"}},
		{[]string{"bench", "--workers", "0"}, []string{"--workers 0"}},
		{[]string{"bench", "--workers", "1000"}, []string{"--workers 1000", "CPU"}},
		{[]string{"bench", "--duration", "0s"}, []string{"--duration 0s", "10s"}},
		{[]string{"bench", "--warmup", "-1s"}, []string{"--warmup -1s"}},
		{[]string{"bench", "--churn", "-1"}, []string{"--churn -1"}},
		{[]string{"bench", "--output", "xml"}, []string{"--output xml", "json"}},
		{[]string{"bench", "--output", "text", "--json"}, []string{"--json", "--output"}},
		{[]string{"bench", "--table", table, "--results", dir}, []string{table + ":2:1", "prefix"}},
		{[]string{"bench", "--table", table + "x", "--results", dir}, []string{"--table", table + "x"}},
		{[]string{"bench", "--results", table}, []string{"--results " + table, "another"}},
		{[]string{"show", "bgp", "nope"}, []string{"summary, neighbor and routes"}},
		{[]string{"show", "bgp", "summary", "extra"}, []string{"extra"}},
		{[]string{"show", "bgp", "neighbor", "192.0.2.2", "extra"}, []string{"a neighbour's address", "extra"}},
		{[]string{"show", "bgp", "routes", "--advertised"}, []string{"--advertised", "--neighbor"}},
		{[]string{"show", "routes", "red", "192.0.2.0/24", "extra"}, []string{"a VRF and a prefix", "extra"}},
		{[]string{"clear", "nope"}, []string{"bgp is known"}},
		{[]string{"clear", "bgp"}, []string{"address or all"}},
		{[]string{"clear", "bgp", "all", "--in", "--out"}, []string{"--in", "--out"}},
		{[]string{"gen", "table", "--routes", "0"}, []string{"--routes 0"}},
		{[]string{"gen", "table", "--routes", "10", "--locality", "x"}, []string{"clustered"}},
		{[]string{"gen", "table", "--routes", "10", "-o", filepath.Join(table, "x")}, []string{"--file"}},
		{[]string{"bench", "--churn-speed", "2"}, []string{"--churn-file"}},
		{[]string{"bench", "--churn-file", "x", "--churn-speed", "2", "--churn", "10"}, []string{"only one"}},
		{[]string{"bench", "--churn-file", "x", "--churn-speed", "0"}, []string{"--churn-speed 0"}},
		{[]string{"bench", "--churn-file", table + "x"}, []string{"--churn-file", "no such file"}},
		{[]string{"gen", "mrt", "--routes", "0"}, []string{"--routes 0"}},
		{[]string{"gen", "mrt", "--routes", "10", "--peers", "1001"}, []string{"--peers 1001", "1 to 1000"}},
		{[]string{"gen", "mrt", "--routes", "10", "--paths", "0"}, []string{"--paths 0"}},
		{[]string{"gen", "mrt", "--routes", "10", "--paths", "17"}, []string{"--paths 17", "1 to 16"}},
		{[]string{"gen", "updates", "--routes", "10", "--rate", "0"}, []string{"--rate 0"}},
		{[]string{"gen", "updates", "--routes", "10", "--duration", "-1s"}, []string{"--duration -1s"}},
	} {
		code, out, errs := fwd(t, c.args...)
		if code != cli.BadUse || out != "" {
			t.Errorf("%q: exit code %d, standard output %q", c.args, code, out)
		}
		for _, want := range c.says {
			if !strings.Contains(errs, want) {
				t.Errorf("%q: no %q in %q", c.args, want, errs)
			}
		}
	}
}

func TestGenTable(t *testing.T) {
	for _, name := range []string{"table", "table.gz"} {
		path := filepath.Join(t.TempDir(), name)
		if code, out, errs := fwd(t, "gen", "table", "--routes", "500", "--next-hops", "7", "-o", path); code != 0 || out != "" {
			t.Fatal(code, out, errs)
		}
		list, err := gen.ReadTableFile(path)
		if err != nil || len(list.Entries) != 500 {
			t.Fatal(err)
		}
		code, out, errs := fwd(t, with(quick, "--table", path, "--results", "", "--stages", "0")...)
		if code != 0 || !strings.Contains(out, "500 routes, 7 next hops") {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
	}
	if code, out, _ := fwd(t, "gen", "table", "--routes", "3"); code != 0 || strings.Count(out, "\n") < 3 {
		t.Error(code, out)
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"gen"}, {"bench", "--help"}, {"version"}} {
		if code, out, errs := fwd(t, args...); code != 0 || errs != "" || out == "" {
			t.Errorf("%q: %d %q %q", args, code, out, errs)
		}
	}
}

// awaited is a buffer that tells when a word has been written to it.
type awaited struct {
	all  bytes.Buffer // not embedded: its ReadFrom would go round Write
	word string
	seen chan struct{}
}

func (a *awaited) Write(b []byte) (int, error) {
	had := strings.Contains(a.all.String(), a.word)
	a.all.Write(b)
	if !had && strings.Contains(a.all.String(), a.word) {
		close(a.seen)
	}
	return len(b), nil
}

// TestBinary checks what only a process of its own has: exit codes and signals.
func TestBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "fwd")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	code := func(err error) int {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		return 0
	}
	if err := exec.Command(program, "bench", "--vrfs", "-1").Run(); code(err) != cli.BadUse {
		t.Error("bad flag:", err)
	}
	if err := exec.Command(program, "version").Run(); err != nil {
		t.Error(err)
	}
	if runtime.GOOS == "windows" {
		t.Skip("no signals to send")
	}
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		args := with(quick, "--duration", "1h", "--results", filepath.Join(dir, "results"))
		cmd := exec.Command(program, args...)
		var out bytes.Buffer
		errs := &awaited{word: "Mpps", seen: make(chan struct{})} // the first line about the trial's progress
		cmd.Stdout, cmd.Stderr = &out, errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-errs.seen:
		case <-time.After(30 * time.Second):
			cmd.Process.Kill()
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		err := cmd.Wait()
		if code(err) != 0 || !strings.Contains(out.String(), "stopped early") || !strings.Contains(out.String(), "verdict  ok") {
			t.Errorf("%v: %v\n%s%s", sig, err, out.String(), errs.all.String())
		}
	}
}
