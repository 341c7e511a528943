package testnet

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// FRR is zebra, staticd and bgpd of FRRouting (Debian's frr), which run in a namespace until the test ends.
type FRR struct {
	ns  *NS
	dir string
}

// frrFolder is where Debian puts FRR's daemons.
const frrFolder = "/usr/lib/frr"

// FRR starts the daemons with a configuration as vtysh writes it.
func (ns *NS) FRR(t testing.TB, config string) *FRR {
	t.Helper()
	Need(t, "vtysh", filepath.Join(frrFolder, "bgpd"))
	dir, err := os.MkdirTemp("", "frr") // the test's own folder lies in one that is closed to the daemons' user
	if err != nil {
		t.Fatal(err)
	}
	f := &FRR{ns: ns, dir: dir}
	t.Cleanup(func() { os.RemoveAll(dir) })
	f.give(t)
	if err := os.WriteFile(f.file("frr.conf"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"zebra", "staticd", "bgpd"} {
		f.daemon(t, name)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err := f.ask("show bgp summary"); err == nil {
			return f
		}
		if time.Now().After(deadline) {
			t.Fatalf("FRR does not answer: %s", f.said())
		}
	}
}

// give makes the folder the daemons' own: they run as the user frr.
func (f *FRR) give(t testing.TB) {
	t.Helper()
	u, err := user.Lookup("frr")
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2, os.Chown(f.dir, uid, gid)); err != nil {
		t.Fatal(err)
	}
}

func (f *FRR) file(name string) string { return filepath.Join(f.dir, name) }

// daemon starts one daemon. Both talk by a socket in dir, and to vtysh by others there.
func (f *FRR) daemon(t testing.TB, name string) {
	t.Helper()
	log, err := os.OpenFile(f.file("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := f.ns.Command(context.Background(), filepath.Join(frrFolder, name), "-f", f.file("frr.conf"), "-z", f.file("zserv.api"), "-i", f.file(name+".pid"), "--vty_socket", f.dir, "-A", "127.0.0.1", "--log", "stdout")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
}

func (f *FRR) ask(command string) (string, error) {
	out, err := exec.Command("vtysh", "--vty_socket", f.dir, "-c", command).CombinedOutput()
	return string(out), err
}

func (f *FRR) said() string {
	text, _ := os.ReadFile(f.file("log"))
	return string(text)
}

// Show returns what vtysh answers to a command.
func (f *FRR) Show(t testing.TB, command string) string {
	t.Helper()
	out, err := f.ask(command)
	if err != nil {
		t.Fatalf("vtysh: %s: %v\n%s\n%s", command, err, out, f.said())
	}
	return out
}
