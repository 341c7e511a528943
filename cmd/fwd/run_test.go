package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vrfwd/cmd/internal/cli"
	"vrfwd/internal/testnet"
	"vrfwd/router"
)

// network is a CE in a VPN and a host of the Internet, with a PE between them.
//
//	ce 10.0.0.2 -- oa|fa 10.0.0.1 [ PE ] 192.0.2.1 fb|ob -- 192.0.2.2 host
type network struct{ pe, ce, host *testnet.NS }

const networkConfig = `
ports: {fa: {}, fb: {}}
vr:
  interfaces:
    uplink: {layer2: fb, addresses: [192.0.2.1/24]}
  shares:
    to-red: {layer2: fa}
  routes:
    - {prefix: 10.0.0.0/24, gateway: 10.0.0.2, share: to-red}
    - {prefix: 198.51.100.0/24, discard: true}
vrfs:
  red:
    interfaces:
      ce: {layer2: fa, addresses: [10.0.0.1/24], fallback-global: true}
`

func newNetwork(t *testing.T) network {
	testnet.Need(t, "root", "ping")
	n := testnet.New(t)
	w := network{n.NS("pe"), n.NS("ce"), n.NS("host")}
	n.Veth(w.pe, "fa", w.ce, "oa")
	n.Veth(w.pe, "fb", w.host, "ob")
	w.ce.Addr("oa", "10.0.0.2/24")
	w.ce.Route("0.0.0.0/0", "10.0.0.1")
	w.host.Addr("ob", "192.0.2.2/24")
	w.host.Route("10.0.0.0/24", "192.0.2.1")
	return w
}

func (w network) ping(t *testing.T, to string) {
	t.Helper()
	w.ce.Run(t, "ping", "-c", "3", "-i", "0.05", "-W", "5", to)
}

// TestRun: a router that one can ping through, ask, reload and end.
func TestRun(t *testing.T) {
	w := newNetwork(t)
	p := startRun(t, w.pe, networkConfig, "--interval", "100ms")
	w.ping(t, "192.0.2.2")
	w.ping(t, "10.0.0.1")

	for command, want := range map[string]string{
		"interfaces": "uplink", "routes": "198.51.100.0/24", "routes red": "10.0.0.1/32", "routes 192.0.2.2": "192.0.2.2/32",
		"lookup 192.0.2.2 --vrf red": "fallback", "neighbors": "reachable", "counters": "forwarded", "workers": "NS/FRAME",
		"import": "MAX ROUTES", "export": "ORIGINATED", "vrs": "ROUTES BY SOURCE",
		"bgp summary": "0 of 0 sessions up", "bgp neighbor": "", "bgp routes": "AS PATH", "bgp routes 192.0.2.0/24 --vrf red": "AS PATH",
	} {
		if code, out, errs := p.ask(append([]string{"show"}, strings.Fields(command)...)...); code != 0 || !strings.Contains(out, want) {
			t.Errorf("show %s: %d\n%s%s", command, code, out, errs)
		}
		code, out, errs := p.ask(append([]string{"show", "--json"}, strings.Fields(command)...)...)
		var any any
		if err := json.Unmarshal([]byte(out), &any); code != 0 || err != nil {
			t.Errorf("show --json %s: %d, %v\n%s%s", command, code, err, out, errs)
		}
	}
	if code, _, errs := p.ask("show", "lookup", "1.2.3.4", "--vrf", "rde"); code != cli.BadUse || !strings.Contains(errs, "known: default, red") {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, errs := p.ask("show", "bgp", "neighbor", "192.0.2.2"); code != cli.BadUse || !strings.Contains(errs, "no neighbour 192.0.2.2; known: none") {
		t.Errorf("%d %s", code, errs)
	}
	if code, out, errs := p.ask("clear", "bgp", "all", "--in"); code != 0 || !strings.Contains(out, "there is no neighbour") {
		t.Errorf("clear bgp all: %d\n%s%s", code, out, errs)
	}
	if code, _, errs := p.ask("clear", "bgp", "10.0.0.2", "--vrf", "red"); code != cli.BadUse || !strings.Contains(errs, "no neighbour 10.0.0.2 in red") {
		t.Errorf("%d %s", code, errs)
	}
	if code, out, _ := fwd(t, "show", "counters", "-c", p.file); code != 0 || !strings.Contains(out, "received") {
		t.Errorf("by the configuration's name: %d %s", code, out)
	}

	p.write(strings.Replace(networkConfig, "    - {prefix: 198.51.100.0/24, discard: true}\n", "", 1))
	if code, out, errs := p.ask("reload"); code != 0 || !strings.Contains(out, "1 changes applied") {
		t.Errorf("reload: %d\n%s%s", code, out, errs)
	}
	p.write("ports: {fa: {}}\n")
	code, _, errs := p.ask("reload")
	if code != cli.BadUse || !strings.Contains(errs, p.file+":2:") || !strings.Contains(errs, "restart") {
		t.Errorf("a bad reload: %d\n%s", code, errs)
	}
	p.write(networkConfig)
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "SIGHUP reloads", func() bool { return strings.Count(p.log.String(), "reloaded") == 2 })
	_, out, _ := p.ask("show", "counters", "--json")
	var before router.Counters // what waited for ARP, on the slow path, is not in forwarded
	if err := json.Unmarshal([]byte(out), &before); err != nil {
		t.Fatal(err)
	}
	w.ping(t, "192.0.2.2")
	waitFor(t, "log lines of what is forwarded", func() bool { return strings.Contains(p.log.String(), "rx_pps") })

	out = p.stop(syscall.SIGTERM)
	var received, forwarded, punted, dropped uint64
	if _, err := fmt.Sscanf(out, "received %d forwarded %d punted %d dropped %d", &received, &forwarded, &punted, &dropped); err != nil ||
		received != forwarded+punted+dropped || forwarded < before.Forwarded+6 { // three there, three back
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(p.socket); !os.IsNotExist(err) {
		t.Error("the control socket is still there")
	}
}

// TestRunPrivileges: what a running router may do, in all its threads: open packet sockets, prefer workers, with BGP make TUN devices and
// listen below port 1024, and nothing else.
func TestRunPrivileges(t *testing.T) {
	testnet.Need(t, "tun")
	w := newNetwork(t)
	const (
		netRaw  = "0000000000802000" // and CAP_SYS_NICE
		withBGP = "0000000000803400" // CAP_NET_ADMIN and CAP_NET_BIND_SERVICE too
	)
	bgpConfig := strings.Replace(networkConfig, "  shares:\n",
		"  host: {device: pe0}\n  bgp: {as: 64500, neighbors: {192.0.2.2: {as: 64500, passive: true}}}\n  shares:\n", 1)
	for _, c := range []struct {
		text  string
		flags []string
		want  func(bits string) bool
	}{
		{networkConfig, nil, func(bits string) bool { return bits == netRaw }},
		{bgpConfig, nil, func(bits string) bool { return bits == withBGP }},
		{networkConfig, []string{"--keep-privileges"}, func(bits string) bool { return bits != netRaw }},
	} {
		p := startRun(t, w.pe, c.text, c.flags...)
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.cmd.Process.Pid))
		if err != nil || len(threads) < 3 {
			t.Fatal(threads, err)
		}
		for _, name := range threads {
			status, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(string(status), "\n") {
				key, value, _ := strings.Cut(line, ":\t")
				if (key == "CapPrm" || key == "CapEff" || key == "CapBnd") && !c.want(value) ||
					key == "NoNewPrivs" && (value == "1") != (c.flags == nil) {
					t.Errorf("%v: %s", c.flags, line)
				}
			}
		}
		p.stop(syscall.SIGINT)
	}
}

// TestRunLinks: a link goes down and comes back, an interface is deleted and made again, and the router goes on, with one
// worker and with two.
func TestRunLinks(t *testing.T) {
	for _, workers := range []string{"", "workers: 2\n"} {
		w := newNetwork(t)
		p := startRun(t, w.pe, workers+networkConfig)
		w.ping(t, "192.0.2.2")
		state := func(want string) {
			t.Helper()
			waitFor(t, "port fb is "+want, func() bool {
				_, out, _ := p.ask("show", "interfaces", "--json")
				var i router.Interfaces
				return json.Unmarshal([]byte(out), &i) == nil && i.Ports[1].Up == (want == "up")
			})
		}
		w.pe.SetDown("fb")
		state("down")
		waitFor(t, "its routes are withdrawn", func() bool { // a moment later
			_, out, _ := p.ask("show", "lookup", "192.0.2.2", "--vrf", "red")
			return strings.Contains(out, "no route")
		})
		w.pe.SetUp("fb")
		state("up")
		w.ping(t, "192.0.2.2")

		w.pe.Delete("fb")
		state("down")
		w.pe.Run(t, "ip", "link", "add", "fb", "type", "veth", "peer", "name", "ob", "netns", w.host.Name())
		for _, end := range []struct {
			ns   *testnet.NS
			name string
		}{{w.pe, "fb"}, {w.host, "ob"}} {
			end.ns.Run(t, "ethtool", "-K", end.name, "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off")
			end.ns.SetUp(end.name)
		}
		w.host.Addr("ob", "192.0.2.2/24")
		w.host.Route("10.0.0.0/24", "192.0.2.1")
		state("up")
		w.ping(t, "192.0.2.2")
		w.ce.Run(t, "ping", "-c", "1", "-W", "5", "192.0.2.1") // the slow path's queue is new too
		p.stop(syscall.SIGTERM)
	}
}

// TestCapture: the drops of a running router, in a file that its reasons are in.
func TestCapture(t *testing.T) {
	testnet.Need(t, "tshark")
	w := newNetwork(t)
	p := startRun(t, w.pe, networkConfig)
	file := filepath.Join(t.TempDir(), "drops.pcapng")
	type result struct {
		code int
		errs string
	}
	done := make(chan result, 1)
	go func() {
		code, _, errs := p.ask("capture", "--interface", "ce", "--drops", "discard", "-w", file, "--duration", "1s")
		done <- result{code, errs}
	}()
	for captured := false; !captured; {
		w.ce.Command(t.Context(), "ping", "-c", "1", "-W", "0.05", "198.51.100.7").Run() //nolint:errcheck // nobody answers
		select {
		case r := <-done:
			if r.code != 0 {
				t.Fatal(r.errs)
			}
			captured = true
		default:
		}
	}
	out := w.pe.Run(t, "tshark", "-r", file, "-T", "fields", "-E", "separator=|", "-e", "frame.interface_name", "-e", "frame.comment", "-e", "ip.dst")
	if !strings.Contains(out, "ce@fa|dropped: discard|198.51.100.7") {
		t.Error(out)
	}
	p.stop(syscall.SIGINT)
}

// TestRunHosts: a program of the machine answers on a loopback of the parent, a reload gives the VRF such a device too, and
// one that cannot be made changes nothing.
func TestRunHosts(t *testing.T) {
	testnet.Need(t, "tun")
	w := newNetwork(t)
	text := strings.Replace(networkConfig, "  shares:\n", "  loopbacks:\n    lo0: {addresses: [203.0.113.1/32]}\n  host: {device: pe0}\n  shares:\n", 1)
	p := startRun(t, w.pe, text)
	w.ping(t, "203.0.113.1")
	w.pe.Run(t, "ip", "link", "show", "pe0")

	more := strings.Replace(text, "  red:\n", "  red:\n    host: {device: red0}\n", 1)
	p.write(more)
	if code, out, errs := p.ask("reload"); code != 0 {
		t.Errorf("reload: %d\n%s%s", code, out, errs)
	}
	w.pe.Run(t, "ip", "link", "show", "red0")
	p.write(strings.Replace(more, "red0", "lo", 1))
	if code, _, errs := p.ask("reload"); code != cli.Failed || !strings.Contains(errs, "TUN device lo") {
		t.Errorf("a name that is taken: %d\n%s", code, errs)
	}
	w.pe.Run(t, "ip", "link", "show", "red0") // still there
	w.ping(t, "203.0.113.1")
	p.stop(syscall.SIGTERM)
	if out := w.pe.Run(t, "ip", "-o", "link"); strings.Contains(out, "pe0") || strings.Contains(out, "red0") {
		t.Error("the devices are still there:", out)
	}
}
