package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"vrfwd/bench/live"
	"vrfwd/cmd/internal/cli"
	"vrfwd/gen"
	"vrfwd/packet"
)

// replayFlags are the flags of trafgen replay.
type replayFlags struct {
	port, dump  string
	sinks       []string
	speed, rate float64
	top         bool
	loop        int
	src, dst    string
	json, quiet bool
}

func newReplay() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Send the frames of a pcap or pcapng file",
		Long: `Send the frames of a pcap or pcapng file, plain or gzip, with the timing that they were captured with, or another. Frames that the
capture has cut and those longer than the interface's MTU are counted and left out.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.Usage(fmt.Errorf("%s takes one capture file, but there are %d", cmd.CommandPath(), len(args)))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.execute(cmd, args[0]) },
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVar(&f.port, "port", "", "`interface` to send on; name@namespace for one in another network namespace")
	fl.StringArrayVar(&f.sinks, "sink", nil, "`interface` to receive on, counting by kind; may be repeated")
	fl.StringVarP(&f.dump, "write", "w", "", "`file` (pcapng) that all received frames are written to")
	fl.Float64Var(&f.speed, "speed", 1, "`factor` of the captured timing: 2 is twice as fast")
	fl.Float64Var(&f.rate, "pps", 0, "frames a second, in place of the captured timing")
	fl.BoolVar(&f.top, "top-speed", false, "as fast as the port takes them")
	fl.IntVar(&f.loop, "loop", 1, "how `often`; 0: until a signal")
	fl.StringVar(&f.src, "src-mac", "", "source `MAC` in place of the captured one")
	fl.StringVar(&f.dst, "dst-mac", "", "destination `MAC` in place of the captured one")
	addOutput(fl, &f.json, &f.quiet)
	return cmd
}

// options turns the flags into options, and the ports into a spec: the first sends, the others receive.
func (f *replayFlags) options(changed func(string) bool) (o live.ReplayOptions, err error) {
	ways := 0
	for _, flag := range []string{"speed", "pps", "top-speed"} {
		if changed(flag) {
			ways++
		}
	}
	switch {
	case f.port == "":
		return o, cli.Usage(errors.New("--port is missing: the interface to send on"))
	case ways > 1:
		return o, cli.Usage(errors.New("--speed, --pps, --top-speed: only one of them"))
	case !(f.speed > 0 && f.speed <= 1e6):
		return o, cli.Usage(fmt.Errorf("--speed %g: a factor above 0, at most 1e6; --top-speed has no timing", f.speed))
	case changed("pps") && !(f.rate > 0 && f.rate <= gen.MaxRate):
		return o, cli.Usage(fmt.Errorf("--pps %g: above 0, at most %g", f.rate, gen.MaxRate))
	case f.loop < 0:
		return o, cli.Usage(fmt.Errorf("--loop %d: 1 or more, or 0 for ever", f.loop))
	}
	o = live.ReplayOptions{Speed: f.speed, Rate: f.rate, Loop: f.loop}
	if f.top || f.rate > 0 {
		o.Speed = 0
	}
	for _, m := range []struct {
		flag, text string
		to         *packet.MAC
	}{{"src-mac", f.src, &o.Src}, {"dst-mac", f.dst, &o.Dst}} {
		if m.text == "" {
			continue
		}
		b, err := net.ParseMAC(m.text)
		if err != nil || len(b) != len(m.to) {
			return o, cli.Usage(fmt.Errorf("--%s %s: a MAC address such as 02:00:00:00:00:01 is needed", m.flag, m.text))
		}
		*m.to = packet.MAC(b)
	}
	return o, nil
}

func (f *replayFlags) execute(cmd *cobra.Command, path string) error {
	o, err := f.options(cmd.Flags().Changed)
	if err != nil {
		return err
	}
	probe, err := live.OpenCapture(path) // before anything is opened: is it one at all?
	if err != nil {
		return err
	}
	probe.Close()
	spec, sides := new(live.Spec), []live.Side{{Send: true}}
	for i, device := range append([]string{f.port}, f.sinks...) {
		p, err := live.ParsePort(device)
		if err != nil {
			return cli.Usage(fmt.Errorf("--%s: %w", map[bool]string{true: "port", false: "sink"}[i == 0], err))
		}
		if spec.Ports = append(spec.Ports, p); i > 0 {
			sides = append(sides, live.Side{Receive: true})
		}
	}
	ports, err := live.Open(spec, sides)
	if err != nil {
		return err
	}
	defer ports.Close()
	show := newView(cmd.ErrOrStderr(), f.quiet)
	show.warn(ports.Warnings)
	o.Progress = show.line
	closeDump, err := dumpTo(f.dump, spec, &o.Dump)
	if err != nil {
		return err
	}
	report, err := live.Replay(cmd.Context(), spec, ports.Links, 0, func() (*live.Capture, error) { return live.OpenCapture(path) }, o)
	show.end()
	if closeErr := closeDump(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return write(cmd.OutOrStdout(), report, f.json)
}
