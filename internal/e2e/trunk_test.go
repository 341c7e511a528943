package e2e

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"vrfwd/internal/testnet"
	"vrfwd/packet"
)

// trunkVLANs is how many VRFs stand on the trunk: VLANs 2 to 1001.
const trunkVLANs = 1000

// trunkHome returns the public network that the n-th customer has: /30s of 100.64.0.0/10.
func trunkHome(n int) uint32 { return host4(netip.MustParseAddr("100.64.0.0")) + uint32(n)*4 }

// TestTrunk: a thousand VLANs of one trunk are a thousand VRFs with the same addresses, over one table of a million routes;
// from each the Internet is reached by fallback, and each by its export.
func TestTrunk(t *testing.T) {
	routes := 1_000_000
	if testing.Short() {
		routes = 10_000
	}
	links := testnet.New(t)
	pe, access, isp := links.NS("pe"), links.NS("access"), links.NS("isp")
	links.Veth(pe, "trunk", access, "eth0")
	links.Veth(pe, "core", isp, "eth0")
	customer, provider := net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 2}

	var s strings.Builder
	fmt.Fprintf(&s, `
ports: {trunk: {}, core: {}}
vr:
  interfaces:
    uplink: {layer2: core, addresses: [192.0.2.1/24], neighbors: {192.0.2.2: %[1]v, 192.0.2.3: %[1]v}}
  tables:
    - {synthetic: {routes: %[2]d, seed: 1}, next-hops: [192.0.2.2, 192.0.2.3]}
  routes:
    - {prefix: 0.0.0.0/0, gateway: 192.0.2.2}
prefix-lists:
  homes: [permit 100.64.0.0/10 ge 30]
route-maps:
  homes:
    - permit: {prefix-list: homes}
vrfs:
`, provider, routes)
	for n := range trunkVLANs {
		fmt.Fprintf(&s, `  vpn%d:
    interfaces:
      ce%[1]d: {layer2: trunk.%[2]d, addresses: [10.0.0.1/24], fallback-global: true, neighbors: {10.0.0.2: %[3]v}}
    routes:
      - {prefix: %[4]v/30, gateway: 10.0.0.2}
    global-export-map: {route-map: homes}
`, n, n+2, customer, addr4(trunkHome(n)))
	}
	began := time.Now()
	r := start(t, pe, s.String())
	t.Logf("%d VRFs, %d routes: ready %v after the start", trunkVLANs, routes, time.Since(began).Round(time.Millisecond))
	r.memory()

	trunk, core := access.Wire("eth0"), isp.Wire("eth0")
	internet := netip.MustParseAddr(ispLoopback)
	missing := map[int]bool{}
	for n := range trunkVLANs {
		missing[n] = true
	}
	// Out: what a VLAN sends arrives from that customer's address. A packet may be lost before the links are up, so that
	// those that are missing are asked again.
	eventually(t, "all VRFs reach the Internet", func() bool {
		for n := range missing {
			header := ipHeader{id: uint16(n), from: addr4(trunkHome(n) + 1), to: internet, ttl: 9, protocol: 17, payload: make([]byte, 26)}
			trunk.Send(tagged(frameOf(pe.MAC("trunk"), customer, packet.EtherTypeIPv4, header.packet()), n+2))
		}
		for {
			frame, ok := core.Recv(100 * time.Millisecond)
			if !ok {
				return len(missing) == 0
			}
			if ip, _ := parse(frame); ip != nil && addr4(ip.Dst()) == internet {
				n := int(ip.ID())
				if ip.Src() != trunkHome(n)+1 || ip.TTL() != 8 || net.HardwareAddr(frame[:6]).String() != provider.String() {
					t.Fatalf("VRF %d: %x", n, frame)
				}
				delete(missing, n)
			}
		}
	})
	// Back: what the Internet sends to a customer's address arrives in that customer's VLAN.
	for n := range trunkVLANs {
		header := ipHeader{id: uint16(n), from: internet, to: addr4(trunkHome(n) + 1), ttl: 9, protocol: 17, payload: make([]byte, 26)}
		core.Send(frameOf(pe.MAC("core"), provider, packet.EtherTypeIPv4, header.packet()))
		missing[n] = true
	}
	for len(missing) > 0 {
		frame, ok := trunk.Recv(within)
		if !ok {
			t.Fatalf("nothing arrives for %d VRFs", len(missing))
		}
		if len(frame) < 18 || binary.BigEndian.Uint16(frame[12:]) != packet.EtherTypeVLAN || binary.BigEndian.Uint16(frame[16:]) != packet.EtherTypeIPv4 {
			continue // ARP
		}
		ip, err := packet.ParseIPv4(frame[18:])
		if err != nil {
			t.Fatalf("%v: %x", err, frame)
		}
		n := int(ip.ID())
		if vlan := int(binary.BigEndian.Uint16(frame[14:]) & 0xfff); vlan != n+2 || ip.Dst() != trunkHome(n)+1 || !missing[n] {
			t.Fatalf("VRF %d in VLAN %d: %x", n, vlan, frame)
		}
		delete(missing, n)
	}
	r.memory()
	if c := r.counters(); c.Drops["no route"]+c.Drops["no primary"] != 0 {
		t.Errorf("drops: %v", c.Drops)
	}
}

// tagged puts an 802.1Q tag into a frame.
func tagged(frame []byte, vlan int) []byte {
	tag := binary.BigEndian.AppendUint16([]byte{0x81, 0}, uint16(vlan))
	return append(append(append([]byte{}, frame[:12]...), tag...), frame[12:]...)
}

// memory reports the resident memory of fwd's process in MiB: of its own, and of mapped rings and files.
func (r *router) memory() (own, mapped int) {
	r.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		r.t.Fatal(err)
	}
	of := func(name string) int {
		m := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
		if m == nil {
			r.t.Fatalf("no %s in %s", name, status)
		}
		kib, _ := strconv.Atoi(string(m[1]))
		return kib >> 10
	}
	own, mapped = of("RssAnon")+of("RssShmem"), of("RssFile")
	r.t.Logf("resident memory: %d MiB, and %d MiB of rings and program", own, mapped)
	return own, mapped
}
