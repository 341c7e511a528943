package lpm

import (
	"math/bits"
	"testing"
)

// TestClaimsOf: each table has two claims of those that a root entry has room for, and no more than two tables of sixteen
// in a row have the same.
func TestClaimsOf(t *testing.T) {
	tables := map[uint8]int{}
	for table, own := range claimsOf {
		if bits.OnesCount8(own) != 2 || own&^claimMask != 0 {
			t.Errorf("table %d: claims %06b", table, own)
		}
		tables[own]++
	}
	if want := claimBits * (claimBits - 1) / 2; len(tables) != want {
		t.Errorf("%d pairs, want all %d", len(tables), want)
	}
}
