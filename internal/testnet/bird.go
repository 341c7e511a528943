package testnet

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Bird is a BIRD 2 routing daemon (Debian's bird2) that runs in a namespace until the test ends.
type Bird struct {
	ns    *NS
	dir   string
	cmd   *exec.Cmd // nil: it does not run
	ended chan error
}

// Bird starts BIRD with a configuration, "router id" and all, and waits until it answers. dir is a folder of its own,
// empty or of a Bird before it.
func (ns *NS) Bird(t testing.TB, dir, config string) *Bird {
	t.Helper()
	Need(t, "bird", "birdc")
	b := &Bird{ns: ns, dir: dir}
	b.Configure(t, config)
	b.Start(t)
	t.Cleanup(func() {
		if b.cmd != nil {
			b.Kill()
		}
	})
	return b
}

func (b *Bird) file(name string) string { return filepath.Join(b.dir, name) }

// Configure writes the configuration that the daemon will start with.
func (b *Bird) Configure(t testing.TB, config string) {
	t.Helper()
	if err := os.WriteFile(b.file("bird.conf"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Start starts a daemon that was killed.
func (b *Bird) Start(t testing.TB, args ...string) {
	t.Helper()
	args = append([]string{"-f", "-c", b.file("bird.conf"), "-s", b.file("bird.ctl"), "-P", b.file("bird.pid")}, args...)
	cmd := b.ns.Command(context.Background(), "bird", args...)
	log, err := os.Create(b.file("bird.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("bird: %v", err)
	}
	b.cmd = cmd
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	b.ended = ended
	for deadline := time.Now().Add(time.Minute); ; {
		if _, err := b.ask("show", "status"); err == nil {
			return
		}
		over := time.Now().After(deadline)
		select {
		case <-ended:
			over = true
			b.cmd = nil
		case <-time.After(50 * time.Millisecond):
		}
		if over {
			said, _ := os.ReadFile(b.file("bird.log"))
			t.Fatalf("bird does not answer:\n%s", said)
		}
	}
}

// Kill ends the daemon at once, as kill -9 does, and waits until it is gone.
func (b *Bird) Kill() {
	_ = b.cmd.Process.Kill() // it may be gone
	<-b.ended
	b.cmd = nil
}

func (b *Bird) ask(args ...string) (string, error) {
	out, err := exec.Command("birdc", append([]string{"-r", "-s", b.file("bird.ctl")}, args...)...).CombinedOutput()
	return string(out), err
}

// Show returns what the daemon answers to `show ...`.
func (b *Bird) Show(t testing.TB, args ...string) string {
	t.Helper()
	out, err := b.ask(append([]string{"show"}, args...)...)
	if err != nil {
		t.Fatalf("birdc show %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Do gives the daemon a command that changes something, such as "disable NAME".
func (b *Bird) Do(t testing.TB, args ...string) {
	t.Helper()
	out, err := exec.Command("birdc", append([]string{"-s", b.file("bird.ctl")}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("birdc %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
