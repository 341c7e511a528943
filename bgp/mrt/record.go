package mrt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// MaxRecord is the longest record in bytes that is read: a prefix with 65,535 peers' routes is some 6 MiB.
const MaxRecord = 16 << 20

// Types and subtypes of records (RFC 6396 4, RFC 8050 4 and 5).
const (
	tableDump   = 12
	tableDumpV2 = 13
	bgp4mp      = 16
	bgp4mpET    = 17
	isisET      = 33
	ospfv3ET    = 49

	peerIndexTable    = 1
	ribIPv4           = 2
	ribIPv4Multicast  = 3
	ribIPv6           = 4
	ribIPv6Multicast  = 5
	ribGeneric        = 6
	ribIPv4AddPath    = 8
	ribIPv4McAddPath  = 9
	ribIPv6AddPath    = 10
	ribIPv6McAddPath  = 11
	ribGenericAddPath = 12

	stateChange            = 0
	message                = 1
	messageAS4             = 4
	stateChangeAS4         = 5
	messageLocal           = 6
	messageAS4Local        = 7
	messageAddPath         = 8
	messageAS4AddPath      = 9
	messageLocalAddPath    = 10
	messageAS4LocalAddPath = 11
)

const headerLen = 12

// record is one record of a file.
type record struct {
	offset        int64 // of its header in the file
	skip          int   // bytes of the header before the body
	seconds       uint32
	micros        uint32 // types with extended time
	kind, subtype uint16
	body          []byte // until the next record is read
}

func (r *record) time() time.Time { return time.Unix(int64(r.seconds), int64(r.micros)*1000).UTC() }

// reader reads the records of a file.
type reader struct {
	*stream
	name string
	record
}

// next reads a record. False without an error: the file ends.
func (r *reader) next() (more bool, err error) {
	r.record.offset = r.stream.offset
	b, err := r.take(headerLen)
	if err == io.EOF {
		return false, nil
	}
	if err != nil {
		return false, r.broken(err, "the header of a record")
	}
	r.seconds = binary.BigEndian.Uint32(b)
	r.kind, r.subtype = binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	r.micros, r.skip = 0, headerLen
	length := binary.BigEndian.Uint32(b[8:])
	if length > MaxRecord {
		return false, &Error{File: r.name, Offset: r.record.offset, Reason: fmt.Sprintf("a record of type %d with %d bytes: at "+
			"most %d are allowed; is this an MRT file (RFC 6396)?", r.kind, length, MaxRecord)}
	}
	if r.body, err = r.take(int(length)); err != nil {
		if length > 0 && err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return false, r.broken(err, fmt.Sprintf("a record of %d bytes", length))
	}
	switch r.kind {
	case bgp4mpET, isisET, ospfv3ET: // RFC 6396 3: the length counts the microseconds
		if length < 4 {
			return false, r.fail(wrong(0, "a record with extended time has %d bytes: at least 4 are needed", length))
		}
		r.micros = binary.BigEndian.Uint32(r.body)
		r.body, r.skip = r.body[4:], headerLen+4
		if r.micros >= 1_000_000 {
			return false, r.fail(wrong(-4, "%d microseconds: 0 to 999,999 are allowed", r.micros))
		}
	}
	return true, nil
}

// broken makes an Error of reading: of is what was cut short.
func (r *reader) broken(err error, of string) error {
	e := &Error{File: r.name, Offset: r.record.offset, Err: err}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		e.Reason = "the file ends within " + of + ": it was cut short"
	} else {
		e.Reason = fmt.Sprintf("reading %s: %v", of, err)
	}
	return e
}

// fail makes an Error of what was found in the record's body.
func (r *reader) fail(err error) error {
	e := &Error{File: r.name, Offset: r.record.offset, Reason: err.Error(), Err: err}
	if f, ok := errors.AsType[*fault](err); ok {
		e.Offset += int64(r.skip + f.at)
		e.Err = f.err
	}
	return e
}

// cursor reads a body from the front. Its errors say what was missing and where.
type cursor struct {
	b  []byte
	at int
}

func (c *cursor) left() int { return len(c.b) - c.at }

// bytes returns the next n bytes; what names them.
func (c *cursor) bytes(n int, what string) ([]byte, error) {
	if c.left() < n {
		return nil, wrong(c.at, "%s needs %d bytes: %d are left", what, n, c.left())
	}
	b := c.b[c.at : c.at+n]
	c.at += n
	return b, nil
}

// prefix reads a prefix as BGP writes it (RFC 4271 4.3). Bits after its length do not count.
func (c *cursor) prefix() (addr uint32, length uint8, err error) {
	b, err := c.bytes(1, "a prefix length")
	if err != nil {
		return 0, 0, err
	}
	length = b[0]
	if length > 32 {
		return 0, 0, wrong(c.at-1, "an IPv4 prefix of length %d: 0 to 32 are allowed", length)
	}
	if b, err = c.bytes((int(length)+7)/8, "a prefix"); err != nil {
		return 0, 0, err
	}
	for i, x := range b {
		addr |= uint32(x) << (24 - 8*i)
	}
	return addr & (^uint32(0) << (32 - uint(length))), length, nil
}
