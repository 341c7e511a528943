//go:build !purego

package forwarder

import (
	"math/rand/v2"
	"testing"

	"vrfwd/lpm"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// twice runs f with the kernels, where this CPU can run them, and without.
func twice(t *testing.T, f func(t *testing.T)) {
	with := kernels
	defer func() { kernels = with }()
	t.Run("kernels", func(t *testing.T) {
		if !with {
			t.Skip("this CPU can run none")
		}
		f(t)
	})
	kernels = false
	t.Run("go", f)
}

// TestKernelsTakeAll: of packets of which nothing is unusual the kernels leave none to their twins, whatever else they hold.
func TestKernelsTakeAll(t *testing.T) {
	if !kernels {
		t.Skip("this CPU can run none, or the race detector watches")
	}
	b := benchBed(t)
	frames, r := benchFrames(MaxBurst), rand.New(rand.NewPCG(11, 12))
	for _, f := range frames {
		ip := packet.IPv4(f[packet.EthernetLen+packet.TagLen:])
		ip.SetTTL(uint8(2 + r.IntN(254)))
		ip.SetID(uint16(r.Uint32()))
		ip.SetProtocol(uint8(r.Uint32()))
		ip.SetSrc((1+r.Uint32N(126))<<24 | r.Uint32N(1<<24))
		ip.SetChecksum()
	}
	from := newLooped(t, frames)
	w := b.worker(Config{Ports: []Port{from, &FuncPort{Memory: from.Memory}}})
	if n := w.receive(&w.in[0]); n != MaxBurst {
		t.Fatalf("%d received", n)
	}
	if n, bytes := w.b.classifyRun(0, 0, w.ingressOf(b.view)); n != MaxBurst || bytes != MaxBurst*uint64(len(frames[0])) {
		t.Errorf("%d of %d classified, %d bytes", n, MaxBurst, bytes)
	}
	w.b.live = MaxBurst
	if n := w.validateRun(b.view, 0, 0); n != MaxBurst {
		t.Errorf("%d of %d validated", n, MaxBurst)
	}
	w.lookup(b.view)
	if n := w.rewriteRun(b.view, 0); n != MaxBurst {
		t.Errorf("%d of %d rewritten", n, MaxBurst)
	}
}

// TestPlaces: a hop's place is its adjacency's, and that of no route where it has none.
func TestPlaces(t *testing.T) {
	if !kernels {
		t.Skip("this CPU can run none, or the race detector watches")
	}
	v, r := &vrftable.View{Adj: make([]vrftable.Adjacency, 1000)}, rand.New(rand.NewPCG(15, 16))
	for live := range MaxBurst + 1 {
		b := &burst{live: live}
		for j := range b.hop[:live] {
			b.hop[j] = lpm.Hop(r.Uint32N(1100))
			if r.IntN(10) == 0 {
				b.hop[j] = ^b.hop[j]
			}
		}
		b.places(v)
		for j, hop := range b.hop {
			want := uint32(hop) * adjSize
			if hop >= lpm.Hop(len(v.Adj)) {
				want = 0
			}
			if b.place[j] != want {
				t.Fatalf("%d packets: hop %d of the %d. has place %d, not %d", live, hop, j, b.place[j], want)
			}
		}
	}
}

// TestLengthsTwin: the kernel adds lengths up as its twin does, whatever else descriptors hold.
func TestLengthsTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	d := make([]packet.Desc, MaxBurst)
	for i := range d {
		d[i] = packet.Desc{Off: r.Uint32(), Len: uint16(r.Uint32()), TCI: uint16(r.Uint32()), Port: uint16(r.Uint32()),
			Flags: uint16(r.Uint32()), Mark: r.Uint32()}
	}
	for n := range len(d) + 1 {
		if got, want := lengths(d[:n]), lengthsEach(d[:n]); got != want {
			t.Fatalf("%d frames: %d bytes, not %d", n, got, want)
		}
	}
}
