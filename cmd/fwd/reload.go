package main

import (
	"github.com/spf13/cobra"

	"vrfwd/cmd/internal/cli"
	"vrfwd/router"
)

func newReload() *cobra.Command {
	f := &showFlags{}
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have a running router apply its changed configuration",
		Long: `Have a running router read its configuration again and apply what has changed, all of it or, if something is wrong with
it, nothing. No packet is lost meanwhile.`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.one(cmd, router.Request{Command: router.CommandReload}, &router.Reloaded{})
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().BoolVar(&f.json, "json", false, "JSON instead of text")
	return cmd
}
