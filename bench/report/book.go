package report

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vrfwd/bench/plan"
	"vrfwd/bench/sample"
)

// located is a sample with its place: "FILE:LINE", by which the report names it.
type located struct {
	*sample.Sample
	id string
}

// run is what was measured in one go.
type run struct {
	name    string
	samples []located
	model   *plan.Model // of these samples alone; nil: not made, or there is nothing to make one of
}

// Book is everything that a report is made of: what a folder of results holds.
type Book struct {
	runs  []*run // the newest first: it is shown
	bench []*file
	peers comparison
}

// Open reads a folder. Errors: a file that is no file of samples, or a folder without any.
func Open(dir string) (*Book, error) {
	b := new(Book)
	var err error
	if b.bench, err = readAll(dir, pattern); err != nil {
		return nil, err
	}
	if b.peers, err = readPeers(dir); err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"+sample.Ext))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		some, err := sample.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for i := range some {
			b.add(located{&some[i], fmt.Sprintf("%s:%d", filepath.Base(name), i+1)})
		}
	}
	if len(b.runs) == 0 && len(b.bench) == 0 {
		return nil, fmt.Errorf("%s has no samples: neither *%s nor %s: run make bench, or `fwd report --measure`: %w", dir, sample.Ext, pattern, fs.ErrNotExist)
	}
	slices.SortStableFunc(b.runs, func(x, y *run) int { return y.last().Compare(x.last()) })
	for _, r := range b.machines() {
		if err := r.fit(); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// machines are the run that is shown, and of each other machine the newest that has the main job.
func (b *Book) machines() (newest []*run) {
	for i, r := range b.runs {
		_, ok := r.main()
		if i == 0 || ok && !slices.ContainsFunc(newest, func(o *run) bool { return o.machine() == r.machine() }) {
			newest = append(newest, r)
		}
	}
	return newest
}

// before is the newest earlier run of the machine whose run is shown; nil: there is none.
func (b *Book) before() *run {
	for _, r := range b.runs[min(1, len(b.runs)):] {
		if r.machine() == b.runs[0].machine() {
			return r
		}
	}
	return nil
}

// add puts a sample to its run. Samples without a run are one of their file.
func (b *Book) add(s located) {
	name := s.Run
	if name == "" {
		name, _, _ = strings.Cut(s.id, ":")
	}
	i := slices.IndexFunc(b.runs, func(r *run) bool { return r.name == name })
	if i < 0 {
		b.runs, i = append(b.runs, &run{name: name}), len(b.runs)
	}
	b.runs[i].samples = append(b.runs[i].samples, s)
}

// fit makes the run's model, where its samples are enough for one.
func (r *run) fit() (err error) {
	var all []sample.Sample
	for _, s := range r.samples {
		all = append(all, *s.Sample)
	}
	if r.model, err = plan.Fit(all, "samecore", ""); errors.Is(err, plan.ErrNoSamples) {
		return nil
	}
	return err
}

// planned is a figure of the run's model, by a path that the package's tests know.
func (r *run) planned(path string, v float64, u unit) figure {
	return figure{v: v, low: v, high: v, how: "model", from: []string{"plan:" + url.PathEscape(r.name) + "/" + path}, unit: u}
}

// machine is what the run was measured on.
func (r *run) machine() sample.Machine { return r.samples[0].Conditions.Machine() }

// last is when the run ended.
func (r *run) last() (t time.Time) {
	for _, s := range r.samples {
		if s.Time.After(t) {
			t = s.Time
		}
	}
	return t
}

// find returns the run's samples of a kind that fit, in their order, those that are held back not among them.
func (r *run) find(kind sample.Kind, fits func(p *sample.Point) bool) (found []located) {
	for _, s := range r.samples {
		if s.Kind == kind && s.Settings[sample.SettingRole] == "" && (fits == nil || fits(&s.Point)) {
			found = append(found, s)
		}
	}
	return found
}

// main is the point that the run's others differ from in one axis: of its trials the one with most routes in most VRFs by
// fallback global, alone on its core.
func (r *run) main() (center located, ok bool) {
	for _, s := range r.find(sample.OfTrial, nil) {
		p := &s.Point
		if p.Method == "fallback" && p.Ports == "samecore" && p.Workers == 1 && p.Fallback == 100 && p.Churn == 0 && p.Size == "64" && p.Keys == "routed" &&
			p.VRFs == 1000 && (!ok || p.Routes > center.Point.Routes) {
			center, ok = s, true
		}
	}
	return center, ok
}

// beside returns the samples that differ from a point in what change sets alone.
func (r *run) beside(kind sample.Kind, center sample.Point, forget func(p *sample.Point)) []located {
	plain := func(p sample.Point) sample.Point {
		forget(&p)
		p.VRFRoutes, p.Imported, p.TableHash, p.VRFHash, p.Flows, p.Frames = 0, 0, "", "", 0, 0
		return p
	}
	want := plain(center)
	return r.find(kind, func(p *sample.Point) bool { return plain(*p) == want })
}
