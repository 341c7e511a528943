package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vrfwd/bgp/mrt"
)

// TestGenMRT: dump and updates of the same flags belong together: the same peers speak of the same prefixes.
func TestGenMRT(t *testing.T) {
	dir := t.TempDir()
	rib, heard := filepath.Join(dir, "rib.mrt.gz"), filepath.Join(dir, "updates.mrt")
	flags := []string{"--routes", "500", "--peers", "3", "--seed", "9"}
	for _, args := range [][]string{
		with([]string{"gen", "mrt", "--paths", "2", "-o", rib}, flags...),
		with([]string{"gen", "updates", "--rate", "500", "--duration", "2s", "-o", heard}, flags...),
	} {
		if code, out, errs := fwd(t, args...); code != 0 || out != "" || errs != "" {
			t.Fatal(code, out, errs)
		}
	}
	d, err := mrt.ReadFile(rib, mrt.Choice{All: true})
	if err != nil || len(d.Chosen()) != 3 || d.Chosen()[0].Routes != 1000 {
		t.Fatal(d, err)
	}
	u, err := mrt.ReadUpdatesFile(heard, mrt.Choice{})
	if err != nil {
		t.Fatal(err)
	}
	type key struct {
		as, addr uint32
		len      uint8
	}
	known := map[key]bool{}
	for _, r := range d.Routes {
		known[key{d.Peers[r.Peer].AS, r.Addr, r.Len}] = true
	}
	for _, c := range u.Changes {
		if !known[key{u.Peers[c.Peer].AS, c.Addr, c.Len}] {
			t.Fatalf("%+v is not of the dump", c)
		}
	}
}

// TestBenchMRT: a dump is a table, and updates are its changes.
func TestBenchMRT(t *testing.T) {
	dir := t.TempDir()
	rib, heard := filepath.Join(dir, "rib.mrt.gz"), filepath.Join(dir, "updates.mrt.gz")
	flags := []string{"--routes", "2000", "--peers", "2"}
	for _, args := range [][]string{
		with([]string{"gen", "mrt", "-o", rib}, flags...),
		with([]string{"gen", "updates", "--rate", "1000", "--duration", "10s", "-o", heard}, flags...),
	} {
		if code, out, errs := fwd(t, args...); code != 0 {
			t.Fatal(code, out, errs)
		}
	}
	cut := filepath.Join(dir, "cut")
	if text, err := os.ReadFile("../../config/testdata/cut.mrt"); err != nil || os.WriteFile(cut, text, 0o600) != nil {
		t.Fatal(err)
	}
	if code, out, errs := fwd(t, "bench", "--table", cut, "--results", ""); code != 2 || out != "" || !strings.Contains(errs, cut+": byte 218: ") {
		t.Error(code, out, errs)
	}
	for _, at := range [][]string{{}, {"--churn-speed", "20"}, {"--churn", "3000"}} {
		args := with([]string{"bench", "--vrfs", "10", "--flows", "1000", "--duration", "150ms", "--warmup", "10ms", "--stages", "0", "--ports",
			"samecore", "--workers", "1", "--results", "", "--verify", "--table", rib, "--churn-file", heard}, at...)
		code, out, errs := fwd(t, args...)
		if code != 0 || !strings.Contains(out, "2,000 routes, 64 next hops") || !strings.Contains(out, "of "+heard+", in which") {
			t.Errorf("%v: exit code %d\n%s%s", at, code, out, errs)
		}
	}
}

// TestCheckDump: a check says what is taken of a dump, and what is skipped.
func TestCheckDump(t *testing.T) {
	code, out, errs := fwd(t, "check", "../../examples/full.yaml")
	if code != 0 || !strings.Contains(out, "table collector.mrt.gz: 397 routes with ") ||
		!strings.Contains(out, "sets of attributes of 2 of 3 peers, at 2026-11-01T00:00:00Z; skipped: 198 routes of other peers\n") {
		t.Error(code, out, errs)
	}
}
