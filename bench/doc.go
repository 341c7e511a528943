// Package bench runs the engine and measures it, in memory: a Scenario is a provider edge with its tables, a Bed gives
// it workers, traffic and ports, and a trial on the Bed ends in an account of every frame and a rate.
//
//	Network --New--> Scenario --NewBed(Load)--> Bed --Run(Run)--> Trial
//	                 | vrftable.Table            | generator, sink, workers
//	                 | model                     | samecore:  each worker's thread generates, forwards and collects
//	                 |                           | rings:     one thread generates and collects, workers have their own
//
// A Run may have a rate: then frames fall due by the clock, those that find a worker's queue full are lost, and those that the
// generator had no time to make are its own shortfall. Tester is a Bed as a trial.Device, which vrfwd/bench/search's searches
// run on as they do on live ports. In samecore the thread that generates is the one that forwards: what it offers at a rate
// waits while it forwards, and is lost beyond the queue.
//
// # What is counted
//
// A trial warms up, runs, stops, lets everything drain and then reads the counters. For every flow
//
//	sent = received + lost + discarded        discarded: not received, as the model expects
//	frames that came back = received + duplicated
//
// and for the workers received = forwarded + punted + the sum of drops by reason. A generator that finds no free frame
// backs off and counts that; without a rate it drops nothing.
//
// No figure includes a network card, a kernel or a driver.
//
// # The model
//
// What must become of a frame is decided by a slow model that knows the network as it was planned, not as vrftable
// resolved it: one bart table per VRF and one for the parent, looked up one after the other as DESIGN 3 says, and an
// expected frame that gopacket serialises.
package bench
