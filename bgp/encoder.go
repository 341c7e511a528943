package bgp

import (
	"bytes"
	"encoding/binary"
	"slices"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// encoder gathers the attributes of an UPDATE.
type encoder struct{ attrs [][]byte }

func (e *encoder) add(flags byte, kind wire.BGPAttrType, value []byte) {
	e.attrs = append(e.attrs, appendAttribute(nil, flags, kind, value))
}

// path adds a path and, for a neighbour that knows 2-octet numbers only, AS4_PATH where it is needed (RFC 6793 4.2.2).
func (e *encoder) path(path []uint32, four bool) {
	if four {
		e.add(flagTransitive, wire.BGP_ATTR_TYPE_AS_PATH, appendPath(nil, path, 4))
		return
	}
	e.add(flagTransitive, wire.BGP_ATTR_TYPE_AS_PATH, appendPath(nil, path, 2))
	if slices.ContainsFunc(path, wide) {
		e.add(flagOptional|flagTransitive, wire.BGP_ATTR_TYPE_AS4_PATH, appendPath(nil, path, 4))
	}
}

func wide(as uint32) bool { return as > 0xffff }

// narrow is an AS as a 2-octet number.
func narrow(as uint32) uint16 {
	if wide(as) {
		return as2
	}
	return uint16(as)
}

// appendPath appends a path, in segments AS_SEQUENCE, with numbers of size bytes.
func appendPath(b []byte, path []uint32, size int) []byte {
	for part := range slices.Chunk(path, 255) {
		b = append(b, wire.BGP_ASPATH_ATTR_TYPE_SEQ, byte(len(part)))
		for _, as := range part {
			if size == 4 {
				b = binary.BigEndian.AppendUint32(b, as)
			} else {
				b = binary.BigEndian.AppendUint16(b, narrow(as))
			}
		}
	}
	return b
}

// others adds encoded attributes. Their AGGREGATOR has an AS of 4 octets: a neighbour that knows 2 finds the whole in
// AS4_AGGREGATOR (RFC 6793 4.2.2).
func (e *encoder) others(b []byte, four bool) {
	for len(b) > 0 {
		a, rest, ok := cutAttribute(b)
		if !ok {
			return // never: they were cut out of a message like this
		}
		b = rest
		if four || a.kind() != wire.BGP_ATTR_TYPE_AGGREGATOR || len(a.value) != 8 {
			e.attrs = append(e.attrs, a.raw)
			continue
		}
		as := binary.BigEndian.Uint32(a.value)
		e.add(a.flags(), a.kind(), append(binary.BigEndian.AppendUint16(nil, narrow(as)), a.value[4:]...))
		if wide(as) {
			e.add(a.flags(), wire.BGP_ATTR_TYPE_AS4_AGGREGATOR, a.value)
		}
	}
}

// code returns the attributes in the order of their types; "": there is no room for a prefix behind them.
func (e *encoder) code() string {
	slices.SortStableFunc(e.attrs, func(a, b []byte) int { return int(a[1]) - int(b[1]) })
	if code := bytes.Join(e.attrs, nil); headerLen+4+len(code)+maxPrefix <= maxLen {
		return string(code)
	}
	return ""
}

// maxPrefix is the most bytes of a prefix in a message.
const maxPrefix = 5
