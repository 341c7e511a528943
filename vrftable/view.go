package vrftable

import (
	"unsafe"

	"vrfwd/lpm"
)

// Ingress is what a worker must know of a layer 2 interface's primary IP interface. 8 bytes; the zero value is
// "no primary": discard.
type Ingress struct {
	Iface uint16 // IP interface of the primary, for its counters; 0: none
	Table uint16 // its VRF's table in View.VRFs; 0: the parent VR
	Flags uint16 // lpm.Fallback; always set in the parent VR, whose own table 0 is empty
	State uint16 // IngressUp
}

// IngressUp is set in Ingress.State while the interface receives.
const IngressUp uint16 = 1

// Kind says what becomes of a packet that matched an adjacency.
type Kind uint8

// The zero value drops. Fast: Forward. Dropped: NoRoute, Discard, Reject. Punted: Local, Glean.
const (
	NoRoute Kind = iota // index 0, and every unused slot
	Forward             // prepend Header, send on Port
	Discard             // silently dropped, counted
	Reject              // dropped, counted; live: ICMP unreachable
	Local               // for the router itself: to the slow path
	Glean               // connected, but the neighbour's MAC is not known: to the slow path
	Group               // several equal ways, of which a flow takes one: see Buckets and View.Member
)

// Adjacency is what a next-hop index stands for: exactly one cache line, immutable once a FIB names it.
//
//	0      1        2     4      6       8         12   14      16                                 38
//	| Kind | HdrLen | MTU | Port | Iface | Gateway | VR | Group | Header (14 or 18 bytes, max 22) | pad |
type Adjacency struct {
	Kind    Kind
	HdrLen  uint8    // bytes of Header used: 14, or 18 with one 802.1Q tag
	MTU     uint16   // largest IP packet in bytes
	Port    uint16   // egress port
	Iface   uint16   // egress IP interface, primary or share: transmitted packets count here only
	Gateway uint32   // next hop address, host order; 0: the destination itself
	VR      uint16   // table number of the VR that the egress interface belongs to
	Group   uint16   // kind Group: which, in View.Groups
	Header  [22]byte // destination MAC, source MAC, [tag,] EtherType 0x0800
	_       [26]byte
}

// An adjacency that outgrows its cache line does not compile.
const _ = uint(64 - unsafe.Sizeof(Adjacency{}))
const _ = uint(unsafe.Sizeof(Adjacency{}) - 64)

// Lookup returns what becomes of a packet to addr that came in by an interface of this table with these flags, those of
// its Ingress record: the VRF's longest match or, where it has none and the flags say so, the parent's. It is one packet's
// worth of what workers do by the burst, and as valid as the view. It may return a Group: see Member.
func (v *View) Lookup(table, flags uint16, addr uint32) *Adjacency {
	var hop [1]lpm.Hop
	v.VRFs.LookupDual([]lpm.Key{{Addr: addr, Table: table, Flags: flags}}, hop[:])
	return &v.Adj[hop[0]]
}

// VLANs is the number of layer 2 interface slots per port: VLAN 0 is the untagged one.
const VLANs = 4096

// View is one consistent generation of what workers read. Load it once per burst; it is valid until the worker's
// next quiescent state. Its fields and what they reach are read-only to workers.
//
// FIBs are changed in place: views share them, and a lookup sees each route before or after a change whatever view it
// goes by. A hop found in a FIB is good in the Adj of every view that a worker may hold. A new view is published when
// ingress records change, and when the content of a slot in use does.
type View struct {
	Generation uint64 // 1 more than the view before
	VRFs       *lpm.Set
	Global     *lpm.Table
	Ports      []*[VLANs]Ingress // by port number; nil: no interface receives on that port
	Adj        []Adjacency       // by lpm.Hop; off-heap, MaxHop+1 long
	Groups     []Buckets         // by Adjacency.Group; off-heap, MaxGroups long. Buckets change in place, word by word
	Seed       Seed              // of the hashes that choose among a group's members
}
