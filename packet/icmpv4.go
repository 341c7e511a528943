package packet

import "encoding/binary"

// ICMPv4HeaderLen is the length in bytes of the part that all ICMP messages have.
const ICMPv4HeaderLen = 8

// ICMP types (RFC 792).
const (
	ICMPEchoReply       uint8 = 0
	ICMPDestUnreachable uint8 = 3
	ICMPEcho            uint8 = 8
	ICMPTimeExceeded    uint8 = 11
)

// ICMPv4 is a checked view of an ICMP message (RFC 792).
//
//	0      1      2          4              8
//	| type | code | checksum | rest of header | data ...
//
// The rest of header is identifier and sequence number in echo messages, the next-hop MTU in the lower half in
// "fragmentation needed" (RFC 1191 4), unused in most others.
type ICMPv4 []byte

// ParseICMPv4 checks b, the payload of an unfragmented IPv4 packet: ErrShort below 8 bytes.
func ParseICMPv4(b []byte) (ICMPv4, error) {
	if len(b) < ICMPv4HeaderLen {
		return nil, ErrShort
	}
	return b, nil
}

// Type returns the type.
func (m ICMPv4) Type() uint8 { return m[0] }

// Code returns the code, whose meaning depends on the type.
func (m ICMPv4) Code() uint8 { return m[1] }

// Checksum returns the checksum as it stands.
func (m ICMPv4) Checksum() uint16 { return binary.BigEndian.Uint16(m[2:4]) }

// Rest returns the rest of the header, 32 bits.
func (m ICMPv4) Rest() uint32 { return binary.BigEndian.Uint32(m[4:8]) }

// ID returns the identifier of an echo message.
func (m ICMPv4) ID() uint16 { return binary.BigEndian.Uint16(m[4:6]) }

// Seq returns the sequence number of an echo message.
func (m ICMPv4) Seq() uint16 { return binary.BigEndian.Uint16(m[6:8]) }

// Payload returns what follows the header: echo data, or the packet that caused an error.
func (m ICMPv4) Payload() []byte { return m[ICMPv4HeaderLen:] }

// SetType sets the type. Like the setters below it leaves the checksum as it is: SetChecksum comes last.
func (m ICMPv4) SetType(v uint8) { m[0] = v }

// SetCode sets the code.
func (m ICMPv4) SetCode(v uint8) { m[1] = v }

// SetRest sets the rest of the header, 32 bits.
func (m ICMPv4) SetRest(v uint32) { binary.BigEndian.PutUint32(m[4:8], v) }

// SetChecksum computes and stores the checksum over the view. ICMP has no pseudo header.
func (m ICMPv4) SetChecksum() {
	m[2], m[3] = 0, 0
	binary.BigEndian.PutUint16(m[2:4], Checksum(m))
}

// ChecksumOK reports whether the checksum over the view is right.
func (m ICMPv4) ChecksumOK() bool { return Checksum(m) == 0 }
