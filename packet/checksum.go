package packet

import (
	"encoding/binary"
	"math/bits"
)

// Checksum returns the Internet checksum of b (RFC 1071): the one's complement of the one's complement sum of its
// 16-bit words, an odd last byte padded with zero. Stored big-endian over a zeroed checksum field it makes the
// checksum of the whole 0, which is also how a received one is verified.
//
// One's complement addition does not care for word size or byte order (RFC 1071 2(B), 2(C)): the sum is taken over
// little-endian 64-bit words with an end-around carry, then folded to 16 bits and swapped once.
func Checksum(b []byte) uint16 { return ^fold(sum(b, 0)) }

// ChecksumHeader20 is Checksum of the first 20 bytes of b, an IPv4 header without options, made to be inlined: three
// loads, no loop. b shorter than 20 bytes panics.
func ChecksumHeader20(b []byte) uint16 {
	_ = b[19]
	s, c := bits.Add64(binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), 0)
	s, c = bits.Add64(s, uint64(binary.LittleEndian.Uint32(b[16:])), c)
	return ^fold(s + c) // cannot overflow, see sum
}

// ChecksumPseudo returns the checksum of a TCP segment or UDP datagram b with the pseudo header of RFC 9293 3.1 and
// RFC 768 before it. Addresses are in host order; len(b) is at most 65535. For UDP a result of 0 is to be sent as
// 0xffff.
func ChecksumPseudo(src, dst uint32, protocol uint8, b []byte) uint16 {
	pseudo := uint64(src) + uint64(dst) + uint64(protocol) + uint64(len(b))
	// The pseudo header's words are in host order, sum's swapped: bring them into its order.
	return ^fold(sum(b, bits.ReverseBytes64(pseudo)))
}

// sum adds the one's complement sum of b, in little-endian words, to s. Adding the last carry cannot overflow: a
// 64-bit addition that carries leaves at most 2^64-2, with a carry coming in too, for that came from such an addition.
func sum(b []byte, s uint64) uint64 {
	var c uint64
	for len(b) >= 32 {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), 0)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[8:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[16:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[24:32]), c)
		s += c
		b = b[32:]
	}
	for len(b) >= 8 {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), 0)
		s += c
		b = b[8:]
	}
	if len(b) >= 4 {
		s, c = bits.Add64(s, uint64(binary.LittleEndian.Uint32(b)), 0)
		s += c
		b = b[4:]
	}
	if len(b) >= 2 {
		s, c = bits.Add64(s, uint64(binary.LittleEndian.Uint16(b)), 0)
		s += c
		b = b[2:]
	}
	if len(b) > 0 {
		s, c = bits.Add64(s, uint64(b[0]), 0)
		s += c
	}
	return s
}

// fold reduces a sum of little-endian words to 16 bits and brings it into host order. Adding a number to itself
// rotated by half its width leaves, in the upper half, the sum of both halves with the end-around carry.
//
// Worked with 16 bits to 8: 0xff + 0x02 = 0x101, with the carry brought around 0x02; and 0xff02 + 0x02ff = 0x10201,
// whose upper half, bits 8 to 15, is 0x02.
func fold(s uint64) uint16 {
	s += bits.RotateLeft64(s, 32)
	h := uint32(s >> 32)
	h += bits.RotateLeft32(h, 16)
	return bits.ReverseBytes16(uint16(h >> 16))
}

// UpdateChecksum returns the checksum after one 16-bit word that it covers changed from old to new: RFC 1624 eqn. 3,
//
//	HC' = ~(~HC + ~m + m')
//
// It equals the checksum computed anew for every sum that Checksum returned, the corner of RFC 1624 3 included, with
// one exception that no IP header meets: where the change leaves nothing but zeros, it is 0 and not 0xffff. (A sender
// may also write 0xffff for 0; then the result may be the other zero. Both verify.)
func UpdateChecksum(sum, old, new uint16) uint16 {
	s := uint32(^sum) + uint32(^old) + uint32(new)
	s = s>>16 + s&0xffff
	return ^uint16(s + s>>16)
}

// UpdateChecksum32 is UpdateChecksum for a changed 32-bit field at an even offset, such as an address.
func UpdateChecksum32(sum uint16, old, new uint32) uint16 {
	s := uint64(^sum) + uint64(^old) + uint64(new)
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return ^uint16(s + s>>16)
}
