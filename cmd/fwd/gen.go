package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"vrfwd/cmd/internal/cli"
	"vrfwd/gen"
	"vrfwd/lpm"
)

func newGen() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gen",
		Short: "Write generated tables as prefix lists or route dumps, and updates",
		Args:  cli.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newGenTable(), newGenMRT(), newGenUpdates())
	return cmd
}

func newGenTable() *cobra.Command {
	var c gen.TableConfig
	var locality, path string
	cmd := &cobra.Command{
		Use:   "table",
		Short: "Write a synthetic full Internet table: lines \"prefix next-hop\", which `fwd bench --table` reads",
		Args:  cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if c.Locality, err = gen.ParseLocality(locality); err != nil {
				return cli.Usage(err)
			}
			if c.Routes < 1 || c.NextHops < 1 || c.NextHops > 1<<16 {
				return cli.Usage(fmt.Errorf("--routes %d --next-hops %d: 1 and more, at most %d next hops", c.Routes, c.NextHops, 1<<16))
			}
			routes, err := gen.Synthetic(c)
			if err != nil {
				return cli.Usage(err)
			}
			return writeList(path, cmd.OutOrStdout(), routes)
		},
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.IntVar(&c.Routes, "routes", gen.DefaultRoutes, "routes")
	fl.IntVar(&c.NextHops, "next-hops", 64, "next hops: 10.0.0.1 and following")
	fl.StringVar(&locality, "locality", gen.Clustered.String(), "how next hops lie over the table: clustered or hashed")
	fl.Uint64Var(&c.Seed, "seed", 1, "of the table")
	fl.StringVarP(&path, "file", "o", "-", "where to write it, - for standard output; gzip where the name ends in .gz")
	return cmd
}

// firstHop is the address of next hop 0, which no route has.
const firstHop = 10 << 24

// writeList writes routes as a prefix list.
func writeList(path string, stdout io.Writer, routes []lpm.Route) (err error) {
	entries := make([]gen.Entry, len(routes))
	for i, r := range routes {
		entries[i] = gen.Entry{Addr: r.Addr, Len: r.Len, NextHop: firstHop + uint32(r.Hop)}
	}
	return writeFile(path, stdout, func(w io.Writer) error { return gen.WriteTable(w, entries) })
}

// writeFile writes to a file, compressed where its name ends in .gz, or to stdout for "-".
func writeFile(path string, stdout io.Writer, write func(io.Writer) error) (err error) {
	w := stdout
	if path != "-" {
		f, err := os.Create(path)
		if err != nil {
			return cli.Usage(fmt.Errorf("--file: %w", err))
		}
		defer func() {
			if closeErr := f.Close(); err == nil {
				err = closeErr
			}
		}()
		w = f
	}
	b := bufio.NewWriter(w)
	if !strings.HasSuffix(path, ".gz") {
		if err := write(b); err != nil {
			return err
		}
		return b.Flush()
	}
	z := gzip.NewWriter(b)
	if err := write(z); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return b.Flush()
}
