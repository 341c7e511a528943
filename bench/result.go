package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/forwarder"
	"vrfwd/gen"
)

// Format is the version of the result files. Readers refuse others.
const Format = 1

// Settings are a Network and a Load as results name them.
type Settings struct {
	Table    string  `json:"table"`
	Locality string  `json:"locality"`
	VRFs     int     `json:"vrfs"`
	Profile  string  `json:"profile"`
	Method   Method  `json:"method"`
	Return   Method  `json:"return"`
	Fallback float64 `json:"fallback"` // share of the VPNs' frames that go to the Internet
	Inbound  float64 `json:"inbound"`
	Keys     Keys    `json:"keys"`
	Size     string  `json:"size"`  // as gen.ParseSizes reads it
	Flows    int     `json:"flows"` // of all workers
	Workers  int     `json:"workers"`
	Ports    Ports   `json:"ports"`
	Burst    int     `json:"burst"`
	Frames   int     `json:"frames"` // in flight, each worker
	Check    Check   `json:"check"`
	Pinned   bool    `json:"pinned"`
	Churn    int     `json:"churn"` // changes a second
	// Updates is the file that the changes were of, and Speed how many times faster than they were heard; 0: Churn says.
	Updates   string  `json:"updates,omitempty"`
	Speed     float64 `json:"speed,omitempty"`
	Seed      uint64  `json:"seed"`
	TableHash string  `json:"table_hash"`
	VRFHash   string  `json:"vrf_hash"`
}

// Result is one run: raw figures with their conditions. Files hold it as JSON, and as Go benchmark format that benchstat
// reads.
type Result struct {
	Format     int               `json:"format"`
	Time       time.Time         `json:"time"`
	Settings   Settings          `json:"settings"`
	Conditions sample.Conditions `json:"conditions"`
	Built      Built             `json:"built"`
	Memory     sample.Memory     `json:"memory"`
	Trial      Trial             `json:"trial"`
	Cycles     float64           `json:"cycles_per_packet"` // of the time-stamp counter, one worker
	Received   uint64            `json:"received"`          // by the workers
	Forwarded  uint64            `json:"forwarded"`
	Punted     uint64            `json:"punted"`
	Dropped    uint64            `json:"dropped"`
	Drops      map[string]uint64 `json:"drops,omitempty"`  // by reason
	Punts      map[string]uint64 `json:"punts,omitempty"`  // by reason
	Budget     []sample.Stage    `json:"budget,omitempty"` // a worker's stages, of trials with ports=samecore
}

// Result puts a trial together with what it was made under.
func (b *Bed) Result(t Trial, churn int, budget []sample.Stage) *Result {
	n, l := b.Scenario.Network, b.Load
	r := &Result{
		Format: Format, Time: time.Now().UTC().Truncate(time.Second),
		Settings: Settings{
			Table: n.Table, Locality: n.Locality.String(), VRFs: n.VRFs, Profile: n.Profile.String(), Method: n.Method, Return: n.Return,
			Fallback: l.Fallback, Inbound: l.Inbound, Keys: l.Keys, Size: gen.SizesText(l.Sizes), Flows: b.Flows(), Workers: l.Workers, Ports: l.Ports,
			Burst: l.Burst, Frames: l.Frames, Check: l.Check, Pinned: l.Pin, Churn: churn, Seed: n.Seed,
			TableHash: b.Scenario.TableHash(), VRFHash: b.Scenario.VRFHash(),
		},
		Conditions: Here(), Built: b.Scenario.Built, Memory: b.Scenario.memory(), Trial: t,
		Cycles: t.NS * TSC().GHz, Received: t.Totals.Received, Forwarded: t.Totals.Forwarded,
		Punted: t.Totals.Punted, Dropped: t.Totals.Dropped,
		Drops: byReason(t.Totals.Drops), Punts: byReason(t.Totals.Punts), Budget: budget,
	}
	r.Memory.Arena, r.Memory.Rings = b.Memory()
	return r
}

func (s *Scenario) memory() sample.Memory {
	m := s.Table.Memory()
	return sample.Memory{GlobalFIB: m.GlobalFIB, VRFFIB: m.VRFFIB, FIBWriter: m.FIBWriter, RIB: m.RIB, Adjacencies: m.Adjacencies,
		Ingress: m.Ingress}
}

func byReason(counts [forwarder.NumReasons]uint64) map[string]uint64 {
	var m map[string]uint64
	for r, n := range counts {
		if n > 0 {
			if m == nil {
				m = map[string]uint64{}
			}
			m[forwarder.Reason(r).String()] = n
		}
	}
	return m
}

// Balanced tells that the workers have accounted for every frame.
func (r *Result) Balanced() bool { return r.Received == r.Forwarded+r.Punted+r.Dropped }

// OK tells that nothing was lost, misrouted or miscounted.
func (r *Result) OK() bool { return r.Trial.Account.OK() && r.Balanced() }

// WriteBench writes the result in Go benchmark format (golang.org/design/14313-benchmark-format): conditions as
// configuration lines, figures with their units on one line.
func (r *Result) WriteBench(w io.Writer) error {
	var b bytes.Buffer
	s, c := &r.Settings, &r.Conditions
	for _, kv := range [][2]string{
		{"goos", c.GOOS}, {"goarch", c.GOARCH}, {"pkg", "vrfwd/bench"}, {"cpu", c.CPU}, {"cpus", fmt.Sprint(c.CPUs)},
		{"cpu-flags", c.Flags}, {"kernel", c.Kernel}, {"mitigations", c.Mitigations}, {"huge-pages", c.HugePages},
		{"go", c.Go}, {"goamd64", c.GOAMD64}, {"gomaxprocs", fmt.Sprint(c.GOMAXPROCS)}, {"commit", c.Commit},
		{"tsc-ghz", fmt.Sprintf("%.4f (%s)", c.TSC.GHz, c.TSC.How)}, {"time", r.Time.Format(time.RFC3339)},
		{"table", s.Table}, {"table-hash", s.TableHash}, {"routes", fmt.Sprint(r.Built.Routes)},
		{"next-hops", fmt.Sprint(r.Built.NextHops)}, {"locality", s.Locality}, {"vrfs", fmt.Sprint(s.VRFs)}, {"profile", s.Profile},
		{"vrf-hash", s.VRFHash}, {"vrf-routes", fmt.Sprint(r.Built.VRFRoutes)}, {"keys", s.Keys.String()},
		{"size", s.Size}, {"flows", fmt.Sprint(s.Flows)}, {"burst", fmt.Sprint(s.Burst)},
		{"check", s.Check.String()}, {"pinned", fmt.Sprint(s.Pinned)}, {"seed", fmt.Sprint(s.Seed)},
	} {
		if kv[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", kv[0], kv[1])
		}
	}
	a, m := &r.Trial.Account, &r.Memory
	method := s.Method
	if method == None {
		method = s.Return
	}
	fmt.Fprintf(&b, "BenchmarkForward/method=%v/fallback=%g/ports=%v/workers=%d/churn=%d %d", method, 100*s.Fallback, s.Ports, s.Workers,
		s.Churn, max(r.Trial.Handled, 1))
	metric := func(v float64, unit string) { fmt.Fprintf(&b, " %.6g %s", v, unit) }
	metric(r.Trial.NS, "ns/op")
	metric(r.Trial.PPS/1e6, "Mpps")
	metric(r.Trial.NS, "ns/pkt")
	metric(r.Cycles, "cycles/pkt")
	metric(r.Trial.BPS/1e9, "Gbit/s")
	metric(float64(a.Lost), "lost")
	fmt.Fprintln(&b)
	for _, st := range r.Budget {
		fmt.Fprintf(&b, "BenchmarkStage/stage=%s 1 %.6g ns/op %.6g cycles/pkt\n", st.Stage, st.NS, st.Cycles)
	}
	fmt.Fprintf(&b, "BenchmarkBuild 1 %d ns/op\n", r.Built.Load.Nanoseconds())
	for _, p := range m.Parts() {
		fmt.Fprintf(&b, "BenchmarkMemory/part=%s 1 %.6g MiB\n", p.Key, float64(p.Bytes)/(1<<20))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Write writes the result to dir, which is made where it is missing, as NAME.json and NAME.txt (Go benchmark format) and
// returns both paths. Each file appears whole or not at all; a name in use gets a number.
func (r *Result) Write(dir string) (jsonPath, textPath string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", fmt.Errorf("bench: results: %w", err)
	}
	doc, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", "", fmt.Errorf("bench: results: %w", err)
	}
	var text bytes.Buffer
	if err := r.WriteBench(&text); err != nil {
		return "", "", err
	}
	method := r.Settings.Method
	if method == None {
		method = r.Settings.Return
	}
	stem := fmt.Sprintf("bench-%s-%v-%v", r.Time.Format("20060102-150405"), method, r.Settings.Ports)
	name := stem
	for n := 2; ; n++ {
		jsonPath = filepath.Join(dir, name+".json")
		err = writeNew(jsonPath, append(doc, '\n'))
		if !os.IsExist(err) {
			break
		}
		name = fmt.Sprintf("%s-%d", stem, n)
	}
	if err == nil {
		textPath = filepath.Join(dir, name+".txt")
		err = writeNew(textPath, text.Bytes())
	}
	if err != nil {
		return "", "", fmt.Errorf("bench: results: %w", err)
	}
	return jsonPath, textPath, nil
}

// writeNew writes a file that is not there yet, by a temporary one beside it and a link: complete or absent, and never
// over another. Where there are no links it is renamed.
func writeNew(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".result-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(b); err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err = os.Link(f.Name(), path); err == nil || os.IsExist(err) {
		return err
	}
	if _, statErr := os.Lstat(path); statErr == nil {
		return os.ErrExist
	}
	return os.Rename(f.Name(), path)
}

// ReadResult reads a result's JSON file. It refuses unknown fields and other formats.
func ReadResult(path string) (*Result, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	r := new(Result)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, fmt.Errorf("bench: %s: offset %d: %w", path, d.InputOffset(), err)
	}
	if r.Format != Format {
		return nil, fmt.Errorf("bench: %s: format %d: %d is what this version reads", path, r.Format, Format)
	}
	return r, nil
}

// Plan is a whole run of the main job.
type Plan struct {
	Network Network
	Load    Load
	Run     Run
	Budget  time.Duration     // each of the trials of the stages' budget; 0: without
	Step    func(what string) // told before each step; nil: nobody
}

// Execute builds, runs and measures. If the context ends it, the result is of what was done, with Trial.Stopped set; nil
// with the context's error where no trial had begun.
func Execute(ctx context.Context, p Plan) (*Result, error) {
	step := func(format string, args ...any) {
		if p.Step != nil {
			p.Step(fmt.Sprintf(format, args...))
		}
	}
	n, l := p.Network, p.Load
	if err := first(n.complete(), l.complete(&n)); err != nil { // before anything is built
		return nil, err
	}
	step("building: table %s, %d VRFs", n.Table, n.VRFs)
	s, err := New(n)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var budget []sample.Stage
	if p.Budget > 0 {
		step("measuring stages")
		same := l
		same.Ports, same.Workers, same.Check, same.Frames = SameCore, 1, Count, 0
		b, err := s.NewBed(same)
		if err != nil {
			return nil, err
		}
		budget, err = b.Budget(ctx, p.Budget)
		b.Close()
		if err != nil {
			return nil, err
		}
	}
	b, err := s.NewBed(l)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	step("forwarding: %d worker(s), ports=%v", l.Workers, l.Ports)
	t, err := b.Run(ctx, p.Run)
	if err != nil {
		return nil, err
	}
	r := b.Result(t, p.Run.Churn, budget)
	if replay := p.Run.Replay; replay != nil {
		r.Settings.Updates, r.Settings.Speed, r.Settings.Churn = replay.Updates.File, replay.Speed, replay.Rate
	}
	return r, nil
}
