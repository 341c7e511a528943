package config

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is found to testdata and schema.json instead of comparing")

// devices stands where a case says DEVICES: ports and an interface that it does not care for.
const devices = `ports: {core: {device: eth0}, access: {device: eth1, mtu: 1500}}
vr:
  interfaces:
    uplink: {layer2: core, addresses: [192.0.2.1/29]}
`

// cases reads a golden file: cases separated by lines of ==, each a name, a configuration, a line of --, and messages.
func cases(t *testing.T, file string, f func(name, text string) string) {
	t.Helper()
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, one := range strings.Split(string(golden), "== ")[1:] {
		name, rest, _ := strings.Cut(one, "\n")
		text, want, ok := strings.Cut(rest, "\n--\n")
		if !ok {
			t.Fatalf("%s: %s: no line of --", file, name)
		}
		got := f(name, strings.ReplaceAll(text+"\n", "DEVICES\n", devices))
		out.WriteString("== " + name + "\n" + text + "\n--\n" + got + "\n\n")
		if want = strings.TrimSpace(want); want != got && !*update {
			t.Errorf("%s:\n%s\ngives\n%s\nwant\n%s", name, text, got, want)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFaults: each fault gives its message, and names its place.
func TestFaults(t *testing.T) {
	t.Chdir("testdata")
	cases(t, "faults.txt", func(name, text string) string {
		text = strings.NewReplacer(`\t`, "\t", `\xff`, "\xff").Replace(text)
		c, err := Parse("pe.yaml", []byte(text))
		if err == nil {
			t.Errorf("%s: no error", name)
			return ""
		}
		if c != nil {
			t.Errorf("%s: a configuration comes with the error", name)
		}
		return err.Error()
	})
}

// TestWarnings: what a configuration most likely does not mean gives its warning.
func TestWarnings(t *testing.T) {
	t.Chdir("testdata")
	cases(t, "warnings.txt", func(name, text string) string {
		c, err := Parse("pe.yaml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return ""
		}
		var all []string
		for _, w := range c.Warnings() {
			all = append(all, w.String())
		}
		return strings.Join(all, "\n")
	})
}
