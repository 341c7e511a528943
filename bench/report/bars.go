package report

import (
	"fmt"

	"vrfwd/internal/estimate"
)

// row is one line of the table of bars: what is measured, and what it is held against.
type row struct {
	what string
	unit string // of the samples
	of   string // the benchmark
	per  string // for a ratio: the benchmark that of is divided by; else ""
	less string // for a difference: the benchmark that is taken from of; else ""
	show string // unit to print; "x" for a ratio
	// derive, where set, makes the samples to show.
	derive func(s series) []float64
	times  float64 // what is shown, in parts of the unit of the samples; 0: 1
	// bar and aim; 0: none. Positive: at least; negative: at most.
	bar, aim float64
}

// value takes the row's figure from the newest file that holds all of its samples.
func (r row) value(files []*file) (figure, *file) {
	names := []string{r.of}
	if second := r.per + r.less; second != "" {
		names = append(names, second)
	}
	f := newest(files, r.unit, names...)
	if f == nil {
		return figure{}, nil
	}
	how := "median of 0"
	e := estimate.Estimate{}
	switch a := f.samples[r.of]; {
	case r.per != "":
		how += "/1"
		e = estimate.Paired(a[r.unit], f.samples[r.per][r.unit], func(a, b float64) float64 { return a / b })
	case r.less != "":
		how += "-1"
		e = estimate.Paired(a[r.unit], f.samples[r.less][r.unit], func(a, b float64) float64 { return a - b })
	case r.derive != nil:
		how = "allowance of 0"
		e = estimate.Of(r.derive(a))
	default:
		e = estimate.Of(a[r.unit])
	}
	if r.times == 0 {
		r.times = 1
	}
	out := figure{v: e.Median, low: e.Low, high: e.High, how: how, unit: unit{r.show, r.times}}
	for _, n := range names {
		out.from = append(out.from, f.place(n, r.unit))
	}
	return out, f
}

// met reports whether v is on the right side of a bar or an aim.
func met(v, limit float64) bool {
	if limit < 0 {
		return v <= -limit
	}
	return v >= limit
}

// verdict says how what is judged stands: aim, bar or missed; "" where nothing is asked.
func (r row) verdict(v float64) string {
	switch {
	case r.aim != 0 && met(v, r.aim):
		return "aim"
	case r.bar == 0 && r.aim == 0:
		return ""
	case r.bar == 0:
		return "aim missed"
	case met(v, r.bar):
		return "bar"
	}
	return "**missed**"
}

// judged is what of a figure is held against the bar, in the unit that is shown: the median, or the upper end where
// nothing is allowed.
func (r row) judged(v figure) float64 {
	if r.bar == none {
		return v.high * v.unit.scale
	}
	return v.v * v.unit.scale
}

// limit prints a bar or an aim.
func (r row) limit(v float64) string {
	switch {
	case v == 0:
		return ""
	case v < 0:
		return "≤ " + number(-v) + " " + r.show
	}
	return "≥ " + number(v) + " " + r.show
}

// number prints three significant digits, without an exponent; what is less than a ten-thousandth is 0.
func number(v float64) string {
	switch a := max(v, -v); {
	case a < 1e-4:
		return "0"
	case a >= 1e4:
		return fmt.Sprintf("%.0f", v)
	case a >= 100:
		return fmt.Sprintf("%.4g", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// bars is the table: what the project set out to reach on one core of a 2-core machine of the Zen 3 class. Ratios are
// taken within one run.
func bars() (rows []row) {
	const ns = "ns/op"
	lookup := func(keys, engine, mode string) string {
		return "lpm.Lookup/table=real/keys=" + keys + "/engine=" + engine + "/mode=" + mode
	}
	add := func(r row) { rows = append(rows, r) }
	for _, k := range []struct {
		keys                string
		fast, dir, absolute float64
	}{{"uniform", 20, 2, 3}, {"routed", 40, 1.5, 3.5}, {"zipf", 20, 0.9, 2.5}} {
		fib := lookup(k.keys, "fib", "burst")
		add(row{what: "burst lookup, " + k.keys, unit: ns, of: fib, show: "ns", aim: -k.absolute})
		add(row{what: "bart.Fast one by one : ours", unit: ns, of: lookup(k.keys, "bart-fast", "single"), per: fib,
			show: "x", bar: k.fast})
		add(row{what: "DIR-24-8 burst : ours", unit: ns, of: lookup(k.keys, "dir24", "burst"), per: fib,
			show: "x", bar: k.dir})
	}
	dependent := lookup("routed", "fib", "dependent")
	add(row{what: "dependent lookup, routed", unit: ns, of: dependent, show: "ns", aim: -45})
	add(row{what: "ours : DIR-24-8 dependent", unit: ns, of: dependent, per: lookup("routed", "dir24", "dependent"),
		show: "x", bar: -1})
	add(row{what: "FIB of the real table", unit: "MiB", of: "lpm.Memory/table=real/engine=fib", show: "MiB",
		bar: -8, aim: -4})
	for _, keys := range []string{"uniform", "routed", "zipf"} {
		pressed := func(engine string) string {
			return "lpm.LookupPressed/table=real/keys=" + keys + "/engine=" + engine + "/mode=burst"
		}
		add(row{what: "burst lookup, " + keys + ", memory under pressure", unit: ns, of: pressed("fib"), show: "ns"})
		add(row{what: "DIR-24-8 burst under pressure : ours", unit: ns, of: pressed("dir24"), per: pressed("fib"),
			show: "x", bar: 1})
	}

	const dual = "vrftable.DualLookup/keys=routed/fallback=100/engine="
	add(row{what: "dual lookup, 1,000 VRFs, all fall back, routed", unit: ns, of: dual + "dual", show: "ns"})
	add(row{what: "dual : global lookup alone", unit: ns, of: dual + "dual", per: dual + "global-only", show: "x",
		bar: -1.5, aim: -1.2})
	add(row{what: "dual : one DIR-24-8 burst lookup", unit: ns, of: dual + "dual", per: dual + "dir24", show: "x",
		bar: -1})

	const typical = "lpm.Memory/vrfs=1000/profile=typical"
	add(row{what: "an empty VRF", unit: "B", of: "lpm.Memory/vrfs=empty/per=vrf", show: "B", bar: -1024, aim: -512})
	add(row{what: "1,000 typical VRFs", unit: "B/route", of: typical, show: "B/route"})
	add(row{what: "the same : 24 B a route + 1 KiB a VRF", unit: "MiB", of: typical, show: "x", bar: -1, aim: -0.5,
		derive: allowance})
	add(row{what: "build of the real table", unit: "ms/build", of: "lpm.Build/table=real/engine=fib", show: "ms",
		bar: -1000, aim: -200})
	add(row{what: "inserts and deletes in place, one reader", unit: "updates/s", of: "lpm.Update/table=real/engine=fib/readers=1",
		show: "M/s", bar: 0.5, aim: 2, times: 1e-6})
	add(row{what: "one route of each of 1,000 VRFs withdrawn", unit: "ms/batch", of: "vrftable.WithdrawBatch", show: "ms",
		bar: -20, aim: -2})

	for _, f := range []struct {
		share, ports, what string
		bar, aim           float64
	}{
		{"50", "samecore", "forwarding, one worker, 64 B, half falls back, generator and sink on its core", 30, 50},
		{"100", "samecore", "the same, all falls back", 30, 50},
		{"50", "rings", "half falls back, generator and sink on the other core, loss-free", 15, 30},
		{"100", "rings", "the same, all falls back", 15, 30},
	} {
		add(row{what: f.what, unit: "Mpps", of: "bench.Forward/method=fallback/fallback=" + f.share + "/ports=" + f.ports,
			show: "Mpps", bar: f.bar, aim: f.aim})
	}
	add(row{what: "two workers : one, each with its own generator", unit: "x", of: "bench.ForwardWorkers/workers=2", show: "x",
		bar: 1.9, aim: 2})
	add(row{what: "its control: loads from memory on two CPUs : on one", unit: "control-x", of: "bench.ForwardWorkers/workers=2", show: "x"})
	add(row{what: "rate with 2,000 route changes a second : without, loss-free", unit: "x", of: "bench.Churn/changes=2000", show: "x",
		bar: 0.95, aim: 0.99})
	add(row{what: "its control: without : without", unit: "control-x", of: "bench.Churn/changes=2000", show: "x"})
	return append(rows, liveBars()...)
}

// liveBars is what forwarding on packet sockets over veths is held against: C programs with the same rings, DPDK and the
// kernel in the same run. The kernel's part of sending sets the pace of all of them.
func liveBars() (rows []row) {
	add := func(r row) { rows = append(rows, r) }
	port := func(direction, version, engine string) string {
		return "afpacket." + direction + "/version=" + version + "/engine=" + engine
	}
	for _, d := range []struct{ direction, what, version string }{{"Tx", "sending", "v2"}, {"Rx", "receiving, its sending included,", "v3"}} {
		ours := port(d.direction, d.version, "go")
		add(row{what: "a port " + d.what + " 60-byte frames on a veth, " + d.version, unit: "Mpps", of: ours, show: "Mpps"})
		add(row{what: "the same : the least in C", unit: "Mpps", of: ours, per: port(d.direction, d.version, "c"), show: "x", bar: 0.95})
		for _, other := range []string{"v2", "v3", "msg"} {
			if other != d.version {
				add(row{what: "the same : ours by " + other, unit: "Mpps", of: ours, per: port(d.direction, other, "go"), show: "x"})
			}
		}
	}
	live := func(engine, offered string) string { return "e2e.Live/engine=" + engine + "/offered=" + offered }
	fwd := live("fwd", "max")
	add(row{what: "live: 1,000 VRFs, 1,000,000 routes, all falls back, 64 B, one worker, as fast as the generator sends", unit: "Mpps", of: fwd, show: "Mpps"})
	add(row{what: "the same : dpdk-testpmd, io forwarding by net_af_packet", unit: "Mpps", of: fwd, per: live("testpmd", "max"), show: "x", bar: 1})
	add(row{what: "the same : the least in C, without a lookup", unit: "Mpps", of: fwd, per: live("c", "max"), show: "x", bar: 1})
	add(row{what: "the same : the kernel with these routes, on a CPU of its own by RPS", unit: "Mpps", of: fwd, per: live("kernel-rps", "max"), show: "x"})
	add(row{what: "the same, while it catches up with a backlog, which no generator limits", unit: "Mpps", of: live("fwd", "backlog"), show: "Mpps"})
	add(row{what: "the same : the least in C, without a lookup", unit: "Mpps", of: live("fwd", "backlog"), per: live("c", "backlog"), show: "x", bar: 1})
	for _, rate := range []string{"50kpps", "100kpps", "200kpps"} {
		add(row{what: "CPU time a packet at " + rate, unit: "cpu-ns/pkt", of: live("fwd", rate), show: "ns"})
		add(row{what: "the same - the least in C", unit: "cpu-ns/pkt", of: live("fwd", rate), less: live("c", rate), show: "ns", bar: -80})
	}
	for _, g := range []struct {
		frames, what string
		bar          float64
	}{{"template", "generator in memory, one core, 64 B, paced, frames as the template has them", 25}, {"stamped", "the same, each with a sequence number and the time that it left", 10},
		{"stamped-due", "the same, with the time that it was due", 10}} {
		add(row{what: g.what, unit: "Mpps", of: "live.Generator/frames=" + g.frames, show: "Mpps", bar: g.bar})
	}
	for _, rate := range []string{"1kpps", "10kpps", "100kpps", "1000kpps"} {
		pacing := "live.Pacing/rate=" + rate
		add(row{what: "mean rate of a generator paced at " + rate + ", off by", unit: "off-%", of: pacing, show: "%", bar: -0.5})
		add(row{what: "the same, a gap off by, p99", unit: "jitter-p99-ns", of: pacing, show: "ns"})
	}
	ours := "e2e.Trafgen/engine=vrfwd"
	add(row{what: "trafgen on a veth, 64 B, stamped, one CPU, as fast as it can", unit: "Mpps", of: ours, show: "Mpps"})
	add(row{what: "the same : netsniff-ng's trafgen", unit: "Mpps", of: ours, per: "e2e.Trafgen/engine=netsniff-ng", show: "x", bar: 1})
	for _, l := range []struct{ mode, what string }{{"off", "workers that sleep when idle"}, {"on", "busy-poll"}} {
		latency := "e2e.Latency/busy-poll=" + l.mode
		add(row{what: "live latency at 10 % of the loss-free rate, " + l.what + ", p50", unit: "p50-us", of: latency, show: "us"})
		add(row{what: "the same, p99", unit: "p99-us", of: latency, show: "us", bar: -2000})
	}
	return rows
}

// allowance is what the FIB of 1,000 VRFs takes, in parts of 24 bytes a route and 1 KiB a VRF.
func allowance(s series) (parts []float64) {
	for i, perRoute := range s["B/route"] {
		bytes := s["MiB"][i] * (1 << 20)
		parts = append(parts, bytes/(24*bytes/perRoute+1000<<10))
	}
	return parts
}
