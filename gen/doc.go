// Package gen makes the input of a measurement: routing tables, VRFs and traffic.
//
// Everything is deterministic: the same configuration and seed give the same routes and the same frames, on every
// machine and with every number of CPUs. There is no global state; the random source is math/rand/v2's PCG.
//
//   - Tables: Synthetic (a full Internet table of any size after a measured model), RealTable (the table in bart's
//     module) and ReadTable (prefix lists). All give routes sorted by address, then length, each prefix once.
//   - Route collectors' files of a table: WriteDump and WriteUpdates write MRT, with paths and attributes of many peers.
//   - VRFs: the routes of many customers, by profile, with overlapping private addresses.
//   - Traffic: frames with a signature, and a Checker that finds wrong egress, VRF leak, loss, reordering and
//     duplication in what comes back.
//   - For live traffic: a Stamp with the time of sending in place of the signature, a Pacer that says when frames are
//     due, Rate and Pool as people write them.
//
// A route's hop is a next-hop index 1..n; what adjacency it stands for is the caller's matter.
package gen
