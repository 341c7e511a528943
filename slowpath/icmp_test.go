package slowpath

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vrfwd/packet"
	"vrfwd/vrftable"
)

// TestEcho: every own address answers in the context of whoever asks, overlapping customers included, and through fallback
// and imports too.
func TestEcho(t *testing.T) {
	type changes = []vrftable.Change
	for _, c := range []struct {
		name      string
		frame     []byte
		in        int
		dst, back string
		to        vrftable.MAC
		from      vrftable.MAC
		vlan      uint16
		changes   changes
	}{
		{"primary of a", fromA(ping(header("10.0.0.2", "10.0.0.1", 1), 56)...), 1, "10.0.0.1", "10.0.0.2", macCEA, macP1, 10, nil},
		{"primary of b", fromB(ping(header("10.0.0.2", "10.0.0.1", 1), 56)...), 1, "10.0.0.1", "10.0.0.2", macCEB, macP1, 20, nil},
		{"behind the CE", fromA(ping(header("10.1.0.2", "10.0.0.1", 1), 0)...), 1, "10.0.0.1", "10.1.0.2", macCEA, macP1, 10, nil},
		{"loopback of a", fromA(ping(header("10.0.0.2", "10.255.0.1", 1), 1400)...), 1, "10.255.0.1", "10.0.0.2", macCEA, macP1, 10, nil},
		{"parent", fromISP(ping(header("8.8.8.8", "192.0.2.1", 1), 57)...), 0, "192.0.2.1", "8.8.8.8", macISP, macP0, 0, nil},
		{"parent's loopback by fallback", fromA(ping(header("10.0.0.2", "198.18.0.1", 1), 56)...), 1, "198.18.0.1", "10.0.0.2", macCEA, macP1, 10, nil},
		{"parent's uplink by fallback", fromA(ping(header("10.1.0.2", "192.0.2.1", 1), 56)...), 1, "192.0.2.1", "10.1.0.2", macCEA, macP1, 10, nil},
		{"parent's loopback by import", fromB(ping(header("10.0.0.2", "198.18.0.1", 1), 56)...), 1, "198.18.0.1", "10.0.0.2", macCEB, macP1, 20, changes{
			vrftable.SetPrefixList{Name: "lo", Rules: []vrftable.PrefixRule{{Permit: true, Prefix: prefixes("198.18.0.1/32")[0]}}},
			vrftable.SetRouteMap{Name: "lo", Entries: []vrftable.RouteMapEntry{{Permit: true, Match: vrftable.Match{PrefixList: "lo"}}}},
			vrftable.SetImportMap{VRF: "b", RouteMap: "lo", MaxRoutes: 1}}},
		{"with a TTL of 1", fromA(ping(header("10.0.0.2", "10.0.0.1", 1, ttl(1)), 56)...), 1, "10.0.0.1", "10.0.0.2", macCEA, macP1, 10, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, Config{}, append(known(), c.changes...)...)
			request := decode(t, c.frame)
			b.receive(c.in, c.frame)
			p := b.one(c.in)
			wantL2(t, p, c.to, c.from, c.vlan)
			v, m := wantICMP(t, p, c.dst, c.back, 0, 0)
			asked := request.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
			if v.TTL != 64 || m.Id != 77 || m.Seq != 5 || !bytes.Equal(m.LayerPayload(), asked.LayerPayload()) {
				t.Errorf("reply %+v %+v to %+v", v, m, asked)
			}
			b.outcome(Answered, 1)
			b.outcome(Sent, 1)
		})
	}
}

// TestNoEcho: what is not answered.
func TestNoEcho(t *testing.T) {
	b := newBed(t, Config{Limits: map[Message]Limit{EchoReply: {Rate: 1, Burst: 2}}}, known()...)
	b.receive(1, fromB(ping(header("10.0.0.2", "198.18.0.1", 1), 56)...)) // b does not fall back: no route
	wantICMP(t, b.one(1), "10.0.0.1", "10.0.0.2", 3, 0)
	b.receive(1, fromA(ping(header("10.0.0.1", "10.0.0.1", 1), 56)...)) // from an own address
	b.receive(1, fromA(ping(header("198.18.0.1", "10.0.0.1", 1), 56)...))
	b.outcome(Martian, 2)
	bad := fromA(ping(header("10.0.0.2", "10.0.0.1", 1), 56)...)
	bad[len(bad)-1] ^= 1
	b.receive(1, bad)
	b.outcome(Malformed, 1)
	b.receive(1, fromA(ping(header("10.0.0.255", "10.0.0.1", 1), 56)...)) // the answer would be a broadcast
	b.outcome(Broadcast, 1)
	b.receive(1, fromA(header("10.0.0.2", "10.0.0.1", 1), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(13, 0)}, gopacket.Payload(make([]byte, 12))))
	b.outcome(NoHost, 1)
	b.receive(1, fromB(ping(header("9.9.9.9", "10.0.0.1", 1), 56)...)) // no way back
	b.outcome(Undeliverable, 1)
	b.none()
	b.receive(1, fromA(ping(header("10.0.0.2", "10.0.0.1", 1), 56)...))
	b.one(1)
	b.receive(1, fromA(ping(header("10.0.0.2", "10.0.0.1", 1), 56)...))
	b.none()
	b.outcome(Limited, 1)
	b.pass(time.Second)
	b.receive(1, fromA(ping(header("10.0.0.2", "10.0.0.1", 1), 56)...))
	b.one(1)
}

// TestErrors: each error, with its source, its way back and what it quotes.
func TestErrors(t *testing.T) {
	df := func(h *layers.IPv4) { h.Flags = layers.IPv4DontFragment }
	tos := func(n uint8) func(*layers.IPv4) { return func(h *layers.IPv4) { h.TOS = n } }
	for _, c := range []struct {
		name       string
		in         int
		frame      []byte
		src, dst   string
		kind, code uint8
		rest       uint32
	}{
		{"no route in b", 1, fromB(udp(header("10.0.0.2", "8.8.8.8", 17), 10)...), "10.0.0.1", "10.0.0.2", 3, 0, 0},
		{"no route in a and the parent", 1, fromA(udp(header("10.1.0.2", "5.8.8.8", 17), 10)...), "10.0.0.1", "10.1.0.2", 3, 0, 0},
		{"reject", 1, fromA(udp(header("10.1.0.2", "7.8.8.8", 17), 10)...), "10.0.0.1", "10.1.0.2", 3, 1, 0},
		{"TTL 1", 1, fromA(udp(header("10.1.0.2", "8.8.8.8", 17, ttl(1), tos(0x28)), 3000)[:]...), "10.0.0.1", "10.1.0.2", 11, 0, 0},
		{"TTL 0", 0, fromISP(udp(header("8.8.8.8", "8.9.9.9", 17, ttl(0)), 10)...), "192.0.2.1", "8.8.8.8", 11, 0, 0},
		{"TTL 1 to an unknown neighbour", 1, fromA(udp(header("10.0.0.2", "10.0.0.77", 17, ttl(1)), 10)...), "10.0.0.1", "10.0.0.2", 11, 0, 0},
		{"too large", 1, fromA(udp(header("10.1.0.2", "8.8.8.8", 17, df), 1400)...), "10.0.0.1", "10.1.0.2", 3, 4, 1280},
		{"UDP to an own address", 1, fromA(udp(header("10.1.0.2", "10.0.0.1", 17), 10)...), "10.0.0.1", "10.1.0.2", 3, 3, 0},
		{"UDP to the parent", 1, fromA(udp(header("10.1.0.2", "198.18.0.1", 17), 10)...), "198.18.0.1", "10.1.0.2", 3, 3, 0},
		{"TCP to an own address", 0, fromISP(tcp(header("8.8.8.8", "192.0.2.1", 6))...), "192.0.2.1", "8.8.8.8", 3, 3, 0},
		{"OSPF to an own address", 0, fromISP(header("8.8.8.8", "198.18.0.1", 89), gopacket.Payload(make([]byte, 44))), "198.18.0.1", "8.8.8.8", 3, 2, 0},
		{"an ICMP question", 1, fromA(ping(header("10.1.0.2", "5.8.8.8", 1), 56)...), "10.0.0.1", "10.1.0.2", 3, 0, 0},
		{"a first fragment", 1, fromA(udp(header("10.1.0.2", "5.8.8.8", 17, func(h *layers.IPv4) { h.Flags = layers.IPv4MoreFragments }), 16)...), "10.0.0.1", "10.1.0.2", 3, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, Config{}, append(known(), vrftable.SetMTU{Interface: "uplink", MTU: 1280})...)
			b.receive(c.in, c.frame)
			p := b.one(c.in)
			v, m := wantICMP(t, p, c.src, c.dst, c.kind, c.code)
			original := packetOf(c.frame)
			want := original[:min(len(original), 548)]
			if got := m.LayerPayload(); !bytes.Equal(got, want) {
				t.Errorf("quotes\n% x\nwant\n% x", got, want)
			}
			if v.Length > 576 || v.TTL != 64 || v.TOS != original[1]&0x1e|0xc0 || v.Flags&layers.IPv4DontFragment != 0 {
				t.Errorf("header %+v", v)
			}
			if rest := binary.BigEndian.Uint32(m.LayerContents()[4:]); rest != c.rest {
				t.Errorf("rest of header %#x, want %#x", rest, c.rest)
			}
			b.outcome(Answered, 1)
		})
	}
}

func tcp(h *layers.IPv4) []gopacket.SerializableLayer {
	s := &layers.TCP{SrcPort: 1000, DstPort: 179, SYN: true, Window: 1000}
	s.SetNetworkLayerForChecksum(h)
	return []gopacket.SerializableLayer{h, s}
}

// TestSuppressed: RFC 1812 4.3.2.7, RFC 1122 3.2.2.
func TestSuppressed(t *testing.T) {
	icmp := func(kind uint8) gopacket.SerializableLayer {
		return &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(kind, 0)}
	}
	quoted := gopacket.Payload(make([]byte, 28))
	to := func(protocol layers.IPProtocol, set ...func(*layers.IPv4)) *layers.IPv4 {
		return header("10.1.0.2", "5.8.8.8", protocol, set...)
	}
	for name, frame := range map[string][]byte{
		"ICMP unreachable":       fromA(to(1), icmp(3), quoted),
		"ICMP source quench":     fromA(to(1), icmp(4), quoted),
		"ICMP redirect":          fromA(to(1), icmp(5), quoted),
		"ICMP time exceeded":     fromA(to(1), icmp(11), quoted),
		"ICMP parameter problem": fromA(to(1), icmp(12), quoted),
		"ICMP unknown":           fromA(to(1), icmp(200), quoted),
		"ICMP extended echo":     fromA(to(1), icmp(42), quoted),
		"ICMP without a type":    fromA(to(1)),
		"a later fragment":       fromA(udp(to(17, func(h *layers.IPv4) { h.FragOffset = 10 }), 10)...),
		"from a broadcast":       fromA(udp(header("10.0.0.255", "5.8.8.8", 17), 10)...),
		"from the network":       fromA(udp(header("10.0.0.0", "5.8.8.8", 17), 10)...),
		"from an own address":    fromA(udp(header("10.255.0.1", "5.8.8.8", 17), 10)...),
		"from the parent's own":  fromA(udp(header("192.0.2.1", "5.8.8.8", 17), 10)...),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, Config{}, known()...)
			b.receive(1, frame)
			b.none()
			b.outcome(Suppressed, 1)
			if c := b.path.Counters(); c.Messages[NetUnreachable] != (MessageCount{Suppressed: 1}) {
				t.Errorf("%+v", c.Messages[NetUnreachable])
			}
		})
	}
	t.Run("a bad option to a network's broadcast address", func(t *testing.T) {
		b := newBed(t, Config{}, known()...)
		b.receive(1, fromA(udp(header("10.1.0.2", "10.0.0.255", 17, func(h *layers.IPv4) {
			h.Options = []layers.IPv4Option{{OptionType: 7, OptionLength: 7, OptionData: []byte{1, 0, 0, 0, 0}}}
		}), 10)...))
		b.none()
		b.outcome(Suppressed, 1)
	})
	for name, l := range map[string][]gopacket.SerializableLayer{
		"corrupt UDP to an own address": udp(header("8.8.8.8", "192.0.2.1", 17), 10),
		"corrupt TCP to an own address": tcp(header("8.8.8.8", "192.0.2.1", 6)),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, Config{}, known()...)
			f := fromISP(l...)
			f[packet.EthernetLen+packet.IPv4HeaderLen] ^= 1 // a port
			b.receive(0, f)
			b.none()
			b.outcome(Malformed, 1)
		})
	}
	t.Run("a TCP reset to an own address", func(t *testing.T) {
		b := newBed(t, Config{}, known()...)
		h := header("8.8.8.8", "192.0.2.1", 6)
		reset := &layers.TCP{SrcPort: 1000, DstPort: 179, RST: true}
		_ = reset.SetNetworkLayerForChecksum(h)
		b.receive(0, fromISP(h, reset))
		b.none()
		b.outcome(NoHost, 1)
	})
	// A worker drops what comes in a link broadcast; if one did not, it would not be answered either.
	b := newBed(t, Config{}, known()...)
	broadcast := frame(everyone, macCEA, 10, udp(to(17), 10)...)
	b.path.pass(func() {
		if o := b.path.punted(broadcast, packet.Desc{Port: 1}); o != Suppressed {
			t.Errorf("a link broadcast: %v", o)
		}
	})
	b.none()
}

// TestLimits: each message has its own bucket on each ingress interface.
func TestLimits(t *testing.T) {
	b := newBed(t, Config{Limits: map[Message]Limit{TimeExceeded: {Rate: 10, Burst: 5}, NetUnreachable: {}}}, known()...)
	expired := fromA(udp(header("10.1.0.2", "8.8.8.8", 17, ttl(1)), 10)...)
	for range 20 {
		b.receive(1, expired)
	}
	if n := len(b.sent(1)); n != 5 {
		t.Errorf("%d answers, want a burst of 5", n)
	}
	b.receive(0, fromISP(udp(header("8.8.8.8", "8.9.9.9", 17, ttl(1)), 10)...))
	b.one(0)
	b.receive(1, fromA(udp(header("10.1.0.2", "7.8.8.8", 17), 10)...))
	b.one(1)
	b.receive(1, fromA(udp(header("10.1.0.2", "5.8.8.8", 17), 10)...)) // rate 0: none at all
	b.none()
	b.pass(300 * time.Millisecond)
	for range 20 {
		b.receive(1, expired)
	}
	if n := len(b.sent(1)); n != 3 {
		t.Errorf("%d answers after 300 ms at 10 a second, want 3", n)
	}
	if c := b.path.Counters(); c.Messages[TimeExceeded] != (MessageCount{Made: 9, Limited: 32}) {
		t.Errorf("%+v", c.Messages[TimeExceeded])
	}
}

// TestStaleReason: what has changed since a worker punted a packet counts.
func TestStaleReason(t *testing.T) {
	b := newBed(t, Config{}, known()...)
	b.rx[1] = append(b.rx[1], rxFrame{fromA(udp(header("10.1.0.2", "5.8.8.8", 17), 10)...), -1})
	b.worker.Poll()
	b.apply(static("", "5.0.0.0/8", vrftable.Via{Gateway: ip("192.0.2.2")}))
	b.poll()
	p := b.one(0)
	wantL2(t, p, macISP, macP0, 0)
	if v := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4); v.TTL != 63 {
		t.Errorf("TTL %d, want 63", v.TTL)
	}
	b.rx[1] = append(b.rx[1], rxFrame{fromA(udp(header("10.1.0.2", "9.8.8.8", 17), 10)...), -1})
	b.worker.Poll()
	b.apply(static("", "9.0.0.0/8", vrftable.Discard))
	b.poll()
	b.none()
	b.outcome(Discarded, 1)
}

// TestPortFull: a port that takes nothing, and one that is not there.
func TestPortFull(t *testing.T) {
	b := newBed(t, Config{}, known()...)
	b.full = true
	b.receive(1, fromA(ping(header("10.0.0.2", "10.0.0.1", 1), 56)...))
	b.outcome(TxFull, 1)
	b.full = false
	if err := b.path.SetPort(1, nil); err != nil {
		t.Fatal(err)
	}
	b.receive(1, fromA(ping(header("10.0.0.2", "10.0.0.1", 1), 56)...))
	b.outcome(NoPort, 1)
	if err := b.path.SetPort(256, nil); err == nil {
		t.Error("port 256 was taken")
	}
}
