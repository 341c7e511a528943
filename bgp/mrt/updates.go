package mrt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// Kind says what a Change is.
type Kind uint8

// A zero Change is none.
const (
	Announce Kind = 1 + iota
	Withdraw
	Down // the session ended: all routes of the peer are withdrawn (RFC 4271 8.2.2); Addr, Len, ID and Attrs are 0
)

var kindNames = [...]string{"none", "announce", "withdraw", "down"}

// String returns the kind in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Change is what a peer said of a prefix: 32 bytes.
type Change struct {
	Time  int64  // microseconds since 1970
	Addr  uint32 // host order, host bits zero
	ID    uint32 // path identifier (RFC 7911); 0: none
	Attrs uint32 // in Updates.Attrs; Announce alone
	Peer  uint16 // in Updates.Peers
	Len   uint8
	Kind  Kind
}

// Updates is what a collector heard. It is not changed after it was read; any number of goroutines may read it.
type Updates struct {
	File  string
	Peers []Peer // in the order in which they speak first
	// Changes of the chosen peers in the order of the file: of one message what it withdraws comes first. Times may go back a
	// little, as collectors write them.
	Changes []Change
	Attrs   []vrftable.Attributes // as in a Dump
	Skipped Skipped
	ASSets  int // announcements of whose path an AS_SET counts as its lowest AS
}

// ReadUpdatesFile is ReadUpdates of a file, which must be a regular one.
func ReadUpdatesFile(path string, c Choice) (*Updates, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadUpdates(f, path, c)
}

// ReadUpdates reads the IPv4 unicast routes in the messages of a BGP4MP or BGP4MP_ET file, plain, gzip or bzip2. A choice of
// no peers stands for all of them. What else is in the file is skipped and counted. name stands for the file in errors, which
// are as those of Read: nothing is returned with one.
func ReadUpdates(r io.Reader, name string, c Choice) (*Updates, error) {
	c.All = c.All || len(c.Peers) == 0
	u := &updateReader{reader: reader{stream: newStream(r), name: name}, updates: &Updates{File: name}, choice: &c,
		peers: map[Peer]uint16{}, sets: newAttrSets(0)}
	defer u.Close()
	for {
		more, err := u.next()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		if err := u.take(); err != nil {
			return nil, u.fail(err)
		}
	}
	if len(u.peers) == 0 {
		return nil, &Error{File: name, Offset: u.stream.offset, Reason: "no BGP4MP record before the end: updates in MRT's BGP4MP " +
			"or BGP4MP_ET format (RFC 6396 4.4) are needed; it has " + u.updates.Skipped.String()}
	}
	for _, n := range c.Peers {
		if !slices.ContainsFunc(u.updates.Peers, func(p Peer) bool { return n.names(&p) }) {
			return nil, fmt.Errorf("%s: it has no peer %v: %s", name, n, listPeers(u.updates.Peers))
		}
	}
	u.updates.Attrs = u.sets.sets
	return u.updates, nil
}

// updateReader makes Updates.
type updateReader struct {
	reader
	updates *Updates
	choice  *Choice
	peers   map[Peer]uint16 // by address and AS
	sets    *attrSets
	peer    uint16 // of the record
	micros  int64  // its time
}

// take takes what is in a record. Errors are *fault.
func (u *updateReader) take() error {
	if u.kind != bgp4mp && u.kind != bgp4mpET {
		u.updates.Skipped[OtherRecord]++
		return nil
	}
	u.micros = int64(u.seconds)*1_000_000 + int64(u.reader.micros)
	c := cursor{b: u.body}
	switch u.subtype {
	case message, messageAddPath:
		return u.message(&c, as2, u.subtype == messageAddPath)
	case messageAS4, messageAS4AddPath:
		return u.message(&c, as4, u.subtype == messageAS4AddPath)
	case stateChange:
		return u.state(&c, as2)
	case stateChangeAS4:
		return u.state(&c, as4)
	case messageLocal, messageAS4Local, messageLocalAddPath, messageAS4LocalAddPath:
		u.updates.Skipped[OtherBGP]++
	default:
		u.updates.Skipped[OtherRecord]++
	}
	return nil
}

// session reads who spoke (RFC 6396 4.4.1 to 4.4.3).
func (u *updateReader) session(c *cursor, f form) error {
	size := 2
	if f == as4 {
		size = 4
	}
	b, err := c.bytes(2*size+4, "AS numbers, interface and address family")
	if err != nil {
		return err
	}
	var p Peer
	for _, x := range b[:size] {
		p.AS = p.AS<<8 | uint32(x)
	}
	length := 4
	switch family := binary.BigEndian.Uint16(b[len(b)-2:]); family {
	case bgp.AFI_IP:
	case bgp.AFI_IP6:
		length = 16
	default:
		return wrong(c.at-2, "address family %d of a session: 1 and 2 are allowed", family)
	}
	if b, err = c.bytes(2*length, "addresses"); err != nil {
		return err
	}
	p.Addr, _ = netip.AddrFromSlice(b[:length])
	n, known := u.peers[p]
	if !known {
		if len(u.peers) == 1<<16 {
			return wrong(0, "more than %d peers", 1<<16)
		}
		n = uint16(len(u.peers))
		u.peers[p] = n
		p.Chosen = u.choice.All || slices.ContainsFunc(u.choice.Peers, func(n PeerName) bool { return n.names(&p) })
		u.updates.Peers = append(u.updates.Peers, p)
	}
	u.peer = n
	return nil
}

// state takes a STATE_CHANGE (RFC 6396 4.4.1).
func (u *updateReader) state(c *cursor, f form) error {
	if err := u.session(c, f); err != nil {
		return err
	}
	b, err := c.bytes(4, "the old and the new state")
	if err != nil {
		return err
	}
	const established = 6
	if binary.BigEndian.Uint16(b) == established && binary.BigEndian.Uint16(b[2:]) != established {
		return u.add(c.at, Change{Kind: Down})
	}
	return nil
}

// message takes a BGP message (RFC 4271 4.1 and 4.3).
func (u *updateReader) message(c *cursor, f form, addPath bool) error {
	if err := u.session(c, f); err != nil {
		return err
	}
	b, err := c.bytes(19, "a BGP message's header")
	if err != nil {
		return err
	}
	if length := int(binary.BigEndian.Uint16(b[16:])); length != 19+c.left() {
		return wrong(c.at-3, "a BGP message of %d bytes: the record has %d", length, 19+c.left())
	}
	if kind := b[18]; kind != bgp.BGP_MSG_UPDATE {
		u.updates.Skipped[OtherBGP]++
		return nil
	}
	gone, err := u.part(c, "withdrawn routes")
	if err != nil {
		return err
	}
	attrs, err := u.part(c, "attributes")
	if err != nil {
		return err
	}
	come := cursor{c.b, c.at}
	mpGone, mpCome, err := u.multiprotocol(attrs)
	if err != nil {
		return err
	}
	for _, list := range []cursor{gone, mpGone} {
		if err := u.prefixes(list, addPath, Change{Kind: Withdraw}); err != nil {
			return err
		}
	}
	if come.left()+mpCome.left() == 0 {
		return nil
	}
	change := Change{Kind: Announce}
	if n, err := u.sets.intern(attrs.b[attrs.at:], f); err != nil {
		u.updates.Skipped[Malformed]++
		change.Kind = Withdraw
	} else {
		change.Attrs = uint32(n)
	}
	for _, list := range []cursor{come, mpCome} {
		if err := u.prefixes(list, addPath, change); err != nil {
			return err
		}
	}
	return nil
}

// part reads a length and returns as many bytes.
func (u *updateReader) part(c *cursor, what string) (cursor, error) {
	b, err := c.bytes(2, "the length of the "+what)
	if err != nil {
		return cursor{}, err
	}
	n := int(binary.BigEndian.Uint16(b))
	if _, err := c.bytes(n, what); err != nil {
		return cursor{}, err
	}
	return cursor{c.b[:c.at], c.at - n}, nil
}

// multiprotocol returns the IPv4 unicast prefixes of MP_UNREACH_NLRI and MP_REACH_NLRI (RFC 4760 3 and 4), which seldom holds
// them, and counts other families' attributes.
func (u *updateReader) multiprotocol(c cursor) (gone, come cursor, err error) {
	raw := c.b[c.at:]
	for at := 0; at < len(raw); {
		kind, length, err := attrHeader(raw, at)
		if err != nil {
			if f, ok := errors.AsType[*fault](err); ok {
				f.at += c.at
			}
			return gone, come, err
		}
		end := c.at + at + length
		head := 3
		if raw[at]&byte(bgp.BGP_ATTR_FLAG_EXTENDED_LENGTH) != 0 {
			head = 4
		}
		value := cursor{c.b[:end], c.at + at + head}
		at += length
		if kind != bgp.BGP_ATTR_TYPE_MP_REACH_NLRI && kind != bgp.BGP_ATTR_TYPE_MP_UNREACH_NLRI {
			continue
		}
		b, err := value.bytes(3, "AFI and SAFI")
		if err != nil {
			return gone, come, err
		}
		switch afi, safi := binary.BigEndian.Uint16(b), b[2]; {
		case afi == bgp.AFI_IP6 && safi == bgp.SAFI_UNICAST:
			u.updates.Skipped[IPv6]++
		case afi != bgp.AFI_IP || safi != bgp.SAFI_UNICAST:
			u.updates.Skipped[OtherFamily]++
		case kind == bgp.BGP_ATTR_TYPE_MP_UNREACH_NLRI:
			gone = value
		default:
			if b, err = value.bytes(1, "a next hop's length"); err == nil {
				_, err = value.bytes(int(b[0])+1, "a next hop and a reserved byte")
			}
			if err != nil {
				return gone, come, err
			}
			come = value
		}
	}
	return gone, come, nil
}

// prefixes takes a list of prefixes.
func (u *updateReader) prefixes(c cursor, addPath bool, change Change) (err error) {
	for c.left() > 0 {
		at := c.at
		if addPath {
			b, err := c.bytes(4, "a path identifier")
			if err != nil {
				return err
			}
			change.ID = binary.BigEndian.Uint32(b)
		}
		if change.Addr, change.Len, err = c.prefix(); err != nil {
			return err
		}
		if err := u.add(at, change); err != nil {
			return err
		}
	}
	return nil
}

// add takes a change of the peer that speaks.
func (u *updateReader) add(at int, c Change) error {
	p := &u.updates.Peers[u.peer]
	p.Routes++
	switch {
	case !p.Chosen:
		u.updates.Skipped[OtherPeer]++
		return nil
	case c.Kind != Down && martian(c.Addr, c.Len):
		u.updates.Skipped[Martian]++
		return nil
	case c.Kind == Announce && u.sets.marks[c.Attrs]&noNextHop != 0:
		u.updates.Skipped[NoNextHop]++
		return nil
	case c.Kind == Announce && u.sets.marks[c.Attrs]&asSet != 0:
		u.updates.ASSets++
	}
	if len(u.updates.Changes) == MaxRoutes {
		return wrong(at, "more than %d changes: choose fewer peers", MaxRoutes)
	}
	c.Time, c.Peer = u.micros, u.peer
	u.updates.Changes = append(u.updates.Changes, c)
	return nil
}

// Summary says in a line what was taken and what was skipped.
func (u *Updates) Summary() string {
	var kinds [Down + 1]int
	for _, c := range u.Changes {
		kinds[c.Kind]++
	}
	chosen := 0
	for i := range u.Peers {
		if u.Peers[i].Chosen {
			chosen++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s announcements with %s sets of attributes, %s withdrawals and %s ended sessions of %d of %d peers",
		thousands(kinds[Announce]), thousands(len(u.Attrs)), thousands(kinds[Withdraw]), thousands(kinds[Down]), chosen, len(u.Peers))
	if n := len(u.Changes); n > 0 {
		from, to := time.UnixMicro(u.Changes[0].Time).UTC(), time.UnixMicro(u.Changes[n-1].Time).UTC()
		fmt.Fprintf(&b, ", from %s to %s", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	fmt.Fprintf(&b, "; skipped: %v", &u.Skipped)
	if u.ASSets > 0 {
		fmt.Fprintf(&b, "; %s with an AS_SET, which counts as its lowest AS", thousands(u.ASSets))
	}
	return b.String()
}
