package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Check a configuration without running it",
		Long: `Read a configuration and the files that it names. What cannot be is an error, and exit code 2; what most likely was
not meant is a warning on standard error. Of a route collector's dump it says what is taken and what is skipped.`,
		Args: exactly("a file", 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(args[0])
			if err != nil {
				return err
			}
			for _, n := range c.Notes() {
				fmt.Fprintln(cmd.OutOrStdout(), n)
			}
			warnings := c.Warnings()
			for _, w := range warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: good: %d ports, %d VRFs, %d warnings\n", args[0], len(c.Ports), len(c.VRFs), len(warnings))
			return err
		},
	}
}
