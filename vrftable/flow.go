package vrftable

import (
	"math/bits"
	"sync/atomic"
)

// MaxPaths is the most next hops that a route can use at a time.
const MaxPaths = 16

// MaxGroups is the most groups of next hops that there can be at a time, number 0, which is never used, included.
const MaxGroups = 1024

// GroupBuckets is the number of buckets that a group shares out among its members: each has as many as any other, or
// one more. With 11 or more members it is 17 to 24 of 256, so a member's share of the hash is off by at most 6 %.
const GroupBuckets = 256

// Buckets say where the flows of a group go. Workers index them by the upper 8 bits of a flow's hash (FlowHash): a table of
// hash regions, as RFC 2992's hash-threshold has, but the regions keep their member for as long as it is there. Hash-threshold
// moves a quarter to half of all flows when a member goes or comes, modulo-N nearly all of them (RFC 2992 2); here only the
// flows move whose member went, or as many as a new member's share (RFC 2991 3 asks to minimise that).
//
// A bucket is one word that changes atomically:
//
//	31          16 15          0
//	| member, 0-15 | slot in Adj |
type Buckets [GroupBuckets]uint32

// Load returns the bucket of a flow: the slot of the adjacency it goes by, which is no group, and the number of the
// member, for counters.
func (b *Buckets) Load(hash uint32) (slot, member uint16) {
	w := atomic.LoadUint32(&b[hash>>24])
	return uint16(w), uint16(w>>16) % MaxPaths
}

// Seed makes hashes differ between routers, and between runs of one, so that routers in a row do not all choose alike
// (the polarisation of flows).
type Seed [2]uint64

// seedOf spreads one number over a Seed (the finalizer of splitmix64; Steele, Lea and Flood 2014).
func seedOf(n uint64) (s Seed) {
	for i := range s {
		n += 0x9e3779b97f4a7c15
		z := n
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		s[i] = z ^ z>>31
	}
	return s
}

// FlowHash returns the hash of a flow: addresses in host order; ports, source above destination, as one number, 0 for a
// fragment or a protocol without ports (packet.IPv4.Ports). It is two multiplications, folded: of addresses and the rest,
// each with its half of the seed, and of that product, so that its upper bits depend on all of the lower.
func (s *Seed) FlowHash(src, dst, ports uint32, protocol uint8) uint32 {
	hi, lo := bits.Mul64(uint64(src)<<32|uint64(dst)^s[0], (uint64(ports)<<8|uint64(protocol))^s[1])
	return uint32((hi ^ lo) * 0x9e3779b97f4a7c15 >> 32)
}

// Member returns what a group's adjacency stands for to a flow of that hash; any other adjacency is returned as it is.
func (v *View) Member(a *Adjacency, hash uint32) *Adjacency {
	if a.Kind != Group {
		return a
	}
	slot, _ := v.Groups[a.Group].Load(hash)
	return &v.Adj[slot]
}
