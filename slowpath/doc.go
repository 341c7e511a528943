// Package slowpath takes the packets that workers punt, and is what makes the engine a router one can ping: ARP, packets
// for the router itself, ICMP errors, options, fragments.
//
//	SlowPath rings --> Poll --> ARP?  --> answer, learn
//	                    |
//	TUN devices ------->+-----> route --> no route, reject, TTL, too large --> ICMP message --+
//	                    ^        |  |                                                         |
//	                    |        |  +---> local: echo reply ----------------------------------+
//	                    |        |        reassembly, TUN device of the VR                    |
//	                    |        +------> neighbour known: options, TTL, fragments, TxBurst   |
//	                    |                 not known: wait for ARP                             |
//	                    +---------------------------------------------------------------------+
//
// A punt's reason only says ARP or not: every other packet is looked up again, as a worker would, so that what the table
// has learned since counts, and what leaves here looks as if a worker had forwarded it.
//
// # Which table
//
// A packet is routed in the context of the interface that it came in by: its VRF and, where the interface falls back, the
// parent (DESIGN 3.2, 3.3). So are all answers to it, echo replies and ICMP errors alike, whatever VR the address belongs
// to that it was sent to: the answer to a customer who pings the parent's loopback, through fallback or an imported route,
// goes back to that customer, though another has the same addresses.
//
// What a program behind a TUN device sends is routed in the device's VR: a TCP connection has no ingress interface. In a
// VRF the parent's table serves where the VRF has no route and the interface that owns the source address falls back. So
// a BGP session between a customer and a loopback of the parent needs a route to the customer in the parent: a static
// route over a share, or an exported one (DESIGN 1).
//
// # Neighbours that are not known yet
//
// The first packet to a neighbour has it asked for, and waits with the next ones: 16 at most (NeighborConfig.Queue), of which
// one more pushes the oldest out, as RFC 1122 2.3.2.2 has it. It is counted as QueueFull, and what workers punt faster than it
// is taken, under their reason SlowFull. So a router that traffic at 150,000 packets a second is led to an unknown neighbour of
// loses some hundreds of them, once, in the milliseconds that the answer takes. A static neighbour is always known.
//
// # Sources of ICMP errors
//
// The source is the address of the ingress primary, the one in whose network the packet's sender lies if there are
// several; a primary without addresses borrows one of its VR. RFC 1812 4.3.2.4 would rather have the interface that the
// error leaves by; traceroute is told more by the other one. What the router says as the host that was addressed, that
// nobody takes a protocol or a port, or that fragments are missing, comes from the address that was asked.
//
// # Unlike Linux
//
//   - Only a primary's own addresses are answered by ARP, and on its own layer 2 interface (Linux with arp_ignore=1).
//   - An interface that comes up announces its addresses (Linux with arp_notify=1, RFC 5227 2.3).
//   - Source routes are dropped without an answer (RFC 7126 4.3, 4.4), also by Linux with accept_source_route=0.
//   - An ICMP error quotes the packet as it was received, 576 bytes of error at most (RFC 1812 4.3.2.3), and has no options.
//   - Record route in an echo request is filled in once and comes back in the reply (RFC 1122 3.2.2.6); Linux does it twice.
//   - The network's own address is a broadcast address too (RFC 1812 4.2.2.11; RFC 1812 5.3.5). Linux takes it as a host's
//     since 5.14.
//   - TCP to the router where no program can listen is answered by ICMP port unreachable: there is no TCP to reset it.
//   - There are no redirects, which RFC 1812 5.2.7.2 asks for (Linux with send_redirects=0): workers forward such packets
//     without a look at where they came from, and a PE-CE circuit has no second router to send them to.
//   - A neighbour that did not answer is not asked again for a few seconds.
package slowpath
