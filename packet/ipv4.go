package packet

import "encoding/binary"

// IPv4HeaderLen is the length in bytes of an IPv4 header without options.
const IPv4HeaderLen = 20

// Protocol numbers, as IANA's "Protocol Numbers" registry lists them.
const (
	ProtoICMP uint8 = 1
	ProtoTCP  uint8 = 6
	ProtoUDP  uint8 = 17
)

// Bits of the field that IPv4.Fragment returns (RFC 791 3.1).
const (
	FlagDF         uint16 = 0x4000 // don't fragment
	FlagMF         uint16 = 0x2000 // more fragments
	FragmentOffset uint16 = 0x1fff // mask: offset in units of 8 bytes
)

// IPv4 is a checked view of one IPv4 packet, header and payload, without link-layer padding (RFC 791 3.1).
//
//	0     1     2            4    6                 8     9       10         12    16    20
//	| 4,IHL | TOS | total length | id | flags,fragment | TTL | proto | checksum | src | dst | options ...
type IPv4 []byte

// ParseIPv4 checks b as RFC 1812 5.2.2 asks, the checksum excepted (see ChecksumOK), and cuts it to its total length.
// Errors, in the order of the checks: ErrShort (fewer than 20 bytes), ErrVersion, ErrHeaderLen (IHL below 5),
// ErrLength (total length less than the header), ErrTruncated (total length more than len(b)). The bytes of options
// are there but their syntax is not checked.
func ParseIPv4(b []byte) (IPv4, error) {
	if len(b) < IPv4HeaderLen {
		return nil, ErrShort
	}
	n := int(binary.BigEndian.Uint16(b[2:4]))
	switch ihl := int(b[0]&0xf) * 4; {
	case b[0]>>4 != 4:
		return nil, ErrVersion
	case ihl < IPv4HeaderLen:
		return nil, ErrHeaderLen
	case n < ihl:
		return nil, ErrLength
	case n > len(b):
		return nil, ErrTruncated
	}
	return b[:n:n], nil
}

// IsPlainIPv4 reports whether b begins with what nearly every packet is: an IPv4 packet without options that
// ParseIPv4 takes. It is ParseIPv4 for the hot path, small enough to be inlined: where it holds, IPv4(b) is as good
// as the parsed view, except that it is not cut to the total length; where it does not, ParseIPv4 tells options from
// errors.
func IsPlainIPv4(b []byte) bool {
	if len(b) < IPv4HeaderLen || b[0] != 0x45 {
		return false
	}
	n := int(binary.BigEndian.Uint16(b[2:4]))
	return n >= IPv4HeaderLen && n <= len(b)
}

// Version returns the version, 4 in a parsed view.
func (p IPv4) Version() uint8 { return p[0] >> 4 }

// HeaderLen returns the length of the header with options in bytes, 20 to 60: four times the IHL.
func (p IPv4) HeaderLen() int { return int(p[0]&0xf) * 4 }

// TOS returns the type of service octet: DSCP in the upper six bits (RFC 2474), ECN in the lower two (RFC 3168).
func (p IPv4) TOS() uint8 { return p[1] }

// TotalLen returns the length of header and payload in bytes: len(p) in a parsed view.
func (p IPv4) TotalLen() int { return int(binary.BigEndian.Uint16(p[2:4])) }

// ID returns the identification.
func (p IPv4) ID() uint16 { return binary.BigEndian.Uint16(p[4:6]) }

// Fragment returns the 16 bits of flags and fragment offset: FlagDF, FlagMF, FragmentOffset.
func (p IPv4) Fragment() uint16 { return binary.BigEndian.Uint16(p[6:8]) }

// DF reports whether the packet must not be fragmented.
func (p IPv4) DF() bool { return p[6]&(1<<6) != 0 }

// MF reports whether more fragments follow.
func (p IPv4) MF() bool { return p[6]&(1<<5) != 0 }

// FragmentOffset returns the place of the payload in the original packet's, in bytes.
func (p IPv4) FragmentOffset() int { return int(p.Fragment()&FragmentOffset) * 8 }

// IsFragment reports whether the packet is a part of a larger one. Only the first part, at FragmentOffset 0, begins
// with a transport header.
func (p IPv4) IsFragment() bool { return p.Fragment()&(FlagMF|FragmentOffset) != 0 }

// TTL returns the time to live in hops.
func (p IPv4) TTL() uint8 { return p[8] }

// Protocol returns the payload's protocol number: ProtoICMP, ProtoTCP, ProtoUDP...
func (p IPv4) Protocol() uint8 { return p[9] }

// Checksum returns the header checksum as it stands in the header.
func (p IPv4) Checksum() uint16 { return binary.BigEndian.Uint16(p[10:12]) }

// Src returns the source address in host order.
func (p IPv4) Src() uint32 { return binary.BigEndian.Uint32(p[12:16]) }

// Dst returns the destination address in host order.
func (p IPv4) Dst() uint32 { return binary.BigEndian.Uint32(p[16:20]) }

// Ports returns the source and the destination port of TCP and UDP as one number, the source in its upper half; 0 for
// other protocols, for a fragment, of which only the first has ports, and for a payload too short to have any. It is what
// tells flows between two addresses apart.
func (p IPv4) Ports() uint32 {
	at := p.HeaderLen()
	if p.Protocol() != ProtoTCP && p.Protocol() != ProtoUDP || p.IsFragment() || len(p) < at+4 {
		return 0
	}
	return binary.BigEndian.Uint32(p[at:])
}

// Header returns the header with its options.
func (p IPv4) Header() []byte { return p[:p.HeaderLen()] }

// Options returns the options with their padding, 0 to 40 bytes, as they stand.
func (p IPv4) Options() []byte { return p[IPv4HeaderLen:p.HeaderLen()] }

// Payload returns what follows the header.
func (p IPv4) Payload() []byte { return p[p.HeaderLen():] }

// ChecksumOK reports whether the header's checksum is right: the sum over the header, checksum included, is zero in
// one's complement.
func (p IPv4) ChecksumOK() bool { return p.sum() == 0 }

// SetChecksum computes and stores the checksum of the header as it stands. Where only a field or two of a header with
// a right checksum change, UpdateChecksum is three times as fast: the sum's wide loads wait for narrow stores just
// made.
func (p IPv4) SetChecksum() {
	p[10], p[11] = 0, 0
	binary.BigEndian.PutUint16(p[10:12], p.sum())
}

// sum is the checksum over the whole header.
func (p IPv4) sum() uint16 {
	if p[0]&0xf == 5 {
		return ChecksumHeader20(p)
	}
	return Checksum(p.Header())
}

// SetHeaderLen sets version 4 and a header length of n bytes: 20 to 60, a multiple of 4. Like the setters below it
// leaves the checksum as it is: SetChecksum comes last.
func (p IPv4) SetHeaderLen(n int) { p[0] = 0x40 | uint8(n/4)&0xf }

// SetTOS sets the type of service octet.
func (p IPv4) SetTOS(v uint8) { p[1] = v }

// SetTotalLen sets the total length in bytes, at most 65535. The view itself keeps its length.
func (p IPv4) SetTotalLen(n int) { binary.BigEndian.PutUint16(p[2:4], uint16(n)) }

// SetID sets the identification.
func (p IPv4) SetID(v uint16) { binary.BigEndian.PutUint16(p[4:6], v) }

// SetFragment sets flags and fragment offset: FlagDF, FlagMF, FragmentOffset.
func (p IPv4) SetFragment(v uint16) { binary.BigEndian.PutUint16(p[6:8], v) }

// SetTTL sets the time to live in hops.
func (p IPv4) SetTTL(v uint8) { p[8] = v }

// SetProtocol sets the payload's protocol number.
func (p IPv4) SetProtocol(v uint8) { p[9] = v }

// SetSrc sets the source address, in host order.
func (p IPv4) SetSrc(a uint32) { binary.BigEndian.PutUint32(p[12:16], a) }

// SetDst sets the destination address, in host order.
func (p IPv4) SetDst(a uint32) { binary.BigEndian.PutUint32(p[16:20], a) }

// DecrementTTL takes one hop off the TTL and updates the checksum by RFC 1624 eqn. 3 rather than anew, so that a
// header damaged on the way here stays recognisably damaged. A TTL of 0 stays 0.
//
// TTL and protocol form one 16-bit word m, and m' = m - 0x0100, so ~m + m' is 0xfeff whatever the protocol:
//
//	HC' = ~(~HC + ~m + m') = ~(~HC + 0xfeff)
//
// Worked, RFC 1624's corner: HC = 0xfeff: ~HC + 0xfeff = 0x0100 + 0xfeff = 0xffff, HC' = 0x0000, as computed anew.
// The shorter HC + 0x0100 of RFC 1141 gives 0xffff there.
func (p IPv4) DecrementTTL() {
	if p[8] == 0 {
		return
	}
	p[8]--
	s := uint32(^p.Checksum()) + 0xfeff
	binary.BigEndian.PutUint16(p[10:12], ^uint16(s+s>>16))
}
