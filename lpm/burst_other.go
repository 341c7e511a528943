//go:build !amd64 || purego

package lpm

func (d *dense) burst(addrs []uint32, hops []Hop) bool { return d.burstGo(addrs, hops) }

func (d *dense) global(keys []Key, hops []Hop) bool { return d.globalGo(keys, hops) }

func (s *Set) filter(keys []Key, c *candidates) int { return s.filterGo(keys, c, 0, 0) }

func (s *Set) find(keys []Key, c *candidates, n int, found *answers) { s.findGo(keys, c, n, found) }
