package bgp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// raw makes an attribute of bytes.
func raw(flags byte, kind wire.BGPAttrType, value ...byte) []byte {
	return appendAttribute(nil, flags, kind, value)
}

// The well-formed attributes that tests change.
var (
	okOrigin  = raw(0x40, 1, 0)
	okPath    = raw(0x40, 2, 2, 2, 0, 0, 0xfb, 0xf5, 0, 0, 0xfd, 0xf2) // 64501 65010
	okNextHop = raw(0x40, 3, 10, 9, 0, 2)
	mandatory = slices.Concat(okOrigin, okPath, okNextHop)
)

// updateBody makes an UPDATE's body that announces 198.51.100.0/24 with attributes.
func updateBody(attrs []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0, 0}, uint16(len(attrs)))
	return append(append(b, attrs...), 24, 198, 51, 100)
}

// TestMalformed: RFC 7606 case by case. Each attribute stands after those that are mandatory, unless it is one of them.
func TestMalformed(t *testing.T) {
	const (
		taken     = ""
		withdrawn = "withdrawn"
		reset     = "reset"
	)
	for _, test := range []struct {
		name     string
		attrs    []byte
		want     string
		internal bool
	}{
		{"well-formed", mandatory, taken, false},
		{"no attributes", nil, withdrawn, false},
		{"no ORIGIN", slices.Concat(okPath, okNextHop), withdrawn, false},
		{"no AS_PATH", slices.Concat(okOrigin, okNextHop), withdrawn, false},
		{"no NEXT_HOP", slices.Concat(okOrigin, okPath), withdrawn, false},
		{"ORIGIN 3", slices.Concat(raw(0x40, 1, 3), okPath, okNextHop), withdrawn, false},
		{"ORIGIN of 2 bytes", slices.Concat(raw(0x40, 1, 0, 0), okPath, okNextHop), withdrawn, false},
		{"ORIGIN optional", slices.Concat(raw(0xc0, 1, 0), okPath, okNextHop), withdrawn, false},
		{"ORIGIN with extended length", slices.Concat([]byte{0x50, 1, 0, 1, 0}, okPath, okNextHop), taken, false},
		{"AS_PATH empty, internal", slices.Concat(okOrigin, raw(0x40, 2), okNextHop), taken, true},
		{"AS_PATH of 1 byte", slices.Concat(okOrigin, raw(0x40, 2, 2), okNextHop), withdrawn, false},
		{"AS_PATH overrun", slices.Concat(okOrigin, raw(0x40, 2, 2, 2, 0, 0, 0, 1), okNextHop), withdrawn, false},
		{"AS_PATH underrun", slices.Concat(okOrigin, raw(0x40, 2, 2, 1, 0, 0, 0, 1, 2), okNextHop), withdrawn, false},
		{"AS_PATH with an empty segment", slices.Concat(okOrigin, raw(0x40, 2, 2, 0), okNextHop), withdrawn, false},
		{"AS_PATH with segment type 9", slices.Concat(okOrigin, raw(0x40, 2, 9, 1, 0, 0, 0, 1), okNextHop), withdrawn, false},
		{"AS_PATH of a confederation", slices.Concat(okOrigin, raw(0x40, 2, 3, 1, 0, 0, 0, 1), okNextHop), withdrawn, true},
		{"AS_PATH with a set", slices.Concat(okOrigin, raw(0x40, 2, 1, 1, 0, 0, 0, 1), okNextHop), withdrawn, false},
		{"AS_PATH with AS 0", slices.Concat(okOrigin, raw(0x40, 2, 2, 1, 0, 0, 0, 0), okNextHop), withdrawn, false},
		{"NEXT_HOP of 3 bytes", slices.Concat(okOrigin, okPath, raw(0x40, 3, 10, 9, 0)), withdrawn, false},
		{"NEXT_HOP 0.0.0.0", slices.Concat(okOrigin, okPath, raw(0x40, 3, 0, 0, 0, 0)), withdrawn, false},
		{"NEXT_HOP of loopback", slices.Concat(okOrigin, okPath, raw(0x40, 3, 127, 0, 0, 1)), withdrawn, false},
		{"NEXT_HOP of multicast", slices.Concat(okOrigin, okPath, raw(0x40, 3, 224, 0, 0, 1)), withdrawn, false},
		{"NEXT_HOP of class E", slices.Concat(okOrigin, okPath, raw(0x40, 3, 240, 0, 0, 1)), withdrawn, false},
		{"MED of 3 bytes", slices.Concat(mandatory, raw(0x80, 4, 0, 0, 0)), withdrawn, false},
		{"MED transitive", slices.Concat(mandatory, raw(0xc0, 4, 0, 0, 0, 0)), withdrawn, false},
		{"LOCAL_PREF of 3 bytes, internal", slices.Concat(mandatory, raw(0x40, 5, 0, 0, 0)), withdrawn, true},
		{"LOCAL_PREF of 3 bytes, external", slices.Concat(mandatory, raw(0x40, 5, 0, 0, 0)), taken, false},
		{"ATOMIC_AGGREGATE of 1 byte", slices.Concat(mandatory, raw(0x40, 6, 0)), taken, false},
		{"ATOMIC_AGGREGATE optional", slices.Concat(mandatory, raw(0xc0, 6)), withdrawn, false},
		{"AGGREGATOR of 6 bytes", slices.Concat(mandatory, raw(0xc0, 7, 1, 1, 1, 1, 1, 1)), taken, false},
		{"AGGREGATOR with AS 0", slices.Concat(mandatory, raw(0xc0, 7, 0, 0, 0, 0, 1, 1, 1, 1)), taken, false},
		{"COMMUNITIES of 5 bytes", slices.Concat(mandatory, raw(0xc0, 8, 1, 2, 3, 4, 5)), withdrawn, false},
		{"COMMUNITIES empty", slices.Concat(mandatory, raw(0xc0, 8)), withdrawn, false},
		{"ORIGINATOR_ID of 3 bytes, internal", slices.Concat(mandatory, raw(0x80, 9, 1, 2, 3)), withdrawn, true},
		{"ORIGINATOR_ID of 3 bytes, external", slices.Concat(mandatory, raw(0x80, 9, 1, 2, 3)), taken, false},
		{"CLUSTER_LIST of 3 bytes, internal", slices.Concat(mandatory, raw(0x80, 10, 1, 2, 3)), withdrawn, true},
		{"CLUSTER_LIST of 3 bytes, external", slices.Concat(mandatory, raw(0x80, 10, 1, 2, 3)), taken, false},
		{"extended communities of 7 bytes", slices.Concat(mandatory, raw(0xc0, 16, 1, 2, 3, 4, 5, 6, 7)), withdrawn, false},
		{"AS4_PATH malformed", slices.Concat(mandatory, raw(0xc0, 17, 2)), taken, false},
		{"large communities of 8 bytes", slices.Concat(mandatory, raw(0xc0, 32, 1, 2, 3, 4, 5, 6, 7, 8)), withdrawn, false},
		{"a second ORIGIN", slices.Concat(mandatory, raw(0x40, 1, 9)), taken, false},
		{"a second MP_REACH_NLRI", slices.Concat(mandatory, raw(0x80, 14, 0, 2, 1, 0, 0), raw(0x80, 14, 0, 2, 1, 0, 0)), reset, false},
		{"a second MP_UNREACH_NLRI", slices.Concat(mandatory, raw(0x80, 15, 0, 2, 1), raw(0x80, 15, 0, 2, 1)), reset, false},
		{"MP_REACH_NLRI of IPv6", slices.Concat(mandatory, raw(0x80, 14, 0, 2, 1, 0, 0)), taken, false},
		{"MP_REACH_NLRI of 4 bytes", slices.Concat(mandatory, raw(0x80, 14, 0, 1, 1, 0)), reset, false},
		{"MP_REACH_NLRI with a long next hop", slices.Concat(mandatory, raw(0x80, 14, 0, 1, 1, 9, 0)), reset, false},
		{"MP_REACH_NLRI with a next hop of IPv6", slices.Concat(mandatory, raw(0x80, 14, append([]byte{0, 1, 1, 16}, make([]byte, 17)...)...)), reset, false},
		{"MP_REACH_NLRI with a bad prefix", slices.Concat(mandatory, raw(0x80, 14, 0, 1, 1, 4, 10, 9, 0, 2, 0, 33)), reset, false},
		{"MP_UNREACH_NLRI of 2 bytes", slices.Concat(mandatory, raw(0x80, 15, 0, 1)), reset, false},
		{"unknown, well-known", slices.Concat(mandatory, raw(0x40, 99, 1)), reset, false},
		{"unknown, optional", slices.Concat(mandatory, raw(0x80, 99, 1)), taken, false},
		{"unknown, transitive", slices.Concat(mandatory, raw(0xc0, 99, 1)), taken, false},
		{"the codec's, garbage", slices.Concat(mandatory, raw(0xc0, 23, 1, 2, 3), raw(0xc0, 40, 9, 9, 9), raw(0xc0, 22, 1)), taken, false},
		{"longer than the field", slices.Concat(mandatory, []byte{0xc0, 99, 9, 1}), withdrawn, false},
		{"longer than the field, extended", slices.Concat(mandatory, []byte{0xd0, 99, 255, 255}), withdrawn, false},
		{"cut after the type", slices.Concat(mandatory, []byte{0xd0, 99}), withdrawn, false},
		{"cut in the length", slices.Concat(mandatory, []byte{0xd0, 99, 0}), withdrawn, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := testDecoder(true, test.internal)
			u, err := d.decode(updateBody(test.attrs))
			got := taken
			switch {
			case err != nil:
				f := (*fault)(nil)
				if !errors.As(err, &f) || f.code != wire.BGP_ERROR_UPDATE_MESSAGE_ERROR {
					t.Errorf("fault %+v", err)
				}
				got = reset
			case u.malformed != "":
				got = withdrawn
			}
			if got != test.want {
				t.Errorf("%s, want %s (%v, %+v)", got, test.want, err, u)
			}
			if err == nil && len(u.announced) != 1 {
				t.Errorf("announced %v", u.announced)
			}
		})
	}
}

// TestMalformedMessage: what makes the message unreadable ends the session.
func TestMalformedMessage(t *testing.T) {
	for name, body := range map[string][]byte{
		"withdrawn routes longer than the message": {0, 9, 0, 0},
		"attributes longer than the message":       {0, 0, 0, 9},
		"no length of attributes":                  {0, 0, 0},
		"a withdrawn prefix of 33 bits":            {0, 6, 33, 1, 2, 3, 4, 5, 0, 0},
		"a withdrawn prefix cut":                   {0, 2, 24, 1, 0, 0},
		"a prefix cut":                             updateBody(mandatory)[:4+len(mandatory)+3],
	} {
		if u, err := testDecoder(true, false).decode(body); err == nil {
			t.Errorf("%s: %+v", name, u)
		}
	}
}

func TestEndOfRIB(t *testing.T) {
	for name, test := range map[string]struct {
		body []byte
		want bool
	}{
		"empty":                   {[]byte{0, 0, 0, 0}, true},
		"MP_UNREACH_NLRI, empty":  {slices.Concat([]byte{0, 0, 0, 6}, raw(0x80, 15, 0, 1, 1)), true},
		"MP_UNREACH_NLRI of IPv6": {slices.Concat([]byte{0, 0, 0, 6}, raw(0x80, 15, 0, 2, 1)), false},
		"a withdrawal":            {[]byte{0, 1, 0, 0, 0}, false},
		"a route":                 {updateBody(mandatory), false},
	} {
		u, err := testDecoder(true, false).decode(test.body)
		if err != nil || u.endOfRIB != test.want {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
	}
}

func TestMultiprotocolIPv4(t *testing.T) {
	attrs := slices.Concat(okOrigin, okPath, raw(0x80, 14, 0, 1, 1, 4, 10, 9, 0, 7, 0, 8, 20), raw(0x80, 15, 0, 1, 1, 8, 21))
	body := binary.BigEndian.AppendUint16([]byte{0, 0}, uint16(len(attrs)))
	u, err := testDecoder(true, false).decode(append(body, attrs...))
	if err != nil || u.malformed != "" || !slices.Equal(u.announced, []netip.Prefix{netip.MustParsePrefix("20.0.0.0/8")}) ||
		!slices.Equal(u.withdrawn, []netip.Prefix{netip.MustParsePrefix("21.0.0.0/8")}) || u.attrs.NextHop.String() != "10.9.0.7" {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestRefused(t *testing.T) {
	path := func(as ...uint32) []byte { return raw(0x40, 2, appendPath(nil, as, 4)...) }
	for _, test := range []struct {
		name     string
		attrs    []byte
		internal bool
		allow    int
		want     string
	}{
		{"a loop", slices.Concat(okOrigin, path(64501, 64500), okNextHop), false, 0, "AS 64500 is in the path"},
		{"a loop, internal", slices.Concat(okOrigin, path(64501, 64500), okNextHop), true, 0, "AS 64500 is in the path"},
		{"a loop that is allowed", slices.Concat(okOrigin, path(64501, 64500), okNextHop), false, 1, ""},
		{"one more than allowed", slices.Concat(okOrigin, path(64500, 64501, 64500), okNextHop), false, 1, "AS 64500 is in the path"},
		{"own next hop", slices.Concat(okOrigin, okPath, raw(0x40, 3, 10, 9, 0, 1)), false, 0, "NEXT_HOP is this router's"},
		{"own ORIGINATOR_ID", slices.Concat(mandatory, raw(0x80, 9, 10, 9, 0, 1)), true, 0, "ORIGINATOR_ID is this router's"},
		{"own ORIGINATOR_ID, external", slices.Concat(mandatory, raw(0x80, 9, 10, 9, 0, 1)), false, 0, ""},
	} {
		d := testDecoder(true, test.internal)
		d.allowOwn = test.allow
		u, err := d.decode(updateBody(test.attrs))
		if err != nil || u.malformed != "" || u.refused != test.want {
			t.Errorf("%s: %v, malformed %q, refused %q, want %q", test.name, err, u.malformed, u.refused, test.want)
		}
	}
}

// TestFourOctetAS: what a neighbour that knows 2-octet numbers only says of others (RFC 6793 4.2.3).
func TestFourOctetAS(t *testing.T) {
	path2 := func(as ...uint32) []byte { return raw(0x40, 2, appendPath(nil, as, 2)...) }
	path4 := func(as ...uint32) []byte { return raw(0xc0, 17, appendPath(nil, as, 4)...) }
	for _, test := range []struct {
		name  string
		attrs []byte
		path  []uint32
		by    uint32 // AGGREGATOR's AS; 0: there is none
	}{
		{"none", path2(1, 2), []uint32{1, 2}, 0},
		{"of the same length", slices.Concat(path2(70000, 80000), path4(70000, 80000)), []uint32{70000, 80000}, 0},
		{"shorter", slices.Concat(path2(1, 70000), path4(70000)), []uint32{1, 70000}, 0},
		{"longer", slices.Concat(path2(1), path4(70000, 2)), []uint32{1}, 0},
		{"with a confederation", slices.Concat(path2(1, 2), raw(0xc0, 17, 3, 1, 0, 1, 0, 0)), []uint32{1, 2}, 0},
		{"aggregated by a new one", slices.Concat(path2(1, 70000), path4(70000), raw(0xc0, 7, 0x5b, 0xa0, 1, 1, 1, 1),
			raw(0xc0, 18, 0, 1, 0x11, 0x70, 1, 1, 1, 1)), []uint32{1, 70000}, 70000},
		{"aggregated by an old one since", slices.Concat(path2(1, 70000), path4(70000), raw(0xc0, 7, 0, 9, 1, 1, 1, 1),
			raw(0xc0, 18, 0, 1, 0x11, 0x70, 1, 1, 1, 1)), []uint32{1, as2}, 9},
	} {
		u, err := testDecoder(false, false).decode(updateBody(slices.Concat(okOrigin, test.attrs, okNextHop)))
		if err != nil || u.malformed != "" || !slices.Equal(u.attrs.ASPath, test.path) {
			t.Errorf("%s: %v %+v", test.name, err, u)
			continue
		}
		by := uint32(0)
		if a, _, ok := cutAttribute([]byte(u.attrs.Other)); ok {
			by = binary.BigEndian.Uint32(a.value)
		}
		if by != test.by {
			t.Errorf("%s: aggregated by %d, want %d", test.name, by, test.by)
		}
	}
	u, err := testDecoder(false, false).decode(updateBody(slices.Concat(okOrigin, path2(1), raw(0xc0, 17, 1, 1, 0, 1, 0, 0), okNextHop)))
	if err != nil || u.malformed == "" {
		t.Errorf("a set in AS4_PATH: %+v, %v", u, err)
	}
}

func TestLocalPrefZero(t *testing.T) {
	u, err := testDecoder(true, true).decode(updateBody(slices.Concat(mandatory, raw(0x40, 5, 0, 0, 0, 0))))
	if err != nil || u.attrs.LocalPref != 1 {
		t.Errorf("%+v, %v", u.attrs, err)
	}
}

// TestDecoderCache: it is bounded by bytes, and what it holds is what parsing gives.
func TestDecoderCache(t *testing.T) {
	d := testDecoder(true, false)
	for i := range 3000 {
		attrs := slices.Concat(mandatory, raw(0xc0, 99, append(make([]byte, 1000), byte(i>>8), byte(i))...))
		u, err := d.decode(updateBody(attrs))
		if err != nil || !strings.HasSuffix(u.attrs.Other, string([]byte{byte(i >> 8), byte(i)})) {
			t.Fatalf("%d: %v", i, err)
		}
		size := 0
		for key := range d.cache {
			size += len(key)
		}
		if size > maxCached || size != d.cached {
			t.Fatalf("%d bytes are cached, %d counted, of %d", size, d.cached, maxCached)
		}
	}
}

func TestMartian(t *testing.T) {
	for prefix, want := range map[string]bool{
		"0.0.0.0/0": false, "0.0.0.0/1": false, "128.0.0.0/1": false, "0.0.0.0/8": true, "0.1.0.0/16": true, "10.0.0.0/8": false, "127.0.0.0/8": true, "127.0.0.1/32": true,
		"126.0.0.0/7": false, "223.255.255.0/24": false, "224.0.0.0/4": true, "239.1.1.1/32": true, "240.0.0.0/4": true, "255.255.255.255/32": true,
	} {
		if martian(netip.MustParsePrefix(prefix)) != want {
			t.Errorf("%s: want %v", prefix, want)
		}
	}
}

// FuzzUpdate: any body is decoded or refused by a fault that can be told, and what is decoded can be told on and read again.
func FuzzUpdate(f *testing.F) {
	f.Add(updateBody(mandatory), true, false)
	f.Add(updateBody(slices.Concat(mandatory, raw(0x80, 4, 0, 0, 0, 1), raw(0x40, 5, 0, 0, 0, 1), raw(0xc0, 8, 1, 2, 3, 4))), true, true)
	f.Add(updateBody(slices.Concat(okOrigin, raw(0x40, 2, 2, 2, 0, 1, 0x5b, 0xa0), okNextHop, raw(0xc0, 17, 2, 1, 0, 1, 0, 0),
		raw(0xc0, 7, 0x5b, 0xa0, 1, 1, 1, 1), raw(0xc0, 18, 0, 1, 0, 0, 1, 1, 1, 1))), false, false)
	f.Add(slices.Concat([]byte{0, 0, 0, 17}, raw(0x80, 14, 0, 1, 1, 4, 10, 9, 0, 7, 0, 8, 20), raw(0x80, 15)), true, false)
	f.Add([]byte{0, 4, 24, 198, 51, 100, 0, 0}, true, false)
	f.Add(updateBody(slices.Concat(mandatory, raw(0xc0, 99, bytes.Repeat([]byte{7}, 300)...))), false, true)
	f.Fuzz(func(t *testing.T, body []byte, fourAS, internal bool) {
		if len(body) > maxLen-headerLen {
			return
		}
		d := testDecoder(fourAS, internal)
		u, err := d.decode(body)
		if err != nil {
			fault := (*fault)(nil)
			if !errors.As(err, &fault) || len(notification(fault)) > maxLen {
				t.Fatalf("%#v", err)
			}
			return
		}
		for _, p := range slices.Concat(u.withdrawn, u.announced) {
			if !p.IsValid() || !p.Addr().Is4() || p != p.Masked() {
				t.Fatalf("prefix %v", p)
			}
		}
		if u.malformed != "" || len(u.announced) == 0 {
			return
		}
		first := *u.attrs
		rules := &rules{c: &Config{AS: 64500}, n: &Neighbor{Addr: own}, internal: internal, fourAS: fourAS, self: own}
		code := rules.encode(&first, &ruleKey{nextHop: first.NextHop})
		if code == "" { // with the own AS before it, there is no room
			return
		}
		d.self = netip.Addr{}
		b, err := d.block([]byte(code), true)
		if err != nil || b.malformed != "" {
			t.Fatalf("% x: %v, malformed %q", code, err, b.malformed)
		}
		again := b.attrs
		want := first
		if internal {
			want.LocalPref = max(1, want.LocalPref)
			if first.LocalPref == 0 {
				want.LocalPref = vrftable.DefaultLocalPref
			}
		} else {
			want.ASPath = slices.Concat([]uint32{64500}, want.ASPath)
		}
		if !internal && first.NextHop != again.NextHop || !sameAttributes(again, &want) {
			t.Fatalf("% x:\n%+v, want\n%+v", code, *again, want)
		}
	})
}
