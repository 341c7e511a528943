package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vrfwd/bench/sample"
	"vrfwd/bench/search"
	"vrfwd/bench/sweep"
	"vrfwd/cmd/internal/bed"
	"vrfwd/cmd/internal/cli"
)

// measureFlags are the flags of a measurement: of what, by which rules, and what is shown.
type measureFlags struct {
	target targetFlags
	search searchFlags
	output outputFlags
}

// outputFlags say where results go.
type outputFlags struct {
	json, csv, bench, quiet bool
	out                     string
	require                 []string
}

func (f *outputFlags) add(fl *pflag.FlagSet) {
	fl.StringVar(&f.out, "out", "", "`file` (JSON lines) that finished points are added to")
	fl.StringArrayVar(&f.require, "require", nil, "`condition` on a figure, exit code 1 where it is not met: \"ndr>=20Mpps\"; may be repeated")
	fl.BoolVar(&f.json, "json", false, "all that was measured, as JSON")
	fl.BoolVar(&f.csv, "csv", false, "figures as CSV")
	fl.BoolVar(&f.bench, "bench", false, "figures in Go benchmark format, for benchstat")
	fl.BoolVar(&f.quiet, "quiet", false, "no progress")
}

// check reads the requirements and refuses what does not go together.
func (f *outputFlags) check(kind sample.Kind) (all []sample.Requirement, err error) {
	formats := 0
	for _, set := range []bool{f.json, f.csv, f.bench} {
		if set {
			formats++
		}
	}
	if formats > 1 {
		return nil, cli.Usage(errors.New("--json, --csv and --bench: only one of them"))
	}
	for _, text := range f.require {
		r, err := sample.ParseRequirement(kind, text)
		if err != nil {
			return nil, cli.Usage(fmt.Errorf("--require %w", err))
		}
		all = append(all, r)
	}
	return all, nil
}

// open opens the file of samples, if there is to be one.
func (f *outputFlags) open() (*sample.File, error) {
	if f.out == "" {
		return nil, nil
	}
	file, err := sample.OpenFile(f.out)
	if err != nil {
		return nil, cli.Usage(fmt.Errorf("--out %s: %w", filepath.Clean(f.out), err))
	}
	return file, nil
}

// write shows one sample, or the points of a sweep as a table.
func (f *outputFlags) write(w io.Writer, sweep bool, samples ...sample.Sample) error {
	switch {
	case f.json:
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		if sweep {
			return e.Encode(samples)
		}
		return e.Encode(samples[0])
	case f.csv:
		return sample.WriteCSV(w, samples...)
	case f.bench:
		return sample.WriteBench(w, samples...)
	case sweep:
		return sample.WriteTable(w, samples...)
	}
	return samples[0].WriteText(w)
}

// judge says on stderr which requirements are not met; faults the report has said itself.
func judge(w io.Writer, requirements []sample.Requirement, sweep bool, samples ...sample.Sample) error {
	failed := false
	for i := range samples {
		s := &samples[i]
		failed = failed || !s.OK
		for _, r := range requirements {
			if err := r.Judge(s); err != nil {
				failed = true
				of := ""
				if sweep {
					of = s.Command + ": "
				}
				fmt.Fprintf(w, "trafgen: %srequired %v\n", of, err)
			}
		}
	}
	if failed {
		return errFaults
	}
	return nil
}

// newMeasure makes the command of one kind of measurement.
func newMeasure(k kind) *cobra.Command {
	f := newMeasureFlags()
	cmd := &cobra.Command{
		Use:   string(k.kind),
		Short: k.short,
		Long:  k.short + ".\n\n" + k.long + "\n\n" + measuredOn,
		Args:  cli.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return f.execute(cmd, k) },
	}
	f.add(cmd.Flags(), k)
	return cmd
}

const measuredOn = `In memory, without a port: a provider edge with a full table is built, forwards, and is given back.
Live, with --port and --sink, or a stream file (--config): frames go into a router and out of it, or back to back; the rates of a file's streams
are shares of what is offered.

Exit codes: 0 done, 1 a fault (frames duplicated, reordered, leaked, ...) or a requirement that is not met, 2 bad flags or input.`

func newMeasureFlags() *measureFlags {
	f := &measureFlags{}
	f.target.init()
	return f
}

func (f *measureFlags) add(fl *pflag.FlagSet, k kind) {
	fl.SortFlags = false
	f.search.add(fl, k)
	f.output.add(fl)
	f.target.add(fl)
}

// setting is a flag that was given, as words.
type setting struct {
	name, value string
	switched    bool // a flag without a value
}

// given are the flags that say what is measured, as they were given, in the order of the help.
func given(fl *pflag.FlagSet) (all []setting) {
	outputs := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&outputFlags{}).add(outputs)
	fl.VisitAll(func(flag *pflag.Flag) {
		if !flag.Changed || outputs.Lookup(flag.Name) != nil || flag.Name == over || flag.Name == "help" {
			return
		}
		if many, ok := flag.Value.(pflag.SliceValue); ok {
			for _, v := range many.GetSlice() {
				all = append(all, setting{name: flag.Name, value: v})
			}
			return
		}
		all = append(all, setting{flag.Name, flag.Value.String(), flag.Value.Type() == "bool"})
	})
	return all
}

// commandLine is the line that measures the same again.
func commandLine(kind sample.Kind, settings []setting) string {
	b := new(strings.Builder)
	b.WriteString("trafgen " + string(kind))
	for _, s := range settings {
		fmt.Fprintf(b, " --%s", s.name)
		if s.switched {
			if s.value != "true" {
				b.WriteString("=" + s.value)
			}
			continue
		}
		plain := func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-", r)
		}
		if s.value == "" || strings.ContainsFunc(s.value, plain) {
			s.value = "'" + strings.ReplaceAll(s.value, "'", `'\''`) + "'"
		}
		b.WriteString(" " + s.value)
	}
	return b.String()
}

// measurement is flags that have a meaning.
type measurement struct {
	command string
	target  target
	run     runner
}

// parse gives the flags a meaning.
func (f *measureFlags) parse(fl *pflag.FlagSet, k kind) (m measurement, err error) {
	if m.target, err = f.target.parse(fl); err != nil {
		return m, err
	}
	if m.run, err = f.search.parse(fl.Changed, k, m.target.sizes()); err != nil {
		return m, err
	}
	for _, s := range m.target.placed() { // what follows from the machine is written down
		if err := fl.Set(s.name, s.value); err != nil {
			return m, err
		}
	}
	m.command = commandLine(k.kind, given(fl))
	return m, nil
}

// measure runs the search on the target. Without an error, or with search.ErrStopped, there is a sample.
func (m *measurement) measure(ctx context.Context, beds *beds, show *searchView) (*sample.Sample, error) {
	on, err := m.target.open(ctx, beds, show)
	if err != nil {
		return nil, err
	}
	defer on.close()
	show.begin(m.target.name())
	s, err := m.run(ctx, on.device, show.trial)
	if s == nil {
		return nil, err
	}
	on.describe(s)
	s.Command = m.command
	if err != nil && !errors.Is(err, search.ErrStopped) {
		return nil, err
	}
	return s, err
}

func (f *measureFlags) execute(cmd *cobra.Command, k kind) error {
	m, err := f.parse(cmd.Flags(), k)
	if err != nil {
		return err
	}
	requirements, err := f.output.check(k.kind)
	if err != nil {
		return err
	}
	file, err := f.output.open()
	if err != nil {
		return err
	}
	if file != nil {
		defer file.Close()
	}
	show := newSearchView(cmd.ErrOrStderr(), f.output.quiet)
	var beds beds
	defer beds.close()
	s, err := m.measure(cmd.Context(), &beds, show)
	show.end()
	if s == nil {
		if errors.Is(err, context.Canceled) {
			return errors.New("stopped before the first frame: there is nothing to report")
		}
		return err
	}
	if err == nil && file != nil {
		if err := file.Append(*s); err != nil {
			return err
		}
	}
	if writeErr := f.output.write(cmd.OutOrStdout(), false, *s); writeErr != nil {
		return writeErr
	}
	return judge(cmd.ErrOrStderr(), requirements, false, *s)
}

// over is the flag that names a sweep's axes.
const over = "over"

// newSweep makes the command that measures many points of a kind.
func newSweep() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Measure many points: all combinations of parameters' values",
		Long: `Measure one kind at all combinations of the values of parameters, into a file. A sweep that was stopped goes on when it is started again
with the same flags: finished points are kept.

  trafgen sweep ndr --over method=fallback,two-circuits,default-share --over vrfs=10,100,1000 --out ndr.jsonl
  trafgen sweep mrr --over 'size=64;128;64:7,594:4,1518:1' --over churn=0,2000 --out sizes.jsonl --csv

A parameter is any flag that says what is measured: method, routes, vrfs, profile, fallback, size, flows, keys, workers, churn, burst, ...
Combinations that cannot be, for lack of memory or CPUs, are named and left out.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.Usage(fmt.Errorf("%s %s: what is to be measured is one of %s", cmd.CommandPath(), args[0], strings.Join(kindNames(), ", ")))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cli.Usage(fmt.Errorf("%s: what is to be measured? One of %s", cmd.CommandPath(), strings.Join(kindNames(), ", ")))
		},
	}
	for _, k := range kinds() {
		cmd.AddCommand(newSweepOf(k))
	}
	return cmd
}

func newSweepOf(k kind) *cobra.Command {
	f := newMeasureFlags()
	var axes []string
	cmd := &cobra.Command{
		Use:   string(k.kind),
		Short: k.short + ", at each point",
		Args:  cli.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return f.sweep(cmd, k, axes) },
	}
	cmd.Flags().StringArrayVar(&axes, over, nil, "`axis`: parameter=value,value,... (semicolons where values have commas); may be repeated")
	f.add(cmd.Flags(), k)
	return cmd
}

// axes reads the axes. Those that change the network come first, so that it is not built anew for each point.
func (f *measureFlags) axes(texts []string, fl *pflag.FlagSet) (axes []sweep.Axis, err error) {
	for _, text := range texts {
		a, err := sweep.ParseAxis(text)
		if err != nil {
			return nil, cli.Usage(fmt.Errorf("--%s %w", over, err))
		}
		known := f.target.parameters(fl)
		switch {
		case !slices.Contains(known, a.Name):
			return nil, cli.Usage(fmt.Errorf("--%s %s: %s is no parameter of what is measured: %s are", over, text, a.Name, strings.Join(known, ", ")))
		case fl.Changed(a.Name):
			return nil, cli.Usage(fmt.Errorf("--%s %s and --%s: only one of them", over, text, a.Name))
		case slices.ContainsFunc(axes, func(b sweep.Axis) bool { return b.Name == a.Name }):
			return nil, cli.Usage(fmt.Errorf("--%s %s: %s for the second time", over, text, a.Name))
		}
		axes = append(axes, a)
	}
	if axes == nil {
		return nil, cli.Usage(fmt.Errorf("--%s is missing: the parameters and their values, as in --%s vrfs=10,100,1000", over, over))
	}
	slices.SortStableFunc(axes, func(a, b sweep.Axis) int { return rank(a.Name) - rank(b.Name) })
	return axes, nil
}

// at is the measurement at a combination: the flags as they were given, and the axes' values.
func at(values []sweep.Value, fl *pflag.FlagSet, k kind) (measurement, error) {
	f := newMeasureFlags()
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.add(own, k)
	set := func(name, value string) error {
		if err := own.Set(name, value); err != nil {
			return cli.Usage(fmt.Errorf("--%s %s=%s: %w", over, name, value, err))
		}
		return nil
	}
	for _, s := range given(fl) {
		if err := set(s.name, s.value); err != nil {
			return measurement{}, err
		}
	}
	for _, v := range values {
		if err := set(v.Name, v.Value); err != nil {
			return measurement{}, err
		}
	}
	return f.parse(own, k)
}

func (f *measureFlags) sweep(cmd *cobra.Command, k kind, texts []string) error {
	axes, err := f.axes(texts, cmd.Flags())
	if err != nil {
		return err
	}
	requirements, err := f.output.check(k.kind)
	if err != nil {
		return err
	}
	if f.output.out == "" {
		return cli.Usage(errors.New("--out is missing: the file that finished points are kept in"))
	}
	show := newSearchView(cmd.ErrOrStderr(), f.output.quiet)
	var beds beds
	defer beds.close()
	var jobs []sweep.Job
	for _, values := range sweep.Combinations(axes) {
		m, err := at(values, cmd.Flags(), k)
		if err != nil {
			return err
		}
		jobs = append(jobs, sweep.Job{Name: sweep.Name(values), Command: m.command, Measure: func(ctx context.Context) (*sample.Sample, error) {
			s, err := m.measure(ctx, &beds, show)
			if unfit(err) {
				err = fmt.Errorf("%w: %s", sweep.ErrUnfit, bed.Message(err))
			}
			return s, err
		}})
	}
	file, err := f.output.open()
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := sweep.Run(cmd.Context(), file, jobs, show.point)
	show.end()
	for _, u := range r.Unfit {
		fmt.Fprintln(cmd.ErrOrStderr(), "left out:", u)
	}
	if len(r.Unfit) == len(jobs) {
		return cli.Usage(errors.New("none of the points can be measured"))
	}
	if err != nil {
		if errors.Is(err, search.ErrStopped) || errors.Is(err, context.Canceled) {
			return fmt.Errorf("stopped: %d of %d points are in %s; the same command goes on with the others", len(r.Samples), len(jobs), f.output.out)
		}
		return fmt.Errorf("%w; %d of %d points are in %s", err, len(r.Samples), len(jobs), f.output.out)
	}
	if err := f.output.write(cmd.OutOrStdout(), true, r.Samples...); err != nil {
		return err
	}
	return judge(cmd.ErrOrStderr(), requirements, true, r.Samples...)
}

// terminal tells whether a stream is a terminal.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
