package bgp

import (
	"net/netip"
	"time"
)

// State is a session's (RFC 4271 8.2.2).
type State uint8

const (
	Idle State = iota
	Connect
	Active
	OpenSent
	OpenConfirm
	Established
)

var stateNames = [...]string{"Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"}

func (s State) String() string { return stateNames[s] }

// NeighborInfo is a neighbour and its session as they are.
type NeighborInfo struct {
	VR          string
	Addr, Local netip.Addr
	AS, LocalAS uint32
	ID          netip.Addr // its BGP identifier, once it has told it
	Description string

	State     State
	Since     time.Time // of State
	Flaps     uint64    // sessions that were established and have ended
	LastError string    // why the last session or attempt ended; "": none has

	Hold         time.Duration // agreed; 0: none
	Capabilities []string      // agreed
	Stale        bool          // its routes are kept while it restarts

	Accepted    int // prefixes in the RIB
	Advertised  int // prefixes that it was told
	MaxPrefixes int

	Received, Sent Messages
}

// Messages counts what has passed in one direction since the start.
type Messages struct {
	Opens, Updates, Notifications, Keepalives, Refreshes uint64
	Announced, Withdrawn                                 uint64 // prefixes in updates
	Malformed                                            uint64 // updates treated as withdrawals (RFC 7606)
	Refused                                              uint64 // announced prefixes that were not taken: loops, martians
}

// ClearKind is how a session is cleared.
type ClearKind uint8

const (
	ClearHard ClearKind = iota // ends the session; it comes back at once
	ClearIn                    // asks for all routes again (RFC 2918)
	ClearOut                   // tells all routes again
)
