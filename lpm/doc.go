// Package lpm is the compiled IPv4 FIB: longest-prefix match from address to hop, for one huge table (Table) and for a
// thousand small ones over one pool (Set), and both at once for fallback global (Set.LookupDual).
//
// # Contract
//
// Readers never lock, never wait and never see a hole: a lookup answers from before or from after a change. One writer
// at a time, for a Table and the Sets made for it together. A change that memory is too short for is taken back, and
// readers do not see a hole then either. Readers announce quiescent states in the qsbr.Domain that the tables were made
// with, once per burst, and the writer reuses memory only after all of them have. All that lookups read is off-heap and
// free of pointers, but for the pointer to a Table's current generation, loaded once per burst.
//
// # Why these structures
//
// What costs is a cache miss, then a mispredicted branch. So each lookup makes few loads at addresses that depend on
// little, a burst is looked up in stages without branches on data, and the whole table stays small: two loads and
// 3.9 MiB for the real table. All figures: Go 1.26, the real table of 901,899 prefixes, 64 hops by hash (the worst case
// for merging), 4 Mi shuffled keys, bursts of 256, ns per address, medians.
//
// On a 2-vCPU EPYC of Zen 5 (1 MiB L2 a core, AVX-512), bursts by different kernels:
//
//	global table                                    memory     uniform  routed  Zipf
//	18-6-8, variable stride, byte leaves, in stages 3.9 MiB      0.8     1.1     0.7     kept
//	the same, AVX-512 gathers                       3.9 MiB      1.2     1.5     1.0     kept for Intel, see below
//	the same, plain Go                              3.9 MiB      2.2     2.5     1.8     the twin
//	the same, two passes, the first prefetches      3.9 MiB      1.5     1.7     1.4     rejected: a prefetch and a load for one load
//	the same, in stages, leaves prefetched too      3.9 MiB      1.2     1.4     1.1     rejected: a third scalar pass
//	DIR-24-8, 2-byte entries, one pass               32 MiB      5.3     2.8     0.7     the peer
//
// A key takes three or four instructions in a pass that only loads, and eight keys a dozen in the pass that computes where to.
// So the reorder buffer holds as many keys as there are buffers for misses, and no prefetch has to stand in. Root entries that
// are inserted into a vector are as fast as those that go through memory.
//
// On a 2-vCPU EPYC of Zen 4 (1 MiB L2 a core, AVX-512), whose neighbours left it some 4 MiB of the L3:
//
//	global table                                    memory     uniform  routed  Zipf
//	18-6-8, variable stride, byte leaves, in stages 3.9 MiB      3.2     3.0     2.6     kept
//	the same, AVX-512 gathers                       3.9 MiB      3.7     4.5     3.9     rejected there
//	the same, plain Go                              3.9 MiB     11.9     7.5     3.7     the twin
//	DIR-24-8, 2-byte entries, one pass               32 MiB     12.1     7.0     2.6     the peer
//
// On a 2-vCPU EPYC of Zen 3 (512 KiB L2 a core, some 4 MiB of a shared L3, no AVX-512), before there were stages:
//
//	global table                                    memory     uniform  routed  Zipf
//	18-6-8, two passes, the first prefetches        3.9 MiB      3.3     3.4     2.7     stages came in its place
//	the same, root entries prefetched too           3.9 MiB      3.8     3.7     2.9     rejected: a third pass
//	the same, one pass                              3.9 MiB      7.8     5.0     4.4     plain Go is like it: the twin
//	18-6-8, a bitmap in front of each chunk's runs  2.9 MiB      2.9     3.6     2.4     rejected: no gain but memory
//	the same, one pass                              2.9 MiB      4.8     3.9     3.4     rejected
//	DIR-24-8, 2-byte entries, one pass               32 MiB      9.8     6.1     3.2     the peer
//
// In stages, on another such machine, on which something else took a core's other thread half of the time: 2.9, 2.7 and 2.3, where
// DIR-24-8 took 12.2, 8.0 and 3.3.
//
// One pass that loads root and leaf keeps as many addresses in flight as the reorder buffer holds, a dozen. Of AVX2's gathers
// nothing is to be had there.
//
// On a 2-vCPU Xeon (AVX-512, 2 MiB L2 a core, large shared L3), where stages are still to be measured, and prefetches before
// gathers bought at most 0.2 ns:
//
//	global table                                    memory     uniform  routed  Zipf
//	18-6-8, variable stride, byte leaves, AVX-512   3.9 MiB      2.0     2.8     1.3     kept
//	the same, plain Go                              3.9 MiB      3.0     3.9     2.0     the twin
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
// On the Xeon, whose L3 holds all of DIR-24-8, a vectorised DIR-24-8 is faster where few of its lines are hot (routed,
// Zipf); it loses where its 32 MiB count (uniform), where neighbours press on the caches, and wherever a second table
// has to stay in cache too. Per VRF it is out of the question.
//
// The gathers win twofold, but only once their false dependencies are broken: a gather merges into its destination and
// clears its mask, so that both must be made afresh (3.2 against 2.0 ns uniform).
//
// The escapes, two routed addresses in a thousand, cost such a burst 0.1 to 0.2 ns an address.
//
// VRF tables, 1,000 typical VRFs, 284,639 routes, again on the Zen 3, before there were stages; a hit, half hits, and all misses,
// which fall back (the global table alone 2.1, 3.0 and 3.4 ns on these keys):
//
//	                                                 B/route    hits    half   misses
//	16-16, one index for all tables, prefetch          4.7      13.0     9.7     5.5     kept
//	the same, the VRFs' passes behind the parent's     4.7      13.3    10.4     6.1     rejected
//	the same, plain Go, one by one                     4.7      68      50      14       the twin
//	8-8-16, run bitmaps, 2^n ranges, plain Go          7.8      60      70      15       rejected
//	8-8-16, presence bitmaps and range lists           5.9       -       -       -       rejected, on the Xeon: 36 ns a hit
//
// With the parent's lookup in stages they take 6.1, 4.0 and 1.7 ns on the Zen 5, the global table alone 0.6, 0.9 and 1.05;
// by gathers they took 6.4, 4.6 and 2.7. With 16 Ki keys in place of 4 Mi, which caches hold, misses take 1.27 ns, the global table
// alone 0.88.
//
// A walk through nodes touches five or six cache lines, a probe of the index and a search in ranges two. What the walk had
// for it, AVX-512 made good on a Zen 5 (11 ns a hit, 2.2 ns with the miss where the global table took 1.4). The index
// takes 8.4, 6.1 and 3.2 ns on a Xeon with AVX-512, where the global table takes 0.7, 2.0 and 2.1.
//
// Of the 5.5 ns of a miss some 0.4 went for the key, which is 8 bytes and not 4, from memory; on the Zen 5 0.8 of 2.4, until keys
// were prefetched two bursts ahead, past the caches; that is for long lists of keys, and nothing to a worker, whose keys stay in
// its cache. The second filter eight keys at a time, inserted into vectors one by one,
// took misses from 1.38 to 1.27 ns there with the keys in cache; by AVX2's gathers it was slower than one by one. Sixteen at a
// time by AVX-512's, on the Xeon, it took half hits from 7.7 to 6.8 ns, and misses from 1.50 to 1.37 times what the global
// table takes, against one by one: given up for one kernel less; eight at a time is still to be measured there.
//
// On a 2-vCPU EPYC of Zen 4 (1 MiB L2 a core), what came then: three bits of the second filter, in twice the words, for two
// let 0.12 % of missing keys through for 0.34 % (misses from 1.53 to 1.48 times what the global table takes; with none let
// through 1.41); lists of words, eight at a time, of what comes through, for records one by one, took hits from 8.4 to
// 7.4 ns; root entries in the order in which shuffles leave the keys' halves took misses to 1.44 times the global table. In a
// quieter hour, when that version took 1.57 times (both lookups in turn, 480 times 256 Ki keys, nine processes), two claims of six
// a table in place of one of four, and the filter ahead of the parent's leaves, took 1.48. Rounding up how often the filter goes
// round, so that branch prediction knows it, and the filter's words prefetched ahead of the leaves were of no use.
//
// On the Zen 3, whose reorder buffer and buffers for misses are half as many when the core's other thread is busy, passes that only
// load wait for them. Forwarding with half hits went 4 % faster there, and no slower with misses alone, when the filter's pass
// prefetched the parent's leaves, sixteen for each eight keys that it asks about; 3.5 % when validation prefetched the root entries
// (Root). Without effect: a pass that prefetches leaves for misses alone, root entries a block of keys ahead, the probe ahead of the
// leaves. Not asking the filter about private addresses, which it lets through nearly always, gained 2 % with hits alone and nothing
// with half hits.
//
// There a search of VRFs' ranges by one vector of 16-bit starts, with the hops behind them, in place of two of starts and hops in words,
// and with what it takes of a reference computed for eight at a time, took lookups with hits alone from 13 to 10 ns a packet, and half
// hits from 9.6 to 9.3, in a worker. Of no use: a leaf's hop looked up in the pass that loads the leaf; root entries into vectors one by
// one, which saved a store and a load a key and took misses of a long list from 3.3 to 4.2 ns; the second filter in half the words, which
// gained 2 % with half hits when the other thread was busy, nothing when it was not, and let three times as many keys through; a pass of
// its own that prefetches the filter's words, 1.7 % with hits alone and nothing with half. Forwarding went 8 % faster with hits alone and
// 1 % with half when the filter was asked only where fewer than a quarter of the keys are candidates: each of its words is a miss.
//
// The first of the two filters is in the word that every lookup reads (claims): a 64-byte filter a table was one more gather for
// every address. The second is 128 bits a bucket: a bitmap of each table's own cost as much again to find.
package lpm
