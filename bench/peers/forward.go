package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"vrfwd/bench"
	"vrfwd/gen"
)

// edge is our provider edge, in memory: one scenario, a bed for each place of generator and sink.
type edge struct {
	scenario *bench.Scenario
	load     bench.Load
}

// newEdge builds one with these routes (0: the real table).
func newEdge(method bench.Method, routes int) (*edge, error) {
	n, l := bench.Defaults()
	n.Table, n.Locality, n.Method = bench.Real, gen.Hashed, method
	if routes > 0 {
		n.Table, n.Routes = bench.Synthetic, routes
	}
	s, err := bench.New(n)
	if err != nil {
		return nil, err
	}
	return &edge{s, l}, nil
}

// frames returns one round of the flows: what the generator sends, for others to forward.
func (e *edge) frames() (all [][lineLen]byte, err error) {
	err = e.scenario.Frames(e.load, e.load.Flows, func(frame []byte) {
		var line [lineLen]byte
		copy(line[:], frame)
		all = append(all, line)
		if len(frame) != frameLen || !bytes.Equal(frame[12:14], []byte{0x81, 0}) {
			err = fmt.Errorf("a frame of %d bytes, or without a tag: the C loop takes tagged ones of %d", len(frame), frameLen)
		}
	})
	return all, err
}

// forward is one sample on these CPUs, the worker's first. Without a second the generator is the worker's thread.
func (e *edge) forward(ctx context.Context, cpus []int, cross bool, least time.Duration) (n uint64, took time.Duration, err error) {
	l := e.load
	if cross {
		l.Ports = bench.Rings
	} else {
		cpus = cpus[:1]
	}
	err = on(cpus, func() error {
		bed, err := e.scenario.NewBed(l)
		if err != nil {
			return err
		}
		defer bed.Close()
		t, err := bed.Run(ctx, bench.Run{Warmup: least / 4, Duration: least})
		switch {
		case err != nil:
			return err
		case t.Stopped:
			return context.Cause(ctx)
		case !t.Account.OK():
			return fmt.Errorf("%s %v", t.Account.Verdict(), t.Faults)
		}
		n, took = t.Frames, t.Elapsed
		return nil
	})
	return n, took, err
}

// forwards are the engines of forwarding in memory, by name. The set's number says where generator and sink are: one of
// places.
func forwards(ctx context.Context, cpus []int, edges map[bench.Method]*edge, d *dpdk) map[string]sampler {
	all := map[string]sampler{}
	for method, e := range edges {
		all[fmt.Sprintf("fwd/method=%v", method)] = func(place int, least time.Duration) (uint64, time.Duration, error) {
			return e.forward(ctx, cpus, place == cross, least)
		}
	}
	for _, n := range []int{32, burst} {
		for _, check := range []bool{false, true} {
			name := fmt.Sprintf("rte-ring/check=%s/n=%d", map[bool]string{false: "no", true: "yes"}[check], n)
			all[name] = func(place int, least time.Duration) (uint64, time.Duration, error) {
				return d.forward(check, place == cross, n, least)
			}
		}
	}
	return all
}

// places are where generator and sink run, as bench's benchmarks name them.
var places = []string{"samecore", "rings"}

const cross = 1 // in places
