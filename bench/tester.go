package bench

import (
	"context"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/bench/trial"
	"vrfwd/gen"
)

// Tester runs trials on a Bed: a trial.Device.
type Tester struct {
	Bed   *Bed
	Churn int // route changes a second meanwhile
}

var _ trial.Device = Tester{}

// Trial implements trial.Device. Without a rate no frame is lost: the generator waits for those in flight.
func (t Tester) Trial(ctx context.Context, o trial.Order) (trial.Outcome, error) {
	if o.Warmup > 0 {
		warm, err := t.Bed.Run(ctx, Run{Duration: o.Warmup, Rate: o.Rate, Churn: t.Churn})
		if err != nil || warm.Stopped {
			return trial.Outcome{Stopped: true}, err
		}
	}
	got, err := t.Bed.Run(ctx, Run{Duration: o.Duration, Frames: o.Frames, Rate: o.Rate, Latency: o.Latency, Churn: t.Churn})
	if err != nil {
		return trial.Outcome{}, err
	}
	out := trial.Outcome{Trial: got.sample(), Latency: got.Latency, Stopped: got.Stopped}
	out.Offered, out.Burst = o.Rate, o.Frames
	if o.Latency {
		out.Clock = clockError()
	}
	return out, nil
}

// sample is the trial as samples have it.
func (t *Trial) sample() sample.Trial {
	a := &t.Account
	s := sample.Trial{Seconds: t.Elapsed.Seconds(), Sent: a.Sent, Received: a.Received, Lost: a.Lost, Discarded: a.Discarded,
		Duplicated: a.Duplicated, Reordered: a.Reordered, Wrong: a.WrongEgress, Leaked: a.Leak, Corrupt: a.Corrupt + a.Mismatched,
		Miscounted: a.Interfaces, Unreturned: a.Missing, Missed: t.Missed, Late: int64(t.Late), Rate: t.PPS, Bits: t.BPS, NS: t.NS,
		Cycles: t.NS * TSC().GHz, Drops: byReason(t.Totals.Drops), Punts: byReason(t.Totals.Punts)}
	if t.Churn != nil {
		s.Changes, s.Longest = t.Churn.Changes, int64(t.Churn.Longest)
	}
	return s
}

// clockError measures the clock that frames are timed with.
func clockError() sample.ClockError {
	const reads = 4096
	c := sample.ClockError{Of: "sink"}
	began := time.Now()
	for last := time.Duration(0); c.Read < reads; c.Read++ {
		now := time.Since(began)
		if step := int64(now - last); step > 0 && (c.Step == 0 || step < c.Step) {
			c.Step = step
		}
		last = now
	}
	c.Read = int64(time.Since(began)) / reads
	return c
}

// SelfTest implements trial.Device: each lane's generator fills bursts that its sink judges as if they had come out where they
// must, on the generator's thread.
func (t Tester) SelfTest(ctx context.Context, o trial.Order) (trial.Outcome, error) {
	b, out := t.Bed, trial.Outcome{}
	for _, ln := range b.lanes {
		ln.sink.reset(false)
		ln.pace = nil
	}
	lanes, cpu, times := b.lanes, b.cpus[len(b.cpus)-1], 1.0
	if b.Load.Ports == SameCore { // each worker's thread has one
		lanes, cpu, times = b.lanes[:1], b.cpus[0], float64(len(b.lanes))
	}
	bits := uint64(0)
	err := b.onCPU(cpu, func() {
		began, passed := time.Now(), time.Duration(0)
		for ; passed < o.Duration && ctx.Err() == nil; passed = time.Since(began) {
			for range passes {
				for _, ln := range lanes {
					sent, wrong, bytes := ln.loopback()
					out.Sent, out.Corrupt, bits = out.Sent+sent, out.Corrupt+wrong, bits+8*(bytes+layer1*sent)
				}
			}
		}
		out.Seconds = passed.Seconds()
	}, func() {})
	out.Received, out.Stopped = out.Sent, ctx.Err() != nil
	if out.Seconds > 0 {
		out.Rate, out.Bits = times*float64(out.Sent)/out.Seconds, times*float64(bits)/out.Seconds
	}
	return out, err
}

// loopback makes a burst of each source and hands it to the sink.
func (ln *lane) loopback() (sent, wrong, bytes uint64) {
	for i := range ln.sources {
		s := &ln.sources[i]
		d := ln.slots[:s.burst]
		s.fill(ln.arena, d)
		for j := range d {
			bytes += uint64(d[j].Len)
		}
		ln.sink.count(d)
		if c := ln.sink.checker; c != nil {
			for j := range d {
				egress, context := uint16(0), uint16(0)
				if p := ln.sink.places[d[j].Mark-ln.sink.base]; p != nil && p.outcome == forwarded {
					egress, context = p.l2, p.owner
				} else {
					continue // must not come out
				}
				if c.Check(ln.arena.Frame(d[j]), egress, context) != 0 {
					wrong++
				}
			}
		}
		sent += uint64(len(d))
	}
	return sent, wrong, bytes
}

// Point implements trial.Device.
func (t Tester) Point() sample.Point {
	s, n, l := t.Bed.Scenario, &t.Bed.Scenario.Network, &t.Bed.Load
	return sample.Point{
		Ports: l.Ports.String(), Table: n.Table, Routes: s.Built.Routes, NextHops: s.Built.NextHops, Locality: n.Locality.String(),
		VRFs: n.VRFs, Profile: n.Profile.String(), VRFRoutes: s.Built.VRFRoutes, Imported: s.Built.Imported, Imports: n.Imports, Uplinks: n.Uplinks,
		Method: n.Method.String(), Return: n.Return.String(), Fallback: 100 * l.Fallback, Inbound: 100 * l.Inbound, Keys: l.Keys.String(),
		Size: gen.SizesText(l.Sizes), Flows: t.Bed.Flows(), Workers: l.Workers, Burst: l.Burst, Frames: l.Frames, Churn: t.Churn,
		Check: l.Check.String(), Pinned: l.Pin, Seed: n.Seed, TableHash: s.TableHash(), VRFHash: s.VRFHash(),
	}
}

// Describe completes a sample that was measured on the Bed: its point, memory and what building took, and the conditions.
func (t Tester) Describe(s *sample.Sample) {
	m, b := t.Bed.Scenario.memory(), t.Bed.Scenario.Built
	m.Arena, m.Rings = t.Bed.Memory()
	s.Point, s.Conditions, s.Memory = t.Point(), Here(), &m
	s.Build = &sample.Build{Generate: int64(b.Generate), Load: int64(b.Load), Model: int64(b.Model)}
}
