package config

import (
	"net/netip"
	"time"
)

// BGP is BGP in a VR: sessions of its own, whose routes come into the VR's table.
type BGP struct {
	Place
	// The router's own AS.
	AS uint32 `yaml:"as" range:"1-4294967295" required:"true"`
	// BGP identifier; default: the VR's lowest loopback address, or else its lowest interface address.
	RouterID netip.Addr `yaml:"router-id"`
	// TCP port to listen on; default 179.
	Port uint16 `yaml:"port" range:"1-65535"`
	// Whom there are sessions with, by address.
	Neighbors Pairs[BGPNeighbor] `yaml:"neighbors"`
	// Prefixes to advertise where the VR has a route for exactly that prefix.
	Networks []BGPNetwork `yaml:"networks"`
	// Kinds of routes to advertise though BGP has not brought them.
	Redistribute Redistribute `yaml:"redistribute"`
	// Prefixes to advertise while the VR has a route within them.
	Aggregates []Aggregate `yaml:"aggregates"`
}

// BGPNeighbor is a BGP speaker that there is to be a session with.
type BGPNeighbor struct {
	Place
	// The neighbour's AS: the router's own makes the session internal.
	AS uint32 `yaml:"as" range:"1-4294967295" required:"true"`
	// For people.
	Description string `yaml:"description"`
	// Own address of the session; default: the interface's address in whose network the neighbour is.
	LocalAddress netip.Addr `yaml:"local-address"`
	// The neighbour's TCP port; default 179.
	Port uint16 `yaml:"port" range:"1-65535"`
	// No session.
	Shutdown bool `yaml:"shutdown"`
	// Wait for the neighbour's connection.
	Passive bool `yaml:"passive"`
	// TTL of what is sent, for an external neighbour that is not in a connected network; default: 1 for an external
	// neighbour, 64 for an internal one.
	Multihop uint8 `yaml:"multihop" range:"1-255"`
	// TCP MD5 password (RFC 2385), of at most 80 bytes; default: none.
	Password string `yaml:"password"`
	// Times of the session.
	Timers BGPTimers `yaml:"timers"`
	// How many prefixes are accepted; default: any number.
	MaxPrefixes *MaxPrefixes `yaml:"max-prefixes"`
	// How long the neighbour's routes are kept while it restarts (RFC 4724), in whole seconds; default: not at all.
	GracefulRestart time.Duration `yaml:"graceful-restart" range:"1s-4095s"`
	// What is accepted, and with which attributes; default: everything.
	RouteMapIn string `yaml:"route-map-in"`
	// What is advertised, and with which attributes; default: everything.
	RouteMapOut string `yaml:"route-map-out"`
	// Advertise the own address as next hop, to an internal neighbour too.
	NextHopSelf bool `yaml:"next-hop-self"`
	// How often the own AS may be in the path of a route that is accepted; default: not at all.
	AllowOwnAS uint8 `yaml:"allow-own-as" range:"1-10"`
}

// BGPTimers are the times of a session.
type BGPTimers struct {
	Place
	// Hold time to offer, in whole seconds; keepalives come at a third of it; default 90s.
	Hold time.Duration `yaml:"hold" range:"3s-65535s"`
	// Between attempts to connect; default 5s.
	Connect time.Duration `yaml:"connect" range:"1s-1h"`
}

// MaxPrefixes is how many prefixes are accepted from a neighbour.
type MaxPrefixes struct {
	Place
	// At this number the session ends.
	Limit int `yaml:"limit" range:"1-4294967295" required:"true"`
	// At the limit the log says so, and the session goes on.
	WarnOnly bool `yaml:"warn-only"`
	// Try again this long after the limit has ended the session; default: not before it is cleared.
	Restart time.Duration `yaml:"restart" range:"1s-24h"`
}

// BGPNetwork is a prefix to advertise.
type BGPNetwork struct {
	Place
	// The prefix.
	Prefix netip.Prefix `yaml:"prefix" required:"true"`
	// Sets attributes, or denies.
	RouteMap string `yaml:"route-map"`
}

// Redistribute is the kinds of routes to advertise though BGP has not brought them; {} is all of a kind.
type Redistribute struct {
	Place
	// Networks of the VR's interfaces.
	Connected *Redistribution `yaml:"connected"`
	// Static routes.
	Static *Redistribution `yaml:"static"`
	// What VRFs export; in the parent.
	Exported *Redistribution `yaml:"exported"`
	// What the VRF imports; in a VRF.
	Imported *Redistribution `yaml:"imported"`
}

// Redistribution is one kind of routes to advertise.
type Redistribution struct {
	Place
	// Which of them, and with which attributes; default: all.
	RouteMap string `yaml:"route-map"`
}

// Aggregate is a prefix to advertise, with a discard route of its own, while the VR has a route within it.
type Aggregate struct {
	Place
	// The prefix.
	Prefix netip.Prefix `yaml:"prefix" required:"true"`
	// The routes within it are not advertised.
	SummaryOnly bool `yaml:"summary-only"`
	// Sets attributes, or denies.
	RouteMap string `yaml:"route-map"`
}

// Speaker is BGP in one VR, with what the file leaves out of addresses.
type Speaker struct {
	VR    string
	Netns string // of the VR's host; "": the router's own
	*BGP
}

// Speakers lists the VRs that have BGP.
func (c *Config) Speakers() (all []Speaker) {
	for _, r := range c.routers() {
		if r.BGP != nil {
			all = append(all, Speaker{r.name, r.Host.Netns, r.BGP})
		}
	}
	return all
}
