package config

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"vrfwd/gen"
	"vrfwd/vrftable"
)

// big writes a configuration of 1,000 VRFs with a table file of n routes to a folder, and returns the routes.
func big(t testing.TB, dir string, n int) []gen.Entry {
	t.Helper()
	routes, err := gen.Synthetic(gen.TableConfig{Routes: n, NextHops: 4, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	entries := make([]gen.Entry, n)
	for i, r := range routes {
		entries[i] = gen.Entry{Addr: r.Addr, Len: r.Len, NextHop: 192<<24 | 2<<8 | uint32(r.Hop) + 1}
	}
	writeTable(t, dir, entries)
	text, err := Generate(1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("{synthetic: {routes: 1, seed: 1}, next-hops: [192.0.2.2]}"), []byte("{file: full.txt}"), 1)
	if err := os.WriteFile(filepath.Join(dir, "pe.yaml"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	return entries
}

func writeTable(t testing.TB, dir string, entries []gen.Entry) {
	t.Helper()
	var b bytes.Buffer
	if err := gen.WriteTable(&b, entries); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "full.txt"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestTableOnDisk: of a large table that changes on disk, what differs is all that is changed; a Config keeps little
// more than 12 bytes of a route.
func TestTableOnDisk(t *testing.T) {
	n := 300_000
	if testing.Short() {
		n = 30_000
	}
	dir := t.TempDir()
	entries := big(t, dir, n)
	path := filepath.Join(dir, "pe.yaml")
	read := func() *Config {
		c, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.Warnings() {
			t.Error(w)
		}
		return c
	}
	before := heap()
	first := read()
	if kept := heap() - before; kept > 13*n+8<<20 {
		t.Errorf("%d routes: a configuration keeps %d bytes", n, kept)
	}
	tab := newTableFor(t, first)
	load(t, tab, first)
	if info := tab.VRs()[0]; info.Routes != n {
		t.Fatalf("%d routes, want %d", info.Routes, n)
	}

	again := read()
	if p, err := Diff(first, again, nil); err != nil || !p.Empty() {
		t.Fatalf("%v, %d changes to the same", err, p.Len())
	}
	// One prefix goes, one gets another next hop, one comes.
	gone, other := entries[n/2], &entries[n/3]
	other.NextHop ^= 7
	entries = append(entries[:n/2], entries[n/2+1:]...)
	entries = append(entries, gen.Entry{Addr: 100 << 24, Len: 9, NextHop: 192<<24 | 2<<8 | 2})
	writeTable(t, dir, entries)
	changed := read()
	p, err := Diff(again, changed, nil)
	if err != nil {
		t.Fatal(err)
	}
	dropped, added := 0, 0
	for _, c := range p.Changes() {
		switch c := c.(type) {
		case vrftable.DeleteRoutes:
			dropped += len(c.Routes)
		case vrftable.AddRoutes:
			added += len(c.Routes)
		default:
			t.Errorf("%T", c)
		}
	}
	if dropped != 2 || added != 2 {
		t.Errorf("%d routes dropped, %d added; want 2 and 2", dropped, added)
	}
	if err := p.Apply(tab); err != nil {
		t.Fatal(err)
	}
	for r := range tab.Routes("") {
		a := number4(r.Prefix.Addr())
		switch {
		case a == gone.Addr && r.Prefix.Bits() == int(gone.Len):
			t.Errorf("%v is still there", r.Prefix)
		case a == other.Addr && r.Prefix.Bits() == int(other.Len) && number4(r.Gateway) != other.NextHop:
			t.Errorf("%v by %v, want %v", r.Prefix, r.Gateway, addr4(other.NextHop))
		}
	}
	if r, ok := tab.LookupRIB("", addr4(100<<24)); !ok || r.Prefix.Bits() != 9 {
		t.Errorf("100.0.0.0/9 has not come: %+v", r)
	}
}

func newTableFor(t testing.TB, c *Config) *vrftable.Table {
	t.Helper()
	tab, err := vrftable.New(vrftable.Config{VRFs: c.MaxVRFs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	return tab
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// BenchmarkLoad reads 1,000 VRFs and a file of 1,000,000 routes; BenchmarkApply makes a table of them.
func BenchmarkLoad(b *testing.B) {
	dir := b.TempDir()
	big(b, dir, 1_000_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(filepath.Join(dir, "pe.yaml")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	dir := b.TempDir()
	big(b, dir, 1_000_000)
	c, err := Load(filepath.Join(dir, "pe.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		tab := newTableFor(b, c)
		p, err := c.Changes(nil)
		if err == nil {
			err = p.Apply(tab)
		}
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		tab.Close()
		b.StartTimer()
	}
}

func BenchmarkDiff(b *testing.B) {
	dir := b.TempDir()
	big(b, dir, 1_000_000)
	c, err := Load(filepath.Join(dir, "pe.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Diff(c, c, nil); err != nil {
			b.Fatal(err)
		}
	}
}
