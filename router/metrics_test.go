package router

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"vrfwd/afpacket"
)

// freeAddress returns an address that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// get asks a router's metrics server.
func (r *running) get(path string) (int, string) {
	r.t.Helper()
	answer, err := http.Get("http://" + r.metrics.listener.Addr().String() + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestMetrics(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts, "metrics: "+freeAddress(t))
	m.inject("access", 0, udp(10, "10.0.0.2", "8.8.8.8", 64), udp(10, "10.0.0.2", "198.51.100.1", 64))
	r.handled(2)
	code, text := r.get("/metrics")
	for _, want := range []string{
		`fwd_received_frames_total{worker="0"} 2`, `fwd_forwarded_frames_total{worker="0"} 1`, `fwd_dropped_frames_total{reason="discard"} 1`,
		`fwd_interface_packets_total{direction="rx",interface="ce",vr="red"} 2`, `fwd_interface_bytes_total{direction="tx",interface="uplink",vr="default"} 46`,
		`fwd_port_up{device="core",port="core"} 1`, `fwd_rib_prefixes{vr="red"}`, `fwd_fib_prefixes{vr="default"}`, `fwd_neighbors 3`,
		`fwd_worker_cpu_seconds_total{worker="0"}`, "go_goroutines",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if code != http.StatusOK {
		t.Error(code)
	}
	if code, text := r.get("/healthz"); code != http.StatusOK || text != "ok\n" {
		t.Error(code, text)
	}
	m.setState("core", afpacket.ErrDown)
	eventually(t, "not healthy", func() bool {
		code, text := r.get("/healthz")
		return code == http.StatusServiceUnavailable && strings.Contains(text, "port core is down")
	})
	if code, _ := r.get("/nope"); code != http.StatusNotFound {
		t.Error(code)
	}
	r.stop()
}

// TestMetricsTaken: an address that another has is refused, with the remedy.
func TestMetricsTaken(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts, "metrics: "+freeAddress(t))
	other := newMemory(t, "access", "core")
	r2 := &running{t: t, file: t.TempDir() + "/fwd.yaml"}
	r2.write(twoPorts + "metrics: " + r.metrics.listener.Addr().String())
	if _, err := New(loadFile(t, r2.file), Options{Driver: other}); err == nil || !strings.Contains(err.Error(), "address already in use") ||
		!strings.Contains(err.Error(), "choose another") {
		t.Error(err)
	}
	r.stop()
}
