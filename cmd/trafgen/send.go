package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vrfwd/bench/live"
	"vrfwd/cmd/internal/cli"
)

// runFlags say how send and sink run and report.
type runFlags struct {
	streams        streamFlags
	arp, perFlow   bool
	maxLoss        float64
	dump           string
	json, quiet    bool
	txOnly         bool
	idle, duration time.Duration
}

func (f *runFlags) add(fl *pflag.FlagSet) {
	f.streams.add(fl)
	fl.BoolVar(&f.arp, "arp", false, "answer ARP also for the addresses that streams come from and go to, as if hosts had them")
	fl.Float64Var(&f.maxLoss, "max-loss", 0, "`percent` of the frames that may be lost, or come twice, late or out of order")
	fl.StringVarP(&f.dump, "write", "w", "", "`file` (pcapng) that all received frames are written to")
	fl.BoolVar(&f.perFlow, "per-flow", false, "report every flow, not only the worst ones with faults")
	addOutput(fl, &f.json, &f.quiet)
}

func addOutput(fl *pflag.FlagSet, json, quiet *bool) {
	fl.BoolVar(json, "json", false, "the report as JSON")
	fl.BoolVar(quiet, "quiet", false, "no line every second")
}

func newSend() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "send",
		Short: "Send streams, receive what comes out if it comes out here, and report",
		Long: `Send streams of a file (--config) or one stream described by flags, receive on the ports that the frames must come out on, and
report: loss, order, duplicates, frames in a wrong place or VRF, latency.

Back to back over a veth pair:         trafgen send --port veth0 --sink veth1
Through a router, one VLAN of a VRF:   trafgen send --port veth0 --vlan 101 --vrf red --gateway 10.1.0.1 --address 10.1.0.2 \
                                           --sink veth1@internet --sink-address 192.0.2.2 --dst 198.51.100.0/24 --rate 100kpps
Two hosts, the same file on both:      trafgen sink -c streams.yaml    (first)
                                       trafgen send -c streams.yaml --tx-only`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.execute(cmd, true, !f.txOnly && !f.streams.elsewhere())
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().BoolVar(&f.txOnly, "tx-only", false, "send, and leave receiving to `trafgen sink` elsewhere")
	return cmd
}

func newSink() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "sink",
		Short: "Receive streams that another trafgen sends, and report",
		Long: `Receive the streams of a file, or the one that flags describe, and report. It takes the flags of trafgen send: give it the same file,
or the same flags, so that it knows what to expect. Start it before the sender. It ends by a signal, --for or --idle.

What was lost is told by sequence numbers: with a count in the stream exactly, without one up to the newest frame that came. For
latencies the clocks of both hosts must agree (PTP, or the same host).`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.streams.elsewhere() {
				return cli.Usage(errors.New("--sink is missing: the interface to receive on, or --config with a stream file"))
			}
			return f.execute(cmd, false, true)
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().DurationVar(&f.duration, "for", 0, "`time` to receive; 0: until a signal, or --idle")
	cmd.Flags().DurationVar(&f.idle, "idle", 0, "end when no frame has come for this `time` after the first")
	return cmd
}

func (f *runFlags) execute(cmd *cobra.Command, send, receive bool) (err error) {
	if !(f.maxLoss >= 0 && f.maxLoss <= 100) {
		return cli.Usage(fmt.Errorf("--max-loss %g: 0 to 100 percent are possible", f.maxLoss))
	}
	if f.idle < 0 || f.duration < 0 {
		return cli.Usage(errors.New("--idle and --for: a time such as 500ms or 10s is needed"))
	}
	spec, err := f.streams.spec(cmd.Flags())
	if err != nil {
		return err
	}
	ports, err := live.Open(spec, spec.Sides(send, receive, f.arp))
	if err != nil {
		return err
	}
	defer ports.Close()
	show := newView(cmd.ErrOrStderr(), f.quiet)
	show.warn(ports.Warnings)
	options := live.Options{AnswerARP: f.arp, PerFlow: f.perFlow, MaxLoss: f.maxLoss / 100, Duration: f.duration, Idle: f.idle, Progress: show.line}
	closeDump, err := dumpTo(f.dump, spec, &options.Dump)
	if err != nil {
		return err
	}
	report, err := live.Run(cmd.Context(), spec, ports.Links, options)
	show.end()
	if closeErr := closeDump(); err == nil {
		err = closeErr
	}
	if errors.Is(err, context.Canceled) {
		return errors.New("stopped before the first frame: there is nothing to report")
	}
	if report != nil {
		if writeErr := write(cmd.OutOrStdout(), report, f.json); err == nil {
			err = writeErr
		}
		if err == nil && !report.OK {
			err = errFaults
		}
	}
	return err
}

// dumpTo begins a dump in a file, if there is to be one. The function returned ends it.
func dumpTo(path string, spec *live.Spec, to **live.Dump) (end func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, cli.Usage(fmt.Errorf("--write: %w", err))
	}
	w := bufio.NewWriterSize(file, 1<<20)
	if *to, err = live.NewDump(w, spec); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() error {
		if err := errors.Join((*to).Close(), w.Flush(), file.Close()); err != nil {
			return fmt.Errorf("--write %s: %w", path, err)
		}
		return nil
	}, nil
}

// reporter is a report.
type reporter interface{ WriteText(io.Writer) error }

func write(w io.Writer, r reporter, asJSON bool) error {
	if !asJSON {
		return r.WriteText(w)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
