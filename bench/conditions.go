package bench

import (
	"fmt"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"vrfwd/bench/sample"
)

// Here returns the conditions of this process.
func Here() sample.Conditions {
	flags := cpuid.CPU.FeatureSet()
	slices.Sort(flags)
	c := Build()
	c.CPU, c.CPUs = strings.TrimSpace(cpuid.CPU.BrandName), len(allowedCPUs())
	c.Flags = strings.ToLower(strings.Join(flags, " "))
	c.L2, c.L3, c.TSC = cpuid.CPU.Cache.L2, cpuid.CPU.Cache.L3, TSC()
	c.Kernel, c.Mitigations, c.HugePages, c.Load = kernel(), mitigations(), hugePages(), loadOnce()
	c.GOMAXPROCS = runtime.GOMAXPROCS(0)
	return c
}

// Version says on one line what this program was built from: commit, Go and platform.
func Version() string {
	b := Build()
	return fmt.Sprintf("%s %s %s/%s GOAMD64=%s", b.Commit, b.Go, b.GOOS, b.GOARCH, b.GOAMD64)
}

// Build returns what Here knows of the program alone: Go and platform, GOAMD64, and the commit that it was built from,
// from its build information or else from git in the working directory.
func Build() sample.Conditions {
	c := sample.Conditions{Go: runtime.Version(), GOOS: runtime.GOOS, GOARCH: runtime.GOARCH}
	var modified bool
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "GOAMD64":
				c.GOAMD64 = s.Value
			case "vcs.revision":
				c.Commit = s.Value
			case "vcs.modified":
				modified = s.Value == "true"
			}
		}
	}
	if c.Commit == "" { // built without: ask git, where there is one
		if out, err := exec.Command("git", "rev-parse", "HEAD").Output(); err == nil {
			c.Commit = strings.TrimSpace(string(out))
			changes, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no", "--", ":/*.go", ":/*.s", ":/go.mod").Output()
			modified = err == nil && len(changes) > 0
		}
	}
	if c.Commit == "" {
		c.Commit = "unknown"
	} else if modified {
		c.Commit += "+modified"
	}
	return c
}
