package config

import (
	"net/netip"

	"vrfwd/vrftable"
)

// objects is a configuration taken apart into what a vrftable.Table holds, each thing with its name and place. Changes
// and Diff work on nothing else.
type objects struct {
	ports     []*Port
	layer2s   []layer2
	ifaces    []iface
	neighbors []neighbor
	vrfs      []*VRF
	lists     []*PrefixList
	maps      []routeMap
	imports   []importMap
	exports   []exportMap
	statics   []static
	paths     []maximumPaths
	tables    []*routeSet
}

type layer2 struct {
	name     string
	slot     slot
	shutdown bool
	at       Position
}

// slot is what a layer 2 interface stands on.
type slot struct {
	port string
	vlan uint16
}

type kind uint8

const (
	primary kind = iota
	loopback
	share
)

func (k kind) String() string { return [...]string{"interface", "loopback", "share"}[k] }

type iface struct {
	name, vr, layer2 string // layer2 "": loopback
	kind             kind
	addresses        []netip.Prefix
	fallback         bool
	mtu              uint16
	shutdown         bool
	at               Position
}

type neighbor struct {
	layer2 string
	addr   netip.Addr
	iface  string
	mac    vrftable.MAC
	at     Position
}

// neighborKey is a neighbour's identity: it belongs to the layer 2 interface.
type neighborKey struct {
	layer2 string
	addr   netip.Addr
}

func (n *neighbor) key() neighborKey { return neighborKey{n.layer2, n.addr} }

type routeMap struct {
	name    string
	entries []vrftable.RouteMapEntry
	at      Position
}

type importMap struct {
	set vrftable.SetImportMap
	at  Position
}

type exportMap struct {
	set vrftable.SetExportMap
	at  Position
}

// maximumPaths is what a VR has said of maximum-paths, or the default.
type maximumPaths struct {
	set vrftable.SetMaximumPaths
	at  Position
}

type static struct {
	route vrftable.Route // with its distance
	at    Position
}

// staticKey is a static route's identity.
type staticKey struct {
	vr       string
	prefix   netip.Prefix
	distance uint8
	next     vrftable.NextHop
}

func (s *static) key() staticKey {
	return staticKey{s.route.VR, s.route.Prefix, s.route.Distance, s.route.NextHop}
}

// iface returns the interface that the route names; "": none.
func (s *static) iface() string {
	via, _ := s.route.NextHop.(vrftable.Via)
	return via.Interface
}
