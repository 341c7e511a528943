package bench

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/forwarder"
	"vrfwd/packet"
)

// budgetRounds is odd: a stage's cost is the median of so many trials.
const budgetRounds = 5

// Budget measures the cycle budget of the stages, on the first worker of a Bed with ports=samecore: in trials that stop
// after each stage in turn, all of them in each round, every trial as long as each says. A stage's cost is the
// difference between the medians of two trials, so noise may make one negative; they add up to the cost of all. The
// first stage is the generator; the sink is part of transmit.
func (b *Bed) Budget(ctx context.Context, each time.Duration) ([]sample.Stage, error) {
	if b.Load.Ports != SameCore {
		return nil, &ConfigError{"ports", b.Load.Ports, "the budget of stages is measured with samecore"}
	}
	ln := b.lanes[0]
	ln.sink.reset(false)
	scratch := make([]packet.Desc, b.Load.Burst)
	steps := []func() int{func() int { // the generator alone
		sum := 0
		for _, p := range ln.loop {
			n := p.RxBurst(scratch)
			p.Free(scratch[:n])
			sum += n
		}
		return sum
	}}
	names := []string{"generate"}
	for s := forwarder.Receive; s < forwarder.NumStages; s++ {
		steps = append(steps, func() int { n := ln.worker.PollUntil(s); ln.drainSlow(); return n })
		names = append(names, s.String())
	}
	var stop atomic.Bool
	defer context.AfterFunc(ctx, func() { stop.Store(true) })()
	ns := make([][]float64, len(steps))
	err := b.onCPU(b.cpus[0], func() {
		for round := range budgetRounds + 1 { // the first warms up
			for i, step := range steps {
				ln.left = endless
				n, began := 0, time.Now()
				passed := time.Duration(0)
				for ; passed < each && !stop.Load(); passed = time.Since(began) {
					for range passes {
						n += step()
					}
				}
				if round > 0 && n > 0 {
					ns[i] = append(ns[i], float64(passed)/float64(n))
				}
			}
		}
	}, func() {})
	if err != nil || stop.Load() {
		return nil, cmp.Or(err, ctx.Err())
	}
	costs, before := make([]sample.Stage, len(steps)), 0.0
	ghz := TSC().GHz
	for i := range costs {
		slices.Sort(ns[i])
		median := ns[i][len(ns[i])/2]
		costs[i] = sample.Stage{Stage: names[i], NS: median - before, Cycles: (median - before) * ghz}
		before = median
	}
	return costs, nil
}
