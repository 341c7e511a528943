package config

import (
	"net/netip"
	"strings"
	"testing"

	"vrfwd/vrftable"
)

// TestExample: the example loads without a warning, and so does what its comments offer.
func TestExample(t *testing.T) {
	text := string(Example())
	offered := strings.NewReplacer("\n# layer2:  ", "\nlayer2:  ", "\n#   red:", "\n  red:", "access.10", "red", "  # host:", "  host:",
		"\n# cpus", "\ncpus", "\n# busy", "\nbusy", "\n# fanout", "\nfanout", "\n# rings", "\nrings", "\n# metrics", "\nmetrics",
		"  # tables:", "  tables:", "  #   - {file: full.txt.gz", "    - {file: testdata/routes.txt").Replace(text)
	for _, text := range []string{text, offered} {
		c, err := Parse("example.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for _, w := range c.Warnings() {
			t.Error(w)
		}
	}
	if strings.Count(offered, "\n#") > 9 {
		t.Errorf("something that is offered was not tried:\n%s", offered)
	}
}

// TestGenerate: what is generated loads without a warning, and each VRF reaches the Internet and is reached.
func TestGenerate(t *testing.T) {
	for _, n := range []struct{ vrfs, routes int }{{1, 0}, {3, 1000}, {5000, 100}} {
		text, err := Generate(n.vrfs, n.routes)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Parse("generated.yaml", text)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.Warnings() {
			t.Error(w)
		}
		tab, err := vrftable.New(vrftable.Config{VRFs: c.MaxVRFs})
		if err != nil {
			t.Fatal(err)
		}
		defer tab.Close()
		load(t, tab, c)
		last := c.VRFs[n.vrfs-1]
		if len(c.VRFs) != n.vrfs || !last.Interfaces[0].FallbackGlobal {
			t.Errorf("%d VRFs, the last one %+v", len(c.VRFs), last)
		}
		for _, v := range []VRF{c.VRFs[0], last} {
			r, ok := tab.LookupRIB("", v.Routes[1].Prefix.Addr())
			if !ok || r.From != v.Name || r.Egress != v.Interfaces[0].Name || r.Neighbor != netip.MustParseAddr("10.0.0.2") {
				t.Errorf("%s: %+v", v.Name, r)
			}
		}
		if info := tab.VRs()[0]; info.Routes != max(n.routes, 1) {
			t.Errorf("%d routes, want %d", info.Routes, n.routes)
		}
	}
	for _, n := range []struct{ vrfs, routes int }{{0, 0}, {MaxGenerated + 1, 0}, {1, -1}, {1, 2_000_001}} {
		if _, err := Generate(n.vrfs, n.routes); err == nil {
			t.Errorf("%+v is not refused", n)
		}
	}
}
