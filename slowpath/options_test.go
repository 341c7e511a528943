package slowpath

import (
	"bytes"
	"testing"

	"github.com/google/gopacket/layers"

	"vrfwd/packet"
	"vrfwd/vrftable"
)

// optionsOf returns the options of the only IPv4 packet that left by a port.
func (b *bed) optionsOf(port int) []byte {
	b.Helper()
	p := b.one(port)
	return packet.IPv4(packetOf(p.Data())).Options()
}

// at is 00:00:10 UT, when the bed begins, in a timestamp.
var at = []byte{0, 0, 0x27, 0x10}

// TestOptions: what a router writes into a packet that it forwards.
func TestOptions(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		out  []byte
	}{
		{"record route, empty", []byte{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{7, 11, 8, 192, 0, 2, 1, 0, 0, 0, 0, 0}},
		{"record route, one left", []byte{7, 11, 8, 1, 2, 3, 4, 0, 0, 0, 0, 0}, []byte{7, 11, 12, 1, 2, 3, 4, 192, 0, 2, 1, 0}},
		{"record route, full", []byte{7, 7, 8, 1, 2, 3, 4, 0}, []byte{7, 7, 8, 1, 2, 3, 4, 0}},
		{"record route without room for any", []byte{7, 3, 4, 0}, []byte{7, 3, 4, 0}},
		{"timestamp", []byte{68, 8, 5, 0, 0, 0, 0, 0}, append([]byte{68, 8, 9, 0}, at...)},
		{"timestamp, full", []byte{68, 8, 9, 0x10, 1, 2, 3, 4}, []byte{68, 8, 9, 0x20, 1, 2, 3, 4}},
		{"timestamp with address", []byte{68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0}, append([]byte{68, 12, 13, 1, 192, 0, 2, 1}, at...)},
		{"timestamp asked of us", []byte{68, 12, 5, 3, 10, 0, 0, 1, 0, 0, 0, 0}, append([]byte{68, 12, 13, 3, 10, 0, 0, 1}, at...)},
		{"timestamp asked of another", []byte{68, 12, 5, 3, 10, 0, 0, 9, 0, 0, 0, 0}, []byte{68, 12, 5, 3, 10, 0, 0, 9, 0, 0, 0, 0}},
		{"timestamps asked, all done", []byte{68, 12, 13, 0xf3, 10, 0, 0, 9, 0, 0, 0, 0}, []byte{68, 12, 13, 0xf3, 10, 0, 0, 9, 0, 0, 0, 0}},
		{"timestamp of an unknown kind", []byte{68, 8, 5, 9, 0, 0, 0, 0}, []byte{68, 8, 5, 9, 0, 0, 0, 0}},
		{"router alert", []byte{148, 4, 0, 0}, []byte{148, 4, 0, 0}},
		{"both, among others", []byte{1, 7, 7, 4, 0, 0, 0, 0, 68, 8, 5, 0, 0, 0, 0, 0, 30, 4, 7, 7},
			append(append([]byte{1, 7, 7, 8, 192, 0, 2, 1, 68, 8, 9, 0}, at...), 30, 4, 7, 7)},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, Config{}, known()...)
			b.receive(1, withOptions(fromA(udp(header("10.1.0.2", "8.8.8.8", 17), 10)...), c.in))
			if got := b.optionsOf(0); !bytes.Equal(got, c.out) {
				t.Errorf("got %v, want %v", got, c.out)
			}
			b.outcome(Sent, 1)
		})
	}
}

// withOptions puts options into the header of a frame's packet.
func withOptions(f []byte, o []byte) []byte {
	l2, _ := packet.ParseVLAN(f)
	p := packet.IPv4(packetOf(f))
	out := append([]byte(nil), f[:len(l2)]...)
	out = append(out, p[:20]...)
	out = append(out, o...)
	for len(out[len(l2):])%4 != 0 {
		out = append(out, 0)
	}
	h := len(out) - len(l2)
	out = append(out, p[20:]...)
	v := packet.IPv4(out[len(l2):])
	v.SetHeaderLen(h)
	v.SetTotalLen(len(v))
	v.SetChecksum()
	return out
}

// TestBadOptions: parameter problems point to the octet that is wrong, source routes are dropped.
func TestBadOptions(t *testing.T) {
	for _, c := range []struct {
		name    string
		o       []byte
		pointer uint8 // in the IPv4 header
	}{
		{"record route, too short", []byte{7, 2, 0, 0}, 21},
		{"record route, pointer into the option's head", []byte{7, 7, 3, 0, 0, 0, 0, 0}, 22},
		{"record route, not enough room", []byte{7, 10, 8, 1, 2, 3, 4, 0, 0, 0, 0, 0}, 22},
		{"record route, twice", []byte{7, 7, 4, 0, 0, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0, 0}, 27},
		{"timestamp, too short", []byte{1, 68, 3, 5}, 22},
		{"timestamp, pointer into the option's head", []byte{68, 8, 4, 0, 0, 0, 0, 0}, 22},
		{"timestamp, not enough room", []byte{68, 7, 5, 0, 0, 0, 0, 0}, 22},
		{"timestamp with address, not enough room", []byte{68, 8, 5, 1, 0, 0, 0, 0}, 22},
		{"timestamp, overflow", []byte{68, 8, 9, 0xf0, 0, 0, 0, 0}, 23},
		{"timestamp, twice", []byte{68, 8, 5, 0, 0, 0, 0, 0, 68, 8, 5, 0, 0, 0, 0, 0}, 28},
		{"router alert, too short", []byte{148, 3, 0, 0}, 21},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, Config{}, known()...)
			b.receive(1, withOptions(fromA(udp(header("10.1.0.2", "8.8.8.8", 17), 10)...), c.o))
			_, m := wantICMP(t, b.one(1), "10.0.0.1", "10.1.0.2", 12, 0)
			if got := m.LayerContents()[4]; got != c.pointer {
				t.Errorf("points to %d, want %d", got, c.pointer)
			}
		})
	}
	for _, kind := range []byte{optionLooseRoute, optionStrictRoute} {
		for _, dst := range []string{"8.8.8.8", "10.0.0.1"} {
			b := newBed(t, Config{}, known()...)
			b.receive(1, withOptions(fromA(udp(header("10.1.0.2", dst, 17), 10)...), []byte{kind, 7, 4, 1, 2, 3, 4, 0}))
			b.none()
			b.outcome(SourceRouted, 1)
		}
	}
}

// TestEchoOptions: record route and timestamp go back with the reply, filled in once; nothing else does.
func TestEchoOptions(t *testing.T) {
	b := newBed(t, Config{}, known()...)
	request := fromA(ping(header("10.0.0.2", "10.0.0.1", 1), 56)...)
	b.receive(1, withOptions(request, []byte{7, 11, 8, 10, 0, 0, 2, 0, 0, 0, 0, 148, 4, 0, 0}))
	if got, want := b.optionsOf(1), []byte{7, 11, 12, 10, 0, 0, 2, 10, 0, 0, 1, 1, 1, 1, 1, 0}; !bytes.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	b.receive(1, withOptions(request, []byte{148, 4, 0, 0}))
	if got := b.optionsOf(1); len(got) != 0 {
		t.Errorf("router alert came back: %v", got)
	}
}

// TestOptionsAndGlean: options are written once, however long a packet has waited.
func TestOptionsAndGlean(t *testing.T) {
	b := newBed(t, Config{}, vrftable.AddNeighbor{Interface: "a-ce", Addr: ip("10.0.0.2"), MAC: macCEA})
	b.receive(1, withOptions(fromA(udp(header("10.1.0.2", "8.8.8.8", 17), 10)...), []byte{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}))
	b.one(0)
	b.receive(0, fromISP(arpOf(2, macISP, "192.0.2.2", macP0, "192.0.2.1")))
	p := b.one(0)
	if got, want := packet.IPv4(packetOf(p.Data())).Options(), []byte{7, 11, 8, 192, 0, 2, 1, 0, 0, 0, 0, 0}; !bytes.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if v := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4); v.TTL != 63 {
		t.Errorf("TTL %d, want 63", v.TTL)
	}
}
