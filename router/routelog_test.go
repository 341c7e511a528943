package router

import (
	"strings"
	"testing"

	"vrfwd/vrftable"
)

// TestRouteLog: with log: {routes: true}, each route in use that changes has a line; a reload without it ends them.
func TestRouteLog(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts+"log: {routes: true}\n")
	route := vrftable.Route{Prefix: mustPrefix("198.19.7.0/24"), Source: vrftable.Static, NextHop: vrftable.Discard}
	if err := r.table.Apply([]vrftable.Change{vrftable.AddRoute{Route: route}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the route is logged", func() bool {
		return strings.Contains(r.log.String(), "event=route vr=default prefix=198.19.7.0/24 source=static")
	})
	if err := r.table.Apply([]vrftable.Change{vrftable.DeleteRoute{Route: route}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its end is logged", func() bool {
		return strings.Contains(r.log.String(), "event=route vr=default prefix=198.19.7.0/24 source=none")
	})
	r.write(twoPorts + "log: {routes: false}\n")
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	was := r.log.String()
	if err := r.table.Apply([]vrftable.Change{vrftable.AddRoute{Route: route}}); err != nil {
		t.Fatal(err)
	}
	r.stop()
	if now := r.log.String()[len(was):]; strings.Contains(now, "event=route") {
		t.Errorf("routes are logged after a reload that ends it: %s", now)
	}
}
