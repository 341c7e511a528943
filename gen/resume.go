package gen

// What a checker needs whose Traffics are made in another process: it has them made once more, from the same Config, and
// is told how far they have come.

// Skip does as if n frames had been filled: it moves on and counts them.
func (t *Traffic) Skip(n uint64) {
	t.sent += n
	if t.pattern != nil {
		t.sized = int((uint64(t.sized) + n) % uint64(len(t.pattern)))
	}
	if t.order == nil {
		at := uint64(t.position) + n
		t.round += uint32(at / uint64(t.flows))
		t.position = int(at % uint64(t.flows))
		return
	}
	period := uint64(len(t.order))
	if whole := n / period; whole > 0 && t.signed {
		for _, flow := range t.order {
			t.next[flow] += uint32(whole)
		}
	}
	for range n % period {
		if t.signed {
			t.next[t.order[t.position]]++
		}
		t.position = (t.position + 1) & (len(t.order) - 1)
	}
}

// Reached returns how many frames a Traffic of flows in turn (FlowZipf 0) must have filled at least, by the newest frame of
// it that was checked: each flow's sequence number is the number of the round. The Traffic itself, one of NewChecker's,
// has filled none here. Rounds are counted modulo 2^32.
func (c *Checker) Reached(t *Traffic) (n uint64) {
	for i := range t.flows {
		if rounds := uint64(c.states[t.first-c.base+uint32(i)].next); rounds > 0 {
			n = max(n, (rounds-1)*uint64(t.flows)+uint64(i)+1)
		}
	}
	return n
}

// Judge is Check for a frame whose flow and sequence the caller has found by himself, in a Stamp for instance.
func (c *Checker) Judge(flow, seq uint32, egress, context uint16) Verdict {
	at := flow - c.base
	if uint64(at) >= uint64(len(c.states)) {
		c.sum.Corrupt++
		return Corrupt
	}
	f := &c.states[at]
	got := place16(context, egress)
	if seq == f.next && got == f.expect && egress != 0 {
		f.window = f.window<<1 | 1
		f.next++
		return 0
	}
	return c.fault(at, uint64(seq)<<32|uint64(f.expect), got)
}

// Context returns the table that the flow's egress belongs to, as Expect gave it; 0 for a flow that there is not.
func (c *Checker) Context(flow uint32) uint16 {
	if at := flow - c.base; uint64(at) < uint64(len(c.states)) {
		return uint16(c.states[at].expect >> 16)
	}
	return 0
}
