package live

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
)

// Capture reads the frames of a capture file: pcap (microseconds or nanoseconds, either byte order) or pcapng, plain or
// gzip. It follows draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng. Only Ethernet can be replayed.
//
// gopacket's readers were the alternative. They believe the lengths in a file: a block that states 4 GiB makes them
// allocate 4 GiB, an interface with a time resolution of 10^20 divides by zero, and their errors name neither packet nor
// place.
type Capture struct {
	name   string
	r      *bufio.Reader
	offset int64 // of the next byte to be read
	number int   // of the frame read last, from 1
	order  binary.ByteOrder
	ng     bool
	nano   int64 // pcap: nanoseconds in a unit of the fraction
	ifaces []captureInterface
	block  []byte
	file   *os.File // nil where the source is the caller's
}

// captureInterface is a pcapng section's interface.
type captureInterface struct {
	ethernet bool
	link     uint32
	snap     uint32
	offset   int64 // seconds
	exponent uint8 // units a second: 10^exponent or 2^exponent
	binary   bool
}

// CapturedFrame is one frame of a capture.
type CapturedFrame struct {
	Number int    // in the file, from 1
	Time   int64  // nanoseconds since 1970; only differences matter
	Data   []byte // valid until the next one is read
	Length int    // that it had on the wire: more than len(Data) where the capture has cut it
}

// CaptureError says where a capture file is malformed.
type CaptureError struct {
	File   string
	Offset int64 // in bytes from the start; in the uncompressed file
	Packet int   // that was being read, from 1; 0: before the first
	Reason string
}

// Error gives "file: byte n, packet m: reason".
func (e *CaptureError) Error() string {
	return fmt.Sprintf("%s: byte %d, packet %d: %s", e.File, e.Offset, e.Packet, e.Reason)
}

// Limits and constants of the formats.
const (
	maxFrame       = 256 << 10 // bytes of one frame: as tcpdump's MAXIMUM_SNAPLEN
	maxBlock       = 16 << 20
	maxInterfaces  = 4096
	linkEthernet   = 1
	magicMicro     = 0xa1b2c3d4
	magicNano      = 0xa1b23c4d
	ngSection      = 0x0a0d0d0a
	ngOrder        = 0x1a2b3c4d
	ngInterface    = 1
	ngSimple       = 3
	ngEnhanced     = 6
	ngResolution   = 9  // option
	ngTimeOffset   = 14 // option
	ngMinBlock     = 12
	pcapHeaderLen  = 24
	pcapRecordLen  = 16
	ngDefaultPower = 6
)

// OpenCapture opens a file. Close closes it.
func OpenCapture(path string) (*Capture, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	c, err := NewCapture(f, path)
	if err != nil {
		f.Close()
		return nil, err
	}
	c.file = f
	return c, nil
}

// Close closes the file that OpenCapture opened.
func (c *Capture) Close() error {
	if c.file == nil {
		return nil
	}
	return c.file.Close()
}

// NewCapture reads a file's head. name stands for it in errors, which are *CaptureError or come from src.
func NewCapture(src io.Reader, name string) (*Capture, error) {
	c := &Capture{name: name, r: bufio.NewReaderSize(src, 1<<20)}
	if magic, _ := c.r.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(c.r)
		if err != nil {
			return nil, c.wrong("not a gzip file: %v", err)
		}
		c.r = bufio.NewReaderSize(z, 1<<20)
	}
	magic, err := c.r.Peek(4)
	if err != nil {
		return nil, c.wrong("no capture file: it has fewer than 4 bytes")
	}
	switch little, big := binary.LittleEndian.Uint32(magic), binary.BigEndian.Uint32(magic); {
	case little == ngSection: // the same in both orders
		c.ng = true
		return c, nil
	case little == magicMicro || little == magicNano:
		c.order = binary.LittleEndian
	case big == magicMicro || big == magicNano:
		c.order = binary.BigEndian
	default:
		return nil, c.wrong("no capture file: it begins with %x, which is neither pcap nor pcapng", magic)
	}
	if err := c.header(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Capture) wrong(format string, args ...any) *CaptureError {
	return &CaptureError{c.name, c.offset, c.number, fmt.Sprintf(format, args...)}
}

// read reads n bytes, valid until the next read. io.EOF where the file ends before the first of them.
func (c *Capture) read(n int) ([]byte, error) {
	if cap(c.block) < n {
		c.block = make([]byte, n)
	}
	b := c.block[:n]
	got, err := io.ReadFull(c.r, b)
	switch {
	case err == io.EOF:
		return nil, io.EOF
	case err == io.ErrUnexpectedEOF:
		return nil, c.wrong("the file ends here, %d bytes early", n-got)
	case err != nil:
		return nil, c.wrong("%v", err)
	}
	c.offset += int64(n)
	return b, nil
}

// header reads pcap's file header: magic, version, zone, accuracy, snap length, link type.
func (c *Capture) header() error {
	b, err := c.read(pcapHeaderLen)
	if err != nil {
		return err
	}
	if c.nano = 1000; c.order.Uint32(b) == magicNano {
		c.nano = 1
	}
	if major, minor := c.order.Uint16(b[4:]), c.order.Uint16(b[6:]); major != 2 {
		return c.wrong("pcap version %d.%d: 2.4 is known", major, minor)
	}
	if link := c.order.Uint32(b[20:]) & 0xffff; link != linkEthernet {
		return c.wrong("link type %d: only Ethernet (1) can be replayed", link)
	}
	return nil
}

// Next reads the next frame; io.EOF after the last.
func (c *Capture) Next() (CapturedFrame, error) {
	c.number++
	if c.ng {
		return c.nextBlock()
	}
	b, err := c.read(pcapRecordLen)
	if err != nil {
		return CapturedFrame{}, err
	}
	f := CapturedFrame{
		Number: c.number,
		Time:   int64(c.order.Uint32(b))*1e9 + int64(c.order.Uint32(b[4:]))*c.nano,
		Length: int(c.order.Uint32(b[12:])),
	}
	n := c.order.Uint32(b[8:])
	if n > maxFrame {
		return CapturedFrame{}, c.wrong("a frame of %d bytes: at most %d are possible; is the file damaged before this?", n, maxFrame)
	}
	if f.Data, err = c.rest(int(n)); err != nil {
		return CapturedFrame{}, err
	}
	f.Length = max(f.Length, len(f.Data))
	return f, nil
}

// rest is read within a record: the file may not end there.
func (c *Capture) rest(n int) ([]byte, error) {
	b, err := c.read(n)
	if err == io.EOF {
		return nil, c.wrong("the file ends here, %d bytes early", n)
	}
	return b, err
}

// nextBlock reads pcapng blocks up to the next with a frame.
//
//	| type 4 | total length 4 | body ... | total length 4 |
func (c *Capture) nextBlock() (f CapturedFrame, err error) {
	for {
		at := c.offset
		head, err := c.read(8)
		if err != nil {
			return f, err
		}
		if c.order == nil || binary.LittleEndian.Uint32(head) == ngSection {
			if err := c.section(head); err != nil {
				return f, err
			}
			continue
		}
		kind, length := c.order.Uint32(head), c.order.Uint32(head[4:])
		body, err := c.body(length, 8)
		if err != nil {
			return f, err
		}
		switch kind {
		case ngInterface:
			err = c.iface(body)
		case ngEnhanced:
			f, err = c.enhanced(body)
			if err == nil {
				return f, nil
			}
		case ngSimple:
			f, err = c.simple(body)
			if err == nil {
				return f, nil
			}
		}
		if err != nil {
			err.(*CaptureError).Offset = at
			return f, err
		}
	}
}

// body reads the rest of a block of which so many bytes were read, and returns what is before the second length.
func (c *Capture) body(length uint32, read int) ([]byte, error) {
	if length < ngMinBlock || length%4 != 0 || length > maxBlock || int(length) < read+4 {
		return nil, c.wrong("a block of %d bytes: a multiple of 4 from %d to %d is possible", length, ngMinBlock, maxBlock)
	}
	b, err := c.rest(int(length) - read)
	if err != nil {
		return nil, err
	}
	end := len(b) - 4
	if again := c.order.Uint32(b[end:]); again != length {
		return nil, c.wrong("a block's lengths differ: %d before it, %d behind it", length, again)
	}
	return b[:end], nil
}

// section begins a section: byte order anew, no interfaces.
func (c *Capture) section(head []byte) error {
	if binary.LittleEndian.Uint32(head) != ngSection {
		return c.wrong("no section header block")
	}
	length := [4]byte(head[4:])
	order, err := c.rest(4)
	if err != nil {
		return err
	}
	switch {
	case binary.LittleEndian.Uint32(order) == ngOrder:
		c.order = binary.LittleEndian
	case binary.BigEndian.Uint32(order) == ngOrder:
		c.order = binary.BigEndian
	default:
		return c.wrong("byte order mark %x", order)
	}
	body, err := c.body(c.order.Uint32(length[:]), 12)
	if err != nil {
		return err
	}
	if len(body) < 12 {
		return c.wrong("a section header that is too short")
	}
	if major, minor := c.order.Uint16(body), c.order.Uint16(body[2:]); major != 1 {
		return c.wrong("pcapng version %d.%d: 1.0 is known", major, minor)
	}
	c.ifaces = c.ifaces[:0]
	return nil
}

// iface reads an interface description block: link type 2, reserved 2, snap length 4, options.
func (c *Capture) iface(b []byte) error {
	if len(b) < 8 {
		return c.wrong("an interface description that is too short")
	}
	if len(c.ifaces) == maxInterfaces {
		return c.wrong("more than %d interfaces", maxInterfaces)
	}
	i := captureInterface{link: uint32(c.order.Uint16(b)), snap: c.order.Uint32(b[4:]), exponent: ngDefaultPower}
	i.ethernet = i.link == linkEthernet
	for b = b[8:]; len(b) >= 4; {
		code, length := c.order.Uint16(b), int(c.order.Uint16(b[2:]))
		b = b[4:]
		padded := (length + 3) &^ 3
		if code == 0 {
			break
		}
		if padded > len(b) {
			return c.wrong("an interface's option %d of %d bytes where %d are left", code, length, len(b))
		}
		switch {
		case code == ngResolution && length == 1:
			i.exponent, i.binary = b[0]&0x7f, b[0]&0x80 != 0
			if i.binary && i.exponent > 63 || !i.binary && i.exponent > 18 {
				return c.wrong("a time resolution of %s^-%d s", map[bool]string{true: "2", false: "10"}[i.binary], i.exponent)
			}
		case code == ngTimeOffset && length == 8:
			i.offset = int64(c.order.Uint64(b))
		}
		b = b[padded:]
	}
	c.ifaces = append(c.ifaces, i)
	return nil
}

// at turns a time of an interface into nanoseconds since 1970; what does not fit wraps around.
func (i *captureInterface) at(units uint64) int64 {
	perSecond := uint64(1) << (i.exponent & 63)
	if !i.binary {
		perSecond = uint64(math.Pow10(int(i.exponent)))
	}
	seconds, part := units/perSecond, units%perSecond
	hi, lo := bits.Mul64(part, 1e9)
	ns, _ := bits.Div64(hi, lo, perSecond) // part < perSecond, so that the quotient is below 1e9
	return (int64(seconds)+i.offset)*1e9 + int64(ns)
}

// enhanced reads an enhanced packet block: interface 4, time 8, captured 4, length 4, frame, options.
func (c *Capture) enhanced(b []byte) (f CapturedFrame, err error) {
	if len(b) < 20 {
		return f, c.wrong("a packet block that is too short")
	}
	number := c.order.Uint32(b)
	if uint64(number) >= uint64(len(c.ifaces)) {
		return f, c.wrong("interface %d: the section has %d", number, len(c.ifaces))
	}
	i := &c.ifaces[number]
	if !i.ethernet {
		return f, c.wrong("link type %d: only Ethernet (1) can be replayed", i.link)
	}
	n := c.order.Uint32(b[12:])
	if uint64(n) > uint64(len(b)-20) || n > maxFrame {
		return f, c.wrong("a frame of %d bytes in a block with room for %d", n, len(b)-20)
	}
	units := uint64(c.order.Uint32(b[4:]))<<32 | uint64(c.order.Uint32(b[8:]))
	return CapturedFrame{c.number, i.at(units), b[20 : 20+n], max(int(n), int(c.order.Uint32(b[16:])))}, nil
}

// simple reads a simple packet block: length 4, frame. It has no time: that of interface 0 is told by nothing, so all of
// them have the same.
func (c *Capture) simple(b []byte) (f CapturedFrame, err error) {
	switch {
	case len(b) < 4:
		return f, c.wrong("a packet block that is too short")
	case len(c.ifaces) == 0:
		return f, c.wrong("a packet before the first interface")
	case !c.ifaces[0].ethernet:
		return f, c.wrong("link type %d: only Ethernet (1) can be replayed", c.ifaces[0].link)
	}
	length := c.order.Uint32(b)
	n := min(uint64(length), uint64(len(b)-4), maxFrame)
	if snap := c.ifaces[0].snap; snap > 0 {
		n = min(n, uint64(snap))
	}
	return CapturedFrame{c.number, 0, b[4 : 4+n], int(max(uint64(length), n))}, nil
}
