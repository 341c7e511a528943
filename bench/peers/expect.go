package main

import (
	"encoding/binary"
	"hash/fnv"

	"vrfwd/lpm"
)

const (
	tagged   = 18 // bytes of Ethernet with one tag
	frameLen = 60 // without FCS
)

// newAdjacencies makes what hops 1..n stand for: ports in turn, a neighbour each.
func newAdjacencies(n int) []adjacency {
	all := make([]adjacency, n)
	for h := range all {
		a := &all[h]
		a.Port = uint32(h % ports)
		copy(a.Header[:], []byte{2, 1, 0, 0, byte(h >> 8), byte(h), 2, 0, 0, 0, 0, byte(a.Port), 8, 0})
	}
	return all
}

// destination is a tagged frame's.
func destination(frame *[lineLen]byte) uint32 { return binary.BigEndian.Uint32(frame[tagged+16:]) }

// expected says what a router with one table makes of the frames: the sum of FNV-1a over port and bytes of each that
// leaves, in whatever order, and how many have no route. It is the C loop's naive twin: checksums are added up anew.
func (in *input) expected(lookup func(addr uint32) lpm.Hop) (sum uint64, dropped int) {
	for i := range in.frames {
		hop := lookup(destination(&in.frames[i]))
		if hop == 0 {
			dropped++
			continue
		}
		a := &in.adjacencies[hop-1]
		out := append(append([]byte{}, a.Header[:]...), in.frames[i][tagged:frameLen]...)
		ip := out[14:34]
		ip[8]--
		ip[10], ip[11] = 0, 0
		binary.BigEndian.PutUint16(ip[10:], ^onesSum(ip))
		h := fnv.New64a()
		_ = binary.Write(h, binary.LittleEndian, a.Port)
		h.Write(out)
		sum += h.Sum64()
	}
	return sum, dropped
}

// onesSum is the Internet checksum's sum (RFC 1071) of an even number of bytes.
func onesSum(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}
