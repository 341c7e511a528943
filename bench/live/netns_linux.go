package live

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// netnsFolder is where `ip netns` keeps namespaces by name.
const netnsFolder = "/var/run/netns"

// inNetns calls f in a network namespace, named as `ip netns` does or by a path such as /proc/PID/ns/net; "": in this
// process'. What f opens stays in that namespace.
func inNetns(name string, f func() error) error {
	if name == "" {
		return f()
	}
	path := name
	if !strings.Contains(name, "/") {
		path = filepath.Join(netnsFolder, name)
	}
	there, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("network namespace %s: %w; `ip netns list` lists them", name, err)
	}
	defer there.Close()
	done := make(chan error)
	go func() { done <- onThread(int(there.Fd()), name, f) }()
	return <-done
}

// onThread calls f on a thread that has moved to the namespace and back. Where the way back fails the thread is never
// unlocked, so that it ends with its goroutine.
func onThread(there int, name string, f func() error) error {
	runtime.LockOSThread()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer here.Close()
	if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("network namespace %s: setns: %w; it needs root (CAP_SYS_ADMIN)", name, err)
	}
	err = f()
	if unix.Setns(int(here.Fd()), unix.CLONE_NEWNET) == nil {
		runtime.UnlockOSThread()
	}
	return err
}
