package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vrfwd/internal/peer"
)

var twoPeers = []peer.Group{
	{Name: "lookup", Title: "Lookup", About: "One table.", Unit: "ns/op", Less: true, Facts: []string{"VRFs"},
		Columns: []peer.Column{{Title: "routed", Benchmark: "peers.Lookup/keys=routed/engine={engine}"}},
		Engines: []peer.Engine{
			{Name: "fib", Title: "ours", Ours: true, Does: []string{"one"}},
			{Name: "other", Title: "a|b", Against: "fib", Does: []string{"no"}, Note: "slow to build"},
			{Name: "absent", Title: "not measured", Against: "fib", Does: []string{"no"}},
		}},
	{Name: "forward", Title: "Forward", Unit: "Mpps", Columns: []peer.Column{{Title: "rings", Benchmark: "peers.Forward/engine={engine}"}},
		Engines: []peer.Engine{{Name: "fwd", Title: "ours", Ours: true}, {Name: "thin", Title: "thin", Against: "fwd"}}},
	{Name: "live", Title: "Live", Unit: "Mpps", Columns: []peer.Column{{Title: "max", Benchmark: "e2e.Live/engine={engine}"}},
		Engines: []peer.Engine{{Name: "fwd", Title: "ours", Ours: true}}},
}

const peerSamples = `date: 2026-01-02T03:04:05Z
dpdk: some version
pkg: vrfwd/bench/peers
BenchmarkLookup/keys=routed/engine=fib 1 2 ns/op
BenchmarkLookup/keys=routed/engine=other 1 8 ns/op
BenchmarkForward/engine=fwd 1 40 ns/op 20 Mpps
BenchmarkForward/engine=thin 1 25 ns/op 40 Mpps
BenchmarkLookup/keys=routed/engine=fib 1 4 ns/op
BenchmarkLookup/keys=routed/engine=other 1 12 ns/op
`

// TestPeers: values, ratios in the direction that makes more than 1 ours, facts and notes, of what was measured alone.
func TestPeers(t *testing.T) {
	dir := t.TempDir()
	if c, err := readPeers(dir); err != nil || len(c.groups) > 0 {
		t.Fatalf("a folder without peers: %+v, %v", c, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "peers-a.txt"), []byte(peerSamples), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := peer.Write(dir, twoPeers); err != nil {
		t.Fatal(err)
	}
	c, err := readPeers(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	s, behind := c.section()
	s.markdown(&b, 2)
	text := b.String()
	if len(behind) != 1 || behind[0].condition("dpdk") != "some version" {
		t.Error("conditions:", behind)
	}
	for _, want := range []string{
		"| ours | 3 ns [2, 4] |\n", `| a\|b | 10 ns [8, 12]; 3.5 x [3, 4] |`, `| a\|b | no |`, "a|b: slow to build.",
		"| thin | 40 Mpps; 0.5 x |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	for _, never := range []string{"not measured", "Live"} {
		if strings.Contains(text, never) {
			t.Errorf("has %q, of which there are no samples:\n%s", never, text)
		}
	}
	if _, behind := (comparison{groups: twoPeers}).section(); len(behind) > 0 {
		t.Error("a section without samples")
	}
}
