package bgp

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"vrfwd/vrftable"
)

// TestBird: BIRD's routes come into the table, with their attributes, and go; ours reach BIRD.
func TestBird(t *testing.T) {
	b := newBed(t)
	apply(t, b.table, vrftable.AddRoute{Route: vrftable.Route{Prefix: netip.MustParsePrefix("203.0.113.0/24"), Source: vrftable.Static, NextHop: vrftable.Discard}})
	bird := b.bird(`
protocol static a { ipv4; route 198.51.100.0/24 blackhole { bgp_path.prepend(65010); bgp_community.add((64501,7)); bgp_med = 5; }; }
protocol static c { ipv4; route 192.0.2.0/25 blackhole; }
`, "")
	b.run(b.config(func(c *Config, n *Neighbor) { c.Redistribute = []Redistribute{{Kind: RedistributeStatic}} }))
	b.established(other)
	want := []string{"192.0.2.0/25 ebgp via 10.9.0.2 path [64501]", "198.51.100.0/24 ebgp via 10.9.0.2 path [64501 65010]",
		"203.0.113.0/24 static"}
	wait(t, "BIRD's routes are there", func() bool { return slices.Equal(routes(b.table, ""), want) })
	wait(t, "BIRD has ours", func() bool {
		return strings.Contains(bird.Show(t, "route", "all", "203.0.113.0/24"), "BGP.as_path: 64500")
	})
	t.Log(bird.Show(t, "route", "all"))
	for r := range b.table.RoutesIn("", netip.MustParsePrefix("198.51.100.0/24")) {
		t.Logf("%+v %+v", r, *r.Attrs)
	}
	bird.Do(t, "disable", "c")
	wait(t, "a route is withdrawn", func() bool { return slices.Equal(routes(b.table, ""), want[1:]) })
	apply(t, b.table, vrftable.DeleteRoute{Route: vrftable.Route{Prefix: netip.MustParsePrefix("203.0.113.0/24"), Source: vrftable.Static, NextHop: vrftable.Discard}})
	wait(t, "BIRD has not ours", func() bool { return !strings.Contains(bird.Show(t, "route"), "203.0.113.0") })
	t.Logf("%+v", b.server.Neighbors())
	bird.Kill()
	wait(t, "its routes are gone", func() bool { return len(routes(b.table, "")) == 0 })
	bird.Start(t)
	wait(t, "its routes are back", func() bool { return len(routes(b.table, "")) == 2 })
}

const birdStatics = `
protocol static a { ipv4; route 198.51.100.0/24 blackhole; }
protocol static c { ipv4; route 192.0.2.0/25 blackhole; }
`

// TestGracefulRestart: routes of a neighbour that was killed stay in use until it is back, and go by its End-of-RIB if it does
// not tell them again, or when its time is over.
func TestGracefulRestart(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	restart := "graceful restart on; graceful restart time 60;"
	bird := b.bird(birdStatics, restart)
	b.run(b.config(func(c *Config, n *Neighbor) { n.GracefulRestart = 30 * time.Second }))
	kept := []string{"192.0.2.0/25 ebgp via 10.9.0.2 path [64501]", "198.51.100.0/24 ebgp via 10.9.0.2 path [64501]"}
	has(t, "BIRD's routes", b.table, kept...)
	watch, err := b.table.Watch("", 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	// Whenever a prefix may have changed, the routes are still there.
	stay := func(what string, until func() bool) {
		t.Helper()
		wait(t, what, func() bool {
			if prefixes, _ := watch.Take(nil); len(prefixes) > 0 && !slices.Equal(routes(b.table, ""), kept) {
				t.Errorf("%s: routes %q meanwhile", what, routes(b.table, ""))
			}
			return until()
		})
	}
	bird.Kill()
	stay("the routes are stale", func() bool { return b.neighbor(other).Stale })
	bird.Start(t, "-R")
	stay("the session is back", func() bool { nudge(b.server, other); i := b.neighbor(other); return i.State == Established && !i.Stale })
	has(t, "all were told again", b.table, kept...)
	if f := b.neighbor(other).Flaps; f != 1 {
		t.Errorf("%d flaps", f)
	}
	// What it does not tell again goes.
	bird.Kill()
	wait(t, "the routes are stale", func() bool { return b.neighbor(other).Stale })
	has(t, "stale", b.table, kept...)
	bird.Configure(t, birdConfig(`protocol static a { ipv4; route 198.51.100.0/24 blackhole; }`, restart))
	bird.Start(t, "-R")
	b.established(other)
	has(t, "swept by End-of-RIB", b.table, kept[1:]...)
	wait(t, "nothing is stale", func() bool { return !b.neighbor(other).Stale })
	// One that has lost what it forwards by keeps nothing.
	bird.Kill()
	wait(t, "the routes are stale", func() bool { return b.neighbor(other).Stale })
	bird.Configure(t, birdConfig("", restart))
	bird.Start(t)
	b.established(other)
	has(t, "without the forwarding bit", b.table)
}

// TestRestartLapses: a neighbour that is not back in time loses its routes, and one that says why it goes does so at once.
func TestRestartLapses(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	bird := b.bird(birdStatics, "graceful restart on; graceful restart time 60;")
	b.run(b.config(func(c *Config, n *Neighbor) { n.GracefulRestart = 4 * time.Second }))
	kept := []string{"192.0.2.0/25 ebgp via 10.9.0.2 path [64501]", "198.51.100.0/24 ebgp via 10.9.0.2 path [64501]"}
	has(t, "BIRD's routes", b.table, kept...)
	bird.Kill()
	wait(t, "the routes are stale", func() bool { return b.neighbor(other).Stale })
	has(t, "stale", b.table, kept...)
	has(t, "its time is over", b.table)
	wait(t, "nothing is stale", func() bool { i := b.neighbor(other); return !i.Stale && i.Accepted == 0 })
	bird.Start(t)
	b.established(other)
	has(t, "BIRD is back", b.table, kept...)
	bird.Do(t, "disable", "vrfwd")
	wait(t, "a NOTIFICATION", func() bool {
		i := b.neighbor(other)
		return len(routes(b.table, "")) == 0 && !i.Stale && strings.Contains(strings.ToLower(i.LastError), "administrative")
	})
}

// TestShutdownText: BIRD is told why a session ends.
func TestShutdownText(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	bird := b.bird("", "")
	b.run(b.config(nil))
	b.established(other)
	b.server.Close()
	wait(t, "BIRD knows", func() bool {
		return strings.Contains(bird.Show(t, "protocols", "all", "vrfwd"), "Administrative shutdown")
	})
}
