package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/gen"
)

// Case is one point of a Grid.
type Case struct {
	Network Network
	Load    Load
	Churn   int  // route changes a second
	Stages  bool // also the stages' cycle budget; with ports=samecore only
	// HeldBack keeps the point from the models that are fitted to the others: they are judged by it.
	HeldBack bool
	// Search, where set, measures the case instead of trials; Redo is the command line for it.
	Search func(ctx context.Context, t Tester) (*sample.Sample, error)
	Redo   string
}

// Grid measures many points, each several times, into a file of samples.
type Grid struct {
	Cases  []Case        // the first is what the others are compared with: sample.FigReference
	Rounds int           // trials of each case; 0: 13
	Trial  time.Duration // each; 0: 100 ms
	Run    string        // names the run in its samples: by it readers tell runs apart
	// Step is told what begins, how many cases are done of how many, and how long the rest may take (0: not known); nil:
	// nobody.
	Step func(what string, done, of int, left time.Duration)
}

// Measure measures the cases that the file does not hold yet, by their command, so that an interrupted run goes on where it
// was. Cases of one network that follow one another share it, and their trials take turns: a machine that drifts takes all of
// them with it. Errors: the context's, *ConfigError, or of memory and file; what was measured before is in the file.
func (g Grid) Measure(ctx context.Context, f *sample.File) error {
	orDefault(&g.Rounds, 13)
	orDefault(&g.Trial, 100*time.Millisecond)
	have := map[string]bool{}
	for i := range f.Done {
		have[f.Done[i].Command] = true
	}
	var todo []Case
	for _, c := range g.Cases {
		if err := first(c.Network.complete(), c.Load.complete(&c.Network)); err != nil {
			return err
		}
		if !have[g.Command(&c)] {
			todo = append(todo, c)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	scenario, err := New(g.Cases[0].Network)
	if err != nil {
		return err
	}
	defer scenario.Close()
	reference, err := scenario.NewBed(g.Cases[0].Load)
	if err != nil {
		return err
	}
	defer reference.Close()
	began := time.Now()
	for done := 0; done < len(todo); {
		group := todo[done:]
		for i := range group {
			if group[i].Network != group[0].Network {
				group = group[:i]
				break
			}
		}
		if g.Step != nil {
			left := time.Duration(0)
			if done > 0 {
				left = time.Since(began) / time.Duration(done) * time.Duration(len(todo)-done)
			}
			n := &group[0].Network
			g.Step(fmt.Sprintf("%v, %s routes, %s VRFs: %d points", n.way(), thousands(n.Routes), thousands(n.VRFs), len(group)),
				len(g.Cases)-len(todo)+done, len(g.Cases), left)
		}
		samples, err := g.group(ctx, group, reference)
		if err != nil {
			return err
		}
		if err := f.Append(samples...); err != nil {
			return err
		}
		done += len(group)
	}
	return nil
}

// group measures cases of one network.
func (g Grid) group(ctx context.Context, cases []Case, reference *Bed) ([]sample.Sample, error) {
	s, err := New(cases[0].Network)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	beds, trials, beside := make([]*Bed, len(cases)), make([][]Trial, len(cases)), make([][]float64, len(cases))
	for i := range cases {
		if beds[i], err = s.NewBed(cases[i].Load); err != nil {
			return nil, err
		}
		defer beds[i].Close()
	}
	out := make([]sample.Sample, len(cases))
	for i, b := range beds {
		if cases[i].Search == nil {
			continue
		}
		found, err := cases[i].Search(ctx, Tester{Bed: b, Churn: cases[i].Churn})
		if err != nil {
			return nil, err
		}
		out[i] = *found
		Tester{Bed: b, Churn: cases[i].Churn}.Describe(&out[i])
	}
	for range g.Rounds {
		for i, b := range beds {
			if cases[i].Search != nil {
				continue
			}
			run := Run{Warmup: g.Trial / 4, Duration: g.Trial}
			r, err := reference.Run(ctx, run)
			if err != nil {
				return nil, err
			}
			run.Churn = cases[i].Churn
			t, err := b.Run(ctx, run)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return nil, err
			}
			trials[i], beside[i] = append(trials[i], t), append(beside[i], r.NS)
		}
	}
	for i, b := range beds {
		if cases[i].Search == nil {
			out[i] = b.sample(cases[i].Churn, trials[i])
			out[i].Add(sample.Median(sample.FigReference, "ns/pkt", beside[i]))
		}
		out[i].Run, out[i].Command = g.Run, g.Command(&cases[i])
		if cases[i].Search != nil {
			continue
		}
		out[i].Settings = map[string]string{"trial": g.Trial.String(), "repetitions": fmt.Sprint(g.Rounds)}
		if cases[i].HeldBack {
			out[i].Settings[sample.SettingRole] = sample.HeldBack
		}
		if cases[i].Stages && b.Load.Ports == SameCore {
			if out[i].Stages, err = b.Budget(ctx, g.Trial/2); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// sample makes a sample of a bed's trials.
func (b *Bed) sample(churn int, trials []Trial) sample.Sample {
	out := sample.Sample{Kind: sample.OfTrial, Time: time.Now().UTC().Truncate(time.Second), OK: true}
	Tester{Bed: b, Churn: churn}.Describe(&out)
	var rate, bits, ns, cycles []float64
	sent, lost := 0.0, 0.0
	for i := range trials {
		one := trials[i].sample()
		out.Trials = append(out.Trials, one)
		rate, bits, ns, cycles = append(rate, one.Rate), append(bits, one.Bits), append(ns, one.NS), append(cycles, one.Cycles)
		sent, lost = sent+float64(one.Sent), lost+float64(one.Lost)
		if !trials[i].Account.OK() {
			out.OK = false
			out.Faults = append(out.Faults, fmt.Sprintf("trial %d: %s", i+1, trials[i].Account.Verdict()))
		}
	}
	out.Add(sample.Median(sample.FigRate, "pps", rate))
	out.Add(sample.Median(sample.FigBits, "bit/s", bits))
	out.Add(sample.Median(sample.FigTime, "ns/pkt", ns))
	out.Add(sample.Median(sample.FigCycles, "cycles/pkt", cycles))
	out.Add(sample.Count(sample.FigLoss, "1", lost/max(sent, 1)))
	return out
}

// way is the method that a network is about.
func (n *Network) way() Method {
	if n.Method == None {
		return n.Return
	}
	return n.Method
}

// Command is the command line that does the case again: that of one longer trial instead of several short ones.
func (g Grid) Command(c *Case) string {
	if c.Search != nil {
		return c.Redo
	}
	var b strings.Builder
	b.WriteString("fwd bench")
	flag := func(name string, value, unless any) {
		if value != unless {
			fmt.Fprintf(&b, " --%s %v", name, value)
		}
	}
	n, l := &c.Network, &c.Load
	dn, dl := Defaults()
	flag("table", n.Table, dn.Table)
	flag("routes", n.Routes, dn.Routes)
	flag("next-hops", n.NextHops, dn.NextHops)
	flag("locality", n.Locality, dn.Locality)
	flag("vrfs", n.VRFs, dn.VRFs)
	flag("profile", n.Profile, dn.Profile)
	flag("method", n.way(), dn.Method)
	if n.Method != None {
		flag("return", n.Return, None)
	}
	flag("imports", n.Imports, dn.Imports)
	flag("uplinks", n.Uplinks, dn.Uplinks)
	flag("seed", n.Seed, dn.Seed)
	if n.Method != None {
		flag("fallback", 100*l.Fallback, 100*dl.Fallback)
		flag("inbound", 100*l.Inbound, 100*dl.Inbound)
	}
	flag("keys", l.Keys, dl.Keys)
	flag("size", gen.SizesText(l.Sizes), gen.SizesText(dl.Sizes))
	flag("flows", l.Flows, dl.Flows)
	flag("ports", l.Ports, "")
	flag("workers", l.Workers, "")
	flag("burst", l.Burst, dl.Burst)
	flag("churn", c.Churn, 0)
	flag("check", l.Check, "")
	if !l.Pin {
		b.WriteString(" --no-pin")
	}
	fmt.Fprintf(&b, " --warmup %v --duration %v", g.Trial/4, time.Duration(g.Rounds)*g.Trial)
	return b.String()
}
