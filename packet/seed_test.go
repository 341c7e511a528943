package packet

import (
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

var seedIP = layers.IPv4{
	Version: 4, TTL: 64, TOS: 0xb8, Id: 0x1234, Flags: layers.IPv4DontFragment,
	SrcIP: net.IPv4(10, 0, 0, 1), DstIP: net.IPv4(192, 0, 2, 200),
}

// frame serializes layers with lengths and checksums filled in.
func frame(t testing.TB, l ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, l...); err != nil {
		t.Fatal(err)
	}
	return append([]byte(nil), buf.Bytes()...)
}

// ipv4Packet serializes an IPv4 packet of the given transport layer and payload, without layer 2.
func ipv4Packet(t testing.TB, l gopacket.SerializableLayer, payload string, options ...layers.IPv4Option) []byte {
	t.Helper()
	ip := seedIP
	ip.Options = options
	switch l := l.(type) {
	case *layers.UDP:
		ip.Protocol = layers.IPProtocolUDP
		_ = l.SetNetworkLayerForChecksum(&ip)
	case *layers.TCP:
		ip.Protocol = layers.IPProtocolTCP
		_ = l.SetNetworkLayerForChecksum(&ip)
	case *layers.ICMPv4:
		ip.Protocol = layers.IPProtocolICMPv4
	}
	return frame(t, &ip, l, gopacket.Payload(payload))
}

func udpPacket(t testing.TB, options ...layers.IPv4Option) []byte {
	return ipv4Packet(t, &layers.UDP{SrcPort: 1024, DstPort: 53}, "payload", options...)
}

func tcpPacket(t testing.TB) []byte {
	return ipv4Packet(t, &layers.TCP{
		SrcPort: 179, DstPort: 40000, Seq: 0x01020304, Ack: 0x05060708, SYN: true, ACK: true, Window: 0xfff0, Urgent: 9,
		Options: []layers.TCPOption{{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{5, 0xb4}}},
	}, "data")
}

func icmpPacket(t testing.TB) []byte {
	return ipv4Packet(t, &layers.ICMPv4{
		TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0), Id: 0xabcd, Seq: 7,
	}, "ping")
}

func arpPacket(t testing.TB) []byte {
	return frame(t, &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: layers.ARPRequest, SourceHwAddress: []byte{2, 0, 0, 0, 0, 1}, SourceProtAddress: []byte{10, 0, 0, 1},
		DstHwAddress: make([]byte, 6), DstProtAddress: []byte{10, 0, 0, 254},
	})
}

// tagged puts an Ethernet header with the given tags, each of TPID and TCI, before a payload.
func tagged(t testing.TB, payload []byte, etherType layers.EthernetType, tags ...[2]uint16) []byte {
	t.Helper()
	types := make([]layers.EthernetType, 0, len(tags)+1)
	for _, tag := range tags {
		types = append(types, layers.EthernetType(tag[0]))
	}
	types = append(types, etherType)
	l := []gopacket.SerializableLayer{&layers.Ethernet{
		DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, EthernetType: types[0],
	}}
	for i, tag := range tags {
		l = append(l, &layers.Dot1Q{
			Priority: uint8(tag[1] >> 13), DropEligible: tag[1]&0x1000 != 0, VLANIdentifier: tag[1] & 0xfff, Type: types[i+1],
		})
	}
	return frame(t, append(l, gopacket.Payload(payload))...)
}

// seeds is one frame of each kind that the views know.
func seeds(t testing.TB) [][]byte {
	t.Helper()
	return [][]byte{
		nil,
		make([]byte, EthernetLen),
		tagged(t, udpPacket(t), layers.EthernetTypeIPv4),
		tagged(t, udpPacket(t), layers.EthernetTypeIPv4, [2]uint16{0x8100, 0xb064}),
		tagged(t, tcpPacket(t), layers.EthernetTypeIPv4, [2]uint16{0x88a8, 0x1fff}, [2]uint16{0x8100, 0x0001}),
		tagged(t, icmpPacket(t), layers.EthernetTypeIPv4, [2]uint16{0x8100, 1}, [2]uint16{0x8100, 2}, [2]uint16{0x8100, 3}),
		tagged(t, arpPacket(t), layers.EthernetTypeARP),
		tagged(t, []byte{0x42, 0x42, 0x03}, 0x0026),
	}
}
