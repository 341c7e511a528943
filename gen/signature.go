package gen

import (
	"encoding/binary"

	"vrfwd/packet"
)

// Signature stands at the start of every signed frame's UDP payload, big endian:
//
//	0       2       6       10        12       14
//	| magic | flow  | seq   | context | egress |
//
// 14 bytes, so that the smallest tagged frame holds it: 14 Ethernet + 4 tag + 20 IPv4 + 8 UDP + 14 = 60 bytes, 64 with
// FCS. A larger frame is padded with what its slot holds.
type Signature struct {
	Flow    uint32
	Seq     uint32 // of the flow, from 0, one a frame; wraps
	Context uint16 // table of the VR or VRF that the egress interface belongs to
	Egress  uint16 // egress IP interface; 0: the frame must be discarded
}

const (
	signatureMagic = 0x7632 // "v2"
	signatureLen   = 14
	signatureAt    = packet.EthernetLen + packet.IPv4HeaderLen + packet.UDPHeaderLen // in an untagged frame
	seqAt          = 6                                                               // of Seq in the signature
)

// Put writes the signature to b[:14].
func (s Signature) Put(b []byte) {
	_ = b[signatureLen-1]
	binary.BigEndian.PutUint16(b[0:], signatureMagic)
	binary.BigEndian.PutUint32(b[2:], s.Flow)
	binary.BigEndian.PutUint32(b[seqAt:], s.Seq)
	binary.BigEndian.PutUint16(b[10:], s.Context)
	binary.BigEndian.PutUint16(b[12:], s.Egress)
}

// signatureOffset tells where a frame's signature must begin: behind none, one or two tags. It may lie beyond the frame.
func signatureOffset(frame []byte) int {
	switch {
	case len(frame) < signatureAt+signatureLen:
		return len(frame)
	case binary.BigEndian.Uint16(frame[12:]) == packet.EtherTypeIPv4:
		return signatureAt
	case binary.BigEndian.Uint16(frame[16:]) == packet.EtherTypeIPv4:
		return signatureAt + packet.TagLen
	}
	return signatureAt + 2*packet.TagLen
}

// ParseSignature finds the signature in an Ethernet frame with none, one or two tags and an IPv4 header without
// options; false where there is none.
func ParseSignature(frame []byte) (Signature, bool) {
	at := signatureOffset(frame)
	if at+signatureLen > len(frame) {
		return Signature{}, false
	}
	b := frame[at : at+signatureLen]
	if binary.BigEndian.Uint16(b) != signatureMagic {
		return Signature{}, false
	}
	return Signature{
		Flow:    binary.BigEndian.Uint32(b[2:]),
		Seq:     binary.BigEndian.Uint32(b[seqAt:]),
		Context: binary.BigEndian.Uint16(b[10:]),
		Egress:  binary.BigEndian.Uint16(b[12:]),
	}, true
}
