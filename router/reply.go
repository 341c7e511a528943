package router

// The bodies of answers. Numbers are since start unless they say otherwise; bytes of interfaces are layer 3, of ports
// layer 2 without FCS.

// Traffic is a number of packets or frames, and their bytes.
type Traffic struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Interfaces lists ports and IP interfaces.
type Interfaces struct {
	Ports      []Port      `json:"ports"`
	Interfaces []Interface `json:"interfaces"`
}

// Port is a device that frames come and go by.
type Port struct {
	Name   string  `json:"name"`
	Device string  `json:"device"` // the system's name of it
	Number int     `json:"number"`
	Up     bool    `json:"up"`
	Why    string  `json:"why,omitempty"` // it is down
	MAC    string  `json:"mac"`
	MTU    int     `json:"mtu"`
	Rx     Traffic `json:"rx"`
	Tx     Traffic `json:"tx"`
	Ring   Ring    `json:"ring"`
}

// Ring is what the kernel and the rings of a port's queues counted, all workers together.
type Ring struct {
	Drops     uint64 `json:"drops"`       // received by the kernel, but there was no room in the ring
	Freezes   uint64 `json:"freezes"`     // times that the ring was full
	TooLong   uint64 `json:"too_long"`    // longer than a slot
	Merged    uint64 `json:"merged"`      // segments merged by the device's offloads
	OtherHost uint64 `json:"other_host"`  // for another station's MAC address
	OtherTag  uint64 `json:"other_tag"`   // the outer tag is not 802.1Q's
	Bad       uint64 `json:"bad"`         // malformed in the ring
	TxFull    uint64 `json:"tx_full"`     // not taken, for lack of room in the sending ring
	TxRefused uint64 `json:"tx_refused"`  // not taken by the kernel
	TxTooLong uint64 `json:"tx_too_long"` // taken and dropped: longer than the device allows
	TxWrong   uint64 `json:"tx_wrong"`    // taken and dropped: wrong format
}

// Interface is an IP interface: a primary, a share or a loopback.
type Interface struct {
	Name      string   `json:"name"`
	VR        string   `json:"vr"`
	Kind      string   `json:"kind"` // primary, shared or loopback
	Layer2    string   `json:"layer2,omitempty"`
	Port      string   `json:"port,omitempty"`
	VLAN      int      `json:"vlan"` // 0: untagged
	MAC       string   `json:"mac,omitempty"`
	MTU       int      `json:"mtu,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	Fallback  bool     `json:"fallback_global"`
	Admin     bool     `json:"admin_up"`
	Up        bool     `json:"up"`
	Rx        Traffic  `json:"rx"`
	Tx        Traffic  `json:"tx"`
}

// Route is a route of a VR's RIB.
type Route struct {
	VR          string   `json:"vr"`
	Prefix      string   `json:"prefix"`
	Source      string   `json:"source"`
	Distance    int      `json:"distance"`
	Best        bool     `json:"best"`            // in use
	Why         string   `json:"why"`             // what decided against it or, of the best, for it and against the next best
	Group       int      `json:"group,omitempty"` // of the equal next hops that it is used together with, see Groups
	Kind        string   `json:"kind"`            // via, discard, reject, local, glean or group
	Gateway     string   `json:"gateway,omitempty"`
	Interface   string   `json:"interface,omitempty"` // named by the route
	Egress      string   `json:"egress,omitempty"`    // what it resolves to
	Neighbor    string   `json:"neighbor,omitempty"`  // the same: whose MAC address is used
	From        string   `json:"from,omitempty"`      // imported or exported from this VR
	Tag         uint32   `json:"tag,omitempty"`
	Peer        string   `json:"peer,omitempty"`    // BGP neighbour that it was learned from
	PeerID      string   `json:"peer_id,omitempty"` // its BGP identifier
	ASPath      []uint32 `json:"as_path,omitempty"`
	Communities []string `json:"communities,omitempty"`
}

// VRs lists the parent and the VRFs with the sizes of their tables.
type VRs struct {
	VRs []VR `json:"vrs"`
}

// VR is a virtual router and the sizes of its tables.
type VR struct {
	Name     string         `json:"name"`
	Prefixes int            `json:"prefixes"` // in the RIB
	FIB      int            `json:"fib"`      // prefixes in the FIB
	Imported int            `json:"imported"`
	Routes   map[string]int `json:"routes"` // in the RIB, in use or not, by source
}

// Lookup explains what becomes of a packet to an address, step by step.
type Lookup struct {
	Address   string     `json:"address"`
	VRF       string     `json:"vrf"`
	Interface string     `json:"interface,omitempty"` // of ingress
	Fallback  bool       `json:"fallback_global"`     // of that interface
	Steps     []Step     `json:"steps"`
	Route     *Route     `json:"route,omitempty"` // what decided
	Adjacency *Adjacency `json:"adjacency,omitempty"`
	Group     *Group     `json:"group,omitempty"` // the flow's hash chooses a member
	Neighbor  *Neighbor  `json:"neighbor,omitempty"`
	Verdict   string     `json:"verdict"`          // forward, slow (to the slow path) or drop
	Reason    string     `json:"reason,omitempty"` // of slow and drop, as counters have it
}

// Step is one step of a decision.
type Step struct {
	Step string `json:"step"`
	Text string `json:"text"`
}

// Adjacency is what the FIB's hop stands for.
type Adjacency struct {
	Hop         int    `json:"hop"` // its slot
	Kind        string `json:"kind"`
	Interface   string `json:"interface,omitempty"`
	Port        string `json:"port,omitempty"`
	VLAN        int    `json:"vlan"`
	Gateway     string `json:"gateway,omitempty"`
	MTU         int    `json:"mtu,omitempty"`
	Source      string `json:"source,omitempty"`      // MAC address
	Destination string `json:"destination,omitempty"` // MAC address
	Header      string `json:"header,omitempty"`      // layer 2, hexadecimal
}

// Groups lists the sets of equal next hops that routes use together.
type Groups struct {
	Groups []Group `json:"groups"`
}

// Group is a set of equal next hops. A flow goes by the member that has its bucket.
type Group struct {
	Number  int      `json:"number"` // given to another group when this one is gone, after all others
	Hop     int      `json:"hop"`    // its slot
	Routes  int      `json:"routes"` // prefixes that lead to it, in all VRs
	Members []Member `json:"members"`
}

// Member is a member of a group.
type Member struct {
	Gateway   string  `json:"gateway"`
	Interface string  `json:"interface,omitempty"` // named by the route
	Egress    string  `json:"egress,omitempty"`    // what it resolves to; "": it cannot be used now
	Neighbor  string  `json:"neighbor,omitempty"`  // the same: whose MAC address is used
	Buckets   int     `json:"buckets"`             // of 256
	Tx        Traffic `json:"tx"`                  // packets whose flows it was chosen for, since the number was first given
}

// Neighbors lists the stations whose MAC addresses are known or asked for.
type Neighbors struct {
	Neighbors []Neighbor `json:"neighbors"`
}

// Neighbor is a station on a layer 2 interface.
type Neighbor struct {
	Address   string  `json:"address"`
	MAC       string  `json:"mac,omitempty"`
	Layer2    string  `json:"layer2"`
	Interface string  `json:"interface"` // the primary, or what a static neighbour was configured by
	State     string  `json:"state"`     // static, reachable, stale, incomplete, failed
	Age       float64 `json:"age_s"`     // since it was heard, first asked or given up, in seconds; 0 for static ones
}

// Counters is the account of all frames: received = forwarded + punted + dropped.
type Counters struct {
	Received  uint64            `json:"received"`
	Forwarded uint64            `json:"forwarded"`
	Punted    uint64            `json:"punted"`
	Dropped   uint64            `json:"dropped"`
	Drops     map[string]uint64 `json:"drops,omitempty"` // by reason
	Punts     map[string]uint64 `json:"punts,omitempty"` // by reason
	SlowPath  map[string]uint64 `json:"slow_path,omitempty"`
	Ring      Ring              `json:"ring"` // all ports
}

// Workers lists the forwarding threads.
type Workers struct {
	Workers []Worker `json:"workers"`
}

// Worker is a forwarding thread.
type Worker struct {
	Number    int     `json:"number"`
	CPU       int     `json:"cpu"`    // it is pinned to; -1: none
	Thread    int     `json:"thread"` // system's id
	Received  uint64  `json:"received"`
	Forwarded uint64  `json:"forwarded"`
	Punted    uint64  `json:"punted"`
	Dropped   uint64  `json:"dropped"`
	Polls     uint64  `json:"polls"`
	Idle      uint64  `json:"idle"`     // polls that found nothing
	Busy      float64 `json:"busy_s"`   // CPU time, user and system
	Cost      float64 `json:"ns_frame"` // CPU time by frame received; 0: none was
	Load      float64 `json:"load"`     // CPU time by time since the last sample, 0 to 1
}

// Imports lists the VRFs' global import maps.
type Imports struct {
	Imports []Import `json:"imports"`
}

// Import is a VRF's global import map.
type Import struct {
	VRF       string `json:"vrf"`
	RouteMap  string `json:"route_map"`
	MaxRoutes int    `json:"max_routes"`
	Imported  int    `json:"imported"`
	Refused   uint64 `json:"refused"`
	Limited   bool   `json:"limited"`
}

// Exports lists the VRFs' global export maps.
type Exports struct {
	Exports []Export `json:"exports"`
}

// Export is a VRF's global export map.
type Export struct {
	VRF        string `json:"vrf"`
	RouteMap   string `json:"route_map"`
	Originated string `json:"originated"` // local or all
	Distance   int    `json:"distance"`
	Exported   int    `json:"exported"`
}

// Reloaded says what a reload did.
type Reloaded struct {
	File     string   `json:"file"`
	Changes  int      `json:"changes"` // of the table; 0: what the table has is the same
	BGP      int      `json:"bgp"`     // neighbours of BGP that were added, changed or removed, and VRs whose BGP did otherwise
	Warnings []string `json:"warnings,omitempty"`
}

// Replayed says how far a replay is, or was.
type Replayed struct {
	File          string  `json:"file"`
	VR            string  `json:"vr"`
	Peers         int     `json:"peers"`   // that take part
	Changes       int     `json:"changes"` // of Total, done so far
	Total         int     `json:"total"`
	Announcements int     `json:"announcements"`
	Withdrawals   int     `json:"withdrawals"`
	Downs         int     `json:"downs"`         // sessions of peers that ended
	LeftOut       int     `json:"left_out"`      // changes of peers without an IPv4 address
	Elapsed       float64 `json:"elapsed_s"`     // since the first change was due
	Behind        float64 `json:"behind_s"`      // from when the last change was due until it was in the FIB
	MostBehind    float64 `json:"most_behind_s"` // the most that this has been after a batch
	Ended         bool    `json:"ended"`         // what was replayed has been taken back
	Error         string  `json:"error,omitempty"`
}
