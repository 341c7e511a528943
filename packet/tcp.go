package packet

import "encoding/binary"

// TCPHeaderLen is the length in bytes of a TCP header without options.
const TCPHeaderLen = 20

// Bits of TCP.Flags (RFC 9293 3.1).
const (
	TCPFin uint8 = 1 << iota
	TCPSyn
	TCPRst
	TCPPsh
	TCPAck
	TCPUrg
	TCPEce
	TCPCwr
)

// TCP is a checked view of a TCP segment, header and payload (RFC 9293 3.1).
//
//	0          2          4     8     12          13      14       16         18       20
//	| src port | dst port | seq | ack | offset,rsv | flags | window | checksum | urgent | options ...
type TCP []byte

// ParseTCP checks b, the payload of an unfragmented IPv4 packet: a segment has no length of its own, so all of b is
// taken. Errors: ErrShort (fewer than 20 bytes), ErrHeaderLen (data offset below 5), ErrTruncated (data offset beyond
// len(b)). The syntax of options is not checked.
func ParseTCP(b []byte) (TCP, error) {
	if len(b) < TCPHeaderLen {
		return nil, ErrShort
	}
	n := int(b[12]>>4) * 4
	if n < TCPHeaderLen {
		return nil, ErrHeaderLen
	}
	if n > len(b) {
		return nil, ErrTruncated
	}
	return b, nil
}

// SrcPort returns the source port.
func (t TCP) SrcPort() uint16 { return binary.BigEndian.Uint16(t[0:2]) }

// DstPort returns the destination port.
func (t TCP) DstPort() uint16 { return binary.BigEndian.Uint16(t[2:4]) }

// Seq returns the sequence number.
func (t TCP) Seq() uint32 { return binary.BigEndian.Uint32(t[4:8]) }

// Ack returns the acknowledgement number.
func (t TCP) Ack() uint32 { return binary.BigEndian.Uint32(t[8:12]) }

// HeaderLen returns the length of the header with options in bytes, 20 to 60: four times the data offset.
func (t TCP) HeaderLen() int { return int(t[12]>>4) * 4 }

// Flags returns the control bits: TCPFin, TCPSyn, ...
func (t TCP) Flags() uint8 { return t[13] }

// Window returns the window, unscaled.
func (t TCP) Window() uint16 { return binary.BigEndian.Uint16(t[14:16]) }

// Checksum returns the checksum as it stands.
func (t TCP) Checksum() uint16 { return binary.BigEndian.Uint16(t[16:18]) }

// Urgent returns the urgent pointer.
func (t TCP) Urgent() uint16 { return binary.BigEndian.Uint16(t[18:20]) }

// Options returns the options with their padding, 0 to 40 bytes, as they stand.
func (t TCP) Options() []byte { return t[TCPHeaderLen:t.HeaderLen()] }

// Payload returns what follows the header.
func (t TCP) Payload() []byte { return t[t.HeaderLen():] }

// SetSrcPort sets the source port.
func (t TCP) SetSrcPort(v uint16) { binary.BigEndian.PutUint16(t[0:2], v) }

// SetDstPort sets the destination port.
func (t TCP) SetDstPort(v uint16) { binary.BigEndian.PutUint16(t[2:4], v) }

// SetChecksum computes and stores the checksum over the view and the addresses, in host order, of the IPv4 packet
// around it.
func (t TCP) SetChecksum(src, dst uint32) {
	t[16], t[17] = 0, 0
	binary.BigEndian.PutUint16(t[16:18], ChecksumPseudo(src, dst, ProtoTCP, t))
}

// ChecksumOK reports whether the checksum is right, given the addresses of the IPv4 packet around it.
func (t TCP) ChecksumOK(src, dst uint32) bool { return ChecksumPseudo(src, dst, ProtoTCP, t) == 0 }
