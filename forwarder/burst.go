package forwarder

import (
	"vrfwd/lpm"
	"vrfwd/packet"
)

// MaxBurst is the largest number of frames handled together.
const MaxBurst = 256

// adjacencyAhead is how many packets ahead of a packet's own turn rewrite prefetches its adjacency. The counters that it names are not
// worth it: they are a few lines, and what it takes to know them costs more.
const adjacencyAhead = 24

// burst is the state of one burst as a structure of arrays: each stage streams through the few arrays it needs. Frames
// keep their place in d; a packet that leaves the fast path is noted in left, the others are packed to the front of
// the arrays marked dense, in order, so that no later stage tests a packet again.
//
//	d       | f0 | f1 | f2 | f3 |          f1 has left
//	dense   | 0  | 2  | 3  |               at[0] = 0, at[1] = 2, at[2] = 3; live = 3
//	left    | 1  |                         why[0] = its reason
type burst struct {
	in   *ingress // where it came from
	n    int      // frames received
	live int      // packets still on the fast path
	tap  *Filter  // what is captured of this burst; nil: nothing

	d [MaxBurst]packet.Desc // as received, in the ingress port's arena

	// dense
	at    [MaxBurst]uint8                    // place in d
	l3    [MaxBurst]uint32                   // offset of the IPv4 header in the arena
	room  [MaxBurst]uint16                   // bytes from there to the frame's end
	total [MaxBurst]uint16                   // IPv4 total length
	ttl   [MaxBurst]uint32                   // TTL, protocol and checksum as they will be sent, in the byte order of memory
	iface [MaxBurst]uint16                   // ingress IP interface
	from  [MaxBurst]uint32                   // the key's table and flags: table | flags<<16
	key   [MaxBurst]lpm.Key                  // what to look up
	hop   [MaxBurst + adjacencyAhead]lpm.Hop // what was found; behind the last no route
	place [MaxBurst + adjacencyAhead]uint32  // for the kernels: of the hop's adjacency, bytes from the first

	group [MaxBurst]uint8 // places in the dense arrays, of the packets that choose is about

	gone int // packets in left
	left [MaxBurst]uint8
	why  [MaxBurst]Reason

	queues int             // egress ports of this burst
	queue  [MaxBurst]uint8 // their numbers

	back [MaxBurst]packet.Desc // frames to be freed
}

// within tells the compiler that n is at most MaxBurst, so that loops up to it need no bounds checks.
func within(n int) uint { return min(uint(n), MaxBurst) }

// leave takes frame i off the fast path.
func (b *burst) leave(i uint, r Reason) {
	b.left[b.gone&(MaxBurst-1)] = uint8(i)
	b.why[b.gone&(MaxBurst-1)] = r
	b.gone++
}

// ingress is a port that the worker receives from.
type ingress struct {
	port   Port
	number uint16
	arena  *packet.Arena
	mem    memory
	size   uint // bytes of mem
}

// egress is a port that the worker sends to, and the burst's frames for it, in the order of the dense arrays.
type egress struct {
	port  Port
	arena *packet.Arena
	n     int
	d     [MaxBurst]packet.Desc
}
