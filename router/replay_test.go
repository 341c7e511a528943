package router

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vrfwd/bgp/mrt"
	"vrfwd/gen"
	"vrfwd/vrftable"
)

// writeUpdates writes what a collector heard of some peers in ten seconds, and a dump from before.
func writeUpdates(t *testing.T, peers int) (updates, dump string) {
	t.Helper()
	routes, err := gen.Synthetic(gen.TableConfig{Routes: 300, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	updates, dump = filepath.Join(dir, "updates.mrt"), filepath.Join(dir, "rib.mrt")
	for name, write := range map[string]func(io.Writer) error{
		updates: func(w io.Writer) error {
			return gen.WriteUpdates(w, gen.UpdatesConfig{Routes: routes, Peers: peers, Seed: 1, Duration: 10 * time.Second, Rate: 300})
		},
		dump: func(w io.Writer) error {
			return gen.WriteDump(w, gen.DumpConfig{Routes: routes, Peers: peers, Seed: 1})
		},
	} {
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := write(f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return updates, dump
}

// learned lists the parent's routes of peers, a line each.
func learned(t *vrftable.Table) (all []string) {
	for r := range t.Routes("") {
		if r.Peer.Addr.IsValid() {
			all = append(all, fmt.Sprint(r.Prefix, r.Peer, r.Gateway, r.Attrs.ASPath, r.Attrs.Communities, r.Attrs.MED))
		}
	}
	slices.Sort(all)
	return all
}

// TestReplayedRoutes: after each batch the RIB is what the peers have said so far, told again one by one; after the end it is
// what it was.
func TestReplayedRoutes(t *testing.T) {
	for _, peers := range []int{1, 3} {
		m := newMemory(t, "access", "core")
		r := start(t, m, twoPorts)
		file, _ := writeUpdates(t, peers)
		u, err := mrt.ReadUpdatesFile(file, mrt.Choice{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := r.newReplay(Request{File: file, Rate: 1, NextHops: []string{"192.0.2.2", "192.0.2.3"},
			Translate: map[string]string{u.Peers[0].Addr.String(): "192.0.2.3"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.begin(p); err != nil {
			t.Fatal(err)
		}
		for _, all := range []*[]mrt.Change{&u.Changes, &p.said} { // in the middle, a session ends
			*all = slices.Insert(*all, len(*all)/2, mrt.Change{Kind: mrt.Down, Time: (*all)[len(*all)/2].Time})
		}
		type known struct {
			peer   uint16
			prefix netip.Prefix
		}
		model := map[known]string{}
		kinds := map[mrt.Kind]int{}
		for done := 0; done < len(u.Changes); {
			until := min(done+97, len(u.Changes))
			for _, c := range u.Changes[done:until] {
				kinds[c.Kind]++
				k := known{c.Peer, netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(c.Addr >> 24), byte(c.Addr >> 16), byte(c.Addr >> 8), byte(c.Addr)}), int(c.Len))}
				switch c.Kind {
				case mrt.Announce:
					gateway := []string{"192.0.2.2", "192.0.2.3"}[c.Peer%2]
					if c.Peer == 0 {
						gateway = "192.0.2.3"
					}
					a, who := u.Attrs[c.Attrs], u.Peers[c.Peer].Addr
					model[k] = fmt.Sprint(k.prefix, vrftable.Peer{Addr: who, ID: who}, netip.MustParseAddr(gateway), a.ASPath, a.Communities, a.MED)
				case mrt.Withdraw:
					delete(model, k)
				case mrt.Down:
					maps.DeleteFunc(model, func(k known, _ string) bool { return k.peer == c.Peer })
				}
			}
			if err := p.apply(t.Context(), p.batch(until)); err != nil {
				t.Fatal(err)
			}
			done = until
			if got, want := learned(r.table), slices.Sorted(maps.Values(model)); !slices.Equal(got, want) {
				t.Fatalf("%d peers, after %d changes: %d routes, want %d", peers, done, len(got), len(want))
			}
		}
		if d := p.done; d.Peers != peers || d.Announcements != kinds[mrt.Announce] || d.Withdrawals != kinds[mrt.Withdraw] || d.Downs != 1 ||
			len(model) == 0 || d.Announcements == 0 || d.Withdrawals == 0 {
			t.Errorf("%+v, want %v", d, kinds)
		}
		if err := r.end(t.Context(), p); err != nil || len(learned(r.table)) > 0 {
			t.Errorf("%v, %d routes are left", err, len(learned(r.table)))
		}
		r.stop()
	}
}

// TestReplaySpread: one peer's routes are spread over the gateways.
func TestReplaySpread(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts)
	file, _ := writeUpdates(t, 1)
	p, err := r.newReplay(Request{File: file, Rate: 1, NextHops: []string{"192.0.2.2", "192.0.2.3"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.apply(t.Context(), p.batch(len(p.said))); err != nil {
		t.Fatal(err)
	}
	ways := map[netip.Addr]int{}
	for route := range r.table.Routes("") {
		if route.Peer.Addr.IsValid() {
			ways[route.Gateway]++
		}
	}
	if len(ways) != 2 {
		t.Errorf("by gateway: %v", ways)
	}
}

// TestReplay asks for replays by the control socket: to the end, ended by the client, and broken off.
func TestReplay(t *testing.T) {
	m := newMemory(t, "access", "core")
	path := socketPath(t)
	r := start(t, m, twoPorts, "control: "+path)
	file, _ := writeUpdates(t, 2)
	q := Request{Command: CommandReplay, File: file, NextHops: []string{"192.0.2.2"}}
	ask := func(change func(*Request)) *Answer {
		t.Helper()
		q := q
		change(&q)
		a, err := Ask(context.Background(), path, q)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		return a
	}
	last := func(a *Answer) (d Replayed) {
		t.Helper()
		for !d.Ended {
			if err := a.Next(&d); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Next(&d); err != io.EOF {
			t.Errorf("more after the end: %v", err)
		}
		if n := len(learned(r.table)); n > 0 {
			t.Errorf("%d routes are left", n)
		}
		return d
	}
	whole := last(ask(func(q *Request) { q.Speed = 1000 }))
	if whole.Changes != whole.Total || whole.Total < 1000 || whole.Error != "" || whole.Elapsed <= 0 || whole.MostBehind < whole.Behind || whole.VR != "default" {
		t.Errorf("%+v", whole)
	}
	some := last(ask(func(q *Request) { q.Rate, q.Limit, q.VRF = 1e6, 100, "red" }))
	if some.Changes != 100 || some.Total != 100 || some.VR != "red" {
		t.Errorf("%+v", some)
	}
	begun := func() { eventually(t, "routes come", func() bool { return len(learned(r.table)) > 10 }) }
	a := ask(func(q *Request) { q.Speed = 0.5 })
	begun()
	if _, err := Ask(context.Background(), path, Request{Command: CommandReplay, File: file, Speed: 1}); err == nil || !strings.Contains(err.Error(), "one already") {
		t.Errorf("a second replay: %v", err)
	}
	if err := a.End(); err != nil {
		t.Fatal(err)
	}
	if d := last(a); d.Changes == 0 || d.Changes >= d.Total || d.Error != "" {
		t.Errorf("%+v", d)
	}
	a = ask(func(q *Request) { q.Speed = 0.5 })
	begun()
	a.Close()
	eventually(t, "all is taken back", func() bool { return len(learned(r.table)) == 0 })
	if log := r.log.String(); strings.Count(log, "event=replay-ended") < 3 || strings.Count(log, "event=replay ") != 4 {
		t.Error(log)
	}
}

// TestReplayRefused: what cannot be replayed changes nothing, and is told with the reason; a reload that would bring routes of
// a replay's peers is refused while it lasts.
func TestReplayRefused(t *testing.T) {
	m := newMemory(t, "access", "core")
	path := socketPath(t)
	r := start(t, m, twoPorts, "control: "+path)
	file, dump := writeUpdates(t, 2)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(t.TempDir(), "short.mrt")
	if err := os.WriteFile(short, whole[:len(whole)-3], 0o600); err != nil {
		t.Fatal(err)
	}
	before := r.table.View().Generation
	for _, c := range []struct {
		q    Request
		want string
	}{
		{Request{File: short, Speed: 1}, "short.mrt: byte"},
		{Request{File: dump, Speed: 1}, "no BGP4MP record"},
		{Request{File: filepath.Dir(file), Speed: 1}, "not a regular file"},
		{Request{File: file + ".gz", Speed: 1}, "no such file"},
		{Request{File: file, Speed: 1, Rate: 1}, "one of the two"},
		{Request{File: file}, "one of the two"},
		{Request{File: file, Speed: 1, Limit: -1}, "limit of -1"},
		{Request{File: file, Speed: 1, VRF: "nope"}, "no VRF nope"},
		{Request{File: file, Speed: 1, NextHops: []string{"127.0.0.1"}}, "\"127.0.0.1\" is not a gateway"},
		{Request{File: file, Speed: 1, Translate: map[string]string{"x": "192.0.2.2"}}, "translate x"},
		{Request{File: file, Speed: 1, Translate: map[string]string{"192.0.2.2": "::1"}}, "\"::1\" is not a gateway"},
	} {
		c.q.Command = CommandReplay
		_, err := Ask(context.Background(), path, c.q)
		if b, ok := errors.AsType[*RequestError](err); !ok || !strings.Contains(b.Reason, c.want) {
			t.Errorf("%q: %v", c.want, err)
		}
	}
	if r.table.View().Generation != before || len(learned(r.table)) > 0 {
		t.Error("the table has changed")
	}

	withTable := strings.Replace(twoPorts, "  shares:\n", fmt.Sprintf("  tables: [{mrt: {file: %s}, next-hops: [192.0.2.2]}]\n  shares:\n", dump), 1) + "control: " + path
	p, err := r.newReplay(Request{File: file, Speed: 1})
	if err == nil {
		err = r.begin(p)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.write(withTable)
	if _, err := r.Reload(); err == nil || !strings.Contains(err.Error(), "being replayed: end that first") {
		t.Errorf("a reload meanwhile: %v", err)
	}
	if err := r.end(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	had := learned(r.table)
	if p, err = r.newReplay(Request{File: file, Speed: 1}); err != nil {
		t.Fatal(err)
	}
	if err := r.begin(p); err == nil || !strings.Contains(err.Error(), "it is a peer of a table (line") {
		t.Errorf("peers of a table: %v", err)
	}
	if got := learned(r.table); len(had) == 0 || !slices.Equal(got, had) {
		t.Errorf("%d routes of the table, %d were there", len(got), len(had))
	}
	for _, one := range []struct {
		vr, addr string
		want     bool
	}{{"", "198.18.0.1", true}, {"red", "198.18.0.1", false}, {"", "198.18.0.77", false}, {"", "::1", false}, {"nope", "198.18.0.1", false}} {
		if got := r.table.HasPeer(one.vr, netip.MustParseAddr(one.addr)); got != one.want {
			t.Errorf("HasPeer(%q, %s) is %v", one.vr, one.addr, got)
		}
	}
}
