package main

import (
	"compress/gzip"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"vrfwd/internal/testnet"
)

// A configuration of two ports that are there in the test's namespace.
const goodConfig = `
ports: {fa: {}, fb: {}}
vr:
  interfaces:
    uplink: {layer2: fb, addresses: [192.0.2.1/24]}
vrfs:
  red:
    interfaces:
      ce: {layer2: fa, addresses: [10.0.0.1/24], fallback-global: true}
`

// with1 replaces one thing in the good configuration.
func with1(old, new string) string { return strings.Replace(goodConfig, old, new, 1) }

// fault is something wrong with a command line, a file or the machine. DIR stands for the test's folder, and FILE for the
// configuration in it.
type fault struct {
	name   string
	config string
	args   []string
	code   int
	says   []string // on standard error
}

// fileFaults need nothing but the program.
var fileFaults = []fault{
	{"no configuration given", "", []string{"run"}, 2, []string{"--config is needed", "fwd init"}},
	{"no such file", "", []string{"run", "-c", "DIR/nope.yaml"}, 2, []string{"DIR/nope.yaml", "no such file"}},
	{"a folder", "", []string{"run", "-c", "DIR"}, 2, []string{"DIR", "not a regular file"}},
	{"empty file", "\n", []string{"check", "FILE"}, 2, []string{"FILE", "empty", "fwd init"}},
	{"bad YAML", "ports: [", []string{"check", "FILE"}, 2, []string{"FILE:1:8"}},
	{"unknown key", goodConfig + "portz: {}\n", []string{"check", "FILE"}, 2, []string{"FILE:10:1", "portz", "ports"}},
	{"bad prefix", with1("192.0.2.1/24", "192.0.2.1/33"), []string{"run", "-c", "FILE"}, 2, []string{"FILE:5:", "192.0.2.1/33"}},
	{"bad word", with1("fallback-global: true", "fallback-global: maybe"), []string{"check", "FILE"}, 2, []string{"FILE:9:", "maybe", "true"}},
	{"bad VLAN", with1("layer2: fa", "layer2: fa.4095"), []string{"check", "FILE"}, 2, []string{"FILE:9:", "4095", "4094"}},
	{"unknown name", with1("layer2: fa", "layer2: fc"), []string{"check", "FILE"}, 2, []string{"FILE:9:", "fc"}},
	{"one VLAN twice", with1("layer2: fa", "layer2: fb"), []string{"check", "FILE"}, 2, []string{"FILE:9:", "uplink"}},
	{"import map without max-routes", goodConfig + "    global-import-map: {route-map: m}\nroute-maps: {m: [permit: {}]}\n", []string{"check", "FILE"}, 2,
		[]string{"FILE:10:", "max-routes"}},
	{"more VRFs than room", "max-vrfs: 1\n" + goodConfig + "  blue: {}\n", []string{"check", "FILE"}, 2, []string{"FILE:", "max-vrfs"}},
	{"table file missing", with1("vrfs:", "  tables: [{file: nope.txt, next-hops: [192.0.2.2]}]\nvrfs:"), []string{"run", "-c", "FILE"}, 2,
		[]string{"FILE:6:", "nope.txt", "no such file"}},
	{"table file with a bad line", with1("vrfs:", "  tables: [{file: bad.txt, next-hops: [192.0.2.2]}]\nvrfs:"), []string{"run", "-c", "FILE"}, 2,
		[]string{"bad.txt:2:", `"40"`, "FILE:6:"}},
	{"table file truncated", with1("vrfs:", "  tables: [{file: cut.txt.gz, next-hops: [192.0.2.2]}]\nvrfs:"), []string{"run", "-c", "FILE"}, 2,
		[]string{"cut.txt.gz"}},
	{"bad interval", goodConfig, []string{"run", "-c", "FILE", "--interval", "-1s"}, 2, []string{"--interval -1s"}},
	{"no duration", goodConfig, []string{"run", "-c", "FILE", "--interval", "often"}, 2, []string{"--interval", "often", "--help"}},
	{"argument of run", goodConfig, []string{"run", "FILE"}, 2, []string{"takes no arguments", "FILE"}},
	{"check without a file", "", []string{"check"}, 2, []string{"needs a file"}},
	{"unknown show", "", []string{"show", "weather"}, 2, []string{"weather", "interfaces, routes, lookup"}},
	{"lookup of nothing", "", []string{"show", "lookup"}, 2, []string{"needs an address"}},
	{"too many of routes", "", []string{"show", "routes", "a", "b", "c"}, 2, []string{`"c"`}},
	{"nobody at the socket", "", []string{"show", "counters", "-s", "DIR/nope.sock"}, 1, []string{"no router answers at DIR/nope.sock", "fwd run"}},
	{"socket and configuration", "", []string{"show", "counters", "-s", "x", "-c", "y"}, 2, []string{"--socket and --config"}},
	{"configuration without a socket", goodConfig, []string{"reload", "-c", "FILE"}, 2, []string{"FILE", "control: PATH"}},
	{"capture to nowhere", "", []string{"capture"}, 2, []string{"capture: -w", "standard output"}},
	{"a reason without drops", "", []string{"capture", "-w", "x", "arp"}, 2, []string{`"arp"`, "--drops"}},
	{"capture backwards", "", []string{"capture", "-w", "x", "--duration", "-5s"}, 2, []string{"--duration -5s"}},
	{"no VRFs generated", "", []string{"init", "--vrfs", "0"}, 2, []string{"--vrfs 0"}},
	{"routes without VRFs", "", []string{"init", "--routes", "5"}, 2, []string{"--routes", "--vrfs"}},
	{"init over a file", goodConfig, []string{"init", "-o", "FILE"}, 2, []string{"FILE", "--force"}},
	{"init into no folder", "", []string{"init", "-o", "DIR/no/file"}, 2, []string{"DIR/no/file"}},
}

// TestFaults: each fault has its exit code and a message with its place and the remedy, and nothing on standard output.
func TestFaults(t *testing.T) {
	program := binary(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"bad.txt": "10.0.0.0/8\n10.0.0.0/40\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cutGzip(t, filepath.Join(dir, "cut.txt.gz"))
	for _, f := range fileFaults {
		t.Run(f.name, func(t *testing.T) {
			f.run(t, dir, func(args []string) *exec.Cmd { return exec.Command(program, args...) })
		})
	}
}

// run runs one fault.
func (f fault) run(t *testing.T, dir string, command func(args []string) *exec.Cmd) {
	t.Helper()
	file := filepath.Join(dir, "pe.yaml")
	names := strings.NewReplacer("DIR", dir, "FILE", file)
	if err := os.WriteFile(file, []byte(names.Replace(f.config)), 0o644); err != nil {
		t.Fatal(err)
	}
	var args []string
	for _, a := range f.args {
		args = append(args, names.Replace(a))
	}
	cmd := command(args)
	var out, errs written
	cmd.Stdout, cmd.Stderr = &out, &errs
	if code := exitOf(t, cmd.Run()); code != f.code {
		t.Errorf("exit code %d, want %d\n%s", code, f.code, errs.String())
	}
	for _, want := range f.says {
		if want = names.Replace(want); !strings.Contains(errs.String(), want) {
			t.Errorf("no %q in\n%s", want, errs.String())
		}
	}
	if out.String() != "" || !strings.HasPrefix(lastError(errs.String()), "fwd: ") {
		t.Errorf("standard output %q, standard error %q", out.String(), errs.String())
	}
}

// lastError is what follows the log.
func lastError(s string) string {
	if i := strings.Index(s, "fwd: "); i >= 0 {
		return s[i:]
	}
	return s
}

// cutGzip writes half of a compressed list.
func cutGzip(t *testing.T, name string) {
	t.Helper()
	var b written
	z := gzip.NewWriter(&b)
	for range 1000 {
		if _, err := z.Write([]byte("10.0.0.0/8\n192.0.2.0/24\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(b.String()[:len(b.String())/2]), 0o600); err != nil {
		t.Fatal(err)
	}
}

// machineFaults need a namespace with the ports fa and fb, both up.
var machineFaults = []fault{
	{"no such interface", with1("fb: {}", "fb: {device: fc}"), []string{"run", "-c", "FILE"}, 1, []string{"port fb", `"fc"`, "no such interface", "ip link"}},
	{"not Ethernet", with1("fb: {}", "fb: {device: tun9}"), []string{"run", "-c", "FILE"}, 1, []string{"port fb", "not an Ethernet interface"}},
	{"ring too large", "rings: {blocks: 65536, block-size: 1MiB}\n" + goodConfig, []string{"run", "-c", "FILE"}, 1, []string{"port fa", "65536 blocks", "at most 2 GiB"}},
	{"block size", "rings: {block-size: 100000}\n" + goodConfig, []string{"run", "-c", "FILE"}, 2, []string{"FILE:1:", "100000", "power of two"}},
	{"no such CPU", "cpus: [4095]\n" + goodConfig, []string{"run", "-c", "FILE"}, 1, []string{"CPU 4095", "may run on"}},
	{"MTU above the device's", with1("fb: {}", "fb: {mtu: 9000}"), []string{"run", "-c", "FILE"}, 2, []string{"FILE:2:", "9000", "1500"}},
	{"socket in no folder", "control: DIR/no/s\n" + goodConfig, []string{"run", "-c", "FILE"}, 1, []string{"DIR/no/s", "no such file"}},
	{"socket is a file", "control: FILE\n" + goodConfig, []string{"run", "-c", "FILE"}, 1, []string{"control socket FILE", "no socket"}},
	{"socket taken", "control: DIR/taken\n" + goodConfig, []string{"run", "-c", "FILE"}, 1, []string{"control socket DIR/taken", "taken", "stop it"}},
	{"address taken", "metrics: 127.0.0.1:9\n" + goodConfig, []string{"run", "-c", "FILE"}, 1, []string{"metrics 127.0.0.1:9", "in use", "choose another"}},
	{"TUN device's name taken", with1("vrfs:", "  host: {device: fd}\nvrfs:"), []string{"run", "-c", "FILE"}, 1, []string{"TUN device fd", "choose another"}},
	{"no such namespace", with1("vrfs:", "  host: {device: pe0, netns: nope}\nvrfs:"), []string{"run", "-c", "FILE"}, 1, []string{"nope"}},
	{"link down, several workers", "workers: 2\n" + with1("fb: {}", "fb: {device: fd}"), []string{"run", "-c", "FILE"}, 1, []string{"port fb", "down", "ip link set fd up"}},
}

// TestMachineFaults: what the machine has not or does not allow.
func TestMachineFaults(t *testing.T) {
	testnet.Need(t, "root", "tun")
	program := binary(t)
	n := testnet.New(t)
	pe, other := n.NS("pe"), n.NS("other")
	for _, port := range []string{"a", "b", "d"} {
		n.Veth(pe, "f"+port, other, "o"+port)
	}
	pe.SetDown("fd")
	pe.Run(t, "ip", "tuntap", "add", "tun9", "mode", "tun")
	dir := t.TempDir()
	taken, err := net.Listen("unix", filepath.Join(dir, "taken"))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	pe.Do(func() {
		l, err := net.Listen("tcp", "127.0.0.1:9")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	})
	for _, f := range machineFaults {
		t.Run(f.name, func(t *testing.T) {
			f.run(t, dir, func(args []string) *exec.Cmd { return pe.Command(context.Background(), program, args...) })
		})
	}
}

// TestPrivilegeFaults: what somebody without privileges meets.
func TestPrivilegeFaults(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	program := binary(t)
	dir := filepath.Join(programs.Dir, "nobody") // which nobody can read
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	nobody := func(args []string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		asNobody(cmd)
		return cmd
	}
	for _, f := range []fault{
		{"no capability", with1("fa: {}", "fa: {device: lo}"), []string{"run", "-c", "FILE"}, 1, []string{"port fa", "operation not permitted", "CAP_NET_RAW", "root"}},
		{"socket where nobody may write", "control: /fwd.sock\n" + goodConfig, []string{"run", "-c", "FILE"}, 1, []string{"control socket /fwd.sock", "permission denied"}},
	} {
		t.Run(f.name, func(t *testing.T) { f.run(t, dir, nobody) })
	}
	secret := filepath.Join(dir, "secret.yaml")
	if err := os.WriteFile(secret, []byte(goodConfig), 0o000); err != nil {
		t.Fatal(err)
	}
	fault{"unreadable file", "", []string{"run", "-c", secret}, 2, []string{secret, "permission denied"}}.run(t, dir, nobody)
}
