package packet

import "encoding/binary"

// ARPLen is the length in bytes of an ARP packet for IPv4 over Ethernet.
const ARPLen = 28

// ARP operations (RFC 826).
const (
	ARPRequest uint16 = 1
	ARPReply   uint16 = 2
)

// arpEthernetIPv4 is the first six bytes of every packet that ParseARP takes: hardware type 1, protocol 0x0800,
// hardware and protocol address lengths 6 and 4.
const arpEthernetIPv4 = 0x0001_0800_0604

// ARP is a checked view of an ARP packet for IPv4 over Ethernet (RFC 826).
//
//	0       2       4      5      6    8            14          18           24          28
//	| htype | ptype | hlen | plen | op | sender MAC | sender IP | target MAC | target IP |
type ARP []byte

// ParseARP checks b, an Ethernet payload, and cuts off padding. Errors: ErrShort (fewer than 28 bytes),
// ErrARPAddress (other address families). Operations other than request and reply pass.
func ParseARP(b []byte) (ARP, error) {
	if len(b) < ARPLen {
		return nil, ErrShort
	}
	if binary.BigEndian.Uint64(b)>>16 != arpEthernetIPv4 {
		return nil, ErrARPAddress
	}
	return b[:ARPLen:ARPLen], nil
}

// Op returns the operation: ARPRequest, ARPReply or another.
func (a ARP) Op() uint16 { return binary.BigEndian.Uint16(a[6:8]) }

// SenderMAC returns the sender's hardware address.
func (a ARP) SenderMAC() MAC { return MAC(a[8:14]) }

// SenderIP returns the sender's IPv4 address in host order.
func (a ARP) SenderIP() uint32 { return binary.BigEndian.Uint32(a[14:18]) }

// TargetMAC returns the target's hardware address; it has no meaning in a request.
func (a ARP) TargetMAC() MAC { return MAC(a[18:24]) }

// TargetIP returns the target's IPv4 address in host order.
func (a ARP) TargetIP() uint32 { return binary.BigEndian.Uint32(a[24:28]) }

// Set writes a whole packet. a must have at least 28 bytes; what they held does not matter, so that ARP(b[:ARPLen])
// makes a fresh packet. Addresses are in host order.
func (a ARP) Set(op uint16, senderMAC MAC, senderIP uint32, targetMAC MAC, targetIP uint32) {
	_ = a[ARPLen-1]
	binary.BigEndian.PutUint64(a, arpEthernetIPv4<<16|uint64(op))
	*(*[6]byte)(a[8:14]) = senderMAC
	binary.BigEndian.PutUint32(a[14:18], senderIP)
	*(*[6]byte)(a[18:24]) = targetMAC
	binary.BigEndian.PutUint32(a[24:28], targetIP)
}
