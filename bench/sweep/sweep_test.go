package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/bench/sweep"
)

func TestAxis(t *testing.T) {
	for text, want := range map[string][]string{
		"vrfs=1,10, 100": {"1", "10", "100"}, "size=64;64:7,594:4": {"64", "64:7,594:4"}, "size=64:1,128:1;": {"64:1,128:1"}, "method=fallback": {"fallback"},
		"": nil, "vrfs": nil, "vrfs=": nil, "=1": nil, "vrfs=1,,2": nil, "vrfs=1,1": nil,
	} {
		a, err := sweep.ParseAxis(text)
		if (err != nil) != (want == nil) || err == nil && !reflect.DeepEqual(a.Values, want) {
			t.Errorf("%q: %v %v", text, a, err)
		}
	}
	got := sweep.Combinations([]sweep.Axis{{Name: "a", Values: []string{"1", "2"}}, {Name: "b", Values: []string{"x", "y", "z"}}})
	names := ""
	for _, c := range got {
		names += sweep.Name(c) + ";"
	}
	if names != "a=1 b=x;a=1 b=y;a=1 b=z;a=2 b=x;a=2 b=y;a=2 b=z;" {
		t.Error(names)
	}
	if none := sweep.Combinations(nil); len(none) != 1 || len(none[0]) != 0 {
		t.Error(none)
	}
}

// points makes jobs that count how often each was measured.
func points(n int, count map[int]int) (jobs []sweep.Job) {
	for i := range n {
		jobs = append(jobs, sweep.Job{Name: fmt.Sprint(i), Command: fmt.Sprintf("measure %d", i), Measure: func(ctx context.Context) (*sample.Sample, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			count[i]++
			s := &sample.Sample{Kind: sample.MRR, Time: time.Unix(int64(i), 0), OK: true, Point: sample.Point{Ports: "double", Size: "64", VRFs: i},
				Conditions: sample.Conditions{Go: "go"}}
			s.Add(sample.Count(sample.FigRate, "pps", float64(i)))
			return s, nil
		}})
	}
	return jobs
}

func open(t *testing.T, path string) *sample.File {
	t.Helper()
	f, err := sample.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestResume: a sweep that is stopped again and again, before a point, within one, and in the middle of writing one, measures
// each point exactly once for the file, and has all of them in the end.
func TestResume(t *testing.T) {
	const n = 12
	path, count := filepath.Join(t.TempDir(), "a"+sample.Ext), map[int]int{}
	torn := 0
	for run := 0; ; run++ {
		if run > 3*n {
			t.Fatal("it never ends")
		}
		f := open(t, path)
		ctx, stop := context.WithCancel(t.Context())
		jobs := points(n, count)
		at := run % 3
		r, err := sweep.Run(ctx, f, jobs, func(p sweep.Progress) {
			if p.Kept+p.Done+p.Left != n {
				t.Errorf("%+v", p)
			}
			if p.Done == at { // stopped in the measurement, after none, one or two others
				stop()
			}
		})
		f.Close()
		if err == nil {
			if len(r.Samples) != n {
				t.Error(len(r.Samples))
			}
			break
		}
		if !errors.Is(err, context.Canceled) || len(r.Samples) != len(f.Done)+at {
			t.Fatal(err, len(r.Samples), len(f.Done), at)
		}
		if run%4 == 3 { // the power fails while the last line is being written
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) > 20 {
				if err := os.WriteFile(path, b[:len(b)-20], 0o600); err != nil {
					t.Fatal(err)
				}
				torn++
			}
		}
	}
	all, err := sample.ReadFile(path)
	if err != nil || len(all) != n {
		t.Fatal(err, len(all))
	}
	measured := 0
	for i, s := range all {
		if s.Point.VRFs != i || s.Command != fmt.Sprintf("measure %d", i) {
			t.Errorf("%d: %+v", i, s)
		}
		measured += count[i]
	}
	if measured != n+torn || torn == 0 { // only what was torn is measured again
		t.Errorf("%d measurements of %d points, %d torn", measured, n, torn)
	}
	f, again := open(t, path), map[int]int{}
	if r, err := sweep.Run(t.Context(), f, points(n, again), nil); err != nil || r.Kept != n || len(again) != 0 || len(r.Samples) != n {
		t.Error(err, r.Kept, again)
	}
}

// TestUnfit: a combination that cannot be is named, and the others are measured; an error ends the sweep and is not stored.
func TestUnfit(t *testing.T) {
	path, count := filepath.Join(t.TempDir(), "a"+sample.Ext), map[int]int{}
	jobs := points(4, count)
	jobs[1].Measure = func(context.Context) (*sample.Sample, error) { return nil, fmt.Errorf("too large: %w", sweep.ErrUnfit) }
	broken := errors.New("broken")
	whole := jobs[3].Measure
	jobs[3].Measure = func(context.Context) (*sample.Sample, error) { return nil, broken }
	f := open(t, path)
	r, err := sweep.Run(t.Context(), f, jobs, nil)
	if !errors.Is(err, broken) || len(r.Unfit) != 1 || len(r.Samples) != 2 {
		t.Error(err, r.Unfit, len(r.Samples))
	}
	f.Close()
	jobs[3].Measure = whole
	f = open(t, path)
	if r, err := sweep.Run(t.Context(), f, jobs, nil); err != nil || r.Kept != 2 || len(r.Samples) != 3 || count[0] != 1 || count[3] != 1 {
		t.Error(err, r, count)
	}
}

// TestRest: the time left follows from the points of this run.
func TestRest(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "a"+sample.Ext))
	jobs := points(5, map[int]int{})
	for i := range jobs {
		whole := jobs[i].Measure
		jobs[i].Measure = func(ctx context.Context) (*sample.Sample, error) {
			time.Sleep(2 * time.Millisecond)
			return whole(ctx)
		}
	}
	told := 0
	_, err := sweep.Run(t.Context(), f, jobs, func(p sweep.Progress) {
		if (p.Rest > 0) != (p.Done > 0 && p.Left > 0) || p.Done > 0 && p.Rest < time.Duration(p.Left)*2*time.Millisecond {
			t.Errorf("%+v", p)
		}
		told++
	})
	if err != nil || told != 6 {
		t.Error(err, told)
	}
}
