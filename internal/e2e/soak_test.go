package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
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
	soakTime = flag.Duration("soak", 5*time.Second, "how long the soak lasts; from a minute on, at 80 % of the loss-free rate")
	soakRate = flag.Int("soakrate", 0, "packets a second of the soak, both directions together; 0: chosen")
)

// soakVLANs is how many VRFs the soak's traffic comes from and goes to.
const soakVLANs = 8

// changing is how many of the parent's routes change with each reload of the soak, once a second.
const changing = 1000

// TestSoak: under traffic in both directions, with a thousand route changes a second, each second's by a reload, and
// neighbours that age, nothing is lost by fwd, and its memory and goroutines stay what they are.
func TestSoak(t *testing.T) {
	testnet.Need(t, "curl")
	links := testnet.New(t)
	pe, tester := links.NS("pe"), links.NS("tester")
	links.Veth(pe, "trunk", tester, "trunk")
	links.Veth(pe, "core", tester, "core")
	r := start(t, pe, soakConfig("192.0.2.2"))
	trafgen := command(t, "trafgen")

	rate := *soakRate
	if rate == 0 {
		rate = 5000
		if *soakTime >= time.Minute {
			rate = lossFree(t, trafgen, tester) * 8 / 10
		}
	}
	offer(t, trafgen, tester, 1000, time.Second) // neighbours are known
	gateways := []string{"192.0.2.2", "192.0.2.3"}
	for i := range 4 { // memory that reloads take is taken
		r.reload(soakConfig(gateways[i%2]))
	}
	goroutines := r.goroutines()
	memory, _ := r.memory()
	before := r.counters()

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
	report := offer(t, trafgen, tester, rate, *soakTime)
	stop()
	<-stopped

	after := r.counters()
	t.Logf("%v at %d packets a second, %d reloads of %d route changes each: %+v", *soakTime, rate, reloads, changing, report.Total)
	if report.Total.Sent == 0 || report.Total.Lost != 0 || len(report.Faults) != 0 {
		t.Errorf("the tester: %+v, %v", report.Total, report.Faults)
	}
	for reason, n := range after.Drops {
		if n != before.Drops[reason] {
			t.Errorf("fwd dropped %d: %s", n-before.Drops[reason], reason)
		}
	}
	if *soakTime > 6*time.Minute && after.SlowPath["neighbors refreshed"] == 0 {
		t.Errorf("no neighbour was asked again: %v", after.SlowPath)
	}
	for what, n := range after.Ring {
		if n != before.Ring[what] {
			t.Errorf("the ports' rings: %s: %d", what, n-before.Ring[what])
		}
	}
	if now := r.goroutines(); now > goroutines+5 {
		t.Errorf("goroutines: %d, then %d", goroutines, now)
	}
	if now, _ := r.memory(); now > memory*3/2+16 {
		t.Errorf("resident memory: %d MiB, then %d MiB", memory, now)
	}
}

// soakConfig is the soak's configuration: sites reach the Internet by fallback, and the Internet them by export. The routes
// that change lead to one of the tester's two addresses. The tester, and whatever else the machine does, take the processor
// away for a while: receive rings hold a second, at a block a millisecond.
func soakConfig(gateway string) string {
	var s strings.Builder
	s.WriteString(`
metrics: 127.0.0.1:9100
rings: {blocks: 1024}
ports: {trunk: {}, core: {}}
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
	Total  struct{ Sent, Received, Lost, Duplicate, Reordered uint64 }
}

// offer has trafgen send for a while.
func offer(t testing.TB, trafgen string, tester *testnet.NS, rate int, duration time.Duration) (r report) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "streams.yaml")
	if err := os.WriteFile(file, []byte(streams(rate, duration)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := tester.Command(t.Context(), trafgen, "send", "-c", file, "--json", "--quiet")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if json.Unmarshal(out, &r) != nil {
		t.Fatalf("trafgen: %v\n%s%s", err, out, stderr.String())
	}
	return r
}

// lossFree returns the highest rate, in packets a second, that the tester can send and that trials of a few seconds see no
// loss at.
func lossFree(t testing.TB, trafgen string, tester *testnet.NS) int {
	const trial = 3 * time.Second
	low, high := 1000, 1_000_000
	for high > low*21/20 {
		rate := (low + high) / 2
		r := offer(t, trafgen, tester, rate, trial)
		if sent := int(r.Total.Sent) / int(trial/time.Second); len(r.Faults) == 0 && r.Total.Lost == 0 && sent > rate*98/100 {
			low = rate
		} else {
			high = rate
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
