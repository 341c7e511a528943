//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vrfwd/internal/testnet"
)

// collectorPlace is a router with one port and two gateways, with a dump or without.
func collectorPlace(t testing.TB) *testnet.NS {
	n := testnet.New(t)
	pe, far := n.NS("pe"), n.NS("far")
	n.Veth(pe, "core", far, "core")
	return pe
}

// collectorConfig is its configuration; tables "": none.
func collectorConfig(tables string) string {
	return fmt.Sprintf(`
ports: {core: {}}
layer2: {core: {port: core}}
vr:
  interfaces:
    uplink: {layer2: core, addresses: [192.0.2.1/24], neighbors: {192.0.2.2: "02:00:00:00:00:02", 192.0.2.3: "02:00:00:00:00:03"}}
  tables: [%s]
`, tables)
}

// generate writes a collector's file: mrt or updates.
func generate(t testing.TB, ns *testnet.NS, what, file string, args ...string) {
	t.Helper()
	command := append([]string{"gen", what, "-o", file}, args...)
	if out, err := ns.Command(t.Context(), programs.File(t, "fwd"), command...).CombinedOutput(); err != nil {
		t.Fatalf("fwd %s: %v\n%s", strings.Join(command, " "), err, out)
	}
}

// TestReplay: updates are replayed into a running router beside the dump's routes, which are as they were after the end, be it
// the file's or an operator's SIGINT; what cannot be replayed is refused.
func TestReplay(t *testing.T) {
	pe := collectorPlace(t)
	dir := t.TempDir()
	dump, updates, other := filepath.Join(dir, "rib.mrt"), filepath.Join(dir, "updates.mrt.gz"), filepath.Join(dir, "broken.mrt")
	generate(t, pe, "mrt", dump, "--routes", "2000", "--peers", "1")
	generate(t, pe, "updates", updates, "--routes", "2000", "--peers", "3", "--rate", "1000", "--duration", "20s")
	if err := os.WriteFile(other, []byte("no updates, but some text"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, pe, collectorConfig(fmt.Sprintf("{mrt: {file: %s}, next-hops: [192.0.2.2], tag: 7}", dump)))
	before := r.show("routes")
	if out, err := r.ask("replay", updates, "--next-hops", "192.0.2.3"); err == nil || !strings.Contains(out, "peer of a table") {
		t.Errorf("the dump's peer: %v\n%s", err, out)
	}
	if out, err := r.ask("replay", other); err == nil || !strings.Contains(out, "broken.mrt: byte") {
		t.Errorf("a file of something else: %v\n%s", err, out)
	}
	if after := r.show("routes"); after != before {
		t.Error("what was refused has changed the routes")
	}

	r.write(collectorConfig(""))
	if out, err := r.ask("reload"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before = r.show("routes")
	out, err := r.ask("replay", updates, "--next-hops", "192.0.2.3", "--rate", "1000000", "--json")
	var done struct {
		Changes, Total, Peers int
		Ended                 bool
	}
	if err == nil {
		err = json.Unmarshal([]byte(out[strings.Index(out, "{\n"):]), &done)
	}
	if err != nil || !done.Ended || done.Changes != done.Total || done.Total < 5000 || done.Peers != 3 {
		t.Errorf("%v %+v\n%s", err, done, out)
	}
	cmd := pe.Command(context.Background(), r.program, "replay", updates, "--next-hops", "192.0.2.3", "--socket", r.control)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "routes come", func() bool { return strings.Count(r.show("routes"), "192.0.2.3") > 100 })
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(said.String(), "all of it was taken back") {
		t.Errorf("%v\n%s", err, &said)
	}
	if after := r.show("routes"); after != before {
		t.Errorf("the routes are not what they were:\n%s", tail(after, 2000))
	}
}

// heard is a log that is told when a word comes.
type heard struct {
	written
	word string
	when chan time.Time
	told bool
}

func (h *heard) Write(p []byte) (int, error) {
	n, err := h.written.Write(p)
	if !h.told && strings.Contains(h.String(), h.word) {
		h.told = true
		h.when <- time.Now()
	}
	return n, err
}

// BenchmarkMRTStart is `fwd run` with a collector's dump of 1,000,000 prefixes, of one peer or of 30 of which one is chosen, by its name
// or, with a file read twice, as the one with the most routes. An op is one start: start-s from exec until it forwards,
// cpu-s what that takes of all CPUs together, resident-MiB what it keeps, but for rings and program, and peak-MiB the most
// that was resident meanwhile, with them.
func BenchmarkMRTStart(b *testing.B) {
	routes := 1_000_000
	if testing.Short() {
		routes = 20_000
	}
	pe := collectorPlace(b)
	dir := b.TempDir()
	for _, c := range []struct {
		peers        int
		name, choice string
	}{{1, "named", ", peers: [198.18.0.1]"}, {30, "named", ", peers: [198.18.0.1]"}, {30, "most", ""}} {
		b.Run(fmt.Sprintf("peers=%d/choice=%s", c.peers, c.name), func(b *testing.B) {
			file := filepath.Join(dir, fmt.Sprintf("rib%d.mrt.gz", c.peers))
			if _, err := os.Stat(file); err != nil {
				generate(b, pe, "mrt", file, "--routes", fmt.Sprint(routes), "--peers", fmt.Sprint(c.peers))
			}
			config := collectorConfig(fmt.Sprintf("{mrt: {file: %s%s}, next-hops: [192.0.2.2, 192.0.2.3]}", file, c.choice))
			var took, used time.Duration
			own, peak := 0, 0
			for b.Loop() {
				t, u, o, p := mrtStart(b, pe, config, routes)
				took, used, own, peak = took+t, used+u, max(own, o), max(peak, p)
			}
			b.ReportMetric(took.Seconds()/float64(b.N), "start-s")
			b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s")
			b.ReportMetric(float64(own), "resident-MiB")
			b.ReportMetric(float64(peak), "peak-MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// mrtStart starts a router, and ends it when it forwards.
func mrtStart(b *testing.B, ns *testnet.NS, configuration string, routes int) (took, used time.Duration, own, peak int) {
	dir := b.TempDir()
	log := &heard{word: "ready_after=", when: make(chan time.Time, 1)}
	r := &router{t: b, ns: ns, program: programs.File(b, "fwd"), file: filepath.Join(dir, "fwd.yaml"), control: filepath.Join(dir, "fwd.sock"),
		log: &log.written, ended: make(chan struct{})}
	r.write(configuration)
	r.cmd = ns.Command(context.Background(), r.program, "run", "-c", r.file)
	r.cmd.Stdout, r.cmd.Stderr = log, log
	began := time.Now()
	if err := r.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	go func() {
		_ = r.cmd.Wait()
		close(r.ended)
	}()
	defer r.kill()
	select {
	case now := <-log.when:
		took = now.Sub(began)
	case <-r.ended:
		b.Fatalf("fwd ended: %v\n%s", r.cmd.ProcessState, log)
	}
	own, _ = r.memory()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if err != nil || m == nil {
		b.Fatalf("%v: no VmHWM in %s", err, status)
	}
	kib, _ := strconv.Atoi(string(m[1]))
	eventually(b, "all routes are there", func() bool {
		out, err := r.ask("show", "vrs", "--json")
		return err == nil && strings.Contains(out, fmt.Sprintf("\"ebgp\": %d", routes))
	})
	r.stop()
	return took, r.cmd.ProcessState.UserTime() + r.cmd.ProcessState.SystemTime(), own, kib >> 10
}
