// Command trafgen sends traffic into a router over AF_PACKET ports, receives what comes out, and accounts for every frame; and
// finds what a router can do, live or in memory: throughput, NDR, loss, latency, bursts. See `trafgen help`.
//
// Exit codes: 0 all is as it should be, 1 it is not (loss above --max-loss, a frame in the wrong place, a requirement that is
// not met, ...) or a failure while running, 2 bad flags or input.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"

	"github.com/spf13/cobra"

	"vrfwd/bench"
	"vrfwd/bench/live"
	"vrfwd/bench/sample"
	"vrfwd/bgp/mrt"
	"vrfwd/cmd/internal/bed"
	"vrfwd/cmd/internal/cli"
	"vrfwd/gen"
)

func main() {
	// A sink that waits in a raw system call, and a sender that looks at the clock, keep a processor each; what prints lines and
	// hears signals needs another.
	runtime.GOMAXPROCS(runtime.NumCPU() + 2)
	cli.Main(run)
}

// run runs one command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	commands := []*cobra.Command{newSend(), newSink(), newReplay(), newExample()}
	for _, k := range kinds() {
		commands = append(commands, newMeasure(k))
	}
	root := cli.Root("trafgen", "Sends traffic through a router and accounts for every frame", bench.Version(), append(commands, newSweep())...)
	err := cli.Execute(ctx, root, args, stdout, stderr)
	if err == nil {
		return 0
	}
	if !errors.Is(err, errFaults) {
		fmt.Fprintln(stderr, "trafgen:", bed.Message(err))
	}
	return exitCode(err)
}

func newExample() *cobra.Command {
	return &cobra.Command{
		Use:   "example",
		Short: "Print a stream file with comments",
		Args:  cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(live.Example())
			return err
		},
	}
}

// errFaults says that the report has faults, which it has said itself.
var errFaults = errors.New("faults")

// exitCode tells bad input from failures.
func exitCode(err error) int {
	var (
		syntax  *gen.SyntaxError
		dump    *mrt.Error
		flag    *live.FlagError
		plan    *live.PlanError
		capture *live.CaptureError
		format  *sample.FormatError
	)
	if cli.IsUsage(err) || errors.As(err, &syntax) || errors.As(err, &dump) || errors.As(err, &flag) || errors.As(err, &plan) || errors.As(err, &capture) || errors.As(err, &format) || unfit(err) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, gen.ErrNoRealTable) {
		return cli.BadUse
	}
	return cli.Failed
}
