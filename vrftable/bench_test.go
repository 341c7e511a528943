package vrftable_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// The benchmarks' network: 1,000 VRFs with one PE-CE interface each, on VLANs of one port; one core interface with 64
// neighbours in the parent; the real table (synthetic where bart's module has none) over them.

const (
	benchVRFs     = 1000
	benchNextHops = 64
)

func benchTable(b *testing.B) []lpm.Route {
	b.Helper()
	routes, err := gen.RealTable(benchNextHops, 1)
	if err != nil {
		b.Logf("no real table (%v): a synthetic one", err)
		if routes, err = gen.Synthetic(gen.TableConfig{NextHops: benchNextHops, Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
	return routes
}

func benchNew(b *testing.B, vrfs int) *vrftable.Table {
	b.Helper()
	t, err := vrftable.New(vrftable.Config{VRFs: vrfs})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(t.Close)
	changes := []vrftable.Change{
		vrftable.AddPort{Name: "core", Number: 0, MAC: vrftable.MAC{2, 0, 0, 0, 0, 1}},
		vrftable.AddPort{Name: "access", Number: 1, MAC: vrftable.MAC{2, 0, 0, 0, 0, 2}},
		vrftable.AddLayer2{Name: "core", Port: "core"},
		vrftable.AddInterface{Name: "core", Layer2: "core", Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}},
	}
	for i := range benchNextHops {
		changes = append(changes, vrftable.AddNeighbor{Interface: "core", Addr: benchGateway(i),
			MAC: vrftable.MAC{2, 1, 0, 0, 0, byte(i)}})
	}
	for i := range vrfs {
		vr, l2, ce := fmt.Sprint("vrf", i), fmt.Sprint("l", i), fmt.Sprint("ce", i)
		changes = append(changes, vrftable.AddVRF{Name: vr},
			vrftable.AddLayer2{Name: l2, Port: "access", VLAN: uint16(i + 1)},
			vrftable.AddInterface{Name: ce, VR: vr, Layer2: l2, FallbackGlobal: true,
				Addresses: []netip.Prefix{netip.MustParsePrefix("169.254.0.1/30")}},
			vrftable.AddNeighbor{Interface: ce, Addr: benchCE, MAC: vrftable.MAC{2, 2, 0, 0, byte(i >> 8), byte(i)}})
	}
	benchApply(b, t, changes...)
	return t
}

func benchApply(b *testing.B, t *vrftable.Table, c ...vrftable.Change) {
	b.Helper()
	if err := t.Apply(c); err != nil {
		b.Fatal(err)
	}
}

var benchCE = netip.MustParseAddr("169.254.0.2")

func benchGateway(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(2 + i)}) }

func benchPrefix(r lpm.Route) netip.Prefix {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], r.Addr)
	return netip.PrefixFrom(netip.AddrFrom4(b), int(r.Len))
}

// benchRoutes makes EBGP routes of a table: 64 gateways, and 1,000 distinct sets of attributes for each.
func benchRoutes(table []lpm.Route) vrftable.AddRoutes {
	vias := make([]vrftable.NextHop, benchNextHops)
	for i := range vias {
		vias[i] = vrftable.Via{Gateway: benchGateway(i)}
	}
	attrs := make([]*vrftable.Attributes, 1000*benchNextHops)
	for i := range attrs {
		attrs[i] = &vrftable.Attributes{
			NextHop:     benchGateway(i % benchNextHops),
			ASPath:      []uint32{uint32(64500 + i%benchNextHops), 3356, uint32(i), uint32(i * 7)},
			Communities: []vrftable.Community{vrftable.Community(i)},
		}
	}
	routes := make([]vrftable.Route, len(table))
	for i, r := range table {
		nh := int(r.Hop-1) % benchNextHops
		routes[i] = vrftable.Route{Prefix: benchPrefix(r), Source: vrftable.EBGP, NextHop: vias[nh],
			Attrs: attrs[i/900%1000*benchNextHops+nh]}
	}
	return vrftable.AddRoutes{Routes: routes}
}

// BenchmarkBulkLoad loads the full table with attributes into an empty parent in one batch.
func BenchmarkBulkLoad(b *testing.B) {
	load := benchRoutes(benchTable(b))
	n := float64(len(load.Routes))
	var rib, fib, heap float64
	for b.Loop() {
		b.StopTimer()
		t := benchNew(b, 0)
		before := heapInUse()
		b.StartTimer()
		benchApply(b, t, load)
		b.StopTimer()
		heap = float64(heapInUse()-before) / n
		m := t.Memory()
		rib, fib = float64(m.RIB)/n, float64(m.GlobalFIB)/n
		t.Close()
		b.StartTimer()
	}
	b.ReportMetric(n/b.Elapsed().Seconds()*float64(b.N), "routes/s")
	b.ReportMetric(rib, "RIB-B/route")
	b.ReportMetric(heap, "heap-B/route")
	b.ReportMetric(fib, "FIB-B/route")
}

// BenchmarkDeletePeer loads the full table as one peer's beside another's, equal one, outside the clock, and deletes the
// first: the session is down. paths=1: the other takes its place; paths=2: both were used together.
func BenchmarkDeletePeer(b *testing.B) {
	load := benchRoutes(benchTable(b))
	both := make([]vrftable.AddRoutes, 2)
	peers := []vrftable.Peer{{Addr: benchGateway(0), ID: benchGateway(0)}, {Addr: benchGateway(1), ID: benchGateway(1)}}
	for i := range both {
		for n, r := range load.Routes {
			r.Peer = peers[i]
			if i == 1 {
				r.NextHop = load.Routes[0].NextHop
				if r.NextHop == load.Routes[n].NextHop {
					r.NextHop = vrftable.Via{Gateway: benchGateway(benchNextHops - 1)}
				}
			}
			both[i].Routes = append(both[i].Routes, r)
		}
	}
	for _, paths := range []int{1, 2} {
		b.Run(fmt.Sprint("paths=", paths), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				t := benchNew(b, 0)
				benchApply(b, t, vrftable.SetMaximumPaths{N: paths}, both[0], both[1])
				b.StartTimer()
				benchApply(b, t, vrftable.DeletePeer{Peer: peers[0].Addr})
				b.StopTimer()
				t.Close()
				b.StartTimer()
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(b.N), "ms/session")
		})
	}
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkWithdrawBatch withdraws one route from each of 1,000 typical VRFs in one batch, and brings them back outside
// the clock.
func BenchmarkWithdrawBatch(b *testing.B) {
	t := benchNew(b, benchVRFs)
	vrfs, err := gen.VRFs(gen.ProfileConfig{Profile: gen.Typical, VRFs: benchVRFs, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	all := vrftable.AddRoutes{}
	var withdraw, announce []vrftable.Change
	for i, table := range vrfs {
		vr := fmt.Sprint("vrf", i)
		via := vrftable.NextHop(vrftable.Via{Gateway: benchCE})
		for n, r := range table {
			route := vrftable.Route{VR: vr, Prefix: benchPrefix(r), Source: vrftable.Static, NextHop: via}
			all.Routes = append(all.Routes, route)
			if n == len(table)/2 {
				withdraw = append(withdraw, vrftable.DeleteRoute{Route: route})
				announce = append(announce, vrftable.AddRoute{Route: route})
			}
		}
	}
	benchApply(b, t, all)
	reader := t.Domain().Register()
	defer reader.Close()
	reader.Online()
	b.ReportAllocs()
	for b.Loop() {
		benchApply(b, t, withdraw...)
		b.StopTimer()
		reader.Quiesce()
		benchApply(b, t, announce...)
		reader.Quiesce()
		b.StartTimer()
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(b.N), "ms/batch")
	b.ReportMetric(float64(len(withdraw)), "changes/batch")
}

// BenchmarkApplyChurn changes routes of the full table in the parent: another peer announces the prefix too, the first
// withdraws, announces again, the other withdraws. batch is the number of changes in one Apply; importers the number of
// VRFs with an import map.
func BenchmarkApplyChurn(b *testing.B) {
	table := benchTable(b)
	for _, importers := range []int{0, 1000} {
		t := benchNew(b, importers)
		load := benchRoutes(table)
		changes := []vrftable.Change{load,
			vrftable.SetPrefixList{Name: "some", Rules: []vrftable.PrefixRule{
				{Permit: true, Prefix: netip.MustParsePrefix("8.8.0.0/16"), LE: 32}}},
			vrftable.SetRouteMap{Name: "some", Entries: []vrftable.RouteMapEntry{
				{Permit: true, Match: vrftable.Match{PrefixList: "some"}}}},
		}
		for i := range importers {
			changes = append(changes,
				vrftable.SetImportMap{VRF: fmt.Sprint("vrf", i), RouteMap: "some", MaxRoutes: 1000})
		}
		benchApply(b, t, changes...)
		at, n := 0, 0 // the place in the cycle, over all sizes: each leaves the table where the next goes on
		for _, size := range []int{1, 100} {
			b.Run(fmt.Sprintf("batch=%d/importers=%d", size, importers), func(b *testing.B) {
				b.ReportAllocs()
				batch := make([]vrftable.Change, 0, size)
				for b.Loop() {
					batch = batch[:0]
					for range size {
						r := load.Routes[at*7919%len(load.Routes)]
						g := r.NextHop.(vrftable.Via).Gateway.As4()
						g[3] = 2 + (g[3]-1)%benchNextHops
						other := r
						other.NextHop = vrftable.Via{Gateway: netip.AddrFrom4(g)}
						switch n % 4 {
						case 0:
							batch = append(batch, vrftable.AddRoute{Route: other})
						case 1:
							batch = append(batch, vrftable.DeleteRoute{Route: r})
						case 2:
							batch = append(batch, vrftable.AddRoute{Route: r})
						case 3:
							batch = append(batch, vrftable.DeleteRoute{Route: other})
							at++
						}
						n++
					}
					if err := t.Apply(batch); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "changes/s")
			})
		}
		t.Close()
	}
}
