package e2e

import (
	"encoding/binary"
	"testing"
	"time"

	"vrfwd/internal/testnet"
	"vrfwd/packet"
)

// TestSiteTagged: two customers with the same addresses on two VLANs of one trunk, by real programs; a switch made of Wires
// stands between their plain links and the trunk.
func TestSiteTagged(t *testing.T) {
	testnet.Need(t, "ping", "traceroute", "curl")
	links := testnet.New(t)
	p := &place{links: links, pe: links.NS("pe"), red: links.NS("red"), blue: links.NS("blue"), green: links.NS("green"), isp: links.NS("isp")}
	box := links.NS("box")
	links.Veth(p.pe, "trunk", box, "trunk")
	for _, c := range []struct {
		ns         *testnet.NS
		name, home string
		vlan       int
	}{{p.red, "red", redPublic, 10}, {p.blue, "blue", bluePublic, 4094}, {p.green, "green", greenInside, 30}} {
		links.Veth(box, c.name, c.ns, "eth0")
		c.ns.Addr("eth0", "10.0.0.2/24")
		c.ns.Addr("lo", c.home+"/32")
		c.ns.Run(t, "ip", "route", "add", "default", "via", "10.0.0.1", "src", c.home)
		switched(t, box, c.name, c.vlan)
	}
	links.Veth(p.pe, "core", p.isp, "eth0")
	p.isp.Addr("lo", ispLoopback+"/32")
	p.addressISP(t)
	r := start(t, p.pe, `
layer2: {red: {port: trunk, vlan: 10}, blue: {port: trunk, vlan: 4094}, green: {port: trunk, vlan: 30}}
`+replaced(config(byShares, byFallback), "ports: {core: {}, red: {}, blue: {}, green: {}}", "ports: {core: {}, trunk: {}}"))
	reaches(t, p.red, ispLoopback)
	reaches(t, p.blue, ispLoopback)
	reaches(t, p.isp, redPublic)
	p.traceroute(t)
	p.web(t)
	p.isolated(t)
	if !pings(t, p.red, ispLoopback, "-s", "4000") {
		t.Error("a ping in fragments is not answered")
	}
	transfer(t, p.red, p.isp, redPublic, ispLoopback, 4<<20)
	transfer(t, p.isp, p.blue, ispLoopback, bluePublic, 4<<20)
	r.counters()
}

// switched puts what comes from an interface on the trunk, in a VLAN, and brings back what comes in that VLAN, until the
// test ends.
func switched(t *testing.T, box *testnet.NS, access string, vlan int) {
	site, trunk := box.Wire(access), box.Wire("trunk")
	pass := func(from, to *testnet.Wire, change func([]byte) []byte) {
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for t.Context().Err() == nil {
				if frame, ok := from.Recv(50 * time.Millisecond); ok {
					if frame = change(frame); frame != nil {
						to.Send(frame)
					}
				}
			}
		}()
		t.Cleanup(func() { <-stopped })
	}
	pass(site, trunk, func(frame []byte) []byte { return tagged(frame, vlan) })
	pass(trunk, site, func(frame []byte) []byte {
		if len(frame) < 18 || binary.BigEndian.Uint16(frame[12:]) != packet.EtherTypeVLAN || int(binary.BigEndian.Uint16(frame[14:])&0xfff) != vlan {
			return nil
		}
		return append(frame[:12], frame[16:]...)
	})
}
