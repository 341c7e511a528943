package bench

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vrfwd/bgp/mrt"
	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// heardOf makes updates of a scenario's table by three peers, with some prefixes that it does not have.
func heardOf(t *testing.T, s *Scenario, rate float64, d time.Duration) *mrt.Updates {
	t.Helper()
	routes := slices.Clone(s.global)
	for i := range routes {
		if i%10 == 0 && routes[i].Len < 32 {
			routes[i].Len++
		}
	}
	slices.SortFunc(routes, comparePrefixes)
	routes = slices.CompactFunc(routes, func(a, b lpm.Route) bool { return comparePrefixes(a, b) == 0 })
	var file bytes.Buffer
	if err := gen.WriteUpdates(&file, gen.UpdatesConfig{Routes: routes, Peers: 3, Seed: 1, Rate: rate, Duration: d}); err != nil {
		t.Fatal(err)
	}
	u, err := mrt.ReadUpdates(&file, "updates", mrt.Choice{})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestReplay verifies every frame while a collector's updates are replayed, at their speed and at a rate, and that the routes
// are as before afterwards.
func TestReplay(t *testing.T) {
	for _, m := range []Method{Fallback, ImportMap} {
		s := newScenario(t, small(m))
		before := s.Table.VRs()
		u := heardOf(t, s, 1000, 2*time.Second)
		for _, p := range []Replay{{Speed: 8}, {Rate: 4000}} {
			p.Updates = u
			tr := good(t, s, Load{Fallback: 1, Flows: 2000, Check: Verify}, Run{Duration: 250 * time.Millisecond, Replay: &p})
			if c := tr.Churn; c == nil || c.Changes == 0 || c.Batches == 0 || c.Changes+c.Ignored > uint64(len(u.Changes)) {
				t.Errorf("%v: %+v", m, tr.Churn)
			}
		}
		for i, after := range s.Table.VRs() {
			if after != before[i] {
				t.Errorf("%v: %+v has become %+v", m, before[i], after)
			}
		}
		good(t, s, Load{Fallback: 1, Flows: 2000, Check: Verify}, Run{Frames: 4000})
	}
}

// TestReplayFlips: after all of a file, frames take the other next hops, and the routes have the file's attributes.
func TestReplayFlips(t *testing.T) {
	s := newScenario(t, small(Fallback))
	u := heardOf(t, s, 1000, 2*time.Second)
	r := s.newReplayer(u)
	if n := r.due(time.Second, 2); n == 0 || n > churnBatch {
		t.Errorf("%d changes are due after all of the time", n)
	}
	var sum Churn
	if err := r.apply(&sum, r.batch(len(u.Changes))); err != nil {
		t.Fatal(err)
	}
	if sum.Changes == 0 || r.next != len(u.Changes) || len(r.paths) == 0 {
		t.Fatalf("%+v, %d paths", sum, len(r.paths))
	}
	// The model: who announces what in the end.
	last := map[lpm.Route]map[uint16]bool{}
	attrs := map[lpm.Route]uint32{}
	for _, c := range u.Changes {
		p := lpm.Route{Addr: c.Addr, Len: c.Len}
		if last[p] == nil {
			last[p] = map[uint16]bool{}
		}
		if last[p][c.Peer] = c.Kind == mrt.Announce; c.Kind == mrt.Announce {
			attrs[p] = c.Attrs
		}
	}
	want := 0
	for p, peers := range last {
		announced := false
		for _, yes := range peers {
			announced = announced || yes
		}
		if announced && r.way(p) != nil {
			want++
		}
	}
	found := 0
	for route := range s.Table.Routes(vrftable.Parent) {
		if route.Attrs == nil || route.Attrs.LocalPref != replayPref {
			continue
		}
		found++
		a := u.Attrs[attrs[lpm.Route{Addr: binary.BigEndian.Uint32(route.Prefix.Addr().AsSlice()), Len: uint8(route.Prefix.Bits())}]]
		if !route.Best || !slices.Equal(a.ASPath, route.Attrs.ASPath) || !slices.Equal(a.Communities, route.Attrs.Communities) {
			t.Fatalf("%+v, want %+v", route, a)
		}
	}
	if found != want || found == 0 {
		t.Errorf("%d paths of the file, want %d", found, want)
	}
	strict := trialOn(t, s, Load{Fallback: 1, Flows: 20_000, Check: Verify}, Run{Frames: 20_000})
	if strict.Account.Mismatched == 0 || strict.Account.WrongEgress != 0 || strict.Account.Lost != 0 {
		t.Errorf("%+v", strict.Account)
	}
	// A session that ends takes all its announcements with it.
	gone := 0
	for _, h := range r.paths {
		if slices.Equal(h.peers, []uint16{0}) {
			gone++
		}
	}
	before := len(r.paths)
	u.Changes = append(u.Changes, mrt.Change{Kind: mrt.Down})
	if err := r.apply(nil, r.batch(len(u.Changes))); err != nil || len(r.paths) != before-gone || len(r.of(0)) != 0 {
		t.Errorf("%v: %d paths of %d, %d of peer 0 alone", err, len(r.paths), before, gone)
	}
	if err := r.apply(nil, r.end()); err != nil {
		t.Fatal(err)
	}
	good(t, s, Load{Fallback: 1, Flows: 20_000, Check: Verify}, Run{Frames: 20_000})
}

// TestDumpTable: a dump is a table, with the attributes of the peer that has most.
func TestDumpTable(t *testing.T) {
	routes, err := gen.Synthetic(gen.TableConfig{Routes: 2000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "rib.mrt")
	for _, paths := range []int{1, 2} {
		var file bytes.Buffer
		if err := gen.WriteDump(&file, gen.DumpConfig{Routes: routes, Peers: 3, Seed: 1, Paths: paths}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, file.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		n := small(ImportMap)
		n.Table = name
		s := newScenario(t, n)
		if s.Built.Routes != 2000 || s.Built.NextHops != n.NextHops || len(s.chosen) == 0 {
			t.Errorf("%+v", s.Built)
		}
		chosen := 0
		for r := range s.Table.Routes(vrftable.Parent) {
			if r.Source != vrftable.EBGP {
				continue
			}
			if len(r.Attrs.ASPath) == 0 || r.Attrs.ASPath[0] != 1000 {
				t.Fatalf("%+v", r)
			}
			if slices.Contains(r.Attrs.Communities, chosenCommunity) {
				chosen++
			}
		}
		if chosen != len(s.chosen) {
			t.Errorf("%d routes are marked for import, want %d", chosen, len(s.chosen))
		}
		good(t, s, Load{Fallback: 1, Flows: 2000, Check: Verify}, Run{Frames: 4000})
	}
}
