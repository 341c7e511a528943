package bench

import (
	"bytes"
	"slices"
	"testing"

	"vrfwd/forwarder"
	"vrfwd/packet"
)

// keeper is a port that notes what its worker receives.
type keeper struct {
	forwarder.Port
	frames *[][]byte
}

func (k keeper) RxBurst(d []packet.Desc) int {
	n := k.Port.RxBurst(d)
	for _, one := range d[:n] {
		*k.frames = append(*k.frames, bytes.Clone(k.Port.Arena().Frame(one)))
	}
	return n
}

// TestFrames: they are what a worker receives, whatever enters through several ports and in several parts.
func TestFrames(t *testing.T) {
	for _, inbound := range []float64{0, 0.4} {
		s, err := New(Network{Routes: 2000, VRFs: 20, Method: Fallback, Return: StaticShare, Uplinks: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		l := Load{Fallback: 0.5, Inbound: inbound, Flows: 4096, Seed: 7}
		const n = 10_000
		var got, want [][]byte
		if err := s.Frames(l, n, func(frame []byte) { got = append(got, bytes.Clone(frame)) }); err != nil {
			t.Fatal(err)
		}
		bed, err := s.newBed(l, func(p forwarder.Port) forwarder.Port { return keeper{p, &want} })
		if err != nil {
			t.Fatal(err)
		}
		defer bed.Close()
		if _, err := bed.Run(t.Context(), Run{Frames: n}); err != nil {
			t.Fatal(err)
		}
		if len(got) != n || len(want) < n || !slices.EqualFunc(got, want[:n], bytes.Equal) {
			t.Errorf("inbound %v: %d frames, not the %d that a worker received", inbound, len(got), len(want))
		}
	}
}
