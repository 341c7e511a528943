package bench

import (
	"cmp"
	"slices"

	"vrfwd/packet"
)

// Frames calls f with the first n frames that the first worker of a Bed with this Load is sent, in their order, for
// others to forward the same. Frames come without FCS, and f may not keep them. Errors are those of NewBed.
func (s *Scenario) Frames(l Load, n int, f func(frame []byte)) error {
	if err := l.complete(&s.Network); err != nil {
		return err
	}
	sources, all, err := s.sources(&l, 0, l.Seed)
	if err != nil {
		return err
	}
	slices.SortFunc(sources, func(a, b source) int { return cmp.Compare(a.port, b.port) }) // as workers poll
	longest := 0
	for _, t := range all {
		longest = max(longest, t.MaxLen())
	}
	a, err := packet.NewArena(l.Burst, max(longest, packet.CacheLine))
	if err != nil {
		return err
	}
	defer a.Close()
	d := make([]packet.Desc, l.Burst)
	for n > 0 {
		for i := range sources {
			burst := d[:min(sources[i].burst, n)]
			for slot := range burst {
				burst[slot] = a.Desc(slot)
			}
			sources[i].fill(a, burst)
			for _, one := range burst {
				f(a.Frame(one))
			}
			n -= len(burst)
		}
	}
	return nil
}
