//go:build !purego

package lpm

import (
	"unsafe"

	"github.com/klauspost/cpuid/v2"
)

//go:noescape
func burst512(addrs *uint32, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32) (any uint32)

//go:noescape
func dual512(keys *Key, hops *Hop, n int, root *uint32, leaves *uint8, ids, octets, candidates *uint32) (any uint32, count int)

//go:noescape
func filter512(keys *Key, candidates *uint32, n int, blocks *uint32) int

//go:noescape
func walk512(keys *Key, hops *Hop, candidates *uint32, n int, words *uint32)

const lanes = 16

// kernels512 says whether the AVX-512 kernels can run here.
var kernels512 = cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VPOPCNTDQ, cpuid.POPCNT)

// burst looks up the dense part and reports whether any hop is escaped.
func (d *dense) burst(addrs []uint32, hops []Hop) bool {
	n := len(addrs) &^ (lanes - 1)
	if n == 0 || d.narrow == nil || !kernels512 {
		return d.burstGo(addrs, hops)
	}
	any := burst512(&addrs[0], &hops[0], n, &d.root[0], &d.leaf8[0], unsafe.SliceData(d.ids)) > d.escape
	if n < len(addrs) {
		any = d.burstGo(addrs[n:], hops[n:]) || any
	}
	return any
}

// dual is dualGo by the kernel.
func (d *dense) dual(keys []Key, hops []Hop, octets []uint32, c *candidates) (bool, int) {
	n := len(keys) &^ (lanes - 1)
	if n == 0 || d.narrow == nil || !kernels512 {
		return d.dualGo(keys, hops, octets, c, 0, 0)
	}
	any, count := dual512(&keys[0], &hops[0], n, &d.root[0], &d.leaf8[0], unsafe.SliceData(d.ids), &octets[0], &c[0])
	if n < len(keys) {
		escapes, total := d.dualGo(keys, hops, octets, c, n, count)
		return escapes || any > d.escape, total
	}
	return any > d.escape, count
}

// walkBurst is walkGo by the kernel. Few candidates are not worth it.
func (s *Set) walkBurst(keys []Key, hops []Hop, c *candidates, n int) {
	if n < lanes/4 || !kernels512 {
		s.walkGo(keys, hops, c, n)
		return
	}
	if n = filter512(&keys[0], &c[0], n, &s.blocks[0]); n > 0 {
		walk512(&keys[0], &hops[0], &c[0], n, &s.words.all[0])
	}
}
