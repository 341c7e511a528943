//go:build !purego

package lpm

import (
	"unsafe"

	"github.com/klauspost/cpuid/v2"
)

//go:noescape
func burst512(addrs *uint32, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32) (any uint32)

//go:noescape
func global512(keys *Key, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32) (any uint32)

//go:noescape
func filter512(keys *Key, n int, octets, blocks, words, candidates *uint32) int

//go:noescape
func walk512(keys *Key, found *Hop, candidates *uint32, n int, words *uint32)

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
func (d *dense) burst(addrs []uint32, hops []Hop) bool {
	n := whole(len(addrs))
	if n == 0 || d.narrow == nil {
		return d.burstGo(addrs, hops)
	}
	any := burst512(&addrs[0], &hops[0], n, &d.root[0], &d.leaf8[0], unsafe.SliceData(d.ids))
	return d.burstGo(addrs[n:], hops[n:]) || any > d.escape
}

// global is globalGo by the kernel.
func (d *dense) global(keys []Key, hops []Hop) bool {
	n := whole(len(keys))
	if n == 0 || d.narrow == nil {
		return d.globalGo(keys, hops)
	}
	any := global512(&keys[0], &hops[0], n, &d.root[0], &d.leaf8[0], unsafe.SliceData(d.ids))
	return d.globalGo(keys[n:], hops[n:]) || any > d.escape
}

// filter is filterGo by the kernel.
func (s *Set) filter(keys []Key, c *candidates) int {
	n, count := whole(len(keys)), 0
	if n > 0 {
		count = filter512(&keys[0], n, &s.octets[0], &s.blocks[0], &s.words.all[0], &c[0])
	}
	return s.filterGo(keys, c, n, count)
}

// find is findGo by the kernel, which few candidates are not worth.
func (s *Set) find(keys []Key, c *candidates, n int, found *answers) {
	if n < lanes/4 || !kernels512 {
		s.findGo(keys, c, n, found)
		return
	}
	walk512(&keys[0], &found[0], &c[0], n, &s.words.all[0])
}
