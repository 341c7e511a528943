package router

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"vrfwd/bgp"
	"vrfwd/slowpath"
)

// metrics serves /metrics and /healthz.
type metrics struct {
	listener net.Listener
	server   http.Server
}

// newMetrics takes the address.
func newMetrics(r *Router, address string) (*metrics, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics %s: %w: choose another host:port in metrics:, or leave it out", address, err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{r}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", r.health)
	return &metrics{l, http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}}, nil
}

// serve answers until ctx ends.
func (m *metrics) serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = m.server.Close() })()
	if err := m.server.Serve(m.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

func (m *metrics) close() error {
	if err := m.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// health says 200 while all ports are up, and 503 with the ports that are not: the router runs, but cannot do all it
// should.
func (r *Router) health(w http.ResponseWriter, _ *http.Request) {
	down := ""
	for _, p := range r.portList() {
		if !p.Up {
			down += fmt.Sprintf("port %s is down: %s\n", p.Name, p.Why)
		}
	}
	if down != "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, down)
		return
	}
	fmt.Fprintln(w, "ok")
}

// collector collects a Router.
type collector struct{ r *Router }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("fwd_"+name, help, labels, nil)
}

// What is exported. Counters are since start.
var (
	descReceived  = desc("received_frames_total", "Frames that a worker received.", "worker")
	descForwarded = desc("forwarded_frames_total", "Frames that a worker forwarded.", "worker")
	descPunted    = desc("punted_frames_total", "Frames that went to the slow path, by reason.", "reason")
	descDropped   = desc("dropped_frames_total", "Frames that were dropped, by reason.", "reason")
	descBusy      = desc("worker_cpu_seconds_total", "CPU time of a worker's thread.", "worker")
	descPolls     = desc("worker_polls_total", "Passes of a worker over its queues.", "worker")
	descIdle      = desc("worker_idle_polls_total", "Passes that found nothing.", "worker")
	descSlow      = desc("slow_path_total", "What the slow path counted.", "event")
	descWaiting   = desc("slow_path_waiting", "Packets that wait on the slow path: for a neighbour's address, or for the rest of their fragments.")
	descRing      = desc("ring_frames_total", "Frames that a port's rings lost or refused, and times that a ring was full.", "port", "event")
	descPortUp    = desc("port_up", "1: the port's link is up.", "port", "device")
	descPort      = desc("port_frames_total", "Frames of a port.", "port", "direction")
	descPortBytes = desc("port_bytes_total", "Bytes of a port, layer 2.", "port", "direction")
	descIfaceUp   = desc("interface_up", "1: the IP interface is up.", "interface", "vr", "kind")
	descIface     = desc("interface_packets_total", "IPv4 packets of an IP interface.", "interface", "vr", "direction")
	descIfBytes   = desc("interface_bytes_total", "Bytes of an IP interface, layer 3.", "interface", "vr", "direction")
	descRIB       = desc("rib_prefixes", "Prefixes in a VR's RIB.", "vr")
	descFIB       = desc("fib_prefixes", "Prefixes in a VR's FIB.", "vr")
	descGroup     = desc("group_packets_total", "IPv4 packets whose flows a member of a group of equal next hops was chosen for.", "group", "gateway", "interface")
	descGrBytes   = desc("group_bytes_total", "Bytes of these packets, layer 3.", "group", "gateway", "interface")
	descImported  = desc("imported_routes", "Routes that a VRF imported.", "vr")
	descMemory    = desc("table_bytes", "Memory of the tables, by part.", "part")
	descNeighbors = desc("neighbors", "Neighbours with known MAC address.")
	descSession   = desc("bgp_session_up", "1: the session is established.", "vr", "neighbor")
	descState     = desc("bgp_session_state", "State of the session: 0 Idle, 1 Connect, 2 Active, 3 OpenSent, 4 OpenConfirm, 5 Established.", "vr", "neighbor")
	descFlaps     = desc("bgp_session_flaps_total", "Sessions that were established and have ended.", "vr", "neighbor")
	descAccepted  = desc("bgp_accepted_prefixes", "Prefixes of the neighbour in the RIB.", "vr", "neighbor")
	descTold      = desc("bgp_advertised_prefixes", "Prefixes that the neighbour was told.", "vr", "neighbor")
	descMessages  = desc("bgp_messages_total", "Messages of a session, by type.", "vr", "neighbor", "direction", "type")
	descUpdated   = desc("bgp_prefixes_total", "Prefixes in updates: announced and withdrawn, and those that were refused.", "vr", "neighbor", "direction", "event")
	descMalformed = desc("bgp_malformed_updates_total", "Updates treated as withdrawals.", "vr", "neighbor")
	descView      = desc("view_generation", "Generation of the workers' view.")
)

// Describe says nothing of what will be collected: prometheus calls that unchecked.
func (collector) Describe(chan<- *prometheus.Desc) {}

// waiting is the only one of the slow path's counters that goes down again.
var waiting = slowpath.Waiting.String()

// Collect reads all counters.
func (c collector) Collect(to chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	truth := map[bool]float64{true: 1}
	r := c.r
	all := r.Counters()
	for reason, n := range all.Drops {
		counter(descDropped, n, reason)
	}
	for reason, n := range all.Punts {
		counter(descPunted, n, reason)
	}
	for event, n := range all.SlowPath {
		if event != waiting {
			counter(descSlow, n, event)
		}
	}
	gauge(descWaiting, float64(all.SlowPath[waiting]))
	for _, w := range r.Workers().Workers {
		number := fmt.Sprint(w.Number)
		counter(descReceived, w.Received, number)
		counter(descForwarded, w.Forwarded, number)
		counter(descPolls, w.Polls, number)
		counter(descIdle, w.Idle, number)
		to <- prometheus.MustNewConstMetric(descBusy, prometheus.CounterValue, w.Busy, number)
	}
	interfaces := r.Interfaces()
	for _, p := range interfaces.Ports {
		gauge(descPortUp, truth[p.Up], p.Name, p.Device)
		counter(descPort, p.Rx.Packets, p.Name, "rx")
		counter(descPort, p.Tx.Packets, p.Name, "tx")
		counter(descPortBytes, p.Rx.Bytes, p.Name, "rx")
		counter(descPortBytes, p.Tx.Bytes, p.Name, "tx")
		for event, n := range p.Ring.byName() {
			counter(descRing, n, p.Name, event)
		}
	}
	for _, i := range interfaces.Interfaces {
		gauge(descIfaceUp, truth[i.Up], i.Name, i.VR, i.Kind)
		counter(descIface, i.Rx.Packets, i.Name, i.VR, "rx")
		counter(descIface, i.Tx.Packets, i.Name, i.VR, "tx")
		counter(descIfBytes, i.Rx.Bytes, i.Name, i.VR, "rx")
		counter(descIfBytes, i.Tx.Bytes, i.Name, i.VR, "tx")
	}
	for _, g := range r.Groups().Groups {
		for _, m := range g.Members {
			counter(descGroup, m.Tx.Packets, fmt.Sprint(g.Number), m.Gateway, m.Interface)
			counter(descGrBytes, m.Tx.Bytes, fmt.Sprint(g.Number), m.Gateway, m.Interface)
		}
	}
	for _, v := range r.table.VRs() {
		gauge(descRIB, float64(v.Prefixes), v.Name)
		gauge(descFIB, float64(v.FIB), v.Name)
		gauge(descImported, float64(v.Imported), v.Name)
	}
	for _, n := range r.bgp.Neighbors() {
		vr, addr := vrOf(n.VR), n.Addr.String()
		gauge(descSession, truth[n.State == bgp.Established], vr, addr)
		gauge(descState, float64(n.State), vr, addr)
		counter(descFlaps, n.Flaps, vr, addr)
		gauge(descAccepted, float64(n.Accepted), vr, addr)
		gauge(descTold, float64(n.Advertised), vr, addr)
		counter(descMalformed, n.Received.Malformed, vr, addr)
		for direction, m := range map[string]bgp.Messages{"rx": n.Received, "tx": n.Sent} {
			for kind, count := range BGPMessages(m).byType() {
				counter(descMessages, count, vr, addr, direction, kind)
			}
			counter(descUpdated, m.Announced, vr, addr, direction, "announced")
			counter(descUpdated, m.Withdrawn, vr, addr, direction, "withdrawn")
		}
		counter(descUpdated, n.Received.Refused, vr, addr, "rx", "refused")
	}
	m := r.table.Memory()
	for part, n := range map[string]int{"global fib": m.GlobalFIB, "vrf fib": m.VRFFIB, "fib writer": m.FIBWriter,
		"adjacencies": m.Adjacencies, "ingress": m.Ingress, "rib": m.RIB} {
		gauge(descMemory, float64(n), part)
	}
	gauge(descNeighbors, float64(len(r.table.Neighbors())))
	gauge(descView, float64(r.table.View().Generation))
}
