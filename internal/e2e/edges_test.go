package e2e

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"

	"vrfwd/internal/testnet"
	"vrfwd/packet"
)

// TestMTU: a smaller MTU on the way is learned, by ping, and by TCP, which then goes on; what may be fragmented is.
func TestMTU(t *testing.T) {
	testnet.Need(t, "ping")
	p := newPlace(t)
	parent := "interfaces:\n  uplink: {layer2: core, addresses: [192.0.2.1/24], mtu: 1300}\n"
	text := strings.Replace(config(byShares, byFallback), "uplink: {layer2: core, addresses: [192.0.2.1/24]}", strings.Split(strings.TrimSpace(parent), "\n")[1], 1)
	start(t, p.pe, text)
	reaches(t, p.red, ispLoopback)
	out, err := p.red.Command(t.Context(), "ping", "-c", "1", "-W", "5", "-M", "do", "-s", "1400", ispLoopback).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "10.0.0.1") || !strings.Contains(string(out), "mtu = 1300") {
		t.Errorf("a ping that is too large should be told of the MTU by the provider edge: %v\n%s", err, out)
	}
	p.red.Run(t, "ip", "route", "flush", "cache")
	if !pings(t, p.red, ispLoopback, "-M", "dont", "-s", "4000") {
		t.Error("a ping in fragments is not answered")
	}
	if !pings(t, p.red, ispLoopback, "-M", "do", "-s", "1272") {
		t.Error("a ping of just the MTU is not answered")
	}
	p.red.Run(t, "ip", "route", "flush", "cache")
	transfer(t, p.red, p.isp, redPublic, ispLoopback, 10<<20)
}

// TestMalformed: whatever arrives, the account balances and forwarding goes on.
func TestMalformed(t *testing.T) {
	testnet.Need(t, "ping")
	p := newPlace(t)
	r := start(t, p.pe, config(byShares, byFallback))
	reaches(t, p.red, ispLoopback)
	before := r.counters()
	w := p.red.Wire("eth0")
	random := rand.New(rand.NewPCG(*seed, 2))
	mac := p.pe.MAC("red")
	const frames = 3000
	for range frames {
		frame := make([]byte, 18+random.IntN(300)) // the kernel itself drops less than a whole tag
		for i := range frame {
			frame[i] = byte(random.Uint32())
		}
		copy(frame, mac)
		switch random.IntN(5) { // 4: any EtherType
		case 0:
			binary.BigEndian.PutUint16(frame[12:], packet.EtherTypeIPv4)
		case 1: // an IPv4 header that may pass, before anything
			if len(frame) < 14+20 {
				break
			}
			header := ipHeader{from: netip.MustParseAddr(redPublic), to: netip.MustParseAddr(ispLoopback), ttl: uint8(random.IntN(3)), protocol: uint8(random.IntN(20)),
				fragment: uint16(random.Uint32()), payload: frame[14+20:]}
			frame = frameOf(mac, p.red.MAC("eth0"), packet.EtherTypeIPv4, header.packet())
		case 2:
			binary.BigEndian.PutUint16(frame[12:], packet.EtherTypeARP)
		case 3:
			binary.BigEndian.PutUint16(frame[12:], packet.EtherTypeVLAN)
		}
		w.Send(frame)
	}
	reaches(t, p.blue, ispLoopback)
	reaches(t, p.red, ispLoopback)
	after := r.counters()
	if n := after.Received - before.Received; n < frames {
		t.Errorf("received %d frames of %d", n, frames)
	}
	for _, reason := range []string{"not ipv4", "no primary", "runt", "bad version", "bad ihl", "bad length"} {
		if after.Drops[reason] == before.Drops[reason] {
			t.Errorf("no frame was dropped as %q: %v", reason, after.Drops)
		}
	}
}

// TestLink: a link that goes down takes its routes along, and brings them back.
func TestLink(t *testing.T) {
	testnet.Need(t, "ping")
	p := newPlace(t)
	r := start(t, p.pe, config(byShares, byFallback))
	reaches(t, p.red, ispLoopback)
	p.isp.SetDown("eth0")
	eventually(t, "the default route is gone", func() bool {
		out, _ := p.red.Command(t.Context(), "ping", "-c", "1", "-W", "1", ispLoopback).CombinedOutput()
		return strings.Contains(string(out), "Net Unreachable")
	})
	if out := r.show("interfaces"); !strings.Contains(out, "down") {
		t.Errorf("no interface is shown down:\n%s", out)
	}
	reaches(t, p.red, bluePublic) // customers reach each other by the parent still
	p.isp.SetUp("eth0")
	p.isp.Run(t, "ip", "route", "replace", "203.0.113.0/24", "via", "192.0.2.1", "src", ispLoopback)
	reaches(t, p.red, ispLoopback)

	// The interface vanishes, and comes back as another device under the same name.
	p.isp.Delete("eth0")
	eventually(t, "the default route is gone", func() bool {
		out, _ := p.red.Command(t.Context(), "ping", "-c", "1", "-W", "1", ispLoopback).CombinedOutput()
		return strings.Contains(string(out), "Net Unreachable")
	})
	p.links.Veth(p.pe, "core", p.isp, "eth0")
	p.addressISP(t)
	reaches(t, p.red, ispLoopback)
	reaches(t, p.isp, redPublic)
	r.counters()
	if _, code := r.stop(); code != 0 {
		t.Errorf("fwd ended with %d", code)
	}
}

// TestNeighbors: stations are found by ARP, kept, and found again under another address.
func TestNeighbors(t *testing.T) {
	testnet.Need(t, "ping")
	p := newPlace(t)
	r := start(t, p.pe, config(byShares, byFallback))
	reaches(t, p.red, ispLoopback)
	if out := r.show("neighbors"); !strings.Contains(out, p.red.MAC("eth0").String()) || !strings.Contains(out, p.isp.MAC("eth0").String()) {
		t.Errorf("neighbours:\n%s", out)
	}
	p.isp.Sysctl("net.ipv4.conf.eth0.arp_notify", "1") // what stations do that move
	p.isp.SetMAC("eth0", net.HardwareAddr{2, 1, 2, 3, 4, 5})
	reaches(t, p.isp, redPublic) // the station speaks
	reaches(t, p.red, ispLoopback)
	eventually(t, "the new address is known", func() bool { return strings.Contains(r.show("neighbors"), "02:01:02:03:04:05") })
	if pings(t, p.red, "10.0.0.77") {
		t.Error("a station that is not there answers")
	}
}
