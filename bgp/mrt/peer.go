package mrt

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Peer is a router that announced routes to the collector.
type Peer struct {
	Addr   netip.Addr
	ID     netip.Addr // BGP identifier; not given in updates
	AS     uint32
	Routes int  // IPv4 unicast entries in the file, whatever became of them
	Chosen bool // its routes were taken
}

// String gives "192.0.2.1 AS64500".
func (p *Peer) String() string { return fmt.Sprintf("%v AS%d", p.Addr, p.AS) }

// PeerName stands for peers: all of an AS, or that with an address.
type PeerName struct {
	Addr netip.Addr // not valid: by AS
	AS   uint32
}

// ParsePeer reads an address, or an AS number as 64500, AS64500 or, by RFC 5396, 1.10.
func ParsePeer(word string) (PeerName, error) {
	number := word
	if len(word) > 2 && strings.EqualFold(word[:2], "AS") {
		number = word[2:]
	}
	if n, err := strconv.ParseUint(number, 10, 32); err == nil && n > 0 {
		return PeerName{AS: uint32(n)}, nil
	}
	if high, low, dot := strings.Cut(number, "."); dot && !strings.Contains(low, ".") {
		h, err1 := strconv.ParseUint(high, 10, 16)
		l, err2 := strconv.ParseUint(low, 10, 16)
		if as := uint32(h<<16 | l); err1 == nil && err2 == nil && as > 0 {
			return PeerName{AS: as}, nil
		}
	}
	if a, err := netip.ParseAddr(word); err == nil && a.Zone() == "" {
		return PeerName{Addr: a}, nil
	}
	return PeerName{}, fmt.Errorf("%q is not a peer: an AS number 1 to 4294967295, or an address", word)
}

// String is ParsePeer's inverse.
func (n PeerName) String() string {
	if n.Addr.IsValid() {
		return n.Addr.String()
	}
	return fmt.Sprintf("AS%d", n.AS)
}

func (n PeerName) names(p *Peer) bool {
	if n.Addr.IsValid() {
		return n.Addr == p.Addr
	}
	return n.AS == p.AS
}

// Choice says whose routes are taken from a dump. The zero value is the one peer with the most IPv4 routes, of equals the
// first: to find it the file is read twice. Naming it saves that.
type Choice struct {
	Peers []PeerName
	All   bool
}

// choose marks the peers that are named.
func (c *Choice) choose(peers []Peer) error {
	if c.All {
		for i := range peers {
			peers[i].Chosen = true
		}
		return nil
	}
	for _, n := range c.Peers {
		found := false
		for i := range peers {
			if n.names(&peers[i]) {
				peers[i].Chosen, found = true, true
			}
		}
		if !found {
			return fmt.Errorf("it has no peer %v: %s", n, listPeers(peers))
		}
	}
	return nil
}

// mostRoutes marks the peer with the most IPv4 routes.
func mostRoutes(peers []Peer) {
	if len(peers) > 0 {
		most := slices.MaxFunc(peers, func(a, b Peer) int { return cmp.Compare(a.Routes, b.Routes) })
		peers[slices.Index(peers, most)].Chosen = true
	}
}

// maxListed bounds a list of peers in a message.
const maxListed = 50

func listPeers(peers []Peer) string {
	if len(peers) == 0 {
		return "it has none"
	}
	var b strings.Builder
	b.WriteString("it has ")
	for i := range peers {
		if i == maxListed {
			fmt.Fprintf(&b, " and %d more", len(peers)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(peers[i].String())
	}
	return b.String()
}

// parsePeers reads a PEER_INDEX_TABLE (RFC 6396 4.3.1).
func parsePeers(body []byte) ([]Peer, error) {
	c := cursor{b: body}
	if _, err := c.bytes(4, "the collector's identifier"); err != nil {
		return nil, err
	}
	b, err := c.bytes(2, "the view name's length")
	if err != nil {
		return nil, err
	}
	if _, err = c.bytes(int(binary.BigEndian.Uint16(b)), "the view's name"); err != nil {
		return nil, err
	}
	if b, err = c.bytes(2, "the peer count"); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(b))
	var peers []Peer
	for range n {
		const addr6, as4 = 1, 2 // bits of the type
		if b, err = c.bytes(1, "a peer's type"); err != nil {
			return nil, err
		}
		kind, addrLen, asLen := b[0], 4, 2
		if kind&addr6 != 0 {
			addrLen = 16
		}
		if kind&as4 != 0 {
			asLen = 4
		}
		if b, err = c.bytes(4+addrLen+asLen, "a peer's identifier, address and AS"); err != nil {
			return nil, err
		}
		var p Peer
		p.ID, _ = netip.AddrFromSlice(b[:4])
		p.Addr, _ = netip.AddrFromSlice(b[4 : 4+addrLen])
		for _, x := range b[4+addrLen:] {
			p.AS = p.AS<<8 | uint32(x)
		}
		peers = append(peers, p)
	}
	if c.left() > 0 {
		return nil, wrong(c.at, "%d bytes after the last peer", c.left())
	}
	return peers, nil
}
