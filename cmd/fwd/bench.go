package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vrfwd/bench"
	"vrfwd/cmd/internal/cli"
	"vrfwd/gen"
)

// benchFlags are the flags as given.
type benchFlags struct {
	network                         bench.Network
	load                            bench.Load
	run                             bench.Run
	profile, locality               string
	method, back, keys, size, ports string
	fallback, inbound               float64
	imix, verify, noPin, quiet      bool
	output, results, check          string
	stages                          time.Duration
	json                            bool
}

// newBench returns the command and where its flags go.
func newBench() (*cobra.Command, *benchFlags) {
	n, l := bench.Defaults()
	f := &benchFlags{network: n, load: l, run: bench.Run{Warmup: time.Second}}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Forward generated traffic in memory, and measure",
		Long: `Build a provider edge with a full Internet table and VRFs, forward generated traffic through it in memory, and
measure: rate, cycles by stage, memory, drops, and whether every frame came out where it should.

Without flags: a synthetic table of 1,000,000 routes, 1,000 VRFs, fallback global, 64-byte frames that all go to the
Internet; generator and sink on one core and a worker on each other one.`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.execute(cmd) },
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVar(&f.network.Table, "table", n.Table, "parent's table: synthetic, real (the table in bart's module) or a `file` of lines \"prefix [next-hop]\", may be gzip")
	fl.IntVar(&f.network.Routes, "routes", n.Routes, "routes of a synthetic table")
	fl.IntVar(&f.network.NextHops, "next-hops", n.NextHops, "next hops that the table leads to, where it does not say")
	fl.StringVar(&f.locality, "locality", gen.Clustered.String(), "how next hops lie over the table: clustered or hashed")
	fl.IntVar(&f.network.VRFs, "vrfs", n.VRFs, "number of VRFs")
	fl.StringVar(&f.profile, "profile", n.Profile.String(), "routes of each VRF: typical, lab or tiny")
	fl.StringVar(&f.method, "method", n.Method.String(), "way between VPNs and Internet: "+methodList())
	fl.StringVar(&f.back, "return", bench.None.String(), "also a way from the Internet to the VPNs: static-share, export-map or bgp-ce")
	fl.IntVar(&f.network.Imports, "imports", n.Imports, "routes that --method import-map imports into each VRF")
	fl.IntVar(&f.network.Uplinks, "uplinks", n.Uplinks, "ports to the Internet")
	fl.Float64Var(&f.fallback, "fallback", 100, "`percent` of the VPNs' frames that go to the Internet, by whatever method")
	fl.Float64Var(&f.inbound, "inbound", 0, "`percent` of all frames that come from the Internet")
	fl.StringVar(&f.keys, "keys", l.Keys.String(), "destinations: routed, uniform, covered or zipf")
	fl.StringVar(&f.size, "size", "64", "frame size in bytes, FCS included, or a mix such as 64:7,594:4,1518:1")
	fl.BoolVar(&f.imix, "imix", false, "the simple Internet mix: 64, 594 and 1518 bytes, 7:4:1")
	fl.IntVar(&f.load.Flows, "flows", l.Flows, "flows of each worker")
	fl.IntVar(&f.load.Workers, "workers", 0, "workers; 0: one for each core that the generator does not need")
	fl.StringVar(&f.ports, "ports", "", "samecore (generator, worker and sink in one thread) or rings (the worker in its own); default rings, or samecore with one core")
	fl.IntVar(&f.load.Burst, "burst", l.Burst, "frames handled together")
	fl.DurationVar(&f.run.Duration, "duration", 10*time.Second, "time measured")
	fl.DurationVar(&f.run.Warmup, "warmup", f.run.Warmup, "time before")
	fl.DurationVar(&f.stages, "stages", 50*time.Millisecond, "length of each trial of the stages' budget; 0: without")
	fl.IntVar(&f.run.Churn, "churn", 0, "route changes a second of the parent's table meanwhile")
	fl.StringVar(&f.check, "check", "", "what the sink looks at: count (port and VLAN of each frame, frames of each flow), signed (also order and signature) or verify; default signed with rings, else count")
	fl.BoolVar(&f.verify, "verify", false, "compare every frame, byte by byte, with a slow model (bart and gopacket)")
	fl.Uint64Var(&f.network.Seed, "seed", n.Seed, "of tables and traffic")
	fl.BoolVar(&f.noPin, "no-pin", false, "leave threads to the scheduler")
	fl.StringVar(&f.output, "output", "text", "summary on standard output: text or json")
	fl.BoolVar(&f.json, "json", false, "the same as --output json")
	fl.StringVar(&f.results, "results", "results", "`folder` for the raw results; empty: none are written")
	fl.BoolVar(&f.quiet, "quiet", false, "no progress")
	return cmd, f
}

func methodList() string {
	var names []string
	for _, m := range bench.Methods() {
		names = append(names, m.String())
	}
	return strings.Join(names, ", ")
}

// parse turns what was given as words into settings.
func (f *benchFlags) parse(changed func(flag string) bool) (err error) {
	bad := func(flag, value string, err error) error {
		return cli.Usage(fmt.Errorf("--%s %s: %w", flag, value, err))
	}
	if f.network.Profile, err = gen.ParseProfile(f.profile); err != nil {
		return bad("profile", f.profile, err)
	}
	if f.network.Locality, err = gen.ParseLocality(f.locality); err != nil {
		return bad("locality", f.locality, err)
	}
	if f.network.Method, err = bench.ParseMethod(f.method); err != nil || f.network.Method == bench.None {
		return bad("method", f.method, fmt.Errorf("%s are known", methodList()))
	}
	if f.network.Return, err = bench.ParseMethod(f.back); err != nil {
		return bad("return", f.back, err)
	}
	if f.load.Keys, err = bench.ParseKeys(f.keys); err != nil {
		return bad("keys", f.keys, err)
	}
	if f.imix && changed("size") {
		return cli.Usage(errors.New("--imix and --size: only one of them"))
	}
	if f.load.Sizes, err = gen.ParseSizes(f.size); err != nil {
		return bad("size", f.size, err)
	}
	if f.imix {
		f.load.Sizes = gen.IMIX()
	}
	for _, c := range []struct { // 0 would stand for the default, which is not what who types it means
		flag string
		n    int
	}{
		{"routes", f.network.Routes}, {"next-hops", f.network.NextHops}, {"vrfs", f.network.VRFs},
		{"imports", f.network.Imports}, {"uplinks", f.network.Uplinks}, {"flows", f.load.Flows}, {"burst", f.load.Burst},
	} {
		if changed(c.flag) && c.n < 1 {
			return bad(c.flag, strconv.Itoa(c.n), errors.New("1 or more"))
		}
	}
	if f.json {
		if changed("output") && f.output != "json" {
			return cli.Usage(errors.New("--json and --output " + f.output + ": only one of them"))
		}
		f.output = "json"
	}
	if f.output != "text" && f.output != "json" {
		return bad("output", f.output, errors.New("text and json are known"))
	}
	for _, d := range []struct {
		flag string
		d    time.Duration
	}{{"duration", f.run.Duration}, {"warmup", f.run.Warmup}, {"stages", f.stages}} {
		if d.d < 0 || d.d == 0 && d.flag == "duration" {
			return bad(d.flag, d.d.String(), errors.New("a time such as 500ms or 10s is needed"))
		}
	}
	if f.run.Churn < 0 || f.run.Churn > 1_000_000 {
		return bad("churn", fmt.Sprint(f.run.Churn), errors.New("0 to 1,000,000 changes a second are possible"))
	}
	f.load.Fallback, f.load.Inbound, f.load.Pin, f.load.Seed = f.fallback/100, f.inbound/100, !f.noPin, f.network.Seed
	if err := f.place(changed("workers")); err != nil {
		return err
	}
	if f.load.Ports == bench.Rings { // the sink's thread has the time
		f.load.Check = bench.Signed
	}
	if f.check != "" {
		if err := f.load.Check.UnmarshalText([]byte(f.check)); err != nil {
			return bad("check", f.check, err)
		}
	}
	if f.verify {
		if f.check != "" && f.load.Check != bench.Verify {
			return cli.Usage(fmt.Errorf("--verify and --check %s: only one of them", f.check))
		}
		f.load.Check = bench.Verify
	}
	return nil
}

// place decides where generator and workers run: what was not given follows from the number of CPUs.
func (f *benchFlags) place(workers bool) (err error) {
	cpus := runtime.NumCPU() // as the affinity mask has them
	f.load.Ports = bench.Rings
	if f.ports != "" {
		if f.load.Ports, err = bench.ParsePorts(f.ports); err != nil {
			return cli.Usage(fmt.Errorf("--ports %s: %w", f.ports, err))
		}
	} else if cpus == 1 {
		f.load.Ports = bench.SameCore
	}
	if workers && f.load.Workers < 1 {
		return cli.Usage(fmt.Errorf("--workers %d: 1 and more are possible", f.load.Workers))
	}
	if !workers {
		if f.load.Workers = cpus; f.load.Ports == bench.Rings {
			f.load.Workers = max(1, cpus-1)
		}
	}
	return nil
}

func (f *benchFlags) execute(cmd *cobra.Command) error {
	if err := f.parse(cmd.Flags().Changed); err != nil {
		return err
	}
	if err := writable(f.results); err != nil {
		return err
	}
	show := newProgress(cmd.ErrOrStderr(), f.quiet, f.run.Warmup+f.run.Duration)
	plan := bench.Plan{Network: f.network, Load: f.load, Run: f.run, Budget: f.stages, Step: show.step}
	if !f.quiet {
		plan.Run.Progress = show.trial
	}
	r, err := bench.Execute(cmd.Context(), plan)
	show.end()
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("stopped before the trial began: there is nothing to report")
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, gen.ErrNoRealTable):
		return cli.Usage(fmt.Errorf("--table %s: %w", f.network.Table, err))
	case err != nil:
		return err
	}
	if f.output == "json" {
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = r.WriteText(cmd.OutOrStdout())
	}
	if err != nil {
		return err
	}
	if f.results != "" {
		doc, text, err := r.Write(f.results)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "results: %s %s\n", doc, text)
	}
	if !r.OK() {
		return fmt.Errorf("the trial failed: %s", r.Trial.Account.Verdict())
	}
	return nil
}

// writable refuses a results folder that cannot be one before minutes are spent.
func writable(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return cli.Usage(fmt.Errorf("--results %s: %w; name another folder, or \"\" for none", dir, err))
	}
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return cli.Usage(fmt.Errorf("--results %s: %w; name another folder, or \"\" for none", filepath.Clean(dir), err))
	}
	probe.Close()
	return os.Remove(probe.Name())
}
