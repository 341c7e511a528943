package bench

import (
	"context"
	"math"
	"testing"
	"time"

	"vrfwd/bench/search"
	"vrfwd/bench/trial"
	"vrfwd/forwarder"
	"vrfwd/packet"
)

// TestPaced: what is offered at a rate that is far below what any machine forwards comes out, all of it and timed, through both
// kinds of ports, by time and by number.
func TestPaced(t *testing.T) {
	s := newScenario(t, small(Fallback))
	for _, ports := range []Ports{SameCore, Rings} {
		for _, r := range []Run{
			{Rate: 20_000, Duration: 200 * time.Millisecond, Latency: true},
			{Rate: 50_000, Frames: 5000, Latency: true},
		} {
			l := Load{Fallback: 0.5, Flows: 700, Ports: ports, Check: Signed}
			tr := trialOn(t, s, l, r)
			a := &tr.Account
			want, due := float64(r.Frames), float64(a.Sent)
			if r.Frames == 0 {
				want, due = r.Rate*tr.Elapsed.Seconds(), due+float64(tr.Missed)
			}
			if math.Abs(due-want) > 0.02*want {
				t.Errorf("%v %+v: sent %d, missed %d, want %g", ports, r, a.Sent, tr.Missed, want)
			}
			// A machine with other work may stop the thread for longer than a queue lasts: what is lost then is accounted for.
			if a.Reordered+a.Duplicated+a.WrongEgress+a.Leak+a.Corrupt+a.Missing != 0 || a.Received == 0 || a.Interfaces != 0 {
				t.Errorf("%v %+v: %+v", ports, r, *a)
			}
			if tr.Latency == nil || tr.Latency.Frames+tr.Latency.Negative != a.Received || tr.Latency.Negative != 0 {
				t.Errorf("%v %+v: %d received, timed %+v", ports, r, a.Received, tr.Latency)
			}
		}
	}
}

// slowPort hands out one frame in so long a time.
type slowPort struct {
	forwarder.Port
	every time.Duration
	next  time.Time
}

func (p *slowPort) RxBurst(d []packet.Desc) int {
	now := time.Now()
	if now.Before(p.next) || len(d) == 0 {
		return 0
	}
	n := p.Port.RxBurst(d[:1])
	if n > 0 {
		p.next = now.Add(p.every)
	}
	return n
}

// TestOverload: a worker that is offered more than it takes loses what its queue does not hold, and the account says how much.
func TestOverload(t *testing.T) {
	s := newScenario(t, small(Fallback))
	for _, ports := range []Ports{SameCore, Rings} {
		wrap := func(p forwarder.Port) forwarder.Port { return &slowPort{Port: p, every: 100 * time.Microsecond} }
		tr := trialThrough(t, s, Load{Fallback: 1, Flows: 700, Ports: ports, Check: Signed}, Run{Rate: 200_000, Duration: 200 * time.Millisecond}, wrap)
		a := &tr.Account
		if a.Lost == 0 || a.Received == 0 || a.Received > 2000+ringFrames+10 || a.Missing != 0 || a.Duplicated+a.Reordered+a.Corrupt+a.Leak+a.WrongEgress != 0 {
			t.Errorf("%v: %+v", ports, *a)
		}
	}
}

// TestSkip: frames that were lost before the worker are those of the traffic's next numbers, part by part as fill has them.
func TestSkip(t *testing.T) {
	s := newScenario(t, Network{Routes: 3000, VRFs: 20, NextHops: 10, Method: TwoCircuits, Seed: 1})
	sent := func(skip bool) (n []uint32) {
		l := Load{Fallback: 0.3, Flows: 100, Burst: 64}
		b, err := s.NewBed(l)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		ln := b.lanes[0]
		for i := range ln.sources {
			for range 3 {
				if src := &ln.sources[i]; skip {
					src.skip(40)
				} else {
					src.fill(ln.arena, ln.slots[:40])
				}
			}
			for _, p := range ln.sources[i].parts {
				for f := range p.traffic.Flows() {
					n = append(n, p.traffic.Sent(f))
				}
			}
		}
		return n
	}
	filled, skipped := sent(false), sent(true)
	if len(filled) != len(skipped) {
		t.Fatal(len(filled), len(skipped))
	}
	for i := range filled {
		if filled[i] != skipped[i] {
			t.Fatalf("flow %d: %d sent by fill, %d by skip", i, filled[i], skipped[i])
		}
	}
}

// TestTester: a bed is a device that searches run on: rates without loss are found, latencies have a distribution, and the
// point says what was measured.
func TestTester(t *testing.T) {
	s := newScenario(t, small(Fallback))
	bed, err := s.NewBed(Load{Fallback: 1, Flows: 500})
	if err != nil {
		t.Fatal(err)
	}
	defer bed.Close()
	d := Tester{Bed: bed}
	o := search.Options{Max: 50_000, Trial: 50 * time.Millisecond, Width: 0.2}
	found, err := search.Throughput(t.Context(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	d.Describe(found)
	if len(found.Trials) == 0 || found.Trials[0].Offered != 50_000 || found.Generator.SelfTest < 50_000 || found.Generator.SelfTestLost != 0 {
		t.Errorf("%+v", found)
	}
	if p := found.Point; p.VRFs != 20 || p.Routes != 3000 || p.Method != "fallback" || p.Ports != "samecore" || p.Size != "64" || p.Flows != 500 || p.TableHash == "" {
		t.Errorf("%+v", p)
	}
	if found.Memory == nil || found.Memory.GlobalFIB == 0 || found.Memory.Arena == 0 || found.Conditions.Go == "" || found.Build == nil {
		t.Errorf("%+v %+v", found.Memory, found.Build)
	}
	out, err := d.Trial(t.Context(), trial.Order{Rate: 30_000, Duration: 100 * time.Millisecond, Warmup: 10 * time.Millisecond, Latency: true})
	if err != nil || out.Latency == nil || out.Latency.Frames != out.Received || out.Clock.Of != "sink" {
		t.Errorf("%v %+v", err, out)
	}
	if math.Abs(out.Seconds-0.1) > 1 || out.Offered != 30_000 || out.Bits < out.Rate*8*84*0.999 || out.Bits > out.Rate*8*84*1.001 {
		t.Errorf("%+v", out.Trial)
	}
	burst, err := d.Trial(t.Context(), trial.Order{Rate: 1e6, Frames: 300})
	if err != nil || burst.Sent != 300 || burst.Burst != 300 {
		t.Errorf("%v %+v", err, burst.Trial)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if out, err := d.Trial(ctx, trial.Order{Duration: time.Minute}); err != nil || !out.Stopped {
		t.Errorf("%v %+v", err, out.Trial)
	}
}
