package forwarder

import "fmt"

// Reason says why a packet left the fast path. Each packet that is received and not forwarded has exactly one, and is
// counted under it once: dropped or punted.
type Reason uint8

// The reasons in the order in which they are found. RFC numbers name the rule.
const (
	Unknown            Reason = iota // no stage gave a reason: an adjacency of an unknown kind
	BadDescriptor                    // the port described bytes that are not in its arena
	Runt                             // shorter than its layer 2 header and an IPv4 header: RFC 1812 5.2.2 (1)
	NoPrimary                        // (port, VLAN) has no primary IP interface
	InterfaceDown                    // the primary is down
	ARP                              // EtherType 0x0806: for the slow path
	NotIPv4                          // any other EtherType, a second tag among them
	LinkMulticast                    // IPv4 in a layer 2 broadcast or multicast: RFC 1812 5.3.4
	BadVersion                       // RFC 1812 5.2.2 (3)
	BadIHL                           // header length below 20 bytes or beyond the frame: RFC 1812 5.2.2 (4)
	BadLength                        // total length below the header's or beyond the frame: RFC 1812 5.2.2 (5)
	BadChecksum                      // RFC 1812 5.2.2 (2)
	BadOptions                       // an option runs out of the header: RFC 791 3.1; live: ICMP parameter problem
	MartianSource                    // 0/8, 127/8, 224/3: RFC 1812 5.3.7
	MartianDestination               // the same: there is no multicast forwarding
	Options                          // an option asks the router to act: for the slow path
	NoRoute                          // neither the VRF nor, where allowed, the parent has a match
	Discard                          // discard route
	Reject                           // reject route; live: ICMP unreachable
	Local                            // for the router itself: for the slow path
	TTLExpired                       // TTL of 0 or 1 and not for the router: RFC 1812 5.3.1; live: ICMP time exceeded
	Glean                            // the neighbour's MAC address is not known: for the slow path
	MTUExceeded                      // larger than the egress MTU with DF: RFC 1191; live: fragmentation needed
	Fragment                         // larger than the egress MTU without DF: to be fragmented on the slow path
	NoPort                           // the adjacency's port is not one of this worker's
	TxFull                           // the egress port took no more
	SlowFull                         // the slow path took no more
	NumReasons                       // the number of reasons
)

var reasonNames = [NumReasons]string{
	"unknown", "bad descriptor", "runt", "no primary", "interface down", "arp", "not ipv4", "link multicast",
	"bad version", "bad ihl", "bad length", "bad checksum", "bad options", "martian source", "martian destination",
	"options", "no route", "discard", "reject", "local", "ttl expired", "glean", "mtu exceeded", "fragment", "no port",
	"tx full", "slow full",
}

// String gives the reason's stable name, as reports and metrics print it.
func (r Reason) String() string {
	if r < NumReasons {
		return reasonNames[r]
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}

// Verdict is the arm that a packet takes. The zero value drops.
type Verdict uint8

// The arms.
const (
	Drop Verdict = iota
	Fast         // rewritten and sent by the worker
	Slow         // copied to the slow path
)

// String names the arm.
func (v Verdict) String() string {
	switch v {
	case Fast:
		return "fast"
	case Slow:
		return "slow"
	}
	return "drop"
}

// Verdict returns the arm that a packet with this reason takes where there is a slow path. The slow path delivers,
// resolves and fragments, and answers with ICMP errors (RFC 792); without one all of these are dropped under the same
// reason.
func (r Reason) Verdict() Verdict {
	switch r {
	case ARP, Options, Local, Glean, Fragment:
		return Slow
	case BadOptions, NoRoute, Reject, TTLExpired, MTUExceeded:
		return Slow
	}
	return Drop
}

// ICMPError reports whether the slow path only answers the packet with an ICMP error. Those, and packets that wait for a
// neighbour, may fill half of the slow path's queue: a flood of them must not keep out ARP and what is for the router. The rest is dropped under its own
// reason, which is the rate limit of RFC 1812 4.3.2.8 as far as the worker is concerned.
func (r Reason) ICMPError() bool {
	switch r {
	case BadOptions, NoRoute, Reject, TTLExpired, MTUExceeded:
		return true
	}
	return false
}
