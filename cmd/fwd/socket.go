package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"vrfwd/cmd/internal/cli"
	"vrfwd/router"
)

// socketFlags say which router is asked.
type socketFlags struct {
	socket, config string
}

// defaultSocket is where the example of fwd init has it.
const defaultSocket = "/run/fwd.sock"

func (f *socketFlags) add(fl *pflag.FlagSet) {
	fl.StringVarP(&f.socket, "socket", "s", "", "the router's control socket (`path`); default "+defaultSocket)
	fl.StringVarP(&f.config, "config", "c", "", "the router's configuration (`file`), which names its control socket")
}

// path returns the socket's path.
func (f *socketFlags) path() (string, error) {
	switch {
	case f.socket != "" && f.config != "":
		return "", cli.Usage(errors.New("--socket and --config: only one of them"))
	case f.socket != "":
		return f.socket, nil
	case f.config == "":
		return defaultSocket, nil
	}
	c, err := loadConfig(f.config)
	if err != nil {
		return "", err
	}
	if c.Control == "" {
		return "", cli.Usage(fmt.Errorf("%s: it has no control socket: add control: PATH, and start the router again", f.config))
	}
	return c.Control, nil
}

// ask asks the router. What is wrong with the request is a usage error.
func (f *socketFlags) ask(ctx context.Context, q router.Request) (*router.Answer, error) {
	path, err := f.path()
	if err != nil {
		return nil, err
	}
	a, err := router.Ask(ctx, path, q)
	if bad := (*router.RequestError)(nil); errors.As(err, &bad) {
		return nil, cli.Usage(err)
	}
	return a, err
}
