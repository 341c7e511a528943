package testnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"vrfwd/packet"
)

// within is how long a test waits for what takes no time.
const within = 20 * time.Second

func TestPing(t *testing.T) {
	Need(t, "ping")
	n := New(t)
	a, b := n.NS("a"), n.NS("b")
	n.Veth(a, "eth0", b, "eth1")
	a.Addr("eth0", "192.0.2.1/24")
	b.Addr("eth1", "192.0.2.2/24")
	b.Addr("lo", "198.51.100.1/32")
	a.Route("198.51.100.0/24", "192.0.2.2")
	a.Route("203.0.113.0/24", "eth0")
	a.Neigh("eth0", "192.0.2.2", b.MAC("eth1"))
	a.Run(t, "ping", "-c", "1", "-W", "5", "192.0.2.2")
	a.Run(t, "ping", "-c", "1", "-W", "5", "198.51.100.1")
	if out := a.Run(t, "ip", "neigh"); !strings.Contains(out, "PERMANENT") {
		t.Errorf("no permanent neighbour in %q", out)
	}
	if out := a.Run(t, "ip", "route"); !strings.Contains(out, "203.0.113.0/24 dev eth0 scope link") {
		t.Errorf("no route to a device in %q", out)
	}

	b.SetDown("eth1")
	if err := a.Command(t.Context(), "ping", "-c", "1", "-W", "1", "192.0.2.2").Run(); err == nil {
		t.Error("a ping passes a link that is down")
	}
	b.SetUp("eth1")
	a.Run(t, "ping", "-c", "1", "-W", "5", "192.0.2.2")
	b.Delete("eth1")
	if out := a.Run(t, "ip", "-o", "link"); strings.Contains(out, "eth0") {
		t.Errorf("the other end outlives a veth: %q", out)
	}
}

// TestDo: a socket opened in a namespace is there, and the thread comes back, whatever f does.
func TestDo(t *testing.T) {
	n := New(t)
	ns := n.NS("do")
	names := func() string {
		all, err := net.Interfaces()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(all)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	outside := names()
	var inside string
	ns.Do(func() { inside = names() })
	if inside == outside {
		t.Error("Do runs outside")
	}
	func() {
		defer func() { _ = recover() }()
		ns.Do(func() { panic("in the namespace") })
	}()
	if got := names(); got != outside {
		t.Errorf("after Do the thread sees %s, not %s", got, outside)
	}
	if out, err := exec.Command("ip", "netns", "exec", ns.Name(), "readlink", "/proc/self/ns/net").Output(); err != nil {
		t.Errorf("ip netns exec: %v", err)
	} else if got := ns.Run(t, "readlink", "/proc/self/ns/net"); got != string(out) {
		t.Errorf("Run runs in %s, ip netns exec in %s", got, out)
	}
}

func TestSysctl(t *testing.T) {
	ns := New(t).NS("sysctl")
	ns.Sysctl("net.ipv4.ip_forward", "1")
	if got := ns.Run(t, "cat", "/proc/sys/net/ipv4/ip_forward"); got != "1\n" {
		t.Errorf("ip_forward is %q", got)
	}
}

// TestWire: frames arrive as they were sent, tags in their places, and no others.
func TestWire(t *testing.T) {
	n := New(t)
	a, b := n.NS("a"), n.NS("b")
	n.Veth(a, "eth0", b, "eth1", MTU(9000), Queues(2))
	from, to := a.Wire("eth0"), b.Wire("eth1")

	macs := append(append([]byte{}, b.MAC("eth1")...), a.MAC("eth0")...)
	body := bytes.Repeat([]byte{0x45, 1, 2, 3}, 250)
	for _, c := range []struct {
		name   string
		header []byte
		length int
	}{
		{"untagged", []byte{8, 0}, 46},
		{"odd length", []byte{8, 0}, 47},
		{"VLAN 5", []byte{0x81, 0, 0, 5, 8, 0}, 46},
		{"VLAN 4094, priority 7", []byte{0x81, 0, 0xef, 0xfe, 8, 0}, 1000},
		{"priority tag", []byte{0x81, 0, 0xe0, 0, 8, 0}, 46},
		{"802.1ad", []byte{0x88, 0xa8, 0, 9, 0x81, 0, 0, 5, 8, 0}, 46},
		{"two 802.1Q tags", []byte{0x81, 0, 0, 9, 0x81, 0, 0, 5, 8, 0}, 46},
		{"unknown EtherType", []byte{0x88, 0xb5}, 46},
	} {
		frame := append(append(append([]byte{}, macs...), c.header...), body[:c.length]...)
		from.Send(frame)
		if got, ok := to.Recv(within); !ok || !bytes.Equal(got, frame) {
			t.Errorf("%s: received\n%x\nsent\n%x", c.name, got, frame)
		}
	}
	if got, ok := from.Recv(0); ok {
		t.Errorf("the sender receives %x", got)
	}
	if got, ok := to.Recv(10 * time.Millisecond); ok {
		t.Errorf("not sent, but received: %x", got)
	}
	if lost := to.Lost(); lost != 0 {
		t.Errorf("lost %d", lost)
	}
}

// TestWireTooLong: a frame that the other end does not take is lost, and the sender goes on.
func TestWireTooLong(t *testing.T) {
	n := New(t)
	a, b := n.NS("a"), n.NS("b")
	n.Veth(a, "eth0", b, "eth1", MTU(1500))
	b.Run(t, "ip", "link", "set", "eth1", "mtu", "600")
	from, to := a.Wire("eth0"), b.Wire("eth1")
	long := append(append(append([]byte{}, b.MAC("eth1")...), a.MAC("eth0")...), make([]byte, 1000)...)
	from.Send(long)
	short := long[:60]
	from.Send(short)
	if got, ok := to.Recv(within); !ok || len(got) != len(short) {
		t.Errorf("received %d bytes, want the short frame alone", len(got))
	}
}

// TestOffloads: only where they are asked for does a program's packet arrive with its checksum left to the device.
func TestOffloads(t *testing.T) {
	n := New(t)
	for _, c := range []struct {
		name     string
		opts     []VethOption
		complete bool
	}{{"off", nil, true}, {"on", []VethOption{Offloads()}, false}} {
		a, b := n.NS(c.name+"-a"), n.NS(c.name+"-b")
		n.Veth(a, "eth0", b, "eth1", c.opts...)
		a.Addr("eth0", "192.0.2.1/24")
		a.Neigh("eth0", "192.0.2.2", b.MAC("eth1"))
		w := b.Wire("eth1")
		a.Do(func() {
			conn, err := net.Dial("udp", "192.0.2.2:9")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte("odd")); err != nil {
				t.Fatal(err)
			}
		})
		frame, _ := w.Recv(within)
		const udp = 14 + 20
		if len(frame) < udp+8+3 {
			t.Fatalf("received %x", frame)
		}
		sum := packet.ChecksumPseudo(0xc0000201, 0xc0000202, packet.ProtoUDP, frame[udp:udp+8+3])
		if complete := sum == 0; complete != c.complete {
			t.Errorf("offloads %s: checksum complete: %t, want %t", c.name, complete, c.complete)
		}
		for _, what := range []string{"tx-checksumming", "rx-checksumming", "tx-tcp-segmentation", "generic-segmentation-offload"} {
			if _, err := exec.LookPath("ethtool"); err != nil {
				break
			}
			if out := a.Run(t, "ethtool", "-k", "eth0"); strings.Contains(out, what+": off") != c.complete {
				t.Errorf("offloads %s: %s is wrong:\n%s", c.name, what, out)
			}
		}
	}
}

// TestCleanup: what a test made is gone after it, a program that still runs too.
func TestCleanup(t *testing.T) {
	Need(t, "sleep")
	var ns *NS
	var sleeper *exec.Cmd
	t.Run("inner", func(t *testing.T) {
		ns = New(t).NS("gone")
		sleeper = ns.Command(context.Background(), "sleep", "600")
		if err := sleeper.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the program runs in the namespace", func() bool {
			in, err := os.Stat(filepath.Join("/proc", fmt.Sprint(sleeper.Process.Pid), "ns/net"))
			want, err2 := os.Stat(ns.Path())
			return err == nil && err2 == nil && os.SameFile(in, want)
		})
	})
	if _, err := os.Stat(ns.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left over: %v", ns.Path(), err)
	}
	if err := sleeper.Wait(); err == nil {
		t.Error("the program was not killed")
	}
}

// TestSweep: namespaces of a killed test are removed by the next, those of a living one are not.
func TestSweep(t *testing.T) {
	n := New(t)
	living := n.NS("living")
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Skip(err)
	}
	left := fmt.Sprintf("%sleft-%d-abcdef", prefix, dead.Process.Pid)
	if out, err := exec.Command("ip", "netns", "add", left).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	New(t)
	if _, err := os.Stat(filepath.Join(folder, left)); !errors.Is(err, os.ErrNotExist) {
		_ = exec.Command("ip", "netns", "del", left).Run()
		t.Errorf("%s is left over", left)
	}
	if _, err := os.Stat(living.Path()); err != nil {
		t.Errorf("a living test's namespace is gone: %v", err)
	}
}

// TestShared: the folder of names is a shared mount before the first name, so that none comes to lie under one that ip makes.
func TestShared(t *testing.T) {
	New(t)
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); f[4] == folder && strings.HasPrefix(f[6], "shared:") {
			return
		}
	}
	t.Errorf("%s is not a shared mount:\n%s", folder, mounts)
}

func TestOwner(t *testing.T) {
	for name, want := range map[string]int{
		"vrfwd-a-12-00ff": 12, "vrfwd-with-dashes-7-00ff": 7, "vrfwd-12-00ff": 0, "vrfwd-x": 0, "blue": 0, "other-a-12-00ff": 0,
	} {
		if got := ownerOf(name); got != want {
			t.Errorf("%s: owner %d, want %d", name, got, want)
		}
	}
}

// outcome is a testing.TB that remembers how the test ended.
type outcome struct {
	testing.TB
	skipped, failed string
}

func (o *outcome) Helper()        {}
func (o *outcome) Skip(a ...any)  { o.skipped = fmt.Sprint(a...) }
func (o *outcome) Fatal(a ...any) { o.failed = fmt.Sprint(a...) }

func TestNeed(t *testing.T) {
	for _, c := range []struct{ ci, skipped, failed string }{
		{"", "needs the program no-such-program, the program nor-this", ""},
		{"true", "", "needs the program no-such-program, the program nor-this"},
	} {
		t.Setenv("CI", c.ci)
		var o outcome
		Need(&o, "go", "no-such-program", "nor-this")
		if o.skipped != c.skipped || o.failed != c.failed {
			t.Errorf("CI=%q: skipped %q, failed %q", c.ci, o.skipped, o.failed)
		}
	}
	var o outcome
	t.Setenv("PATH", t.TempDir())
	Need(&o)
	if o.skipped+o.failed != "" {
		t.Errorf("nothing is needed: %q %q", o.skipped, o.failed)
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}
