package bench

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"vrfwd/bench/sample"
)

// TestGrid: every case becomes one sample that says what it is of; an interrupted run goes on without redoing a point.
func TestGrid(t *testing.T) {
	n := small(Fallback)
	other := small(TwoCircuits)
	load := Load{Fallback: 1, Flows: 500}
	g := Grid{Cases: []Case{{Network: n, Load: load, Stages: true}, {Network: n, Load: load, Churn: 1000, HeldBack: true}, {Network: other, Load: load}},
		Rounds: 6, Trial: 2 * time.Millisecond, Run: "test"}
	path := filepath.Join(t.TempDir(), "a.jsonl")
	f, err := sample.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.Step = func(_ string, done, of int, _ time.Duration) {
		if of != 3 {
			t.Error(done, of)
		}
		if done == 2 {
			cancel()
		}
	}
	if err := g.Measure(ctx, f); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	f.Close()
	if f, err = sample.OpenFile(path); err != nil || len(f.Done) != 2 {
		t.Fatal(err, len(f.Done))
	}
	defer f.Close()
	g.Step = func(_ string, done, of int, _ time.Duration) {
		if done != 2 || of != 3 {
			t.Error(done, of)
		}
	}
	if err := g.Measure(context.Background(), f); err != nil {
		t.Fatal(err)
	}
	all, err := sample.ReadFile(path)
	if err != nil || len(all) != 3 {
		t.Fatal(err, len(all))
	}
	for i, s := range all {
		rate, ok := s.Figure(sample.FigRate)
		if !s.OK || !ok || len(rate.Raw) != 6 || rate.Of != sample.Confidence || s.Memory == nil || s.Run != "test" {
			t.Errorf("%+v", s)
		}
		if held := s.Settings[sample.SettingRole] == sample.HeldBack; held != (i == 1) || (len(s.Stages) > 0) != (i == 0) {
			t.Errorf("%d: %v", i, s.Settings)
		}
	}
	if all[1].Point.Churn != 1000 || all[2].Point.Method != "two-circuits" || all[0].Command == all[1].Command {
		t.Errorf("%+v", all[1].Point)
	}
}

// TestReference: every case of the grid can be built on a machine of two CPUs, is there once, and some are held back of
// every method.
func TestReference(t *testing.T) {
	for _, long := range []bool{false, true} {
		seen, held := map[string]bool{}, map[Method]int{}
		g := Grid{Rounds: 1, Trial: time.Second}
		for _, c := range Reference(2, long) {
			c.Load.Pin = false // this process may have one CPU
			if err := first(c.Network.complete(), c.Load.complete(&c.Network)); err != nil {
				t.Error(err)
			}
			command := g.Command(&c)
			if seen[command] {
				t.Error("twice:", command)
			}
			seen[command] = true
			if c.HeldBack {
				held[c.Network.Method]++
			}
		}
		for _, m := range []Method{TwoCircuits, DefaultShare, Fallback, ImportMap, FullCopy} {
			if held[m] == 0 {
				t.Errorf("no point of %v is held back", m)
			}
		}
	}
}
