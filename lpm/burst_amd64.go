//go:build !purego

package lpm

import (
	"math/bits"
	"unsafe"

	"github.com/klauspost/cpuid/v2"
)

//go:noescape
func burst512(addrs *uint32, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32, escape uint32, escapes *uint64)

//go:noescape
func pick512(keys *Key, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32, escape uint32, escapes *uint64,
	list *uint8) int

//go:noescape
func staged(addrs *uint32, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32, escape uint32, escapes *uint64)

//go:noescape
func dual(keys *Key, hops *Hop, n int, list *uint8, picked int, tops, heads *uint64, words *uint32, root *uint32,
	leaves *uint8, ids *uint32, escape uint32, escapes *uint64)

// Which kernels can run here, and which do. Those in stages come first, but on Intel, where those that gather have not been
// measured against them.
var (
	canStage  = cpuid.CPU.Supports(cpuid.AVX2, cpuid.BMI1, cpuid.BMI2, cpuid.LZCNT, cpuid.POPCNT)
	canGather = cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VPOPCNTDQ, cpuid.POPCNT)

	staging   = canStage
	gathering = canGather && cpuid.CPU.IsVendor(cpuid.Intel)
)

// What the kernels in stages take a multiple of, and the fewest addresses and keys that are worth a block filled up.
const (
	blockKeys   = 64
	fewestAddrs = 32
	fewestKeys  = 4
)

// lanesOf[0] lists the bits of a byte, from the lowest on, a byte each; lanesOf[1] the keys that they stand for where a kernel has eight
// keys in the order in which shuffles get their halves apart.
//
//lint:ignore U1000 staged_amd64.s looks numbers up in it
var lanesOf = func() (all [2][1 << 8]uint64) {
	for i, order := range [2][8]uint64{{0, 1, 2, 3, 4, 5, 6, 7}, {0, 1, 4, 5, 2, 3, 6, 7}} {
		for b := range all[i] {
			for rest, at := uint8(b), 0; rest != 0; rest, at = rest&(rest-1), at+8 {
				all[i][b] |= order[bits.TrailingZeros8(rest)] << at
			}
		}
	}
	return all
}()

// burst is burstGo by a kernel.
func (d *dense) burst(addrs []uint32, hops []Hop, escapes *marks) {
	n := 0
	switch {
	case d.narrow == nil:
	case gathering:
		if n = len(addrs) &^ (lanes - 1); n > 0 {
			burst512(&addrs[0], &hops[0], n, &d.root[0], &d.leaf8[0], unsafe.SliceData(d.ids), d.escape, &escapes[0])
		}
	case staging:
		if n = len(addrs) &^ (blockKeys - 1); n > 0 {
			d.staged(addrs[:n], hops, escapes[:])
		}
		if rest := addrs[n:]; len(rest) >= fewestAddrs {
			var addrs [blockKeys]uint32
			var found [blockKeys]Hop
			copy(addrs[:], rest)
			d.staged(addrs[:], found[:], escapes[n/64:])
			escapes[n/64] &= 1<<len(rest) - 1
			n += copy(hops[n:], found[:len(rest)])
		}
	}
	d.burstGo(addrs, hops, escapes, n)
}

func (d *dense) staged(addrs []uint32, hops []Hop, escapes []uint64) {
	staged(&addrs[0], &hops[0], len(addrs), &d.root[0], &d.leaf8[0], unsafe.SliceData(d.ids), d.escape, &escapes[0])
}

// lookupDual is lookupInTurn by a kernel: by one for both lookups where it goes in stages.
func (s *Set) lookupDual(keys []Key, hops []Hop) {
	d := s.parent.dense.Load()
	if d.narrow == nil || !staging || gathering {
		s.lookupInTurn(d, keys, hops)
		return
	}
	n := len(keys) &^ (blockKeys - 1)
	if n > 0 {
		s.staged(d, keys[:n], hops)
	}
	switch rest := keys[n:]; {
	case len(rest) == 0:
	case len(rest) < fewestKeys:
		s.lookupInTurn(d, rest, hops[n:])
	default:
		var keys [blockKeys]Key
		var found [blockKeys]Hop
		copy(keys[:], rest)
		s.staged(d, keys[:], found[:])
		copy(hops[n:], found[:len(rest)])
	}
}

func (s *Set) staged(d *dense, keys []Key, hops []Hop) {
	var escapes marks
	dual(&keys[0], &hops[0], len(keys), nil, 0, &s.tops[0], &s.heads[0], &s.words.all[0], &d.root[0], &d.leaf8[0],
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

// override is overrideGo by a kernel.
func (s *Set) override(keys []Key, hops []Hop, list *picks, n int) {
	switch {
	case n == 0:
	case staging:
		dual(&keys[0], &hops[0], 0, &list[0], n, &s.tops[0], &s.heads[0], &s.words.all[0], nil, nil, nil, 0, nil)
	default:
		s.overrideGo(keys, hops, list, n)
	}
}
