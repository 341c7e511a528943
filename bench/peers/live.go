package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// live takes one sample of each engine over veths: the benchmark of internal/e2e, in the module's folder, where this
// program runs.
func (m *measurement) live(ctx context.Context, o *options) error {
	if len(m.cpus) < 2 {
		return errors.New("forwarding over veths needs two CPUs: leave live out of -parts")
	}
	var out []byte
	err := on(m.cpus, func() (err error) {
		cmd := exec.CommandContext(ctx, cmp.Or(os.Getenv("GO"), "go"), "test", "-run", "^$", "-bench", "Live/.*/offered=max$", "-timeout", "20m",
			"-benchtime", fmt.Sprintf("%dx", o.packets), "./internal/e2e")
		cmd.WaitDelay = 10 * time.Second
		out, err = cmd.CombinedOutput()
		return err
	})
	if err != nil {
		return fmt.Errorf("go test: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	if m.copied(string(out)) == 0 {
		return fmt.Errorf("no samples over veths, which need root:\n%s", strings.TrimSpace(string(out)))
	}
	return m.w.Flush()
}
