package gen

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"vrfwd/lpm"
)

// The real table is test data of bart's module: 901,899 IPv4 and 160,147 IPv6 prefixes of the real Internet.
const (
	realModule = "github.com/gaissmai/bart"
	realFile   = "internal/tests/testdata/prefixes.txt.gz"
)

// ErrNoRealTable: the module that holds the real table is not on this machine.
var ErrNoRealTable = errors.New("the real table is not here; run `go mod download " + realModule +
	"` in the module's folder, or use a synthetic table or a prefix list")

// RealTable returns the IPv4 prefixes of the real table, sorted. It has no next hops of its own: they are Hashed
// over 1..nextHops, the worst case; AssignHops changes that. The go command must be in PATH.
func RealTable(nextHops int, seed uint64) ([]lpm.Route, error) {
	if err := checkHops(nextHops); err != nil {
		return nil, err
	}
	path, err := RealTablePath()
	if err != nil {
		return nil, err
	}
	list, err := ReadTableFile(path)
	if err != nil {
		return nil, err
	}
	routes, _, err := list.Routes(nextHops, Hashed, seed)
	return routes, err
}

// RealTablePath finds the real table's file: in the folder that `go list -m` names for the version this module
// requires, or else (outside the module) the newest in the module cache. The error wraps ErrNoRealTable.
func RealTablePath() (string, error) {
	dir, err := goOutput("list", "-m", "-f", "{{.Dir}}", realModule)
	if err == nil && dir != "" {
		if path := filepath.Join(dir, filepath.FromSlash(realFile)); exists(path) {
			return path, nil
		}
	}
	cache, cacheErr := goOutput("env", "GOMODCACHE")
	if cacheErr != nil {
		return "", fmt.Errorf("gen: %w (%w)", ErrNoRealTable, cacheErr)
	}
	found, _ := filepath.Glob(filepath.Join(cache, filepath.FromSlash(realModule)+"@*", filepath.FromSlash(realFile)))
	if len(found) == 0 {
		return "", fmt.Errorf("gen: %w", errors.Join(ErrNoRealTable, err))
	}
	slices.Sort(found)
	return found[len(found)-1], nil
}

func goOutput(args ...string) (string, error) {
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
		}
		return "", fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
