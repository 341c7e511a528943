package afpacket

import "vrfwd/packet"

// shape is how many slots of which size a ring has (struct tpacket_req). Blocks hold whole slots; what is left at a
// block's end is not used.
type shape struct{ slot, slots, block, blocks uint32 }

// slotFor returns the bytes of a slot with room for n: an odd number of cache lines (see packet.Arena).
func slotFor(n int) uint32 {
	const line = packet.CacheLine
	return uint32((n+line-1)/line|1) * line
}

// rxShape cuts blocks into slots for frames of frameSize bytes.
func rxShape(block, blocks, frameSize int) shape {
	s := shape{slot: slotFor(v2FrameMin - reserve + rxGap + frameSize), block: uint32(block), blocks: uint32(blocks)}
	s.slots = s.block / s.slot * s.blocks
	return s
}

// txShape makes room for at least that many slots for frames of frameSize bytes.
func txShape(frames, frameSize int) shape {
	s := shape{slot: slotFor(v3Header + vnetLen + frameSize), block: 64 << 10}
	for s.block < 16*s.slot {
		s.block *= 2
	}
	per := s.block / s.slot
	s.blocks = (uint32(frames) + per - 1) / per
	s.slots = s.blocks * per
	return s
}

// offsets returns where each slot begins.
func (s shape) offsets() []uint32 {
	at, per := make([]uint32, s.slots), s.block/s.slot
	for i := range at {
		at[i] = uint32(i)/per*s.block + uint32(i)%per*s.slot
	}
	return at
}

// slotOf returns the slot that an offset lies in.
func (s shape) slotOf(off uint32) uint32 { return off/s.block*(s.block/s.slot) + off%s.block/s.slot }
