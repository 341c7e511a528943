package lpm

import (
	"math"
	"sync/atomic"
)

// claims count, by stretch of addresses and class of tables, the prefixes that the tables of a Set hold there. A class is every
// fourth table. Where there are none, no VRF of the class can answer, and the parent's root says so in the word that every
// lookup reads anyway:
//
//	root[addr>>14]   31                 7 6 4 3      0
//	                |  offset of leaves  | s | claims |      bit table&3 of claims
//
// So of the packets that fall back only those near a public prefix of some VRF of the class cost more than the parent's lookup:
// 13.5 % over the real table and 1,000 typical VRFs. Four bits for the /20s of an entry, each for all tables, let 17 % through.
//
// Prefixes shorter than /12 are counted by the /12s they touch, the others by /18, as root entries; a counter that has reached
// its end stays there, which claims too much and hides nothing.
type claims [claimBits]struct {
	short [1 << shortLen]uint16
	entry [1 << rootBits]uint16
}

const (
	shortLen  = 12
	claimBits = 4 // a power of two
	claimMask = 1<<claimBits - 1
)

// claim counts a prefix of a table of a Set (delta 1) before it is published, or takes it back (-1) after it is withdrawn.
func (t *Table) claim(table uint16, r Route, delta int) {
	if t.claims == nil {
		t.claims = new(claims)
	}
	class := table % claimBits
	c := &t.claims[class]
	list, length := c.entry[:], uint8(rootBits)
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

// showClaims brings the root up to date with the claims on one prefix.
func (t *Table) showClaims(addr uint32, length uint8) {
	d := t.dense.Load()
	for i, last := addr>>rootShift, (addr|^mask(length))>>rootShift; i <= last; i++ {
		if old := d.root[i]; old&claimMask != t.claimed(i) {
			atomic.StoreUint32(&d.root[i], old&^claimMask|t.claimed(i))
		}
	}
}

// claimed returns the claims of root entry i.
func (t *Table) claimed(i uint32) (bits uint32) {
	if t.claims == nil {
		return 0
	}
	for class := range t.claims {
		if c := &t.claims[class]; c.entry[i] > 0 || c.short[i>>(rootBits-shortLen)] > 0 {
			bits |= 1 << class
		}
	}
	return bits
}
