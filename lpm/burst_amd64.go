//go:build !purego

package lpm

import (
	"unsafe"

	"github.com/klauspost/cpuid/v2"
)

//go:noescape
func burst512(addrs *uint32, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32, escape uint32, escapes *uint64)

//go:noescape
func dual512(keys *Key, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32, escape uint32, escapes *uint64,
	blocks, words, list *uint32) int

//go:noescape
func walk512(keys *Key, hops *Hop, list *uint32, n int, words *uint32)

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
func (s *Set) dual(d *dense, keys []Key, hops []Hop, list *picks, escapes *marks) (picked int) {
	n := whole(len(keys))
	if d.narrow == nil {
		n = 0
	}
	if n > 0 {
		picked = dual512(&keys[0], &hops[0], n, &d.root[0], &d.leaf8[0], unsafe.SliceData(d.ids), d.escape, &escapes[0],
			&s.blocks[0], &s.words.all[0], &list[0])
	}
	return s.dualGo(d, keys, hops, list, escapes, picked, n)
}

// walkAll is walkAllGo by the kernel.
func (s *Set) walkAll(keys []Key, hops []Hop, list []uint32) {
	if kernels512 && len(list) > 0 {
		walk512(&keys[0], &hops[0], &list[0], len(list), &s.words.all[0])
		return
	}
	s.walkAllGo(keys, hops, list)
}
