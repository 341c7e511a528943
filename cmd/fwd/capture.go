package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vrfwd/cmd/internal/cli"
	"vrfwd/router"
)

func newCapture() *cobra.Command {
	var (
		f        socketFlags
		q        = router.Request{Command: router.CommandCapture}
		file     string
		duration time.Duration
	)
	cmd := &cobra.Command{
		Use:   "capture -w FILE.pcapng [--drops [REASON,...]]",
		Short: "Capture what a running router forwards or drops",
		Long: `Write frames that go through a running router, or with --drops those that it drops, to a pcapng file, until SIGINT
or for --duration. Each frame has its direction, and why it was dropped, as a comment. The router is not delayed: what
is too much for the capture is missed, and counted in the file's statistics.`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && q.Drops:
				q.Reasons = strings.Split(args[0], ",")
			case len(args) > 0:
				return cli.Usage(fmt.Errorf("capture: %q: only --drops has something behind it: the reason, or reasons with commas", args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case file == "":
				return cli.Usage(errors.New("capture: -w FILE is needed; - is standard output"))
			case duration < 0:
				return cli.Usage(fmt.Errorf("--duration %v: a time such as 10s, or 0 until SIGINT", duration))
			}
			a, err := f.ask(cmd.Context(), q)
			if err != nil {
				return err
			}
			defer a.Close()
			w, err := create(file, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			return capture(cmd, a, w, duration)
		},
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	f.add(fl)
	fl.StringVarP(&file, "write", "w", "", "pcapng `file` to write; -: standard output")
	fl.StringVar(&q.Interface, "interface", "", "only this IP interface or port (`name`)")
	fl.BoolVar(&q.Drops, "drops", false, "what is dropped, for any reason or for those given behind it, such as \"no route\"")
	fl.IntVar(&q.Snap, "snap", 0, "at most so many `bytes` of each frame; 0: all")
	fl.DurationVar(&duration, "duration", 0, "time to capture; 0: until SIGINT")
	return cmd
}

func create(file string, stdout io.Writer) (io.WriteCloser, error) {
	if file == "-" {
		return struct {
			io.Writer
			io.Closer
		}{stdout, io.NopCloser(nil)}, nil
	}
	w, err := os.Create(file)
	if err != nil {
		return nil, cli.Usage(fmt.Errorf("-w: %w", err))
	}
	return w, nil
}

// capture copies the stream until a signal or the end of its time, and what the router has still to say.
func capture(cmd *cobra.Command, a *router.Answer, w io.WriteCloser, duration time.Duration) error {
	var timeout <-chan time.Time
	if duration > 0 {
		timeout = time.After(duration)
	}
	copied := make(chan error, 1)
	go func() { copied <- a.Copy(w) }()
	var err error
	select {
	case err = <-copied:
		if err == nil {
			err = errors.New("the router ended the capture: the file has what came until then")
		}
		return errors.Join(err, w.Close())
	case <-cmd.Context().Done():
	case <-timeout:
	}
	if err = a.End(); err == nil {
		err = <-copied
	}
	return errors.Join(err, w.Close())
}
