// Package router is a provider edge that runs: ports, workers, the slow path and the table of a configuration, and what
// watches and steers them.
//
//	config.Config --> New --> ports (a queue for each worker, one for the slow path)
//	                     |--> vrftable.Table <-- Reload: config.Diff, all or nothing
//	                     |--> forwarder.Worker, one goroutine and thread each
//	                     +--> slowpath.Path
//	Run --> workers, slow path, link monitor, control socket, metrics     until its context ends; then it drains
//
// # Idle workers
//
// A worker that finds nothing sleeps in ppoll over its queues, until a frame comes. What that costs is paid by the burst: the
// fuller the ring when it wakes, the less per frame. With busy-poll it never sleeps.
//
// # Links
//
// Ports are looked at when the kernel has news of some device, and every second. A port whose link goes down, or whose device is deleted, is down in the
// table: its routes are withdrawn, and come back with it. A device that is made again under its name is opened again,
// and each worker takes the new queue between two passes. A device's new MAC address or MTU goes into the table too, but for an MTU
// above the one it was opened with: the rings' slots have no room for that until a restart.
//
// # Privileges
//
// Drop gives up what is not needed once the ports are open.
package router
