package testnet

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vishvananda/netns"
)

// folder is where namespaces have names, for `ip netns` and for us.
const folder = "/run/netns"

// Net is what one test made. It belongs to that test's goroutine.
type Net struct {
	t      testing.TB
	suffix string // of namespaces: "-PROCESS-RANDOM"
}

// New makes an empty network, which ends with the test. It needs root and the program ip (package iproute2).
func New(t testing.TB) *Net {
	t.Helper()
	Need(t, "root", "ip")
	if err := share(); err != nil {
		t.Fatal(err)
	}
	sweep()
	return &Net{t: t, suffix: fmt.Sprintf("-%d-%06x", os.Getpid(), rand.Uint32()>>8)}
}

// prefix begins the name of every namespace made here.
const prefix = "vrfwd-"

// sweep removes namespaces of test processes that are no more: killed ones clean up nothing.
func sweep() {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return // no namespace has a name yet
	}
	for _, e := range entries {
		if owner := ownerOf(e.Name()); owner != 0 && !exists(owner) {
			killAll(e.Name())
			_ = netns.DeleteNamed(e.Name()) // another sweep may have been faster
		}
	}
}

// ownerOf returns the number of the process that made a namespace; 0: none of ours.
func ownerOf(name string) int {
	rest, ours := strings.CutPrefix(name, prefix)
	parts := strings.Split(rest, "-")
	if !ours || len(parts) < 3 {
		return 0
	}
	owner, _ := strconv.Atoi(parts[len(parts)-2])
	return owner
}

func exists(process int) bool {
	_, err := os.Stat(filepath.Join("/proc", strconv.Itoa(process)))
	return err == nil
}

// killAll kills the processes that run in a namespace, other than this one, by their numbers.
func killAll(name string) {
	ns, err := os.Stat(filepath.Join(folder, name))
	if err != nil {
		return
	}
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range processes {
		number, _ := strconv.Atoi(filepath.Base(dir))
		theirs, err := os.Stat(filepath.Join(dir, "ns/net"))
		if err != nil || number == os.Getpid() || !os.SameFile(ns, theirs) {
			continue
		}
		if p, err := os.FindProcess(number); err == nil {
			_ = p.Kill()
		}
	}
}
