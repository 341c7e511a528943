package router

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vrfwd/vrftable"
)

var update = flag.Bool("update", false, "write the golden files of this run's text")

// golden compares text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs from the golden file; -update writes it:\n%s", name, got)
	}
}

// TestShow: the text of each command, of a router in a known state.
func TestShow(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts)
	m.inject("access", 0, udp(10, "10.0.0.2", "8.8.8.8", 64), udp(10, "10.0.0.2", "198.51.100.1", 64), udp(30, "10.0.0.2", "8.8.8.8", 64))
	r.handled(3)
	eventually(t, "announced", func() bool { return r.slow.Counters().Announcements == 3 })
	for _, c := range []struct {
		name string
		body interface{ WriteText(*bytes.Buffer) error }
	}{
		{"interfaces", asText{func(b *bytes.Buffer) error { return r.Interfaces().WriteText(b) }}},
		{"neighbors", asText{func(b *bytes.Buffer) error { return r.Neighbors().WriteText(b) }}},
		{"counters", asText{func(b *bytes.Buffer) error {
			c := r.Counters()
			c.SlowPath = nil // announcements come when they come
			return c.WriteText(b)
		}}},
		{"ecmp", asText{func(b *bytes.Buffer) error {
			return (&Groups{[]Group{{Number: 1, Hop: 5, Routes: 2, Members: []Member{
				{Gateway: "192.0.2.2", Egress: "uplink", Neighbor: "192.0.2.2", Buckets: 256, Tx: Traffic{10, 640}},
				{Gateway: "198.51.100.9", Interface: "uplink2"},
			}}, {Number: 3, Routes: 1, Members: []Member{{Gateway: "203.0.113.9", Egress: "uplink", Neighbor: "192.0.2.3", Buckets: 128}}}}}).WriteText(b)
		}}},
		{"import", asText{func(b *bytes.Buffer) error { return showImports(r.table).WriteText(b) }}},
		{"export", asText{func(b *bytes.Buffer) error { return showExports(r.table).WriteText(b) }}},
		{"workers", asText{func(b *bytes.Buffer) error {
			return (&Workers{[]Worker{{Number: 0, CPU: 1, Thread: 77, Received: 10, Forwarded: 8, Punted: 1, Dropped: 1, Polls: 100,
				Idle: 95, Busy: 1.5, Cost: 150, Load: 0.25}, {Number: 1, CPU: -1, Thread: 78}}}).WriteText(b)
		}}},
		{"routes", asText{func(b *bytes.Buffer) error { return routesText(r.table, "", "", b) }}},
		{"routes-red", asText{func(b *bytes.Buffer) error { return routesText(r.table, "red", "", b) }}},
		{"routes-prefix", asText{func(b *bytes.Buffer) error { return routesText(r.table, "", "198.51.100.0/23", b) }}},
		{"routes-address", asText{func(b *bytes.Buffer) error { return routesText(r.table, "red", "10.0.0.2", b) }}},
		{"reloaded", asText{func(b *bytes.Buffer) error {
			return (&Reloaded{File: "fwd.yaml", Changes: 3, Warnings: []string{"fwd.yaml:3:1: beware"}}).WriteText(b)
		}}},
	} {
		var b bytes.Buffer
		if err := c.body.WriteText(&b); err != nil {
			t.Error(err)
		}
		golden(t, c.name, b.String())
	}
	r.stop()
}

type asText struct{ f func(*bytes.Buffer) error }

func (a asText) WriteText(b *bytes.Buffer) error { return a.f(b) }

func routesText(t *vrftable.Table, vr, filter string, b *bytes.Buffer) error {
	fmt.Fprintln(b, RouteHead)
	return ShowRoutes(t, vr, filter, func(r Route) error { return r.WriteText(b) })
}

// TestExplain: each way that a lookup can go.
func TestExplain(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts)
	var b bytes.Buffer
	for _, c := range []struct {
		vrf, address, iface string
		verdict, reason     string
		steps               string // names, in order
	}{
		{"red", "8.8.8.8", "", "forward", "", "ingress vrf fallback parent resolve egress neighbor adjacency verdict"},
		{"red", "172.16.5.5", "", "forward", "", "ingress vrf resolve egress neighbor adjacency verdict"},
		{"red", "10.0.0.77", "", "slow", "glean", "ingress vrf egress neighbor adjacency verdict"},
		{"red", "10.0.0.1", "ce", "slow", "local", "ingress vrf adjacency verdict"},
		{"red", "198.51.100.9", "", "drop", "discard", "ingress vrf adjacency verdict"}, // imported
		{"red", "198.51.101.9", "", "slow", "reject", "ingress vrf fallback parent adjacency verdict"},
		{"red", "203.0.113.1", "", "slow", "local", "ingress vrf fallback parent adjacency verdict"},
		{"blue", "8.8.8.8", "", "slow", "no route", "ingress vrf fallback verdict"},
		{"", "10.0.0.9", "", "forward", "", "ingress parent resolve egress neighbor adjacency verdict"}, // share
		{"", "127.0.0.1", "", "drop", "martian destination", "ingress validate verdict"},
	} {
		l, err := Explain(r.table, c.vrf, c.address, c.iface, r.Neighbors().Neighbors)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		var steps []string
		for _, s := range l.Steps {
			steps = append(steps, s.Step)
		}
		if l.Verdict != c.verdict || l.Reason != c.reason || strings.Join(steps, " ") != c.steps {
			t.Errorf("%+v: %s %s %v", c, l.Verdict, l.Reason, steps)
		}
		if err := l.WriteText(&b); err != nil {
			t.Error(err)
		}
	}
	golden(t, "lookup", b.String())
	for _, c := range []struct{ vrf, address, iface, want string }{
		{"rde", "8.8.8.8", "", "known: default, red, blue"}, {"red", "8.8.8", "", "IPv4 address"},
		{"red", "::1", "", "IPv4 address"}, {"red", "8.8.8.8", "uplink", "primary"}, {"red", "8.8.8.8", "nope", "no interface nope"},
		{"", "8.8.8.8", "to-red", "shared"},
	} {
		if _, err := Explain(r.table, c.vrf, c.address, c.iface, nil); err == nil || !strings.Contains(err.Error(), c.want) || !headerOf(err).Usage {
			t.Errorf("%+v: %v", c, err)
		}
	}
	r.stop()
}

// TestECMP: what is shown of equal routes is what workers do with them.
func TestECMP(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, strings.Replace(twoPorts, "    - {prefix: 0.0.0.0/0, gateway: 192.0.2.2}\n",
		"    - {prefix: 0.0.0.0/0, gateway: 192.0.2.2}\n    - {prefix: 0.0.0.0/0, gateway: 192.0.2.3}\n", 1))
	const flows = 64
	for i := range flows {
		m.inject("access", 0, udp(10, "10.0.0.2", fmt.Sprint("8.8.8.", i), 64))
	}
	r.handled(flows)
	groups := r.Groups().Groups
	if len(groups) != 1 || groups[0].Routes != 1 || len(groups[0].Members) != 2 {
		t.Fatalf("%+v", groups)
	}
	var sum Traffic
	for i, e := range groups[0].Members {
		if e.Buckets != vrftable.GroupBuckets/2 || e.Tx.Packets == 0 || e.Egress != "uplink" || e.Gateway != fmt.Sprint("192.0.2.", 2+i) || e.Neighbor != e.Gateway {
			t.Errorf("%+v", e)
		}
		sum.Packets += e.Tx.Packets
		sum.Bytes += e.Tx.Bytes
	}
	for _, i := range r.Interfaces().Interfaces {
		if i.Name == "uplink" && (i.Tx != sum || sum.Packets != flows) {
			t.Errorf("members carried %v, the uplink %v", sum, i.Tx)
		}
	}
	l, err := Explain(r.table, "red", "8.8.8.8", "", r.Neighbors().Neighbors, r.forwarders()...)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := l.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "lookup-ecmp", b.String())
	if l.Verdict != "forward" || l.Group == nil || l.Group.Members[0].Tx != groups[0].Members[0].Tx || l.Route.Group != groups[0].Number {
		t.Errorf("%+v", l)
	}
	b.Reset()
	if err := routesText(r.table, "", "0.0.0.0", &b); err != nil {
		t.Fatal(err)
	}
	if err := routesText(r.table, "", "0.0.0.0/0", &b); err != nil {
		t.Fatal(err)
	}
	golden(t, "routes-ecmp", b.String())
	r.stop()
}

// TestExplainAgrees: what is explained is what a worker does, for many addresses.
func TestExplainAgrees(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts)
	for i := range 200 {
		address := fmt.Sprintf("%d.%d.%d.%d", []int{8, 10, 172, 198, 203}[i%5], []int{0, 16, 51, 0, 31}[i/5%5], []int{113, 100, 101, 0}[i/25%4], 1+i%3)
		l, err := Explain(r.table, "red", address, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		before := *r.Counters()
		m.inject("access", 0, udp(10, "10.0.0.2", address, 64))
		r.handled(before.Received + 1)
		after := r.Counters()
		did := "drop"
		switch {
		case after.Forwarded > before.Forwarded:
			did = "forward"
		case after.Punted > before.Punted:
			did = "slow"
		}
		if did != l.Verdict || l.Reason != "" && after.Drops[l.Reason]+after.Punts[l.Reason] != before.Drops[l.Reason]+before.Punts[l.Reason]+1 {
			t.Errorf("%s: explained as %s %s, but it was %s", address, l.Verdict, l.Reason, did)
		}
	}
	r.stop()
}

// TestShowRoutesAgrees: the table shown by pieces is the whole table, in order.
func TestShowRoutesAgrees(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts)
	for _, prefix := range []string{"0.0.0.0/1", "128.0.0.0/1", "64.0.0.0/2", "96.0.0.0/7", "8.0.0.0/8", "255.0.0.0/8", "254.0.0.0/7", "9.9.9.9/32"} {
		if err := r.table.Apply([]vrftable.Change{vrftable.AddRoute{Route: vrftable.Route{Prefix: mustPrefix(prefix), Source: vrftable.Static,
			NextHop: vrftable.Discard}}}); err != nil {
			t.Fatal(err)
		}
	}
	var want, got []string
	for route := range r.table.Routes("") {
		want = append(want, fmt.Sprint(routeOf(route)))
	}
	if err := ShowRoutes(r.table, "", "", func(route Route) error { got = append(got, fmt.Sprint(route)); return nil }); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, c := range []struct{ vr, filter, want string }{
		{"nope", "", "known: default"}, {"", "10.0.0.1/8", "10.0.0.0/8 is meant"}, {"", "10.0.0.0/33", "IPv4 prefix"}, {"", "::/0", "IPv4 prefix"},
	} {
		err := ShowRoutes(r.table, c.vr, c.filter, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !headerOf(err).Usage {
			t.Errorf("%+v: %v", c, err)
		}
	}
	r.stop()
}

// TestReplyJSON: what a client decodes is what was encoded.
func TestReplyJSON(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts)
	text, err := json.Marshal(r.Interfaces())
	if err != nil {
		t.Fatal(err)
	}
	var back Interfaces
	if err := json.Unmarshal(text, &back); err != nil || len(back.Ports) != 2 || len(back.Interfaces) != 5 || back.Interfaces[0].VR == "" {
		t.Errorf("%v %s", err, text)
	}
	r.stop()
}
