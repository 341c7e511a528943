// Package mrt reads the files of route collectors: table dumps and updates in MRT (RFC 6396), with path identifiers (RFC 8050)
// or without, as routes with vrftable's attributes. It needs no BGP session.
//
//	file -> decompress (a goroutine of its own) -> records -> Read:        TABLE_DUMP_V2     -> Dump:    routes of chosen peers
//	                                                       -> ReadUpdates: BGP4MP, BGP4MP_ET -> Updates: changes in time
//
// A file is taken as a whole or refused as a whole, with the byte at which it is malformed. What is well-formed but not
// wanted (other peers' routes, IPv6, records of other types, routes without an IPv4 next hop, martians) is skipped and counted.
// Nothing in a file makes the package panic; the memory that it takes is bounded by MaxRecord, MaxRoutes and the file's distinct
// attributes.
//
// # Decisions
//
// ASes are those of 4 bytes: TABLE_DUMP_V2 has no others (RFC 6396 4.3.4), and in messages of 2-byte sessions AS4_PATH is merged
// in (RFC 6793 4.2.3). A path is a list, whose length is what RFC 4271 9.1.2.2 compares: an AS_SET counts once, so its lowest AS
// stands for it, and Dump.ASSets counts the routes that this was done to; confederation segments do not count and are left
// out. Refusing routes with an AS_SET, as RFC 9774 asks of BGP speakers, would make holes in dumps of years before it.
//
// Attributes that vrftable does not know are stepped over. Of those that are read, one that is malformed makes a dump malformed:
// collectors write there what they had accepted. Messages they write as they came, so one with a malformed attribute
// counts as withdrawing what it announces, as it did for its receivers (RFC 7606 2); Skipped tells how many.
//
// # What is gobgp's, and why not all
//
// Attributes are decoded by github.com/osrg/gobgp's packet library, and its MRT parser is the oracle of the tests, beside bgpdump.
// It does not do the rest: of a dump in which 30 peers announce 1,000,000 prefixes it decodes each of 29.5 million entries, to
// use one in 30. Here entries of other peers are stepped over by their lengths, and each distinct block of attributes, by its
// raw bytes, is decoded once: some 140,000 times instead. BenchmarkLoad has both, on the same stream of records (2 cores with
// much other work on them; seconds from file to FIB, and of CPU time): 30 peers 36.8 and 30.9 against 9.9 and 7.2; 1 peer 6.1 and
// 4.6 against 2.7 and 3.4. Besides, gobgp v4.8.0 does not know BGP4MP_ET, reads messages with path identifiers as if they had
// none, and its SplitMrt loses its way where a record's header lies across the end of a buffer.
//
// What is left is decompression, which runs ahead on another CPU. The 30 peers' 1.96 GB, 303 MB as gzip: compress/gzip 312 MB/s,
// github.com/klauspost/compress 533 MB/s (one core of an AMD Turin), so the latter: of 5.0 s of CPU time that Read takes, 3.9 s are
// its, and 1.0 s are the parser's beside it; vrftable takes 1.1 s after that. bzip2 is the standard library's, 33 MB/s; so blocks are
// found by their magics and decoded on all CPUs, for 15 % more CPU time than one after the other. A dump is read twice if no
// peer is named: see Choice.
package mrt
