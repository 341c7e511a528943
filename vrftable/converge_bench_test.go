package vrftable_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"vrfwd/bgp/mrt"
	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// fullTable is one peer's full table as a collector has it: 1,000,000 prefixes with some 140,000 sets of attributes, spread
// over the core's neighbours by set.
var fullTable = sync.OnceValues(func() (load vrftable.AddRoutes, err error) {
	routes := gen.DefaultRoutes
	if testing.Short() {
		routes = 20_000
	}
	list, err := gen.Synthetic(gen.TableConfig{Routes: routes, Seed: 1})
	if err != nil {
		return load, err
	}
	var file bytes.Buffer
	if err := gen.WriteDump(&file, gen.DumpConfig{Routes: list, Peers: 1, Seed: 1}); err != nil {
		return load, err
	}
	d, err := mrt.Read(bytes.NewReader(file.Bytes()), "dump", mrt.Choice{})
	if err != nil {
		return load, err
	}
	vias := make([]vrftable.NextHop, benchNextHops)
	for i := range vias {
		vias[i] = vrftable.Via{Gateway: benchGateway(i)}
	}
	load.Routes = make([]vrftable.Route, len(d.Routes))
	for i, r := range d.Routes {
		load.Routes[i] = vrftable.Route{Prefix: benchPrefix(lpm.Route{Addr: r.Addr, Len: r.Len}), Source: vrftable.EBGP,
			NextHop: vias[r.Attrs*2654435761>>26], Attrs: &d.Attrs[r.Attrs]}
	}
	return load, nil
})

func benchFullTable(b *testing.B) vrftable.AddRoutes {
	b.Helper()
	load, err := fullTable()
	if err != nil {
		b.Fatal(err)
	}
	return load
}

// BenchmarkFullTable loads a full table into an empty parent in one batch: what is left of a load when nothing has to be read. Bytes
// are of the RIB, of the FIB that lookups read, and of the FIB's own records for updates, each apart, a route; heap is what
// the Go heap has grown by.
func BenchmarkFullTable(b *testing.B) {
	load := benchFullTable(b)
	n, sets := float64(len(load.Routes)), map[*vrftable.Attributes]bool{}
	for _, r := range load.Routes {
		sets[r.Attrs] = true
	}
	var heap float64
	var m vrftable.Memory
	for b.Loop() {
		b.StopTimer()
		t := benchNew(b, 0)
		before := heapInUse()
		b.StartTimer()
		benchApply(b, t, load)
		b.StopTimer()
		heap = float64(heapInUse()-before) / n
		m = t.Memory()
		t.Close()
		b.StartTimer()
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/load")
	b.ReportMetric(float64(len(sets)), "attribute-sets")
	b.ReportMetric(float64(m.RIB)/n, "RIB-B/route")
	b.ReportMetric(float64(m.GlobalFIB)/n, "FIB-B/route")
	b.ReportMetric(float64(m.FIBWriter)/n, "FIB-writer-B/route")
	b.ReportMetric(heap, "heap-B/route")
}

// importing is 1,000 VRFs with a route map each over a full table. All permit the prefixes in common; besides, VRF i permits
// those in the i-th of as many disjoint /16, and the last one the routes that a certain AS originates.
type importing struct {
	vrfs   int
	load   vrftable.AddRoutes
	common netip.Prefix // a prefix in it is imported by all
	none   netip.Prefix // one in it by none
	maps   []vrftable.Change
	sets   []vrftable.Change
}

func newImporting(b *testing.B) *importing {
	b.Helper()
	m := &importing{vrfs: benchVRFs, load: benchFullTable(b)}
	if testing.Short() {
		m.vrfs = 100
	}
	var blocks []netip.Prefix
	for _, r := range m.load.Routes {
		if block, _ := r.Prefix.Addr().Prefix(16); r.Prefix.Bits() > 16 && (len(blocks) == 0 || blocks[len(blocks)-1] != block) {
			blocks = append(blocks, block)
		}
	}
	if len(blocks) < m.vrfs+2 {
		b.Fatalf("the table has routes in %d blocks, %d are needed", len(blocks), m.vrfs+2)
	}
	block := func(i int) netip.Prefix { return blocks[i*(len(blocks)/(m.vrfs+2))] }
	m.common, m.none = block(m.vrfs), block(m.vrfs+1)
	inside := func(p netip.Prefix) []vrftable.PrefixRule {
		return []vrftable.PrefixRule{{Permit: true, Prefix: p, LE: 32}}
	}
	m.maps = append(m.maps, vrftable.SetPrefixList{Name: "common", Rules: inside(m.common)})
	for i := range m.vrfs {
		name := fmt.Sprint("m", i)
		own := vrftable.Match{PrefixList: name}
		if i == m.vrfs-1 {
			path := m.load.Routes[len(m.load.Routes)/2].Attrs.ASPath
			own = vrftable.Match{ASPath: fmt.Sprintf("_%d$", path[len(path)-1])}
		} else {
			m.maps = append(m.maps, vrftable.SetPrefixList{Name: name, Rules: inside(block(i))})
		}
		m.maps = append(m.maps, vrftable.SetRouteMap{Name: name, Entries: []vrftable.RouteMapEntry{
			{Permit: true, Match: vrftable.Match{PrefixList: "common"}}, {Permit: true, Match: own}}})
		m.sets = append(m.sets, vrftable.SetImportMap{VRF: fmt.Sprint("vrf", i), RouteMap: name, MaxRoutes: 100_000})
	}
	return m
}

// extra is a host route in a block that the table does not have.
func (m *importing) extra(b *testing.B, block netip.Prefix) vrftable.Route {
	b.Helper()
	have := map[netip.Prefix]bool{}
	for _, r := range m.load.Routes {
		if r.Prefix.Bits() == 32 && block.Contains(r.Prefix.Addr()) {
			have[r.Prefix] = true
		}
	}
	for a := block.Addr().Next(); block.Contains(a); a = a.Next() {
		if p := netip.PrefixFrom(a, 32); !have[p] {
			return vrftable.Route{Prefix: p, Source: vrftable.EBGP, NextHop: vrftable.Via{Gateway: benchGateway(0)},
				Attrs: &vrftable.Attributes{NextHop: benchGateway(0), ASPath: []uint32{64500}}}
		}
	}
	b.Fatalf("%v is full", block)
	return vrftable.Route{}
}

// imported is how many routes the VRFs have imported.
func imported(t *vrftable.Table) (n int) {
	for _, v := range t.VRs() {
		n += v.Imported
	}
	return n
}

// BenchmarkImportMaps is what 1,000 VRFs' import maps over a full table cost.
//
//   - case=set: those by prefix lists set in one batch, then the one by AS path, for which all of the table is matched. Memory
//     is what both add.
//   - case=all: then one prefix comes to the parent that all VRFs import, and goes again.
//   - case=none: one that no VRF imports, of which all maps have to be asked.
func BenchmarkImportMaps(b *testing.B) {
	m := newImporting(b)
	b.Run("case=set", func(b *testing.B) {
		routes, heap, tables, lists := 0, 0.0, 0.0, time.Duration(0)
		for b.Loop() {
			b.StopTimer()
			t := benchNew(b, m.vrfs)
			benchApply(b, t, m.load)
			benchApply(b, t, m.maps...)
			before, was := heapInUse(), t.Memory()
			last := len(m.sets) - 1
			b.StartTimer()
			began := time.Now()
			benchApply(b, t, m.sets[:last]...)
			lists += time.Since(began)
			benchApply(b, t, m.sets[last])
			b.StopTimer()
			heap = float64(heapInUse()-before) / (1 << 20)
			now := t.Memory()
			tables = float64(now.VRFFIB+now.FIBWriter+now.RIB-was.VRFFIB-was.FIBWriter-was.RIB) / (1 << 20)
			routes = imported(t)
			t.Close()
			b.StartTimer()
		}
		b.ReportMetric(lists.Seconds()/float64(b.N), "s/lists")
		b.ReportMetric((b.Elapsed()-lists).Seconds()/float64(b.N), "s/as-path")
		b.ReportMetric(float64(routes), "imported")
		b.ReportMetric(tables, "tables-MiB")
		b.ReportMetric(heap, "heap-MiB")
	})
	t := benchNew(b, m.vrfs)
	benchApply(b, t, m.load)
	benchApply(b, t, m.maps...)
	benchApply(b, t, m.sets...)
	reader := t.Domain().Register()
	defer reader.Close()
	reader.Online()
	for _, c := range []struct {
		name    string
		block   netip.Prefix
		imports int
	}{{"all", m.common, m.vrfs}, {"none", m.none, 0}} {
		r := m.extra(b, c.block)
		b.Run("case="+c.name, func(b *testing.B) {
			was := imported(t)
			var announced, withdrawn time.Duration
			for b.Loop() {
				began := time.Now()
				benchApply(b, t, vrftable.AddRoute{Route: r})
				announced += time.Since(began)
				reader.Quiesce()
				began = time.Now()
				benchApply(b, t, vrftable.DeleteRoute{Route: r})
				withdrawn += time.Since(began)
				reader.Quiesce()
			}
			benchApply(b, t, vrftable.AddRoute{Route: r})
			if n := imported(t) - was; n != c.imports {
				b.Fatalf("%d VRFs have imported %v, not %d", n, r.Prefix, c.imports)
			}
			benchApply(b, t, vrftable.DeleteRoute{Route: r})
			b.ReportMetric(announced.Seconds()*1e3/float64(b.N), "ms/announce")
			b.ReportMetric(withdrawn.Seconds()*1e3/float64(b.N), "ms/withdraw")
		})
	}
}
