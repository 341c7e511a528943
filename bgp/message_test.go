package bgp

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

func withHeader(kind uint8, body ...byte) []byte {
	return append(appendHeader(nil, kind, len(body)), body...)
}

func TestReadMessage(t *testing.T) {
	bad := withHeader(wire.BGP_MSG_KEEPALIVE)
	bad[3] = 0
	long := appendHeader(nil, wire.BGP_MSG_UPDATE, maxLen-headerLen+1)
	for _, test := range []struct {
		name          string
		message       []byte
		code, subcode uint8
		data          []byte
	}{
		{"marker", bad, 1, 1, nil},
		{"type 0", withHeader(0), 1, 3, []byte{0}},
		{"type 6", withHeader(6), 1, 3, []byte{6}},
		{"OPEN too short", withHeader(wire.BGP_MSG_OPEN, make([]byte, 9)...), 1, 2, []byte{0, 28}},
		{"UPDATE too short", withHeader(wire.BGP_MSG_UPDATE, 0, 0, 0), 1, 2, []byte{0, 22}},
		{"UPDATE too long", long, 1, 2, []byte{0x10, 1}},
		{"KEEPALIVE with a body", withHeader(wire.BGP_MSG_KEEPALIVE, 0), 1, 2, []byte{0, 20}},
		{"NOTIFICATION too short", withHeader(wire.BGP_MSG_NOTIFICATION, 6), 1, 2, []byte{0, 20}},
		{"ROUTE-REFRESH too short", withHeader(wire.BGP_MSG_ROUTE_REFRESH, 0, 1, 0), 1, 2, []byte{0, 22}},
	} {
		_, _, err := readMessage(bytes.NewReader(test.message), make([]byte, maxLen))
		f := (*fault)(nil)
		if !errors.As(err, &f) || f.code != test.code || f.subcode != test.subcode || !slices.Equal(f.data, test.data) {
			t.Errorf("%s: %+v", test.name, err)
		}
	}
	buf := make([]byte, maxLen)
	kind, body, err := readMessage(bytes.NewReader(withHeader(wire.BGP_MSG_UPDATE, 0, 0, 0, 0)), buf)
	if err != nil || kind != wire.BGP_MSG_UPDATE || len(body) != 4 {
		t.Errorf("an UPDATE: %d, % x, %v", kind, body, err)
	}
	if _, _, err := readMessage(bytes.NewReader(withHeader(wire.BGP_MSG_UPDATE, 0, 0, 0, 0)[:20]), buf); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a message cut: %v", err)
	}
}

// openBody makes an OPEN's body with capabilities.
func openBody(version byte, as uint16, hold uint16, id netip.Addr, caps ...byte) []byte {
	b := append([]byte{version, byte(as >> 8), byte(as), byte(hold >> 8), byte(hold)}, id.AsSlice()...)
	if len(caps) == 0 {
		return append(b, 0)
	}
	return append(append(b, byte(2+len(caps)), 2, byte(len(caps))), caps...)
}

func TestParseOpen(t *testing.T) {
	c, n := &Config{AS: 64500, RouterID: own}, &Neighbor{Addr: other, AS: 64501}
	internal, four := &Neighbor{Addr: other, AS: 64500}, &Neighbor{Addr: other, AS: 70000}
	mp, as4 := []byte{1, 4, 0, 1, 0, 1}, []byte{65, 4, 0, 1, 0x11, 0x70}
	for _, test := range []struct {
		name          string
		n             *Neighbor
		body          []byte
		code, subcode uint8 // 0: it is taken
	}{
		{"plain", n, openBody(4, 64501, 90, other), 0, 0},
		{"hold 0", n, openBody(4, 64501, 0, other), 0, 0},
		{"4-octet AS", four, openBody(4, as2, 90, other, slices.Concat(mp, as4)...), 0, 0},
		{"identifier as ours, external", n, openBody(4, 64501, 90, own), 0, 0},
		{"version", n, openBody(3, 64501, 90, other), 2, 1},
		{"AS", n, openBody(4, 64502, 90, other), 2, 2},
		{"4-octet AS", n, openBody(4, 64501, 90, other, as4...), 2, 2},
		{"AS_TRANS without the capability", four, openBody(4, as2, 90, other), 2, 2},
		{"identifier 0", n, openBody(4, 64501, 90, netip.IPv4Unspecified()), 2, 3},
		{"identifier as ours, internal", internal, openBody(4, 64500, 90, own), 2, 3},
		{"authentication", n, append(openBody(4, 64501, 90, other)[:9], 3, 1, 1, 0), 2, 4},
		{"hold 1", n, openBody(4, 64501, 1, other), 2, 6},
		{"hold 2", n, openBody(4, 64501, 2, other), 2, 6},
		{"IPv6 only", n, openBody(4, 64501, 90, other, 1, 4, 0, 2, 0, 1), 2, 7},
		{"parameters cut", n, append(openBody(4, 64501, 90, other)[:9], 9, 2, 9), 1, 2},
	} {
		o, err := parseOpen(test.body, c, test.n)
		f := (*fault)(nil)
		if test.code == 0 {
			if err != nil || o.as != test.n.AS || !o.ipv4 || o.fourAS != (test.n == four) {
				t.Errorf("%s: %+v, %v", test.name, o, err)
			}
		} else if !errors.As(err, &f) || f.code != test.code || f.subcode != test.subcode {
			t.Errorf("%s: %+v, want %d/%d", test.name, err, test.code, test.subcode)
		}
	}
}

// TestOpen: the OPEN that is sent says what the configuration says, to the codec and to parseOpen.
func TestOpen(t *testing.T) {
	c := &Config{AS: 70000, RouterID: own}
	m, err := openMessage(c, &Neighbor{Hold: 30 * time.Second, GracefulRestart: 120 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	o, err := parseOpen(m[headerLen:], &Config{AS: 64501, RouterID: other}, &Neighbor{AS: 70000})
	if err != nil || o.as != 70000 || o.id != own || o.hold != 30*time.Second || !o.fourAS || !o.refresh || o.forwarding() {
		t.Errorf("%+v, %v", o, err)
	}
	if d, ok := o.keeps(); ok || o.restart == nil || o.restart.Time != 120 {
		t.Errorf("graceful restart %+v; routes of this router are kept for %v", o.restart, d)
	}
	if as := uint16(m[headerLen+1])<<8 | uint16(m[headerLen+2]); as != as2 {
		t.Errorf("2-octet AS %d, want %d", as, as2)
	}
}

func TestNotificationText(t *testing.T) {
	for want, n := range map[string]*notified{
		"hold timer expired": {4, 0, nil},
		`: "back at 6"`:      {6, 2, append([]byte{9}, "back at 6"...)},
		`: "\x1b[2J"`:        {6, 4, append([]byte{4}, "\x1b[2J"...)},
		"reset":              {6, 4, []byte{200, 'x'}}, // the text is longer than the message
	} {
		if !strings.Contains(strings.ToLower(n.Error()), strings.ToLower(want)) {
			t.Errorf("%q: want %q in it", n.Error(), want)
		}
	}
}

// FuzzMessage: any bytes are messages or faults, and an OPEN among them is taken or refused.
func FuzzMessage(f *testing.F) {
	open, err := openMessage(&Config{AS: 64501, RouterID: other}, &Neighbor{GracefulRestart: time.Minute})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(open)
	f.Add(slices.Concat(keepalive(), refresh(), endOfRIB()))
	f.Add(notification(errCleared))
	f.Add(withHeader(wire.BGP_MSG_OPEN, openBody(4, as2, 3, other, 65, 4, 0, 1, 0, 0, 64, 6, 0x80, 120, 0, 1, 1, 0x80)...))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r, buf := bytes.NewReader(stream), make([]byte, maxLen)
		for {
			kind, body, err := readMessage(r, buf)
			if err != nil {
				fault := (*fault)(nil)
				if !errors.As(err, &fault) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatal(err)
				}
				return
			}
			if len(body) < minLen[kind]-headerLen || len(body) > maxLen-headerLen {
				t.Fatalf("type %d: %d bytes", kind, len(body))
			}
			switch kind {
			case wire.BGP_MSG_NOTIFICATION:
				if (&notified{body[0], body[1], body[2:]}).Error() == "" {
					t.Fatal("no text")
				}
			case wire.BGP_MSG_OPEN:
				o, err := parseOpen(body, &Config{AS: 64500, RouterID: own}, &Neighbor{AS: 64501})
				if err != nil {
					fault := (*fault)(nil)
					if !errors.As(err, &fault) || len(notification(fault)) > maxLen {
						t.Fatalf("%#v", err)
					}
				} else if o.as != 64501 || o.hold == time.Second || o.id.IsUnspecified() {
					t.Fatalf("%+v", o)
				}
			}
		}
	})
}
