package afpacket

import (
	"encoding/binary"

	"vrfwd/packet"
)

// Frames and their surroundings, in bytes.
const (
	reserve  = 16    // free before each received frame: layer 2 headers grow into it
	vnetLen  = 10    // struct virtio_net_hdr (include/uapi/linux/virtio_net.h)
	minFrame = 60    // IEEE 802.3 3.2.7, without FCS: shorter frames are padded
	maxFrame = 65535 // what Desc.Len can say
)

// Bits of the status words (include/uapi/linux/if_packet.h).
const (
	statusKernel      = 0
	statusUser        = 1
	statusCsumPartial = 1 << 3 // TP_STATUS_CSUMNOTREADY
	statusTag         = 1 << 4 // TP_STATUS_VLAN_VALID
	statusTPID        = 1 << 6 // TP_STATUS_VLAN_TPID_VALID
)

const (
	pktOtherHost = 3 // sll_pkttype PACKET_OTHERHOST
	tpid8021Q    = 0x8100
	sllPktType   = 10 // offset of sll_pkttype in struct sockaddr_ll
	sllLen       = 20
)

// entry is what the kernel says of a received frame, in the header of any version. The frame's bytes and the vnetLen
// bytes before them have been found to lie in the ring. It has no more fields than the compiler keeps in registers.
type entry struct {
	status uint32
	length uint32 // on the wire
	stored uint32 // of these, in the ring: frame[:stored]
	kind   uint32 // tp_vlan_tpid<<16 | sll_pkttype
}

func (e entry) pktType() uint32 { return e.kind & 0xff }

// foreign reports an outer tag that is not 802.1Q's.
func (e entry) foreign() bool { return e.status&statusTPID != 0 && e.kind>>16 != tpid8021Q }

// judge decides on received frames.
type judge struct {
	limit  uint32 // longest frame
	others bool   // frames to other hosts are welcome
	stamps uint32 // all ones: mark frames with their receive time; 0: do not
	count  *counters
}

// plain reports whether the frame can be handed out as it is.
func (j *judge) plain(e entry) bool {
	return e.length == e.stored && e.length <= j.limit && e.status&statusCsumPartial == 0 &&
		(e.pktType() != pktOtherHost || j.others) && !e.foreign()
}

// describe makes the descriptor of a frame at off. Field by field: see rewrite in forwarder/stage.go.
func (j *judge) describe(d *packet.Desc, off uint32, e entry, tci, stamp uint32) {
	d.Off, d.Len, d.Port, d.Mark = off, uint16(e.stored), 0, stamp&j.stamps
	d.TCI, d.Flags = uint16(tci), uint16(e.status/statusTag)&packet.FlagTCI
}

// second is the ns of a second; times of it wrap in 32 bits, as the marks do.
const second uint32 = 1e9

// odd handles a frame that is not plain: it makes it so, and returns true, or counts why not. The frame lies in mem at
// off, a virtio-net header before it.
//
//go:noinline
func (j *judge) odd(mem []byte, off uint32, e entry) bool {
	switch {
	case e.pktType() == pktOtherHost && !j.others:
		j.count.rxOtherHost.Add(1)
		return false
	case e.foreign():
		j.count.rxTag.Add(1)
		return false
	}
	var vnet vnetHeader
	if e.status&statusCsumPartial != 0 {
		vnet = parseVnet(mem[off-vnetLen : off])
	}
	switch {
	case vnet.gso != 0:
		j.count.rxSuper.Add(1)
		return false
	case e.length != e.stored || e.length > j.limit:
		j.count.rxTooLong.Add(1)
		return false
	}
	if vnet.complete(mem[off : off+e.stored]) {
		j.count.rxChecksum.Add(1)
	}
	return true
}

// vnetHeader is the part of struct virtio_net_hdr that matters here. PACKET_VNET_HDR makes the kernel write one before
// each received frame:
//
//	0       1          2         4          6            8             10
//	| flags | gso type | hdr len | gso size | csum start | csum offset | frame ...
//
// In the host's byte order (vio_le() in net/packet/af_packet.c: little-endian on what we run on).
type vnetHeader struct {
	needsCsum           bool
	gso                 uint8
	csumStart, csumAdds uint32
}

func parseVnet(b []byte) vnetHeader {
	return vnetHeader{
		needsCsum: b[0]&1 != 0, // VIRTIO_NET_HDR_F_NEEDS_CSUM
		gso:       b[1],        // VIRTIO_NET_HDR_GSO_NONE: 0
		csumStart: load16(b[6:]),
		csumAdds:  load16(b[8:]),
	}
}

// complete does what the sender has left to its device: the field at csumStart+csumAdds, which holds the sum of the
// pseudo header, gets the checksum of all from csumStart on (skb_checksum_help in net/core/dev.c). It works for every
// protocol, tunnels included, and reports whether there was one to complete.
func (v vnetHeader) complete(frame []byte) bool {
	field := v.csumStart + v.csumAdds
	if !v.needsCsum || uint64(field)+2 > uint64(len(frame)) {
		return false
	}
	sum := packet.Checksum(frame[v.csumStart:])
	if sum == 0 {
		sum = 0xffff // the same number, and for UDP not "none" (RFC 768)
	}
	binary.BigEndian.PutUint16(frame[field:], sum)
	return true
}
