// Package afpacket moves Ethernet frames between a Linux network device and the process by packet sockets: packet(7),
// Documentation/networking/packet_mmap.rst, net/packet/af_packet.c. A Port satisfies forwarder.Port.
//
//	device --> kernel copies --> receive ring  -- RxBurst --> the worker, in the ring's memory -- Free --> kernel
//	device <-- kernel copies <-- transmit ring <-- TxBurst copies, one system call a burst
//
// A port has two sockets: one that receives everything but what the host sends itself (PACKET_IGNORE_OUTGOING), and one
// of protocol 0 that receives nothing and sends past the queueing discipline. Each direction has three versions:
//
//	V3     blocks, each handed over whole when it is full or RetireTimeout is over    receive default
//	V2     slots, handed over one by one                                              transmit default
//	Msg    recvmmsg, sendmmsg
//
// Receiving, V3 and V2 cost the same (BenchmarkRx: 1.18 and 1.19 us per packet with the sending; Msg 1.57). V3 is the
// default because it holds ten times as many small frames in the same memory and wakes a waiting worker once a block.
// What it costs is latency: a frame waits for its block, up to RetireTimeout (1 ms). V2 has none of that: choose it
// with a worker that polls. Sending, V2 leads (BenchmarkTx: 0.93 us per packet; V3 0.95, Msg 1.15), thanks to
// virtio-net headers: without them it takes 1.25.
//
// # Memory
//
// A port has 8 MiB of receive ring (128 blocks of 64 KiB) and 0.9 MiB of transmit ring for an MTU of 1500; the kernel
// holds both. V3 gives a block out at least every RetireTimeout while frames come, so 128 blocks also are the time that
// a worker may be away: 128 ms, or 40,000 small frames, or 5,000 large ones.
//
// # What the host does with the frames
//
// The kernel's own IP gets a copy of everything that is received. Give the device no address, so that the host does not
// answer, and do not let the host forward from it (sysctl net.ipv4.conf.DEVICE.forwarding=0), or packets go out twice.
//
// # Offloads
//
// A veth passes frames on whose checksum their sender has left to the device. Such frames are marked, and completed here
// (Stats.RxChecksum). Frames that a sender has left to the device to cut (TSO), or that the receiving device has merged
// (GRO, LRO), are longer than any MTU and are dropped (Stats.RxSuper): switch these off with ethtool. Warnings says
// where, and how.
//
// A device that is removed leaves its port harmless and useless: State tells. One that goes down works again when it
// comes up.
package afpacket
