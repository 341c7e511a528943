package packet_test

import (
	"fmt"

	"vrfwd/packet"
)

// A frame is written into a slot, then read back through checked views and sent one hop on.
func Example() {
	arena, err := packet.NewArena(1024, 2048)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer arena.Close()

	d := arena.Desc(7)
	d.Len = packet.EthernetLen + packet.IPv4HeaderLen + packet.UDPHeaderLen
	frame := arena.Frame(d)
	packet.Ethernet(frame).SetEtherType(packet.EtherTypeIPv4)
	ip := packet.IPv4(frame[packet.EthernetLen:])
	ip.SetHeaderLen(packet.IPv4HeaderLen)
	ip.SetTotalLen(len(ip))
	ip.SetTTL(64)
	ip.SetProtocol(packet.ProtoUDP)
	ip.SetSrc(0x0a000001)
	ip.SetDst(0xc0000201)
	ip.SetChecksum()

	l2, err := packet.ParseVLAN(frame)
	if err != nil || l2.EtherType() != packet.EtherTypeIPv4 {
		fmt.Println("not IPv4", err)
		return
	}
	ip, err = packet.ParseIPv4(frame[len(l2):])
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("slot %d: %d tags, dst %#x, TTL %d, checksum ok %v\n",
		arena.Slot(d), l2.Tags(), ip.Dst(), ip.TTL(), ip.ChecksumOK())
	ip.DecrementTTL()
	fmt.Printf("TTL %d, checksum ok %v\n", ip.TTL(), ip.ChecksumOK())
	// Output:
	// slot 7: 0 tags, dst 0xc0000201, TTL 64, checksum ok true
	// TTL 63, checksum ok true
}

// Parsers return sentinel values: a switch tells the reasons for a drop apart.
func ExampleParseIPv4() {
	header := make([]byte, 20)
	header[0] = 0x65
	_, err := packet.ParseIPv4(header)
	switch err {
	case packet.ErrVersion:
		fmt.Println("dropped:", err)
	}
	// Output: dropped: packet: IP version is not 4
}

// The VLAN of a frame with an 802.1ad and an 802.1Q tag.
func ExampleParseVLAN() {
	frame := []byte{
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2,
		0x88, 0xa8, 0x00, 0x64, // S-TAG: VLAN 100
		0x81, 0x00, 0xa0, 0xc8, // C-TAG: priority 5, VLAN 200
		0x08, 0x00,
	}
	l2, err := packet.ParseVLAN(frame)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range l2.Tags() {
		fmt.Printf("tag %d: priority %d VLAN %d\n", i, l2.TCI(i).PCP(), l2.TCI(i).VID())
	}
	fmt.Printf("EtherType %#04x after %d bytes\n", l2.EtherType(), len(l2))
	// Output:
	// tag 0: priority 0 VLAN 100
	// tag 1: priority 5 VLAN 200
	// EtherType 0x0800 after 22 bytes
}

// One changed word, the TTL's, updates a checksum without reading the rest: RFC 1624 4's example.
func ExampleUpdateChecksum() {
	fmt.Printf("%#04x\n", packet.UpdateChecksum(0xdd2f, 0x5555, 0x3285))
	// Output: 0x0000
}
