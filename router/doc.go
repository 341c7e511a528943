// Package router is a provider edge that runs: ports, workers, the slow path and the table of a configuration, and what
// watches and steers them.
//
//	config.Config --> New --> ports (a queue for each worker, one for the slow path)
//	                     |--> vrftable.Table <-- Reload: config.Diff, all or nothing
//	                     |--> forwarder.Worker, one goroutine and thread each
//	                     |--> slowpath.Path
//	                     +--> bgp.Server, over the slow path's TUN devices
//	Run --> workers, slow path, BGP, link monitor, control socket, metrics     until its context ends; then BGP ends, and it drains
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
// # Events
//
// Lines of the log about the network have a key event, whose words, and the keys beside it, stay the same:
//
//	event           level  keys
//	port-up         info   port, device
//	port-down       warn   port, device, error
//	port-changed    info   port, mac, mtu
//	interface-up    info   interface, vr, port, vlan                  with log: {changes: true} alone, within a second
//	interface-down  warn   interface, vr, port, vlan                  the same
//	route           info   vr, prefix, source, gateway, neighbor, from, as-path   with log: {routes: true} alone; as far as there are any
//	routes          info   vr                                         the same: too many have changed at once
//	session-up      info   vr, neighbor, as
//	session-down    warn   vr, neighbor, as, reason
//	session-failed  info   vr, neighbor, as, reason                   an attempt that came to a connection, but not to a session
//	prefix-limit    warn   vr, neighbor, as, limit, prefixes
//	import-limit    warn   vrf, route-map, max-routes, refused
//	reload          info   file, changes, bgp, warnings
//	reload-refused  error  error
//	replay          info   file, vr, peers, changes
//	replay-ended    info   file, vr, changes, of, elapsed, error
//
// # Privileges
//
// Drop gives up what is not needed once the ports are open.
package router
