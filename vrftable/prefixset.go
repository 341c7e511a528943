package vrftable

import (
	"math/bits"
	"net/netip"
	"slices"
)

// maskBits returns the length of a network mask.
func maskBits(mask uint32) int { return bits.OnesCount32(mask) }

// disjoint sorts prefixes and drops those that lie in another.
func disjoint(all []netip.Prefix) []netip.Prefix {
	slices.SortFunc(all, netip.Prefix.Compare)
	kept := all[:0]
	for _, p := range all {
		if n := len(kept); n == 0 || !kept[n-1].Contains(p.Addr()) {
			kept = append(kept, p)
		}
	}
	return kept
}
