package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// side is one side of a comparison: a bed, and what its trials gave.
type side struct {
	bed                   *Bed
	churn                 int     // changes of routes a second
	pps, ns, lost, trials float64 // added up
}

// open makes a side, and warms it.
func open(b *testing.B, s *Scenario, l Load, churn int) *side {
	b.Helper()
	if cpus := len(allowedCPUs()); l.Ports == Rings && cpus < l.Workers+1 || cpus < l.Workers {
		b.Skipf("%d CPUs: too few for %d workers with ports=%v", cpus, l.Workers, l.Ports)
	}
	bed, err := s.NewBed(l)
	if err != nil {
		b.Fatal(err)
	}
	o := &side{bed: bed, churn: churn}
	o.trial(b, 1<<17)
	return o
}

// alone is a side of one of the workers, without changes of routes, in the same memory: one bed may be some percent ahead of another.
func (o *side) alone(worker int) *side {
	bed := &Bed{Scenario: o.bed.Scenario, Load: o.bed.Load, lanes: o.bed.lanes[worker : worker+1]}
	bed.Load.Workers = 1
	return &side{bed: bed}
}

// trial is one of so many frames.
func (o *side) trial(b *testing.B, frames int) Trial {
	b.Helper()
	t, err := o.bed.Run(context.Background(), Run{Frames: uint64(max(1, frames)), Churn: o.churn})
	if err != nil {
		b.Fatal(err)
	}
	if !t.Account.OK() {
		b.Fatalf("%s %v", t.Account.Verdict(), t.Faults)
	}
	o.lost += float64(t.Account.Lost)
	return t
}

// run adds a trial up and returns its rate, frames a second.
func (o *side) run(b *testing.B, frames int) float64 {
	b.Helper()
	t := o.trial(b, frames)
	o.pps, o.ns, o.trials = o.pps+t.PPS, o.ns+t.NS, o.trials+1
	return t.PPS
}

// turn runs so many frames for each worker, the first of them on the first CPU. Others have been there since, and the caches are theirs: so
// a quarter of it goes ahead.
func (o *side) turn(b *testing.B, cpus []int, frames int) float64 {
	b.Helper()
	o.bed.cpus = cpus
	frames *= o.bed.Load.Workers
	o.trial(b, frames/4)
	return o.run(b, frames)
}

func (o *side) report(b *testing.B) {
	b.ReportMetric(o.pps/1e6/o.trials, "Mpps")
	b.ReportMetric(o.ns/o.trials, "ns/pkt")
	b.ReportMetric(o.lost, "lost")
}

// slice is how many frames a worker forwards until it is another's turn: some 8 ms. Of rounds of 2, 8 and 30 ms in the same time, the
// ratio's standard error was 0.5, 0.7 and 1.2 %: shorter, neighbours change less within a round. In 2 ms the start of a trial counts.
const slice = 1 << 18

// comparison is of two rates, ours in parts of the base's.
type comparison struct {
	// Each is given the CPUs in an order that says where its threads have to be. Of several turns of the base the mean counts; each is given
	// another CPU first, for one may have a busier neighbour.
	ours   func(cpus []int) float64
	base   []func(cpus []int) float64
	ratios []float64 // by round
}

// compare takes turns of ours and of the base until ours has forwarded b.N frames. An op is one of these, in the time between warm-up and
// stop. x is ours in parts of the base, and control-x is a comparison by the same turns in which there is nothing of the engine's to find:
// how far it is from what it should be is the machine.
//
// Both are the median of the rounds' ratios. The ratio of the mean rates says how neighbours share cores: one thread had a core to itself
// for a third of its turns, two seldom had, so that arithmetic in registers, which two CPUs have twice of, had 1.87 to 1.90 times the mean
// rate on two, and 1.97 in the median. The order of the turns is drawn anew in each round.
func compare(b *testing.B, ours *side, base []*side, control comparison) {
	b.Helper()
	workers := ours.bed.Load.Workers
	rounds := 1 + (b.N-1)/(slice*workers)
	frames := 1 + (b.N-1)/(rounds*workers)
	engine := comparison{ours: func(cpus []int) float64 {
		b.StartTimer()
		defer b.StopTimer()
		return ours.turn(b, cpus, frames)
	}}
	for _, o := range base {
		engine.base = append(engine.base, func(cpus []int) float64 { return o.turn(b, cpus, frames) })
	}
	b.ResetTimer()
	b.StopTimer()
	for cpus := allowedCPUs(); rounds > 0; rounds-- {
		round(cpus, &engine, &control)
		cpus = next(cpus, 1)
	}
	ours.report(b)
	b.ReportMetric(1e9*ours.trials/ours.pps, "ns/op")
	pps, trials := 0.0, 0.0
	for _, o := range base {
		pps, trials = pps+o.pps, trials+o.trials
	}
	b.ReportMetric(pps/1e6/trials, "base-Mpps")
	b.ReportMetric(median(engine.ratios), "x")
	b.ReportMetric(median(control.ratios), "control-x")
}

// round adds one ratio to each comparison.
func round(cpus []int, all ...*comparison) {
	var turns []func()
	ours, base := make([]float64, len(all)), make([]float64, len(all))
	for i, c := range all {
		turns = append(turns, func() { ours[i] = c.ours(cpus) })
		for k, one := range c.base {
			turns = append(turns, func() { base[i] += one(next(cpus, k)) / float64(len(c.base)) })
		}
	}
	for _, k := range rand.Perm(len(turns)) {
		turns[k]()
	}
	for i, c := range all {
		c.ratios = append(c.ratios, ours[i]/base[i])
	}
}

// next gives the CPUs in the same order from another on.
func next(cpus []int, k int) []int {
	k %= len(cpus)
	return slices.Concat(cpus[k:], cpus[:k])
}

func median(x []float64) float64 {
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// loads is the rate of steps of two loads each, on these CPUs at once, each from a table of its own. The threads share nothing, and
// miss the caches some at a time as a worker does: so they feel who else is on the core, in the caches and on the way to memory.
func (o *side) loads(b *testing.B, tables [][]uint32, cpus []int) (rate float64) {
	b.Helper()
	const steps = 1_500_000 // some 7 ms
	rates, errs := make([]float64, len(cpus)), make([]error, len(cpus))
	var ready, all sync.WaitGroup
	ready.Add(len(cpus))
	for i, cpu := range cpus {
		all.Go(func() {
			errs[i] = o.bed.onCPU(cpu, func() {
				ready.Done()
				ready.Wait()
				sum := load(tables[i], steps/4)
				began := time.Now()
				sum += load(tables[i], steps)
				runtime.KeepAlive(sum)
				rates[i] = steps / time.Since(began).Seconds()
			}, ready.Done)
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
	for _, r := range rates {
		rate += r
	}
	return rate
}

// load adds up words of a table, a power of two of them, at places that a linear congruential generator (Knuth's MMIX) draws: none waits
// for another.
//
//go:noinline
func load(table []uint32, steps int) (sum uint64) {
	draw, mask := uint64(1), uint64(len(table)-1)
	for range steps {
		draw = draw*6364136223846793005 + 1442695040888963407
		sum += uint64(table[draw>>40&mask]) + uint64(table[draw>>16&mask])
	}
	return sum
}
