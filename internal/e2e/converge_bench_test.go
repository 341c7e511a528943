//go:build linux

package e2e

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vrfwd/internal/testnet"
	"vrfwd/packet"
)

// converging is a router that learns routes by BGP while it forwards:
//
//	trafgen sites --- trunk [    ] core  --- 192.0.2.2, .3 trafgen
//	probes        --- probe [ pe ] out1  --- 192.0.2.10, .11
//	                        [    ] out2  --- 192.0.2.18
//	                        [    ] ctl   --- 10.255.0.2, .3 neighbours, AS 64501 and 64502
//
// Neighbours announce next hops on core, out1 and out2, whose MAC addresses are configured: trafgen measures what forwarding
// loses meanwhile, and probes, one by one, by which gateway they leave and when.
type converging struct {
	soak
	peers      *testnet.NS
	r          *router
	probe      *testnet.Wire
	out1, out2 *testnet.Wire
	pe1        [6]byte // MAC of the router's port probe
}

var probedGateways = map[string]string{"192.0.2.10": "02:00:00:00:00:0a", "192.0.2.11": "02:00:00:00:00:0b", "192.0.2.18": "02:00:00:00:00:12"}

func newConverging(b *testing.B) *converging {
	links := testnet.New(b)
	c := &converging{soak: soak{pe: links.NS("pe"), tester: links.NS("tester"), trafgen: programs.File(b, "trafgen")}, peers: links.NS("peers")}
	c.pe.Sysctl("net.ipv4.ip_forward", "0")
	for _, name := range []string{"trunk", "core", "probe", "out1", "out2"} {
		links.Veth(c.pe, name, c.tester, name)
	}
	links.Veth(c.pe, "ctl", c.peers, "ctl")
	c.peers.Addr("ctl", "10.255.0.2/24")
	c.peers.Addr("ctl", "10.255.0.3/24")
	c.r = start(b, c.pe, convergeConfig())
	c.probe, c.out1, c.out2 = c.tester.Wire("probe"), c.tester.Wire("out1"), c.tester.Wire("out2")
	copy(c.pe1[:], c.pe.MAC("probe"))
	return c
}

func convergeConfig() string {
	text := soakConfig("192.0.2.2")
	text = text[:strings.Index(text, "\nvr:\n")] + `  probes:
    interfaces:
      ce-probe: {layer2: probe, addresses: [10.0.0.1/24], fallback-global: true}
vr:
  interfaces:
    uplink: {layer2: core, addresses: [192.0.2.1/29]}
    out1: {layer2: out1, addresses: [192.0.2.9/29], neighbors: {192.0.2.10: "02:00:00:00:00:0a", 192.0.2.11: "02:00:00:00:00:0b"}}
    out2: {layer2: out2, addresses: [192.0.2.17/29], neighbors: {192.0.2.18: "02:00:00:00:00:12"}}
    ctl: {layer2: ctl, addresses: [10.255.0.1/24]}
  routes:
    - {prefix: 0.0.0.0/0, gateway: 192.0.2.2}
  host: {device: pe0}
  bgp:
    as: 64500
    router-id: 10.255.0.1
    neighbors:
      10.255.0.2: {as: 64501, timers: {connect: 1s}, route-map-out: none}
      10.255.0.3: {as: 64502, timers: {connect: 1s}, route-map-out: none}
`
	text = strings.Replace(text, "ports: {trunk: {}, core: {}}", "ports: {trunk: {}, core: {}, probe: {}, out1: {}, out2: {}, ctl: {}}", 1)
	return strings.Replace(text, "route-maps:\n", "route-maps:\n  none:\n    - deny: {}\n", 1)
}

// accepted is how many prefixes the router has of its neighbours.
func (c *converging) accepted() (n int) {
	c.r.t.Helper()
	for _, one := range c.r.sessions() {
		n += one.Accepted
	}
	return n
}

// fullTable is how many routes of the real table take part.
func fullTable() int {
	if testing.Short() {
		return 20_000
	}
	return 1 << 20 // all of them
}

// offeredRate is 80 % of the loss-free rate, in packets a second, both directions together.
func (c *converging) offeredRate(b *testing.B) int {
	if *soakRate != 0 {
		return *soakRate
	}
	if testing.Short() {
		return 2000
	}
	return c.lossFree(b, 2*time.Second) * 8 / 10
}

// BenchmarkConvergence is what routes cost that come by BGP while packets are forwarded. trafgen offers 80 % of the rate
// that the router is loss-free at, or -soakrate. Everything shares the machine's CPUs.
//
//   - load: BIRD sends the real table. load-s is the time from the start of the session until the last route is in the FIB.
//   - update: 1,000 updates a second; between them the route of the probes changes, twenty times a second. p50-ms and p99-ms are
//     the times from the UPDATE to the first probe by the new gateway.
//   - failover: of two uplinks that have half the table each, one goes down. failover-ms is the time from there until probes
//     arrive by the other.
//
// lost-% is what trafgen's packets lost, but for what the tester's own rings and the veths lost (tester-lost-%); probes-lost
// is of the probes.
func BenchmarkConvergence(b *testing.B) {
	testnet.Need(b, "tun")
	b.Run("case=load", benchmarkLoad)
	b.Run("case=update", benchmarkUpdate)
	b.Run("case=failover", benchmarkFailover)
}

// under runs something while trafgen offers packets, and reports what they lost.
func (c *converging) under(b *testing.B, rate int, duration time.Duration, something func()) {
	before := c.refused(b)
	offered := make(chan report, 1)
	go func() { offered <- c.offer(b, rate, duration) }()
	time.Sleep(500 * time.Millisecond) // trafgen has begun
	something()
	r := <-offered
	tester := r.dropped() + c.refused(b) - before
	lost := uint64(0)
	if r.Total.Lost > tester {
		lost = r.Total.Lost - tester
	}
	b.ReportMetric(float64(rate)/1e3, "offered-kpps")
	b.ReportMetric(100*float64(lost)/float64(r.Total.Sent), "lost-%")
	b.ReportMetric(100*float64(min(tester, r.Total.Lost))/float64(r.Total.Sent), "tester-lost-%")
	for _, one := range c.r.sessions() {
		if one.Flaps != 0 {
			b.Errorf("the session with %s has ended meanwhile: %s", one.Address, one.LastError)
		}
	}
	if wrong := r.Total.WrongEgress + r.Total.Leak + r.Total.Duplicate; wrong != 0 || r.Total.Received == 0 {
		b.Errorf("packets went astray: %+v %v", r.Total, r.Faults)
	}
}

// end ends the router, after its account.
func (c *converging) end(b *testing.B) {
	b.Logf("the account: %+v", c.r.counters())
	c.r.kill()
}

func benchmarkLoad(b *testing.B) {
	testnet.Need(b, "bird", "birdc")
	all := realTable(b, fullTable())
	dir := b.TempDir()
	writeRoutes(b, filepath.Join(dir, "routes.conf"), all)
	for b.Loop() {
		c := newConverging(b)
		bird := c.peers.Bird(b, dir, fmt.Sprintf(`router id 10.255.0.2;
protocol device {}
protocol static full { ipv4;
include "%s/routes.conf";
}
protocol bgp vrfwd {
	disabled;
	local 10.255.0.2 as 64501;
	neighbor 10.255.0.1 as 64500;
	connect delay time 1;
	ipv4 { import none; next hop keep; export filter { bgp_next_hop = 192.0.2.2; accept; }; };
}
`, dir))
		rate := c.offeredRate(b)
		duration := 60 * time.Second
		if testing.Short() {
			duration = 3 * time.Second
		}
		c.under(b, rate, duration, func() {
			began := time.Now()
			bird.Do(b, "enable", "vrfwd")
			for c.accepted() < len(all) {
				if time.Since(began) > 2*time.Minute {
					b.Fatalf("%d routes in %v", c.accepted(), time.Since(began))
				}
				time.Sleep(50 * time.Millisecond)
			}
			b.ReportMetric(time.Since(began).Seconds(), "load-s")
		})
		own, _ := c.r.memory()
		b.ReportMetric(float64(own), "resident-MiB")
		c.end(b)
	}
	b.ReportMetric(0, "ns/op")
}

// frame is a probe: a UDP packet with a number.
func (c *converging) frame(to netip.Addr, number uint32) []byte {
	b := make([]byte, 60)
	copy(b, c.pe1[:])
	copy(b[6:], []byte{2, 0, 0, 0, 0, 2, 8, 0})
	ip := b[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(ip[2:], 46)
	copy(ip[12:], []byte{10, 0, 0, 2})
	a := to.As4()
	copy(ip[16:], a[:])
	binary.BigEndian.PutUint16(ip[10:], packet.Checksum(ip[:20]))
	binary.BigEndian.PutUint16(ip[20:], 4000)
	binary.BigEndian.PutUint16(ip[22:], 4000)
	binary.BigEndian.PutUint16(ip[24:], 26)
	binary.BigEndian.PutUint32(ip[28:], number)
	return b
}

// probeSeen is a probe that has left the router.
type probeSeen struct {
	number  uint32
	gateway string
	at      time.Time
}

// probing sends probes at a rate, to what aim says, and hands what arrives to got, until the function that it returns is
// called, which returns how many were sent and have arrived.
func (c *converging) probing(b *testing.B, rate int, aim func(number uint32) netip.Addr, got func(probeSeen)) (stop func() (sent, arrived int)) {
	done, sent, arrived := make(chan struct{}), make(chan int), make(chan int)
	gateways := map[[6]byte]string{}
	for a, mac := range probedGateways {
		var m [6]byte
		fmt.Sscanf(strings.ReplaceAll(mac, ":", ""), "%02x%02x%02x%02x%02x%02x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5])
		gateways[m] = a
	}
	arrivals := make(chan probeSeen, 1<<16)
	for _, w := range []*testnet.Wire{c.out1, c.out2} {
		go func() {
			n := 0
			defer func() { arrived <- n }()
			for {
				f, ok := w.Recv(500 * time.Millisecond)
				if !ok {
					select {
					case <-done:
						return
					default:
						continue
					}
				}
				if len(f) >= 46 && f[12] == 8 && f[13] == 0 && f[23] == 17 {
					n++
					arrivals <- probeSeen{binary.BigEndian.Uint32(f[42:]), gateways[[6]byte(f[:6])], time.Now()}
				}
			}
		}()
	}
	go func() {
		for a := range arrivals {
			got(a)
		}
	}()
	go func() {
		n := uint32(0)
		began := time.Now()
		for {
			select {
			case <-done:
				sent <- int(n)
				return
			default:
			}
			for due := uint32(time.Since(began).Seconds() * float64(rate)); n < due; n++ {
				c.probe.Send(c.frame(aim(n), n))
			}
			time.Sleep(50 * time.Microsecond)
		}
	}()
	stop = sync.OnceValues(func() (int, int) {
		close(done)
		return <-sent, <-arrived + <-arrived
	})
	b.Cleanup(func() { stop() })
	return stop
}

func benchmarkUpdate(b *testing.B) {
	all := realTable(b, fullTable())
	target := netip.MustParsePrefix("203.0.113.0/24")
	for b.Loop() {
		c := newConverging(b)
		rate := c.offeredRate(b)
		s := speak(b, c.peers, "10.255.0.2", "10.255.0.1", 64501)
		s.announce("192.0.2.2", []uint32{65001}, all...)
		s.announce("192.0.2.10", []uint32{65001}, target)
		eventually(b, "the table is there", func() bool { return c.accepted() == len(all)+1 })
		duration := 20 * time.Second
		if testing.Short() {
			duration = 2 * time.Second
		}
		var delays []float64
		moved := make(chan time.Time, 1)
		want := make(chan string, 1)
		looking := ""
		stop := c.probing(b, 5000, func(uint32) netip.Addr { return netip.MustParseAddr("203.0.113.7") }, func(a probeSeen) {
			select {
			case looking = <-want:
			default:
			}
			if looking != "" && a.gateway == looking {
				looking = ""
				moved <- a.at
			}
		})
		c.under(b, rate, duration, func() {
			began, updates := time.Now(), 0
			gateways := []string{"192.0.2.11", "192.0.2.10"}
			next, waiting, told := began, false, time.Time{}
			turn := 0
			for now := began; now.Sub(began) < duration-time.Second; now = time.Now() {
				for due := int(now.Sub(began).Seconds() * 1000); updates < due; updates++ {
					s.announce("192.0.2.2", []uint32{uint32(65001 + updates/len(all)%2), uint32(updates)}, all[updates*7919%len(all)])
				}
				if !waiting && !now.Before(next) {
					want <- gateways[turn%2]
					told = time.Now()
					s.announce(gateways[turn%2], []uint32{65001}, target)
					turn, waiting, next = turn+1, true, now.Add(50*time.Millisecond)
				}
				select {
				case at := <-moved:
					delays, waiting = append(delays, at.Sub(told).Seconds()*1e3), false
				case <-time.After(200 * time.Microsecond):
				}
			}
			b.ReportMetric(float64(updates)/time.Since(began).Seconds(), "updates/s")
		})
		sent, arrived := stop()
		slices.Sort(delays)
		if len(delays) == 0 {
			b.Fatal("no probe has changed its gateway")
		}
		b.ReportMetric(delays[len(delays)/2], "p50-ms")
		b.ReportMetric(delays[len(delays)*99/100], "p99-ms")
		b.ReportMetric(delays[len(delays)-1], "max-ms")
		b.ReportMetric(float64(sent-arrived), "probes-lost")
		b.Logf("%d changes of the probes' route, %d probes", len(delays), sent)
		c.end(b)
	}
	b.ReportMetric(0, "ns/op")
}

func benchmarkFailover(b *testing.B) {
	all := realTable(b, fullTable())
	for b.Loop() {
		c := newConverging(b)
		s1 := speak(b, c.peers, "10.255.0.2", "10.255.0.1", 64501)
		s2 := speak(b, c.peers, "10.255.0.3", "10.255.0.1", 64502)
		var halves [2][]netip.Prefix
		for i, p := range all {
			halves[i/64%2] = append(halves[i/64%2], p)
		}
		far := []uint32{65001, 65002}
		s1.announce("192.0.2.10", nil, halves[0]...)
		s1.announce("192.0.2.10", far, halves[1]...)
		s2.announce("192.0.2.18", far, halves[0]...)
		s2.announce("192.0.2.18", nil, halves[1]...)
		eventually(b, "both tables are there", func() bool { return c.accepted() == 2*len(all) })
		half := slices.DeleteFunc(halves[0], func(p netip.Prefix) bool { // a longer prefix has its address: the other half's, perhaps
			i, _ := slices.BinarySearchFunc(all, p, func(a, b netip.Prefix) int {
				return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
			})
			return i+1 < len(all) && all[i+1].Addr() == p.Addr()
		})
		var first time.Time
		down := make(chan time.Time, 1)
		var cut time.Time
		stop := c.probing(b, 10_000, func(n uint32) netip.Addr { return half[n*7919%uint32(len(half))].Addr() }, func(a probeSeen) {
			select {
			case cut = <-down:
			default:
			}
			if !cut.IsZero() && a.gateway == "192.0.2.18" && first.IsZero() {
				first = a.at
			}
		})
		time.Sleep(time.Second)
		at := time.Now()
		c.tester.SetDown("out1")
		down <- at
		time.Sleep(3 * time.Second)
		sent, arrived := stop()
		if first.IsZero() {
			b.Fatal("no probe has come by the other uplink")
		}
		b.ReportMetric(first.Sub(at).Seconds()*1e3, "first-ms")
		b.ReportMetric(float64(sent-arrived)/10, "failover-ms") // 10 probes a millisecond
		b.ReportMetric(float64(sent-arrived), "probes-lost")
		c.end(b)
	}
	b.ReportMetric(0, "ns/op")
}
