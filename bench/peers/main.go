// Command peers measures the engine beside its peers in one run, on the same routes, keys and frames: bart, DPDK's
// rte_fib and rte_lpm, a thin forwarding loop over rte_ring, and over veths dpdk-testpmd, the kernel and the least in C.
// It is a module of its own, so that what it requires stays out of the engine's.
//
// Samples go to the output in the Go benchmark format. Rounds are outermost: the samples of a ratio stand side by side.
// Before anything is timed, all engines' answers to all keys, and what the forwarding loop makes of each frame, are
// held against ours by checksum. `make peers` runs it.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"vrfwd/bench"
	"vrfwd/gen"
	"vrfwd/internal/peer"
	"vrfwd/lpm"
)

// nextHops of the table, by hash of the prefix: the worst case for what merges neighbours.
const nextHops = 64

type options struct {
	parts   string
	rounds  int
	least   time.Duration
	routes  int
	keys    int
	packets int
	cpus    string
	out     string
	results string
}

func main() {
	o := options{}
	flag.StringVar(&o.parts, "parts", "lookup,forward,live", "what to measure")
	flag.IntVar(&o.rounds, "rounds", 10, "samples of each benchmark")
	flag.DurationVar(&o.least, "time", 150*time.Millisecond, "of each sample in memory")
	flag.IntVar(&o.packets, "packets", 300_000, "of each sample over veths")
	flag.IntVar(&o.routes, "routes", 0, "of a synthetic table; 0: the real one")
	flag.IntVar(&o.keys, "keys", 4<<20, "destinations of each kind, a power of two from 256 on")
	flag.StringVar(&o.cpus, "cpus", "", "`worker,other`: the CPU that measures, and the generator's (default: the last and the first)")
	flag.StringVar(&o.out, "out", "", "file that samples are added to (default: standard output)")
	flag.StringVar(&o.results, "results", "", "folder that the peers' description is written into")
	missing := flag.Bool("missing", false, "say what lacks to build DPDK's side, and do no more: exit code 1 if anything does")
	flag.Parse()
	if *missing {
		if what := lacks(); what != "" {
			fmt.Println("make peers:", what)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		stop()
		os.Exit(1)
	}
}

// run measures the parts that were asked for.
func (o *options) run(ctx context.Context) (err error) {
	if o.keys < burst || o.keys&(o.keys-1) != 0 {
		return fmt.Errorf("-keys %d: a power of two from %d on is possible", o.keys, burst)
	}
	if o.rounds < 1 {
		return fmt.Errorf("-rounds %d: 1 and more are possible", o.rounds)
	}
	wanted := map[string]bool{}
	for _, part := range strings.Split(o.parts, ",") {
		if part != "lookup" && part != "forward" && part != "live" {
			return fmt.Errorf("-parts %q: lookup, forward and live are possible", part)
		}
		wanted[part] = true
	}
	cpus, err := o.chooseCPUs()
	if err != nil {
		return err
	}
	var w io.Writer = os.Stdout
	if o.out != "" {
		f, err := os.OpenFile(o.out, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		w = f
	}
	if o.results != "" {
		if err := peer.Write(o.results, described()); err != nil {
			return err
		}
	}
	r := &record{w: bufio.NewWriter(w)}
	m := &measurement{record: r, cpus: cpus}
	if wanted["lookup"] || wanted["forward"] {
		if err := m.prepare(ctx, o, wanted); err != nil {
			return err
		}
		defer m.close()
	}
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, o.rounds)
		if wanted["lookup"] {
			err = m.round(ctx, "Lookup/keys=", kinds, m.lookups, "lookup", o.least)
		}
		if err == nil && wanted["forward"] {
			err = m.round(ctx, "Forward/ports=", places[:len(cpus)], m.forwards, "forward", o.least)
		}
		if err == nil && wanted["live"] {
			err = m.live(ctx, o)
		}
		if err != nil {
			return err
		}
	}
	return r.w.Flush()
}

// chooseCPUs returns the worker's and, where there is one, another.
func (o *options) chooseCPUs() ([]int, error) {
	all, err := allowed()
	if err == nil && o.cpus != "" {
		var worker, other int
		_, err = fmt.Sscanf(o.cpus, "%d,%d", &worker, &other)
		if err != nil || worker == other || !slices.Contains(all, worker) || !slices.Contains(all, other) {
			return nil, fmt.Errorf("-cpus %q: two of %v, as in 1,0", o.cpus, all)
		}
		return []int{worker, other}, nil
	}
	if err != nil || len(all) == 1 {
		return all, err
	}
	return []int{all[len(all)-1], all[0]}, nil
}

// measurement is all that is measured in memory.
type measurement struct {
	*record
	cpus     []int // the worker's, the other's
	tables   *tables
	edges    map[bench.Method]*edge
	dpdk     *dpdk
	lookups  map[string]sampler
	forwards map[string]sampler
	undo     []func()
}

func (m *measurement) close() {
	for i := len(m.undo) - 1; i >= 0; i-- {
		m.undo[i]()
	}
}

// prepare builds everything and holds the answers against each other.
func (m *measurement) prepare(ctx context.Context, o *options, wanted map[string]bool) (err error) {
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	if what := lacks(); what != "" {
		return errors.New(what)
	}
	in := &input{adjacencies: newAdjacencies(nextHops)}
	table := "real"
	if o.routes > 0 {
		table = "synthetic"
		in.routes, err = gen.Synthetic(gen.TableConfig{Routes: o.routes, NextHops: nextHops, Locality: gen.Hashed, Seed: 1})
	} else {
		in.routes, err = gen.RealTable(nextHops, 1)
	}
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		keys, err := gen.Destinations(kind, in.routes, o.keys)
		if err != nil {
			return err
		}
		in.sets = append(in.sets, keys)
	}
	m.edges = map[bench.Method]*edge{}
	for _, method := range []bench.Method{bench.Fallback, bench.TwoCircuits} {
		e, err := newEdge(method, o.routes)
		if err != nil {
			return err
		}
		m.undo = append(m.undo, e.scenario.Close)
		if hash := gen.Hash(in.routes); e.scenario.TableHash() != hash {
			return fmt.Errorf("forwarding has table %s, lookups have %s", e.scenario.TableHash(), hash)
		}
		m.edges[method] = e
		if !wanted["forward"] {
			break
		}
	}
	if in.frames, err = m.edges[bench.Fallback].frames(); err != nil {
		return err
	}
	if m.tables, err = newTables(in); err != nil {
		return err
	}
	m.undo = append(m.undo, m.tables.fib.Close, m.tables.set.Close)
	var memory pages
	if memory, err = m.start(ctx, in, wanted["lookup"]); err != nil {
		return err
	}
	if err := m.crossCheck(in); err != nil {
		return err
	}
	m.conditions(
		"table", table, "table-hash", gen.Hash(in.routes), "routes", fmt.Sprint(len(in.routes)), "next-hops", fmt.Sprint(nextHops),
		"vrfs", fmt.Sprint(vrfs), "keys", fmt.Sprint(o.keys), "frames", fmt.Sprint(len(in.frames)), "seed", "1",
		"sample", o.least.String(), "worker-cpu", fmt.Sprint(m.cpus[0]), "dpdk-pages", memory.text, "cc-flags", strings.Join(cflags, " "))
	for _, line := range m.dpdk.conditions {
		key, value, _ := strings.Cut(line, ": ")
		m.conditions(key, value)
	}
	m.lookups = m.tables.engines()
	for name, s := range m.dpdk.engines() {
		m.lookups[name] = s
	}
	m.forwards = forwards(ctx, m.cpus, m.edges, m.dpdk)
	for _, b := range m.tables.builds {
		m.sample("Build/engine="+b.engine, 1, float64(b.took.Milliseconds()), "ms/build", float64(b.bytes)/(1<<20), "MiB")
	}
	return m.w.Flush()
}

// start builds the C side and starts it, with rte_lpm or without.
func (m *measurement) start(ctx context.Context, in *input, lpm bool) (pages, error) {
	dir, err := os.MkdirTemp("", "peers-")
	if err != nil {
		return pages{}, err
	}
	m.undo = append(m.undo, func() { _ = os.RemoveAll(dir) })
	program, err := compile(ctx, dir)
	if err != nil {
		return pages{}, err
	}
	file := filepath.Join(dir, "input")
	if err := in.write(file); err != nil {
		return pages{}, err
	}
	memory := reservePages(pagesDir, pagesWant)
	m.undo = append(m.undo, memory.undo)
	other := m.cpus[len(m.cpus)-1]
	if lpm {
		fmt.Fprintf(os.Stderr, "%d routes go into rte_lpm, which takes minutes for a full table\n", len(in.routes))
	}
	if m.dpdk, err = startDPDK(ctx, program, file, memory.args, m.cpus[0], other, lpm); err != nil {
		return pages{}, err
	}
	m.undo = append(m.undo, m.dpdk.close)
	return memory, nil
}

// crossCheck holds DPDK's answers and frames against ours.
func (m *measurement) crossCheck(in *input) error {
	want, err := m.tables.check()
	if err != nil {
		return err
	}
	for set, kind := range kinds {
		for _, engine := range m.dpdk.tables {
			if got, err := m.dpdk.answers(engine, set); err != nil {
				return err
			} else if got != want[set] {
				return fmt.Errorf("%s answers otherwise than ours on %s keys: checksum %016x, ours %016x", engine, kind, got, want[set])
			}
		}
	}
	sum, dropped := in.expected(func(addr uint32) lpm.Hop { return m.tables.fib.Lookup(addr) })
	for _, check := range []bool{false, true} {
		if got, drops, err := m.dpdk.frames(check); err != nil {
			return err
		} else if got != sum || drops != dropped {
			return fmt.Errorf("the loop over rte_ring makes other frames of ours: checksum %016x with %d dropped, expected %016x with %d",
				got, drops, sum, dropped)
		}
	}
	fmt.Fprintf(os.Stderr, "%d keys: all engines answer alike; %d frames forwarded alike\n", len(kinds)*len(in.sets[0]), len(in.frames))
	return nil
}

// round takes one sample of each engine that the description of a group names, for each of its columns.
func (m *measurement) round(ctx context.Context, prefix string, columns []string, engines map[string]sampler, group string, least time.Duration) error {
	for i, column := range columns {
		for _, name := range names(group) {
			if err := ctx.Err(); err != nil {
				return err
			}
			var n uint64
			var took time.Duration
			err := on(m.cpus[:1], func() (err error) {
				n, took, err = engines[name](i, least)
				return err
			})
			if err != nil {
				return fmt.Errorf("%s%s/engine=%s: %w", prefix, column, name, err)
			}
			ns, more := float64(took.Nanoseconds())/float64(n), []any{}
			if group == "forward" {
				more = []any{1e3 / ns, "Mpps"}
			}
			m.sample(prefix+column+"/engine="+name, n, append([]any{ns, "ns/op"}, more...)...)
		}
	}
	return m.w.Flush()
}

// names lists the engines of a group's benchmark, those of other groups with the same benchmark included, each once.
func names(group string) (list []string) {
	seen := map[string]bool{}
	for _, g := range described() {
		if g.Name != group && !(group == "lookup" && g.Name == "dual") {
			continue
		}
		for _, e := range g.Engines {
			if !seen[e.Name] {
				list = append(list, e.Name)
			}
			seen[e.Name] = true
		}
	}
	return list
}
