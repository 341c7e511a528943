// Package packet holds frames and reads them: an Arena of off-heap frame memory, the pointer-free descriptors (Desc)
// that stand for frames on rings and in bursts, checked views of the headers that the forwarder, the slow path and
// the generator touch, and the Internet checksum.
//
// # Views
//
// A view is the bytes of a header and what follows it, under a type of its own (Ethernet, VLAN, IPv4, UDP, TCP,
// ICMPv4, ARP). ParseX checks the bytes once and returns them as an X, cut to the length that the header itself
// states; the accessors then trust the check. A view aliases the bytes it was made of, lives as long as they do, and
// is as safe for concurrent use as they are: many readers, or one writer. A conversion such as IPv4(b) skips the
// check; on bytes that ParseIPv4 would refuse an accessor may panic, but never reads outside the slice.
//
// Numbers are in host order, lengths in bytes. IPv4 addresses are uint32 in host order: 10.0.0.1 is 0x0a000001.
// Nothing here allocates.
package packet
