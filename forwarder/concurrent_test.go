package forwarder

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"vrfwd/lpm"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// TestWorkersWhileViewsChange runs two workers, each with its own queue on each of two ports, while the view is swapped
// and a route moves between two adjacencies in place; a reader sums the counters all the time. No packet is lost,
// duplicated or sent anywhere but to one of the two.
func TestWorkersWhileViewsChange(t *testing.T) {
	const frames, rounds = 128, 300
	b := newBed(t, 2, 2)
	b.primary(0, 10, 1, 1, true)
	b.primary(1, 0, 2, 0, true)
	for hop := lpm.Hop(1); hop <= 4; hop++ {
		b.adjacency(hop, 10+uint16(hop), 1)
	}
	b.route(0, "20.0.0.0", 8, 1)
	b.route(1, "30.0.0.0", 8, 3)

	ctx, cancel := context.WithCancel(context.Background())
	var running, outsides sync.WaitGroup
	var workers []*Worker
	for n := range 2 {
		a := newArena(t, frames, 128)
		in, out := newMemPort(t, a, frames), newMemPort(t, a, frames)
		w := b.worker(Config{Ports: []Port{in, out}})
		workers = append(workers, w)
		running.Add(1)
		go func() {
			defer running.Done()
			if err := w.Run(ctx); err != nil {
				t.Error(err)
			}
		}()
		outsides.Add(1)
		go func() {
			defer outsides.Done()
			outsideOf(t, a, in, out, rounds, uint32(n))
		}()
	}

	stop, background := make(chan struct{}), sync.WaitGroup{}
	background.Add(2)
	go func() { // the writer
		defer background.Done()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			v := *b.current.Load()
			v.Generation++
			v.Ports = append([]*[vrftable.VLANs]vrftable.Ingress(nil), v.Ports...)
			b.current.Store(&v)
			if err := v.Global.Apply([]lpm.Route{{Addr: 20 << 24, Len: 8, Hop: lpm.Hop(1 + i%2)}}); err != nil {
				t.Error(err)
			}
			if err := v.VRFs.Apply(1, []lpm.Route{{Addr: 30 << 24, Len: 8, Hop: lpm.Hop(3 + i%2)}}); err != nil {
				t.Error(err)
			}
			if i%16 == 0 {
				b.readers.Synchronize()
			}
			runtime.Gosched()
		}
	}()
	go func() { // the reader of counters
		defer background.Done()
		last := Totals{}
		for {
			select {
			case <-stop:
				return
			default:
			}
			n := Sum(workers...)
			if n.Received < last.Received || n.Forwarded < last.Forwarded {
				t.Errorf("counters went back: %v after %v", n, last)
			}
			last = n
			SumIface(11, workers...)
			runtime.Gosched()
		}
	}()
	outsides.Wait()
	close(stop)
	background.Wait()
	cancel()
	running.Wait()

	n := balanced(t, workers...)
	if n.Forwarded != 2*frames*rounds || n.Dropped != 0 {
		t.Error(n)
	}
	sum := uint64(0)
	for iface := uint16(11); iface <= 14; iface++ {
		sum += SumIface(iface, workers...).Tx.Packets
	}
	if sum != n.Forwarded || n.Ports[1].Tx.Packets != sum {
		t.Errorf("the interfaces sent %d, port 1 %d, forwarded are %d", sum, n.Ports[1].Tx.Packets, n.Forwarded)
	}
}

// outsideOf injects numbered frames, rounds times the whole arena, and checks what comes back.
func outsideOf(t *testing.T, a *packet.Arena, in, out *MemPort, rounds int, flow uint32) {
	frames := a.Frames()
	d := make([]packet.Desc, frames)
	next := uint32(0)
	for range rounds {
		for i := range d {
			f := ipv4Frame(host+flow, uint32(20+i%2*10)<<24|flow, 64, 60, 10)
			binary.BigEndian.PutUint32(f[len(f)-4:], next+uint32(i))
			d[i] = a.Desc(i)
			d[i].Len, d[i].Mark = uint16(len(f)), uint32(i)
			copy(a.Frame(d[i]), f)
		}
		if in.Inject(d) != frames {
			t.Error("the rx ring is full")
			return
		}
		for n := 0; n < frames; {
			k := out.Collect(d[n:])
			for _, got := range d[n : n+k] {
				if err := check(a.Frame(got), flow, next); err != nil {
					t.Error(err)
				}
				next++
			}
			if n += k; k == 0 {
				runtime.Gosched()
			}
		}
	}
}

// check verifies a collected frame: its order, its flow, its layer 2 header by its destination.
func check(f []byte, flow, seq uint32) error {
	ip, err := packet.ParseIPv4(f[14:])
	if err != nil {
		return err
	}
	hop := f[5]
	got := binary.BigEndian.Uint32(f[len(f)-4:])
	if got != seq || ip.Src() != host+flow || ip.TTL() != 63 || !ip.ChecksumOK() {
		return fmt.Errorf("flow %d: frame %d where %d was due: %x", flow, got, seq, f)
	}
	if to30 := ip.Dst()>>24 == 30; hop < 1 || hop > 4 || to30 != (hop > 2) {
		return fmt.Errorf("flow %d: destination %#x was sent to hop %d", flow, ip.Dst(), hop)
	}
	return nil
}
