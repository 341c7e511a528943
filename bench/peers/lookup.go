package main

import (
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"github.com/gaissmai/bart"

	"vrfwd/gen"
	"vrfwd/internal/qsbr"
	"vrfwd/lpm"
)

// kinds are the keys, one set each, in the order of input.sets.
var kinds = []string{gen.DestinationsUniform, gen.DestinationsRouted, gen.DestinationsZipf}

const (
	vrfs  = 1000
	burst = 256     // lpm's
	step  = 1 << 18 // keys between two looks at the clock; the C side's too
)

// sampler takes one sample of at least so long: what was done in which time. set is the number of the keys.
type sampler func(set int, least time.Duration) (n uint64, took time.Duration, err error)

// tables are the structures in Go, all of the same routes.
type tables struct {
	fib   *lpm.Table
	set   *lpm.Set // vrfs typical VRFs
	fast  *bart.Fast[lpm.Hop]
	table *bart.Table[lpm.Hop]
	own   []*bart.Table[lpm.Hop] // the VRFs again, by lpm.Key.Table

	in   *input
	keys [][]lpm.Key // in's sets with a VRF each that has no route for the address
	at   []int       // by set: where the next sample goes on

	builds  []built
	discard uint32 // what keeps answers from being left out
	none    uint32 // 0
}

// built is what one structure took.
type built struct {
	engine string
	took   time.Duration
	bytes  int
}

// build builds a structure and takes note of its time and of the bytes that size tells, or else of the heap's growth.
func (t *tables) build(engine string, f func() (size func() int, err error)) error {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	size, err := f()
	b := built{engine: engine, took: time.Since(began)}
	if err != nil {
		return fmt.Errorf("%s: %w", engine, err)
	}
	if size != nil {
		b.bytes = size()
	} else {
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.bytes = int(after.HeapAlloc - before.HeapAlloc)
	}
	t.builds = append(t.builds, b)
	return nil
}

func addrOf(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

func prefixOf(r lpm.Route) netip.Prefix { return netip.PrefixFrom(addrOf(r.Addr), int(r.Len)) }

// newTables builds them all. Hops of the VRFs' own routes are beyond those of the table.
func newTables(in *input) (*tables, error) {
	t := &tables{in: in, at: make([]int, len(in.sets)), fast: new(bart.Fast[lpm.Hop]), table: new(bart.Table[lpm.Hop])}
	own, err := gen.VRFs(gen.ProfileConfig{Profile: gen.Typical, VRFs: vrfs, Seed: 1, Public: in.routes})
	if err != nil {
		return nil, err
	}
	var d qsbr.Domain
	if t.fib, err = lpm.NewTable(&d); err != nil {
		return nil, err
	}
	if t.set, err = lpm.NewSet(t.fib, vrfs+1); err != nil {
		return nil, err
	}
	if err := t.build("fib", func() (func() int, error) {
		return func() int { fib, _ := t.fib.Memory(); return fib }, t.fib.Build(in.routes)
	}); err != nil {
		return nil, err
	}
	_ = t.build("bart-fast", func() (func() int, error) {
		for _, r := range in.routes {
			t.fast.Insert(prefixOf(r), r.Hop)
		}
		return nil, nil
	})
	_ = t.build("bart-table", func() (func() int, error) {
		for _, r := range in.routes {
			t.table.Insert(prefixOf(r), r.Hop)
		}
		return nil, nil
	})
	t.own = append(t.own, new(bart.Table[lpm.Hop]))
	for v, routes := range own {
		one := new(bart.Table[lpm.Hop])
		for i := range routes {
			routes[i].Hop = lpm.Hop(len(in.adjacencies) + 1 + v)
			one.Insert(prefixOf(routes[i]), routes[i].Hop)
		}
		t.own = append(t.own, one)
		if err := t.set.Build(uint16(v+1), routes); err != nil {
			return nil, err
		}
	}
	return t, t.assign()
}

// assign gives each key a VRF that has no route for it, the same one each time the address comes: a flow's.
func (t *tables) assign() error {
	for _, set := range t.in.sets {
		keys := make([]lpm.Key, len(set))
		for i, addr := range set {
			k := lpm.Key{Addr: addr, Table: uint16(1 + addr*2654435761>>16%vrfs), Flags: lpm.Fallback} // Knuth's multiplier
			for tried := 0; t.set.Lookup(k.Table, addr) != 0; tried++ {
				if tried == vrfs {
					return fmt.Errorf("%v: every VRF has a route for it", addrOf(addr))
				}
				k.Table = 1 + k.Table%vrfs
			}
			keys[i] = k
		}
		t.keys = append(t.keys, keys)
	}
	return nil
}

// check holds the structures in Go against each other on all keys and returns the checksum of each set's answers.
func (t *tables) check() (sums []uint64, err error) {
	hops, dual := make([]lpm.Hop, burst), make([]lpm.Hop, burst)
	for set, addrs := range t.in.sets {
		sum := newAnswers()
		for i := 0; i < len(addrs); i += burst {
			t.fib.LookupBurst(addrs[i:i+burst], hops)
			t.set.LookupDual(t.keys[set][i:i+burst], dual)
			for j, addr := range addrs[i : i+burst] {
				a := addrOf(addr)
				fast, _ := t.fast.Lookup(a)
				table, _ := t.table.Lookup(a)
				if h := hops[j]; fast != h || table != h || dual[j] != h || t.fib.Lookup(addr) != h {
					return nil, fmt.Errorf("%v: hop %d by fib, %d by dual, %d by bart.Fast, %d by bart.Table", a, h, dual[j], fast, table)
				}
			}
			sum.add(hops)
		}
		sums = append(sums, sum.Sum64())
	}
	return sums, nil
}

// engines are the lookups in Go, by name.
func (t *tables) engines() map[string]sampler {
	hops := make([]lpm.Hop, burst)
	bursts := func(n int) sampler {
		return t.timed(func(set, from, to int) {
			for addrs := t.in.sets[set][from:to]; len(addrs) > 0; addrs = addrs[n:] {
				t.fib.LookupBurst(addrs[:n], hops)
			}
		})
	}
	return map[string]sampler{
		"fib/mode=burst/n=256": bursts(burst),
		"fib/mode=burst/n=32":  bursts(32),
		"fib/mode=single": t.timed(func(set, from, to int) {
			for _, a := range t.in.sets[set][from:to] {
				t.discard += uint32(t.fib.Lookup(a))
			}
		}),
		// Dependent: each address waits for the last answer, and is not changed by it: none is 0, which the
		// compiler cannot know.
		"fib/mode=dependent": t.timed(func(set, from, to int) {
			h := lpm.Hop(0)
			for _, a := range t.in.sets[set][from:to] {
				h = t.fib.Lookup(a ^ uint32(h)&t.none)
			}
			t.discard += uint32(h)
		}),
		"dual/mode=burst/n=256": t.timed(func(set, from, to int) {
			for keys := t.keys[set][from:to]; len(keys) > 0; keys = keys[burst:] {
				t.set.LookupDual(keys[:burst], hops)
			}
		}),
		// bart's loops stand here twice: one of a type parameter would call Lookup through a dictionary.
		"bart-fast/mode=single": t.timed(func(set, from, to int) {
			for _, a := range t.in.sets[set][from:to] {
				h, _ := t.fast.Lookup(addrOf(a))
				t.discard += uint32(h)
			}
		}),
		"bart-fast/mode=dependent": t.timed(func(set, from, to int) {
			h := lpm.Hop(0)
			for _, a := range t.in.sets[set][from:to] {
				h, _ = t.fast.Lookup(addrOf(a ^ uint32(h)&t.none))
			}
			t.discard += uint32(h)
		}),
		"bart-table/mode=single": t.timed(func(set, from, to int) {
			for _, a := range t.in.sets[set][from:to] {
				h, _ := t.table.Lookup(addrOf(a))
				t.discard += uint32(h)
			}
		}),
		"bart-table/mode=dependent": t.timed(func(set, from, to int) {
			h := lpm.Hop(0)
			for _, a := range t.in.sets[set][from:to] {
				h, _ = t.table.Lookup(addrOf(a ^ uint32(h)&t.none))
			}
			t.discard += uint32(h)
		}),
		"bart-dual/mode=single": t.timed(func(set, from, to int) {
			for _, k := range t.keys[set][from:to] {
				a := addrOf(k.Addr)
				h, ok := t.own[k.Table].Lookup(a)
				if !ok {
					h, _ = t.fast.Lookup(a)
				}
				t.discard += uint32(h)
			}
		}),
	}
}

// timed makes a sampler of a loop over a part of a set: one step to warm up, then steps until the time is over. A sample
// goes on where the last one of the set ended.
func (t *tables) timed(f func(set, from, to int)) sampler {
	return func(set int, least time.Duration) (n uint64, took time.Duration, err error) {
		all := len(t.in.sets[set])
		each := min(step, all)
		at := &t.at[set]
		f(set, *at, *at+each)
		for began := time.Now(); took < least; took = time.Since(began) {
			*at = (*at + each) % all
			f(set, *at, *at+each)
			n += uint64(each)
		}
		return n, took, nil
	}
}

// dpdkLookups are the same of the C side.
func (d *dpdk) engines() map[string]sampler {
	all := map[string]sampler{}
	for _, engine := range []string{"rte-fib", "rte-lpm"} {
		ask := func(mode string, n int) sampler {
			return func(set int, least time.Duration) (uint64, time.Duration, error) {
				return d.lookup(engine, mode, n, set, least)
			}
		}
		for _, n := range []int{32, burst} {
			all[fmt.Sprintf("%s/mode=burst/n=%d", engine, n)] = ask("burst", n)
		}
		all[engine+"/mode=single"] = ask("single", 1)
		all[engine+"/mode=dependent"] = ask("dependent", 1)
	}
	return all
}
