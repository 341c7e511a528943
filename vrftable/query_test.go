package vrftable

import (
	"slices"
	"testing"
)

// TestSetPort: what is sent has the new address, and interfaces without an MTU of their own the new one; a refused batch
// takes it back.
func TestSetPort(t *testing.T) {
	tab := newWorld(t)
	apply(t, tab, AddNeighbor{"uplink", ip("192.0.2.2"), macISP}, static("", "8.0.0.0/8", via("192.0.2.2")))
	check := func(mac MAC, mtu uint16) {
		t.Helper()
		a := lookup(t, tab, "uplink", "8.8.8.8")
		if MAC(a.Header[6:12]) != mac || a.MTU != mtu {
			t.Errorf("source % x, MTU %d, want %v, %d", a.Header[6:12], a.MTU, mac, mtu)
		}
		for _, i := range tab.Interfaces() {
			if i.Name == "uplink" && (i.MAC != mac || i.MTU != mtu) {
				t.Errorf("%+v", i)
			}
		}
	}
	check(macP0, 1500)
	fresh := MAC{2, 0, 0, 0, 9, 9}
	apply(t, tab, SetPort{"p0", fresh, 9000})
	check(fresh, 9000)
	refused(t, tab, ErrInvalid, SetPort{"p0", macP0, 1280}, SetPort{"p0", MAC{1}, 0})
	check(fresh, 9000)
	refused(t, tab, ErrInvalid, SetPort{"p0", macP0, 67})
	refused(t, tab, ErrNotFound, SetPort{"p9", macP0, 0})
	apply(t, tab, SetPort{"p0", macP0, 0})
	check(macP0, 1500)
}

func TestRoutesIn(t *testing.T) {
	tab := newWorld(t)
	apply(t, tab, static("", "0.0.0.0/0", Discard), static("", "8.0.0.0/8", Discard), static("", "8.8.0.0/16", Discard),
		static("", "8.8.8.0/24", Reject), static("", "9.0.0.0/8", Discard))
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"8.8.0.0/16", []string{"8.8.0.0/16", "8.8.8.0/24"}},
		{"8.8.0.0/15", []string{"8.8.0.0/16", "8.8.8.0/24"}},
		{"8.8.8.8/32", nil},
		{"8.0.0.0/7", []string{"8.0.0.0/8", "8.8.0.0/16", "8.8.8.0/24", "9.0.0.0/8"}},
	} {
		var got []string
		for r := range tab.RoutesIn("", pfx(c.in)) {
			got = append(got, r.Prefix.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.in, got, c.want)
		}
	}
	var all, in []RouteInfo
	for r := range tab.Routes("a") {
		all = append(all, r)
	}
	for r := range tab.RoutesIn("a", pfx("0.0.0.0/0")) {
		in = append(in, r)
	}
	if !slices.Equal(all, in) || len(all) == 0 {
		t.Errorf("%v, want %v", in, all)
	}
	for r := range tab.RoutesIn("nowhere", pfx("0.0.0.0/0")) {
		t.Error(r)
	}
}

func TestExports(t *testing.T) {
	tab := newWorld(t)
	if got := tab.Exports(); got != nil {
		t.Error(got)
	}
	apply(t, tab, static("a", "203.0.113.0/25", Discard), static("a", "203.0.113.128/25", Discard), static("a", "172.16.0.0/12", Discard),
		SetPrefixList{"public", []PrefixRule{{Permit: true, Prefix: pfx("203.0.113.0/24"), LE: 32}}},
		SetRouteMap{"m", []RouteMapEntry{{Permit: true, Match: Match{PrefixList: "public"}}}},
		SetExportMap{VRF: "a", RouteMap: "m"}, SetExportMap{VRF: "b", RouteMap: "m", Originated: OriginatedAll, Distance: 9})
	want := []ExportInfo{{"a", "m", OriginatedLocal, DistanceLeaked, 2}, {"b", "m", OriginatedAll, 9, 0}}
	if got := tab.Exports(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestLargestMTU: no packet that an adjacency lets through makes a frame that is longer than a descriptor can say.
func TestLargestMTU(t *testing.T) {
	tab := newWorld(t)
	apply(t, tab, SetPort{"p0", macP0, 65535}, AddNeighbor{"uplink", ip("192.0.2.2"), macISP}, static("", "8.0.0.0/8", via("192.0.2.2")))
	if a := lookup(t, tab, "uplink", "8.8.8.8"); int(a.MTU)+int(a.HdrLen) != 65535 {
		t.Errorf("MTU %d behind a header of %d bytes", a.MTU, a.HdrLen)
	}
}
