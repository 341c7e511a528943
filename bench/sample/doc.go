// Package sample is the format of measurements: what trials and searches write, and what plans and reports are made of.
//
// A file is JSON lines: one Sample a line, UTF-8, appended as points are finished, never edited. A line stands for one
// measured point and says everything that it depends on: what was measured (Kind), of what (Point), by which rules
// (Settings), under which conditions, with which command it can be done again; the figures with units and intervals, and
// the raw trials and repeated samples that they come from. Nothing in a table or a plot is from anywhere else.
//
//	{"format":1,"kind":"ndr","time":"...","point":{"ports":"rings","method":"fallback","routes":1000000,...},
//	 "settings":{"trial":"1s",...},"figures":[{"name":"ndr","unit":"pps","value":2.04e7,"low":...,"high":...,"raw":[...]}],
//	 "trials":[{"offered":...,"sent":...,"lost":...},...],"generator":{...},"conditions":{...},"command":"trafgen ndr ..."}
//
// # Kinds and their figures
//
// All rates are frames a second of the device as a whole, all times nanoseconds, all sizes bytes, all shares 0 to 1, unless
// a name's unit says otherwise. A figure that is not there was not measured: readers must not take 0 for it.
//
//	kind          figures (unit)                                   besides
//	trial         rate (pps), bits (bit/s), time (ns/pkt),         Trials: each repetition
//	              cycles (cycles/pkt), loss (1)
//	mrr           rate (pps), bits (bit/s)                         Trials: each repetition, offered without limit
//	throughput    throughput (pps), bits (bit/s)                   Trials: the search's, in its order
//	ndr           ndr, pdr (pps), ndr-bits, pdr-bits (bit/s),      Trials; Low and High are the relevant bounds (RFC 9971)
//	              ndr-conditional, pdr-conditional (pps)
//	loss          loss-free (pps): the highest step without loss   Curve: offered against lost
//	latency       rate (pps): the NDR that shares are of           Latency: a distribution for each share
//	back-to-back  burst (frames), buffer-time (ns),                Trials: the repetitions' last
//	              corrected-buffer-time (ns) where the rate is known
//	soak          rate (pps), loss (1), cycles where known         Trials: each interval
//	memory        bytes-per-route, bytes-per-vrf (B)               Memory: by part
//	stages        cycles (cycles/pkt): all stages together         Stages: each of them
//
// A sample may carry more than its kind asks for: memory and stages of the bed that it was measured on, for instance.
//
// # Rates, bits and bytes
//
// Frame sizes and Point.Size include the FCS, as RFC 2544 counts. Figures in bit/s are of layer 1: 20 bytes more a
// frame, preamble 8 and inter-frame gap 12.
//
// # Versions
//
// Format changes when an old reader would misunderstand a new file. Readers refuse other formats and unknown fields.
package sample
