package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"vrfwd/bench"
	"vrfwd/bench/report"
	"vrfwd/bench/sample"
	"vrfwd/bench/search"
	"vrfwd/cmd/internal/cli"
)

// reportFlags are the flags as given.
type reportFlags struct {
	measure, long, quiet bool
	readme               string
	rounds               int
	trial                time.Duration
}

func newReport() *cobra.Command {
	f := new(reportFlags)
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Render a folder of samples as one page, and measure them",
		Long: `Render a folder's samples: ` + report.Page + `, one page that needs no network and no other file, ` + report.Text + ` and ` + report.Picture + `.
The newest run is shown, and compared with the one before.

With --measure a run is measured first, into files of its own: the main job, from there one parameter after the other, the methods
of Internet access, points held back to judge the capacity plan by, and searches for loss and latency. An interrupted run goes on
where it was. Nothing else should run on the machine meanwhile.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.Usage(fmt.Errorf("%s takes one folder of samples, but there are %d arguments", cmd.CommandPath(), len(args)))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.execute(cmd, args[0]) },
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.BoolVar(&f.measure, "measure", false, "measure a run first: minutes")
	fl.BoolVar(&f.long, "long", false, "with more points, more trials and longer searches: an hour")
	fl.IntVar(&f.rounds, "rounds", 0, "trials of each point; default 13, --long 21")
	fl.DurationVar(&f.trial, "trial", 0, "length of each; default 100ms, --long 500ms")
	fl.StringVar(&f.readme, "readme", "", "`document` whose marked section is to be written too")
	fl.BoolVar(&f.quiet, "quiet", false, "no progress")
	return cmd
}

func (f *reportFlags) execute(cmd *cobra.Command, dir string) error {
	if f.rounds < 0 || f.trial < 0 {
		return cli.Usage(errors.New("--rounds and --trial: more than 0"))
	}
	if f.measure {
		path, err := f.grid(cmd).Record(cmd.Context(), dir)
		switch {
		case errors.Is(err, context.Canceled):
			return errors.New("stopped: the same command goes on with the points that are left")
		case err != nil:
			return err
		}
		fmt.Fprintln(cmd.ErrOrStderr(), "samples:", path)
	} else if f.long || f.rounds > 0 || f.trial > 0 {
		return cli.Usage(errors.New("--long, --rounds and --trial: only with --measure"))
	}
	page, err := report.Write(dir, f.readme)
	_, broken := errors.AsType[*sample.FormatError](err)
	if errors.Is(err, fs.ErrNotExist) || broken {
		return cli.Usage(err)
	}
	if err == nil {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), page)
	}
	return err
}

// grid is what is measured.
func (f *reportFlags) grid(cmd *cobra.Command) bench.Grid {
	cpus := runtime.NumCPU() // as the affinity mask has them
	g := bench.Grid{Cases: append(bench.Reference(cpus, f.long), searches(cpus, f.long)...), Rounds: 13, Trial: 100 * time.Millisecond}
	if f.long {
		g.Rounds, g.Trial = 21, 500*time.Millisecond
	}
	if f.rounds > 0 {
		g.Rounds = f.rounds
	}
	if f.trial > 0 {
		g.Trial = f.trial
	}
	if !f.quiet {
		g.Step = func(what string, done, of int, left time.Duration) {
			rest := ""
			if left > 0 {
				rest = fmt.Sprintf(", %v left", left.Round(time.Second))
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d of %d points%s: %s\n", done, of, rest, what)
		}
	}
	return g
}

// searches are those for loss and latency, at the main job's point: through rings where a worker can have a core of its own.
func searches(cpus int, long bool) (all []bench.Case) {
	n, l := bench.Defaults()
	if l.Ports, l.Workers = bench.SameCore, 1; cpus > 1 {
		l.Ports, l.Check = bench.Rings, bench.Signed
	}
	trial, length := 100*time.Millisecond, 2*time.Second
	if long {
		trial, length = search.DefaultTrial, 10*time.Second
	}
	add := func(kind sample.Kind, flags string, run func(ctx context.Context, t bench.Tester) (*sample.Sample, error)) {
		all = append(all, bench.Case{Network: n, Load: l, Search: run,
			Redo: fmt.Sprintf("trafgen %s --ports %v --workers 1 --trial %v%s", kind, l.Ports, trial, flags)})
	}
	o := search.Options{Trial: trial}
	add(sample.NDR, "", func(ctx context.Context, t bench.Tester) (*sample.Sample, error) { return search.NDR(ctx, t, o, nil) })
	add(sample.Loss, "", func(ctx context.Context, t bench.Tester) (*sample.Sample, error) {
		return search.Loss(ctx, t, search.LossOptions{Options: o})
	})
	add(sample.OfLatency, fmt.Sprintf(" --length %v", length), func(ctx context.Context, t bench.Tester) (*sample.Sample, error) {
		return search.Latency(ctx, t, search.LatencyOptions{Options: o, Length: length})
	})
	return all
}
