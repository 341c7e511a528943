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
// BenchmarkRx and BenchmarkTx measure them beside the least that can be written in C, which is within 5 % of all of
// them: CPU time per 60-byte frame over a veth, in us, receiving with the sending that it needs.
//
//	        V3     V2     Msg    V2 without virtio-net headers
//	receive 1.19   1.23   1.60
//	send    0.93   0.92   1.18   1.25
//
// Receive by V3 to save time and memory: it wakes a waiting worker once a block and holds ten times as many small frames.
// It costs latency: a frame waits for its block, RetireTimeout (1 ms) when there is little traffic, and longer on a CPU
// that is too busy to run the kernel's timer. Receive by V2 for latency, with a worker that polls: a frame is there 1 us
// after the kernel has it.
//
// # Memory
//
// A port has 8 MiB of receive ring (128 blocks of 64 KiB) and 0.8 MiB of transmit ring for an MTU of 1500; the kernel
// holds both. With V3 that is 5,000 large frames or 50,000 small ones, but never more than 128 ms, as the kernel gives a
// block out every RetireTimeout while frames come; with V2 it is 5,000 frames.
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
