package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"vrfwd/router"
)

var escapes = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// TestView: rates are differences by time; the busiest interfaces come first, as many as there is room for.
func TestView(t *testing.T) {
	at := time.Unix(1e9, 0)
	snapshot := func(seconds int, n uint64) router.Snapshot {
		s := router.Snapshot{At: at.Add(time.Duration(seconds) * time.Second), Up: time.Duration(seconds) * time.Second,
			Counters: &router.Counters{Received: 100 * n, Forwarded: 90 * n, Punted: n, Dropped: 9 * n,
				Drops: map[string]uint64{"no primary": 9 * n}, Punts: map[string]uint64{"arp": n}},
			Ports: []router.Port{{Name: "core", Up: true, Rx: router.Traffic{Packets: 100 * n, Bytes: 1250000 * n}},
				{Name: "access", Why: "no carrier"}},
			Workers: []router.Worker{{Received: 100 * n, Busy: float64(n) * 1e-4, Load: 0.25}},
			Tables:  router.Tables{VRFs: 1000, RIB: 5, GlobalFIB: 1000000, VRFFIB: 5000, FIBBytes: 4 << 20, Neighbors: 7},
			BGP:     router.BGPTotals{Sessions: 3, Up: 2, Accepted: 900000, Advertised: 12},
		}
		for i := range 50 {
			s.Interfaces = append(s.Interfaces, router.Interface{Name: fmt.Sprintf("ce%02d", i), VR: "red", Up: i != 49, Tx: router.Traffic{Packets: uint64(i) * n}})
		}
		return s
	}
	tail := &logTail{}
	fmt.Fprintf(tail, "first\nlast\n")
	m := &model{tail: tail, last: snapshot(0, 0), now: snapshot(0, 0), stop: func() {}, take: func() router.Snapshot { return snapshot(2, 20) }}
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	if _, cmd := m.Update(tickMsg{}); cmd == nil {
		t.Error("the view stands still")
	}
	text := escapes.ReplaceAllString(m.View().Content, "")
	for _, want := range []string{
		"up 2s   1000 VRFs   RIB 5   FIB 1000000 + 5000 prefixes, 4.0 MiB   7 neighbours",
		"received 1000 pps   forwarded 900 pps   punted 10 pps   dropped 90 pps",
		"BGP: 2 of 3 sessions up   900000 prefixes accepted   12 advertised",
		"core             up             1000     100.00            0       0.00            0",
		"access           down",
		"0           25.0%         1000       1000",
		"no primary                       90            180",
		"arp                              10             20",
		"ce49             down              0       0.00          490       0.00  red",
		"more\n", "last\n", "q ends the router",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%q", want, text)
		}
	}
	if lines := strings.Count(text, "\n") + 1; lines > 40 {
		t.Errorf("%d lines on a screen of 40:\n%s", lines, text)
	}
	if strings.Contains(text, "ce00") || strings.Index(text, "ce49") > strings.Index(text, "ce48") {
		t.Error("the busiest interfaces come first")
	}
}

// TestViewStops: q and ctrl+c end the router.
func TestViewStops(t *testing.T) {
	for _, k := range []tea.KeyPressMsg{{Code: 'q', Text: "q"}, {Code: 'c', Mod: tea.ModCtrl}} {
		stopped := false
		(&model{stop: func() { stopped = true }}).Update(k)
		if !stopped {
			t.Error(k)
		}
	}
}

func TestLogTail(t *testing.T) {
	tail := &logTail{}
	for i := range 20 {
		fmt.Fprintf(tail, "line %d\n", i)
	}
	if all := tail.last(); len(all) != tailLines || all[tailLines-1] != "line 19" {
		t.Error(all)
	}
	if _, err := tail.Write(nil); err != nil {
		t.Error(errors.Join(err))
	}
}
