package mrt

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"vrfwd/gen"
	"vrfwd/vrftable"
)

// FuzzMRTDump: whatever the file holds, there is a Dump whose routes are sound and in order, or an error with a place in it.
func FuzzMRTDump(f *testing.F) {
	_, file := table(f, gen.DumpConfig{Peers: 2, Seed: 1}, 10)
	f.Add(file)
	_, file = table(f, gen.DumpConfig{Peers: 2, Seed: 1, Paths: 2}, 3)
	f.Add(file)
	f.Add(zip(f, file))
	f.Add(cat(peersRecord(), rec(13, 6, u32(0), u16(1), []byte{1}, nlri("10.0.0.0/8"), u16(1), entry(1, plain()))))
	f.Add(cat(peersRecord(), rib(2, "10.0.0.0/8", entry(0, cat(path(seg(4, 1, 1, 2), seg(4, 3, 3)), attr(0x80, 14, []byte{4}, u32(1)))))))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, c := range []Choice{{All: true}, {}} {
			d, err := Read(bytes.NewReader(file), "rib", c)
			if err != nil {
				placed(t, err, d == nil)
				continue
			}
			for i, r := range d.Routes {
				a := &d.Attrs[r.Attrs]
				if !d.Peers[r.Peer].Chosen || !a.NextHop.Is4() || prefix(r.Addr, r.Len).Masked() != prefix(r.Addr, r.Len) ||
					i > 0 && d.Routes[i-1].compare(r) >= 0 {
					t.Fatalf("route %d: %+v", i, r)
				}
			}
			taken(t, d.Attrs)
		}
	})
}

// FuzzMRTUpdates is the same of messages.
func FuzzMRTUpdates(f *testing.F) {
	f.Add(updates(f, gen.UpdatesConfig{Peers: 2, Seed: 1, Rate: 10, Duration: time.Second}, 10))
	f.Add(said(16, 1, 2, nil, cat(origin(0), path(seg(2, 2, 1, 23456)), nextHop("192.0.2.1"), attr(0xc0, 17, seg(4, 2, 7))), nlri("10.0.0.0/8")))
	f.Add(said(17, 9, 4, cat(u32(1), nlri("10.0.0.0/8")), attr(0x80, 14, u16(1), []byte{1, 4}, u32(1), []byte{0}, u32(2), nlri("10.0.0.0/9")), nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		u, err := ReadUpdates(bytes.NewReader(file), "updates", Choice{})
		if err != nil {
			placed(t, err, u == nil)
			return
		}
		for i, c := range u.Changes {
			if int(c.Peer) >= len(u.Peers) || c.Kind == Announce && !u.Attrs[c.Attrs].NextHop.Is4() ||
				prefix(c.Addr, c.Len).Masked() != prefix(c.Addr, c.Len) {
				t.Fatalf("change %d: %+v", i, c)
			}
		}
		taken(t, u.Attrs)
	})
}

// placed checks an error and that nothing came with it.
func placed(t *testing.T, err error, nothing bool) {
	var e *Error
	if !nothing || !errors.As(err, &e) || e.Offset < 0 || e.Reason == "" {
		t.Fatalf("%T: %v", err, err)
	}
}

// taken checks that vrftable takes the attributes.
func taken(t *testing.T, attrs []vrftable.Attributes) {
	var routes []vrftable.Route
	for i := range attrs {
		if station(attrs[i].NextHop) {
			routes = append(routes, vrftable.Route{Prefix: prefix(10<<24|uint32(i), 32), Source: vrftable.EBGP, Attrs: &attrs[i]})
		}
	}
	if len(routes) == 0 {
		return
	}
	tab, err := vrftable.New(vrftable.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	if err := tab.Apply([]vrftable.Change{vrftable.AddRoutes{Routes: routes}}); err != nil {
		t.Fatal(err)
	}
}
