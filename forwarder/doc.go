// Package forwarder moves IPv4 packets between ports: a worker polls its queues, takes bursts of up to 256 frames
// and runs each burst to completion, stage by stage.
//
//	RxBurst -> classify -> validate -> look up -> rewrite -> TxBurst        the fast arm
//	              |           |                     |          |
//	              +-----------+----------+----------+----------+
//	                                     v
//	                     settle: drop, or copy to the Slow path             everything else, with one Reason
//
// # Ownership
//
// A frame has one owner, who holds its descriptor. The number that a burst call returns says how many descriptors
// changed hands; there are no reference counts. Between RxBurst and the end of the burst the worker owns the frame,
// and gives it on exactly once:
//
//	                     RxBurst                     TxBurst, port.Arena() == from: handed over
//	outside --> port A ----------> worker --------------------------------------------> port B --> outside
//	            ^   ^                |  |            TxBurst, another arena: copied
//	            |   |  Free          |  +-----------------------------------------------> port B --> outside
//	            |   +----------------+--- copied, dropped or punted
//	            |
//	            +-- what port A does with it (recycle it, release a block) is port A's business
//
// A frame that was handed over comes back to nobody here: who collects it from port B owns it. A frame that was
// copied, dropped or punted (punted frames are copied as well, see SlowPath) goes back to the port it came from by Free.
//
// # Threads
//
// A Worker and its Ports belong to one thread. N workers have N queues on each port, as N Port values, and share
// only what is read: the View. Counters are written by their worker alone and read by anyone at any time.
package forwarder
