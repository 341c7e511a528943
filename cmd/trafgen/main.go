// Command trafgen sends traffic into a router over AF_PACKET ports, receives what comes out, and accounts for every frame: see
// `trafgen help`.
//
// Exit codes: 0 all is as it should be, 1 it is not (loss above --max-loss, a frame in the wrong place, ...) or a failure
// while running, 2 bad flags or input.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"vrfwd/bench"
	"vrfwd/bench/live"
	"vrfwd/gen"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	// A sink that waits in a raw system call, and a sender that looks at the clock, keep a processor each; what prints lines and
	// hears signals needs another.
	runtime.GOMAXPROCS(runtime.NumCPU() + 2)
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
	if !errors.Is(err, errFaults) {
		fmt.Fprintln(stderr, "trafgen:", err)
	}
	return exitCode(err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "trafgen",
		Short:         "Sends traffic through a router and accounts for every frame",
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
	root.AddCommand(newSend(), newSink(), newReplay(), newExample(), newVersion())
	return root
}

func newExample() *cobra.Command {
	return &cobra.Command{
		Use:   "example",
		Short: "Print a stream file with comments",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(live.Example())
			return err
		},
	}
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print commit, Go version and platform",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := bench.Build()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "trafgen %s %s %s/%s GOAMD64=%s\n", b.Commit, b.Go, b.GOOS, b.GOARCH, b.GOAMD64)
			return err
		},
	}
}

// errFaults says that the report has faults, which it has said itself.
var errFaults = errors.New("faults")

// usageError is a command line or an input that cannot be.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(err error) error { return usageError{err} }

// exitCode tells bad input from failures.
func exitCode(err error) int {
	var (
		use     usageError
		syntax  *gen.SyntaxError
		flag    *live.FlagError
		plan    *live.PlanError
		capture *live.CaptureError
	)
	if errors.As(err, &use) || errors.As(err, &syntax) || errors.As(err, &flag) || errors.As(err, &plan) || errors.As(err, &capture) || errors.Is(err, fs.ErrNotExist) {
		return exitUsage
	}
	return exitFailed
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(fmt.Errorf("%s takes no arguments, but there is %q", cmd.CommandPath(), args[0]))
	}
	return nil
}
