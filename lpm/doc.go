// Package lpm is the compiled IPv4 FIB: longest-prefix match from address to hop, for one huge table (Table) and for a
// thousand small ones over one pool (Set), and both at once for fallback global (Set.LookupDual).
//
// # Contract
//
// Readers never lock, never wait and never see a hole: a lookup answers from before or from after a change. One writer
// at a time, for a Table and the Sets made for it together. Readers announce quiescent states in the qsbr.Domain that the tables were made with, once per burst, and
// the writer reuses memory only after all of them have. All that lookups read is off-heap and free of pointers, but
// for the pointer to a Table's current generation, loaded once per burst.
//
// # Why these structures
//
// What costs is a cache miss, then a mispredicted branch. So each lookup makes few loads at addresses that depend on
// little, a burst is looked up in stages without branches on data, and the whole table stays small: two loads and
// 3.9 MiB for the real table. Measured on a 2-vCPU Xeon (AVX-512, 2 MiB L2 a core, shared L3), Go 1.26, the real table of
// 901,899 prefixes, 64 hops by hash (the worst case for merging), 4 Mi shuffled keys, bursts of 256, ns per address:
//
//	global table                                    memory     uniform  routed  Zipf
//	18-6-8, variable stride, byte leaves, AVX-512   3.9 MiB      2.0     2.8     1.3     kept
//	the same, plain Go                              3.9 MiB      3.0     3.9     2.0     kept: the twin
//	the same, plain Go, two passes over the burst   3.9 MiB      3.0     3.8     1.8     no gain, twice the code
//	the same, plain Go, 16-bit leaves               6.9 MiB      3.7     4.6     2.5     kept for more than 254 hops
//	the same, plain Go, hops through a byte table   3.9 MiB      3.7     4.2     2.1     kept for 254 hops above 254
//	16-8-8, a cache line of run bitmap per /16      2.7 MiB      4.8     5.5     3.4     rejected: a third load
//	DIR-24-8, 2-byte entries, plain Go               32 MiB      4.8     3.6     1.1     the peer: 8 times the memory
//	DIR-24-8, AVX-512 gathers                        32 MiB      5.0     2.4     0.6     the same, see below
//
// Other root widths of the same structure, by size on that table with byte leaves: 16 bits 5.0 MiB, 17 bits 4.4, 18
// bits 4.0, 19 bits 4.2, 20 bits 5.6: 18 is the least, and its 1 MiB root stays in L2. Sharing equal chunks saves
// nothing beyond the stretches of one hop, which share a leaf each: with hashed hops no two chunks of size are equal.
//
// On this machine, whose L3 holds all of DIR-24-8, a vectorised DIR-24-8 is faster where few of its lines are hot (routed,
// Zipf); it loses where its 32 MiB count (uniform), where neighbours press on the caches, and wherever a second table
// has to stay in cache too. Per VRF it is out of the question.
//
// The gathers win twofold, but only once their false dependencies are broken: a gather merges into its destination and
// clears its mask, so that both must be made afresh (3.2 against 2.0 ns uniform). Software prefetch
// does not pay, for the limit is the number of misses a core keeps in flight, not that they start late: a pass that
// prefetches the root entries, before the kernel, 1.5 against 1.4 ns uniform, 2.0 against 1.9 routed, 1.1 against 0.9
// Zipf; before the Go twin 2.4 against 2.4, 2.5 against 3.2 (its one gain) and 1.8 against 1.7; of the leaves, worse.
//
// The escapes, two routed addresses in a thousand, cost such a burst 0.1 to 0.2 ns an address: chains of five loads.
//
//	VRF tables, 1,000 typical VRFs, 284,639 routes          B/route    hit     miss adds to the global lookup
//	8-8-16, presence bitmaps and range lists, one by one      5.9      36 ns   2.3 ns     rejected
//	8-8-16, run bitmaps in pairs, 2^n ranges, AVX-512         9.8      11 ns   1.7 ns     its walk is kept
//	the same, plain Go                                        9.8      26 ns   6 ns       its walk is kept: the twin
//
// The first lost to its branches: lengths of lists and levels of an answer cannot be predicted. The kept one pads lists
// to powers of two and lets 16 walks run in step. Its miss had two filters of each table's own, the first of them 64
// bytes a table: one more gather for every address. Filters and walks before the global lookup measured 1 ns slower.
//
// Now the first filter is in the word that every lookup reads, all tables' in one (claims), and the second leaves private
// addresses out. Measured on a 2-vCPU EPYC of Zen 5 (1 MiB L2 a core), same tables, 100 % fallback, routed, medians:
//
//	                                             B/route    global alone    with the miss
//	64-byte first filter a table                   9.8        1.5 ns           3.0 ns      rejected
//	claims, second filter by AVX-512               7.8        1.4 ns           2.2 ns      kept
//	the same, second filter in Go behind the list  7.8        1.4 ns           3.0 ns      rejected
//	the same, second filter after every 64 keys    7.8        1.4 ns           2.6 ns      rejected
//	claims, plain Go                               7.8        2.9 ns           5.4 ns      kept: the twin
//
// The two rejected ones read what a kernel has just written by vector stores; such a load waits until the store has left
// the core, and with it all that is older. So the list is read once, at the end of a burst. Smaller bitmaps (8 to 16 bits
// a block in place of 32 to 64) measured no faster.
package lpm
