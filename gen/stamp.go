package gen

import (
	"encoding/binary"

	"vrfwd/packet"
)

// Stamp is the signature of live frames: flow and sequence stand where Signature has them, and the time of sending where
// Signature has the place that the frame must come out at, which a receiver of live frames knows by the flow's number.
// Big endian, at the start of the UDP payload:
//
//	0       2       6       10            14             18
//	| magic | flow  | seq   | ns, low 32  | ns, high 32  |
//
// The smallest tagged frame has room for 14 bytes (see Signature): it carries the low half alone, which is enough to tell
// latencies of up to 2.1 s between clocks that agree. Every other frame has all 64 bits. The UDP length says which:
// routers leave it as it is, while tags and padding come and go. A signature of 22 bytes with place and time was the
// alternative; it would have left the frames of which there are most, 64 bytes with a tag, without a time.
type Stamp struct {
	Flow uint32
	Seq  uint32 // of the flow, from 0, one a frame; wraps
	Time int64  // nanoseconds since 1970 by the sender's clock; its low 32 bits where not Full
	Full bool
	Src  uint32 // of the IPv4 header before it, host order
	Dst  uint32
}

const (
	stampMagic = 0x7633 // "v3"
	stampAt    = 10     // of the time in the stamp
	fullStamp  = 18
)

// PutStamp makes the stamp of a signed frame that Traffic.Fill has just made: time is now, flow and sequence stay.
func PutStamp(frame []byte, now int64) {
	at := signatureOffset(frame)
	if at > len(frame)-signatureLen {
		return
	}
	b := frame[at:]
	binary.BigEndian.PutUint16(b, stampMagic)
	binary.BigEndian.PutUint32(b[stampAt:], uint32(now))
	if len(b) >= fullStamp {
		binary.BigEndian.PutUint32(b[stampAt+4:], uint32(now>>32))
	}
}

// ParseStamp finds the stamp in an Ethernet frame with none, one or two tags and an IPv4 header without options whose
// checksum is right; false where there is none. The frame is anything that came from a wire.
func ParseStamp(frame []byte) (s Stamp, ok bool) {
	l2, err := packet.ParseVLAN(frame)
	if err != nil || l2.EtherType() != packet.EtherTypeIPv4 {
		return s, false
	}
	ip, err := packet.ParseIPv4(frame[len(l2):])
	if err != nil || ip.HeaderLen() != packet.IPv4HeaderLen || !ip.ChecksumOK() || ip.Protocol() != packet.ProtoUDP {
		return s, false
	}
	udp, err := packet.ParseUDP(ip[packet.IPv4HeaderLen:])
	if err != nil {
		return s, false
	}
	b := udp.Payload()
	if len(b) < signatureLen || binary.BigEndian.Uint16(b) != stampMagic {
		return s, false
	}
	s = Stamp{
		Flow: binary.BigEndian.Uint32(b[2:]),
		Seq:  binary.BigEndian.Uint32(b[seqAt:]),
		Time: int64(binary.BigEndian.Uint32(b[stampAt:])),
		Src:  ip.Src(),
		Dst:  ip.Dst(),
	}
	if len(b) >= fullStamp {
		s.Full = true
		s.Time |= int64(binary.BigEndian.Uint32(b[stampAt+4:])) << 32
	}
	return s, true
}

// Age returns how long before now the frame was stamped, in nanoseconds. It is negative where the sender's clock is
// ahead; where the stamp has only 32 bits it is modulo 2^32, between -2.1 and 2.1 s.
func (s Stamp) Age(now int64) int64 {
	if s.Full {
		return now - s.Time
	}
	return int64(int32(uint32(now) - uint32(s.Time)))
}
