package readme

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const root = "../.."

// lacks is the exit code of a script that names what this machine lacks: automake's for a test that was skipped.
const lacks = 77

// runnable is a fenced block whose info string is "sh run": shown as shell, run by this test.
var runnable = regexp.MustCompile("(?ms)^```sh run\n(.*?)^```$")

// local matches the target of a link to a file of the project.
var local = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

func document(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestCommands runs each marked block of the README, as one script in the module's folder, and fails with its output. A script
// that lacks what it needs is skipped, but for CI.
func TestCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("short: the README's commands take a minute")
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("bash is not in PATH")
		}
		t.Skip("bash is not in PATH")
	}
	blocks := runnable.FindAllSubmatch(document(t, "README.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no block marked ```sh run")
	}
	for _, b := range blocks {
		script := string(b[1])
		name, _, _ := strings.Cut(strings.TrimSpace(script), "\n")
		t.Run(name, func(t *testing.T) {
			if regexp.MustCompile(`\bmake test\b`).MatchString(script) {
				t.Fatal("make test runs this test: it cannot be run from here")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			c := exec.CommandContext(ctx, bash, "-euo", "pipefail", "-c", script)
			c.Dir = root
			c.WaitDelay = time.Second
			out, err := c.CombinedOutput()
			if e, ok := errors.AsType[*exec.ExitError](err); ok && e.ExitCode() == lacks && os.Getenv("CI") != "true" {
				t.Skipf("%s", bytes.TrimSpace(out))
			}
			if err != nil {
				t.Errorf("%v\n%s\n%s", err, script, bytes.TrimSpace(out))
			}
		})
	}
}

// TestLinks: files that the documents link to are there.
func TestLinks(t *testing.T) {
	for _, name := range []string{"README.md", "ARCHITECTURE.md", "results/README.md"} {
		for _, m := range local.FindAllSubmatch(document(t, name), -1) {
			target := filepath.Join(root, filepath.Dir(name), string(m[1]))
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
}
