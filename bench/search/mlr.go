package search

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/bench/trial"
)

// Goal is an RFC 9971 Search Goal. Its Final Trial Duration is Options.Trial.
type Goal struct {
	Name   string        // of its figure: sample.FigNDR, sample.FigPDR
	Loss   float64       // Goal Loss Ratio: a trial that loses more is a high-loss one
	Exceed float64       // Goal Exceed Ratio: the share of the duration sum that high-loss trials may take
	Sum    time.Duration // Goal Duration Sum: of the trials at one load
	Width  float64       // Goal Width: between the relevant bounds, as a share of the upper one
}

// Goals are NDR, no loss at all, and PDR, one frame in 200, each over 21 trials of which half may exceed it.
func Goals(final time.Duration) []Goal {
	return []Goal{
		{Name: sample.FigNDR, Loss: 0, Exceed: 0.5, Sum: 21 * final, Width: DefaultWidth},
		{Name: sample.FigPDR, Loss: 0.005, Exceed: 0.5, Sum: 21 * final, Width: DefaultWidth},
	}
}

// NDR finds the rates that meet the goals, nil: those of Goals, all in one search (RFC 9971). Goals with a higher loss ratio
// come later. Errors: ErrStopped, or the device's; the sample holds the trials until then.
func NDR(ctx context.Context, d trial.Device, o Options, goals []Goal) (*sample.Sample, error) {
	s := begin(ctx, d, sample.NDR, o)
	if goals == nil {
		goals = Goals(s.opts.Trial)
		for i := range goals {
			goals[i].Width = s.opts.Width
		}
	}
	for _, g := range goals {
		s.set(g.Name+"-loss-ratio", g.Loss)
		s.set(g.Name+"-exceed-ratio", g.Exceed)
		s.set(g.Name+"-duration-sum", g.Sum)
		s.set(g.Name+"-width", g.Width)
	}
	return s.end(s.multiple(goals))
}

func (s *search) multiple(goals []Goal) error {
	if err := s.limit(); err != nil {
		return err
	}
	m := newMLR(s, goals)
	found, err := m.all()
	if err != nil {
		return err
	}
	for i, g := range goals {
		b := found[i]
		if b.low == 0 {
			s.out.Faults = append(s.out.Faults, fmt.Sprintf("%s: even the lowest load fails the goal: an irregular result", g.Name))
			continue
		}
		s.bound(g.Name, g.Name+"-bits", b.low, b.high)
		s.out.Add(sample.Count(g.Name+"-conditional", "pps", b.low*(1-m.quantile(g, b.low))))
	}
	return nil
}

// mlr is a search for several goals.
type mlr struct {
	*search
	goals []Goal
	loads map[float64][]float64 // loss ratios of the trials by load, all of the final duration
}

func newMLR(s *search, goals []Goal) *mlr {
	return &mlr{search: s, goals: goals, loads: map[float64][]float64{}}
}

// bounds of a goal: the relevant lower bound, 0: none, and the relevant upper bound; equal where the highest load is a
// lower bound.
type bounds struct{ low, high float64 }

// class is what a load is for a goal.
type class uint8

const (
	undecided class = iota
	lower
	upper
)

// classify is RFC 9971's Load Classification Logic with trials of the final duration alone: a load is a lower bound if it
// stays one should all trials that lack in the duration sum lose more than the goal allows, and an upper bound if it stays
// one should all of them lose less.
//
//	sum 21 s, exceed ratio 50 %, trials of 1 s: 11 with low loss make a lower bound, 11 with high loss an upper one
func (m *mlr) classify(g Goal, sum time.Duration, load float64) class {
	low, high := 0.0, 0.0
	for _, ratio := range m.loads[load] {
		if ratio <= g.Loss {
			low += m.opts.Trial.Seconds()
		} else {
			high += m.opts.Trial.Seconds()
		}
	}
	whole := max(low+high, sum.Seconds())
	allowed := g.Exceed * whole * (1 + 1e-9)
	switch {
	case high > allowed:
		return upper
	case whole-low <= allowed:
		return lower
	}
	return undecided
}

// quantile is the loss ratio that Conditional Throughput takes off a load: of the trials in rising order of loss, that which
// the exceed ratio leaves.
func (m *mlr) quantile(g Goal, load float64) float64 {
	ratios := slices.Sorted(slices.Values(m.loads[load]))
	each := m.opts.Trial.Seconds()
	left := max(g.Sum.Seconds(), each*float64(len(ratios))) * (1 - g.Exceed)
	at := 0.0
	for i, r := range ratios {
		if i > 0 && left <= 1e-9 {
			return at
		}
		at, left = r, left-each
	}
	if left > 1e-9 {
		return 1
	}
	return at
}

// relevant are the bounds of a goal by a duration sum; high is 0 where no load is an upper bound.
func (m *mlr) relevant(g Goal, sum time.Duration) (b bounds) {
	loads := m.sorted()
	for _, load := range loads {
		if m.classify(g, sum, load) == upper {
			b.high = load
			break
		}
	}
	for _, load := range loads {
		if (b.high == 0 || load < b.high) && m.classify(g, sum, load) == lower {
			b.low = load
		}
	}
	return b
}

func (m *mlr) sorted() []float64 { return slices.Sorted(maps.Keys(m.loads)) }

// phases go from a glance to the whole goal: shares of the duration sum, and multiples of the width.
var phases = []struct{ sum, width float64 }{{0, 4}, {1. / 3, 2}, {1, 1}}

// all finds the bounds of all goals, one after the other: trials of the earlier ones count for the later ones.
func (m *mlr) all() ([]bounds, error) {
	found := make([]bounds, len(m.goals))
	for i, g := range m.goals {
		around := bounds{}
		if i > 0 {
			around.low = found[i-1].low // a goal that allows more loss is not met later
		}
		for _, p := range phases {
			sum, width := time.Duration(p.sum*float64(g.Sum)), p.width*g.Width
			if sum < m.opts.Trial {
				sum = m.opts.Trial
			}
			var err error
			if around, err = m.phase(g, sum, width, around); err != nil {
				return nil, err
			}
			if around.low == 0 {
				break
			}
		}
		if found[i] = around; found[i].high == 0 {
			found[i].high = found[i].low
		}
	}
	return found, nil
}

// phase narrows a goal's bounds. around is where the last phase left them.
func (m *mlr) phase(g Goal, sum time.Duration, width float64, around bounds) (bounds, error) {
	for step := width; ; {
		b := m.relevant(g, sum)
		m.low, m.high = b.low, b.high
		load := 0.0
		switch {
		case b.high == 0 && b.low >= m.opts.Max, b.high > 0 && b.low > 0 && narrow(b.low, b.high, width):
			return b, nil
		case b.high == 0 && b.low == 0:
			if load = around.low; load == 0 {
				load = m.opts.Max
			}
		case b.high == 0:
			if load = m.measured(b.low, m.opts.Max*(1+1e-9), b.low); load == 0 {
				load = min(m.opts.Max, b.low*(1+step))
				step *= 2
			}
		case b.low == 0:
			if b.high <= m.opts.Min {
				return bounds{high: b.high}, nil
			}
			if load = m.measured(0, b.high, b.high); load == 0 {
				load = max(m.opts.Min, b.high*(1-min(step, 0.5)))
				step *= 2
			}
		default:
			middle := (b.low + b.high) / 2
			if load = m.measured(b.low, b.high, middle); load == 0 {
				load = middle
			}
		}
		for m.classify(g, sum, load) == undecided {
			out, err := m.run(trial.Order{Rate: load})
			if err != nil {
				return b, err
			}
			m.loads[load] = append(m.loads[load], lossRatio(&out.Trial))
			m.tell()
		}
	}
}

// measured is the load with trials strictly between two that is nearest to a third; 0: none. Where the bounds are the
// relevant ones, it is an undecided load.
func (m *mlr) measured(low, high, near float64) (best float64) {
	for _, load := range m.sorted() {
		if load > low && load < high && (best == 0 || abs(load-near) < abs(best-near)) {
			best = load
		}
	}
	return best
}

func abs(v float64) float64 { return max(v, -v) }
