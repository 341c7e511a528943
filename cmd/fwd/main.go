// Command fwd is the forwarder: see `fwd help`.
//
// Exit codes: 0 done, 1 a failure while running (or a trial whose verdict is not ok), 2 bad flags or input.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"vrfwd/bench"
	"vrfwd/config"
	"vrfwd/gen"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs one command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "fwd:", message(err))
	return exitCode(err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "fwd",
		Short:         "A VRF forwarder: Internet access for VPNs from one shared full table",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(fmt.Errorf("unknown command %q: `%s help` lists the commands", args[0], cmd.CommandPath()))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(fmt.Errorf("%w; `%s --help` lists the flags", err, cmd.CommandPath()))
	})
	benchCmd, _ := newBench()
	root.AddCommand(newRun(), newShow(), newReload(), newCapture(), newCheck(), newInit(), benchCmd, newGen(), newVersion())
	return root
}

// usageError is a command line or an input that cannot be.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(err error) error { return usageError{err} }

// exitCode tells bad input from failures.
func exitCode(err error) int {
	var (
		use    usageError
		flag   *bench.ConfigError
		syntax *gen.SyntaxError
		file   *config.Error
	)
	if errors.As(err, &use) || errors.As(err, &flag) || errors.As(err, &syntax) || errors.As(err, &file) {
		return exitUsage
	}
	return exitFailed
}

// message names the flag where the error knows it.
func message(err error) string {
	var flag *bench.ConfigError
	if errors.As(err, &flag) {
		return fmt.Sprintf("--%s %v: %s", flag.Field, flag.Value, flag.Reason)
	}
	return err.Error()
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(fmt.Errorf("%s takes no arguments, but there is %q", cmd.CommandPath(), args[0]))
	}
	return nil
}
