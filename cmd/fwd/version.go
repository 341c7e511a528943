package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vrfwd/bench"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print commit, Go version and platform",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := bench.Build()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "fwd %s %s %s/%s GOAMD64=%s\n", b.Commit, b.Go, b.GOOS, b.GOARCH, b.GOAMD64)
			return err
		},
	}
}
