//go:build !purego

package lpm

import (
	"unsafe"

	"github.com/klauspost/cpuid/v2"
)

//go:noescape
func burst512(addrs *uint32, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32, escape uint32, escapes *uint64)

//go:noescape
func dual512(keys *Key, hops *Hop, n int, root *uint32, leaves *uint8, ids, first *uint32, candidates *uint64, escape uint32, escapes *uint64)

//go:noescape
func list512(candidates *uint64, n int, list *uint32) int

//go:noescape
func walk512(keys *Key, hops *Hop, list *uint32, n int, words *uint32)

const lanes = 16

// kernels512 says whether the AVX-512 kernels can run here.
var kernels512 = cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VPOPCNTDQ, cpuid.POPCNT)

// whole returns how many of n lookups a kernel takes; the rest, and all where there is none, are for the Go twin.
func whole(n int) int {
	if !kernels512 {
		return 0
	}
	return n &^ (lanes - 1)
}

// burst is burstGo by the kernel.
func (d *dense) burst(addrs []uint32, hops []Hop, escapes *marks) {
	n := whole(len(addrs))
	if d.narrow == nil {
		n = 0
	}
	if n > 0 {
		burst512(&addrs[0], &hops[0], n, &d.root[0], &d.leaf8[0], unsafe.SliceData(d.ids), d.escape, &escapes[0])
	}
	d.burstGo(addrs, hops, escapes, n)
}

// dual is dualGo by the kernel.
func (d *dense) dual(keys []Key, hops []Hop, first []uint32, candidates, escapes *marks) {
	n := whole(len(keys))
	if d.narrow == nil {
		n = 0
	}
	if n > 0 {
		dual512(&keys[0], &hops[0], n, &d.root[0], &d.leaf8[0], unsafe.SliceData(d.ids), &first[0], &candidates[0],
			d.escape, &escapes[0])
	}
	d.dualGo(keys, hops, first, candidates, escapes, n)
}

// walkAll is walkAllGo by the kernel.
func (s *Set) walkAll(keys []Key, hops []Hop, c *marks) {
	n := whole(len(keys))
	if n > 0 {
		var list [maxBurst + lanes]uint32 // a vector store may write past the last
		if m := list512(&c[0], n, &list[0]); m > 0 {
			walk512(&keys[0], &hops[0], &list[0], m, &s.words.all[0])
		}
	}
	s.walkAllGo(keys, hops, c, n)
}
