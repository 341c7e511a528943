package testnet

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// NS is a network namespace with lo up and IPv6 off. Do, Command and Run may be called from any goroutine, what changes
// the namespace from the test's own.
type NS struct {
	t      testing.TB
	name   string
	handle netns.NsHandle
	links  *netlink.Handle
}

// NS makes a namespace, named after name in a way that no other test's is.
func (n *Net) NS(name string) *NS {
	n.t.Helper()
	ns := &NS{t: n.t, name: prefix + name + n.suffix}
	handle, err := create(ns.name)
	if err != nil {
		n.t.Fatalf("namespace %s: %v", ns.name, err)
	}
	ns.handle = handle
	n.t.Cleanup(ns.delete)
	if ns.links, err = netlink.NewHandleAt(handle); err != nil {
		n.t.Fatalf("namespace %s: netlink: %v", ns.name, err)
	}
	ns.SetUp("lo")
	if _, err := os.Stat("/proc/sys/net/ipv6"); err == nil {
		// No router solicitations, no neighbour discovery: what a test sees on a link is what it sent.
		ns.Sysctl("net.ipv6.conf.all.disable_ipv6", "1")
		ns.Sysctl("net.ipv6.conf.default.disable_ipv6", "1")
	}
	return ns
}

// create makes a named namespace. The library moves the calling thread into it: this comes back.
func create(name string) (netns.NsHandle, error) {
	runtime.LockOSThread()
	here, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return 0, err
	}
	defer here.Close()
	made, err := netns.NewNamed(name)
	// A thread that cannot come back stays locked, and ends with its goroutine.
	if back := netns.Set(here); back != nil {
		return 0, back
	}
	runtime.UnlockOSThread()
	return made, err
}

func (ns *NS) delete() {
	if ns.links != nil {
		ns.links.Close()
	}
	killAll(ns.name)
	ns.handle.Close()
	if err := netns.DeleteNamed(ns.name); err != nil {
		ns.t.Errorf("namespace %s is left over: %v", ns.name, err)
	}
}

// Name returns the namespace's name: `ip netns exec NAME` runs programs in it.
func (ns *NS) Name() string { return ns.name }

// Path returns the file that stands for the namespace.
func (ns *NS) Path() string { return filepath.Join(folder, ns.name) }

// Do runs f in the namespace, on a thread of its own until f ends. Sockets that f opens belong to the namespace for good,
// whoever uses them later; goroutines that f starts run outside.
func (ns *NS) Do(f func()) {
	ns.t.Helper()
	runtime.LockOSThread()
	here, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		ns.t.Fatalf("the thread's namespace: %v", err)
	}
	defer func() {
		defer here.Close()
		if err := netns.Set(here); err != nil {
			ns.t.Errorf("back from namespace %s: %v", ns.name, err)
			return // still locked: the thread ends with its goroutine
		}
		runtime.UnlockOSThread()
	}()
	if err := netns.Set(ns.handle); err != nil {
		ns.t.Fatalf("into namespace %s: %v", ns.name, err)
	}
	f()
}

// Command returns a program that will run in the namespace, ended when ctx is done. Its process is the program's own.
func (ns *NS) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", ns.name, name}, args...)...)
}

// Run runs a program in the namespace and returns what it wrote to both outputs. The test ends if it fails.
func (ns *NS) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := ns.Command(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s in %s: %v\n%s", strings.Join(append([]string{name}, args...), " "), ns.name, err, out)
	}
	return string(out)
}

// Sysctl sets a kernel parameter of the namespace, such as "net.ipv4.ip_forward". In the name of an interface that has
// dots, write slashes for the other dots: "net/ipv4/conf/eth0.5/forwarding".
func (ns *NS) Sysctl(key, value string) {
	ns.t.Helper()
	if !strings.Contains(key, "/") {
		key = strings.ReplaceAll(key, ".", "/")
	}
	var err error
	ns.Do(func() { err = os.WriteFile(filepath.Join("/proc/sys", key), []byte(value), 0) })
	if err != nil {
		ns.t.Fatalf("namespace %s: sysctl %s=%s: %v", ns.name, key, value, err)
	}
}

// check ends the test if err is not nil, saying what failed.
func (ns *NS) check(err error, format string, args ...any) {
	if err != nil {
		ns.t.Helper()
		ns.t.Fatalf("namespace %s: %s: %v", ns.name, fmt.Sprintf(format, args...), err)
	}
}
