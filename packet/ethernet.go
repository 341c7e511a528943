package packet

import (
	"encoding/binary"
	"fmt"
)

// EtherTypes, as IANA's "IEEE 802 Numbers" registry lists them.
const (
	EtherTypeIPv4 uint16 = 0x0800
	EtherTypeARP  uint16 = 0x0806
	EtherTypeVLAN uint16 = 0x8100 // 802.1Q C-TAG
	EtherTypeIPv6 uint16 = 0x86dd
	EtherTypeQinQ uint16 = 0x88a8 // 802.1ad S-TAG
)

// EtherTypeMin is the smallest EtherType; a smaller value is the length of an 802.3 frame (IEEE 802.3 3.2.6).
const EtherTypeMin uint16 = 0x0600

// EthernetLen is the length in bytes of an untagged Ethernet header.
const EthernetLen = 14

// MAC is a 48-bit IEEE 802 address in transmission order. Comparable.
type MAC [6]byte

// Broadcast is the address of every station.
func Broadcast() MAC { return MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }

// IsGroup reports whether m addresses more than one station: multicast or broadcast.
func (m MAC) IsGroup() bool { return m[0]&1 != 0 }

// String returns m as 02:00:5e:10:00:01.
func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// Ethernet is a checked view of an Ethernet frame without preamble and FCS.
//
//	0         6         12          14
//	| dst MAC | src MAC | EtherType | payload ...
type Ethernet []byte

// ParseEthernet checks that b holds a header: ErrShort below 14 bytes. The payload may be empty, padded, or an 802.3
// frame's: a length in place of the EtherType is not judged here, see EtherTypeMin.
func ParseEthernet(b []byte) (Ethernet, error) {
	if len(b) < EthernetLen {
		return nil, ErrShort
	}
	return b, nil
}

// Dst returns the destination address.
func (e Ethernet) Dst() MAC { return MAC(e[0:6]) }

// Src returns the source address.
func (e Ethernet) Src() MAC { return MAC(e[6:12]) }

// EtherType returns the 16 bits after the addresses: the payload's EtherType, a tag's TPID, or an 802.3 length.
func (e Ethernet) EtherType() uint16 { return binary.BigEndian.Uint16(e[12:14]) }

// Payload returns everything after the 14-byte header: tags first, padding last.
func (e Ethernet) Payload() []byte { return e[EthernetLen:] }

// SetDst sets the destination address.
func (e Ethernet) SetDst(m MAC) { *(*[6]byte)(e[0:6]) = m }

// SetSrc sets the source address.
func (e Ethernet) SetSrc(m MAC) { *(*[6]byte)(e[6:12]) = m }

// SetEtherType sets the 16 bits after the addresses.
func (e Ethernet) SetEtherType(t uint16) { binary.BigEndian.PutUint16(e[12:14], t) }
