package bench

import (
	"context"
	"testing"
	"time"
)

func TestMethods(t *testing.T) {
	for _, m := range Methods() {
		for _, ports := range []Ports{SameCore, Rings} {
			t.Run(m.String()+"/"+ports.String(), func(t *testing.T) {
				s, err := New(Network{Routes: 2000, VRFs: 20, NextHops: 10, Method: m, Imports: 500, Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				b, err := s.NewBed(Load{Fallback: 0.5, Flows: 2000, Ports: ports, Check: Verify})
				if err != nil {
					t.Fatal(err)
				}
				defer b.Close()
				tr, err := b.Run(context.Background(), Run{Frames: 20000})
				if err != nil {
					t.Fatal(err)
				}
				t.Log(tr.Account, tr.Totals, tr.Backoff, tr.NS)
				if !tr.Account.OK() {
					t.Error(tr.Account.Verdict(), tr.Faults)
				}
			})
		}
	}
}

func TestSpeed(t *testing.T) {
	n, l := Defaults()
	n.Table = Real
	s, err := New(n)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	t.Log(s.Built, s.Table.Memory())
	for _, ports := range []Ports{SameCore, Rings} {
		for _, c := range []Check{Count, Signed} {
			for _, f := range []float64{0, .5, 1} {
				l.Ports, l.Fallback, l.Check = ports, f, c
				b, err := s.NewBed(l)
				if err != nil {
					t.Fatal(err)
				}
				tr, err := b.Run(context.Background(), Run{Warmup: 100 * time.Millisecond, Duration: 500 * time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				t.Log(ports, f, c, tr.PPS/1e6, tr.NS, tr.BPS/1e9, tr.Account.Verdict(), tr.Backoff, tr.Faults)
				b.Close()
			}
		}
	}
}
