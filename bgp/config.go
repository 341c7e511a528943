package bgp

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"
)

// Config is BGP in one VR or VRF. The zero value of an optional field is its default.
type Config struct {
	VR       string     // "": the parent
	AS       uint32     // the router's own; in a VRF usually the parent's
	RouterID netip.Addr // BGP identifier
	Netns    string     // namespace of the VR's TUN device, where sockets are opened; "": the process's
	Port     uint16     // TCP port to listen on; default 179

	Neighbors    []Neighbor // each address once
	Networks     []Network  // advertised where the VR has a route for exactly this prefix, whatever its source
	Redistribute []Redistribute
	Aggregates   []Aggregate
}

// Neighbor is a BGP speaker that there is to be a session with.
type Neighbor struct {
	Addr        netip.Addr
	AS          uint32     // the neighbour's: Config.AS makes the session internal
	Local       netip.Addr // own address of the session, which sockets are bound to
	Description string
	Port        uint16 // the neighbour's; default 179

	Shutdown bool
	Passive  bool   // waits for the neighbour's connection
	Multihop uint8  // TTL of what is sent; default: 1 for an external neighbour, 64 for an internal one
	Password string // TCP MD5 (RFC 2385); "": none

	Hold    time.Duration // offered hold time: 0 for the default of 90 s, else at least 3 s; keepalives at a third of what is agreed
	Connect time.Duration // between attempts to connect; default 5 s

	MaxPrefixes int           // accepted prefixes at most; 0: no limit
	WarnOnly    bool          // at the limit: only log
	RestartIn   time.Duration // after the limit has ended the session, try again; 0: not before it is cleared

	GracefulRestart time.Duration // how long routes of a neighbour that restarts are kept (RFC 4724); 0: not negotiated

	In, Out     string // route maps; "": everything
	NextHopSelf bool   // also towards internal neighbours
	AllowOwnAS  uint8  // how often the own AS may be in a received path
}

// Network is a prefix to advertise.
type Network struct {
	Prefix   netip.Prefix
	RouteMap string // sets attributes, or denies; "": as it is
}

// Redistribution is a kind of routes that are advertised though BGP has not brought them.
type Redistribution uint8

const (
	RedistributeConnected Redistribution = 1 + iota
	RedistributeStatic
	RedistributeExported // the parent: what VRFs export and BGP has not brought there; what it has is told anyway
	RedistributeImported // a VRF: what it imports and BGP has not brought to the parent
)

// Redistribute advertises routes of one kind.
type Redistribute struct {
	Kind     Redistribution
	RouteMap string // "": all of them, as they are
}

// Aggregate is a prefix that is originated, with a discard route of its own, while the VR has a route within it.
type Aggregate struct {
	Prefix      netip.Prefix
	SummaryOnly bool // the routes within it are not advertised
	RouteMap    string
}

// The defaults of optional fields.
const (
	defaultPort    = 179
	defaultHold    = 90 * time.Second // RFC 4271 10
	defaultConnect = 5 * time.Second
)

func (c *Config) internal(n *Neighbor) bool { return n.AS == c.AS }

func (c *Config) port() uint16 { return cmp.Or(c.Port, defaultPort) }

func (n *Neighbor) port() uint16 { return cmp.Or(n.Port, defaultPort) }

func (n *Neighbor) hold() time.Duration { return cmp.Or(n.Hold, defaultHold) }

func (n *Neighbor) connect() time.Duration { return cmp.Or(n.Connect, defaultConnect) }

// ttl is that of what a neighbour is sent: an external one is on the same network, unless it was said to be farther off.
func (c *Config) ttl(n *Neighbor) int {
	switch {
	case n.Multihop != 0:
		return int(n.Multihop)
	case c.internal(n):
		return 64
	}
	return 1
}

// check tells whether a configuration can be. Who writes it has said more.
func (c *Config) check() error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("BGP in %s: %s", vrName(c.VR), fmt.Sprintf(format, args...))
	}
	switch {
	case c.AS == 0:
		return refuse("AS: 1 to 4294967295")
	case !c.RouterID.Is4() || c.RouterID.IsUnspecified():
		return refuse("router ID %v: an IPv4 address is needed", c.RouterID)
	}
	seen := map[netip.Addr]bool{}
	for _, n := range c.Neighbors {
		switch {
		case !usableNextHop(n.Addr) && !n.Addr.IsLoopback() || seen[n.Addr]:
			return refuse("neighbor %v: a unicast IPv4 address is needed, each once", n.Addr)
		case !n.Local.Is4() || n.Local == n.Addr:
			return refuse("neighbor %v: local address %v: an own IPv4 address is needed", n.Addr, n.Local)
		case n.AS == 0:
			return refuse("neighbor %v: AS: 1 to 4294967295", n.Addr)
		case n.Connect < 0 || n.RestartIn < 0 || n.MaxPrefixes < 0:
			return refuse("neighbor %v: connect, restart-in and maximum of prefixes: 0 or more", n.Addr)
		case n.Hold != 0 && (n.Hold < 3*time.Second || n.Hold > maxHold):
			return refuse("neighbor %v: hold time %v: 3 s to %v", n.Addr, n.Hold, maxHold)
		case n.GracefulRestart < 0 || n.GracefulRestart > maxRestart:
			return refuse("neighbor %v: graceful restart %v: at most %v", n.Addr, n.GracefulRestart, maxRestart)
		case len(n.Password) > maxPassword:
			return refuse("neighbor %v: a password of %d bytes: at most %d", n.Addr, len(n.Password), maxPassword)
		}
		seen[n.Addr] = true
	}
	var prefixes []netip.Prefix
	for _, n := range c.Networks {
		prefixes = append(prefixes, n.Prefix)
	}
	for _, a := range c.Aggregates {
		prefixes = append(prefixes, a.Prefix)
	}
	for _, p := range prefixes {
		if !p.Addr().Is4() || p != p.Masked() {
			return refuse("network or aggregate %v: an IPv4 prefix without host bits is needed", p)
		}
	}
	return nil
}

// The bounds of fields.
const (
	maxHold     = 65535 * time.Second // RFC 4271 4.2
	maxRestart  = 4095 * time.Second  // RFC 4724 3
	maxPassword = 80                  // tcp(7), TCP_MD5SIG_MAXKEYLEN
)
