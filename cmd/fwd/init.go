package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"vrfwd/cmd/internal/cli"
	"vrfwd/config"
)

func newInit() *cobra.Command {
	var (
		vrfs, routes int
		output       string
		force        bool
	)
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write an example configuration",
		Long: `Write a commented example of a configuration; or, with --vrfs, a generated one with that many VRFs on the VLANs of a
trunk, which all fall back to one Internet table.`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text := config.Example()
			switch changed := cmd.Flags().Changed; {
			case changed("vrfs"):
				var err error
				if text, err = config.Generate(vrfs, routes); err != nil {
					return cli.Usage(fmt.Errorf("--vrfs %d --routes %d: %w", vrfs, routes, err))
				}
			case changed("routes"):
				return cli.Usage(errors.New("--routes: only with --vrfs"))
			}
			if output == "-" {
				_, err := cmd.OutOrStdout().Write(text)
				return err
			}
			return writeNew(output, text, force)
		},
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.IntVar(&vrfs, "vrfs", 0, "generate one with so many VRFs")
	fl.IntVar(&routes, "routes", 1_000_000, "routes of the generated Internet table")
	fl.StringVarP(&output, "output", "o", "-", "`file` to write; -: standard output")
	fl.BoolVar(&force, "force", false, "overwrite the file")
	return cmd
}

// writeNew writes a file that is not there yet, unless force says so.
func writeNew(name string, text []byte, force bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(name, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return cli.Usage(fmt.Errorf("--output %s: it is there already: --force overwrites it", name))
	}
	if err != nil {
		return cli.Usage(fmt.Errorf("--output: %w", err))
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
