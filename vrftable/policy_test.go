package vrftable

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func TestPrefixListSemantics(t *testing.T) {
	// The cases of the IOS and FRR manuals' explanations of ge and le.
	for _, c := range []struct {
		rules string
		yes   string
		no    string
	}{
		{"permit 10.0.0.0/8", "10.0.0.0/8", "10.1.0.0/16 0.0.0.0/0 11.0.0.0/8"},
		{"permit 10.0.0.0/8 le 24", "10.0.0.0/8 10.1.0.0/16 10.1.1.0/24", "10.1.1.0/25 0.0.0.0/0 10.0.0.0/7"},
		{"permit 10.0.0.0/8 ge 24", "10.1.1.0/24 10.1.1.1/32", "10.0.0.0/8 10.1.0.0/16 11.1.1.0/24"},
		{"permit 10.0.0.0/8 ge 16 le 24", "10.1.0.0/16 10.1.1.0/24", "10.0.0.0/8 10.1.1.0/25"},
		{"permit 0.0.0.0/0", "0.0.0.0/0", "10.0.0.0/8"},
		{"permit 0.0.0.0/0 le 32", "0.0.0.0/0 10.0.0.0/8 1.2.3.4/32", ""},
		{"permit 0.0.0.0/0 ge 1", "10.0.0.0/8 1.2.3.4/32", "0.0.0.0/0"},
		{"deny 10.1.0.0/16 le 32; permit 10.0.0.0/8 le 32", "10.0.0.0/8 10.2.3.0/24", "10.1.0.0/16 10.1.2.0/24"},
		{"deny 10.0.0.0/8", "", "10.0.0.0/8 11.0.0.0/8"}, // no match denies
		{"permit 1.2.3.4/32", "1.2.3.4/32", "1.2.3.5/32"},
	} {
		var rules []prefixRule
		for s := range strings.SplitSeq(c.rules, ";") {
			r, err := ParsePrefixRule(s)
			if err != nil {
				t.Fatal(err)
			}
			rules = append(rules, r.compile())
		}
		l := indexRules(rules)
		for want, list := range map[bool]string{true: c.yes, false: c.no} {
			for _, s := range strings.Fields(list) {
				p := pfx(s)
				if got := l.permits(addr4(p.Masked().Addr()), uint8(p.Bits())); got != want {
					t.Errorf("%q on %v: %v", c.rules, p, got)
				}
			}
		}
	}
}

// TestLongPrefixList: with an index a list permits what it permits rule by rule.
func TestLongPrefixList(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	prefix := func() (addr uint32, bits uint8) { // few networks, so that rules overlap and repeat
		bits = uint8(rng.IntN(17))
		return 0x0a000000 | rng.Uint32N(64)<<18&mask(bits+8), bits + 8
	}
	permitted := 0
	for range 50 {
		rules := make([]prefixRule, indexMin+rng.IntN(200))
		for i := range rules {
			addr, bits := prefix()
			lo := bits + uint8(rng.IntN(int(33-bits)))
			rules[i] = prefixRule{net: addr & mask(bits), mask: mask(bits), lo: lo, hi: lo + uint8(rng.IntN(int(33-lo))), permit: rng.IntN(2) == 0}
		}
		long, twin := indexRules(rules), prefixRules{rules: rules}
		if long.index == nil {
			t.Fatal("no index")
		}
		for range 2000 {
			addr, bits := prefix()
			bits += uint8(rng.IntN(int(33 - bits)))
			addr &= mask(bits)
			want := twin.permits(addr, bits)
			if want {
				permitted++
			}
			if got := long.permits(addr, bits); got != want {
				t.Fatalf("%v: %v, rule by rule %v", netPrefix(addr, bits), got, want)
			}
		}
	}
	if permitted < 1000 || permitted > 99000 {
		t.Errorf("%d of 100,000 permitted: that proves little", permitted)
	}
}

func TestParsePrefixRuleRefusals(t *testing.T) {
	for _, s := range []string{"", "permit", "allow 10.0.0.0/8", "permit 10.0.0.0", "permit 10.0.0.1/8", "permit 10.0.0.0/8 ge",
		"permit 10.0.0.0/8 ge 8", "permit 10.0.0.0/8 le 8", "permit 10.0.0.0/8 ge 20 le 16", "permit 10.0.0.0/8 le 33",
		"permit 10.0.0.0/8 ge 9 ge 10", "permit 10.0.0.0/8 eq 9", "permit 2001:db8::/32", "permit 10.0.0.0/8 ge -1"} {
		if r, err := ParsePrefixRule(s); err == nil {
			t.Errorf("%q: %v", s, r)
		}
	}
}

func FuzzParsePrefixRule(f *testing.F) {
	for _, s := range []string{"permit 10.0.0.0/8 ge 16 le 24", "deny 0.0.0.0/0", "permit 1.2.3.4/32", "permit 10.0.0.0/8 le 300"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParsePrefixRule(s)
		if err != nil {
			return
		}
		again, err := ParsePrefixRule(r.String())
		if err != nil || again != r {
			t.Errorf("%q: %v reads back as %v: %v", s, r, again, err)
		}
		// What is accepted can match something: its own prefix at its least length.
		c := r.compile()
		l := indexRules([]prefixRule{c})
		if c.lo > c.hi || c.hi > 32 || l.permits(c.net, c.lo) != r.Permit {
			t.Errorf("%q: %+v", s, c)
		}
	})
}

func TestASPath(t *testing.T) {
	for _, c := range []struct {
		expr    string
		yes, no [][]uint32
	}{
		{"", [][]uint32{{}, {1}}, nil},
		{"^$", [][]uint32{{}}, [][]uint32{{1}}},
		{"_10_", [][]uint32{{10}, {1, 10}, {10, 1}, {1, 10, 1}}, [][]uint32{{}, {100}, {1, 110}, {101, 1}}},
		{"^10_", [][]uint32{{10}, {10, 1}}, [][]uint32{{1, 10}, {100}}},
		{"_10$", [][]uint32{{10}, {1, 10}}, [][]uint32{{10, 1}, {110}}},
		{"^[0-9]+$", [][]uint32{{1}, {65000}}, [][]uint32{{}, {1, 2}}},
		{"_(1|2)_3_", [][]uint32{{1, 3}, {9, 2, 3, 9}}, [][]uint32{{1, 2}, {3, 1}}},
		{"^1(_1)*$", [][]uint32{{1}, {1, 1, 1}}, [][]uint32{{1, 2}}},
		{"_4294967295_", [][]uint32{{4294967295}}, [][]uint32{{1}}},
		{"[_]", nil, [][]uint32{{1, 2}}}, // in a class it is itself
	} {
		e, err := CompileASPath(c.expr)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range c.yes {
			if !e.Match(p) {
				t.Errorf("%q does not match %v", c.expr, p)
			}
		}
		for _, p := range c.no {
			if e.Match(p) {
				t.Errorf("%q matches %v", c.expr, p)
			}
		}
	}
	for _, s := range []string{"(", "[", "*", `\`} {
		if _, err := CompileASPath(s); err == nil || !strings.Contains(err.Error(), s) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func FuzzCompileASPath(f *testing.F) {
	for _, s := range []string{"_10_", "^$", "[_^]_", `\_`, "[]_]", "[^]_]", "(?i)_"} {
		f.Add(s)
	}
	var s attrSet
	s.init()
	path := []uint32{64500, 1, 4200000000}
	n := s.intern(&Attributes{ASPath: path})
	f.Fuzz(func(t *testing.T, expr string) {
		e, err := CompileASPath(expr)
		if err != nil {
			return
		}
		if e.String() != expr {
			t.Errorf("%q came back as %q", expr, e)
		}
		if e.Match(path) != e.match(&s, n) {
			t.Errorf("%q: a stored path matches otherwise", expr)
		}
	})
}

func TestParseCommunity(t *testing.T) {
	for _, s := range []string{"65000:100", "0:0", "65535:65535"} {
		if c, err := ParseCommunity(s); err != nil || c.String() != s {
			t.Errorf("%s: %v, %v", s, c, err)
		}
	}
	for _, s := range []string{"", "1", "1:", ":1", "65536:1", "1:65536", "a:b", "1:2:3", "-1:2"} {
		if c, err := ParseCommunity(s); err == nil {
			t.Errorf("%q: %v", s, c)
		}
	}
}

func TestParseMAC(t *testing.T) {
	if m, err := ParseMAC("02:00:00:00:0A:ff"); err != nil || m.String() != "02:00:00:00:0a:ff" {
		t.Errorf("%v, %v", m, err)
	}
	for _, s := range []string{"", "02:00:00:00:00", "02:00:00:00:00:00:00", "2:0:0:0:0:0", "02-00-00-00-00-00", "0g:00:00:00:00:00"} {
		if m, err := ParseMAC(s); err == nil {
			t.Errorf("%q: %v", s, m)
		}
	}
}

func TestRouteMapMatchesAndSets(t *testing.T) {
	tab := newWorld(t)
	route := Route{Prefix: pfx("20.0.0.0/8"), Source: EBGP, NextHop: via("192.0.2.2"), Tag: 7, Attrs: &Attributes{
		NextHop: ip("9.9.9.9"), ASPath: []uint32{1, 2}, Communities: []Community{10, 20}}}
	apply(t, tab, AddRoute{route}, SetPrefixList{"twenty", []PrefixRule{{Permit: true, Prefix: pfx("20.0.0.0/8")}}},
		permitAll("m"), SetImportMap{VRF: "b", RouteMap: "m", MaxRoutes: 100})
	communities := func(c ...Community) []Community { return c }
	for _, c := range []struct {
		name    string
		entries []RouteMapEntry
		want    string // communities and local preference; "": denied
	}{
		{"empty match", []RouteMapEntry{{Permit: true}}, "[0:10 0:20] 0"},
		{"first match decides", []RouteMapEntry{{Match: Match{Tag: 7}}, {Permit: true}}, ""},
		{"no match denies", []RouteMapEntry{{Permit: true, Match: Match{Tag: 8}}}, ""},
		{"conjunction", []RouteMapEntry{{Permit: true, Match: Match{PrefixList: "twenty", ASPath: "_2$", Tag: 7,
			Communities: communities(20), NextHop: pfx("9.0.0.0/8")}}}, "[0:10 0:20] 0"},
		{"conjunction, one part fails", []RouteMapEntry{{Permit: true, Match: Match{PrefixList: "twenty", ASPath: "_1$", Tag: 7}}}, ""},
		{"one of the communities", []RouteMapEntry{{Permit: true, Match: Match{Communities: communities(1, 20)}}}, "[0:10 0:20] 0"},
		{"none of the communities", []RouteMapEntry{{Permit: true, Match: Match{Communities: communities(1, 2)}}}, ""},
		{"the BGP next hop, not the gateway", []RouteMapEntry{{Permit: true, Match: Match{NextHop: pfx("192.0.2.0/24")}}}, ""},
		{"replace", []RouteMapEntry{{Permit: true, Set: Set{Communities: communities(5)}}}, "[0:5] 0"},
		{"additive", []RouteMapEntry{{Permit: true, Set: Set{Communities: communities(20, 5), Additive: true}}}, "[0:10 0:20 0:5] 0"},
		{"local preference", []RouteMapEntry{{Permit: true, Set: Set{LocalPref: 50}}}, "[0:10 0:20] 50"},
	} {
		apply(t, tab, SetRouteMap{"m", c.entries})
		r, ok := tab.LookupRIB("b", ip("20.1.1.1"))
		got := ""
		if ok {
			got = fmt.Sprint(r.Attrs.Communities, r.Attrs.LocalPref)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	// Without a BGP next hop the gateway is matched; set gives attributes to a route that had none.
	apply(t, tab, static("", "20.0.0.0/8", via("192.0.2.2")), SetRouteMap{"m", []RouteMapEntry{{Permit: true,
		Match: Match{NextHop: pfx("192.0.2.0/24")}, Set: Set{Communities: communities(3)}}}})
	if r, ok := tab.LookupRIB("b", ip("20.1.1.1")); !ok || r.Source != Static || len(r.Attrs.Communities) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestCovers(t *testing.T) {
	m := &routeMap{entries: []mapEntry{
		{permit: true, list: &prefixList{prefixRules: indexRules([]prefixRule{
			PrefixRule{true, pfx("20.1.0.0/16"), 0, 24}.compile(), PrefixRule{false, pfx("30.0.0.0/8"), 0, 0}.compile(),
			PrefixRule{true, pfx("20.0.0.0/8"), 0, 0}.compile(), PrefixRule{true, pfx("10.0.0.0/8"), 0, 0}.compile()})}},
		{permit: false},
	}}
	want := []netip.Prefix{pfx("10.0.0.0/8"), pfx("20.0.0.0/8")}
	if got := m.covers(); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%v", got)
	}
	m.entries[1].permit = true
	if got := m.covers(); len(got) != 1 || got[0].Bits() != 0 {
		t.Errorf("a permit without prefix list: %v", got)
	}
}
