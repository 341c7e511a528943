package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vrfwd/internal/testnet"
	fwd "vrfwd/router"
)

// TestSiteReload: while a ping and a TCP connection go on, files are taken, and others refused: none costs a packet.
func TestSiteReload(t *testing.T) {
	testnet.Need(t, "ping")
	p := newPlace(t)
	good := config(byShares, byFallback)
	other := config(replaced(byShares, "{prefix: 0.0.0.0/0, gateway: 192.0.2.2}", "{prefix: 0.0.0.0/1, gateway: 192.0.2.2}\n  - {prefix: 128.0.0.0/1, gateway: 192.0.2.2}"), byFallback)
	r := start(t, p.pe, good)
	reaches(t, p.red, ispLoopback)
	reaches(t, p.isp, redPublic)
	c := converse(t, p.red, redPublic, p.isp, ispLoopback)
	ping := p.red.Command(t.Context(), "ping", "-n", "-i", "0.02", ispLoopback)
	var report strings.Builder
	ping.Stdout, ping.Stderr = &report, &report
	if err := ping.Start(); err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		if i%3 == 2 {
			r.refuses(i)
			continue
		}
		r.reload([]string{good, other}[i%2])
		time.Sleep(50 * time.Millisecond) // a few pings by this file
	}
	_ = ping.Process.Signal(syscall.SIGINT)
	_ = ping.Wait()
	// Not by its count of lost packets: one may be on its way when the signal comes.
	answered := regexp.MustCompile(`icmp_seq=(\d+) ttl`).FindAllStringSubmatch(report.String(), -1)
	for i, a := range answered {
		if a[1] != strconv.Itoa(i+1) {
			t.Errorf("ping lost packets:\n%s", &report)
			break
		}
	}
	if len(answered) < 12 {
		t.Errorf("ping had %d answers:\n%s", len(answered), &report)
	}
	c.goesOn("reloads")
	c.whole()
	r.counters()
}

// refuses gives fwd a file with a fault, which must be refused at its line, with the code for bad input.
func (r *router) refuses(n int) {
	r.t.Helper()
	faults := []struct{ text, says string }{
		{"ports: {core: {}}\nvr:\n  routes:\n    - {prefix: 10.0.0.0/33, discard: true}\n", `fwd\.yaml:5:16: .*10\.0\.0\.0/33`},
		{"ports: {core: {}}\nvr:\n  rotues: []\n", `fwd\.yaml:4:3: .*rotues`},
		{"ports: {core: {}\nvr:\n", `fwd\.yaml:\d+:\d+: `},
		{"ports: {core: {}}\nvr:\n  routes:\n    - {prefix: 10.0.0.0/8, gateway: 192.0.2.2, share: none}\n", `fwd\.yaml:5:\d+: .*none`},
	}
	f := faults[n/3%len(faults)]
	r.write(f.text)
	out, err := r.ask("reload")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !regexp.MustCompile(f.says).MatchString(out) {
		r.t.Errorf("a faulty file should be refused with code 2 and %q: %v\n%s", f.says, err, out)
	}
}

// TestSiteAccount: at SIGTERM under load, the account that fwd prints is what the kernel's devices counted.
func TestSiteAccount(t *testing.T) {
	testnet.Need(t, "ping")
	p := newPlace(t)
	p.isp.Neigh("eth0", "192.0.2.1", p.pe.MAC("core")) // so that no ARP is answered meanwhile
	r := start(t, p.pe, config(byShares, byFallback))
	reaches(t, p.red, ispLoopback)
	reaches(t, p.isp, bluePublic)
	c := r.counters()
	ours := asJSON[fwd.Interfaces](r, "interfaces").Ports
	arrived := func(ns *testnet.NS) int {
		var links []struct {
			Stats64 struct{ Rx struct{ Packets int } }
		}
		if err := json.Unmarshal([]byte(ns.Run(t, "ip", "-s", "-j", "link", "show", "dev", "eth0")), &links); err != nil || len(links) != 1 {
			t.Fatalf("%v: %v", err, links)
		}
		return links[0].Stats64.Rx.Packets
	}
	// Before: what each port says it sent has arrived.
	for name, ns := range map[string]*testnet.NS{"core": p.isp, "red": p.red, "blue": p.blue, "green": p.green} {
		at := slices.IndexFunc(ours, func(port fwd.Port) bool { return port.Name == name })
		if n := arrived(ns); at < 0 || int(ours[at].Tx.Packets) != n {
			t.Errorf("%s: %d frames arrived of %+v", name, n, ours[at])
		}
	}
	before := arrived(p.isp)

	wire, frame := p.red.Wire("eth0"), p.datagram(nil)
	bad := p.datagram(func(h *ipHeader) { h.from = netip.MustParseAddr("127.0.0.1") })
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				wire.Send(frame)
				wire.Send(bad)
			}
		}
	}()
	eventually(t, "there is load", func() bool { return arrived(p.isp) > before+2000 })
	said, code := r.stop()
	close(stop)
	<-stopped
	if code != 0 {
		t.Errorf("fwd ended with %d", code)
	}
	var received, forwarded, punted, dropped int
	at := strings.LastIndex(said, "received ")
	if _, err := fmt.Sscanf(said[max(0, at):], "received %d forwarded %d punted %d dropped %d", &received, &forwarded, &punted, &dropped); err != nil {
		t.Fatalf("%v:\n%s", err, said)
	}
	if received != forwarded+punted+dropped {
		t.Errorf("the account does not balance: %s", said[at:])
	}
	// Since then fwd has forwarded to the uplink alone: the datagrams' UDP length is 0, which no host answers.
	if sent, came := forwarded-int(c.Forwarded), arrived(p.isp)-before; sent != came {
		t.Errorf("fwd says it forwarded %d frames under load, %d arrived", sent, came)
	}
}

// TestSiteCapture: a capture of drops has just the frames that were dropped, byte by byte, and why.
func TestSiteCapture(t *testing.T) {
	testnet.Need(t, "ping", "tshark")
	p := newPlace(t)
	r := start(t, p.pe, config(byShares, byFallback))
	reaches(t, p.red, ispLoopback)
	martian := p.datagram(func(h *ipHeader) { h.from = netip.MustParseAddr("127.0.0.9") })
	broken := p.datagram(nil)
	broken[25]++
	wire := p.red.Wire("eth0")
	capture := func(during func(), args ...string) string {
		file := filepath.Join(t.TempDir(), "drops.pcapng")
		cmd := r.ns.Command(context.Background(), r.program, append([]string{"capture", "--socket", r.control, "-w", file}, args...)...)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if err := cmd.Wait(); err != nil {
				t.Errorf("fwd capture: %v\n%s", err, &out)
			}
		}()
		empty := int64(-1)
		eventually(t, "the capture has frames", func() bool { // once it is armed
			during()
			info, err := os.Stat(file)
			if err != nil {
				return false
			}
			if empty < 0 {
				empty = info.Size()
			}
			return info.Size() > max(empty, 1000)
		})
		_ = cmd.Process.Signal(syscall.SIGINT)
		<-ended
		return p.pe.Run(t, "tshark", "-n", "-r", file, "-T", "fields", "-E", "separator=|", "-e", "frame.interface_name", "-e", "frame.comment", "-e", "ip.src", "-e", "ip.checksum", "-e", "frame.len")
	}
	load := func() {
		wire.Send(martian)
		wire.Send(broken)
		_ = pings(t, p.blue, ispLoopback)
	}
	line := map[string]string{
		"martian source": fmt.Sprintf("127.0.0.9|0x%x|%d", martian[24:26], len(martian)),
		"bad checksum":   fmt.Sprintf("%s|0x%x|%d", redPublic, broken[24:26], len(broken)),
	}
	check := func(what, out string, want ...string) {
		t.Helper()
		seen := map[string]int{}
		for row := range strings.Lines(out) {
			if strings.HasPrefix(row, "Running as user") {
				continue
			}
			known := false
			for _, reason := range want {
				if strings.Contains(row, "|dropped: "+reason+"|"+line[reason]) && strings.Contains(row, "red") {
					seen[reason]++
					known = true
				}
			}
			if !known {
				t.Errorf("%s: %s", what, row)
			}
		}
		if len(seen) != len(want) {
			t.Errorf("%s has %v, not %v:\n%s", what, seen, want, out)
		}
	}
	check("all drops", capture(load, "--drops"), "martian source", "bad checksum")
	check("one reason", capture(load, "--drops", "bad checksum"), "bad checksum")

	out := capture(load, "--interface", "uplink")
	if !strings.Contains(out, bluePublic+"|") || !strings.Contains(out, ispLoopback+"|") || strings.Contains(out, "127.0.0.9") || strings.Contains(out, "dropped") {
		t.Errorf("what goes through the uplink:\n%s", out)
	}
}

// TestSiteLookup: what `fwd show lookup` explains is what happens to packets.
func TestSiteLookup(t *testing.T) {
	testnet.Need(t, "ping")
	p := newPlace(t)
	text := config(byShares, byFallback)
	r := start(t, p.pe, text)
	reaches(t, p.red, ispLoopback)
	lookup := func(address, vrf string) fwd.Lookup { return asJSON[fwd.Lookup](r, "lookup", address, "--vrf", vrf) }

	l := lookup(ispLoopback, "red")
	if l.Verdict != "forward" || !l.Fallback || l.Route == nil || l.Route.Prefix != "0.0.0.0/0" || l.Route.VR != "default" || l.Adjacency == nil ||
		l.Adjacency.Port != "core" || l.Adjacency.Destination != p.isp.MAC("eth0").String() || l.Adjacency.Source != p.pe.MAC("core").String() {
		t.Errorf("red to the Internet: %+v, %+v, %+v", l, l.Route, l.Adjacency)
	}
	if l := lookup(redPublic, "red"); l.Verdict != "forward" || l.Route.VR != "red" || l.Adjacency.Port != "red" || l.Adjacency.Destination != p.red.MAC("eth0").String() {
		t.Errorf("red to itself: %+v, %+v, %+v", l, l.Route, l.Adjacency)
	}
	if l := lookup(redPublic, "default"); l.Verdict != "forward" || l.Adjacency.Interface != "to-red" || l.Adjacency.Port != "red" {
		t.Errorf("the Internet to red: %+v, %+v", l, l.Adjacency)
	}
	if l := lookup("10.0.0.1", "red"); l.Verdict != "slow" || l.Reason != "local" {
		t.Errorf("red to the provider edge: %+v", l)
	}
	if l := lookup(ispLoopback, "green"); l.Verdict == "forward" || l.Reason != "no route" {
		t.Errorf("green to the Internet: %+v", l)
	}
	r.reload(replaced(text, "{prefix: 0.0.0.0/0, gateway: 192.0.2.2}", "{prefix: 0.0.0.0/0, discard: true}"))
	if l := lookup(ispLoopback, "red"); l.Verdict != "drop" || l.Reason != "discard" || pings(t, p.red, ispLoopback) {
		t.Errorf("red to the Internet, by a discard route: %+v", l)
	}
	r.reload(text)
	if l := lookup(ispLoopback, "red"); l.Verdict != "forward" || !pings(t, p.red, ispLoopback) {
		t.Errorf("red to the Internet again: %+v", l)
	}
	if out := r.show("lookup", ispLoopback, "--vrf", "red"); !strings.Contains(out, "fallback") || !strings.Contains(out, "0.0.0.0/0") || !strings.Contains(out, "uplink") {
		t.Errorf("the text does not tell of fallback, prefix and interface:\n%s", out)
	}
}
