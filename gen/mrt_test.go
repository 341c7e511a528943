package gen_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"time"

	"vrfwd/bgp/mrt"
	"vrfwd/gen"
	"vrfwd/lpm"
)

// What is written is read back, and held against gobgp and bgpdump, by the tests of bgp/mrt.

func synthetic(t *testing.T, n int) []lpm.Route {
	t.Helper()
	routes, err := gen.Synthetic(gen.TableConfig{Routes: n, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return routes
}

// TestDumpShape: a full table has the distinct attributes and path lengths of a full table, at every peer.
func TestDumpShape(t *testing.T) {
	n, low, high := gen.DefaultRoutes, 100_000, 200_000
	if testing.Short() {
		n, low, high = n/20, low/20, high/20*2
	}
	routes := synthetic(t, n)
	var file bytes.Buffer
	if err := gen.WriteDump(&file, gen.DumpConfig{Routes: routes, Peers: 2, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	peers, err := gen.Peers(2, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		d, err := mrt.Read(bytes.NewReader(file.Bytes()), "rib", mrt.Choice{Peers: []mrt.PeerName{{AS: p.AS}}})
		if err != nil {
			t.Fatal(err)
		}
		sum, most, with := 0, 0, 0
		for _, r := range d.Routes {
			a := &d.Attrs[r.Attrs]
			sum += len(a.ASPath)
			most = max(most, len(a.ASPath))
			if a.ASPath[0] != p.AS {
				t.Fatalf("path %v of AS%d", a.ASPath, p.AS)
			}
			if len(a.Communities) > 0 {
				with++
			}
		}
		mean, share := float64(sum)/float64(len(d.Routes)), float64(with)/float64(len(d.Routes))
		if len(d.Attrs) < low || len(d.Attrs) > high || mean < 4 || mean > 6.5 || most > 16 || share < 0.7 || share > 0.8 {
			t.Errorf("AS%d: %d sets of attributes, paths of %.2f ASes, at most %d, %.2f with communities", p.AS, len(d.Attrs), mean, most, share)
		}
	}
}

// TestDeterministic: the bytes depend on the configuration alone.
func TestDeterministic(t *testing.T) {
	routes := synthetic(t, 1000)
	dump := func(c gen.DumpConfig) string {
		c.Routes = routes
		h := sha256.New()
		if err := gen.WriteDump(h, c); err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(h.Sum(nil)[:8])
	}
	updates := func(c gen.UpdatesConfig) string {
		c.Routes, c.Rate, c.Duration = routes, 1000, time.Second
		h := sha256.New()
		if err := gen.WriteUpdates(h, c); err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(h.Sum(nil)[:8])
	}
	seen := map[string]bool{}
	for _, c := range []gen.DumpConfig{{Peers: 1}, {Peers: 2}, {Peers: 2, Seed: 1}, {Peers: 2, Paths: 2}, {Peers: 2, Time: time.Unix(1e9, 0)}} {
		a, b := dump(c), dump(c)
		if a != b || seen[a] {
			t.Errorf("%+v: %s, %s", c, a, b)
		}
		seen[a] = true
	}
	for _, c := range []gen.UpdatesConfig{{Peers: 1}, {Peers: 2}, {Peers: 2, Seed: 1}, {Peers: 2, Time: time.Unix(1e9, 0)}} {
		a, b := updates(c), updates(c)
		if a != b || seen[a] {
			t.Errorf("%+v: %s, %s", c, a, b)
		}
		seen[a] = true
	}
	if got := dump(gen.DumpConfig{Peers: 3, Seed: 7}); got != goldenDump {
		t.Errorf("the dump of seed 7 is %s, was %s", got, goldenDump)
	}
}

// goldenDump makes a change of what a seed means a decision.
const goldenDump = "4d9cefe2ff6984cd"

type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestMRTErrors(t *testing.T) {
	routes := synthetic(t, 10)
	for _, c := range []gen.DumpConfig{{Routes: routes}, {Routes: routes, Peers: gen.MaxPeers + 1}, {Routes: routes, Peers: 1, Paths: 17},
		{Routes: routes, Peers: 1, Paths: -1}} {
		if err := gen.WriteDump(io.Discard, c); err == nil {
			t.Errorf("%d peers, %d paths: no error", c.Peers, c.Paths)
		}
	}
	for _, c := range []gen.UpdatesConfig{{Routes: routes, Rate: 1}, {Peers: 1, Rate: 1}, {Routes: routes, Peers: 1},
		{Routes: routes, Peers: 1, Rate: 1, Duration: -1}, {Routes: routes, Peers: 1, Rate: 1e9, Duration: time.Hour}} {
		if err := gen.WriteUpdates(io.Discard, c); err == nil {
			t.Errorf("%d routes, %d peers, rate %v, %v: no error", len(c.Routes), c.Peers, c.Rate, c.Duration)
		}
	}
	if err := gen.WriteDump(full{}, gen.DumpConfig{Routes: routes, Peers: 1}); !errors.Is(err, errFull) {
		t.Error(err)
	}
	if err := gen.WriteUpdates(full{}, gen.UpdatesConfig{Routes: routes, Peers: 1, Rate: 1}); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

// TestSmallUpdates: a table of one prefix and one peer is withdrawn and announced in turn, and the writer ends.
func TestSmallUpdates(t *testing.T) {
	var file bytes.Buffer
	err := gen.WriteUpdates(&file, gen.UpdatesConfig{Routes: synthetic(t, 1), Peers: 1, Rate: 100, Duration: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	u, err := mrt.ReadUpdates(&file, "updates", mrt.Choice{})
	if err != nil || len(u.Changes) < 500 {
		t.Fatal(err, len(u.Changes))
	}
}
