package floors

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "vrfwd"
	root   = "../.."
)

// The modules that packages may require besides the standard library.
const (
	sys      = "golang.org/x/sys"
	cpuid    = "github.com/klauspost/cpuid/v2"
	bart     = "github.com/gaissmai/bart"
	hdr      = "github.com/HdrHistogram/hdrhistogram-go"
	cobra    = "github.com/spf13/cobra"
	pflag    = "github.com/spf13/pflag"
	mpb      = "github.com/vbauerster/mpb/v8"
	gopacket = "github.com/google/gopacket"
	yaml     = "github.com/goccy/go-yaml"
	schema   = "github.com/invopop/jsonschema"
	netlink  = "github.com/vishvananda/netlink"
	netns    = "github.com/vishvananda/netns"
	gobgp    = "github.com/osrg/gobgp/v4/pkg/packet" // its codecs: sessions and tables are ours
	prom     = "github.com/prometheus/client_golang"
	tea      = "charm.land/bubbletea/v2"
	lipgloss = "charm.land/lipgloss/v2"
	gonum    = "gonum.org/v1/gonum"
	gzip     = "github.com/klauspost/compress"
)

// folder is one line of the design's list.
type folder struct {
	floor   int
	modules []string
}

// folders is the design's list of floors, upper ones in the order in which they are built. Every folder with Go files
// has an entry here or lies below internal/, which is floor 0: the standard library and x/sys, and nothing of the
// project but internal/.
var folders = map[string]folder{
	"lpm":          {1, []string{cpuid, sys}},
	"ring":         {1, []string{cpuid, sys}},
	"packet":       {1, []string{cpuid, sys}},
	"vrftable":     {2, []string{bart}},
	"forwarder":    {3, []string{cpuid, sys}},
	"afpacket":     {3, []string{sys}},
	"gen":          {3, []string{cpuid}},
	"slowpath":     {4, []string{gopacket, netlink, netns, sys}},
	"bgp":          {4, []string{gobgp, bart, netns, sys}},
	"bgp/mrt":      {4, []string{gobgp, gzip}},
	"config":       {5, []string{yaml, schema}},
	"bench/sample": {3, nil},
	"bench/trial":  {4, []string{hdr}},
	"bench/double": {4, nil},
	"bench/plan":   {4, []string{gonum, yaml}},
	"bench":        {5, []string{bart, gopacket, hdr, cpuid, sys, yaml}}, // bart and gopacket: the independent model behind -verify
	"router":       {6, []string{gopacket, prom, sys}},
	"cmd":          {7, []string{cobra, pflag, mpb, tea, lipgloss, sys}},
	// What the commands have alike.
	"cmd/internal/cli": {5, []string{cobra}},
	"cmd/internal/bed": {6, []string{pflag}},
	// What tests stand on: namespaces and links of their own.
	"internal/testnet": {0, []string{netlink, netns, sys}},
}

var internal = folder{0, []string{sys}}

// confined says which files may import what is unsafe or of one system: those that an audit finds by name. A folder in
// free may import it anywhere: commands name signals by syscall, and bench reports the CPU that cpuid finds; where code
// is chosen by cpuid, the file is of that CPU.
var confined = map[string]struct {
	files *regexp.Regexp
	free  string
}{
	"unsafe":  {regexp.MustCompile(`_(unsafe|linux|amd64|arm64)\.go$`), ""},
	"syscall": {regexp.MustCompile(`_linux\.go$`), "cmd"},
	sys:       {regexp.MustCompile(`_linux\.go$`), ""},
	cpuid:     {regexp.MustCompile(`_(amd64|arm64)\.go$`), "bench"},
}

// layout is what unsafe offers at compile time alone: it touches no memory, so every file may use it.
var layout = []string{"Sizeof", "Alignof", "Offsetof"}

// source is one Go file that is not a test. Tests may import what they like.
type source struct {
	dir, name string // dir relative to the module, with slashes
	imports   []string
	unsafe    []string // what it uses of unsafe
}

// onlyLayout reports whether the file imports unsafe for its layout functions alone. Not using it at all is something
// else: go:linkname asks for the import.
func (s source) onlyLayout() bool {
	return len(s.unsafe) > 0 && !slices.ContainsFunc(s.unsafe, func(n string) bool { return !slices.Contains(layout, n) })
}

// top is the first part of a folder's name: what DESIGN gives a floor to.
func top(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

func folderOf(dir string) (folder, bool) {
	if f, ok := folders[dir]; ok {
		return f, true
	}
	if top(dir) == "internal" {
		return internal, true
	}
	f, ok := folders[top(dir)]
	return f, ok
}

// violations judges one file.
func (s source) violations() (bad []string) {
	report := func(format string, args ...any) {
		bad = append(bad, fmt.Sprintf("%s: ", path.Join(s.dir, s.name))+fmt.Sprintf(format, args...))
	}
	own, ok := folderOf(s.dir)
	if !ok {
		report("folder %q has no floor", s.dir)
		return bad
	}
	for _, imported := range s.imports {
		for what, to := range confined {
			if imported != what && !strings.HasPrefix(imported, what+"/") || to.files.MatchString(s.name) || top(s.dir) == to.free {
				continue
			}
			if what == "unsafe" && s.onlyLayout() {
				continue
			}
			report("imports %s: only files named %s may", imported, to.files)
		}
		switch dir, ours := strings.CutPrefix(imported, module+"/"); {
		case ours:
			other, ok := folderOf(dir)
			if !ok {
				report("imports %s, which has no floor", imported)
			} else if other.floor >= own.floor && !(own.floor == 0 && other.floor == 0) {
				report("is on floor %d and imports %s, which is on floor %d", own.floor, imported, other.floor)
			}
		case imported == module:
			report("imports %s", imported)
		case !strings.Contains(top(imported), "."): // the standard library
		case !slices.ContainsFunc(own.modules, func(m string) bool {
			return imported == m || strings.HasPrefix(imported, m+"/")
		}):
			report("imports %s: folder %s may import of other modules: %v", imported, top(s.dir), own.modules)
		}
	}
	return bad
}

// nested lists the folders of the modules inside this one, which have rules of their own: peers that the engine is
// measured against may require what they like.
func nested(t *testing.T) (dirs []string) {
	walk(t, func(name string) {
		if dir, file := path.Split(name); file == "go.mod" && dir != "" {
			dirs = append(dirs, dir)
		}
	})
	return dirs
}

// sources parses every Go file of the module that is not a test, whatever system it is for.
func sources(t *testing.T) (all []source) {
	others := nested(t)
	walk(t, func(name string) {
		if slices.ContainsFunc(others, func(dir string) bool { return strings.HasPrefix(name, dir) }) {
			return
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		s := source{dir: path.Dir(name), name: path.Base(name)}
		for _, i := range file.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			s.imports = append(s.imports, imported)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "unsafe" {
					s.unsafe = append(s.unsafe, sel.Sel.Name)
				}
			}
			return true
		})
		all = append(all, s)
	})
	if len(all) == 0 {
		t.Fatal("no Go files found")
	}
	return all
}

// walk calls f for each file of the project, by its name relative to the module. Hidden folders (but .ci), bin and
// testdata are not the project's own text.
func walk(t *testing.T, f func(name string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			if name != ".git" { // a file where the folder is a worktree of another's: it names its place on this machine
				f(name)
			}
		case name == "bin", d.Name() == "testdata", name != "." && name != ".ci" && d.Name()[0] == '.':
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFloors: each package imports only lower floors and the modules it may, and unsafe and system calls stand only in
// files whose names say so.
func TestFloors(t *testing.T) {
	for _, s := range sources(t) {
		for _, v := range s.violations() {
			t.Error(v)
		}
	}
}

// TestNested: this module's own packages are not taken for a nested module's, and import nothing of one.
func TestNested(t *testing.T) {
	if dirs := nested(t); !slices.Equal(dirs, []string{"bench/peers/"}) {
		t.Errorf("nested modules %q", dirs)
	}
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			if strings.HasPrefix(imported+"/", module+"/bench/peers/") {
				t.Errorf("%s imports %s", path.Join(s.dir, s.name), imported)
			}
		}
	}
}

// TestFolders: the folders at the top are the design's.
func TestFolders(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, ok := folders[e.Name()]; !ok && e.IsDir() && e.Name()[0] != '.' &&
			!slices.Contains([]string{"internal", "results", "examples", "bin"}, e.Name()) {
			t.Errorf("folder %s is not in the design", e.Name())
		}
	}
}

// TestRules: the rules catch what they are there for. A test of the tree alone would pass if it saw nothing.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		s    source
		want string // part of the one violation; "": none
	}{
		{source{dir: "ring", name: "ring.go", imports: []string{"sync/atomic"}}, ""},
		{source{dir: "ring", name: "ring.go", imports: []string{"vrfwd/packet"}}, "floor 1 and imports vrfwd/packet"},
		{source{dir: "lpm", name: "a.go", imports: []string{"vrfwd/vrftable"}}, "which is on floor 2"},
		{source{dir: "gen", name: "a.go", imports: []string{"vrfwd/forwarder"}}, "which is on floor 3"},
		{source{dir: "bench", name: "a.go", imports: []string{"vrfwd/forwarder", "vrfwd/gen"}}, ""},
		{source{dir: "cmd/fwd", name: "main.go", imports: []string{"vrfwd/bench", cobra}}, ""},
		{source{dir: "cmd/fwd", name: "main.go", imports: []string{"vrfwd/cmd/trafgen"}}, "which is on floor 7"},
		{source{dir: "internal/qsbr", name: "a.go", imports: []string{"vrfwd/internal/offheap"}}, ""},
		{source{dir: "internal/qsbr", name: "a.go", imports: []string{"vrfwd/packet"}}, "floor 0"},
		{source{dir: "packet", name: "a.go", imports: []string{bart}}, "may import of other modules"},
		{source{dir: "packet", name: "a.go", imports: []string{"vrfwd/other"}}, "which has no floor"},
		{source{dir: "util", name: "a.go"}, "has no floor"},
		{source{dir: "forwarder", name: "pin.go", imports: []string{sys + "/unix"}}, "only files named"},
		{source{dir: "forwarder", name: "pin_linux.go", imports: []string{sys + "/unix"}}, ""},
		{source{dir: "lpm", name: "burst.go", imports: []string{cpuid}}, "only files named"},
		{source{dir: "bench", name: "conditions.go", imports: []string{cpuid}}, ""},
		{source{dir: "cmd/fwd", name: "main.go", imports: []string{"syscall"}}, ""},
		{source{dir: "lpm", name: "a.go", imports: []string{"unsafe"}, unsafe: []string{"Pointer"}}, "only files named"},
		{source{dir: "lpm", name: "a.go", imports: []string{"unsafe"}, unsafe: []string{"Sizeof"}}, ""},
		{source{dir: "lpm", name: "a.go", imports: []string{"unsafe"}}, "only files named"},
		{source{dir: "lpm", name: "a_unsafe.go", imports: []string{"unsafe"}, unsafe: []string{"Pointer"}}, ""},
	} {
		got := strings.Join(c.s.violations(), "\n")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s/%s importing %v: %q, want %q", c.s.dir, c.s.name, c.s.imports, got, c.want)
		}
	}
}

// machinePath matches absolute paths that mean something on one machine only.
var machinePath = regexp.MustCompile(`(?:^|[\s"'` + "`" + `(=:])(/(?:work|root|home|Users|tmp|mnt)/[\w.-]+)`)

// TestMachinePaths: no file of the project names a path of the machine it was written on.
func TestMachinePaths(t *testing.T) {
	if !machinePath.MatchString(`see "/ho`+`me/someone"`) || machinePath.MatchString("https://example.net/wo"+"rk/list") {
		t.Fatal("the pattern is wrong")
	}
	walk(t, func(name string) {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			if m := machinePath.FindStringSubmatch(line); m != nil {
				t.Errorf("%s:%d: %s", name, n+1, m[1])
			}
		}
	})
}
