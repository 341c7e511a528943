package vrftable

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Parent is the name of the parent virtual router. It exists from the start and cannot be deleted. An empty VR name
// in a change means the parent.
const Parent = "default"

// Source is where a route comes from.
type Source uint8

// AddRoute takes Static, EBGP, IBGP and Originated. The others follow from interfaces and neighbours.
const (
	Connected  Source = 1 + iota // the network of an interface's address
	OwnAddress                   // an interface's address itself, /32: Local
	Neighbor                     // a neighbour with known MAC in a connected network, /32: Forward
	Static
	EBGP
	IBGP
	Originated // made by the PE itself for BGP, such as an aggregate
)

// Default administrative distances: the usual ones of router command lines, but that routes of external and internal
// neighbours have one, so that BGP's own order, by local preference first, decides between them (RFC 4271 9.1.2). A
// neighbour's host route comes last, so that any configured route for the same address wins over it.
const (
	DistanceConnected  = 0
	DistanceStatic     = 1
	DistanceBGP        = 20
	DistanceOriginated = 200
	DistanceLeaked     = 240 // imported and exported routes, unless their map says otherwise
	DistanceNeighbor   = 254
)

var sourceNames = [...]string{"none", "connected", "own-address", "neighbor", "static", "ebgp", "ibgp", "originated"}

// String returns the source's name in lower case.
func (s Source) String() string {
	if int(s) < len(sourceNames) {
		return sourceNames[s]
	}
	return fmt.Sprintf("source %d", uint8(s))
}

// Distance returns the source's default administrative distance.
func (s Source) Distance() uint8 {
	switch s {
	case Static:
		return DistanceStatic
	case EBGP, IBGP:
		return DistanceBGP
	case Originated:
		return DistanceOriginated
	case Neighbor:
		return DistanceNeighbor
	}
	return DistanceConnected
}

// bgp tells whether routes of the source are compared by BGP attributes.
func (s Source) bgp() bool { return s == EBGP || s == IBGP || s == Originated }

// resolver tells whether a gateway may be resolved through a route of the source.
func (s Source) resolver() bool { return s == Connected || s == OwnAddress || s == Static }

// local tells whether OriginatedLocal exports the source.
func (s Source) local() bool { return s != EBGP && s != IBGP }

// NextHop is what a route leads to: Via, Discard or Reject.
type NextHop interface{ nextHop() }

// Via leads to a gateway. With an Interface (a share or a primary of the route's own VR) the gateway is a neighbour on
// that interface's layer 2 interface, whatever the addresses say; without one it is looked up in the routes of the
// route's VR: directly connected, or recursively through static routes.
type Via struct {
	Gateway   netip.Addr
	Interface string
}

func (Via) nextHop() {}

// nextHop lets Discard and Reject stand as next hops of routes. The other kinds are refused by AddRoute.
func (Kind) nextHop() {}

// Route is one route to be added to, or deleted from, a VR's RIB.
//
// A route of a peer is known by (VR, Prefix, Peer.Addr), any other by (VR, Prefix, Source, Distance, NextHop). Adding another
// with the same identity replaces it: what a peer announces takes the place of what it announced before (RFC 4271 3.1), and
// floating statics, equal statics and BGP routes of several peers live side by side. Equal ones may be used together: see
// SetMaximumPaths.
type Route struct {
	VR       string // "": the parent
	Prefix   netip.Prefix
	Source   Source
	Distance uint8 // 0: the source's default
	NextHop  NextHop
	Tag      uint32
	Attrs    *Attributes // nil: none; may be shared by any number of routes, must not be modified afterwards
	Peer     Peer        // EBGP and IBGP: the neighbour it was learned from; the zero value: none
	// OnLink, of a route of a peer: the gateway must be another's station on a network of one of the VR's interfaces, as it must if
	// the peer is an external one on the same network (RFC 4271 5.1.3). Without it any connected or static route that holds
	// the gateway leads there, a default route too.
	OnLink bool
}

// Origin is BGP's ORIGIN attribute (RFC 4271 4.3).
type Origin uint8

const (
	OriginIGP Origin = iota
	OriginEGP
	OriginIncomplete
)

// Attributes are what BGP tells of a route, and what policies match and set.
type Attributes struct {
	NextHop     netip.Addr // NEXT_HOP; the gateway of a BGP route whose Route.NextHop is nil
	ASPath      []uint32   // nearest AS first
	Communities []Community
	LocalPref   uint32 // 0: not given, counts as 100
	MED         uint32 // 0: none
	Origin      Origin
	// Other is what else BGP has told and is passed on, encoded as in an UPDATE (RFC 4271 4.3). No policy looks at it.
	Other string
}

// DefaultLocalPref is what an absent local preference counts as.
const DefaultLocalPref = 100

// Community is an RFC 1997 community: AS in the upper half, value in the lower.
type Community uint32

// String gives the community as "65000:100".
func (c Community) String() string { return fmt.Sprintf("%d:%d", uint32(c)>>16, uint32(c)&0xffff) }

// MAC is an IEEE 802 address.
type MAC [6]byte

// String gives the address as "02:00:00:00:00:01".
func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// unicast tells whether the address can be that of one station.
func (m MAC) unicast() bool { return m != MAC{} && m[0]&1 == 0 }

// addr4 returns an IPv4 address in host order.
func addr4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// netAddr is the inverse of addr4.
func netAddr(a uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], a)
	return netip.AddrFrom4(b)
}

// netPrefix makes a prefix of an address in host order and a length.
func netPrefix(a uint32, bits uint8) netip.Prefix { return netip.PrefixFrom(netAddr(a), int(bits)) }
