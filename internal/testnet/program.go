package testnet

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Programs are the project's commands as tests run them: built once each, without cgo, as `make build` does, so that they can
// drop their capabilities.
type Programs struct {
	Dir string // where they are, for the tests' own files too; everybody can read it: some programs run as somebody else

	mu    sync.Mutex
	built map[string]error
}

// Main runs a package's tests with a folder for programs, and returns the exit code: for TestMain.
func (p *Programs) Main(m *testing.M) int {
	var err error
	if p.Dir, err = os.MkdirTemp("", "vrfwd-"); err == nil {
		err = os.Chmod(p.Dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(p.Dir)
	return m.Run()
}

// File returns the file of a command of the project, "fwd" for cmd/fwd, and builds it where it has not been.
func (p *Programs) File(t testing.TB, name string) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	file := filepath.Join(p.Dir, name)
	err, done := p.built[name]
	if !done {
		cmd := exec.Command("go", "build", "-o", file, "vrfwd/cmd/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, failed := cmd.CombinedOutput(); failed != nil {
			err = fmt.Errorf("go build: %w\n%s", failed, out)
		}
		if p.built == nil {
			p.built = map[string]error{}
		}
		p.built[name] = err
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}
