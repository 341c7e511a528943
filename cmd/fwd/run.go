package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"vrfwd/cmd/internal/cli"
	"vrfwd/config"
	"vrfwd/router"
)

// runFlags are the flags of `fwd run`.
type runFlags struct {
	config   string
	keep     bool
	plain    bool
	interval time.Duration
}

func newRun() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run -c FILE",
		Short: "Forward between real interfaces, as a configuration says",
		Long: `Open the ports of a configuration and forward between them until SIGINT or SIGTERM; then take what has been received,
and print the account. SIGHUP, or fwd reload, applies a changed configuration without losing a packet.

It needs CAP_NET_RAW to open ports, CAP_NET_ADMIN for TUN devices, and CAP_NET_BIND_SERVICE for BGP. Once the ports are
open it gives up all other capabilities. On a terminal it shows what goes on; elsewhere it logs a line every --interval.`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.execute(cmd) },
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVarP(&f.config, "config", "c", "", "`file` that says what to forward: see fwd init")
	fl.BoolVar(&f.plain, "plain", false, "log lines also on a terminal")
	fl.DurationVar(&f.interval, "interval", 10*time.Second, "time between log lines of what was forwarded; 0: none")
	fl.BoolVar(&f.keep, "keep-privileges", false, "keep all capabilities")
	return cmd
}

func (f *runFlags) execute(cmd *cobra.Command) error {
	switch {
	case f.config == "":
		return cli.Usage(errors.New("--config is needed: `fwd init` writes an example"))
	case f.interval < 0:
		return cli.Usage(fmt.Errorf("--interval %v: a time such as 10s, or 0 for no lines", f.interval))
	}
	hangup := make(chan os.Signal, 1) // from now on: the default would end the router that is just starting
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	c, err := loadConfig(f.config)
	if err != nil {
		return err
	}
	view := terminal(cmd.OutOrStdout()) && terminal(cmd.InOrStdin()) && !f.plain
	log, level, tail := newLog(c, cmd.ErrOrStderr(), view)
	// Besides the workers' threads, which wait in the kernel without the runtime's knowledge, others must be able to run.
	runtime.GOMAXPROCS(runtime.NumCPU() + c.Workers)
	r, err := router.New(c, router.Options{Log: log, Level: level})
	if err != nil {
		return err
	}
	defer func() {
		if err := r.Close(); err != nil {
			log.Error("closing", "error", err)
		}
	}()
	for _, n := range c.Notes() {
		log.Info(n.String())
	}
	for _, w := range c.Warnings() {
		log.Warn(w.String())
	}
	debug.FreeOSMemory() // reading a table leaves garbage, which a forwarder would never collect
	if !f.keep {
		if err := r.Drop(); err != nil {
			log.Warn("privileges", "error", err)
		}
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	var reloads sync.WaitGroup
	reloads.Go(func() { reloadOnHangup(ctx, r, hangup) })
	defer reloads.Wait()
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	if view {
		err = watch(ctx, cancel, r, tail, cmd.OutOrStdout(), done)
	} else {
		logSummaries(r, log, f.interval, done, &err)
	}
	if err == nil || r.Counters().Received > 0 {
		_, printed := fmt.Fprintln(cmd.OutOrStdout(), r.Summary())
		err = errors.Join(err, printed)
	}
	return err
}

// loadConfig loads a file by its absolute name, which a reload finds from wherever the process has gone.
func loadConfig(file string) (*config.Config, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, cli.Usage(fmt.Errorf("--config %s: %w", file, err))
	}
	c, err := config.Load(path)
	if err != nil {
		return nil, cli.Usage(err)
	}
	return c, nil
}

// newLog makes the log: to w, or, under a live view, to the view's last lines.
func newLog(c *config.Config, w io.Writer, view bool) (*slog.Logger, *slog.LevelVar, *logTail) {
	level, tail := new(slog.LevelVar), &logTail{}
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		level.Set(slog.LevelInfo)
	}
	o := &slog.HandlerOptions{Level: level}
	if view {
		w = tail
		o.ReplaceAttr = withoutDate
	}
	var h slog.Handler = slog.NewTextHandler(w, o)
	if c.Log.Format == "json" && !view {
		h = slog.NewJSONHandler(w, o)
	}
	return slog.New(h), level, tail
}

func withoutDate(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		a.Value = slog.StringValue(a.Value.Time().Format(time.TimeOnly))
	}
	return a
}

// reloadOnHangup reloads on SIGHUP until ctx ends. What went wrong is in the log.
func reloadOnHangup(ctx context.Context, r *router.Router, hangup <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			_, _ = r.Reload()
		}
	}
}

// logSummaries logs what was forwarded until the router is done, with err.
func logSummaries(r *router.Router, log *slog.Logger, every time.Duration, done <-chan error, err *error) {
	var tick <-chan time.Time
	if every > 0 {
		t := time.NewTicker(every)
		defer t.Stop()
		tick = t.C
	}
	last := r.Snapshot()
	for {
		select {
		case *err = <-done:
			return
		case <-tick:
			now := r.Snapshot()
			logSummary(log, &last, &now)
			last = now
		}
	}
}

func logSummary(log *slog.Logger, last, now *router.Snapshot) {
	seconds := now.At.Sub(last.At).Seconds()
	rate := func(a, b uint64) uint64 { return uint64(float64(b-a)/seconds + 0.5) }
	a, b := last.Counters, now.Counters
	log.Info("forwarded", "rx_pps", rate(a.Received, b.Received), "tx_pps", rate(a.Forwarded, b.Forwarded),
		"punted_pps", rate(a.Punted, b.Punted), "dropped_pps", rate(a.Dropped, b.Dropped),
		"ring_drops", b.Ring.Drops-a.Ring.Drops, "routes", now.Tables.RIB, "load", fmt.Sprintf("%.2f", loadOf(now.Workers)))
}

// loadOf is the workers' load, 1 for each that is always busy.
func loadOf(workers []router.Worker) (sum float64) {
	for _, w := range workers {
		sum += w.Load
	}
	return sum
}
