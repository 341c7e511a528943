package packet

import "encoding/binary"

// UDPHeaderLen is the length in bytes of a UDP header.
const UDPHeaderLen = 8

// UDP is a checked view of a UDP datagram, header and payload (RFC 768).
//
//	0          2          4        6          8
//	| src port | dst port | length | checksum | payload ...
type UDP []byte

// ParseUDP checks b, the payload of an unfragmented IPv4 packet, and cuts it to its length field. Errors: ErrShort
// (fewer than 8 bytes), ErrLength (length field below 8; 0 too: jumbograms are IPv6's, RFC 2675), ErrTruncated (length
// field more than len(b)).
func ParseUDP(b []byte) (UDP, error) {
	if len(b) < UDPHeaderLen {
		return nil, ErrShort
	}
	n := int(binary.BigEndian.Uint16(b[4:6]))
	if n < UDPHeaderLen {
		return nil, ErrLength
	}
	if n > len(b) {
		return nil, ErrTruncated
	}
	return b[:n:n], nil
}

// SrcPort returns the source port.
func (u UDP) SrcPort() uint16 { return binary.BigEndian.Uint16(u[0:2]) }

// DstPort returns the destination port.
func (u UDP) DstPort() uint16 { return binary.BigEndian.Uint16(u[2:4]) }

// Len returns the length of header and payload in bytes: len(u) in a parsed view.
func (u UDP) Len() int { return int(binary.BigEndian.Uint16(u[4:6])) }

// Checksum returns the checksum as it stands; 0: the sender computed none.
func (u UDP) Checksum() uint16 { return binary.BigEndian.Uint16(u[6:8]) }

// Payload returns what follows the header.
func (u UDP) Payload() []byte { return u[UDPHeaderLen:] }

// SetSrcPort sets the source port.
func (u UDP) SetSrcPort(v uint16) { binary.BigEndian.PutUint16(u[0:2], v) }

// SetDstPort sets the destination port.
func (u UDP) SetDstPort(v uint16) { binary.BigEndian.PutUint16(u[2:4], v) }

// SetLen sets the length field in bytes, at most 65535. The view itself keeps its length.
func (u UDP) SetLen(n int) { binary.BigEndian.PutUint16(u[4:6], uint16(n)) }

// SetChecksum computes and stores the checksum over the view and the addresses, in host order, of the IPv4 packet
// around it. A sum of 0 is stored as 0xffff: 0 says that there is none (RFC 768).
func (u UDP) SetChecksum(src, dst uint32) {
	u[6], u[7] = 0, 0
	c := ChecksumPseudo(src, dst, ProtoUDP, u)
	if c == 0 {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(u[6:8], c)
}

// ClearChecksum stores 0: no checksum.
func (u UDP) ClearChecksum() { u[6], u[7] = 0, 0 }

// ChecksumOK reports whether the checksum is right or absent, given the addresses of the IPv4 packet around it.
func (u UDP) ChecksumOK(src, dst uint32) bool {
	return u[6]|u[7] == 0 || ChecksumPseudo(src, dst, ProtoUDP, u) == 0
}
