//go:build !amd64 || purego

package lpm

func (d *dense) burst(addrs []uint32, hops []Hop, escapes *marks) { d.burstGo(addrs, hops, escapes, 0) }

func (d *dense) dual(keys []Key, hops []Hop, first []uint32, candidates, escapes *marks) {
	d.dualGo(keys, hops, first, candidates, escapes, 0)
}

func (s *Set) walkAll(keys []Key, hops []Hop, c *marks) { s.walkAllGo(keys, hops, c, 0) }
