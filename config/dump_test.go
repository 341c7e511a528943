package config

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrfwd/bgp/mrt"
	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// writeDump writes a dump of routes by three peers to a folder: ribN.mrt.
func writeDump(t testing.TB, dir string, routes []lpm.Route, seed uint64) string {
	t.Helper()
	var file bytes.Buffer
	if err := gen.WriteDump(&file, gen.DumpConfig{Routes: routes, Peers: 3, Seed: seed}); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "rib.mrt")
	if err := os.WriteFile(name, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// dumpConfig is a configuration in a folder, with a dump.
func dumpConfig(t testing.TB, dir, table string) *Config {
	t.Helper()
	text := strings.Replace(devices, "ports: {core: {device: eth0}, access: {device: eth1, mtu: 1500}}", "ports: {core: {device: eth0}}", 1) +
		"  tables:\n    - " + table + "\n"
	c, err := Parse(filepath.Join(dir, "pe.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range c.Warnings() {
		t.Error(w)
	}
	return c
}

// bgpRoutes lists a table's BGP routes, a line each.
func bgpRoutes(tab *vrftable.Table) (all []string) {
	for r := range tab.Routes("") {
		if r.Source == vrftable.EBGP {
			all = append(all, bgpRoute(r.Prefix, r.Peer, r.Gateway, r.Attrs))
		}
	}
	slices.Sort(all)
	return all
}

func bgpRoute(p netip.Prefix, peer vrftable.Peer, gateway netip.Addr, a *vrftable.Attributes) string {
	return fmt.Sprintf("%v %v %v %v %v %d %d %d", p, peer, gateway, a.ASPath, a.Communities, a.LocalPref, a.MED, a.Origin)
}

// TestDumpGateways: each way to give a dump's routes gateways of this router; several peers' stand side by side.
func TestDumpGateways(t *testing.T) {
	dir := t.TempDir()
	routes, err := gen.Synthetic(gen.TableConfig{Routes: 400, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	d, err := mrt.ReadFile(writeDump(t, dir, routes, 5), mrt.Choice{All: true})
	if err != nil {
		t.Fatal(err)
	}
	peer := func(i int) netip.Addr { return d.Peers[i].Addr }
	hop := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }
	for _, c := range []struct {
		table   string
		gateway func(peer uint16) netip.Addr // not valid: not chosen
		change  func(a *vrftable.Attributes)
	}{
		{fmt.Sprintf("{mrt: {file: rib.mrt, peers: [%d]}, next-hops: [192.0.2.2]}", d.Peers[1].AS),
			func(p uint16) (a netip.Addr) {
				if p == 1 {
					a = hop(2)
				}
				return a
			}, nil},
		{"{mrt: {file: rib.mrt, peers: [all]}, next-hops: [192.0.2.2, 192.0.2.3, 192.0.2.4]}",
			func(p uint16) netip.Addr { return hop(2 + int(p)) }, nil},
		{fmt.Sprintf("{mrt: {file: rib.mrt, peers: [%v, %v]}, next-hops: [192.0.2.2, 192.0.2.3]}", peer(2), peer(0)),
			func(p uint16) (a netip.Addr) { return map[uint16]netip.Addr{0: hop(2), 2: hop(3)}[p] }, nil},
		{fmt.Sprintf("{mrt: {file: rib.mrt, peers: [all]}, translate: {%v: 192.0.2.6}, next-hops: [192.0.2.2]}", peer(1)),
			func(p uint16) netip.Addr {
				if p == 1 {
					return hop(6)
				}
				return hop(2)
			}, nil},
		{"{mrt: {file: rib.mrt, peers: [all]}, next-hops: [192.0.2.2], local-preference: 70, communities: [64500:9]}",
			func(uint16) netip.Addr { return hop(2) },
			func(a *vrftable.Attributes) {
				a.LocalPref, a.Communities = 70, append(slices.Clone(a.Communities), 64500<<16|9)
			}},
	} {
		config := dumpConfig(t, dir, c.table)
		tab := newTableFor(t, config)
		load(t, tab, config)
		var want []string
		for _, r := range d.Routes {
			g := c.gateway(r.Peer)
			if !g.IsValid() {
				continue
			}
			a := d.Attrs[r.Attrs]
			if c.change != nil {
				c.change(&a)
			}
			p := d.Peers[r.Peer]
			want = append(want, bgpRoute(prefix(lpm.Route{Addr: r.Addr, Len: r.Len}), vrftable.Peer{Addr: p.Addr, ID: p.ID}, g, &a))
		}
		slices.Sort(want)
		if got := bgpRoutes(tab); !slices.Equal(got, want) {
			t.Errorf("%s: %d routes, want %d", c.table, len(got), len(want))
		}
		if notes := config.Notes(); len(notes) != 1 || !strings.Contains(notes[0].String(), "pe.yaml:6:13: table rib.mrt: ") {
			t.Errorf("%s: notes %v", c.table, notes)
		}
	}
	// One peer's routes are spread over all gateways.
	config := dumpConfig(t, dir, "{mrt: {file: rib.mrt}, next-hops: [192.0.2.2, 192.0.2.3, 192.0.2.4], spread: hashed}")
	var counts [3]int
	s := config.objects.tables[0]
	for _, r := range s.routes {
		counts[s.gateway(r).As4()[3]-2]++
	}
	if len(s.routes) != len(routes) || min(counts[0], counts[1], counts[2]) < len(routes)/5 {
		t.Errorf("%d routes by gateway: %v", len(s.routes), counts)
	}
}

func TestBetter(t *testing.T) {
	best := []vrftable.Attributes{ // the best first
		{LocalPref: 200, ASPath: []uint32{1, 2, 3}},
		{ASPath: []uint32{1}, Origin: vrftable.OriginIncomplete},
		{LocalPref: 100, ASPath: []uint32{1, 2}},
		{ASPath: []uint32{1, 2}, MED: 7},
		{ASPath: []uint32{1, 2}, Origin: vrftable.OriginEGP},
		{LocalPref: 99},
	}
	for i := range best {
		for j := range best {
			if got := better(&best[i], &best[j]); got != (i < j) {
				t.Errorf("better(%+v, %+v): %v", best[i], best[j], got)
			}
		}
	}
	a, b := vrftable.Attributes{ASPath: []uint32{1}, MED: 1}, vrftable.Attributes{ASPath: []uint32{2}}
	if better(&a, &b) || better(&b, &a) {
		t.Error("MEDs of different neighbours are compared")
	}
}

// TestDumpOnDisk: of a dump that changes on disk, what differs is all that is changed, attributes included; a Config keeps
// little more than 12 bytes of a route besides the sets of attributes.
func TestDumpOnDisk(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 10_000
	}
	dir := t.TempDir()
	routes, err := gen.Synthetic(gen.TableConfig{Routes: n, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	name := writeDump(t, dir, routes, 1)
	const table = "{mrt: {file: rib.mrt}, next-hops: [192.0.2.2, 192.0.2.3]}"
	before := heap()
	first := dumpConfig(t, dir, table)
	kept := heap() - before
	sets := len(first.objects.tables[0].directions)
	if kept > 13*n+sets*500+4<<20 {
		t.Errorf("%d routes with %d sets of attributes: a configuration keeps %d bytes", n, sets, kept)
	}
	tab := newTableFor(t, first)
	load(t, tab, first)
	again := dumpConfig(t, dir, table)
	if p, err := Diff(first, again, nil); err != nil || !p.Empty() {
		t.Fatalf("%v, %d changes to the same", err, p.Len())
	}

	// In the file, one route's ORIGIN becomes another: the first peer's in a record of the middle.
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := mrt.ReadFile(name, mrt.Choice{})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 3 {
		r := d.Routes[rng.IntN(len(d.Routes))]
		nlri := []byte{r.Len, byte(r.Addr >> 24), byte(r.Addr >> 16), byte(r.Addr >> 8), byte(r.Addr)}[:1+(r.Len+7)/8]
		at := -1
		for from := 0; ; {
			i := bytes.Index(file[from:], append(slices.Clone(nlri), 0, 3, 0, 0)) // 3 entries, the first of peer 0
			if i < 0 {
				break
			}
			at, from = from+i, from+i+1
		}
		if at < 0 {
			continue // another peer lacks it
		}
		origin := at + len(nlri) + 2 + 8 + 3
		file[origin] ^= 1
	}
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	changed := dumpConfig(t, dir, table)
	p, err := Diff(again, changed, nil)
	if err != nil {
		t.Fatal(err)
	}
	added := 0
	for _, c := range p.Changes() {
		if c, ok := c.(vrftable.AddRoutes); ok {
			added += len(c.Routes)
		} else {
			t.Errorf("%T", c)
		}
	}
	if added < 1 || added > 3 {
		t.Errorf("%d routes added, want 1 to 3", added)
	}
	if err := p.Apply(tab); err != nil {
		t.Fatal(err)
	}
	fresh := newTableFor(t, changed)
	load(t, fresh, changed)
	if !slices.Equal(bgpRoutes(tab), bgpRoutes(fresh)) {
		t.Error("the reloaded table is not that of the changed file")
	}
}
