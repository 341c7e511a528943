package gen

import "encoding/binary"

// packedLen is the size of a packed line in bytes: two go into a cache line.
const packedLen = LineLen / 2

// form is what the lines of a Traffic have in common, and where each has its own. Of one port's flows no two dozen bytes differ: VLAN,
// source MAC, addresses, a UDP port, the checksum and what the signature says. A packed line is these alone, so that flows in turn,
// which are read in sequence and have left the caches when their turn comes again, take half of the memory, and of the way through
// the caches.
//
//	line      | half, 32 bytes        | half                  |
//	packed    | up to 16 of the first | up to 16 of the other |
//
// AVX2's shuffles, which keep to 16 bytes, unpack a half in one instruction.
type form struct {
	common [LineLen]byte // what all lines have, 0 where they differ
	from   [LineLen]byte // of a byte in which they differ, its place among those of its half; 0x80 of others, for which shuffles put 0
	seq    uint8         // place of the sequence number
}

// pack packs lines; none where they differ too much, or have their ports or sequence numbers in different places.
func pack(lines [][LineLen]byte) (f form, packed [][packedLen]byte) {
	first := &lines[0]
	var differ [LineLen]byte
	for at := 0; at < LineLen; at += 8 {
		union, one := uint64(0), binary.NativeEndian.Uint64(first[at:])
		for i := range lines {
			union |= binary.NativeEndian.Uint64(lines[i][at:]) ^ one
		}
		binary.NativeEndian.PutUint64(differ[at:], union)
	}
	f.seq = first[seqOff]&seqMask + seqLow
	clear(differ[f.seq:][:4]) // number writes there
	var moves []move
	for half := 0; half < LineLen; half += packedLen {
		n := 0
		for at := half; at < half+packedLen; at++ {
			f.common[at], f.from[at] = first[at], 0x80
			if differ[at] == 0 {
				continue
			}
			if n == packedLen/2 || at >= portAt {
				return f, nil
			}
			f.common[at], f.from[at] = 0, uint8(n)
			moves, n = append(moves, move{at, half/2 + n}), n+1
		}
	}
	packed = make([][packedLen]byte, len(lines))
	for i := range lines {
		line, to := &lines[i], &packed[i]
		for _, m := range moves {
			to[m.to] = line[m.from]
		}
	}
	return f, packed
}

// move is of a byte, from its place in a line to that in a packed one.
type move struct{ from, to int }

// number has all lines carry this sequence number.
func (f *form) number(seq uint32) {
	binary.BigEndian.PutUint32(f.common[f.seq:], seq)
}
