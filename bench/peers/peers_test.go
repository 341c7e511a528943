package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrfwd/bench"
	"vrfwd/gen"
	"vrfwd/internal/peer"
	"vrfwd/lpm"
)

// TestDescribed: what is measured is described, what is described is measured, and the description beside the results is
// this one.
func TestDescribed(t *testing.T) {
	lookups := new(tables).engines()
	maps.Copy(lookups, new(dpdk).engines())
	edges := map[bench.Method]*edge{bench.Fallback: nil, bench.TwoCircuits: nil}
	for group, engines := range map[string]map[string]sampler{
		"lookup": lookups, "forward": forwards(t.Context(), nil, edges, nil),
	} {
		want := slices.Sorted(slices.Values(names(group)))
		if got := slices.Sorted(maps.Keys(engines)); !slices.Equal(got, want) {
			t.Errorf("%s measures %q, described are %q", group, got, want)
		}
	}
	text, err := peer.Encode(described())
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := os.ReadFile(filepath.Join("..", "..", "results", peer.File))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err == nil && !bytes.Equal(recorded, text) {
		t.Errorf("results/%s is not what this program describes: run make peers", peer.File)
	}
}

func TestRecord(t *testing.T) {
	var b bytes.Buffer
	r := &record{w: bufio.NewWriter(&b)}
	r.conditions("dpdk", "some version")
	r.sample("Lookup/engine=a", 7, 1.5, "ns/op")
	if n := r.copied("goos: linux\npkg: vrfwd/internal/e2e\nBenchmarkLive/engine=c-2 \t 64\t 2 Mpps\nBenchmarkLive/engine=c-2\nPASS\nok \tx\t1s\n"); n != 1 {
		t.Errorf("%d samples copied", n)
	}
	r.sample("Lookup/engine=b", 8, 2.5, "ns/op", 400.0, "Mpps")
	r.w.Flush()
	want := `dpdk: some version
pkg: vrfwd/bench/peers
BenchmarkLookup/engine=a	7	1.5 ns/op
pkg: vrfwd/internal/e2e
BenchmarkLive/engine=c-2 	 64	 2 Mpps
pkg: vrfwd/bench/peers
BenchmarkLookup/engine=b	8	2.5 ns/op	400 Mpps
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}

// TestPages: what is free is used, what the kernel does not give is done without, and what was asked for is taken back.
func TestPages(t *testing.T) {
	dir := t.TempDir()
	total := filepath.Join(dir, "nr_hugepages")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if p := reservePages(dir, 10); !slices.Contains(p.args, "--no-huge") || !strings.Contains(p.text, "4 KiB") {
		t.Errorf("without large pages: %+v", p)
	}
	write(total, "12\n")
	write(filepath.Join(dir, "free_hugepages"), "11\n")
	p := reservePages(dir, 10)
	if slices.Contains(p.args, "--no-huge") || !strings.Contains(p.text, "2 MiB") {
		t.Errorf("enough are free: %+v", p)
	}
	p.undo()
	if p = reservePages(dir, 20); !slices.Contains(p.args, "--no-huge") { // a folder that reserves nothing
		t.Errorf("too few are given: %+v", p)
	}
	if text, _ := os.ReadFile(total); strings.TrimSpace(string(text)) != "12" {
		t.Errorf("%s are left reserved, want 12", text)
	}
}

// small is an input of few routes, with the frames of a provider edge, and our tables of it.
func small(t *testing.T) (*input, *tables) {
	t.Helper()
	const routes = 5000
	in := &input{adjacencies: newAdjacencies(nextHops)}
	e, err := newEdge(bench.Fallback, routes)
	if err != nil {
		t.Fatal(err)
	}
	defer e.scenario.Close()
	if in.frames, err = e.frames(); err != nil {
		t.Fatal(err)
	}
	if in.routes, err = gen.Synthetic(gen.TableConfig{Routes: routes, NextHops: nextHops, Locality: gen.Hashed, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds {
		keys, err := gen.Destinations(kind, in.routes, 4096)
		if err != nil {
			t.Fatal(err)
		}
		in.sets = append(in.sets, keys)
	}
	tables, err := newTables(in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tables.set.Close(); tables.fib.Close() })
	return in, tables
}

// TestDPDK: the C side answers and forwards as ours does, and it is noticed when it does not: other routes, a frame with
// a wrong checksum, an input that was changed. Each start has a program of its own.
func TestDPDK(t *testing.T) {
	if what := lacks(); what != "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	cpus, err := allowed()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program, err := compile(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	in, tables := small(t)
	start := func(t *testing.T, lpm bool, change func(name string)) (*measurement, error) {
		name := filepath.Join(t.TempDir(), "input")
		if err := in.write(name); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(name)
		}
		d, err := startDPDK(t.Context(), program, name, reservePages(t.TempDir(), 200).args, cpus[len(cpus)-1], cpus[0], lpm)
		if err == nil {
			t.Cleanup(d.close)
		}
		return &measurement{tables: tables, dpdk: d, cpus: cpus}, err
	}
	t.Run("alike", func(t *testing.T) {
		m, err := start(t, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.crossCheck(in); err != nil {
			t.Error(err)
		}
		for name, s := range m.dpdk.engines() {
			if n, took, err := s(1, 1); err != nil || n == 0 || took == 0 {
				t.Errorf("%s: %d in %v, %v", name, n, took, err)
			}
		}
		for place := range places[:min(2, len(cpus))] {
			for _, check := range []bool{false, true} {
				if n, took, err := m.dpdk.forward(check, place == cross, 32, 1); err != nil || n < uint64(len(in.frames)) || took == 0 {
					t.Errorf("check %v, %s: %d in %v, %v", check, places[place], n, took, err)
				}
			}
		}
		if err := m.dpdk.ask(nil, "nonsense"); err == nil || !strings.Contains(err.Error(), "no such command") {
			t.Errorf("a command that there is not: %v", err)
		}
	})
	t.Run("a hop differs", func(t *testing.T) {
		was := in.routes
		defer func() { in.routes = was }()
		in.routes = slices.Clone(was)
		in.routes[len(was)/2].Hop ^= 1
		m, err := start(t, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.crossCheck(in); err == nil || !strings.Contains(err.Error(), "answers otherwise") {
			t.Errorf("%v", err)
		}
	})
	t.Run("without rte_lpm", func(t *testing.T) {
		m, err := start(t, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.crossCheck(in); err != nil {
			t.Error(err)
		}
		if _, err := m.dpdk.answers("rte-lpm", 0); err == nil || !strings.Contains(err.Error(), "rte-lpm is not known") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a frame is bad", func(t *testing.T) {
		was := in.frames[7]
		defer func() { in.frames[7] = was }()
		in.frames[7][tagged+10] ^= 1 // the header's checksum
		m, err := start(t, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, unchecked, err := m.dpdk.frames(false)
		_, checked, err2 := m.dpdk.frames(true)
		if unchecked != 0 || checked != 1 || errors.Join(err, err2) != nil {
			t.Errorf("%d and %d dropped, %v", unchecked, checked, errors.Join(err, err2))
		}
	})
	t.Run("the file is changed", func(t *testing.T) {
		_, err := start(t, false, func(name string) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			text[len(text)/2] ^= 1
			if err := os.WriteFile(name, text, 0o644); err != nil {
				t.Fatal(err)
			}
		})
		if err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("%v", err)
		}
	})
}

// TestTables: our structures are held against each other, and a difference is told.
func TestTables(t *testing.T) {
	in, tables := small(t)
	if _, err := tables.check(); err != nil {
		t.Fatal(err)
	}
	for set := range in.sets {
		for _, k := range tables.keys[set] {
			if _, ok := tables.own[k.Table].Lookup(addrOf(k.Addr)); ok || k.Flags != lpm.Fallback {
				t.Fatalf("VRF %d has a route for %v", k.Table, addrOf(k.Addr))
			}
		}
	}
	for name, s := range tables.engines() {
		if n, took, err := s(1, 1); err != nil || n == 0 || took == 0 {
			t.Errorf("%s: %d in %v, %v", name, n, took, err)
		}
	}
	tables.fast.Insert(prefixOf(lpm.Route{Addr: in.sets[0][0], Len: 32}), 4711)
	if _, err := tables.check(); err == nil || !strings.Contains(err.Error(), "4711 by bart.Fast") {
		t.Errorf("bart.Fast answers otherwise: %v", err)
	}
}

func TestOptions(t *testing.T) {
	good := options{parts: "lookup", rounds: 1, keys: 256}
	for want, change := range map[string]func(*options){
		"-keys 300":        func(o *options) { o.keys = 300 },
		"-rounds 0":        func(o *options) { o.rounds = 0 },
		`-parts "lookups"`: func(o *options) { o.parts = "lookups" },
		`-cpus "1"`:        func(o *options) { o.cpus = "1" },
		`-cpus "0,9999"`:   func(o *options) { o.cpus = "0,9999" },
		`-cpus "1,1"`:      func(o *options) { o.cpus = "1,1" },
	} {
		o := good
		change(&o)
		if err := o.run(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
