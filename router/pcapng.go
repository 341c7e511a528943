package router

import (
	"encoding/binary"
	"io"
)

// pcapng writes a capture file (draft-ietf-opsawg-pcapng). gopacket's NgWriter has no comments and directions of packets.
//
//	block   | type 4 | length 4 | body, options | length 4 |          all multiples of 4 bytes, little-endian
//	option  | code 2 | length 2 | value, padded |
type pcapng struct {
	w          io.Writer
	b          []byte
	interfaces int
}

// Block types and options.
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockStatistics = 5
	blockPacket     = 6

	optionEnd         = 0
	optionComment     = 1
	optionApplication = 4 // the same
	optionName        = 2 // of interfaces
	optionDescription = 3 // the same
	optionResolution  = 9 // the same: of timestamps, as a power of 10
	optionFlags       = 2 // of packets: the two lowest bits are 1 for inbound, 2 for outbound
	optionDropped     = 5 // of statistics: frames that found no room
	linkEthernet      = 1 // LINKTYPE_ETHERNET
	byteOrder         = 0x1a2b3c4d
	nanoseconds       = 9
	inbound, outbound = 1, 2
)

func newPcapng(w io.Writer) *pcapng { return &pcapng{w: w} }

func (p *pcapng) begin(kind uint32) {
	p.b = p.b[:0]
	p.u32(kind)
	p.u32(0) // length
}

func (p *pcapng) u16(v uint16) { p.b = binary.LittleEndian.AppendUint16(p.b, v) }
func (p *pcapng) u32(v uint32) { p.b = binary.LittleEndian.AppendUint32(p.b, v) }

func (p *pcapng) pad() {
	for len(p.b)%4 != 0 {
		p.b = append(p.b, 0)
	}
}

func (p *pcapng) option(code uint16, value []byte) {
	p.u16(code)
	p.u16(uint16(len(value)))
	p.b = append(p.b, value...)
	p.pad()
}

// end ends the options and the block, and writes it.
func (p *pcapng) end() error {
	p.option(optionEnd, nil)
	p.u32(uint32(len(p.b) + 4))
	binary.LittleEndian.PutUint32(p.b[4:], uint32(len(p.b)))
	_, err := p.w.Write(p.b)
	return err
}

// section begins the file.
func (p *pcapng) section() error {
	p.begin(blockSection)
	p.u32(byteOrder)
	p.u16(1) // version 1.0
	p.u16(0)
	p.u32(0xffffffff) // the section's length is not known
	p.u32(0xffffffff)
	p.option(optionApplication, []byte("fwd capture"))
	return p.end()
}

// iface adds an interface: the next number, from 0.
func (p *pcapng) iface(name, about string) error {
	p.interfaces++
	p.begin(blockInterface)
	p.u16(linkEthernet)
	p.u16(0)
	p.u32(0) // no limit of a frame's bytes
	p.option(optionName, []byte(name))
	p.option(optionDescription, []byte(about))
	p.option(optionResolution, []byte{nanoseconds})
	return p.end()
}

// frame adds a frame: length bytes long, of which data is known. at is in nanoseconds since 1970.
func (p *pcapng) frame(iface int, at int64, length int, data []byte, in bool, comment string) error {
	p.begin(blockPacket)
	p.u32(uint32(iface))
	p.u32(uint32(uint64(at) >> 32))
	p.u32(uint32(at))
	p.u32(uint32(len(data)))
	p.u32(uint32(length))
	p.b = append(p.b, data...)
	p.pad()
	direction := byte(outbound)
	if in {
		direction = inbound
	}
	p.option(optionFlags, []byte{direction, 0, 0, 0})
	p.option(optionComment, []byte(comment))
	return p.end()
}

// statistics ends the file: how many frames were missed, noted with the first interface; without one there is none to
// note it with.
func (p *pcapng) statistics(missed uint64) error {
	if p.interfaces == 0 {
		return nil
	}
	p.begin(blockStatistics)
	p.u32(0) // interface
	p.u32(0) // time
	p.u32(0)
	p.option(optionDropped, binary.LittleEndian.AppendUint64(nil, missed))
	return p.end()
}
