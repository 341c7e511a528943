package lpm

import (
	"math"
	"sync/atomic"
)

// claims count, by stretch of addresses, the prefixes that the tables of a Set hold there. Where there are none, no VRF
// can answer, and the parent's root says so in the word that every lookup reads anyway:
//
//	root[addr>>14]   31                 7 6      3 2  0
//	                |  offset of leaves  | claims |  s  |      bit addr>>12&3 of claims: the /20 that holds addr
//
// So of the packets that fall back only those near a VRF's public prefixes cost more than the parent's lookup: one in
// six over the real table and 1,000 typical VRFs. Prefixes shorter than /12 are counted by the /12s they touch, the
// others by /20; a counter that has reached its end stays there, which claims too much and hides nothing.
type claims struct {
	short [1 << shortLen]uint16
	block [1 << blockLen]uint16
}

const (
	shortLen   = 12
	claimShift = 3                          // of claims in a root entry
	claimBits  = 1 << (blockLen - rootBits) // /20s in an /18
	claimMask  = (1<<claimBits - 1) << claimShift
)

// claim counts a prefix of a table (delta 1) before it is published, or takes it back (-1) after it is withdrawn.
func (t *Table) claim(r Route, delta int) {
	c := t.claims
	if c == nil {
		c = new(claims)
		t.claims = c
	}
	list, length := c.block[:], uint8(blockLen)
	if r.Len < shortLen {
		list, length = c.short[:], shortLen
	}
	for i, last := r.Addr>>(32-length), (r.Addr|^mask(r.Len))>>(32-length); i <= last; i++ {
		n := int(list[i])
		if n == math.MaxUint16 {
			continue
		}
		list[i] = uint16(n + delta)
		if n == 0 || n+delta == 0 { // the first, or the last
			t.showClaims(i<<(32-length), length)
		}
	}
}

// showClaims brings the root up to date with the claims on one /12 or /20.
func (t *Table) showClaims(addr uint32, length uint8) {
	d := t.dense.Load()
	for i, last := addr>>rootShift, (addr|^mask(length))>>rootShift; i <= last; i++ {
		if old := d.root[i]; old&claimMask != t.claimed(i) {
			atomic.StoreUint32(&d.root[i], old&^claimMask|t.claimed(i))
		}
	}
}

// claimed returns the claims of root entry i, in their place.
func (t *Table) claimed(i uint32) (bits uint32) {
	c := t.claims
	switch {
	case c == nil:
		return 0
	case c.short[i>>(rootBits-shortLen)] > 0:
		return claimMask
	}
	for k, n := range c.block[i*claimBits:][:claimBits] {
		if n > 0 {
			bits |= 1 << (claimShift + k)
		}
	}
	return bits
}
