package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"vrfwd/bench"
	"vrfwd/bgp/mrt"
	"vrfwd/cmd/internal/bed"
	"vrfwd/cmd/internal/cli"
	"vrfwd/gen"
)

// benchFlags are the flags as given.
type benchFlags struct {
	bed.Flags
	run             bench.Run
	quiet           bool
	output, results string
	stages          time.Duration
	json            bool
	updates         string
	speed           float64
}

// newBench returns the command and where its flags go.
func newBench() (*cobra.Command, *benchFlags) {
	f := &benchFlags{run: bench.Run{Warmup: time.Second}}
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
	f.Add(fl)
	fl.DurationVar(&f.run.Duration, "duration", 10*time.Second, "time measured")
	fl.DurationVar(&f.run.Warmup, "warmup", f.run.Warmup, "time before")
	fl.StringVar(&f.updates, "churn-file", "", "route changes meanwhile of a route collector's `file` of updates (MRT, BGP4MP): at their own times, or --churn a second")
	fl.Float64Var(&f.speed, "churn-speed", 0, "so many times faster than they were heard; default 1")
	fl.DurationVar(&f.stages, "stages", 50*time.Millisecond, "length of each trial of the stages' budget; 0: without")
	fl.StringVar(&f.output, "output", "text", "summary on standard output: text or json")
	fl.BoolVar(&f.json, "json", false, "the same as --output json")
	fl.StringVar(&f.results, "results", "results", "`folder` for the raw results; empty: none are written")
	fl.BoolVar(&f.quiet, "quiet", false, "no progress")
	return cmd, f
}

// parse turns what was given as words into settings.
func (f *benchFlags) parse(changed func(flag string) bool) error {
	if err := f.Parse(changed); err != nil {
		return err
	}
	f.run.Churn = f.Churn
	switch {
	case f.updates == "" && changed("churn-speed"):
		return cli.Usage(errors.New("--churn-speed: of what? name the updates with --churn-file"))
	case changed("churn-speed") && f.Churn > 0:
		return cli.Usage(errors.New("--churn-speed and --churn: only one of them"))
	case changed("churn-speed") && !(f.speed > 0 && f.speed <= 1e6):
		return bed.Bad("churn-speed", fmt.Sprint(f.speed), errors.New("more than 0, up to 1,000,000 times"))
	}
	if f.json {
		if changed("output") && f.output != "json" {
			return cli.Usage(errors.New("--json and --output " + f.output + ": only one of them"))
		}
		f.output = "json"
	}
	if f.output != "text" && f.output != "json" {
		return bed.Bad("output", f.output, errors.New("text and json are known"))
	}
	for _, d := range []struct {
		flag string
		d    time.Duration
	}{{"duration", f.run.Duration}, {"warmup", f.run.Warmup}, {"stages", f.stages}} {
		if d.d < 0 || d.d == 0 && d.flag == "duration" {
			return bed.Bad(d.flag, d.d.String(), errors.New("a time such as 500ms or 10s is needed"))
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
	if err := f.readUpdates(); err != nil {
		return err
	}
	show := newProgress(cmd.ErrOrStderr(), f.quiet, f.run.Warmup+f.run.Duration)
	plan := bench.Plan{Network: f.Network, Load: f.Load, Run: f.run, Budget: f.stages, Step: show.step}
	if !f.quiet {
		plan.Run.Progress = show.trial
	}
	r, err := bench.Execute(cmd.Context(), plan)
	show.end()
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("stopped before the trial began: there is nothing to report")
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, gen.ErrNoRealTable):
		return cli.Usage(fmt.Errorf("--table %s: %w", f.Network.Table, err))
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

// readUpdates reads what is to be replayed.
func (f *benchFlags) readUpdates() error {
	if f.updates == "" {
		return nil
	}
	u, err := mrt.ReadUpdatesFile(f.updates, mrt.Choice{})
	if err != nil {
		return cli.Usage(fmt.Errorf("--churn-file: %w", err))
	}
	replay := &bench.Replay{Updates: u, Speed: f.speed, Rate: f.Churn}
	if replay.Speed == 0 && replay.Rate == 0 {
		replay.Speed = 1
	}
	f.run.Replay, f.run.Churn = replay, 0
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
