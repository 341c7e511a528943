//go:build !purego

package forwarder

import (
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// prefetchAdjacencies prefetches the adjacencies of the first n hops, and of the rest of the last eight, before the stage that loads
// them: prefetches retire at once, where loads that miss fill the core's reorder buffer after a handful of packets. A hop without an
// adjacency does no harm.
//
//go:noescape
func prefetchAdjacencies(adj *vrftable.Adjacency, hops *[MaxBurst + ahead]lpm.Hop, n uint)
