package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/spf13/cobra"

	"vrfwd/cmd/internal/cli"
	"vrfwd/router"
)

// reply is an answer that is one object.
type reply interface{ WriteText(io.Writer) error }

func newShow() *cobra.Command {
	f := &showFlags{}
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Ask a running router",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.Usage(fmt.Errorf("show %s: interfaces, routes, lookup, ecmp, neighbors, counters, workers, vrs, import, export and bgp are known", args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.add(cmd.PersistentFlags())
	cmd.PersistentFlags().BoolVar(&f.json, "json", false, "JSON instead of text")
	for _, c := range []struct {
		name, short string
		body        func() reply
	}{
		{router.CommandInterfaces, "Ports and IP interfaces, their states and counters", func() reply { return &router.Interfaces{} }},
		{router.CommandECMP, "Groups of equal next hops, and what each member carried", func() reply { return &router.Groups{} }},
		{router.CommandNeighbors, "Stations whose MAC addresses are known or asked for", func() reply { return &router.Neighbors{} }},
		{router.CommandCounters, "The account of all frames: received = forwarded + punted + dropped", func() reply { return &router.Counters{} }},
		{router.CommandWorkers, "Forwarding threads, their counters and CPU time", func() reply { return &router.Workers{} }},
		{router.CommandVRs, "The parent and the VRFs, and the sizes of their tables", func() reply { return &router.VRs{} }},
		{router.CommandImport, "Global import maps and what they imported", func() reply { return &router.Imports{} }},
		{router.CommandExport, "Global export maps and what they exported", func() reply { return &router.Exports{} }},
	} {
		cmd.AddCommand(&cobra.Command{Use: c.name, Short: c.short, Args: cli.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			return f.one(cmd, router.Request{Command: c.name}, c.body())
		}})
	}
	cmd.AddCommand(f.routes(), f.lookup(), f.bgp())
	return cmd
}

type showFlags struct {
	socketFlags
	json bool
}

// one asks for one object and prints it.
func (f *showFlags) one(cmd *cobra.Command, q router.Request, body reply) error {
	a, err := f.ask(cmd.Context(), q)
	if err != nil {
		return err
	}
	defer a.Close()
	defer context.AfterFunc(cmd.Context(), func() { a.Close() })()
	if err := a.Next(body); err != nil {
		return fmt.Errorf("the router broke off: %w", err)
	}
	if !f.json {
		return body.WriteText(cmd.OutOrStdout())
	}
	return writeJSON(cmd.OutOrStdout(), body)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func (f *showFlags) lookup() *cobra.Command {
	q := router.Request{Command: router.CommandLookup}
	cmd := &cobra.Command{
		Use:   "lookup ADDRESS --vrf V",
		Short: "Explain what becomes of a packet, step by step",
		Args:  exactly("an address", 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Address = args[0]
			return f.one(cmd, q, &router.Lookup{})
		},
	}
	cmd.Flags().StringVar(&q.VRF, "vrf", "", "`VRF` that the packet enters; default: the parent virtual router")
	cmd.Flags().StringVar(&q.Interface, "interface", "", "`interface` that it enters by; default: the VRF's first")
	return cmd
}

func (f *showFlags) routes() *cobra.Command {
	return &cobra.Command{
		Use:   "routes [VRF] [PREFIX | ADDRESS]",
		Short: "Routes: all, those of a prefix and longer ones, or an address's longest match",
		Args:  atMost("a VRF and a prefix", 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := router.Request{Command: router.CommandRoutes}
			if len(args) == 2 {
				q.VRF, q.Prefix = args[0], args[1]
			} else if len(args) == 1 && looksLikePrefix(args[0]) {
				q.Prefix = args[0]
			} else if len(args) == 1 {
				q.VRF = args[0]
			}
			return stream(f, cmd, q, router.RouteHead, (*router.Route).WriteText)
		},
	}
}

func looksLikePrefix(s string) bool {
	_, err := netip.ParsePrefix(s)
	if err != nil {
		_, err = netip.ParseAddr(s)
	}
	return err == nil
}

// stream prints routes as they come, each with writeText below a head: a table may have a million.
func stream[T any](f *showFlags, cmd *cobra.Command, q router.Request, head string, writeText func(*T, io.Writer) error) error {
	a, err := f.ask(cmd.Context(), q)
	if err != nil {
		return err
	}
	defer a.Close()
	defer context.AfterFunc(cmd.Context(), func() { a.Close() })()
	w := bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10)
	between := "[\n  "
	if !f.json {
		fmt.Fprintln(w, head)
	}
	for {
		var r T
		err := a.Next(&r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("the router broke off: %w", err)
		}
		if f.json {
			line, err := json.Marshal(r)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%s%s", between, line)
			between = ",\n  "
		} else if err := writeText(&r, w); err != nil {
			return err
		}
	}
	if f.json {
		if between == "[\n  " {
			fmt.Fprint(w, "[")
		}
		fmt.Fprintln(w, "\n]")
	}
	return w.Flush()
}

// exactly wants n arguments.
func exactly(what string, n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return cli.Usage(fmt.Errorf("%s needs %s, and there are %d arguments", cmd.CommandPath(), what, len(args)))
		}
		return nil
	}
}
