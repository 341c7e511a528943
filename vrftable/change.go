package vrftable

import "net/netip"

// Change is one step of a batch for Apply: one of the structs below and in change_*.go. Names are case-sensitive; an
// empty VR name means the parent. Steps see what the ones before them did: one batch can add a VRF, its interfaces and
// its routes.
type Change interface {
	stage(t *Table) error
}

// AddPort adds a port, up. Number is what workers know it by (View.Ports, Adjacency.Port); MTU is the largest IP packet
// in bytes, 68 (RFC 791) to 65,535; 0: 1500.
type AddPort struct {
	Name   string
	Number uint16
	MAC    MAC // source address of what is sent
	MTU    uint16
}

// DeletePort removes a port that no layer 2 interface stands on.
type DeletePort struct{ Name string }

// SetPortState tells that a port's link came up or went down. All that stands on it follows.
type SetPortState struct {
	Port string
	Up   bool
}

// SetPort gives a port the address and MTU (0: 1500) of the device that now stands behind it. What is sent by it follows.
type SetPort struct {
	Name string
	MAC  MAC
	MTU  uint16
}

// AddVRF adds an empty VRF.
type AddVRF struct{ Name string }

// DeleteVRF removes a VRF that has no interfaces, configured routes, import or export map.
type DeleteVRF struct{ Name string }

// AddLayer2 adds a layer 2 interface, up: one VLAN of a port, 1 to 4094, or 0 for what is untagged.
type AddLayer2 struct {
	Name, Port string
	VLAN       uint16
}

// DeleteLayer2 removes a layer 2 interface that no IP interface stands on.
type DeleteLayer2 struct{ Name string }

// SetLayer2State sets a layer 2 interface's administrative state. All that stands on it follows.
type SetLayer2State struct {
	Layer2 string
	Up     bool
}

// AddInterface adds an IP interface, administratively up.
//
// A primary (not Shared) receives what arrives on its layer 2 interface and owns the addresses; a layer 2 interface has
// at most one. A share sends only, and has no addresses: any number may stand on a layer 2 interface, in any VR.
// Without Layer2 the interface is a loopback: its addresses are /32.
type AddInterface struct {
	Name, VR, Layer2 string
	Shared           bool
	Addresses        []netip.Prefix // own address and network, such as 192.0.2.1/30
	FallbackGlobal   bool           // packets that enter here and have no route in the VRF use the parent's table
	MTU              uint16         // largest IP packet in bytes; 0 or more than the port's: the port's
}

// DeleteInterface removes an interface that no route and no static neighbour names.
type DeleteInterface struct{ Name string }

// SetFallback sets or clears fallback global of one ingress interface.
type SetFallback struct {
	Interface string
	Global    bool
}

// SetAdmin sets an interface's administrative state.
type SetAdmin struct {
	Interface string
	Up        bool
}

// SetMTU sets an interface's MTU; 0: the port's.
type SetMTU struct {
	Interface string
	MTU       uint16
}

// MoveShare moves a share to another layer 2 interface. Its index, and so its counters, stay. Neighbours that were
// added through the share are forgotten: they were stations of the old layer 2 interface.
type MoveShare struct{ Interface, Layer2 string }

// AddNeighbor tells a neighbour's MAC, statically or as learned; again: changes it. Neighbours belong to the layer 2
// interface, so a primary's serve its shares and the other way round; Interface may name either.
type AddNeighbor struct {
	Interface string
	Addr      netip.Addr
	MAC       MAC
}

// DeleteNeighbor forgets a neighbour of the interface's layer 2 interface, static or learned.
type DeleteNeighbor struct {
	Interface string
	Addr      netip.Addr
}

// LearnNeighbor is AddNeighbor for what ARP has found. It is refused with ErrExists where a static neighbour has the
// address, which AddNeighbor turns a learned one into; and a learned neighbour does not keep its interface from being
// deleted: it is forgotten with it.
type LearnNeighbor struct {
	Interface string
	Addr      netip.Addr
	MAC       MAC
}

// ForgetNeighbor is DeleteNeighbor for learned neighbours: a static one stays, and the change is refused with
// ErrNotFound.
type ForgetNeighbor struct {
	Interface string
	Addr      netip.Addr
}

// AddRoute adds a route, or replaces the one with the same identity (see Route).
type AddRoute struct{ Route }

// DeleteRoute deletes the route with the same identity (see Route). What is not part of it is not looked at: Tag and Attrs
// and, with Peer.Addr, all but VR, Prefix and that Source is EBGP or IBGP. A BGP route without NextHop has that of Attrs; a
// static one without NextHop stands for all of its prefix and distance.
type DeleteRoute struct{ Route }

// AddRoutes is many AddRoute: the way to load a table. The slice is not kept.
type AddRoutes struct{ Routes []Route }

// DeleteRoutes is many DeleteRoute.
type DeleteRoutes struct{ Routes []Route }
