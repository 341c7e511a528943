package mrt

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// text gives a dump's routes line by line.
func (d *Dump) text() (lines []string) {
	for _, r := range d.Routes {
		a := d.Attrs[r.Attrs]
		lines = append(lines, fmt.Sprintf("%v#%d %d %v|%v|%v|%d|%d|%d", prefix(r.Addr, r.Len), r.ID, d.Peers[r.Peer].AS, a.NextHop,
			a.ASPath, a.Communities, a.LocalPref, a.MED, a.Origin))
	}
	return lines
}

func prefix(addr uint32, length uint8) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte(u32(addr))), int(length))
}

// TestGenerated: what gen writes is what is read, whoever is chosen.
func TestGenerated(t *testing.T) {
	list, file := table(t, gen.DumpConfig{Peers: 5, Seed: 3}, 4000)
	peers, err := gen.Peers(5, 3)
	if err != nil {
		t.Fatal(err)
	}
	all := read(t, file, Choice{All: true})
	var text []string
	for i, p := range peers {
		d := read(t, file, Choice{Peers: []PeerName{{AS: p.AS}}})
		byAddr := read(t, file, Choice{Peers: []PeerName{{Addr: netip.AddrFrom4([4]byte(u32(p.Addr)))}}})
		if !slices.Equal(d.Routes, byAddr.Routes) {
			t.Errorf("peer %d by AS and by address differ", i)
		}
		if d.Skipped != (Skipped{OtherPeer: len(all.Routes) - len(d.Routes)}) || !d.Peers[i].Chosen || d.Peers[i].Routes != len(d.Routes) {
			t.Errorf("peer %d: %v %+v", i, &d.Skipped, d.Peers[i])
		}
		text = append(text, d.text()...)
		if i == 0 {
			got := make([]lpm.Route, len(d.Routes))
			for i, r := range d.Routes {
				got[i] = lpm.Route{Addr: r.Addr, Len: r.Len, Hop: 1}
			}
			if !slices.Equal(got, list) {
				t.Error("the first peer's prefixes are not the table's")
			}
			most := read(t, file, Choice{})
			if !slices.Equal(most.Routes, d.Routes) || most.Summary() != d.Summary() {
				t.Error("the first peer has the most routes, but was not chosen")
			}
		} else if len(d.Routes) >= len(list) || len(d.Routes) < len(list)*9/10 {
			t.Errorf("peer %d has %d of %d prefixes", i, len(d.Routes), len(list))
		}
	}
	whole := all.text()
	slices.Sort(text)
	slices.Sort(whole)
	if !slices.Equal(text, whole) {
		t.Error("all peers' routes are not those of each")
	}
	if !all.Time.Equal(gen.DefaultTime) {
		t.Error(all.Time)
	}
}

// TestAttributes: what becomes of each attribute, segment and kind of record.
func TestAttributes(t *testing.T) {
	long := make([]uint32, 200)
	for i := range long {
		long[i] = 100_000 + uint32(i)
	}
	for _, c := range []struct {
		name    string
		attrs   []byte
		want    string // "": skipped for the reason
		skipped Reason
		sets    int
	}{
		{"plain", plain(), "192.0.2.1|[64500 64510]|[]|0|0|0", 0, 0},
		{"all", cat(origin(2), path(seg(4, 2, 1, 4_200_000_000)), nextHop("192.0.2.7"), attr(0x80, 4, u32(7)), attr(0x40, 5, u32(200)),
			attr(0x40, 6), attr(0xc0, 7, u32(1), addr("10.0.0.1")), attr(0xc0, 8, u32(64500<<16|1), u32(0xffffff01)),
			attr(0xc0, 16, make([]byte, 8)), attr(0xc0, 32, make([]byte, 12)), attr(0xc0, 99, []byte("new"))),
			"192.0.2.7|[1 4200000000]|[64500:1 65535:65281]|200|7|2", 0, 0},
		{"empty path", cat(origin(1), path(), nextHop("192.0.2.7")), "192.0.2.7|[]|[]|0|0|1", 0, 0},
		{"extended length", cat(origin(0), path(seg(4, 2, long...)), nextHop("192.0.2.7")),
			fmt.Sprintf("192.0.2.7|%v|[]|0|0|0", long), 0, 0},
		{"two segments", cat(origin(0), path(seg(4, 2, 1, 2), seg(4, 2, 3)), nextHop("192.0.2.7")), "192.0.2.7|[1 2 3]|[]|0|0|0", 0, 0},
		{"AS_SET", cat(origin(0), path(seg(4, 2, 1, 2), seg(4, 1, 9, 5, 7)), nextHop("192.0.2.7")), "192.0.2.7|[1 2 5]|[]|0|0|0", 0, 1},
		{"confederation", cat(origin(0), path(seg(4, 3, 64512, 64513), seg(4, 4, 64514), seg(4, 2, 1)), nextHop("192.0.2.7")),
			"192.0.2.7|[1]|[]|0|0|0", 0, 0},
		{"AS4_PATH does not count", cat(plain(), attr(0xc0, 17, seg(4, 2, 7))), "192.0.2.1|[64500 64510]|[]|0|0|0", 0, 0},
		{"MP_REACH, next hop alone", cat(origin(0), path(seg(4, 2, 1)), attr(0x80, 14, []byte{4}, addr("192.0.2.8"))),
			"192.0.2.8|[1]|[]|0|0|0", 0, 0},
		{"MP_REACH, whole", cat(origin(0), path(seg(4, 2, 1)), attr(0x80, 14, u16(1), []byte{1, 4}, addr("192.0.2.8"), []byte{0})),
			"192.0.2.8|[1]|[]|0|0|0", 0, 0},
		{"IPv6 next hop", cat(origin(0), path(seg(4, 2, 1)), attr(0x80, 14, []byte{16}, addr("2001:db8::1"))), "", NoNextHop, 0},
		{"no next hop", cat(origin(0), path(seg(4, 2, 1))), "", NoNextHop, 0},
		{"next hop 0.0.0.0", cat(origin(0), path(seg(4, 2, 1)), nextHop("0.0.0.0")), "", NoNextHop, 0},
		{"next hop multicast", cat(origin(0), path(seg(4, 2, 1)), nextHop("224.0.0.1")), "", NoNextHop, 0},
		{"no attributes", nil, "", NoNextHop, 0},
	} {
		d := read(t, cat(peersRecord(), rib(2, "198.51.100.0/24", entry(0, c.attrs))), Choice{All: true})
		var want []string
		var skipped Skipped
		if c.want != "" {
			want = []string{"198.51.100.0/24#0 64500 " + c.want}
		} else {
			skipped[c.skipped] = 1
		}
		if got := d.text(); !slices.Equal(got, want) || d.Skipped != skipped || d.ASSets != c.sets {
			t.Errorf("%s: %q, skipped %v, %d AS_SETs", c.name, got, &d.Skipped, d.ASSets)
		}
	}
}

// TestRecords: what becomes of each kind of record and prefix.
func TestRecords(t *testing.T) {
	generic := func(subtype, afi int, safi byte, rest ...[]byte) []byte {
		return rec(13, subtype, u32(0), u16(afi), []byte{safi}, cat(rest...))
	}
	line := func(prefix string, id, as int) string {
		return fmt.Sprintf("%s#%d %d 192.0.2.1|[64500 64510]|[]|0|0|0", prefix, id, as)
	}
	e := entry(0, plain())
	for _, c := range []struct {
		name    string
		records []byte
		want    []string
		skipped Skipped
	}{
		{"each length", cat(rib(2, "0.0.0.0/0", e), rib(2, "10.0.0.0/8", e), rib(2, "10.128.0.0/9", e), rib(2, "10.1.2.3/32", e)),
			[]string{line("0.0.0.0/0", 0, 64500), line("10.0.0.0/8", 0, 64500), line("10.1.2.3/32", 0, 64500), line("10.128.0.0/9", 0, 64500)},
			Skipped{}},
		{"host bits", rib(2, "10.255.0.0/9", e), []string{line("10.128.0.0/9", 0, 64500)}, Skipped{}},
		{"peers in order", rib(2, "10.0.0.0/8", entry(2, plain()), entry(1, plain()), e),
			[]string{line("10.0.0.0/8", 0, 64500), line("10.0.0.0/8", 0, 4_200_000_000), line("10.0.0.0/8", 0, 64503)}, Skipped{}},
		{"repeated", cat(rib(2, "10.0.0.0/8", e, entry(0, cat(origin(2), path(), nextHop("192.0.2.9")))), rib(2, "10.0.0.0/8", e)),
			[]string{line("10.0.0.0/8", 0, 64500)}, Skipped{Repeated: 2}},
		{"add-path", rib(8, "10.0.0.0/8", addPathEntry(0, 7, plain()), addPathEntry(0, 3, plain()), addPathEntry(1, 3, plain())),
			[]string{line("10.0.0.0/8", 3, 64500), line("10.0.0.0/8", 7, 64500), line("10.0.0.0/8", 3, 4_200_000_000)}, Skipped{}},
		{"generic", generic(6, 1, 1, nlri("10.0.0.0/8"), u16(1), e), []string{line("10.0.0.0/8", 0, 64500)}, Skipped{}},
		{"generic add-path", generic(12, 1, 1, nlri("10.0.0.0/8"), u16(1), addPathEntry(0, 5, plain())),
			[]string{line("10.0.0.0/8", 5, 64500)}, Skipped{}},
		{"generic of others", cat(generic(6, 2, 1), generic(12, 1, 128), generic(6, 25, 70)), nil, Skipped{IPv6: 1, OtherFamily: 2}},
		{"other families", cat(rec(13, 4), rec(13, 10), rec(13, 3), rec(13, 5), rec(13, 9), rec(13, 11)), nil, Skipped{IPv6: 2, OtherFamily: 4}},
		{"other types", cat(rec(13, 7), rec(13, 99), rec(12, 1), rec(16, 4), rec(17, 4, u32(0)), rec(11, 0)), nil, Skipped{OtherRecord: 6}},
		{"martians", cat(rib(2, "0.0.0.0/8", e), rib(2, "127.0.0.0/8", e, e), rib(2, "224.0.0.0/4", e), rib(2, "255.255.255.255/32", e)),
			nil, Skipped{Martian: 5}},
		{"no routes", rib(2, "10.0.0.0/8"), nil, Skipped{}},
		{"peers again", cat(peersRecord(), rib(2, "10.0.0.0/8", e), peersRecord()), []string{line("10.0.0.0/8", 0, 64500)}, Skipped{}},
	} {
		d := read(t, cat(peersRecord(), c.records), Choice{All: true})
		if got := d.text(); !slices.Equal(got, c.want) || d.Skipped != c.skipped {
			t.Errorf("%s:\n%s\nskipped %v", c.name, strings.Join(got, "\n"), &d.Skipped)
		}
	}
}

func TestPeers(t *testing.T) {
	d := read(t, cat(peersRecord(), rib(2, "10.0.0.0/8", entry(1, plain()), entry(2, plain())), rib(2, "11.0.0.0/8", entry(2, plain()))), Choice{})
	want := []Peer{
		{Addr: netip.MustParseAddr("192.0.2.1"), ID: netip.MustParseAddr("10.0.0.1"), AS: 64500},
		{Addr: netip.MustParseAddr("192.0.2.2"), ID: netip.MustParseAddr("10.0.0.2"), AS: 4_200_000_000, Routes: 1},
		{Addr: netip.MustParseAddr("2001:db8::3"), ID: netip.MustParseAddr("10.0.0.3"), AS: 64503, Routes: 2, Chosen: true},
	}
	if !slices.Equal(d.Peers, want) || !slices.Equal(d.Chosen(), want[2:]) {
		t.Errorf("%+v", d.Peers)
	}
	if got := d.Summary(); got != "2 routes with 1 sets of attributes of peer 2001:db8::3 AS64503, one of 3, at 2023-11-14T22:13:20Z; "+
		"skipped: 1 route of another peer" {
		t.Error(got)
	}
	for word, want := range map[string]string{
		"64500": "AS64500", "as64500": "AS64500", "AS1.10": "AS65546", "1.10": "AS65546", "192.0.2.1": "192.0.2.1",
		"2001:db8::3": "2001:db8::3", "4294967295": "AS4294967295",
	} {
		if n, err := ParsePeer(word); err != nil || n.String() != want {
			t.Errorf("%s: %v, %v", word, n, err)
		}
	}
	for _, word := range []string{"", "0", "AS", "ASx", "4294967296", "1.65536", "65536.1", "0.0", "1.2.3", "fe80::1%eth0", "-1", "192.0.2"} {
		if n, err := ParsePeer(word); err == nil {
			t.Errorf("%q: %v", word, n)
		}
	}
	_, err := Read(bytes.NewReader(peersRecord()), "rib", Choice{Peers: []PeerName{{AS: 64500}, {AS: 1}}})
	if err == nil || err.Error() != "rib: byte 12: it has no peer AS1: it has 192.0.2.1 AS64500, 192.0.2.2 AS4200000000, 2001:db8::3 AS64503" {
		t.Error(err)
	}
}

// TestMalformed: each fault is told with its place.
func TestMalformed(t *testing.T) {
	head := peersRecord()
	first := len(head)                // the RIB record's offset
	body := first + 12                // and its body's
	attrs := body + 4 + 1 + 1 + 2 + 8 // and its first attribute's
	one := func(a []byte) []byte { return cat(head, rib(2, "10.0.0.0/8", entry(0, a))) }
	second := attrs + len(origin(0)) // second attribute
	for _, c := range []struct {
		name, file string
		at         int
		want       string
	}{
		{"empty", "", 0, "no PEER_INDEX_TABLE before the end"},
		{"text", "10.0.0.0/8 192.0.2.1\n10.1.0.0/16 192.0.2.1\n", 0, "is this an MRT file"},
		{"updates", string(said(16, 4, 4, nil, nil, nil)), 55, "no PEER_INDEX_TABLE before the end"},
		{"no index", string(rib(2, "10.0.0.0/8", entry(0, plain()))), 12, "before the PEER_INDEX_TABLE"},
		{"header cut short", string(head) + "\x00\x00\x00", first, "ends within the header of a record"},
		{"body cut short", string(one(plain())[:first+20]), first, "ends within a record of 40 bytes"},
		{"long record", string(cat(head, u32(0), u16(13), u16(2), u32(MaxRecord+1))), first, "at most 16777216 are allowed"},
		{"extended time", string(cat(head, rec(17, 4, u16(1)))), body, "at least 4 are needed"},
		{"microseconds", string(cat(head, rec(17, 4, u32(1_000_000)))), body, "0 to 999,999 are allowed"},
		{"other peers", string(cat(head, rec(13, 1, u32(0), u16(0), u16(0)))), body, "a second PEER_INDEX_TABLE"},
		{"view", string(rec(13, 1, u32(0), u16(9), u16(0))), 18, "the view's name needs 9 bytes: 2 are left"},
		{"peer", string(rec(13, 1, u32(0), u16(0), u16(1), []byte{3}, u32(0))), 21, "needs 24 bytes: 4 are left"},
		{"after peers", string(rec(13, 1, u32(0), u16(0), u16(0), []byte{3})), 20, "1 bytes after the last peer"},
		{"sequence", string(cat(head, rec(13, 2, u16(0)))), body, "a sequence number needs 4 bytes"},
		{"length", string(cat(head, rec(13, 2, u32(0), []byte{33}, u32(0), u32(0)))), body + 4, "length 33: 0 to 32 are allowed"},
		{"prefix", string(cat(head, rec(13, 2, u32(0), []byte{32}, u16(0)))), body + 5, "a prefix needs 4 bytes: 2 are left"},
		{"count", string(cat(head, rec(13, 2, u32(0), nlri("10.0.0.0/8")))), body + 6, "an entry count needs 2 bytes"},
		{"entry", string(cat(head, rec(13, 2, u32(0), nlri("10.0.0.0/8"), u16(2), entry(0, plain())))), attrs + len(plain()),
			"needs 8 bytes: 0 are left, and 1 entries to come"},
		{"after entries", string(cat(head, rec(13, 2, u32(0), nlri("10.0.0.0/8"), u16(0), u16(0)))), body + 8, "2 bytes after the last entry"},
		{"peer index", string(cat(head, rib(2, "10.0.0.0/8", entry(3, plain())))), body + 8, "a route of peer 3: the PEER_INDEX_TABLE has 3"},
		{"attributes", string(cat(head, rec(13, 2, u32(0), nlri("10.0.0.0/8"), u16(1), u16(0), u32(0), u16(5), u32(0)))), body + 14,
			"5 bytes of attributes: 4 are left"},
		{"attribute's head", string(one(cat(origin(0), []byte{0x40, 2}))), second, "need 3 bytes: 2 are left"},
		{"attribute's value", string(one(cat(origin(0), []byte{0x40, 2, 9, 1}))), second, "of 9 bytes: 1 are left"},
		{"extended head", string(one(cat(origin(0), []byte{0x50, 2, 9}))), second, "need 4 bytes: 3 are left"},
		{"twice", string(one(cat(origin(0), origin(0)))), second, "is given twice"},
		{"origin", string(one(attr(0x40, 1, []byte{3}))), attrs, "origin 3: 0 to 2 are allowed"},
		{"segment", string(one(cat(origin(0), path(seg(4, 5, 1))))), second, "seg type"},
		{"2-byte ASes", string(one(cat(origin(0), path(seg(2, 2, 1))))), second, "AS_PATH"},
		{"next hop", string(one(cat(origin(0), attr(0x40, 3, u16(1))))), second, "nexthop length"},
		{"MED", string(one(cat(origin(0), attr(0x80, 4, u16(1))))), second, "med length"},
		{"local preference", string(one(cat(origin(0), attr(0x40, 5, u16(1))))), second, "local pref length"},
		{"communities", string(one(cat(origin(0), attr(0xc0, 8, u16(1))))), second, "communities length"},
		{"MP_REACH", string(one(cat(origin(0), attr(0x80, 14, []byte{9, 1})))), second, "its next hop needs a length and as many bytes"},
		{"generic", string(cat(head, rec(13, 6, u32(0)))), body, "sequence number, AFI and SAFI needs 7 bytes"},
	} {
		_, err := Read(strings.NewReader(c.file), "rib", Choice{All: true})
		var e *Error
		if !errors.As(err, &e) || e.File != "rib" || e.Offset != int64(c.at) || !strings.Contains(e.Reason, c.want) {
			t.Errorf("%s: %v, want byte %d: %s", c.name, err, c.at, c.want)
		}
	}
}

// TestFlags: an attribute is taken whatever its flags say: BIRD 2.0 dumps NEXT_HOP and others without any.
func TestFlags(t *testing.T) {
	d := read(t, cat(peersRecord(), rib(2, "10.0.0.0/8", entry(0, cat(origin(0), attr(0, 3, addr("192.0.2.7")), attr(0x40, 4, u32(7)))))), Choice{All: true})
	if a := d.Attrs[d.Routes[0].Attrs]; a.NextHop != netip.MustParseAddr("192.0.2.7") || a.MED != 7 {
		t.Errorf("%+v", a)
	}
}

// TestCutShort: a file is refused wherever it was cut, but between records.
func TestCutShort(t *testing.T) {
	_, file := table(t, gen.DumpConfig{Peers: 2, Seed: 1}, 20)
	ends := map[int]bool{}
	for at := 0; at < len(file); {
		at += 12 + int(uint32(file[at+8])<<24|uint32(file[at+9])<<16|uint32(file[at+10])<<8|uint32(file[at+11]))
		ends[at] = true
	}
	for n := range file {
		d, err := Read(bytes.NewReader(file[:n]), "rib", Choice{All: true})
		if (err == nil) != ends[n] || (d == nil) != (err != nil) {
			t.Fatalf("%d bytes of %d: %v", n, len(file), err)
		}
	}
}

func TestReadFile(t *testing.T) {
	_, file := table(t, gen.DumpConfig{Peers: 2, Seed: 1}, 20)
	dir := t.TempDir()
	name := filepath.Join(dir, "rib")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := ReadFile(name, Choice{})
	if err != nil || len(d.Routes) != 20 || d.File != name {
		t.Error(d, err)
	}
	for what, text := range map[string][]byte{"rib": file, "rib.gz": zip(t, file)} {
		if err := os.WriteFile(filepath.Join(dir, what), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if is, err := IsDump(filepath.Join(dir, what)); !is || err != nil {
			t.Error(what, is, err)
		}
	}
	for what, text := range map[string]string{"list": "10.0.0.0/8\n10.1.0.0/16\n", "list.gz": string(zip(t, []byte("10.0.0.0/8\n10.1.0.0/16\n"))),
		"short": "10.0.0.0/8", "broken": "\x1f\x8b\x08", "updates": string(said(16, 4, 4, nil, nil, nil)), "empty": ""} {
		if err := os.WriteFile(filepath.Join(dir, what), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if is, err := IsDump(filepath.Join(dir, what)); is || err != nil {
			t.Error(what, is, err)
		}
	}
	if is, err := IsDump(dir); is || err != nil {
		t.Error(is, err)
	}
	if _, err := IsDump(filepath.Join(dir, "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := ReadFile(dir, Choice{}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
	if _, err := ReadFile(name+"x", Choice{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestTable: the routes are what vrftable takes.
func TestTable(t *testing.T) {
	_, file := table(t, gen.DumpConfig{Peers: 3, Seed: 2}, 3000)
	d := read(t, file, Choice{All: true})
	tab, err := vrftable.New(vrftable.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	var routes []vrftable.Route
	for _, r := range d.Routes {
		routes = append(routes, vrftable.Route{Prefix: prefix(r.Addr, r.Len), Source: vrftable.EBGP, Attrs: &d.Attrs[r.Attrs]})
	}
	if err := tab.Apply([]vrftable.Change{vrftable.AddRoutes{Routes: routes}}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for range tab.Routes(vrftable.Parent) {
		n++
	}
	if n != len(d.Routes) {
		t.Errorf("%d routes of %d", n, len(d.Routes))
	}
}
