package packet

import "encoding/binary"

// TagLen is the length in bytes of one VLAN tag.
const TagLen = 4

// TCI is the tag control information of a VLAN tag (IEEE 802.1Q 9.6).
//
//	15   13 12   11           0
//	| PCP  | DEI | VID        |
type TCI uint16

// NewTCI packs a tag from a priority (0..7), the drop eligible indicator and a VLAN id (0..4095). Higher bits of pcp
// and vid are cut off.
func NewTCI(pcp uint8, dei bool, vid uint16) TCI {
	t := TCI(pcp&7)<<13 | TCI(vid&0xfff)
	if dei {
		t |= 1 << 12
	}
	return t
}

// PCP returns the priority code point, 0..7.
func (t TCI) PCP() uint8 { return uint8(t >> 13) }

// DEI returns the drop eligible indicator.
func (t TCI) DEI() bool { return t&(1<<12) != 0 }

// VID returns the VLAN id, 0..4095. 0 is a priority tag: the frame belongs to no VLAN. 4095 is reserved.
func (t TCI) VID() uint16 { return uint16(t) & 0xfff }

// VLAN is a checked view of a whole layer 2 header: Ethernet with no, one or two VLAN tags. It ends where the
// payload begins, so frame[len(v):] is the payload.
//
//	0         6         12     14    16          18
//	| dst MAC | src MAC | EtherType |                                  no tag, 14 bytes
//	| dst MAC | src MAC | TPID | TCI | EtherType |                     one tag, 18 bytes
//	| dst MAC | src MAC | TPID | TCI | TPID | TCI | EtherType |        two tags, 22 bytes
type VLAN []byte

// IsTPID reports whether an EtherType announces a VLAN tag: 0x8100 (802.1Q) or 0x88a8 (802.1ad).
func IsTPID(t uint16) bool { return t == EtherTypeVLAN || t == EtherTypeQinQ }

// ParseVLAN checks the layer 2 header of a frame. Either TPID is taken in either place: 802.1ad asks for 0x88a8
// outside and 0x8100 inside, but 0x8100 twice is common. Errors: ErrShort where b ends before the final EtherType,
// ErrTags where a third tag follows.
func ParseVLAN(b []byte) (VLAN, error) {
	for n := EthernetLen; n <= EthernetLen+2*TagLen; n += TagLen {
		if len(b) < n {
			return nil, ErrShort
		}
		if !IsTPID(binary.BigEndian.Uint16(b[n-2 : n])) {
			return b[:n:n], nil
		}
	}
	return nil, ErrTags
}

// Tags returns the number of tags, 0 to 2.
func (v VLAN) Tags() int { return (len(v) - EthernetLen) / TagLen }

// EtherType returns the EtherType behind the tags, the payload's.
func (v VLAN) EtherType() uint16 { return binary.BigEndian.Uint16(v[len(v)-2:]) }

// TPID returns the EtherType that announces tag i, 0 being the outer one. i must be below Tags().
func (v VLAN) TPID(i int) uint16 { return binary.BigEndian.Uint16(v[12+TagLen*i:]) }

// TCI returns tag i, 0 being the outer one. i must be below Tags().
func (v VLAN) TCI(i int) TCI { return TCI(binary.BigEndian.Uint16(v[14+TagLen*i:])) }

// SetTCI replaces tag i, 0 being the outer one. i must be below Tags().
func (v VLAN) SetTCI(i int, t TCI) { binary.BigEndian.PutUint16(v[14+TagLen*i:], uint16(t)) }
