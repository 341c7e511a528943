package lpm

import (
	"fmt"
	"sync/atomic"

	"vrfwd/internal/offheap"
	"vrfwd/internal/qsbr"
)

// Geometry of the global table: 18 bits index the root, 6 bits the slots of a chunk, 8 bits are left to long prefixes.
const (
	rootBits  = 18
	RootShift = 32 - rootBits // what an address is shifted right by for its word of Set.Root
	chunkBits = 24 - rootBits
	chunkLen  = 1 << chunkBits
)

// dense is one generation of root and leaves. It lives until Build replaces it, or a hop arrives that it has no leaf for.
type dense struct {
	root   []uint32
	ids    []uint32        // translated: leaf -> hop; else nil
	narrow *pool[uint8]    // direct or translated; else nil
	wide   *pool[uint16]   // wide; else nil
	leaf8  []uint8         // narrow's memory
	leaf16 []uint16        // wide's memory
	escape uint32          // what a lookup gives where long must answer: escape8 if direct, or else escape16
	region *offheap.Region // root and ids

	// The writer's, unless wide: hop -> leaf, 0 where it has none, and the leaves given out, 0 included.
	leafOf *[1 << 16]uint8
	used   int
}

// width is how a dense part stores its hops.
type width uint8

const (
	direct     width = iota // one byte, the hop itself: hops up to 254
	translated              // one byte, by ids: up to 254 distinct hops
	wide                    // two bytes, the hop itself
)

const (
	escape8   = 1<<8 - 1
	escape16  = 1<<16 - 1
	maxNarrow = escape8 - 1
	// Reservation, in leaves, which is what a root entry reaches: the worst case is a /24 of its own hop in every slot,
	// twice for runs in their grace period.
	reserveLeaves = 1 << (strideShift - claimBits + unitBits)
	strideShift   = 29 // of a chunk's stride in a root entry
	unitBits      = 2  // log2 of the shortest run of leaves: what offsets are multiples of, and so need fewer bits
	offsetMask    = reserveLeaves - 1<<unitBits
)

// newEntry makes a root entry of a chunk's offset and stride.
func newEntry(off, s, claims uint32) uint32 {
	return s<<strideShift | off<<(claimBits-unitBits) | claims
}

// offsetOf and strideOf are what newEntry was told.
func offsetOf(entry uint32) uint32 { return entry >> (claimBits - unitBits) & offsetMask }
func strideOf(entry uint32) uint32 { return entry >> strideShift }

// runOf is the order of the run that holds a chunk with more than one leaf.
func runOf(s uint32) int { return max(int(chunkBits-s), unitBits) }

func newDense(d *qsbr.Domain, w width) (*dense, error) {
	region, err := offheap.Alloc(offheap.HugePage) // a whole one, though half would do: 4 KiB pages cost 1 ns a lookup
	if err != nil {
		return nil, fmt.Errorf("lpm: %w", err)
	}
	words := offheap.Slice[uint32](region, 1<<rootBits+1<<8)
	n := &dense{region: region, root: words[:1<<rootBits], escape: escape16}
	if w == wide {
		if n.wide, err = newPool[uint16](d, reserveLeaves); err == nil {
			n.leaf16 = n.wide.all
			_, err = n.wide.alloc(16 + unitBits) // one shared leaf per hop
			for h := range 1 << 16 {
				n.leaf16[h<<unitBits] = uint16(h)
			}
		}
	} else if n.narrow, err = newPool[uint8](d, reserveLeaves); err == nil {
		n.leaf8 = n.narrow.all
		n.leafOf, n.used = new([1 << 16]uint8), 1
		if w == direct {
			n.escape = escape8
		} else {
			n.ids = words[1<<rootBits:]
			n.ids[escape8] = escape16
		}
		_, err = n.narrow.alloc(8 + unitBits) // one shared leaf per id
		for id := range 1 << 8 {
			n.leaf8[id<<unitBits] = uint8(id)
		}
	}
	if err != nil {
		n.close()
		return nil, err
	}
	for i := range n.root {
		n.root[i] = newEntry(0, chunkBits, 0) // one leaf, 0: no route
	}
	return n, nil
}

func (d *dense) close() {
	if d.narrow != nil {
		d.narrow.close()
	}
	if d.wide != nil {
		d.wide.close()
	}
	d.region.Close()
}

// admit gives a hop its leaf and reports whether there was room for it.
func (d *dense) admit(hop uint16) bool {
	switch {
	case hop == 0 || d.wide != nil || d.leafOf[hop] != 0:
		return true
	case d.ids == nil:
		if hop > maxNarrow {
			return false
		}
		d.leafOf[hop] = uint8(hop)
		return true
	case d.used > maxNarrow:
		return false
	}
	atomic.StoreUint32(&d.ids[d.used], uint32(hop)) // before any leaf names it
	d.leafOf[hop] = uint8(d.used)
	d.used++
	return true
}

// publish writes a chunk of hops (escape16: escape), or for nil slots the one hop of the whole /18, and swaps the
// root entry to it. The old chunk is retired.
func (d *dense) publish(i uint32, slots *[chunkLen]uint16, hop uint16) error {
	s := uint32(chunkBits)
	if slots != nil {
		s, hop = stride(slots), slots[0]
	}
	order := int(chunkBits - s)
	var off uint32
	var err error
	switch {
	case order == 0 && d.wide != nil:
		off = uint32(hop) << unitBits
	case order == 0:
		off = uint32(d.leaf(hop)) << unitBits
	case d.wide != nil:
		if off, err = d.wide.alloc(runOf(s)); err != nil {
			return err
		}
		for j := range 1 << order {
			d.leaf16[int(off)+j] = slots[j<<s]
		}
	default:
		if off, err = d.narrow.alloc(runOf(s)); err != nil {
			return err
		}
		for j := range 1 << order {
			d.leaf8[int(off)+j] = d.leaf(slots[j<<s])
		}
	}
	old := d.root[i]
	atomic.StoreUint32(&d.root[i], newEntry(off, s, old&claimMask))
	if s := strideOf(old); s < chunkBits {
		if d.wide != nil {
			d.wide.retire(offsetOf(old), runOf(s))
		} else {
			d.narrow.retire(offsetOf(old), runOf(s))
		}
	}
	return nil
}

// leaf is the leaf of a hop that admit has let in.
func (d *dense) leaf(hop uint16) uint8 {
	if hop == escape16 {
		return escape8
	}
	return d.leafOf[hop]
}

// stride returns the largest s for which runs of 2^s slots are equal throughout the chunk.
func stride(slots *[chunkLen]uint16) uint32 {
	// The lowest slot number at which neighbours differ, over all of them, has the chunk's granularity as its lowest bit.
	low := uint32(chunkLen)
	for j := uint32(1); j < chunkLen; j++ {
		if slots[j] != slots[j-1] {
			low |= j
		}
	}
	s := uint32(0)
	for low>>s&1 == 0 {
		s++
	}
	return s
}
