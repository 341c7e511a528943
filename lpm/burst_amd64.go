//go:build !purego

package lpm

import (
	"unsafe"

	"github.com/klauspost/cpuid/v2"
)

//go:noescape
func burst512(addrs *uint32, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32, escape uint32, escapes *uint64)

//go:noescape
func pick512(keys *Key, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32, escape uint32, escapes *uint64,
	list *uint8) int

//go:noescape
func sift512(keys *Key, list *uint8, picked int, sure *uint8, tops, heads *uint64, words *uint32) int

//go:noescape
func aim(addrs *uint32, at *Hop, n int, root *uint32, leaves *uint8)

//go:noescape
func collect(hops *Hop, n int, leaves *uint8, ids *uint32, escapes *uint64)

//go:noescape
func dual(keys *Key, hops *Hop, n int, list *uint8, picked int, sifted bool, tops, heads *uint64, words *uint32, root *uint32,
	leaves *uint8, ids *uint32, escape uint32, escapes *uint64)

// Which kernels can run here. Those that prefetch come first where there are no gathers worth the name: on Zen 3, without
// AVX-512, they take a third of the Go code's time.
var (
	prefetching = cpuid.CPU.Supports(cpuid.AVX2, cpuid.BMI1, cpuid.BMI2, cpuid.POPCNT)
	gathering   = cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VPOPCNTDQ, cpuid.POPCNT)
)

// burst is burstGo by a kernel.
func (d *dense) burst(addrs []uint32, hops []Hop, escapes *marks) {
	switch n := len(addrs); {
	case n == 0:
	case d.narrow == nil || !prefetching && !gathering:
		d.burstGo(addrs, hops, escapes, 0)
	case gathering:
		n &^= lanes - 1
		if n > 0 {
			burst512(&addrs[0], &hops[0], n, &d.root[0], &d.leaf8[0], unsafe.SliceData(d.ids), d.escape, &escapes[0])
		}
		d.burstGo(addrs, hops, escapes, n)
	default:
		aim(&addrs[0], &hops[0], n, &d.root[0], &d.leaf8[0])
		collect(&hops[0], n, &d.leaf8[0], unsafe.SliceData(d.ids), &escapes[0])
	}
}

// lookupDual is lookupInTurn by a kernel: by one for both lookups where it prefetches.
func (s *Set) lookupDual(keys []Key, hops []Hop) {
	d := s.parent.dense.Load()
	if len(keys) == 0 || d.narrow == nil || !prefetching || gathering {
		s.lookupInTurn(d, keys, hops)
		return
	}
	var escapes marks
	dual(&keys[0], &hops[0], len(keys), nil, 0, false, &s.tops[0], &s.heads[0], &s.words.all[0], &d.root[0], &d.leaf8[0],
		unsafe.SliceData(d.ids), d.escape, &escapes[0])
	escapes.each(func(i int) {
		if hops[i] == ^Hop(0) { // no route of a table's own
			hops[i] = s.parent.long.walk(1, keys[i].Addr)
		}
	})
}

// pick is pickGo by a kernel.
func (d *dense) pick(keys []Key, hops []Hop, list *picks, escapes *marks) (picked int) {
	n := 0
	if gathering && d.narrow != nil {
		n = len(keys) &^ (lanes - 1)
	}
	if n > 0 {
		picked = pick512(&keys[0], &hops[0], n, &d.root[0], &d.leaf8[0], unsafe.SliceData(d.ids), d.escape, &escapes[0], &list[0])
	}
	return d.pickGo(keys, hops, list, escapes, picked, n)
}

// override is overrideGo by a kernel, or two.
func (s *Set) override(keys []Key, hops []Hop, list *picks, n int) {
	switch {
	case n == 0:
	case !prefetching:
		s.overrideGo(keys, hops, list, n)
	case gathering:
		var sure picks
		if n = sift512(&keys[0], &list[0], n, &sure[0], &s.tops[0], &s.heads[0], &s.words.all[0]); n > 0 {
			s.place(keys, hops, &sure, n, true)
		}
	default:
		s.place(keys, hops, list, n, false)
	}
}

// place is overrideGo by the kernel that prefetches. sifted: list is of keys that the second filter has let through.
func (s *Set) place(keys []Key, hops []Hop, list *picks, n int, sifted bool) {
	dual(&keys[0], &hops[0], len(keys), &list[0], n, sifted, &s.tops[0], &s.heads[0], &s.words.all[0], nil, nil, nil, 0, nil)
}
