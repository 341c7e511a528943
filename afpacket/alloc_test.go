package afpacket_test

import (
	"testing"
	"time"

	"vrfwd/afpacket"
)

// TestAllocations: receiving, sending, freeing and waiting allocate nothing.
func TestAllocations(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		p := newPair(t, afpacket.Options{Rx: v, Tx: v})
		a, d := fill(t, p.frame(1, 60), p.frame(2, 60))
		f, ports := p.frame(3, 60), []*afpacket.Port{p.port}
		got := testing.AllocsPerRun(100, func() {
			p.wire.Send(f)
			_ = afpacket.Wait(ports, 10*time.Millisecond, p.port.FD())
			p.port.Free(p.descs[:p.port.RxBurst(p.descs)])
			p.port.TxBurst(a, d)
		})
		if got != 0 {
			t.Errorf("%v allocations a round", got)
		}
	})
}
