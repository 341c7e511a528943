//go:build !amd64 || purego

package lpm

func (d *dense) burst(addrs []uint32, hops []Hop) bool { return d.burstGo(addrs, hops) }

func (d *dense) dual(keys []Key, hops []Hop, first []uint32, c *candidates) (escapes bool) {
	return d.dualGo(keys, hops, first, c, 0)
}

func (s *Set) walkAll(keys []Key, hops []Hop, c *candidates) { s.walkAllGo(keys, hops, c, 0) }
