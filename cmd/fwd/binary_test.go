package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vrfwd/internal/testnet"
)

// programs is the program that tests run.
var programs testnet.Programs

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }

func binary(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a program")
	}
	return programs.File(t, "fwd")
}

// exitOf is a process's exit code.
func exitOf(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return -1
}

// process is `fwd run` in a namespace.
type process struct {
	t      *testing.T
	ns     *testnet.NS
	file   string
	socket string
	cmd    *exec.Cmd
	out    bytes.Buffer // read after wait
	log    written
	ended  chan struct{}
	err    error
}

// written is a log that is read while it is written.
type written struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *written) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(b)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// startRun starts a configuration, to which a control socket is added, and waits until it forwards.
func startRun(t *testing.T, ns *testnet.NS, text string, flags ...string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{t: t, ns: ns, file: filepath.Join(dir, "fwd.yaml"), socket: filepath.Join(dir, "s"), ended: make(chan struct{})}
	p.write(text)
	p.cmd = ns.Command(context.Background(), binary(t), append([]string{"run", "-c", p.file}, flags...)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("fwd said:\n%s%s", p.log.String(), p.out.String())
		}
	})
	waitFor(t, "fwd runs", func() bool {
		select {
		case <-p.ended:
			t.Fatalf("fwd ended: %v\n%s", p.err, p.log.String())
		default:
		}
		return strings.Contains(p.log.String(), "forwarding")
	})
	return p
}

func (p *process) write(text string) {
	p.t.Helper()
	if err := os.WriteFile(p.file, []byte("control: "+p.socket+"\n"+text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// ask runs a command that asks the process.
func (p *process) ask(args ...string) (code int, stdout, stderr string) {
	p.t.Helper()
	return fwd(p.t, append(args, "--socket", p.socket)...)
}

// stop sends a signal and returns what was printed in the end.
func (p *process) stop(sig os.Signal) string {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
	<-p.ended
	if p.err != nil {
		p.t.Errorf("%v: %v", sig, p.err)
	}
	return p.out.String()
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never happened: %s", what)
		}
	}
}
