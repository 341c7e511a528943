package mrt

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vrfwd/gen"
)

// text gives the changes line by line, without their times.
func (u *Updates) text() (lines []string) {
	for _, c := range u.Changes {
		line := fmt.Sprintf("%v %v#%d %d", c.Kind, prefix(c.Addr, c.Len), c.ID, u.Peers[c.Peer].AS)
		if c.Kind == Announce {
			a := u.Attrs[c.Attrs]
			line += fmt.Sprintf(" %v|%v|%v|%d|%d|%d", a.NextHop, a.ASPath, a.Communities, a.LocalPref, a.MED, a.Origin)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestUpdates(t *testing.T) {
	attrs := cat(origin(0), path(seg(4, 2, 64502, 4_200_000_000)), nextHop("192.0.2.2"))
	const said4 = " 64502 192.0.2.2|[64502 4200000000]|[]|0|0|0"
	two := func(more ...[]byte) []byte { // a path of 2-byte ASes
		return cat(origin(0), path(seg(2, 2, 64502, 23456, 64510)), nextHop("192.0.2.2"), cat(more...))
	}
	as4Path := func(ases ...uint32) []byte { return attr(0xc0, 17, seg(4, 2, ases...)) }
	aggregator := func(as int) []byte { return attr(0xc0, 7, u16(as), addr("10.0.0.1")) }
	as4Aggregator := attr(0xc0, 18, u32(4_200_000_001), addr("10.0.0.1"))
	merged := func(path string) []string {
		return []string{"announce 10.0.0.0/8#0 64502 192.0.2.2|" + path + "|[]|0|0|0"}
	}
	state := func(subtype, size int, from, to int) []byte {
		return rec(16, subtype, u32(64502)[4-size:], u32(64999)[4-size:], u16(0), u16(2), addr("2001:db8::2"), addr("2001:db8::99"), u16(from), u16(to))
	}
	id := func(n uint32, prefix string) []byte { return cat(u32(n), nlri(prefix)) }
	for _, c := range []struct {
		name    string
		file    []byte
		want    []string
		skipped Skipped
	}{
		{"both", said(16, 4, 4, cat(nlri("10.0.0.0/8"), nlri("0.0.0.0/0")), attrs, cat(nlri("11.0.0.0/8"), nlri("11.1.1.1/32"))),
			[]string{"withdraw 10.0.0.0/8#0 64502", "withdraw 0.0.0.0/0#0 64502", "announce 11.0.0.0/8#0" + said4,
				"announce 11.1.1.1/32#0" + said4}, Skipped{}},
		{"end of RIB", said(16, 4, 4, nil, nil, nil), nil, Skipped{}},
		{"extended time", said(17, 4, 4, nlri("10.0.0.0/8"), nil, nil), []string{"withdraw 10.0.0.0/8#0 64502"}, Skipped{}},
		{"add-path", said(16, 9, 4, id(1, "10.0.0.0/8"), attrs, id(2, "11.0.0.0/8")),
			[]string{"withdraw 10.0.0.0/8#1 64502", "announce 11.0.0.0/8#2" + said4}, Skipped{}},
		{"add-path, 2-byte ASes", said(16, 8, 2, id(1, "10.0.0.0/8"), nil, nil), []string{"withdraw 10.0.0.0/8#1 64502"}, Skipped{}},
		{"2-byte ASes", said(16, 1, 2, nil, two(), nlri("10.0.0.0/8")), merged("[64502 23456 64510]"), Skipped{}},
		// RFC 6793 4.2.3
		{"AS4_PATH", said(16, 1, 2, nil, two(as4Path(4_200_000_000, 64510)), nlri("10.0.0.0/8")), merged("[64502 4200000000 64510]"), Skipped{}},
		{"AS4_PATH of all", said(16, 1, 2, nil, two(as4Path(1, 2, 3)), nlri("10.0.0.0/8")), merged("[1 2 3]"), Skipped{}},
		{"AS4_PATH too long", said(16, 1, 2, nil, two(as4Path(1, 2, 3, 4)), nlri("10.0.0.0/8")), merged("[64502 23456 64510]"), Skipped{}},
		{"aggregated by an old speaker", said(16, 1, 2, nil, two(aggregator(64501), as4Path(1, 2), as4Aggregator), nlri("10.0.0.0/8")),
			merged("[64502 23456 64510]"), Skipped{}},
		{"aggregated by a new speaker", said(16, 1, 2, nil, two(aggregator(23456), as4Path(1, 2), as4Aggregator), nlri("10.0.0.0/8")),
			merged("[64502 1 2]"), Skipped{}},
		{"aggregated by an old speaker alone", said(16, 1, 2, nil, two(aggregator(64501), as4Path(1, 2)), nlri("10.0.0.0/8")),
			merged("[64502 1 2]"), Skipped{}},
		{"sessions", cat(state(5, 4, 6, 1), state(0, 2, 6, 1), state(5, 4, 5, 6), state(5, 4, 1, 2)),
			[]string{"down 0.0.0.0/0#0 64502", "down 0.0.0.0/0#0 64502"}, Skipped{}},
		{"multiprotocol", said(16, 4, 4, nil, cat(origin(0), path(), attr(0x80, 14, u16(1), []byte{1, 4}, addr("192.0.2.2"), []byte{0},
			nlri("11.0.0.0/8")), attr(0x80, 15, u16(1), []byte{1}, nlri("10.0.0.0/8"))), nil),
			[]string{"withdraw 10.0.0.0/8#0 64502", "announce 11.0.0.0/8#0 64502 192.0.2.2|[]|[]|0|0|0"}, Skipped{}},
		{"IPv6", said(16, 4, 4, nil, cat(origin(0), path(), nextHop("192.0.2.2"), attr(0x80, 14, u16(2), []byte{1, 16}, addr("2001:db8::1"), []byte{0}),
			attr(0x80, 15, u16(2), []byte{1})), nlri("10.0.0.0/8")), []string{"announce 10.0.0.0/8#0 64502 192.0.2.2|[]|[]|0|0|0"}, Skipped{IPv6: 2}},
		{"VPN", said(16, 4, 4, nil, attr(0x80, 15, u16(1), []byte{128}), nil), nil, Skipped{OtherFamily: 1}},
		{"no next hop", said(16, 4, 4, nil, cat(origin(0), path()), cat(nlri("10.0.0.0/8"), nlri("11.0.0.0/8"))), nil, Skipped{NoNextHop: 2}},
		{"martian", said(16, 4, 4, nlri("127.0.0.0/8"), attrs, nlri("240.0.0.0/4")), nil, Skipped{Martian: 2}},
		{"malformed", said(16, 4, 4, nlri("11.0.0.0/8"), cat(path(), origin(9)), nlri("10.0.0.0/8")),
			[]string{"withdraw 11.0.0.0/8#0 64502", "withdraw 10.0.0.0/8#0 64502"}, Skipped{Malformed: 1}},
		{"sent", cat(state(5, 4, 1, 1), said(16, 7, 4, nlri("10.0.0.0/8"), nil, nil)), nil, Skipped{OtherBGP: 1}},
		{"others", cat(state(5, 4, 1, 1), rec(16, 99), rec(13, 1)), nil, Skipped{OtherRecord: 2}},
	} {
		u, err := ReadUpdates(bytes.NewReader(c.file), "updates", Choice{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := u.text(); !slices.Equal(got, c.want) || u.Skipped != c.skipped {
			t.Errorf("%s:\n%s\nskipped %v", c.name, strings.Join(got, "\n"), &u.Skipped)
		}
	}
}

func TestUpdatesMalformed(t *testing.T) {
	const update = 12 + 20 + 19 // the message's body
	keepalive := func(length int, kind byte) []byte {
		return rec(16, 4, u32(1), u32(2), u16(0), u16(1), addr("192.0.2.2"), addr("192.0.2.99"), bytes.Repeat([]byte{255}, 16), u16(length), []byte{kind})
	}
	for _, c := range []struct {
		name, file string
		at         int
		want       string
	}{
		{"empty", "", 0, "no BGP4MP record before the end"},
		{"dump", string(peersRecord()), len(peersRecord()), "it has 1 record of another type"},
		{"session", string(rec(16, 4, u32(1))), 12, "AS numbers, interface and address family needs 12 bytes"},
		{"family", string(rec(16, 4, u32(1), u32(2), u16(0), u16(3))), 22, "address family 3 of a session"},
		{"addresses", string(rec(16, 4, u32(1), u32(2), u16(0), u16(2), u32(0))), 24, "addresses needs 32 bytes: 4 are left"},
		{"state", string(rec(16, 5, u32(1), u32(2), u16(0), u16(1), u32(0), u32(0))), 32, "the old and the new state"},
		{"header", string(rec(16, 4, u32(1), u32(2), u16(0), u16(1), u32(0), u32(0))), 32, "a BGP message's header needs 19 bytes"},
		{"message length", string(keepalive(20, 4)), 48, "a BGP message of 20 bytes: the record has 19"},
		{"withdrawn", string(said(16, 4, 4, []byte{32, 10}, nil, nil)), update + 3, "a prefix needs 4 bytes: 1 are left"},
		{"path identifier", string(said(16, 9, 4, []byte{1, 2}, nil, nil)), update + 2, "a path identifier needs 4 bytes"},
		{"announced", string(said(16, 4, 4, nil, plain(), []byte{33})), update + 4 + len(plain()), "length 33"},
		{"attribute", string(said(16, 4, 4, nil, []byte{0x40, 1, 2, 0}, nlri("10.0.0.0/8"))), update + 4, "of 2 bytes: 1 are left"},
		{"multiprotocol", string(said(16, 4, 4, nil, attr(0x80, 15, u16(1)), nil)), update + 4 + 3, "AFI and SAFI needs 3 bytes"},
		{"its next hop", string(said(16, 4, 4, nil, attr(0x80, 14, u16(1), []byte{1, 4}), nil)), update + 4 + 7, "a next hop and a reserved byte needs 5"},
		{"cut short", string(said(16, 4, 4, nil, plain(), nlri("10.0.0.0/8"))[:40]), 0, "it was cut short"},
	} {
		u, err := ReadUpdates(strings.NewReader(c.file), "updates", Choice{})
		var e *Error
		if u != nil || !errors.As(err, &e) || e.File != "updates" || e.Offset != int64(c.at) || !strings.Contains(e.Reason, c.want) {
			t.Errorf("%s: %v, want byte %d: %s", c.name, err, c.at, c.want)
		}
	}
	_, err := ReadUpdates(bytes.NewReader(said(16, 4, 4, nil, nil, nil)), "updates", Choice{Peers: []PeerName{{AS: 9}}})
	if err == nil || err.Error() != "updates: it has no peer AS9: it has 192.0.2.2 AS64502" {
		t.Error(err)
	}
}

// TestGeneratedUpdates: gen's peers say nothing that contradicts their tables, at the rate asked for.
func TestGeneratedUpdates(t *testing.T) {
	const routes, peers, rate, seconds = 500, 3, 400, 20
	_, file := table(t, gen.DumpConfig{Peers: peers, Seed: 4}, routes)
	d := read(t, file, Choice{All: true})
	file = updates(t, gen.UpdatesConfig{Peers: peers, Seed: 4, Rate: rate, Duration: seconds * time.Second}, routes)
	u, err := ReadUpdates(bytes.NewReader(file), "updates", Choice{})
	if err != nil {
		t.Fatal(err)
	}
	type key struct {
		as, addr uint32
		len      uint8
	}
	known := map[key]bool{}
	for _, r := range d.Routes {
		known[key{d.Peers[r.Peer].AS, r.Addr, r.Len}] = true
	}
	var kinds [3]int
	last := gen.DefaultTime.UnixMicro()
	for i, c := range u.Changes {
		k := key{u.Peers[c.Peer].AS, c.Addr, c.Len}
		has, ok := known[k]
		if !ok || c.Kind == Withdraw && !has || c.Time < last {
			t.Fatalf("change %d: %+v", i, c)
		}
		known[k] = c.Kind == Announce
		kinds[c.Kind]++
		last = c.Time
	}
	if n := len(u.Changes); n < rate*seconds*8/10 || n > rate*seconds*12/10 || kinds[Withdraw] < n/8 {
		t.Errorf("%d changes, %v by kind", n, kinds)
	}
	one, err := ReadUpdates(bytes.NewReader(file), "updates", Choice{Peers: []PeerName{{AS: u.Peers[1].AS}}})
	if err != nil || one.Skipped[OtherPeer] != len(u.Changes)-len(one.Changes) || len(one.Changes) == 0 {
		t.Error(one, err)
	}
	if s := one.Summary(); !strings.Contains(s, "of 1 of 3 peers, from 2026-11-01T00:00:00Z to 2026-11-01T00:00:") {
		t.Error(s)
	}
}
