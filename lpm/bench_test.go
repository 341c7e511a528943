package lpm_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gaissmai/bart"

	"vrfwd/gen"
	"vrfwd/internal/dir24"
	"vrfwd/internal/qsbr"
	"vrfwd/lpm"
)

// The benchmarks' input: 64 next hops by hash of the prefix (the worst case for merging), 4 Mi destinations. Routed
// destinations are uniform over prefixes, then within the prefix; Zipf is s = 1.1 over 64 Ki routed flows.
const (
	benchHops = 64
	benchKeys = 4 << 20
	benchZipf = 64 << 10
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

func keysOf(kind string, routes []lpm.Route) []uint32 {
	r := rand.New(rand.NewPCG(7, 11))
	routed := func() uint32 {
		p := routes[r.IntN(len(routes))]
		return p.Addr | r.Uint32()&uint32(uint64(1)<<(32-p.Len)-1)
	}
	keys := make([]uint32, benchKeys)
	switch kind {
	case "uniform":
		for i := range keys {
			keys[i] = r.Uint32()
		}
	case "routed":
		for i := range keys {
			keys[i] = routed()
		}
	case "zipf":
		flows := make([]uint32, benchZipf)
		for i := range flows {
			flows[i] = routed()
		}
		z := rand.NewZipf(r, 1.1, 1, benchZipf-1)
		for i := range keys {
			keys[i] = flows[z.Uint64()]
		}
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
	var d qsbr.Domain
	fib, err := lpm.NewTable(&d)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(fib.Close)
	if err := fib.Build(routes); err != nil {
		b.Fatal(err)
	}
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
				keys := keysOf(kind, routes)
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
