package report

import "math"

// none is a bar of 0, at most: a row's bar of 0 is that there is none.
const none = -math.SmallestNonzeroFloat64

// convergence is what changes of routes cost: loads of full tables, updates while packets are forwarded, failover, and the VRFs'
// import maps. Rows with a bar stand by themselves, as the README has no others.
func convergence() (rows []row) {
	add := func(r row) { rows = append(rows, r) }
	for _, d := range []struct {
		peers, what string
		seconds     float64
		mib         float64
	}{{"1", "1,000,000 routes from a compressed MRT dump to the FIB", -5, -600}, {"30", "one peer's 1,000,000 routes from the compressed MRT dump of 30 to the FIB", 0, 0}} {
		load := "mrt.Load/peers=" + d.peers + "/reader=ours"
		add(row{what: d.what, unit: "s/load", of: load, show: "s", bar: d.seconds})
		add(row{what: d.what + ": memory at most", unit: "peak-MiB", of: load, show: "MiB", bar: d.mib})
		add(row{what: "the same once it is loaded, all of the process", unit: "end-MiB", of: load, show: "MiB"})
	}
	const full = "vrftable.FullTable"
	add(row{what: "a full table of 1,000,000 routes applied in one batch", unit: "s/load", of: full, show: "s"})
	add(row{what: "its sets of attributes", unit: "attribute-sets", of: full, show: "sets"})
	add(row{what: "its RIB", unit: "RIB-B/route", of: full, show: "B/route"})
	add(row{what: "its FIB, as lookups read it", unit: "FIB-B/route", of: full, show: "B/route"})
	add(row{what: "the FIB's own records for updates", unit: "FIB-writer-B/route", of: full, show: "B/route"})

	const e2e = "e2e.Convergence/case="
	const load, update, failover = e2e + "load", e2e + "update", e2e + "failover"
	add(row{what: "the real table, 901,899 routes, by BGP to the FIB, while forwarding at 80 % of the loss-free rate", unit: "load-s", of: load, show: "s", bar: -60})
	add(row{what: "the real table by BGP: of the packets meanwhile lost", unit: "lost-%", of: load, show: "%", bar: none})
	add(row{what: "the same, by the tester's own rings", unit: "tester-lost-%", of: load, show: "%"})
	add(row{what: "the same, offered", unit: "offered-kpps", of: load, show: "kpps"})
	add(row{what: "the same, memory of the router then", unit: "resident-MiB", of: load, show: "MiB"})

	add(row{what: "BGP update to the first packet by the new gateway, at 1,000 updates a second, p99", unit: "p99-ms", of: update, show: "ms", bar: -50})
	add(row{what: "the same, p50", unit: "p50-ms", of: update, show: "ms"})
	add(row{what: "the same, most", unit: "max-ms", of: update, show: "ms"})
	add(row{what: "BGP update to the first packet by the new gateway: probes lost", unit: "probes-lost", of: update, show: "probes", bar: none})
	add(row{what: "the same, updates sent", unit: "updates/s", of: update, show: "/s"})
	add(row{what: "the same, offered besides", unit: "offered-kpps", of: update, show: "kpps"})
	add(row{what: "the same, of these lost", unit: "lost-%", of: update, show: "%"})
	add(row{what: "the same, of these lost by the tester's own rings", unit: "tester-lost-%", of: update, show: "%"})

	add(row{what: "failover of an uplink with half of a full table", unit: "failover-ms", of: failover, show: "ms", bar: -1000})
	add(row{what: "the same, the first packet by the other uplink", unit: "first-ms", of: failover, show: "ms"})
	add(row{what: "the same, probes lost, of 10,000 a second", unit: "probes-lost", of: failover, show: "probes"})

	for _, share := range []string{"50", "90"} {
		sustain := "bench.Sustain/load=" + share
		add(row{what: "updates into the FIB sustained while one worker forwards at " + share + " % of its NDR", unit: "updates/s", of: sustain, show: "k/s", times: 1e-3})
		add(row{what: "the same, frames offered", unit: "offered-Mpps", of: sustain, show: "Mpps"})
		add(row{what: "the same, of these lost", unit: "lost-%", of: sustain, show: "%"})
		add(row{what: "the same, lost at that rate without updates", unit: "lost-without-%", of: sustain, show: "%"})
		add(row{what: "the same, the longest batch", unit: "longest-ms/batch", of: sustain, show: "ms"})
	}

	const maps = "vrftable.ImportMaps/case="
	add(row{what: "import maps of 1,000 VRFs over a full table: 999 by prefix lists, set in one batch", unit: "s/lists", of: maps + "set", show: "s"})
	add(row{what: "the same, then one by AS path", unit: "s/as-path", of: maps + "set", show: "s"})
	add(row{what: "the same, routes imported", unit: "imported", of: maps + "set", show: "routes"})
	add(row{what: "the same, memory of the tables for that", unit: "tables-MiB", of: maps + "set", show: "MiB"})
	add(row{what: "then one prefix that all import: it comes", unit: "ms/announce", of: maps + "all", show: "ms"})
	add(row{what: "the same, it is withdrawn, from 1,000 VRFs", unit: "ms/withdraw", of: maps + "all", show: "ms"})
	add(row{what: "then one prefix that none imports: it comes", unit: "ms/announce", of: maps + "none", show: "ms"})
	add(row{what: "the same, it is withdrawn", unit: "ms/withdraw", of: maps + "none", show: "ms"})
	return rows
}

// converging is the table of convergence, of what has samples; used is completed with its files.
func (b *Book) converging(used map[*file]bool) (section, bool) {
	g, _ := barTable(convergence(), b.bench, used)
	return section{id: "convergence", title: "Convergence", blocks: []block{
		text("What routes cost that come, change and go while packets are forwarded. What comes by BGP comes while a router forwards between veths: " +
			"it, its neighbours, generator and sink share the CPUs. Packets that the tester's own rings lost are no loss of the router's. " +
			"A failover lasts as long as the probes that were lost were sent for. A bar of nothing is held against the upper end of the interval."),
		table(g)}}, len(g.rows) > 0
}

// withBar are the rows that are held against a bar.
func withBar(rows []row) (some []row) {
	for _, r := range rows {
		if r.bar != 0 {
			some = append(some, r)
		}
	}
	return some
}
