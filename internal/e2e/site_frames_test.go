package e2e

import (
	"bytes"
	"encoding/json"
	"net"
	"net/netip"
	"strings"
	"testing"

	"vrfwd/internal/testnet"
	"vrfwd/packet"
	fwd "vrfwd/router"
)

// replaced replaces one thing that must be there.
func replaced(text, old, new string) string {
	if !strings.Contains(text, old) {
		panic("no " + old + " in\n" + text)
	}
	return strings.Replace(text, old, new, 1)
}

// asJSON reads what `fwd show` says with --json.
func asJSON[T any](r *router, args ...string) (v T) {
	r.t.Helper()
	text := r.show(append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		r.t.Fatalf("fwd show %v: %v\n%s", args, err, text)
	}
	return v
}

// datagram is a frame from red's host to the ISP's, with what change makes of its header.
func (p *place) datagram(change func(*ipHeader)) []byte {
	h := ipHeader{from: netip.MustParseAddr(redPublic), to: netip.MustParseAddr(ispLoopback), ttl: 64, protocol: 17, payload: make([]byte, 64)}
	if change != nil {
		change(&h)
	}
	return frameOf(p.pe.MAC("red"), p.red.MAC("eth0"), packet.EtherTypeIPv4, h.packet())
}

// TestSiteFaults: each kind of malformed frame is counted under its own reason, as often as it was sent, and no other.
func TestSiteFaults(t *testing.T) {
	testnet.Need(t, "ping")
	p := newPlace(t)
	r := start(t, p.pe, config(byShares, byFallback))
	reaches(t, p.red, ispLoopback)
	set := func(frame []byte, at int, bytes ...byte) []byte { copy(frame[at:], bytes); return frame }
	sum := func(frame []byte) []byte { // the header's checksum anew
		set(frame, 24, 0, 0)
		n := packet.Checksum(frame[14:34])
		return set(frame, 24, byte(n>>8), byte(n))
	}
	plain := func() []byte { return p.datagram(nil) }
	toBroadcast := bytes.Repeat([]byte{0xff}, 6)
	faults := []struct {
		reason string
		frame  []byte
	}{
		{"runt", plain()[:30]},
		{"no primary", tagged(plain(), 77)},
		{"not ipv4", set(plain(), 12, 0x86, 0xdd)},
		{"link multicast", set(plain(), 0, toBroadcast...)},
		{"bad version", sum(set(plain(), 14, 0x65))},
		{"bad ihl", sum(set(plain(), 14, 0x44))},
		{"bad length", sum(set(plain(), 16, 0x01, 0x00))},
		{"bad checksum", set(plain(), 24, plain()[24]^1)},
		{"bad options", p.datagram(func(h *ipHeader) { h.options = []byte{7, 99, 4, 0} })},
		{"martian source", p.datagram(func(h *ipHeader) { h.from = netip.MustParseAddr("127.0.0.1") })},
		{"martian destination", p.datagram(func(h *ipHeader) { h.to = netip.MustParseAddr("240.0.0.1") })},
		{"ttl expired", p.datagram(func(h *ipHeader) { h.ttl = 1 })},
	}
	r.counters()
	type account struct{ Drops, Punts map[string]uint64 }
	before, others := asJSON[account](r, "counters"), asJSON[fwd.Counters](r, "counters").Ring.OtherHost
	w := p.red.Wire("eth0")
	for i, f := range faults {
		for range 10 + i {
			w.Send(f.frame)
		}
	}
	for range 9 { // for another station
		w.Send(set(plain(), 0, net.HardwareAddr{2, 9, 9, 9, 9, 9}...))
	}
	reaches(t, p.red, ispLoopback) // all before it has been received
	r.counters()
	after := asJSON[account](r, "counters")
	for i, f := range faults {
		got := after.Drops[f.reason] + after.Punts[f.reason] - before.Drops[f.reason] - before.Punts[f.reason]
		if got != uint64(10+i) {
			t.Errorf("%q: %d frames are counted, not %d", f.reason, got, 10+i)
		}
	}
	if n := asJSON[fwd.Counters](r, "counters").Ring.OtherHost - others; n != 9 {
		t.Errorf("%d frames are counted as for other stations, not 9", n)
	}
}

// TestSiteTTL: hops are counted down by one, and the provider edge answers where the last one is used up.
func TestSiteTTL(t *testing.T) {
	testnet.Need(t, "ping")
	p := newPlace(t)
	start(t, p.pe, config(byShares, byFallback))
	reaches(t, p.red, ispLoopback)
	for _, c := range []struct {
		from     *testnet.NS
		to, edge string
	}{{p.red, ispLoopback, "10.0.0.1"}, {p.isp, redPublic, "192.0.2.1"}} {
		out, err := c.from.Command(t.Context(), "ping", "-c", "1", "-W", "5", "-t", "1", c.to).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "From "+c.edge) || !strings.Contains(string(out), "Time to live exceeded") {
			t.Errorf("a ping of %s with TTL 1: %v\n%s", c.to, err, out)
		}
		if !pings(t, c.from, c.to, "-t", "2") {
			t.Errorf("a ping of %s with TTL 2 is not answered", c.to)
		}
	}
}

// TestSiteMTUBack: on the way from the Internet to a site, the MTU of a share is the one that counts.
func TestSiteMTUBack(t *testing.T) {
	testnet.Need(t, "ping")
	p := newPlace(t)
	start(t, p.pe, config(replaced(byShares, "to-red: {layer2: red}", "to-red: {layer2: red, mtu: 1400}"), byFallback))
	reaches(t, p.isp, redPublic)
	out, err := p.isp.Command(t.Context(), "ping", "-c", "1", "-W", "5", "-M", "do", "-s", "1472", redPublic).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "From 192.0.2.1") || !strings.Contains(string(out), "mtu = 1400") {
		t.Errorf("a ping that is too large for the share: %v\n%s", err, out)
	}
	if !pings(t, p.isp, redPublic, "-M", "do", "-s", "1372") {
		t.Error("a ping of just the share's MTU is not answered")
	}
	p.isp.Run(t, "ip", "route", "flush", "cache")
	if !pings(t, p.isp, redPublic, "-M", "dont", "-s", "3000") {
		t.Error("a ping in fragments is not answered")
	}
	p.isp.Run(t, "ip", "route", "flush", "cache")
	transfer(t, p.isp, p.red, ispLoopback, redPublic, 4<<20) // finds the MTU by itself
	if out := p.isp.Run(t, "ip", "route", "get", redPublic); !strings.Contains(out, "mtu 1400") {
		t.Errorf("TCP was not told of the MTU: %s", out)
	}
	if !pings(t, p.isp, bluePublic, "-M", "do", "-s", "1472") {
		t.Error("the other customer's share has the whole MTU")
	}
}

// TestSiteOffloads: what hosts leave to their devices, checksums, is made good on the way.
func TestSiteOffloads(t *testing.T) {
	testnet.Need(t, "ping", "curl", "ethtool")
	p := newPlace(t)
	for device, ns := range map[string]*testnet.NS{"red": p.red, "blue": p.blue, "core": p.isp} {
		ns.Run(t, "ethtool", "-K", "eth0", "tx", "on", "rx", "on", "tso", "off", "gso", "off", "gro", "off", "tx-udp-segmentation", "off")
		p.pe.Run(t, "ethtool", "-K", device, "tx", "on", "rx", "on", "tso", "off", "gso", "off", "gro", "off", "tx-udp-segmentation", "off")
	}
	r := start(t, p.pe, config(byShares, byFallback))
	reaches(t, p.red, ispLoopback)
	p.web(t)
	wire := p.isp.Wire("eth0")
	transfer(t, p.red, p.isp, redPublic, ispLoopback, 20<<20)
	transfer(t, p.isp, p.blue, ispLoopback, bluePublic, 20<<20)
	r.counters()
	// Not only do hosts that share a kernel take such packets: their checksums are right on the wire.
	seen := 0
	for {
		frame, ok := wire.Recv(0)
		if !ok {
			break
		}
		ip, err := packet.ParseIPv4(frame[14:])
		if err != nil || ip.Protocol() != 6 || ip.Src() != host4(netip.MustParseAddr(redPublic)) {
			continue
		}
		if n := packet.ChecksumPseudo(ip.Src(), ip.Dst(), 6, ip[20:ip.TotalLen()]); n != 0 {
			t.Fatalf("TCP checksum is wrong by %#x in %x", n, frame)
		}
		seen++
	}
	if seen < 20 {
		t.Errorf("only %d segments seen", seen)
	}
}
