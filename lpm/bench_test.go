package lpm_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gaissmai/bart"

	"vrfwd/gen"
	"vrfwd/internal/dir24"
	"vrfwd/internal/qsbr"
	"vrfwd/lpm"
)

// The benchmarks' input: 64 next hops by hash of the prefix (the worst case for merging), 4 Mi destinations
// (gen.Destinations).
const (
	benchHops = 64
	benchKeys = 4 << 20
	burst     = 256
)

var (
	realRoutes = sync.OnceValues(func() ([]lpm.Route, error) { return gen.RealTable(benchHops, 1) })
	synRoutes  = sync.OnceValues(func() ([]lpm.Route, error) {
		return gen.Synthetic(gen.TableConfig{Routes: gen.DefaultRoutes, NextHops: benchHops, Seed: 1})
	})
)

var tables = []struct {
	name   string
	routes func() ([]lpm.Route, error)
}{{"real", realRoutes}, {"synthetic", synRoutes}}

func keysOf(b *testing.B, kind string, routes []lpm.Route) []uint32 {
	keys, err := gen.Destinations(kind, routes, benchKeys)
	if err != nil {
		b.Fatal(err)
	}
	return keys
}

// lookups is one engine's three ways to be asked.
type lookups struct {
	name   string
	single func(uint32) uint32
	burst  func([]uint32, []lpm.Hop)
}

func engineList(b *testing.B, routes []lpm.Route) []lookups {
	fib := newFIB(b, new(qsbr.Domain), routes)
	dir := newDir24(b, routes)
	fast, table := new(bart.Fast[lpm.Hop]), new(bart.Table[lpm.Hop])
	for _, r := range routes {
		p := netip.PrefixFrom(addrOf(r.Addr), int(r.Len))
		fast.Insert(p, r.Hop)
		table.Insert(p, r.Hop)
	}
	return []lookups{
		{"fib", func(a uint32) uint32 { return uint32(fib.Lookup(a)) }, fib.LookupBurst},
		{"dir24", dir.Lookup, func(a []uint32, h []lpm.Hop) { dir24.LookupBurst(dir, a, h) }},
		{"bart-fast", func(a uint32) uint32 { h, _ := fast.Lookup(addrOf(a)); return uint32(h) }, nil},
		{"bart-table", func(a uint32) uint32 { h, _ := table.Lookup(addrOf(a)); return uint32(h) }, nil},
	}
}

func addrOf(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

func newFIB(b *testing.B, d *qsbr.Domain, routes []lpm.Route) *lpm.Table {
	fib, err := lpm.NewTable(d)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(fib.Close)
	if err := fib.Build(routes); err != nil {
		b.Fatal(err)
	}
	return fib
}

func newDir24(b *testing.B, routes []lpm.Route) *dir24.Table {
	list := make([]dir24.Route, len(routes))
	for i, r := range routes {
		list[i] = dir24.Route{Addr: r.Addr, Len: r.Len, Hop: uint32(r.Hop)}
	}
	t, err := dir24.New(list)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { t.Close() })
	return t
}

// BenchmarkLookupPressed is BenchmarkLookup's burst mode on the real table while a second thread streams through
// memory.
func BenchmarkLookupPressed(b *testing.B) {
	if runtime.GOMAXPROCS(0) < 2 {
		b.Skip("the second thread needs a second CPU")
	}
	routes, err := realRoutes()
	if err != nil {
		b.Fatal(err)
	}
	list := engineList(b, routes)[:2]
	defer press()()
	for _, kind := range []string{"uniform", "routed", "zipf"} {
		keys := keysOf(b, kind, routes)
		for _, e := range list {
			b.Run("table=real/keys="+kind+"/engine="+e.name+"/mode=burst", func(b *testing.B) { benchBurst(b, e, keys) })
		}
	}
}

// press streams through 256 MiB on another thread until the returned function is called.
func press() (stop func()) {
	var done atomic.Bool
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		memory := make([]uint64, 32<<20)
		for i := 0; !done.Load(); i = (i + 1<<16) & (len(memory) - 1) {
			for j := range memory[i : i+1<<16] {
				memory[i+j]++
			}
		}
	}()
	return func() { done.Store(true); wg.Wait() }
}

// BenchmarkBuild reports the time to build a table from a sorted list, in ms/build.
func BenchmarkBuild(b *testing.B) {
	for _, t := range tables {
		b.Run("table="+t.name+"/engine=fib", func(b *testing.B) {
			routes, err := t.routes()
			if err != nil {
				b.Fatal(err)
			}
			var d qsbr.Domain
			fib, err := lpm.NewTable(&d)
			if err != nil {
				b.Fatal(err)
			}
			defer fib.Close()
			for b.Loop() {
				if err := fib.Build(routes); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/build")
		})
		b.Run("table="+t.name+"/engine=bart-fast", func(b *testing.B) {
			routes, err := t.routes()
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				fast := new(bart.Fast[lpm.Hop])
				for _, r := range routes {
					fast.Insert(netip.PrefixFrom(addrOf(r.Addr), int(r.Len)), r.Hop)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/build")
		})
	}
}

// BenchmarkUpdate reports ns/op and updates/s of one prefix of the real table changed in place: a delete, then the
// insert that brings it back. readers=1 has a thread look up all the while.
func BenchmarkUpdate(b *testing.B) {
	routes, err := realRoutes()
	if err != nil {
		b.Fatal(err)
	}
	for _, readers := range []int{0, 1} {
		b.Run(fmt.Sprintf("table=real/engine=fib/readers=%d", readers), func(b *testing.B) {
			var d qsbr.Domain
			fib := newFIB(b, &d, routes)
			var stop atomic.Bool
			var wg sync.WaitGroup
			for range readers {
				reader := d.Register()
				wg.Add(1)
				go func() {
					defer wg.Done()
					defer reader.Close()
					reader.Online()
					addrs, hops := make([]uint32, burst), make([]lpm.Hop, burst)
					for i := range addrs {
						addrs[i] = routes[i*1009%len(routes)].Addr
					}
					for !stop.Load() {
						fib.LookupBurst(addrs, hops)
						reader.Quiesce()
					}
				}()
			}
			r := rand.New(rand.NewPCG(1, 2))
			one := make([]lpm.Route, 1)
			b.ResetTimer()
			for i := range b.N {
				if i&1 == 0 {
					one[0] = routes[r.IntN(len(routes))]
				}
				c := one[0]
				if i&1 == 0 {
					c.Hop = 0
				}
				if err := fib.Apply([]lpm.Route{c}); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
			stop.Store(true)
			wg.Wait()
		})
	}
}

// BenchmarkMemory reports what the FIBs take, as MiB and B/route; bart beside, from its own account of its nodes.
func BenchmarkMemory(b *testing.B) {
	report := func(b *testing.B, bytes, routes int) {
		for b.Loop() {
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(bytes)/(1<<20), "MiB")
		if routes > 0 {
			b.ReportMetric(float64(bytes)/float64(routes), "B/route")
		} else {
			b.ReportMetric(float64(bytes), "B")
		}
	}
	for _, t := range tables {
		routes, err := t.routes()
		if err != nil {
			b.Fatal(err)
		}
		fib := newFIB(b, new(qsbr.Domain), routes)
		fibBytes, writer := fib.Memory()
		b.Run("table="+t.name+"/engine=fib", func(b *testing.B) { report(b, fibBytes, len(routes)) })
		b.Run("table="+t.name+"/engine=fib/part=writer", func(b *testing.B) { report(b, writer, len(routes)) })
		dir := newDir24(b, routes)
		b.Run("table="+t.name+"/engine=dir24", func(b *testing.B) { report(b, dir.Bytes(), len(routes)) })
	}
	const vrfs = 1000
	set, err := lpm.NewSet(newFIB(b, new(qsbr.Domain), nil), vrfs+1)
	if err != nil {
		b.Fatal(err)
	}
	defer set.Close()
	empty, _ := set.Memory()
	b.Run("vrfs=empty/per=vrf", func(b *testing.B) { report(b, empty/(vrfs+1), 0) })
	for _, profile := range []gen.Profile{gen.Typical, gen.Lab, gen.Tiny} {
		lists, err := gen.VRFs(gen.ProfileConfig{Profile: profile, VRFs: vrfs, Seed: 1})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for v, routes := range lists {
			n += len(routes)
			for i := range routes {
				routes[i].Hop = lpm.Hop(v + 1)
			}
			if err := set.Build(uint16(v+1), routes); err != nil {
				b.Fatal(err)
			}
		}
		bytes, _ := set.Memory()
		b.Run(fmt.Sprintf("vrfs=%d/profile=%v", vrfs, profile), func(b *testing.B) { report(b, bytes, n) })
	}
}

// BenchmarkLookup reports ns/op per address. mode=burst asks 256 at a time (bart: one by one, it has no burst),
// mode=single one by one and independent, mode=dependent each address after the last answer.
func BenchmarkLookup(b *testing.B) {
	for _, t := range tables {
		b.Run("table="+t.name, func(b *testing.B) {
			routes, err := t.routes()
			if err != nil {
				b.Fatal(err)
			}
			list := engineList(b, routes)
			for _, kind := range []string{"uniform", "routed", "zipf"} {
				keys := keysOf(b, kind, routes)
				for _, e := range list {
					prefix := fmt.Sprintf("keys=%s/engine=%s/mode=", kind, e.name)
					b.Run(prefix+"burst", func(b *testing.B) { benchBurst(b, e, keys) })
					b.Run(prefix+"single", func(b *testing.B) { benchSingle(b, e, keys) })
					b.Run(prefix+"dependent", func(b *testing.B) { benchDependent(b, e, keys) })
				}
				b.Run("keys="+kind+"/engine=none/mode=empty", func(b *testing.B) {
					benchBurst(b, lookups{burst: func(a []uint32, h []lpm.Hop) {
						for i, x := range a {
							h[i] = lpm.Hop(x)
						}
					}}, keys)
				})
			}
		})
	}
}

func benchBurst(b *testing.B, e lookups, keys []uint32) {
	hops := make([]lpm.Hop, burst)
	if e.burst == nil {
		e.burst = func(a []uint32, h []lpm.Hop) {
			for i, x := range a {
				h[i] = lpm.Hop(e.single(x))
			}
		}
	}
	for i := 0; i < b.N; i += burst {
		j := i & (len(keys) - 1)
		e.burst(keys[j:j+burst], hops)
	}
}

func benchSingle(b *testing.B, e lookups, keys []uint32) {
	var sum uint32
	for i := range b.N {
		sum += e.single(keys[i&(len(keys)-1)])
	}
	sink.Store(sum)
}

// benchDependent makes each address wait for the last answer, and changes no address: no hop has bit 31.
func benchDependent(b *testing.B, e lookups, keys []uint32) {
	var h uint32
	for i := range b.N {
		h = e.single(keys[i&(len(keys)-1)] ^ h>>31)
	}
	sink.Store(h)
}

var sink atomic.Uint32
