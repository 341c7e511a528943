package bgp

import (
	"encoding/binary"
	"net/netip"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// update is an UPDATE message, decoded. Its slices are valid until the next call of the decoder.
type update struct {
	withdrawn []netip.Prefix
	announced []netip.Prefix
	attrs     *vrftable.Attributes // of what is announced
	endOfRIB  bool                 // RFC 4724 2
	malformed string               // why announced is to be treated as withdrawn (RFC 7606); "": it is not
	refused   string               // why announced is not taken: a loop; "": it is
}

// decoder decodes the UPDATE messages of one session. A full table arrives with some 100,000 distinct blocks of
// attributes, each before its prefixes, some of them many times: the last ones are kept decoded.
type decoder struct {
	ownAS    uint32
	id       netip.Addr // own identifier
	internal bool
	fourAS   bool
	allowOwn int
	self     netip.Addr // own address of the session

	cache  map[string]*block
	cached int // bytes of its keys
	u      update
}

// maxCached bounds a decoder's cache: bytes of attributes.
const maxCached = 512 << 10

func newDecoder(c *Config, n *Neighbor, o *peerOpen) *decoder {
	return &decoder{ownAS: c.AS, id: c.RouterID, internal: o.as == c.AS, fourAS: o.fourAS,
		allowOwn: int(n.AllowOwnAS), self: n.Local, cache: map[string]*block{}}
}

// decode decodes the body of an UPDATE. An error ends the session; what RFC 7606 does not end it for is in the update.
func (d *decoder) decode(body []byte) (*update, error) {
	u := &d.u
	*u = update{withdrawn: u.withdrawn[:0], announced: u.announced[:0]}
	withdrawn, rest, ok := cutField(body)
	if !ok {
		return nil, faultf(wire.BGP_ERROR_UPDATE_MESSAGE_ERROR, wire.BGP_ERROR_SUB_MALFORMED_ATTRIBUTE_LIST,
			"UPDATE: the withdrawn routes are longer than the message")
	}
	attrs, nlri, ok := cutField(rest)
	if !ok {
		return nil, faultf(wire.BGP_ERROR_UPDATE_MESSAGE_ERROR, wire.BGP_ERROR_SUB_MALFORMED_ATTRIBUTE_LIST,
			"UPDATE: the path attributes are longer than the message")
	}
	var err error
	if u.withdrawn, err = appendPrefixes(u.withdrawn, withdrawn); err != nil {
		return nil, err
	}
	if u.announced, err = appendPrefixes(u.announced, nlri); err != nil {
		return nil, err
	}
	if len(attrs) == 0 {
		u.endOfRIB = len(u.withdrawn) == 0 && len(u.announced) == 0
		if len(u.announced) > 0 {
			u.malformed = "no path attributes"
		}
		return u, nil
	}
	b, err := d.block(attrs, len(nlri) > 0)
	if err != nil {
		return nil, err
	}
	u.attrs, u.malformed, u.refused, u.endOfRIB = b.attrs, b.malformed, b.refused, b.endOfRIB
	u.withdrawn = append(u.withdrawn, b.withdrawn...)
	u.announced = append(u.announced, b.announced...)
	return u, nil
}

// cutField cuts a field that its length, 2 bytes, stands before.
func cutField(b []byte) (field, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > len(b)-2 {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}

// appendPrefixes decodes prefixes (RFC 4271 4.3): their bits, then as many bytes as hold them. Bits behind a prefix's
// length are of no meaning.
func appendPrefixes(all []netip.Prefix, b []byte) ([]netip.Prefix, error) {
	for len(b) > 0 {
		bits := int(b[0])
		n := (bits + 7) / 8
		if bits > 32 || n > len(b)-1 {
			return all, faultf(wire.BGP_ERROR_UPDATE_MESSAGE_ERROR, wire.BGP_ERROR_SUB_INVALID_NETWORK_FIELD,
				"UPDATE: a prefix of %d bits, with %d bytes left of its field", bits, len(b)-1)
		}
		var a [4]byte
		copy(a[:], b[1:1+n])
		all = append(all, netip.PrefixFrom(netip.AddrFrom4(a), bits).Masked())
		b = b[1+n:]
	}
	return all, nil
}

// block returns a block of attributes, decoded; nlri: prefixes follow it.
func (d *decoder) block(attrs []byte, nlri bool) (*block, error) {
	if !nlri { // its prefixes, if any, are within it: it will not come again
		return d.parse(attrs, nlri)
	}
	if b := d.cache[string(attrs)]; b != nil {
		return b, nil
	}
	b, err := d.parse(attrs, nlri)
	if err != nil {
		return nil, err
	}
	if d.cached += len(attrs); d.cached > maxCached {
		clear(d.cache)
		d.cached = len(attrs)
	}
	d.cache[string(attrs)] = b
	return b, nil
}

// loops tells whether a path has been here before (RFC 4271 9.1.2).
func (d *decoder) loops(path []uint32) bool {
	n := 0
	for _, as := range path {
		if as == d.ownAS {
			n++
		}
	}
	return n > d.allowOwn
}
