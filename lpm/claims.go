package lpm

import (
	"math"
	"math/bits"
	"sync/atomic"
)

// claims count the prefixes that the tables of a Set hold, by stretch of addresses. Each table has two bits of six (claimsOf), and
// counts under both. Where nothing is counted under one of them the table cannot answer, and the parent's root says so in the word
// that every lookup reads anyway:
//
//	root[addr>>14]   31 29 28                  6 5      0
//	                |  s  | offset / 4 of leaves | claims |      a bit for each counter above 0
//
// So of the packets that fall back only those near a public prefix of some VRF with the same bits, or of two that have them
// together, cost more than the parent's lookup: 6.4 % over the real table and 1,000 typical VRFs. A bit a table let through 13.5 %
// of four and 7.1 % of eight, pairs of five 9.8 %, triples of six 7.6 %; four bits for the /20s of an entry, each for all tables, 17 %.
//
// Prefixes shorter than /12 are counted by the /12s they touch, the others by /18, as root entries; a counter that has reached
// its end stays there, which claims too much and hides nothing.
type claims [claimBits]struct {
	short [1 << shortLen]uint16
	entry [1 << rootBits]uint16
}

const (
	shortLen  = 12
	claimBits = 6
	claimMask = 1<<claimBits - 1
)

// claimsOf has the bits of each table, by its number modulo 16: all pairs of six, and the first once more.
var claimsOf = [16]uint8{
	0b000011, 0b000101, 0b001001, 0b010001, 0b100001, 0b000110, 0b001010, 0b010010,
	0b100010, 0b001100, 0b010100, 0b100100, 0b011000, 0b101000, 0b110000, 0b000011,
}

// claimsFor returns the bits of a table.
func claimsFor(table uint16) uint32 { return uint32(claimsOf[table%uint16(len(claimsOf))]) }

// claim counts a prefix of a table of a Set (delta 1) before it is published, or takes it back (-1) after it is withdrawn.
func (t *Table) claim(table uint16, r Route, delta int) {
	if t.claims == nil {
		t.claims = new(claims)
	}
	for own := claimsFor(table); own != 0; own &= own - 1 {
		c := &t.claims[bits.TrailingZeros32(own)]
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
}

// showClaims brings the root up to date with the claims on one prefix.
func (t *Table) showClaims(addr uint32, length uint8) {
	d := t.dense.Load()
	for i, last := addr>>RootShift, (addr|^mask(length))>>RootShift; i <= last; i++ {
		if old := d.root[i]; old&claimMask != t.claimed(i) {
			atomic.StoreUint32(&d.root[i], old&^claimMask|t.claimed(i))
		}
	}
}

// claimed returns the claims of root entry i.
func (t *Table) claimed(i uint32) (all uint32) {
	if t.claims == nil {
		return 0
	}
	for bit := range t.claims {
		if c := &t.claims[bit]; c.entry[i] > 0 || c.short[i>>(rootBits-shortLen)] > 0 {
			all |= 1 << bit
		}
	}
	return all
}
