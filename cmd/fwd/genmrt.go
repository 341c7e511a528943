package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vrfwd/cmd/internal/cli"
	"vrfwd/gen"
	"vrfwd/lpm"
)

// collected are the flags of what a collector writes: equal ones make files that belong together.
type collected struct {
	routes, peers int
	seed          uint64
	path          string
}

func (c *collected) add(fl *pflag.FlagSet) {
	fl.SortFlags = false
	fl.IntVar(&c.routes, "routes", gen.DefaultRoutes, "prefixes")
	fl.IntVar(&c.peers, "peers", 30, "routers that announce them to the collector")
	fl.Uint64Var(&c.seed, "seed", 1, "of the table and its paths")
}

// addFile adds the flag that comes last.
func (c *collected) addFile(fl *pflag.FlagSet) {
	fl.StringVarP(&c.path, "file", "o", "-", "where to write it, - for standard output; gzip where the name ends in .gz")
}

// table makes the prefixes: those of `fwd gen table` with the same seed.
func (c *collected) table() ([]lpm.Route, error) {
	if c.routes < 1 {
		return nil, cli.Usage(fmt.Errorf("--routes %d: 1 to %d are possible", c.routes, gen.MaxRoutes))
	}
	if c.peers < 1 || c.peers > gen.MaxPeers {
		return nil, cli.Usage(fmt.Errorf("--peers %d: 1 to %d are possible", c.peers, gen.MaxPeers))
	}
	routes, err := gen.Synthetic(gen.TableConfig{Routes: c.routes, Seed: c.seed})
	if err != nil {
		return nil, cli.Usage(err)
	}
	return routes, nil
}

func newGenMRT() *cobra.Command {
	var c collected
	var paths int
	cmd := &cobra.Command{
		Use:   "mrt",
		Short: "Write a route collector's dump of a synthetic table: MRT, TABLE_DUMP_V2",
		Args:  cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if paths < 1 || paths > gen.MaxPaths {
				return cli.Usage(fmt.Errorf("--paths %d: 1 to %d are possible", paths, gen.MaxPaths))
			}
			routes, err := c.table()
			if err != nil {
				return err
			}
			return writeFile(c.path, cmd.OutOrStdout(), func(w io.Writer) error {
				return gen.WriteDump(w, gen.DumpConfig{Routes: routes, Peers: c.peers, Seed: c.seed, Paths: paths})
			})
		},
	}
	c.add(cmd.Flags())
	cmd.Flags().IntVar(&paths, "paths", 1, "of each peer for each prefix; more than one: with path identifiers (RFC 8050)")
	c.addFile(cmd.Flags())
	return cmd
}

func newGenUpdates() *cobra.Command {
	var c collected
	var rate float64
	var duration time.Duration
	cmd := &cobra.Command{
		Use:   "updates",
		Short: "Write what a collector hears after a dump of the same routes, peers and seed: MRT, BGP4MP_ET",
		Args:  cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			routes, err := c.table()
			if err != nil {
				return err
			}
			if !(rate > 0) || duration < 0 {
				return cli.Usage(fmt.Errorf("--rate %v --duration %v: more than 0 changes a second, 0s or more", rate, duration))
			}
			return writeFile(c.path, cmd.OutOrStdout(), func(w io.Writer) error {
				return gen.WriteUpdates(w, gen.UpdatesConfig{Routes: routes, Peers: c.peers, Seed: c.seed, Duration: duration, Rate: rate})
			})
		},
	}
	c.add(cmd.Flags())
	cmd.Flags().Float64Var(&rate, "rate", 1000, "changes of a peer's route to a prefix, a second")
	cmd.Flags().DurationVar(&duration, "duration", 5*time.Minute, "how long the collector listens")
	c.addFile(cmd.Flags())
	return cmd
}
