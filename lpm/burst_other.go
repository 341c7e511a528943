//go:build !amd64 || purego

package lpm

func (d *dense) burst(addrs []uint32, hops []Hop, escapes *marks) { d.burstGo(addrs, hops, escapes, 0) }

func (d *dense) pick(keys []Key, hops []Hop, list *picks, escapes *marks) int {
	return d.pickGo(keys, hops, list, escapes, 0, 0)
}

func (s *Set) lookupDual(keys []Key, hops []Hop) { s.lookupInTurn(s.parent.dense.Load(), keys, hops) }

func (s *Set) override(keys []Key, hops []Hop, list *picks, n int) { s.overrideGo(keys, hops, list, n) }
