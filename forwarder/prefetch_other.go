//go:build !amd64 || purego

package forwarder

import (
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

func prefetchAdjacencies(*vrftable.Adjacency, *[MaxBurst + ahead]lpm.Hop, uint) {}
