package router

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vrfwd/afpacket"
	"vrfwd/bgp"
	"vrfwd/internal/testnet"
	"vrfwd/vrftable"
)

// fakeSessions are sessions that are said to be.
type fakeSessions struct {
	ending  func()             // called when Run's context has ended
	setting func([]bgp.Config) // called by Set

	mu        sync.Mutex
	err       error // what Set gives
	set       [][]bgp.Config
	policies  int
	cleared   []string
	neighbors []bgp.NeighborInfo
	since     []time.Duration // of each, ago
	told      map[netip.Prefix]vrftable.Attributes
}

func (f *fakeSessions) Set(c []bgp.Config) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.setting != nil {
		f.setting(c)
	}
	if f.err == nil {
		f.set = append(f.set, c)
	}
	return f.err
}

func (f *fakeSessions) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakeSessions) Run(ctx context.Context) {
	<-ctx.Done()
	if f.ending != nil {
		f.ending()
	}
}

func (f *fakeSessions) Neighbors() []bgp.NeighborInfo {
	all := slices.Clone(f.neighbors)
	for i := range all {
		all[i].Since = time.Now().Add(-f.since[i])
	}
	return all
}

func (f *fakeSessions) Clear(vr string, addr netip.Addr, kind bgp.ClearKind) error {
	f.cleared = append(f.cleared, fmt.Sprintf("%q %v %d", vr, addr, kind))
	return f.err
}

func (f *fakeSessions) Advertised(vr string, addr netip.Addr, within netip.Prefix) iter.Seq2[netip.Prefix, vrftable.Attributes] {
	return func(yield func(netip.Prefix, vrftable.Attributes) bool) {
		var all []netip.Prefix
		for p := range f.told {
			if within.Overlaps(p) && p.Bits() >= within.Bits() && vr == "" && addr == f.neighbors[0].Addr {
				all = append(all, p)
			}
		}
		slices.SortFunc(all, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr())*256 + a.Bits() - b.Bits() })
		for _, p := range all {
			if !yield(p, f.told[p]) {
				return
			}
		}
	}
}

func (f *fakeSessions) PoliciesChanged() { f.policies++ }

func (f *fakeSessions) Close() { _ = f.Set(nil) }

// newFake has a transit that is up, an internal neighbour that is not, and a CE in red with stale routes.
func newFake() *fakeSessions {
	return &fakeSessions{
		neighbors: []bgp.NeighborInfo{{
			Addr: netip.MustParseAddr("192.0.2.2"), Local: netip.MustParseAddr("192.0.2.1"), AS: 64501, LocalAS: 64500,
			ID: netip.MustParseAddr("198.18.0.9"), Description: "transit A", State: bgp.Established,
			Flaps: 1, LastError: "hold timer expired", Hold: 90 * time.Second, Capabilities: []string{"4-octet AS", "route refresh"},
			Accepted: 900000, Advertised: 2, MaxPrefixes: 1200000,
			Received: bgp.Messages{Opens: 1, Updates: 5000, Keepalives: 180, Announced: 900010, Withdrawn: 10, Malformed: 2, Refused: 3},
			Sent:     bgp.Messages{Opens: 1, Updates: 2, Notifications: 1, Keepalives: 181, Refreshes: 1, Announced: 2},
		}, {
			Addr: netip.MustParseAddr("192.0.2.3"), Local: netip.MustParseAddr("192.0.2.1"), AS: 64500, LocalAS: 64500,
			State: bgp.Active, LastError: "connection refused",
		}, {
			VR: "red", Addr: netip.MustParseAddr("10.0.0.2"), Local: netip.MustParseAddr("10.0.0.1"), AS: 64510, LocalAS: 64500,
			State: bgp.Idle, Accepted: 7, Stale: true,
		}},
		since: []time.Duration{90 * time.Minute, 5 * time.Second, time.Minute},
		told: map[netip.Prefix]vrftable.Attributes{
			mustPrefix("0.0.0.0/0"): {NextHop: netip.MustParseAddr("192.0.2.1"), ASPath: []uint32{64500}},
			mustPrefix("203.0.113.0/24"): {NextHop: netip.MustParseAddr("192.0.2.1"), ASPath: []uint32{64500, 64510}, MED: 7,
				Origin: vrftable.OriginIncomplete, Communities: []vrftable.Community{64500<<16 | 1}},
		},
	}
}

// startWith is start with sessions that are said to be.
func startWith(t *testing.T, f *fakeSessions, text string, more ...string) *running {
	m := newMemory(t, "access", "core")
	m.sessions = func(*vrftable.Table, *slog.Logger) sessions { return f }
	return start(t, m, text, more...)
}

// bgpRoutes are routes of neighbours of the parent, for twoPorts.
func bgpRoutes(t *testing.T, r *running) {
	t.Helper()
	var changes []vrftable.Change
	for _, c := range []struct {
		prefix string
		source vrftable.Source
		attrs  vrftable.Attributes
	}{
		{"8.0.0.0/7", vrftable.EBGP, vrftable.Attributes{NextHop: netip.MustParseAddr("192.0.2.2"), ASPath: []uint32{64501}}},
		{"8.8.8.0/24", vrftable.EBGP, vrftable.Attributes{NextHop: netip.MustParseAddr("192.0.2.2"), ASPath: []uint32{64501, 15169},
			MED: 20, Origin: vrftable.OriginEGP, Communities: []vrftable.Community{64501<<16 | 2, 64501<<16 | 3}}},
		{"8.8.8.0/24", vrftable.IBGP, vrftable.Attributes{NextHop: netip.MustParseAddr("192.0.2.3"), LocalPref: 50, Origin: vrftable.OriginIncomplete}},
		{"198.51.100.0/24", vrftable.EBGP, vrftable.Attributes{NextHop: netip.MustParseAddr("192.0.2.2"), ASPath: []uint32{64501}}},
	} {
		changes = append(changes, vrftable.AddRoute{Route: vrftable.Route{Prefix: mustPrefix(c.prefix), Source: c.source, Attrs: &c.attrs,
			Peer: vrftable.Peer{Addr: c.attrs.NextHop, ID: c.attrs.NextHop}}})
	}
	if err := r.table.Apply(changes); err != nil {
		t.Fatal(err)
	}
}

// TestShowBGP: the text of each command.
func TestShowBGP(t *testing.T) {
	r := startWith(t, newFake(), twoPorts)
	bgpRoutes(t, r)
	routes := func(q Request) func(*bytes.Buffer) error {
		return func(b *bytes.Buffer) error {
			fmt.Fprintln(b, BGPRouteHead)
			return r.showBGPRoutes(q, func(route BGPRoute) error { return route.WriteText(b) })
		}
	}
	neighbors := func(vr, address string) []BGPNeighbor {
		t.Helper()
		all, err := r.bgpNeighbors(vr, address)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	for _, c := range []struct {
		name string
		text func(*bytes.Buffer) error
	}{
		{"bgp-summary", func(b *bytes.Buffer) error { return (&BGPSummary{neighbors("", "")}).WriteText(b) }},
		{"bgp-summary-red", func(b *bytes.Buffer) error { return (&BGPSummary{neighbors("red", "")}).WriteText(b) }},
		{"bgp-neighbors", func(b *bytes.Buffer) error { return (&BGPNeighbors{neighbors("", "")}).WriteText(b) }},
		{"bgp-neighbor", func(b *bytes.Buffer) error { return (&BGPNeighbors{neighbors("default", "192.0.2.3")}).WriteText(b) }},
		{"bgp-routes", routes(Request{})},
		{"bgp-routes-neighbor", routes(Request{Neighbor: "192.0.2.3"})},
		{"bgp-routes-address", routes(Request{Prefix: "8.8.8.8"})},
		{"bgp-routes-red", routes(Request{VRF: "red"})},
		{"bgp-advertised", routes(Request{Neighbor: "192.0.2.2", Advertised: true})},
		{"bgp-advertised-address", routes(Request{Neighbor: "192.0.2.2", Advertised: true, Prefix: "203.0.113.9"})},
		{"bgp-cleared", func(b *bytes.Buffer) error {
			return (&BGPCleared{"in", []BGPEndpoint{{"default", "192.0.2.2"}, {"red", "10.0.0.2"}}}).WriteText(b)
		}},
		{"vrs", func(b *bytes.Buffer) error { return showVRs(r.table).WriteText(b) }},
	} {
		var b bytes.Buffer
		if err := c.text(&b); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		golden(t, c.name, b.String())
	}
	r.stop()
}

// TestBGPRequests: bad requests say what there is.
func TestBGPRequests(t *testing.T) {
	r := startWith(t, newFake(), twoPorts)
	for _, c := range []struct {
		q    Request
		want string
	}{
		{Request{Command: CommandBGP, VRF: "nope"}, "known: default, red, blue"},
		{Request{Command: CommandBGP, Neighbor: "x"}, "IPv4 address"},
		{Request{Command: CommandBGP, Neighbor: "::1"}, "IPv4 address"},
		{Request{Command: CommandBGP, Neighbor: "192.0.2.9"}, "known: 192.0.2.2 in default, 192.0.2.3 in default, 10.0.0.2 in red"},
		{Request{Command: CommandBGPClear, Neighbor: "all"}, "hard, in and out"},
		{Request{Command: CommandBGPClear, Clear: "hard"}, "address or all"},
		{Request{Command: CommandBGPClear, Clear: "hard", Neighbor: "10.0.0.2"}, "no neighbour 10.0.0.2 in default"},
	} {
		if _, err := r.body(c.q); err == nil || !strings.Contains(err.Error(), c.want) || !headerOf(err).Usage {
			t.Errorf("%+v: %v", c.q, err)
		}
	}
	for _, c := range []struct {
		q    Request
		want string
	}{
		{Request{Advertised: true}, "A neighbour is needed"}, {Request{VRF: "nope"}, "known: default"},
		{Request{Neighbor: "10.0.0.2"}, "in default"}, {Request{Prefix: "x"}, "IPv4 prefix"},
		{Request{Neighbor: "192.0.2.2", Advertised: true, Prefix: "10.0.0.1/8"}, "10.0.0.0/8 is meant"},
	} {
		if err := r.showBGPRoutes(c.q, nil); err == nil || !strings.Contains(err.Error(), c.want) || !headerOf(err).Usage {
			t.Errorf("%+v: %v", c.q, err)
		}
	}
	r.stop()
}

// TestClearBGP: an address without a VR is the parent's; all without one is every VR's.
func TestClearBGP(t *testing.T) {
	f := newFake()
	r := startWith(t, f, twoPorts)
	for _, c := range []struct {
		q    Request
		want string
	}{
		{Request{Clear: "hard", Neighbor: "192.0.2.2"}, `"" 192.0.2.2 0`},
		{Request{Clear: "in", Neighbor: "10.0.0.2", VRF: "red"}, `"red" 10.0.0.2 1`},
		{Request{Clear: "out", Neighbor: "all", VRF: "default"}, `"" 192.0.2.2 2, "" 192.0.2.3 2`},
		{Request{Clear: "hard", Neighbor: "all"}, `"" 192.0.2.2 0, "" 192.0.2.3 0, "red" 10.0.0.2 0`},
		{Request{Clear: "hard", Neighbor: "all", VRF: "blue"}, ""},
	} {
		f.cleared = nil
		out, err := r.clearBGP(c.q)
		if got := strings.Join(f.cleared, ", "); err != nil || got != c.want || len(out.Cleared) != len(f.cleared) {
			t.Errorf("%+v: %v, %s, want %s", c.q, err, got, c.want)
		}
	}
	f.fail(errors.New("no"))
	if _, err := r.clearBGP(Request{Clear: "hard", Neighbor: "all"}); err == nil || headerOf(err).Usage {
		t.Error(err)
	}
	f.fail(nil)
	r.stop()
}

// TestBGPEnds: when sessions end, frames are forwarded still, so that neighbours can be told; in the end nothing listens.
func TestBGPEnds(t *testing.T) {
	m := newMemory(t, "access", "core")
	f := &fakeSessions{}
	m.sessions = func(*vrftable.Table, *slog.Logger) sessions { return f }
	r := start(t, m, twoPorts)
	forwarded := false
	f.ending = func() {
		m.inject("access", 0, udp(10, "10.0.0.2", "8.8.8.8", 64))
		eventually(t, "forwarded at the end", func() bool { return r.totals().Forwarded == 1 })
		forwarded = true
	}
	r.stop()
	if !forwarded {
		t.Error("the sessions did not run")
	}
	if n := len(f.set); n != 2 || f.set[n-1] != nil {
		t.Errorf("set to %v", f.set)
	}
}

// TestBGPReload: route maps that change are told to BGP, and what BGP refuses changes nothing.
func TestBGPReload(t *testing.T) {
	f := &fakeSessions{}
	r := startWith(t, f, twoPorts)
	more := strings.Replace(twoPorts, "198.51.100.0/24, discard", "198.51.102.0/24, discard", 1)
	other := strings.Replace(more, "permit 198.51.100.0/24", "permit 198.51.102.0/24", 1)
	has := func(prefix string) bool {
		for route := range r.table.RoutesIn("", mustPrefix(prefix)) {
			return route.Best
		}
		return false
	}
	for _, refusal := range []error{errors.New("the port is taken"), fs.ErrPermission} {
		f.fail(refusal)
		r.write(other)
		_, err := r.Reload()
		if !errors.Is(err, refusal) || strings.Contains(err.Error(), "restart") != (refusal == fs.ErrPermission) || headerOf(err).Usage {
			t.Error(err)
		}
		if has("198.51.102.0/24") || !has("198.51.100.0/24") {
			t.Error("what BGP refused has changed the table")
		}
	}
	if f.policies != 2 {
		t.Errorf("%d refused reloads had routes judged again, not 2", f.policies)
	}
	f.fail(nil)
	f.policies = 0
	for i, step := range []struct {
		text     string
		policies int
	}{{more, 0}, {other, 1}, {other, 1}, {twoPorts, 2}} {
		r.write(step.text)
		if _, err := r.Reload(); err != nil || f.policies != step.policies {
			t.Errorf("step %d: %v, policies changed %d times, want %d", i, err, f.policies, step.policies)
		}
	}
	r.stop()
}

// withBGP is twoPorts with BGP in the parent and in red; their TUN devices are in a namespace.
func withBGP(netns string) string {
	text := strings.Replace(twoPorts, "  shares:\n    to-red", fmt.Sprintf(`  host: {device: pe0, netns: %s}
  bgp:
    as: 64500
    neighbors:
      192.0.2.2: {as: 64501, password: secret, multihop: 3, timers: {hold: 30s}}
      192.0.2.3: {as: 64500}
    redistribute: {static: {route-map: defaults}}
  shares:
    to-red`, netns), 1)
	return strings.Replace(text, "    global-import-map", fmt.Sprintf(`    host: {device: red0, netns: %s}
    bgp: {as: 64500, neighbors: {10.0.0.2: {as: 64510}}, redistribute: {imported: {}}}
    global-import-map`, netns), 1)
}

// TestBGPConfig: the configuration's BGP is what the server is given, at the start and by a reload. TUN devices that go
// with it stay until neighbours have been told.
func TestBGPConfig(t *testing.T) {
	testnet.Need(t, "root", "tun")
	ns := testnet.New(t).NS("pe")
	f := &fakeSessions{}
	r := startWith(t, f, withBGP(ns.Name()))
	addr := netip.MustParseAddr
	want := []bgp.Config{{
		AS: 64500, RouterID: addr("203.0.113.1"), Netns: ns.Name(), Neighbors: []bgp.Neighbor{
			{Addr: addr("192.0.2.2"), AS: 64501, Local: addr("192.0.2.1"), Password: "secret", Multihop: 3, Hold: 30 * time.Second},
			{Addr: addr("192.0.2.3"), AS: 64500, Local: addr("192.0.2.1")},
		}, Redistribute: []bgp.Redistribute{{Kind: bgp.RedistributeStatic, RouteMap: "defaults"}},
	}, {
		VR: "red", AS: 64500, RouterID: addr("10.0.0.1"), Netns: ns.Name(),
		Neighbors:    []bgp.Neighbor{{Addr: addr("10.0.0.2"), AS: 64510, Local: addr("10.0.0.1")}},
		Redistribute: []bgp.Redistribute{{Kind: bgp.RedistributeImported}},
	}}
	if !reflect.DeepEqual(f.set[0], want) {
		t.Errorf("%+v\nwant\n%+v", f.set[0], want)
	}
	for _, step := range []struct {
		text string
		bgp  int
	}{
		{withBGP(ns.Name()), 0},
		{strings.Replace(withBGP(ns.Name()), "hold: 30s", "hold: 60s", 1), 1},
		{strings.Replace(withBGP(ns.Name()), "static:", "connected:", 1), 2},
		{twoPorts, 5},
	} {
		links := func() string { return ns.Run(t, "ip", "-o", "link") }
		f.setting = func([]bgp.Config) { // the first time
			f.setting = nil
			if there := links(); !strings.Contains(there, "pe0") || !strings.Contains(there, "red0") {
				t.Errorf("BGP is set with %s", there)
			}
		}
		r.write(step.text)
		if done, err := r.Reload(); err != nil || done.BGP != step.bgp {
			t.Errorf("%v, %+v, want %d of BGP", err, done, step.bgp)
		}
		if left := strings.Contains(links(), "pe0"); left != (step.text != twoPorts) {
			t.Errorf("pe0 is there: %v", left)
		}
	}
	if last := f.set[len(f.set)-1]; len(last) != 0 {
		t.Errorf("%+v is left", last)
	}
	if strings.Contains(r.log.String(), "secret") {
		t.Error("the log has a password")
	}
	r.stop()
}

// TestReloadHosts: a VRF comes with its TUN device and its BGP in one reload, or, where the device cannot be made, not at
// all. It goes in one, with the routes that its neighbour has told.
func TestReloadHosts(t *testing.T) {
	testnet.Need(t, "root", "tun")
	ns := testnet.New(t).NS("pe")
	f := &fakeSessions{}
	r := startWith(t, f, withBGP(ns.Name()))
	with := func(device string) string {
		return strings.Replace(withBGP(ns.Name()), "prefix-lists:", fmt.Sprintf(`  green:
    interfaces: {green-ce: {layer2: access.30, addresses: [10.0.0.1/24]}}
    host: {device: %s, netns: %s}
    bgp: {as: 64500, neighbors: {10.0.0.2: {as: 64511}}}
prefix-lists:`, device, ns.Name()), 1)
	}
	peer := netip.MustParseAddr("10.0.0.2")
	f.setting = func(all []bgp.Config) {
		if len(all) < 3 { // without green
			_ = r.table.Apply([]vrftable.Change{vrftable.DeletePeer{VR: "green", Peer: peer}})
		}
	}
	for _, step := range []struct {
		text string
		vrs  int
		bgp  int // of the last that was set
		ok   bool
	}{
		{with("lo"), 3, 2, false}, {with("green0"), 4, 3, true}, {withBGP(ns.Name()), 3, 2, true},
	} {
		r.write(step.text)
		_, err := r.Reload()
		if vrs := len(r.table.VRs()); (err == nil) != step.ok || vrs != step.vrs || len(f.set[len(f.set)-1]) != step.bgp {
			t.Errorf("%v: %d VRs, BGP %v", err, vrs, f.set[len(f.set)-1])
		}
		if there := strings.Contains(ns.Run(t, "ip", "-o", "link"), "green0"); there != (step.vrs == 4) {
			t.Errorf("green0 is there: %v", there)
		}
		if step.vrs == 4 {
			told := vrftable.PeerUpdate{VR: "green", Peer: vrftable.Peer{Addr: peer, ID: peer}, Source: vrftable.EBGP,
				Routes: []vrftable.PeerRoute{{Prefix: mustPrefix("198.51.100.0/24"), Attrs: &vrftable.Attributes{NextHop: peer}}}}
			if err := r.table.Apply([]vrftable.Change{told}); err != nil || r.table.PeerRoutes("green", peer) != 1 {
				t.Fatal(err)
			}
		}
	}
	r.stop()
}

// TestBGPOf: every key of the configuration arrives.
func TestBGPOf(t *testing.T) {
	all := bgpOf(loadFile(t, "../examples/full.yaml"))
	addr := netip.MustParseAddr
	if len(all) != 2 || len(all[0].Neighbors) != 4 || all[0].Port != 179 || all[1].VR != "red" || all[1].Netns != "red" {
		t.Fatalf("%+v", all)
	}
	for i, want := range []bgp.Neighbor{
		{Addr: addr("192.0.2.2"), AS: 64501, Local: addr("192.0.2.1"), Description: "transit A", Port: 179, Password: "not-a-secret",
			Hold: 90 * time.Second, Connect: 5 * time.Second, MaxPrefixes: 1200000, RestartIn: 5 * time.Minute,
			GracefulRestart: 2 * time.Minute, In: "no-bogons", Out: "public"},
		{Addr: addr("192.0.2.10"), AS: 64502, Local: addr("192.0.2.9"), Passive: true, MaxPrefixes: 200000, WarnOnly: true,
			In: "no-bogons", Out: "public", AllowOwnAS: 1},
		{Addr: addr("198.18.10.1"), AS: 64500, Local: addr("198.18.0.1"), NextHopSelf: true},
	} {
		if got := all[0].Neighbors[i]; got != want {
			t.Errorf("%+v\nwant\n%+v", got, want)
		}
	}
	all[0].Neighbors = nil
	want := bgp.Config{AS: 64500, RouterID: addr("198.18.0.1"), Port: 179,
		Networks: []bgp.Network{{Prefix: mustPrefix("203.0.113.0/25"), RouteMap: "public"}},
		Redistribute: []bgp.Redistribute{{Kind: bgp.RedistributeConnected, RouteMap: "public"},
			{Kind: bgp.RedistributeStatic, RouteMap: "public"}, {Kind: bgp.RedistributeExported}},
		Aggregates: []bgp.Aggregate{{Prefix: mustPrefix("198.18.4.0/22"), SummaryOnly: true, RouteMap: "public"}}}
	if !reflect.DeepEqual(all[0], want) {
		t.Errorf("%+v\nwant\n%+v", all[0], want)
	}
}

// TestBGPMetrics: what is exported of a session, and what the live view adds up.
func TestBGPMetrics(t *testing.T) {
	r := startWith(t, newFake(), twoPorts, "metrics: "+freeAddress(t))
	_, text := r.get("/metrics")
	for _, want := range []string{
		`fwd_bgp_session_up{neighbor="192.0.2.2",vr="default"} 1`, `fwd_bgp_session_up{neighbor="10.0.0.2",vr="red"} 0`,
		`fwd_bgp_session_state{neighbor="192.0.2.3",vr="default"} 2`, `fwd_bgp_session_flaps_total{neighbor="192.0.2.2",vr="default"} 1`,
		`fwd_bgp_accepted_prefixes{neighbor="192.0.2.2",vr="default"} 900000`, `fwd_bgp_advertised_prefixes{neighbor="192.0.2.2",vr="default"} 2`,
		`fwd_bgp_messages_total{direction="rx",neighbor="192.0.2.2",type="update",vr="default"} 5000`,
		`fwd_bgp_messages_total{direction="tx",neighbor="192.0.2.2",type="keepalive",vr="default"} 181`,
		`fwd_bgp_prefixes_total{direction="rx",event="announced",neighbor="192.0.2.2",vr="default"} 900010`,
		`fwd_bgp_prefixes_total{direction="rx",event="refused",neighbor="192.0.2.2",vr="default"} 3`,
		`fwd_bgp_malformed_updates_total{neighbor="192.0.2.2",vr="default"} 2`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if got, want := r.Snapshot().BGP, (BGPTotals{Sessions: 3, Up: 1, Accepted: 900007, Advertised: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	r.stop()
}

// TestEvents: lines about the network have their event; interfaces only where that is asked for.
func TestEvents(t *testing.T) {
	for _, changes := range []bool{false, true} {
		m := newMemory(t, "access", "core")
		r := start(t, m, twoPorts, fmt.Sprintf("log: {changes: %v}", changes))
		logged := func(what string) bool { return strings.Contains(r.log.String(), what) }
		eventually(t, "a first look", func() bool { return r.totals().Received == 0 && logged("forwarding") })
		down := `event=interface-down interface=ce vr=red port=access vlan=10`
		up := `event=interface-up interface=ce vr=red port=access vlan=10`
		m.setState("access", afpacket.ErrDown)
		eventually(t, "port down", func() bool { return logged("event=port-down port=access") })
		if changes {
			eventually(t, "interface down", func() bool { return logged(down) })
		}
		m.setState("access", nil)
		eventually(t, "port up", func() bool { return logged("event=port-up port=access") })
		if changes {
			eventually(t, "interface up", func() bool { return logged(up) })
		}
		r.write(strings.Replace(twoPorts, "  blue:\n    interfaces:\n      blue-ce: {layer2: access.20, addresses: [10.0.0.1/24]}\n", "", 1) +
			fmt.Sprintf("log: {changes: %v}", changes))
		if _, err := r.Reload(); err != nil || !logged("event=reload file=") {
			t.Errorf("%v\n%s", err, r.log)
		}
		if changes {
			eventually(t, "a deleted interface is down", func() bool { return logged("event=interface-down interface=blue-ce vr=blue") })
		}
		r.write("ports: [")
		if _, err := r.Reload(); err == nil || !logged("event=reload-refused error=") {
			t.Error(err)
		}
		r.stop()
		if logged("event=interface") != changes {
			t.Errorf("changes: %v\n%s", changes, r.log)
		}
	}
}
