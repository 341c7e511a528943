//go:build !race && !purego

package ring

import "sync/atomic"

// storeRelease stores v in *p after every load and store that came before the call: a release store. On amd64 that
// is a plain MOV, since a core's stores become visible in program order and never before its earlier loads (Intel SDM
// volume 3, "Memory Ordering"); that it is an opaque call keeps the compiler from moving accesses past it.
//
// (*atomic.Uint32).Store, the twin in store_generic.go, is sequentially consistent, which a ring does not need: its
// XCHG waits until the copied slots have left the store buffer, and each of their lines comes from the other core.
// Measured across two cores of a Xeon in one run, ring of 2048 16-byte elements: 3.6 ns an element in place of 7.2 in
// bursts of 32, 57 in place of 200 one at a time, 1.8 in place of 2.2 in bursts of 256; on one core 14 in place of 24
// one at a time.
//
//go:noescape
func storeRelease(p *atomic.Uint32, v uint32)
