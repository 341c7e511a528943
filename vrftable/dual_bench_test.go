package vrftable_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"vrfwd/gen"
	"vrfwd/internal/dir24"
	"vrfwd/internal/offheap"
	"vrfwd/internal/qsbr"
	"vrfwd/lpm"
)

// BenchmarkDualLookup reports ns/op per address over the real table (64 next hops) and 1,000 typical VRFs, a VRF per
// packet. fallback is the percentage of destinations that the packet's VRF has no route for. engine=global-only asks
// the parent's table alone for the same addresses, engine=dir24 a DIR-24-8 of it.
func BenchmarkDualLookup(b *testing.B) {
	const vrfs, hops, keys, burst = 1000, 64, 4 << 20, 256
	routes, err := gen.RealTable(hops, 1)
	if err != nil {
		b.Fatal(err)
	}
	profile, err := gen.VRFs(gen.ProfileConfig{Profile: gen.Typical, VRFs: vrfs, Seed: 1, Public: routes})
	if err != nil {
		b.Fatal(err)
	}
	var d qsbr.Domain
	global, err := lpm.NewTable(&d)
	if err != nil {
		b.Fatal(err)
	}
	defer global.Close()
	set, err := lpm.NewSet(global, vrfs+1)
	if err != nil {
		b.Fatal(err)
	}
	defer set.Close()
	if err := global.Build(routes); err != nil {
		b.Fatal(err)
	}
	list := make([]dir24.Route, len(routes))
	for i, r := range routes {
		list[i] = dir24.Route{Addr: r.Addr, Len: r.Len, Hop: uint32(r.Hop)}
	}
	dir, err := dir24.New(list)
	if err != nil {
		b.Fatal(err)
	}
	defer dir.Close()
	for v, own := range profile {
		for i := range own {
			own[i].Hop = lpm.Hop(hops + 1 + v)
		}
		if err := set.Build(uint16(v+1), own); err != nil {
			b.Fatal(err)
		}
	}
	inside := func(r *rand.Rand, p lpm.Route) uint32 {
		return p.Addr | r.Uint32()&uint32(uint64(1)<<(32-p.Len)-1)
	}
	// In huge pages: what the engines are asked is to cost the same, though a key is twice an address.
	region, err := offheap.Alloc(keys * 12)
	if err != nil {
		b.Fatal(err)
	}
	defer region.Close()
	all, addrs := offheap.Slice[lpm.Key](region, keys), offheap.Slice[uint32](region, 3*keys)[2*keys:]
	for _, kind := range []string{"uniform", "routed", "zipf"} {
		for _, fallback := range []int{0, 50, 100} {
			r := rand.New(rand.NewPCG(3, uint64(fallback)))
			draw := func() lpm.Key {
				k := lpm.Key{Table: uint16(1 + r.IntN(vrfs)), Flags: lpm.Fallback}
				if own := profile[k.Table-1]; r.IntN(100) >= fallback {
					k.Addr = inside(r, own[r.IntN(len(own))])
					return k
				}
				for k.Addr = r.Uint32(); ; k.Addr = r.Uint32() {
					if kind != "uniform" {
						k.Addr = inside(r, routes[r.IntN(len(routes))])
					}
					if set.Lookup(k.Table, k.Addr) == 0 {
						return k
					}
				}
			}
			if kind == "zipf" {
				flows := make([]lpm.Key, 64<<10)
				for i := range flows {
					flows[i] = draw()
				}
				z := rand.NewZipf(r, 1.1, 1, uint64(len(flows)-1))
				for i := range all {
					all[i] = flows[z.Uint64()]
				}
			} else {
				for i := range all {
					all[i] = draw()
				}
			}
			for i, k := range all {
				addrs[i] = k.Addr
			}
			out := make([]lpm.Hop, burst)
			name := fmt.Sprintf("keys=%s/fallback=%d/engine=", kind, fallback)
			run := func(engine string, f func(j int)) {
				b.Run(name+engine, func(b *testing.B) {
					for i := 0; i < b.N; i += burst {
						f(i & (keys - 1))
					}
				})
			}
			run("dual", func(j int) { set.LookupDual(all[j:j+burst], out) })
			run("global-only", func(j int) { global.LookupBurst(addrs[j:j+burst], out) })
			run("dir24", func(j int) { dir24.LookupBurst(dir, addrs[j:j+burst], out) })
		}
	}
	b.Run("memory", func(b *testing.B) {
		n := 0
		for v := range vrfs {
			n += set.Len(uint16(v + 1))
		}
		fib, _ := set.Memory()
		b.ReportMetric(float64(fib)/(1<<20), "MiB")
		b.ReportMetric(float64(fib)/float64(n), "B/route")
		b.ReportMetric(float64(n), "routes")
		b.ReportMetric(0, "ns/op")
	})
}
