package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"vrfwd/cmd/internal/cli"
	"vrfwd/router"
)

func (f *showFlags) bgp() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bgp",
		Short: "BGP sessions and routes",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.Usage(fmt.Errorf("show bgp %s: summary, neighbor and routes are known", args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(f.bgpSummary(), f.bgpNeighbor(), f.bgpRoutes())
	return cmd
}

// allVRs adds --vrf to a command that shows every VR without it.
func allVRs(cmd *cobra.Command, vrf *string) *cobra.Command {
	cmd.Flags().StringVar(vrf, "vrf", "", "only this `VRF`, or default, the parent virtual router; default: all")
	return cmd
}

func (f *showFlags) bgpSummary() *cobra.Command {
	q := router.Request{Command: router.CommandBGP}
	return allVRs(&cobra.Command{
		Use: "summary", Short: "A line for each neighbour", Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.one(cmd, q, &router.BGPSummary{}) },
	}, &q.VRF)
}

func (f *showFlags) bgpNeighbor() *cobra.Command {
	q := router.Request{Command: router.CommandBGP}
	return allVRs(&cobra.Command{
		Use: "neighbor [ADDRESS]", Aliases: []string{"neighbors"}, Short: "Everything about one neighbour, or about each", Args: atMost("a neighbour's address", 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				q.Neighbor = args[0]
			}
			return f.one(cmd, q, &router.BGPNeighbors{})
		},
	}, &q.VRF)
}

func (f *showFlags) bgpRoutes() *cobra.Command {
	q := router.Request{Command: router.CommandBGPRoutes}
	cmd := &cobra.Command{
		Use:   "routes [PREFIX | ADDRESS]",
		Short: "BGP routes: all, those of a prefix and longer ones, or an address's longest match",
		Args:  atMost("a prefix or an address", 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if q.Advertised && q.Neighbor == "" {
				return cli.Usage(errors.New("--advertised needs --neighbor: what was advertised to whom?"))
			}
			if len(args) == 1 {
				q.Prefix = args[0]
			}
			return stream(f, cmd, q, router.BGPRouteHead, (*router.BGPRoute).WriteText)
		},
	}
	cmd.Flags().StringVar(&q.VRF, "vrf", "", "`VRF` whose routes; default: the parent virtual router")
	cmd.Flags().StringVar(&q.Neighbor, "neighbor", "", "only those from this neighbour (`address`)")
	cmd.Flags().BoolVar(&q.Advertised, "advertised", false, "what the neighbour was told instead")
	return cmd
}

func newClear() *cobra.Command {
	f := &showFlags{}
	cmd := &cobra.Command{
		Use:   "clear",
		Short: "Have a running router start something anew",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.Usage(fmt.Errorf("clear %s: bgp is known", args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.add(cmd.PersistentFlags())
	cmd.PersistentFlags().BoolVar(&f.json, "json", false, "JSON instead of text")
	cmd.AddCommand(f.clearBGP())
	return cmd
}

func (f *showFlags) clearBGP() *cobra.Command {
	q := router.Request{Command: router.CommandBGPClear, Clear: "hard"}
	var in, out bool
	cmd := &cobra.Command{
		Use:   "bgp ADDRESS | all",
		Short: "End BGP sessions, which come back at once, or exchange their routes again",
		Long: `End the session with a BGP neighbour, or with all: it comes back at once, also where it had reached its limit of
prefixes. With --in it stays up, and the neighbour is asked for its routes again; with --out it is told all routes again.`,
		Args: exactly("a neighbour's address or all", 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Neighbor = args[0]
			switch {
			case in && out:
				return cli.Usage(errors.New("--in and --out: only one of them"))
			case in:
				q.Clear = "in"
			case out:
				q.Clear = "out"
			}
			return f.one(cmd, q, &router.BGPCleared{})
		},
	}
	cmd.Flags().StringVar(&q.VRF, "vrf", "", "`VRF` of the neighbour, or default, the parent virtual router; default: the parent, and every VR for all")
	cmd.Flags().BoolVar(&in, "in", false, "only ask for the neighbour's routes again")
	cmd.Flags().BoolVar(&out, "out", false, "only tell the neighbour all routes again")
	return cmd
}

// atMost wants no more than n arguments.
func atMost(what string, n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return cli.Usage(fmt.Errorf("%s takes %s, but there is also %q", cmd.CommandPath(), what, args[n]))
		}
		return nil
	}
}
