package lpm

import "sync/atomic"

// burstGo looks addrs[from:], of at most maxBurst, up in the dense part and marks the hops that are escapes.
//
// One pass: both loads of an address stand next to each other, and the out-of-order core runs some twenty addresses
// ahead. Two passes over the burst, and a pass that only prefetches, measured no faster in Go.
func (d *dense) burstGo(addrs []uint32, hops []Hop, escapes *marks, from int) {
	if from == len(addrs) {
		return
	}
	root := (*[1 << rootBits]uint32)(d.root)
	part := hops[from:len(addrs)]
	var any uint32 // of hop + 1: above escape if and only if one of them was the escape
	switch {
	case d.wide != nil:
		leaves := &d.leaf16[0]
		for i, a := range addrs[from:] {
			e := atomic.LoadUint32(&root[a>>RootShift])
			h := uint32(at(leaves, offsetOf(e)+a>>8&(chunkLen-1)>>strideOf(e)))
			any |= h + 1
			part[i] = Hop(h)
		}
	case d.ids != nil:
		leaves := &d.leaf8[0]
		ids := (*[1 << 8]uint32)(d.ids)
		for i, a := range addrs[from:] {
			e := atomic.LoadUint32(&root[a>>RootShift])
			h := ids[at(leaves, offsetOf(e)+a>>8&(chunkLen-1)>>strideOf(e))]
			any |= h + 1
			part[i] = Hop(h)
		}
	default:
		leaves := &d.leaf8[0]
		for i, a := range addrs[from:] {
			e := atomic.LoadUint32(&root[a>>RootShift])
			h := uint32(at(leaves, offsetOf(e)+a>>8&(chunkLen-1)>>strideOf(e)))
			any |= h + 1
			part[i] = Hop(h)
		}
	}
	if any > d.escape {
		for i, h := range part {
			if h == Hop(d.escape) {
				escapes.set(from + i)
			}
		}
	}
}
