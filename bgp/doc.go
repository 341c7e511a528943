// Package bgp has the router speak BGP-4 (RFC 4271): what neighbours tell goes into the RIB of their VR or VRF, and what is
// in use there is told to them.
//
//	TCP --> session --receive--> decoder --PeerUpdate--> applier --batch--> vrftable.Table
//	 ^         ^ handshake: dial, accept, collision                             | Watch: prefixes that changed
//	 |         +- keepAlive                                                     v
//	 +-------- sender <-- rules: eligible, aggregates, communities, route maps, attributes
//
// A Server has a speaker for each VR with BGP, a speaker a peer for each neighbour. A peer is one goroutine that runs the
// state machine, and three more while its session is established. All sessions share one applier: what has queued up is
// one batch of the table, so that many changes at once cost little each, and one change alone does not wait.
//
// # One RIB
//
// Learned routes stand in the table's RIB and nowhere else, after the neighbour's route map: what a map denies is
// forgotten, and asked for again (RFC 2918) when the map changes. Best paths are the table's, so that what is told is what
// is used: a route whose next hop does not resolve is not told. A sender keeps 4 bytes and bart's index for each prefix
// that it has told.
//
// # Bounds
//
// A neighbour that sends faster than its routes are taken fills a queue of maxJobs updates, and then its connection. One
// that reads slower than routes change finds them told once, as they are when it has read; above maxWatched changes the
// whole table is compared instead. At MaxPrefixes a session ends (RFC 4486), one batch of the table (maxBatch) beyond at
// most. A decoder's cache is bounded by bytes (maxCached). A neighbour whose sessions do not last is left alone for a
// second, two, four, up to a minute; connections that come meanwhile are closed. One that reads nothing for 8 minutes has
// gone (RFC 9687), and holds nobody up until then.
//
// # Errors
//
// Malformed attributes are treated as withdrawals (RFC 7606), and so is an AS_PATH with a set (RFC 9774). What makes the
// message itself unreadable ends the session with a NOTIFICATION. Attributes that mean nothing here are not looked into:
// they are passed on as they came, or dropped. The first AS of a path is not compared with the
// neighbour's, which would shut out route servers (RFC 7947): a route map with as-path "^64501_" does.
//
// # Restarts
//
// Routes of a neighbour that goes away without a NOTIFICATION are kept for its restart time, up to Neighbor.GracefulRestart,
// if both have offered it (RFC 4724). Back in time, it has stalePath to tell its routes again: those that it has not told by
// its End-of-RIB go. The other way round a neighbour has nothing to keep for: this router's forwarding ends with its process,
// and its OPEN says so.
//
// # Sockets
//
// Sessions run over the host's TCP, through the TUN device that the slow path gives a VR: sockets are bound to the VR's
// own addresses, whose packets the kernel sends by that device (package slowpath). So a session with a customer runs
// through the forwarder as its other packets do.
//
// # Why not gobgp's server
//
// OPENs are coded by gobgp's codec (github.com/osrg/gobgp/v4/pkg/packet/bgp), whose names and numbers stand for those of the
// RFCs; in the tests it is the oracle of UPDATEs. These are coded here (attribute.go, encoder.go): the codec looks into
// every attribute that it knows, so that one that is nothing to this router could end a session, and makes objects of all.
// Sessions and routes are not its server's.
// BIRD sending 901,899 routes of the real table, each in an UPDATE of its own, took 53 s, 72 s of CPU time and 1,330 MiB
// with the server (v4.8.0, one neighbour, paths watched but not used), and 21 s, 9 s and 286 MiB with this package, FIB
// included, on the same two busy cores. The server keeps each path as a tree of objects in two RIBs of its own beside the
// table's, queues without bounds between its parts, and advertises by best paths that know nothing of next hops.
package bgp
