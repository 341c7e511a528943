package peer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func group() Group {
	return Group{Name: "g", Unit: "ns/op", Less: true, Facts: []string{"VRFs"}, Columns: []Column{{"c", "p.B/engine={engine}"}},
		Engines: []Engine{{Name: "a", Ours: true, Does: []string{"yes"}}, {Name: "b", Against: "a", Does: []string{"no"}, Note: "n"}}}
}

func TestReadWrite(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	if err := Write(dir, []Group{group()}); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	if err != nil || !reflect.DeepEqual(got, []Group{group()}) {
		t.Errorf("%+v, %v", got, err)
	}
	if id := got[0].Columns[0].ID("x/n=1"); id != "p.B/engine=x/n=1" {
		t.Errorf("benchmark %q", id)
	}
	if err := os.WriteFile(filepath.Join(dir, File), []byte("[{]"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), File) {
		t.Errorf("no JSON: %v", err)
	}
}

func TestCheck(t *testing.T) {
	for want, change := range map[string]func(*Group){
		"1 answers to 2 facts": func(g *Group) { g.Facts = append(g.Facts, "more") },
		"none of ours":         func(g *Group) { g.Engines[1].Against = "b" },
		"lacks {engine}":       func(g *Group) { g.Columns[0].Benchmark = "p.B" },
	} {
		g := group()
		change(&g)
		if err := Check([]Group{g}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if _, err := Encode([]Group{g}); err == nil {
			t.Errorf("%s: is encoded", want)
		}
	}
}
