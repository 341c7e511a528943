package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"vrfwd/cmd/internal/bed"
	"vrfwd/cmd/internal/cli"
	"vrfwd/router"
)

func newReplay() *cobra.Command {
	f := &showFlags{}
	q := router.Request{Command: router.CommandReplay}
	cmd := &cobra.Command{
		Use:   "replay FILE [--speed X | --rate N]",
		Short: "Replay what a route collector heard into a running router",
		Long: `Have a running router make the changes of a route collector's update file (MRT, BGP4MP, may be gzip or bzip2), as the routes of
the file's peers, at their own times or at a rate. The router reads FILE, all of it before it changes anything. At the end, at
SIGINT, or when this command ends otherwise, it takes back what it has replayed.

Routes lead to the file's next hops, which are other routers' than this one's neighbours: --next-hops and --translate say which
gateways to use instead, as next-hops: and translate: of a table do. A file is refused that has peers which the VR learns routes of
otherwise. Changes of peers without an IPv4 address are left out, and counted.`,
		Args: exactly("a file", 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			changed := cmd.Flags().Changed
			switch {
			case changed("speed") && changed("rate"):
				return cli.Usage(errors.New("--speed and --rate: only one of them"))
			case !(q.Speed > 0 && q.Speed <= 1e6):
				return bed.Bad("speed", fmt.Sprint(q.Speed), errors.New("more than 0, up to 1,000,000 times"))
			case changed("rate") && !(q.Rate > 0 && q.Rate <= 1e7):
				return bed.Bad("rate", fmt.Sprint(q.Rate), errors.New("more than 0, up to 10,000,000 changes a second"))
			case changed("limit") && q.Limit < 1:
				return bed.Bad("limit", fmt.Sprint(q.Limit), errors.New("1 change or more"))
			}
			if changed("rate") {
				q.Speed = 0
			}
			var err error
			if q.File, err = filepath.Abs(args[0]); err != nil {
				return cli.Usage(err)
			}
			return f.replay(cmd, q)
		},
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	f.add(fl)
	fl.BoolVar(&f.json, "json", false, "JSON instead of text")
	fl.Float64Var(&q.Speed, "speed", 1, "so many times faster than it was heard")
	fl.Float64Var(&q.Rate, "rate", 0, "changes a second, instead of their own times")
	fl.StringVar(&q.VRF, "vrf", "", "`VRF` that gets the routes; default: the parent virtual router")
	fl.IntVar(&q.Limit, "limit", 0, "end after so many changes")
	fl.StringSliceVar(&q.NextHops, "next-hops", nil, "gateways (`addresses`) instead of the file's next hops: one peer's routes are spread over them, several peers have one each")
	fl.StringToStringVar(&q.Translate, "translate", nil, "gateways for next hops of the file, or for its peers' addresses (`ADDRESS=GATEWAY`,...); they come before --next-hops")
	return cmd
}

// replay shows the progress on standard error, and the end on standard output. A signal asks the router to end; it has still
// to say what it did.
func (f *showFlags) replay(cmd *cobra.Command, q router.Request) error {
	a, err := f.ask(cmd.Context(), q)
	if err != nil {
		return err
	}
	defer a.Close()
	defer context.AfterFunc(cmd.Context(), func() { _ = a.End() })()
	for {
		var done router.Replayed
		if err := a.Next(&done); err != nil {
			return fmt.Errorf("the router broke off: %w", err)
		}
		w := cmd.OutOrStdout()
		if !done.Ended {
			w = cmd.ErrOrStderr()
		}
		if f.json && done.Ended {
			err = writeJSON(w, &done)
		} else {
			err = done.WriteText(w)
		}
		switch {
		case err != nil:
			return err
		case done.Error != "":
			return errors.New(done.Error)
		case done.Ended:
			return nil
		}
	}
}
