package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vrfwd/internal/testnet"
)

// programs are the commands that tests run.
var programs testnet.Programs

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }

// router is fwd as it runs in a namespace.
type router struct {
	t       testing.TB
	ns      *testnet.NS
	program string
	file    string // its configuration
	control string // its socket
	cmd     *exec.Cmd
	log     *written
	ended   chan struct{} // closed when the process has ended
}

// written is what a process has written so far.
type written struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *written) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *written) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs fwd with a configuration, to which the control socket is added, and waits until it forwards.
func start(t testing.TB, ns *testnet.NS, configuration string) *router {
	t.Helper()
	name := programs.File(t, "fwd")
	dir := t.TempDir()
	r := &router{t: t, ns: ns, program: name, file: filepath.Join(dir, "fwd.yaml"), control: filepath.Join(dir, "fwd.sock"), log: &written{}, ended: make(chan struct{})}
	r.write(configuration)
	r.cmd = ns.Command(context.Background(), name, "run", "-c", r.file)
	r.cmd.Stdout, r.cmd.Stderr = r.log, r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = r.cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() {
		r.kill()
		if t.Failed() {
			t.Logf("fwd said:\n%s", tail(r.log.String(), 4000))
		}
	})
	eventually(t, "fwd runs", func() bool {
		if r.over() {
			t.Fatalf("fwd ended: %v\n%s", r.cmd.ProcessState, r.log)
		}
		_, err := r.ask("show", "workers")
		return err == nil
	})
	return r
}

// write replaces the configuration file.
func (r *router) write(configuration string) {
	r.t.Helper()
	text := fmt.Sprintf("control: %s\n%s", r.control, configuration)
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// ask runs another fwd command, such as show, against the running one.
func (r *router) ask(command ...string) (string, error) {
	out, err := r.ns.Command(r.t.Context(), r.program, append(command, "--socket", r.control)...).CombinedOutput()
	return string(out), err
}

// show runs `fwd show`, which must work.
func (r *router) show(args ...string) string {
	r.t.Helper()
	out, err := r.ask(append([]string{"show"}, args...)...)
	if err != nil {
		r.t.Fatalf("fwd show %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (r *router) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// kill ends fwd without ado.
func (r *router) kill() {
	if !r.over() {
		_ = r.cmd.Process.Kill()
		<-r.ended
	}
}

// stop ends fwd as an operator does, and returns what it said and its exit code.
func (r *router) stop() (said string, code int) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	select {
	case <-r.ended:
	case <-time.After(within):
		r.t.Fatalf("fwd does not end at SIGTERM\n%s", tail(r.log.String(), 4000))
	}
	return r.log.String(), r.cmd.ProcessState.ExitCode()
}

// within is how long a test waits for what takes a moment.
const within = 20 * time.Second

// eventually waits until something is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
