package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"vrfwd/bench"
	"vrfwd/bench/live"
	"vrfwd/bench/sample"
	"vrfwd/bench/trial"
	"vrfwd/cmd/internal/bed"
	"vrfwd/cmd/internal/cli"
	"vrfwd/gen"
)

// targetFlags say what is measured: a provider edge in memory, or what stands between live ports. Where both have a flag of
// one name, it is one flag.
type targetFlags struct {
	bed     bed.Flags
	streams streamFlags
	arp     bool

	memory, live *pflag.FlagSet
}

// decided are the flags of streams that a measurement decides.
var decided = []string{"rate", "line", "count", "duration", "discard"}

func (f *targetFlags) init() {
	f.memory, f.live = pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
	f.memory.SortFlags = false
	f.bed.Add(f.memory)
	f.streams.add(f.live)
	f.live.BoolVar(&f.arp, "arp", false, "answer ARP also for the addresses that streams come from and go to, as if hosts had them")
}

func (f *targetFlags) add(fl *pflag.FlagSet) {
	f.memory.VisitAll(func(flag *pflag.Flag) {
		if f.live.Lookup(flag.Name) == nil {
			flag.Usage = "in memory: " + flag.Usage
		}
		fl.AddFlag(flag)
	})
	for _, name := range []string{"flows", "burst", "keys"} {
		one, other := fl.Lookup(name), f.live.Lookup(name)
		one.Usage += "; live: " + other.Usage
		if other.DefValue != "" {
			one.Usage += ", default " + other.DefValue
		}
	}
	f.live.VisitAll(func(flag *pflag.Flag) {
		if fl.Lookup(flag.Name) == nil && !slices.Contains(decided, flag.Name) {
			flag.Usage = "live: " + flag.Usage
			fl.AddFlag(flag)
		}
	})
}

// isLive tells which of the two was asked for.
func isLive(changed func(string) bool) bool {
	return changed("config") || changed("port") || changed("sink")
}

// parameters are the names of what can be swept.
func (f *targetFlags) parameters(fl *pflag.FlagSet) (names []string) {
	set := f.memory
	if isLive(fl.Changed) {
		set = f.live
	}
	set.VisitAll(func(flag *pflag.Flag) {
		if !slices.Contains(decided, flag.Name) && !slices.Contains([]string{"interface", "verify", "imix"}, flag.Name) {
			names = append(names, flag.Name)
		}
	})
	return names
}

// networks are the parameters that make another network, which takes time to build.
var networks = []string{"table", "routes", "next-hops", "locality", "vrfs", "profile", "method", "return", "imports", "uplinks", "seed"}

// rank orders axes: a network's first.
func rank(name string) int {
	if slices.Contains(networks, name) {
		return 0
	}
	return 1
}

// parse gives the flags a meaning.
func (f *targetFlags) parse(fl *pflag.FlagSet) (target, error) {
	other, remedy := f.live, "it goes with --port and --sink, or --config"
	if isLive(fl.Changed) {
		other, remedy = f.memory, "in memory only: the device between live ports has its own"
	}
	var wrong error
	fl.Visit(func(flag *pflag.Flag) {
		own := f.memory
		if other == f.memory {
			own = f.live
		}
		if other.Lookup(flag.Name) != nil && own.Lookup(flag.Name) == nil && !slices.Contains(decided, flag.Name) && wrong == nil {
			wrong = bed.Bad(flag.Name, flag.Value.String(), errors.New(remedy))
		}
	})
	if wrong != nil {
		return nil, wrong
	}
	if !isLive(fl.Changed) {
		if err := f.bed.Parse(fl.Changed); err != nil {
			return nil, err
		}
		return &memory{network: f.bed.Network, load: f.bed.Load, churn: f.bed.Churn}, nil
	}
	// A flag that both have is the memory's: what was given, the streams are given too.
	for _, s := range given(fl) {
		if flag := f.live.Lookup(s.name); flag != nil && f.memory.Lookup(s.name) != nil {
			if err := f.live.Set(s.name, s.value); err != nil {
				return nil, cli.Usage(err)
			}
		}
	}
	if f.streams.file == "" && *f.streams.words["sink"] == "" {
		return nil, cli.Usage(errors.New("--sink is missing: the interface that the frames must come out on"))
	}
	spec, err := f.streams.spec(fl)
	if err != nil {
		return nil, err
	}
	return &ports{spec: spec, arp: f.arp}, nil
}

// target is what is measured.
type target interface {
	name() string
	sizes() []gen.Size
	// placed are settings that follow from the machine where they are not given.
	placed() []setting
	open(ctx context.Context, beds *beds, show *searchView) (opened, error)
}

// opened is a target that trials can be run on.
type opened struct {
	device   trial.Device
	describe func(*sample.Sample)
	close    func()
}

// memory is a provider edge in memory.
type memory struct {
	network bench.Network
	load    bench.Load
	churn   int
}

func (m *memory) name() string {
	return fmt.Sprintf("in memory: %v, %d VRFs, table %s", m.network.Method, m.network.VRFs, m.network.Table)
}

func (m *memory) sizes() []gen.Size { return m.load.Sizes }

func (m *memory) placed() []setting {
	return []setting{{name: "ports", value: m.load.Ports.String()}, {name: "workers", value: fmt.Sprint(m.load.Workers)}}
}

// beds keeps the last network that was built: points of a sweep that have the same share it.
type beds struct{ last *bench.Scenario }

func (b *beds) close() {
	if b.last != nil {
		b.last.Close()
		b.last = nil
	}
}

// built returns the scenario of a network.
func (b *beds) built(ctx context.Context, n bench.Network, show *searchView) (*bench.Scenario, error) {
	want, err := n.Completed()
	if err != nil {
		return nil, err
	}
	if b.last != nil && b.last.Network == want {
		return b.last, nil
	}
	b.close()
	show.step(fmt.Sprintf("building: table %s, %d routes, %d VRFs, %v", want.Table, want.Routes, want.VRFs, want.Method))
	s, err := bench.New(n)
	if err != nil {
		return nil, err
	}
	b.last = s
	return s, ctx.Err()
}

func (m *memory) open(ctx context.Context, beds *beds, show *searchView) (opened, error) {
	s, err := beds.built(ctx, m.network, show)
	if err != nil {
		return opened{}, err
	}
	b, err := s.NewBed(m.load)
	if err != nil {
		return opened{}, err
	}
	t := bench.Tester{Bed: b, Churn: m.churn}
	return opened{device: t, describe: t.Describe, close: b.Close}, nil
}

// ports are live.
type ports struct {
	spec *live.Spec
	arp  bool
}

func (p *ports) name() string      { return "live: " + live.Tester{Spec: p.spec}.Point().Target }
func (p *ports) placed() []setting { return nil }

func (p *ports) sizes() (all []gen.Size) {
	for i := range p.spec.Streams {
		all = append(all, p.spec.Streams[i].Sizes...)
	}
	return all
}

func (p *ports) open(_ context.Context, _ *beds, show *searchView) (opened, error) {
	o, err := live.Open(p.spec, p.spec.Sides(true, true, p.arp))
	if err != nil {
		return opened{}, err
	}
	show.warn(o.Warnings)
	t := live.Tester{Spec: p.spec, Links: o.Links, Options: live.Options{AnswerARP: p.arp}}
	return opened{
		device:   t,
		describe: func(s *sample.Sample) { s.Point, s.Conditions = t.Point(), bench.Here() },
		close:    func() { _ = o.Close() },
	}, nil
}

// unfit tells whether an error says that a point cannot be, rather than that measuring it failed.
func unfit(err error) bool {
	_, ok := errors.AsType[*bench.ConfigError](err)
	return ok
}
