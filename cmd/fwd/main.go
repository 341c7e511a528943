// Command fwd is the forwarder: see `fwd help`.
//
// Exit codes: 0 done, 1 a failure while running (or a trial whose verdict is not ok), 2 bad flags or input.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vrfwd/bench"
	"vrfwd/bgp/mrt"
	"vrfwd/cmd/internal/bed"
	"vrfwd/cmd/internal/cli"
	"vrfwd/config"
	"vrfwd/gen"
)

func main() { cli.Main(run) }

// run runs one command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := cli.Execute(ctx, newRoot(), args, stdout, stderr)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "fwd:", bed.Message(err))
	return exitCode(err)
}

func newRoot() *cobra.Command {
	benchCmd, _ := newBench()
	return cli.Root("fwd", "A VRF forwarder: Internet access for VPNs from one shared full table", bench.Version(),
		newRun(), newShow(), newClear(), newReload(), newReplay(), newCapture(), newCheck(), newInit(), benchCmd, newPlan(), newReport(), newGen())
}

// exitCode tells bad input from failures.
func exitCode(err error) int {
	var (
		flag   *bench.ConfigError
		syntax *gen.SyntaxError
		dump   *mrt.Error
		file   *config.Error
	)
	if cli.IsUsage(err) || errors.As(err, &flag) || errors.As(err, &syntax) || errors.As(err, &dump) || errors.As(err, &file) {
		return cli.BadUse
	}
	return cli.Failed
}
