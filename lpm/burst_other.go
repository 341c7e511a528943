//go:build !amd64 || purego

package lpm

func (d *dense) burst(addrs []uint32, hops []Hop, escapes *marks) { d.burstGo(addrs, hops, escapes, 0) }

func (s *Set) dual(d *dense, keys []Key, hops []Hop, list *picks, escapes *marks) int {
	return s.dualGo(d, keys, hops, list, escapes, 0, 0)
}

func (s *Set) walkAll(keys []Key, hops []Hop, list []uint32) { s.walkAllGo(keys, hops, list) }
