package router

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"vrfwd/config"
)

func loadFile(t testing.TB, file string) *config.Config {
	t.Helper()
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestReloadUnderTraffic changes routes, shares, VRFs and policies under traffic, many times: every frame comes out, by the
// old or the new next hop.
func TestReloadUnderTraffic(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts)
	texts := []string{
		strings.Replace(twoPorts, "gateway: 192.0.2.2}", "gateway: 192.0.2.3}", 1),
		strings.Replace(twoPorts, "  blue:\n", "  green:\n    interfaces:\n      green-ce: {layer2: access.30, addresses: [10.0.0.1/24]}\n  blue:\n", 1),
		strings.Replace(twoPorts, "    to-red: {layer2: access.10}\n", "    to-red: {layer2: access.10}\n    more: {layer2: core}\n", 1),
		strings.Replace(twoPorts, "    global-import-map: {route-map: defaults, max-routes: 5}\n", "", 1),
		twoPorts,
	}
	var sent, ended atomic.Int64
	injected := make(chan struct{})
	go func() {
		defer close(injected)
		frame := udp(10, "10.0.0.2", "8.8.8.8", 64)
		for ended.Load() == 0 {
			sent.Add(int64(m.inject("access", 0, frame, frame, frame, frame)))
		}
	}()
	got := map[string]int{}
	take := func() {
		for to, n := range count(m.collect("core"), destination) {
			got[to] += n
		}
	}
	reloads := 100
	if testing.Short() {
		reloads = 25
	}
	for i := range reloads {
		before := r.totals().Forwarded
		r.write(texts[i%len(texts)])
		done, err := r.Reload()
		if err != nil || done.Changes == 0 && i > 0 && texts[i%len(texts)] != texts[(i-1)%len(texts)] {
			t.Fatalf("%v %+v", err, done)
		}
		eventually(t, "traffic goes on", func() bool { take(); return r.totals().Forwarded > before+100 })
	}
	ended.Store(1)
	<-injected
	eventually(t, "all frames are handled", func() bool { take(); return r.totals().Received == uint64(sent.Load()) })
	r.stop()
	take()
	if r.last.Dropped+r.last.Punted != 0 {
		t.Error(r.last)
	}
	if n := got["02:00:00:00:02:02"] + got["02:00:00:00:02:03"]; int64(n) != sent.Load() || len(got) != 2 {
		t.Errorf("%d sent, %v came out", sent.Load(), got)
	}
}

// TestReloadRefused: a bad file changes nothing and says why, with its place; so does what needs a restart.
func TestReloadRefused(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts)
	before := r.table.View().Generation
	for _, c := range []struct{ text, want string }{
		{"ports: [", "fwd.yaml:1:8"},
		{strings.Replace(twoPorts, "10.0.0.0/24, share", "10.0.0.0/33, share", 1), "10.0.0.0/33"},
		{strings.Replace(twoPorts, "share: to-red", "share: to-rde", 1), "to-rde"},
		{twoPorts + "workers: 3\n", "restart"},
		{strings.Replace(twoPorts, "  core: {}\n", "  core: {}\n  third: {}\n", 1), "third"},
	} {
		r.write(c.text)
		_, err := r.Reload()
		var e *config.Error
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &e) || !headerOf(err).Usage {
			t.Errorf("%q: %v", c.want, err)
		}
	}
	r.write(twoPorts)
	if done, err := r.Reload(); err != nil || done.Changes != 0 {
		t.Errorf("the file as it was: %+v %v", done, err)
	}
	if r.table.View().Generation != before {
		t.Error("the view has changed")
	}
	r.stop()
}
