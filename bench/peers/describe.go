package main

import "vrfwd/internal/peer"

// described is what is measured, and what each engine does and does not do in its loop.
func described() []peer.Group {
	const yes, no = "yes", "no"
	const fibBurst = "fib/mode=burst/n=256"
	lookup := peer.Group{
		Name:  "lookup",
		Title: "Lookup in one full table",
		About: "One core, the same routes with the same next hops, and the same destinations in the same order: the answers of all engines to all of them were equal before anything was timed.",
		Unit:  "ns/op",
		Less:  true,
		Facts: []string{"asks", "the core overlaps misses", "updates while readers look up"},
		Engines: []peer.Engine{
			{Name: fibBurst, Title: "ours, lpm.Table, bursts of 256", Ours: true, Does: []string{"256 at a time", yes, yes}},
			{Name: "fib/mode=burst/n=32", Title: "ours, lpm.Table, bursts of 32", Ours: true, Against: fibBurst, Does: []string{"32 at a time", yes, yes}},
			{Name: "rte-fib/mode=burst/n=32", Title: "DPDK rte_fib, bursts of 32", Against: fibBurst, Does: []string{"32 at a time", yes, "without RCU"},
				Note: "DIR-24-8 with 2-byte entries: at most 32,767 next hops; a table of its own for each of 1,000 VRFs would be 32 GiB"},
			{Name: "rte-fib/mode=burst/n=256", Title: "DPDK rte_fib, bursts of 256", Against: fibBurst, Does: []string{"256 at a time", yes, "without RCU"}},
			{Name: "rte-lpm/mode=burst/n=32", Title: "DPDK rte_lpm, bursts of 32", Against: fibBurst, Does: []string{"32 at a time", yes, "with RCU, not used here"},
				Note: "4-byte entries; adding a route searches all rules of its length"},
			{Name: "rte-lpm/mode=burst/n=256", Title: "DPDK rte_lpm, bursts of 256", Against: fibBurst, Does: []string{"256 at a time", yes, "with RCU, not used here"}},
			{Name: "fib/mode=single", Title: "ours, lpm.Table, one by one", Ours: true, Against: "fib/mode=single", Does: []string{"one by one", yes, yes}},
			{Name: "rte-fib/mode=single", Title: "DPDK rte_fib, one by one", Against: "fib/mode=single", Does: []string{"bursts of one", yes, "without RCU"}},
			{Name: "rte-lpm/mode=single", Title: "DPDK rte_lpm, one by one", Against: "fib/mode=single", Does: []string{"one by one", yes, "with RCU, not used here"}},
			{Name: "bart-fast/mode=single", Title: "bart.Fast, one by one", Against: "fib/mode=single", Does: []string{"one by one", yes, "by copies (InsertPersist)"},
				Note: "it has no bursts, so it is compared with ours one by one; ours in bursts is faster still"},
			{Name: "bart-table/mode=single", Title: "bart.Table, one by one", Against: "fib/mode=single", Does: []string{"one by one", yes, "by copies (InsertPersist)"}},
			{Name: "fib/mode=dependent", Title: "ours, lpm.Table, dependent", Ours: true, Against: "fib/mode=dependent", Does: []string{"each after the last answer", no, yes}},
			{Name: "rte-fib/mode=dependent", Title: "DPDK rte_fib, dependent", Against: "fib/mode=dependent", Does: []string{"each after the last answer", no, "without RCU"}},
			{Name: "rte-lpm/mode=dependent", Title: "DPDK rte_lpm, dependent", Against: "fib/mode=dependent", Does: []string{"each after the last answer", no, "with RCU, not used here"}},
			{Name: "bart-fast/mode=dependent", Title: "bart.Fast, dependent", Against: "fib/mode=dependent", Does: []string{"each after the last answer", no, "by copies (InsertPersist)"}},
			{Name: "bart-table/mode=dependent", Title: "bart.Table, dependent", Against: "fib/mode=dependent", Does: []string{"each after the last answer", no, "by copies (InsertPersist)"}},
		},
	}
	const dualBurst = "dual/mode=burst/n=256"
	dual := peer.Group{
		Name:  "dual",
		Title: "Lookup for 1,000 VRFs that fall back to the full table",
		About: "The same destinations, each with one of 1,000 typical VRFs that has no route for it. DPDK's tables have no VRFs: they look the destination up in the full table alone, and save the first of the two lookups.",
		Unit:  "ns/op",
		Less:  true,
		Facts: []string{"looks up in", "asks"},
		Engines: []peer.Engine{
			{Name: dualBurst, Title: "ours, lpm.Set.LookupDual", Ours: true, Does: []string{"the packet's VRF, then the full table", "256 at a time"}},
			{Name: "bart-dual/mode=single", Title: "bart.Table for each VRF, then bart.Fast", Against: dualBurst, Does: []string{"the packet's VRF, then the full table", "one by one"}},
			{Name: fibBurst, Title: "ours, lpm.Table", Ours: true, Against: dualBurst, Does: []string{"the full table alone", "256 at a time"}},
			{Name: "rte-fib/mode=burst/n=32", Title: "DPDK rte_fib", Against: dualBurst, Does: []string{"the full table alone", "32 at a time"}},
			{Name: "rte-lpm/mode=burst/n=32", Title: "DPDK rte_lpm", Against: dualBurst, Does: []string{"the full table alone", "32 at a time"}},
		},
	}
	for _, kind := range kinds {
		c := peer.Column{Title: kind, Benchmark: "peers.Lookup/keys=" + kind + "/engine={engine}"}
		lookup.Columns, dual.Columns = append(lookup.Columns, c), append(dual.Columns, c)
	}

	const fallback, circuits = "fwd/method=fallback", "fwd/method=two-circuits"
	forward := peer.Group{
		Name:  "forward",
		Title: "Forwarding in memory",
		About: "One worker, 64-byte frames with a tag, 64 Ki flows to routed destinations, no network card and no kernel. samecore: generator and sink in the worker's thread and in the figure; rings: on another core. Generators and sinks do the same: a copy of a line of 64 bytes with a sequence number, and one count by flow with a look at the port and at two bytes of the frame.",
		Unit:  "Mpps",
		Facts: []string{"VRFs", "lookups", "header checksum and lengths checked", "martians", "TTL and checksum update", "layer 2 rewrite, tag off", "counters", "routes may change meanwhile", "frame memory"},
		Engines: []peer.Engine{
			{Name: fallback, Title: "ours, fallback global", Ours: true, Does: []string{"1,000", "2", yes, yes, yes, yes, "by interface and by reason", yes, "frames of one line, descriptors by ring"}},
			{Name: circuits, Title: "ours, second circuits", Ours: true, Against: fallback, Does: []string{"1,000, not asked", "1", yes, yes, yes, yes, "by interface and by reason", yes, "frames of one line, descriptors by ring"},
				Note: "frames enter the parent itself: what a router with one table does"},
			{Name: "rte-ring/check=no/n=32", Title: "thin loop over rte_ring with rte_fib, bursts of 32", Against: fallback, Does: []string{no, "1", no, no, yes, yes, "one by port", no, "rte_mbuf, never freed to its pool"}},
			{Name: "rte-ring/check=yes/n=32", Title: "the same with header checks, bursts of 32", Against: fallback, Does: []string{no, "1", yes, no, yes, yes, "one by port", no, "rte_mbuf, never freed to its pool"}},
			{Name: "rte-ring/check=no/n=256", Title: "thin loop over rte_ring with rte_fib, bursts of 256", Against: fallback, Does: []string{no, "1", no, no, yes, yes, "one by port", no, "rte_mbuf, never freed to its pool"}},
			{Name: "rte-ring/check=yes/n=256", Title: "the same with header checks, bursts of 256", Against: fallback, Does: []string{no, "1", yes, no, yes, yes, "one by port", no, "rte_mbuf, never freed to its pool"}},
		},
	}
	for _, place := range places {
		forward.Columns = append(forward.Columns, peer.Column{Title: place, Benchmark: "peers.Forward/ports=" + place + "/engine={engine}"})
	}

	live := peer.Group{
		Name:  "live",
		Title: "Forwarding over veths",
		About: "64-byte frames from one veth pair to another as fast as one core's generator sends, the engine on the other core. The kernel's part of sending and receiving sets the pace of all of them.",
		Unit:  "Mpps",
		Columns: []peer.Column{
			{Title: "offered=max", Benchmark: "e2e.Live/engine={engine}/offered=max"},
		},
		Facts: []string{"VRFs", "lookup", "header checks", "TTL and checksum update", "layer 2 rewrite", "counters", "input and output"},
		Engines: []peer.Engine{
			{Name: "fwd", Title: "ours, fwd run", Ours: true, Does: []string{"1,000, a VLAN each", "VRF, then 1,000,000 routes", yes, yes, yes, "by interface and by reason", "AF_PACKET v3 in, v2 out"}},
			{Name: "c", Title: "the least in C", Against: "fwd", Does: []string{no, no, no, no, no, no, "AF_PACKET v3 in, v2 out"}},
			{Name: "testpmd", Title: "dpdk-testpmd, io forwarding", Against: "fwd", Does: []string{no, no, no, no, no, "by port", "net_af_packet"}},
			{Name: "kernel-rps", Title: "the kernel's forwarding, on the other CPU by RPS", Against: "fwd", Does: []string{no, "1,000,000 routes", yes, yes, yes, "by device", "in the kernel"},
				Note: "untagged: this kernel need not have VLAN devices"},
			{Name: "kernel", Title: "the kernel's forwarding, on the generator's CPU", Against: "fwd", Does: []string{no, "1,000,000 routes", yes, yes, yes, "by device", "in the kernel"}},
		},
	}
	return []peer.Group{lookup, dual, forward, live}
}
