// Package sweep measures many points one after the other: all combinations of the values of some axes, each by a search, into
// a file of samples. What is finished is on the disk, so that a run that was stopped, at whatever moment and by whatever, goes
// on where it was: no point is measured twice, none is left out.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vrfwd/bench/sample"
)

// Axis is a parameter with the values that it takes, in their order.
type Axis struct {
	Name   string
	Values []string
}

// ParseAxis reads "name=value,value,...", or with semicolons between the values where they have commas themselves, as mixes of
// sizes do.
func ParseAxis(text string) (a Axis, err error) {
	name, values, ok := strings.Cut(text, "=")
	if !ok || name == "" || values == "" {
		return a, fmt.Errorf("%q: an axis is name=value,value,... or name=value;value;... where values have commas", text)
	}
	by := ","
	if strings.Contains(values, ";") {
		by = ";"
	}
	a.Name = name
	for v := range strings.SplitSeq(strings.Trim(values, by), by) {
		v = strings.TrimSpace(v)
		if v == "" {
			return a, fmt.Errorf("%q: one of the values is empty", text)
		}
		if slices.Contains(a.Values, v) {
			return a, fmt.Errorf("%q: %s for the second time", text, v)
		}
		a.Values = append(a.Values, v)
	}
	return a, nil
}

// Value is the value of an axis.
type Value struct{ Name, Value string }

// Combinations are all combinations of the axes' values; the last axis changes fastest. Without axes it is one, of nothing.
func Combinations(axes []Axis) [][]Value {
	all := [][]Value{nil}
	for _, a := range axes {
		var next [][]Value
		for _, head := range all {
			for _, v := range a.Values {
				next = append(next, append(slices.Clone(head), Value{a.Name, v}))
			}
		}
		all = next
	}
	return all
}

// Name is what people call a combination.
func Name(values []Value) string {
	var parts []string
	for _, v := range values {
		parts = append(parts, v.Name+"="+v.Value)
	}
	return strings.Join(parts, " ")
}

// Job measures one point.
type Job struct {
	Name string
	// Command redoes the point, as a shell takes it, and is what it is known by in the file: two points that differ in
	// anything have different ones.
	Command string
	// Measure returns a complete sample; its Command is set by Run. ErrUnfit says that there is no such point.
	Measure func(ctx context.Context) (*sample.Sample, error)
}

// ErrUnfit is a combination that cannot be: more routes than memory holds, for instance. The others are measured.
var ErrUnfit = errors.New("cannot be measured")

// Progress is told before each point, and at the end.
type Progress struct {
	Name    string // of the point that begins; "" at the end
	Kept    int    // points that the file held already
	Done    int    // finished now
	Left    int    // to be finished, the one that begins included
	Unfit   int
	Elapsed time.Duration
	Rest    time.Duration // about, for all that are left; 0: not known yet
}

// Result is what a sweep came to. The samples of all points, those kept among them, are in the order of the jobs.
type Result struct {
	Samples []sample.Sample
	Kept    int // of them were measured by an earlier run
	Unfit   []error
}

// Run measures the jobs whose points the file does not hold yet. Errors: the first of a measurement, of the context, or of the file:
// then the samples are those that are there. A point that was not finished is not in the file.
func Run(ctx context.Context, f *sample.File, jobs []Job, progress func(Progress)) (r Result, err error) {
	held := map[string]sample.Sample{}
	for i := range f.Done {
		held[f.Done[i].Command] = f.Done[i]
	}
	for i := range jobs {
		if _, ok := held[jobs[i].Command]; ok {
			r.Kept++
		}
	}
	defer func() {
		for i := range jobs {
			if s, ok := held[jobs[i].Command]; ok {
				r.Samples = append(r.Samples, s)
			}
		}
	}()
	began, done := time.Now(), 0
	tell := func(name string) {
		p := Progress{Name: name, Kept: r.Kept, Done: done, Left: len(jobs) - r.Kept - done - len(r.Unfit), Unfit: len(r.Unfit), Elapsed: time.Since(began)}
		if done > 0 {
			p.Rest = p.Elapsed / time.Duration(done) * time.Duration(p.Left)
		}
		if progress != nil {
			progress(p)
		}
	}
	for i := range jobs {
		j := &jobs[i]
		if _, ok := held[j.Command]; ok {
			continue
		}
		if err := ctx.Err(); err != nil {
			return r, err
		}
		tell(j.Name)
		s, err := j.Measure(ctx)
		switch {
		case errors.Is(err, ErrUnfit):
			r.Unfit = append(r.Unfit, fmt.Errorf("%s: %w", j.Name, err))
			continue
		case err != nil:
			return r, fmt.Errorf("%s: %w", j.Name, err)
		}
		s.Command = j.Command
		if err := f.Append(*s); err != nil {
			return r, err
		}
		held[j.Command] = *s
		done++
	}
	tell("")
	return r, nil
}
