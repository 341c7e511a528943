//go:build !amd64 || purego

package lpm

func (d *dense) burst(addrs []uint32, hops []Hop) bool { return d.burstGo(addrs, hops) }

func (d *dense) dual(keys []Key, hops []Hop, octets []uint32, c *candidates) (escapes bool, n int) {
	return d.dualGo(keys, hops, octets, c, 0, 0)
}

func (s *Set) override(keys []Key, hops []Hop, c *candidates, n int) { s.overrideGo(keys, hops, c, n) }
