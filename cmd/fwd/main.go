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
	fmt.Fprintln(stderr, "fwd:", message(err))
	return exitCode(err)
}

func newRoot() *cobra.Command {
	benchCmd, _ := newBench()
	return cli.Root("fwd", "A VRF forwarder: Internet access for VPNs from one shared full table", bench.Version(),
		newRun(), newShow(), newReload(), newCapture(), newCheck(), newInit(), benchCmd, newGen())
}

// exitCode tells bad input from failures.
func exitCode(err error) int {
	var (
		flag   *bench.ConfigError
		syntax *gen.SyntaxError
		file   *config.Error
	)
	if cli.IsUsage(err) || errors.As(err, &flag) || errors.As(err, &syntax) || errors.As(err, &file) {
		return cli.BadUse
	}
	return cli.Failed
}

// message names the flag where the error knows it.
func message(err error) string {
	var flag *bench.ConfigError
	if errors.As(err, &flag) {
		return fmt.Sprintf("--%s %v: %s", flag.Field, flag.Value, flag.Reason)
	}
	return err.Error()
}
