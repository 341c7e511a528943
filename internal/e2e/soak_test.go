//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"vrfwd/internal/testnet"
)

var (
	soakTime = flag.Duration("soak", 5*time.Second, "how long the soak lasts; from 20s on, at 80 % of the loss-free rate, which is searched first")
	soakRate = flag.Int("soakrate", 0, "packets a second of the soak, both directions together; 0: chosen")
)

// soakVLANs is how many VRFs the soak's traffic comes from and goes to.
const soakVLANs = 8

// changing is how many of the parent's routes change with each reload of the soak, once a second.
const changing = 1000

// TestSoak: under traffic in both directions, with a thousand route changes a second, each second's by a reload, and
// neighbours that age, nothing is lost by fwd, and its memory and goroutines stay what they are. fwd and the tester share all
// CPUs; what the tester or a veth lost itself is logged, and must explain every packet that is missing.
func TestSoak(t *testing.T) {
	testnet.Need(t, "curl")
	s := newSoak(t)
	r := start(t, s.pe, soakConfig("192.0.2.2"))

	rate := *soakRate
	if rate == 0 {
		rate = 5000
		if *soakTime >= 20*time.Second {
			rate = s.lossFree(t, min(*soakTime/6, 10*time.Second)) * 8 / 10
		}
	}
	gateways := []string{"192.0.2.2", "192.0.2.3"}
	for i := range 4 { // neighbours are known, and memory that reloads take is taken
		r.reload(soakConfig(gateways[i%2]))
		s.offer(t, 1000, 500*time.Millisecond)
	}
	goroutines := r.goroutines()
	memory, _ := r.memory()
	before, veths := r.counters(), s.refused(t)

	ctx, stop := context.WithCancel(t.Context())
	reloads, stopped := 0, make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(time.Second); ; reloads++ {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
			r.write(soakConfig(gateways[reloads%2]))
			if out, err := r.ask("reload"); err != nil {
				t.Errorf("reload: %v\n%s", err, out)
				return
			}
		}
	}()
	report := s.offer(t, rate, *soakTime)
	stop()
	<-stopped

	after := r.counters()
	veths = s.refused(t) - veths
	t.Logf("%v at %d packets a second, %d reloads of %d route changes each: %+v; waited %v; lost by the tester's rings %d, by veths %d",
		*soakTime, rate, reloads, changing, report.Total, report.waited(), report.dropped(), veths)
	if report.Total.Sent == 0 || report.Total.Received == 0 || report.Total.Lost > report.dropped()+veths ||
		report.Total.WrongEgress+report.Total.Leak+report.Total.Duplicate != 0 {
		t.Errorf("the tester: %+v, %v", report.Total, report.Faults)
	}
	for reason, n := range after.Drops {
		if n != before.Drops[reason] {
			t.Errorf("fwd dropped %d: %s", n-before.Drops[reason], reason)
		}
	}
	for _, outcome := range []string{"queue full", "neighbors full", "undeliverable", "no interface", "no port", "tx full"} {
		if n := after.SlowPath[outcome] - before.SlowPath[outcome]; n != 0 {
			t.Errorf("fwd's slow path lost %d: %s", n, outcome)
		}
	}
	if *soakTime > 6*time.Minute && after.SlowPath["neighbors refreshed"] == 0 {
		t.Errorf("no neighbour was asked again: %v", after.SlowPath)
	}
	for what, n := range after.Ring {
		if n != before.Ring[what] {
			t.Errorf("fwd's rings: %s: %d", what, n-before.Ring[what])
		}
	}
	if now := r.goroutines(); now > goroutines+5 {
		t.Errorf("goroutines: %d, then %d", goroutines, now)
	}
	if now, _ := r.memory(); now > memory*3/2+16 {
		t.Errorf("resident memory: %d MiB, then %d MiB", memory, now)
	}
}

// soak is a router and a tester with two veths between them.
type soak struct {
	pe, tester *testnet.NS
	trafgen    string
}

func newSoak(t testing.TB) *soak {
	links := testnet.New(t)
	s := &soak{pe: links.NS("pe"), tester: links.NS("tester"), trafgen: programs.File(t, "trafgen")}
	links.Veth(s.pe, "trunk", s.tester, "trunk")
	links.Veth(s.pe, "core", s.tester, "core")
	return s
}

// refused is how many frames the veths have not passed on, as the receiving CPU's queue was full.
func (s *soak) refused(t testing.TB) (frames uint64) {
	for _, ns := range []*testnet.NS{s.pe, s.tester} {
		for _, name := range []string{"trunk", "core"} {
			frames += statistics(t, ns, name).TxDropped
		}
	}
	return frames
}

// soakConfig is the soak's configuration: sites reach the Internet by fallback, and the Internet them by export. The routes
// that change lead to one of the tester's two addresses.
func soakConfig(gateway string) string {
	var s strings.Builder
	s.WriteString(`
metrics: 127.0.0.1:9100
` + longRings + `ports: {trunk: {}, core: {}}
prefix-lists:
  homes: [permit 100.64.0.0/10 ge 24]
route-maps:
  homes:
    - permit: {prefix-list: homes}
vrfs:
`)
	for n := range soakVLANs {
		fmt.Fprintf(&s, `  vpn%[1]d:
    interfaces:
      ce%[1]d: {layer2: trunk.%[1]d, addresses: [10.0.0.1/24], fallback-global: true}
    routes:
      - {prefix: 100.64.%[1]d.0/24, gateway: 10.0.0.2}
    global-export-map: {route-map: homes}
`, 101+n)
	}
	s.WriteString(`
vr:
  interfaces:
    uplink: {layer2: core, addresses: [192.0.2.1/24]}
  tables:
    - {synthetic: {routes: 20000, seed: 1}, next-hops: [192.0.2.2, 192.0.2.3]}
  routes:
    - {prefix: 0.0.0.0/0, gateway: 192.0.2.2}
`)
	for n := range changing {
		fmt.Fprintf(&s, "    - {prefix: 198.18.%d.%d/29, gateway: %s}\n", n/32, n%32*8, gateway)
	}
	return s.String()
}

// streams is what the tester sends, in packets a second together: from all sites to the routes that change, and to all
// sites.
func streams(rate int, duration time.Duration) string {
	var homes, others []string
	for n := range soakVLANs {
		homes = append(homes, fmt.Sprintf("100.64.%d.0/24", 101+n))
		if n > 0 {
			others = append(others, fmt.Sprintf("{destination: 100.64.%[1]d.0/24, to: sites/%[1]d}", 101+n))
		}
	}
	return fmt.Sprintf(`
ports:
- {name: trunk}
- {name: core}
circuits:
- {name: sites, port: trunk, vlan: 101-%d, vrf: "vpn{vlan}", address: 10.0.0.2, gateway: 10.0.0.1}
- {name: uplink, port: core, vrf: default, address: 192.0.2.2-192.0.2.3, gateway: 192.0.2.1}
streams:
- {name: out, from: sites, to: uplink, source: 100.64.101.0/24, destination: 198.18.0.0/19, flows: 1000, rate: %dpps, duration: %v}
- {name: in, from: uplink, to: sites/101, except: [%s], source: 198.18.0.0/19, destination: [%s], flows: 1000, rate: %[2]dpps, duration: %[3]v}
`, 100+soakVLANs, rate/2, duration, strings.Join(others, ", "), strings.Join(homes, ", "))
}

// report is what `trafgen send --json` says.
type report struct {
	Faults []string
	Total  struct {
		Sent, Received, Lost, Duplicate, Reordered, Leak uint64
		WrongEgress                                      uint64 `json:"wrong_egress"`
	}
	Streams []struct {
		Latency *struct {
			Quantiles map[string]int64 `json:"quantiles_ns"`
		}
	}
	Ports []struct{ Dropped uint64 }
}

// dropped is how many frames the tester's own rings had no room for.
func (r *report) dropped() (frames uint64) {
	for _, p := range r.Ports {
		frames += p.Dropped
	}
	return frames
}

// waited is the median of the frames' latencies, of the slowest stream.
func (r *report) waited() (most time.Duration) {
	for _, s := range r.Streams {
		if s.Latency != nil {
			most = max(most, time.Duration(s.Latency.Quantiles["p50"]))
		}
	}
	return most
}

// offer has trafgen send for a while.
func (s *soak) offer(t testing.TB, rate int, duration time.Duration) (r report) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "streams.yaml")
	if err := os.WriteFile(file, []byte(streams(rate, duration)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := s.tester.Command(t.Context(), s.trafgen, "send", "-c", file, "--json", "--quiet")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if json.Unmarshal(out, &r) != nil {
		t.Fatalf("trafgen: %v\n%s%s", err, out, stderr.String())
	}
	return r
}

// lossFree returns the highest rate, in packets a second, that the tester can send and fwd keeps up with, confirmed by a trial
// of twice the length. That nothing is lost is not enough: rings that hold a second hide a third of too much from a trial of
// three. So the median packet must not have waited long either: at a rate that is too high, queues grow for the whole trial.
func (s *soak) lossFree(t testing.TB, trial time.Duration) int {
	const patience = 20 * time.Millisecond
	keepsUp := func(rate int, duration time.Duration) bool {
		r := s.offer(t, rate, duration)
		sent := float64(r.Total.Sent) / duration.Seconds()
		ok := len(r.Faults) == 0 && r.Total.Lost == 0 && sent > float64(rate)*0.98 && r.waited() < patience
		t.Logf("%v at %d packets a second: sent %.0f, lost %d, of these in the tester's rings %d, waited %v: %v",
			duration, rate, sent, r.Total.Lost, r.dropped(), r.waited(), map[bool]string{true: "kept up", false: "too much"}[ok])
		return ok
	}
	low, high := 5000, 1_000_000
	for high > low*21/20 {
		if rate := int(math.Sqrt(float64(low) * float64(high))); keepsUp(rate, trial) {
			low = rate
		} else {
			high = rate
		}
	}
	for ; !keepsUp(low, 2*trial); low = low * 9 / 10 {
		if low < 5000 {
			t.Fatal("no rate is loss-free")
		}
	}
	t.Logf("loss-free up to %d packets a second", low)
	return low
}

// goroutines reads how many goroutines fwd has from its metrics.
func (r *router) goroutines() int {
	r.t.Helper()
	out := r.ns.Run(r.t, "curl", "-sS", "http://127.0.0.1:9100/metrics")
	m := regexp.MustCompile(`(?m)^go_goroutines (\d+)`).FindStringSubmatch(out)
	if m == nil {
		r.t.Fatalf("no go_goroutines in the metrics:\n%.1000s", out)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}
