package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"vrfwd/bench/plan"
	"vrfwd/bench/sample"
	"vrfwd/cmd/internal/cli"
)

// planFlags are the flags as given.
type planFlags struct {
	want    plan.Want
	file    string
	samples string
	json    bool
}

func newPlan() *cobra.Command {
	f := &planFlags{want: plan.Defaults()}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say how many cores and how much memory a provider edge needs, from measured samples",
		Long: `Answer, for each method of Internet access: how many cores, how much memory and of what, which loss-free rate is to be
expected, and what limits it. The answers come from samples that "fwd report --measure" makes on the machine in question, and
each says whether it was measured, interpolated or extrapolated; what would be extrapolated is answered with --extrapolate
only. Without flags: 1,000 VRFs, 1,000,000 global routes, 10 Gbit/s of the simple Internet mix.`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.execute(cmd) },
	}
	fl, d := cmd.Flags(), plan.Defaults()
	fl.SortFlags = false
	fl.StringVarP(&f.file, "file", "f", "", "YAML `file` with what is wanted, by the names of these flags; flags go first")
	fl.StringVar(&f.samples, "samples", "results", "`folder` with samples, *"+sample.Ext)
	fl.IntVar(&f.want.VRFs, "vrfs", d.VRFs, "number of VRFs")
	fl.StringVar(&f.want.Profile, "profile", d.Profile, "routes of each VRF: typical, lab or tiny")
	fl.Float64Var(&f.want.VRFRoutes, "vrf-routes", 0, "or their number on average, instead")
	fl.IntVar(&f.want.Routes, "routes", d.Routes, "routes of the global table")
	fl.IntVar(&f.want.Imports, "imports", d.Imports, "routes that import-map imports into each VRF")
	fl.Float64Var(&f.want.Gbit, "gbit", d.Gbit, "offered load, Gbit/s on layer 1")
	fl.Float64Var(&f.want.PPS, "pps", 0, "or packets a second, instead")
	fl.StringVar(&f.want.Size, "size", d.Size, "frame size in bytes, FCS included, or a mix")
	fl.Float64Var(&f.want.Fallback, "fallback", d.Fallback, "`percent` of the VPNs' packets that go to the Internet")
	fl.StringVar(&f.want.Keys, "keys", d.Keys, "destinations: routed, uniform, covered or zipf")
	fl.IntVar(&f.want.Churn, "churn", 0, "route changes a second of the global table")
	fl.Float64Var(&f.want.Headroom, "headroom", d.Headroom, "`percent` of the rate that is to stay free")
	fl.Float64Var(&f.want.Loss, "loss", 0, "`percent` of packets that may be lost")
	fl.StringVar(&f.want.Method, "method", d.Method, "two-circuits, default-share, fallback, import-map, full-copy or all")
	fl.StringVar(&f.want.Ports, "ports", d.Ports, "of the samples: samecore or rings")
	fl.StringVar(&f.want.CPU, "cpu", "", "of the samples' machine a part of its `name`, as the answer has it; else that of the newest run")
	fl.Float64Var(&f.want.PortGbit, "port-gbit", 0, "Gbit/s that all ports together carry; 0: not considered")
	fl.BoolVar(&f.want.Extrapolate, "extrapolate", false, "answer beyond what was measured, too")
	fl.BoolVar(&f.json, "json", false, "the answer as JSON")
	return cmd
}

// wants puts the file below the flags.
func (f *planFlags) wants(changed func(flag string) bool) (plan.Want, error) {
	w := plan.Defaults()
	if f.file != "" {
		r, err := os.Open(f.file)
		if err != nil {
			return w, cli.Usage(err)
		}
		defer r.Close()
		if w, err = plan.ReadWant(f.file, r); err != nil {
			return w, cli.Usage(err)
		}
	}
	g := &f.want
	for flag, take := range map[string]func(){
		"vrfs": func() { w.VRFs = g.VRFs }, "routes": func() { w.Routes = g.Routes }, "imports": func() { w.Imports = g.Imports },
		"size": func() { w.Size = g.Size }, "fallback": func() { w.Fallback = g.Fallback }, "keys": func() { w.Keys = g.Keys },
		"churn": func() { w.Churn = g.Churn }, "headroom": func() { w.Headroom = g.Headroom }, "loss": func() { w.Loss = g.Loss },
		"method": func() { w.Method = g.Method }, "ports": func() { w.Ports = g.Ports }, "cpu": func() { w.CPU = g.CPU }, "port-gbit": func() { w.PortGbit = g.PortGbit },
		"extrapolate": func() { w.Extrapolate = g.Extrapolate },
	} {
		if changed(flag) {
			take()
		}
	}
	// Of each pair the one that is given; both, and Check refuses.
	if p, r := changed("profile"), changed("vrf-routes"); p || r {
		w.Profile, w.VRFRoutes = "", 0
		if p {
			w.Profile = g.Profile
		}
		if r {
			w.VRFRoutes = g.VRFRoutes
		}
	}
	if b, p := changed("gbit"), changed("pps"); b || p {
		w.Gbit, w.PPS = 0, 0
		if b {
			w.Gbit = g.Gbit
		}
		if p {
			w.PPS = g.PPS
		}
	}
	return w, nil
}

func (f *planFlags) execute(cmd *cobra.Command) error {
	w, err := f.wants(cmd.Flags().Changed)
	if err != nil {
		return err
	}
	if err := w.Check(); err != nil {
		return wantError(err)
	}
	all, err := sample.ReadDir(f.samples)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return cli.Usage(fmt.Errorf("--samples: %w; `fwd report --measure DIR` makes some", err))
	case err != nil:
		return cli.Usage(err)
	}
	m, err := plan.Fit(all, w.Ports, w.CPU)
	switch {
	case errors.Is(err, plan.ErrNoSamples):
		return cli.Usage(fmt.Errorf("--samples %s: %w; `fwd report --measure DIR` makes some", f.samples, err))
	case err != nil:
		return wantError(err)
	}
	a, err := m.Answer(w)
	if err != nil {
		return wantError(err)
	}
	if f.json {
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetIndent("", "  ")
		err = e.Encode(a)
	} else {
		err = a.WriteText(cmd.OutOrStdout())
	}
	if err != nil {
		return err
	}
	for i := range a.Methods {
		if len(a.Methods[i].Refused) == 0 {
			return nil
		}
	}
	return errors.New("nothing could be answered in full without extrapolating: --extrapolate")
}

// wantError names the flag.
func wantError(err error) error {
	if bad, ok := errors.AsType[*plan.WantError](err); ok {
		return cli.Usage(fmt.Errorf("--%w", bad))
	}
	return err
}
