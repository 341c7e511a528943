package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInit: what fwd init writes, fwd check finds good.
func TestInit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pe.yaml")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "2 ports, 1 VRFs"},
		{[]string{"--vrfs", "1000", "--routes", "1000", "--force"}, "2 ports, 1000 VRFs"},
	} {
		if code, out, errs := fwd(t, append([]string{"init", "-o", file}, c.args...)...); code != 0 || out+errs != "" {
			t.Fatalf("%d %s%s", code, out, errs)
		}
		code, out, errs := fwd(t, "check", file)
		if code != 0 || !strings.Contains(out, c.want) {
			t.Errorf("%d %s%s", code, out, errs)
		}
	}
	code, out, _ := fwd(t, "init")
	if err := os.WriteFile(file, []byte(out), 0o600); code != 0 || err != nil {
		t.Fatal(code, err)
	}
	if code, out, _ := fwd(t, "check", file); code != 0 || !strings.Contains(out, "good") {
		t.Error(out)
	}
}
