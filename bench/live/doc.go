// Package live sends generated traffic into a router over real or in-memory ports, receives what comes out, and accounts
// for every frame: what `trafgen` does.
//
// # Words
//
// A port is a device of the tester. A circuit is one VLAN of a port, or the port untagged, as the tester sees it: the
// router's layer 2 interface is at the other end. Frames of a stream enter the router on one of its circuits and must come
// out on another, or not at all; a circuit belongs to a VRF, so that a frame on a wrong circuit is a leak where that is
// another VRF's.
//
// # What is exact
//
// Every frame carries its flow, its sequence number and the time of sending (gen.Stamp). For each flow
//
//	sent = received + lost
//	frames that came back = received + duplicates + late
//
// where late are those more than 64 behind their flow's newest (gen.Checker). A sender in another process is known by the
// streams alone: all flows of a stream are sent in turn, so the newest frame of a stream tells how many of each flow were
// sent before it; with a count in the stream the end is known too. Frames without a stamp are foreign and are counted by kind.
//
// # Threads
//
// One thread sends on one port, another receives on all of them. A port that does both is opened twice (Link), as a
// forwarder.Port belongs to one thread. None is bound to a CPU. They may share one at the usual priority; at real-time priority
// (chrt) a thread that does not wait would keep the others of its CPU from running for ever, so Run refuses it where there are
// not more CPUs than such threads. Nor do they give Go's processors back while they wait: let GOMAXPROCS be two more than
// there are CPUs, as trafgen does.
package live
