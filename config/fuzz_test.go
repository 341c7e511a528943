package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vrfwd/vrftable"
)

// FuzzParse: whatever the file says, there is a Config or an error with a place, and a Config is one that a table takes,
// and that differs in nothing from itself.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range append(files, "example.yaml") {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, name := range []string{"testdata/faults.txt", "testdata/warnings.txt"} {
		golden, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, one := range strings.Split(string(golden), "== ")[1:] {
			_, rest, _ := strings.Cut(one, "\n")
			text, _, _ := strings.Cut(rest, "\n--\n")
			f.Add(strings.ReplaceAll(text+"\n", "DEVICES\n", devices))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse("fuzz.yaml", []byte(text), fakeDisk{})
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if err != nil {
			all, ok := err.(Errors)
			if !ok || len(all) == 0 {
				t.Fatalf("%T: %v", err, err)
			}
			for _, e := range all {
				if e.Text == "" || e.Line < 0 || e.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+2 {
					t.Fatalf("%+v", e)
				}
			}
			return
		}
		tab, err := vrftable.New(vrftable.Config{VRFs: len(c.VRFs)})
		if err != nil {
			t.Fatal(err)
		}
		defer tab.Close()
		load(t, tab, c)
		if p, err := Diff(c, c, nil); err != nil || !p.Empty() {
			t.Fatalf("%v: it differs from itself", err)
		}
	})
}
