package config

import (
	"net/netip"

	"vrfwd/vrftable"
)

// Config is a provider edge as its file describes it: complete, valid, and with the routes of its table files. It is not
// changed after Load; any number of goroutines may read it.
type Config struct {
	File  string `yaml:"-"`
	Place `yaml:"-"`

	Process
	// The devices that move frames. They cannot be changed while the router runs, but for their MTU.
	Ports Named[Port] `yaml:"ports" required:"true"`
	// Layer 2 interfaces: a port, or one VLAN of it. PORT and PORT.VLAN need not be listed: they name themselves.
	Layer2 Named[Layer2] `yaml:"layer2"`
	// The parent virtual router: the Internet's table and its interfaces.
	VR VR `yaml:"vr"`
	// The VPNs' routing tables. "default" is the parent's name.
	VRFs Named[VRF] `yaml:"vrfs"`
	// Lists of prefixes, for route maps.
	PrefixLists Named[PrefixList] `yaml:"prefix-lists"`
	// Route maps, for global import and export maps, and for BGP.
	RouteMaps Named[RouteMap] `yaml:"route-maps"`

	objects  objects
	warnings []Warning
	notes    []Warning
}

// Port is a device that moves frames.
type Port struct {
	Object
	// The network device; default: the port's name.
	Device string `yaml:"device" form:"device"`
	// Largest IP packet in bytes; default: the device's, and at most that.
	MTU uint16 `yaml:"mtu" range:"68-65535"`
	// Take frames for other stations' addresses too.
	Promiscuous bool `yaml:"promiscuous"`
	// What vrftable and workers know it by: ports sorted by name, from 0.
	Number uint16 `yaml:"-"`
}

// Layer2 is a layer 2 interface.
type Layer2 struct {
	Object
	// The port it is on.
	Port string `yaml:"port" required:"true"`
	// Its VLAN, 1 to 4094; 0, the default, is what is untagged.
	VLAN uint16 `yaml:"vlan" range:"0-4094"`
	// Administratively down, with all that stands on it.
	Shutdown bool `yaml:"shutdown"`
}

// VR is the parent virtual router.
type VR struct {
	Place
	Router
}

// VRF is a VPN routing and forwarding instance.
type VRF struct {
	Object
	Router
	// Copies of the parent's routes that a route map permits.
	Import *Import `yaml:"global-import-map"`
	// Copies of the VRF's own routes, for the parent.
	Export *Export `yaml:"global-export-map"`
}

// Router is what the parent VR and a VRF have alike.
type Router struct {
	// Primary IP interfaces: they receive and send, and own the addresses. At most one on a layer 2 interface.
	Interfaces Named[Interface] `yaml:"interfaces"`
	// Addresses of the router itself.
	Loopbacks Named[Loopback] `yaml:"loopbacks"`
	// Shared IP interfaces: they only send, on the layer 2 interface of any VR.
	Shares Named[Share] `yaml:"shares"`
	// BGP paths of one prefix that are used at a time, if they are equal; default 1.
	MaximumPaths int `yaml:"maximum-paths" range:"1-16"`
	// Static routes. Those of one prefix and distance with different gateways share the packets, flow by flow; at most 16.
	Routes []Route `yaml:"routes"`
	// Routes by the thousand: files, or made up.
	Tables []Table `yaml:"tables"`
	// Where packets for the router's own addresses go, so that programs can listen on them.
	Host *Host `yaml:"host"`
	// Sessions with BGP neighbours, over the host's device.
	BGP *BGP `yaml:"bgp"`
}

// Interface is a primary IP interface.
type Interface struct {
	Object
	// The layer 2 interface: a name of layer2, or PORT or PORT.VLAN.
	Layer2 string `yaml:"layer2" required:"true"`
	// Own addresses with the network's length. The first is the source of what the router itself sends.
	Addresses []netip.Prefix `yaml:"addresses" form:"address"`
	// Packets that enter here and have no route in the VRF use the parent's table.
	FallbackGlobal bool `yaml:"fallback-global"`
	// Largest IP packet in bytes; default: the port's, and at most that.
	MTU uint16 `yaml:"mtu" range:"68-65535"`
	// Stations whose MAC address is given here instead of found by ARP.
	Neighbors Pairs[vrftable.MAC] `yaml:"neighbors"`
	// Administratively down.
	Shutdown bool `yaml:"shutdown"`
}

// Loopback is addresses of the router itself.
type Loopback struct {
	Object
	// Own addresses, each a /32.
	Addresses []netip.Prefix `yaml:"addresses" form:"address" required:"true"`
	// Administratively down.
	Shutdown bool `yaml:"shutdown"`
}

// Share is a shared IP interface: it sends only.
type Share struct {
	Object
	// The layer 2 interface: a name of layer2, or PORT or PORT.VLAN.
	Layer2 string `yaml:"layer2" required:"true"`
	// Largest IP packet in bytes; default: the port's, and at most that.
	MTU uint16 `yaml:"mtu" range:"68-65535"`
	// Stations whose MAC address is given here instead of found by ARP.
	Neighbors Pairs[vrftable.MAC] `yaml:"neighbors"`
	// Administratively down.
	Shutdown bool `yaml:"shutdown"`
}

// Route is a static route: to a gateway, over a share or a primary of the same VR or wherever the VR's own routes lead,
// or to nowhere.
type Route struct {
	Place
	// Destination.
	Prefix netip.Prefix `yaml:"prefix" required:"true"`
	// The next hop's address.
	Gateway netip.Addr `yaml:"gateway"`
	// The share that the gateway is behind.
	Share string `yaml:"share"`
	// The primary interface that the gateway is behind, whatever its addresses say.
	Interface string `yaml:"interface"`
	// Drop silently.
	Discard bool `yaml:"discard"`
	// Drop, and answer with ICMP unreachable.
	Reject bool `yaml:"reject"`
	// Administrative distance; default 1.
	Distance uint8 `yaml:"distance" range:"1-255"`
	// For route maps to match.
	Tag uint32 `yaml:"tag" range:"1-4294967295"`
}

// Table is routes by the thousand: of a file, of a route collector, or made up.
type Table struct {
	Place
	// A list of `prefix [next-hop]` lines, plain or gzip; relative names are relative to the configuration.
	File string `yaml:"file"`
	// Routes that a route collector had of its peers, with all their attributes. Those of several peers to a prefix stand side by
	// side, as of so many BGP neighbours: the best is used, or equal ones with maximum-paths.
	MRT *MRT `yaml:"mrt"`
	// A table made up after the Internet's.
	Synthetic *Synthetic `yaml:"synthetic"`
	// What the routes count as; default ebgp.
	Source string `yaml:"source" enum:"ebgp,ibgp,static"`
	// Gateways of the prefixes that the file gives none: spread over them. Of a dump, gateways instead of its next hops: of one
	// peer the routes are spread over them, several peers have one each, in the order of the dump, beginning again after the last.
	NextHops []netip.Addr `yaml:"next-hops"`
	// How: neighbouring prefixes mostly the same way, the default, or by a hash of the prefix.
	Spread string `yaml:"spread" enum:"clustered,hashed"`
	// Gateways of this router for next hops of the file, or for the addresses of a dump's peers; they come before next-hops.
	Translate Pairs[netip.Addr] `yaml:"translate"`
	// Administrative distance; default: the source's.
	Distance uint8 `yaml:"distance" range:"1-255"`
	// For route maps to match.
	Tag uint32 `yaml:"tag" range:"1-4294967295"`
	// BGP communities of all routes; of a dump, besides their own.
	Communities []vrftable.Community `yaml:"communities"`
	// AS path of all routes, nearest first.
	ASPath []uint32 `yaml:"as-path" range:"1-4294967295"`
	// BGP local preference of all routes; default 100, or of a dump the routes' own.
	LocalPreference uint32 `yaml:"local-preference" range:"1-4294967295"`
}

// MRT is a route collector's dump, and whose routes of it are taken.
type MRT struct {
	Place
	// The dump: MRT's TABLE_DUMP_V2 (RFC 6396), plain, gzip or bzip2; relative names are relative to the configuration.
	File string `yaml:"file" required:"true"`
	// AS numbers or addresses of the collector's peers, or all; default: the one peer with the most IPv4 routes, for which the
	// dump is read twice.
	Peers []string `yaml:"peers" form:"peer"`
}

// Synthetic is a table made up after the Internet's: the same seed makes the same table.
type Synthetic struct {
	Place
	// How many routes.
	Routes int `yaml:"routes" range:"1-2000000" required:"true"`
	// Start of the random numbers.
	Seed uint64 `yaml:"seed"`
}

// Host is a TUN device by which the machine's programs have the addresses of a VR.
type Host struct {
	Place
	// Name of the device, which the router makes.
	Device string `yaml:"device" required:"true" form:"device"`
	// Network namespace that it is put in; default: the router's own.
	Netns string `yaml:"netns"`
}

// Import is a VRF's global import map.
type Import struct {
	Place
	// What the VRF imports.
	RouteMap string `yaml:"route-map" required:"true"`
	// At this number the VRF imports no more, and the log says so.
	MaxRoutes int `yaml:"max-routes" range:"1-4294967295" required:"true"`
	// Administrative distance in the VRF; default 240.
	Distance uint8 `yaml:"distance" range:"1-255"`
}

// Export is a VRF's global export map.
type Export struct {
	Place
	// What the VRF exports.
	RouteMap string `yaml:"route-map" required:"true"`
	// Which routes the map is asked about: connected, static and originated ones (local, the default), or all.
	Originated string `yaml:"originated" enum:"local,all"`
	// Administrative distance in the parent; default 240.
	Distance uint8 `yaml:"distance" range:"1-255"`
}

// PrefixList is rules over prefixes: the first that matches decides, no match denies.
type PrefixList struct {
	Object
	// Rules such as "permit 10.0.0.0/8 ge 16 le 24".
	Rules []vrftable.PrefixRule `yaml:",value"`
}

// RouteMap is entries that are asked in order: the first that matches decides, no match denies.
type RouteMap struct {
	Object
	// The entries.
	Entries []RouteMapEntry `yaml:",value"`
}

// RouteMapEntry permits or denies what matches.
type RouteMapEntry struct {
	Place
	// Matching routes are permitted; {} matches all.
	Permit *Match `yaml:"permit"`
	// Matching routes are denied; {} matches all.
	Deny *Match `yaml:"deny"`
	// What the copy of a permitted route is given.
	Set *Set `yaml:"set"`
}

// Match is a conjunction: what is not given matches all.
type Match struct {
	Place
	// A prefix list that permits the prefix.
	PrefixList string `yaml:"prefix-list"`
	// Regular expression over the AS path; _ stands for a boundary, as in _64500_.
	ASPath string `yaml:"as-path"`
	// The route carries at least one of these.
	Communities []vrftable.Community `yaml:"communities"`
	// Network that holds the BGP next hop or the gateway.
	NextHop netip.Prefix `yaml:"next-hop"`
	// The route's tag.
	Tag uint32 `yaml:"tag" range:"1-4294967295"`
}

// Set is what the copy of a permitted route is given.
type Set struct {
	Place
	// Communities, instead of the route's own.
	Communities []vrftable.Community `yaml:"communities"`
	// Communities are added to the route's own.
	Additive bool `yaml:"additive"`
	// Local preference.
	LocalPreference uint32 `yaml:"local-preference" range:"1-4294967295"`
	// MED.
	MED uint32 `yaml:"med" range:"1-4294967295"`
	// AS numbers put before the AS path, 32 at most.
	Prepend []uint32 `yaml:"prepend" range:"1-4294967295"`
}
