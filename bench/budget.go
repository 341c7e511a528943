package bench

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/forwarder"
)

// budgetRounds is odd: a stage's cost is the median of so many trials.
const budgetRounds = 15

// Budget measures the cycle budget of the stages, on the first worker of a Bed with ports=samecore, in trials as long as each says. The
// clock is read between stages. The generator is all of the first, and the sink part of transmit.
func (b *Bed) Budget(ctx context.Context, each time.Duration) ([]sample.Stage, error) {
	if b.Load.Ports != SameCore {
		return nil, &ConfigError{"ports", b.Load.Ports, "the budget of stages is measured with samecore"}
	}
	ln := b.lanes[0]
	ln.sink.reset(false)
	ln.left = endless
	var stop atomic.Bool
	defer context.AfterFunc(ctx, func() { stop.Store(true) })()
	var ns [forwarder.NumStages][]float64
	err := b.onCPU(b.cpus[0], func() {
		for round := range budgetRounds + 1 { // the first warms up
			var spent [forwarder.NumStages]time.Duration
			n := 0
			for began := time.Now(); time.Since(began) < each && !stop.Load(); {
				for range passes {
					n += ln.worker.PollStages(&spent)
					ln.drainSlow()
				}
			}
			for s, d := range spent {
				if round > 0 && n > 0 {
					ns[s] = append(ns[s], float64(d)/float64(n))
				}
			}
		}
	}, func() {})
	if err != nil || stop.Load() {
		return nil, cmp.Or(err, ctx.Err())
	}
	var costs []sample.Stage
	ghz := TSC().GHz
	for s, all := range ns {
		slices.Sort(all)
		median, name := all[len(all)/2], forwarder.Stage(s).String()
		if forwarder.Stage(s) == forwarder.Receive {
			name = "generate"
		}
		costs = append(costs, sample.Stage{Stage: name, NS: median, Cycles: median * ghz})
	}
	return costs, nil
}
