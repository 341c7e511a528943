package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"vrfwd/bgp/mrt"
	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// dumps are tables in memory.
type dumps map[string]*mrt.Dump

func (dumps) file(path string) (*gen.List, error)                 { return nil, fmt.Errorf("%s: no list", path) }
func (d dumps) dump(path string, _ mrt.Choice) (*mrt.Dump, error) { return d[path], nil }
func (dumps) synthetic(gen.TableConfig) ([]lpm.Route, error)      { return nil, fmt.Errorf("none") }

// peersDump is a dump in which each peer, "address identifier", has a route to 8.0.0.0/8 with a path of the length given, and
// one to a prefix of its own.
func peersDump(lengths []int, peers ...string) *mrt.Dump {
	d := &mrt.Dump{}
	for i, words := range peers {
		addr, id, _ := strings.Cut(words, " ")
		d.Peers = append(d.Peers, mrt.Peer{Addr: netip.MustParseAddr(addr), ID: netip.MustParseAddr(id), AS: 64500 + uint32(i), Chosen: true})
		path := make([]uint32, lengths[i])
		for j := range path {
			path[j] = 64500 + uint32(i)
		}
		d.Attrs = append(d.Attrs, vrftable.Attributes{ASPath: path, NextHop: netip.AddrFrom4([4]byte{192, 0, 2, byte(2 + i)})})
		d.Routes = append(d.Routes, mrt.Route{Addr: 8 << 24, Len: 8, Peer: uint16(i), Attrs: uint32(i)},
			mrt.Route{Addr: 9<<24 | uint32(i)<<16, Len: 16, Peer: uint16(i), Attrs: uint32(i)})
	}
	slices.SortStableFunc(d.Routes, func(a, b mrt.Route) int {
		return comparePrefixes(lpm.Route{Addr: a.Addr, Len: a.Len}, lpm.Route{Addr: b.Addr, Len: b.Len})
	})
	return d
}

const peeredPort = `ports: {core: {device: eth0}}
layer2: {core: {port: core}}
vr:
  interfaces: {uplink: {layer2: core, addresses: [192.0.2.1/24]}}
`

func parseDumps(text string, d dumps) (*Config, error) { return parse("/pe.yaml", []byte(text), d) }

// TestDumpPeers: routes of several peers by one gateway, or by several, are all in the RIB; the decision is among them, and
// equal ones are used together.
func TestDumpPeers(t *testing.T) {
	d := dumps{"/a": peersDump([]int{3, 1, 1}, "203.0.113.9 10.0.0.3", "203.0.113.8 10.0.0.2", "203.0.113.7 10.0.0.1")}
	for _, c := range []struct {
		keys    string
		best    string
		members int
	}{
		{"tables: [{mrt: {file: /a}, next-hops: [192.0.2.66]}]", "203.0.113.7 by 192.0.2.66", 0},
		{"tables: [{mrt: {file: /a}}]", "203.0.113.7 by 192.0.2.4", 0},
		{"maximum-paths: 4\n  tables: [{mrt: {file: /a}}]", "203.0.113.7 by 192.0.2.4", 2},
	} {
		config, err := parseDumps(peeredPort+"  "+c.keys+"\n", d)
		if err != nil {
			t.Fatal(err)
		}
		tab := newTableFor(t, config)
		load(t, tab, config)
		n, best := 0, ""
		for r := range tab.Routes("") {
			if r.Prefix.String() == "8.0.0.0/8" {
				n++
				if r.Best {
					best = fmt.Sprintf("%v by %v", r.Peer.Addr, r.Gateway)
				}
			}
		}
		members := 0
		for _, g := range tab.Groups() {
			members += len(g.Members)
		}
		if n != 3 || best != c.best || members != c.members {
			t.Errorf("%s: %d routes, best %s, groups of %d; want 3, %s and %d", c.keys, n, best, members, c.best, c.members)
		}
	}
}

// TestDumpPeerNames: what a peer without an IPv4 address, or without an identifier, is known by, and which peers cannot be.
func TestDumpPeerNames(t *testing.T) {
	const keys = "tables: [{mrt: {file: /a}}]"
	for _, c := range []struct {
		peers []string
		keys  string
		want  string // peers, or the error
	}{
		{[]string{"2001:db8::1 10.0.0.1", "203.0.113.9 0.0.0.0"}, keys, "10.0.0.1/10.0.0.1 203.0.113.9/203.0.113.9"},
		{[]string{"0.0.0.0 10.0.0.1", "203.0.113.9 255.0.0.1"}, keys, "10.0.0.1/10.0.0.1 203.0.113.9/255.0.0.1"},
		{[]string{"2001:db8::1 10.0.0.1", "2001:db8::2 10.0.0.1"}, keys,
			"/pe.yaml:5:12: table: peers 2001:db8::1 AS64500 and 2001:db8::2 AS64501 are both known as 10.0.0.1"},
		{[]string{"10.0.0.1 10.0.0.9", "2001:db8::2 10.0.0.1"}, keys, "are both known as 10.0.0.1"},
		{[]string{"2001:db8::1 0.0.0.0"}, keys, "peer 2001:db8::1 AS64500 has neither an IPv4 address nor"},
		{[]string{"2001:db8::1 224.0.0.1"}, keys, "has neither an IPv4 address nor"},
		{[]string{"192.0.2.9 10.0.0.9"}, keys + "\n  host: {device: pe0}\n  bgp: {as: 64500, router-id: 192.0.2.1, neighbors: {192.0.2.9: {as: 64501}}}",
			"peer 192.0.2.9 of /a is a BGP neighbour of VR default too (line 7)"},
		{[]string{"203.0.113.9 10.0.0.9"}, "tables: [{mrt: {file: /a}}, {mrt: {file: /a}, distance: 30}]",
			"table: 8.0.0.0/8 of peer 203.0.113.9 is in the table of line 5 too: choose other peers"},
	} {
		config, err := parseDumps(peeredPort+"  "+c.keys+"\n", dumps{"/a": peersDump(make([]int, len(c.peers)), c.peers...)})
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			var all []string
			for _, p := range config.objects.tables[0].peers {
				all = append(all, p.Addr.String()+"/"+p.ID.String())
			}
			got = strings.Join(all, " ")
		}
		if err == nil && got != c.want || !strings.Contains(got, c.want) {
			t.Errorf("%v: %s, want %s", c.peers, got, c.want)
		}
	}
}

// TestDumpPathIDs: of routes of one peer to one prefix, which path identifiers tell apart, the better one is taken and the
// others are counted.
func TestDumpPathIDs(t *testing.T) {
	d := peersDump([]int{1}, "203.0.113.9 10.0.0.3")
	d.Attrs = append(d.Attrs, vrftable.Attributes{NextHop: netip.MustParseAddr("192.0.2.77")})
	d.Routes = slices.Insert(d.Routes, 1, mrt.Route{Addr: 8 << 24, Len: 8, ID: 7, Attrs: 1})
	config, err := parseDumps(peeredPort+"  tables: [{mrt: {file: /a}}]\n", dumps{"/a": d})
	if err != nil {
		t.Fatal(err)
	}
	s := config.objects.tables[0]
	if len(s.routes) != 2 || s.gateway(s.routes[0]) != d.Attrs[1].NextHop {
		t.Errorf("%d routes, the first by %v", len(s.routes), s.gateway(s.routes[0]))
	}
	if n := config.Notes(); len(n) != 1 || !strings.HasSuffix(n[0].Text, "; 1 routes that the same peer has a better one beside") {
		t.Error(n)
	}
}

// TestDumpReload: tables of peers that come, go, move to other gateways or classes, or change their identifiers: the table
// becomes what it would be if it was made anew, and no route is touched that is as it was.
func TestDumpReload(t *testing.T) {
	d := dumps{
		"/a": peersDump([]int{3, 1}, "203.0.113.9 10.0.0.3", "203.0.113.8 10.0.0.2"),
		"/b": peersDump([]int{1}, "203.0.113.7 10.0.0.1"),
		"/c": peersDump([]int{3, 1}, "203.0.113.9 10.0.0.4", "203.0.113.8 10.0.0.2"),
	}
	steps := []struct {
		tables  string
		changed int // routes added
	}{
		{"{mrt: {file: /a}}", 4},
		{"{mrt: {file: /a}}, {mrt: {file: /b}}", 2},
		{"{mrt: {file: /b}}, {mrt: {file: /c}}", 2},
		{"{mrt: {file: /b}, distance: 30}, {mrt: {file: /c}}", 2},
		{"{mrt: {file: /c}, next-hops: [192.0.2.2]}", 2},
		{"{mrt: {file: /a}, next-hops: [192.0.2.2, 192.0.2.9]}", 4},
	}
	var before *Config
	var tab *vrftable.Table
	for _, s := range steps {
		config, err := parseDumps(peeredPort+"  tables: ["+s.tables+"]\n", d)
		if err != nil {
			t.Fatal(err)
		}
		added := 0
		if before == nil {
			tab = newTableFor(t, config)
			load(t, tab, config)
			added = len(config.objects.tables[0].routes)
		} else {
			p, err := Diff(before, config, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range p.Changes() {
				if c, ok := c.(vrftable.AddRoutes); ok {
					added += len(c.Routes)
				}
			}
			if err := p.Apply(tab); err != nil {
				t.Fatal(err)
			}
		}
		fresh := newTableFor(t, config)
		load(t, fresh, config)
		if got, want := bgpRoutes(tab), bgpRoutes(fresh); !slices.Equal(got, want) || added != s.changed {
			t.Errorf("%s: %d added, want %d; %v, want %v", s.tables, added, s.changed, got, want)
		}
		before = config
	}
	if p, err := Diff(before, before, nil); err != nil || !p.Empty() {
		t.Error(err, p)
	}
}
