package forwarder

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"vrfwd/internal/qsbr"
	"vrfwd/lpm"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

const (
	host   = 10<<24 | 1<<16 | 2 // 10.1.0.2, a source
	remote = 20<<24 | 9         // 20.0.0.9
)

// TestVLAN forwards from every sort of ingress tag to every sort of egress tag: push, pop, swap, and none.
func TestVLAN(t *testing.T) {
	ingress := map[string]func() input{
		"untagged": func() input { return input{frame: ipv4Frame(host, remote, 64, 50)} },
		"tag":      func() input { return input{frame: ipv4Frame(host, remote, 64, 50, 0xa000|5)} },
		"priority": func() input { return input{frame: ipv4Frame(host, remote, 64, 50, 0xa000)} },
		"tci": func() input {
			return input{frame: ipv4Frame(host, remote, 64, 50), tci: 0x2000 | 5, flags: packet.FlagTCI}
		},
		"802.1ad": func() input {
			f := ipv4Frame(host, remote, 64, 50, 5)
			f[12], f[13] = 0x88, 0xa8
			return input{frame: f}
		},
	}
	egress := map[string][]uint16{"untagged": nil, "tag": {7}, "two tags": {8, 9}}
	for from, in := range ingress {
		for to, tags := range egress {
			t.Run(from+" to "+to, func(t *testing.T) {
				b := newBed(t, 2, 1)
				b.primary(0, 0, 1, 0, true)
				b.primary(0, 5, 2, 0, true)
				b.adjacency(1, 3, 1, tags...)
				b.route(0, "20.0.0.0", 8, 1)
				r := newRig(t, b, 0, 1, nil, 0)
				r.compare(t, []input{in()})
				if r.src.got[0].verdict != Fast {
					t.Fatal(balanced(t, r.w))
				}
				iface := uint16(2)
				if from == "untagged" || from == "priority" {
					iface = 1
				}
				if c := SumIface(iface, r.w).Rx; c != (Traffic{1, 50}) {
					t.Errorf("ingress interface counted %+v", c)
				}
				if c := SumIface(3, r.w).Tx; c != (Traffic{1, 50}) {
					t.Errorf("egress interface counted %+v", c)
				}
				n := Sum(r.w)
				rx, tx := uint64(len(in().frame)), uint64(14+4*len(tags)+50)
				if n.Ports[0].Rx != (Traffic{1, rx}) || n.Ports[1].Tx != (Traffic{1, tx}) {
					t.Errorf("ports counted %+v", n.Ports[:2])
				}
			})
		}
	}
}

// TestReasons has one frame for each reason that a frame or its route can cause, and none that is forwarded.
func TestReasons(t *testing.T) {
	frame := func(dst uint32, edit func(f []byte)) []byte {
		f := ipv4Frame(host, dst, 64, 60)
		if edit != nil {
			edit(f)
		}
		ip := packet.IPv4(f[14:])
		if n := ip.HeaderLen(); n >= 20 && n <= len(ip) {
			ip.SetChecksum()
		}
		return f
	}
	good := uint32(20 << 24)
	cases := []struct {
		reason Reason
		in     input
	}{
		{Runt, input{frame: frame(good, nil)[:33]}},
		{Runt, input{}},
		{NoPrimary, input{frame: frame(good, nil), tci: 40, flags: packet.FlagTCI}},
		{NoPrimary, input{frame: frame(good, nil), tci: 4095, flags: packet.FlagTCI}},
		{InterfaceDown, input{frame: frame(good, nil), tci: 30, flags: packet.FlagTCI}},
		{ARP, input{frame: frame(good, func(f []byte) { f[13] = 6 })}},
		{NotIPv4, input{frame: frame(good, func(f []byte) { f[12], f[13] = 0x86, 0xdd })}},
		{NotIPv4, input{frame: ipv4Frame(host, good, 64, 60, 10, 11)}},
		{LinkMulticast, input{frame: frame(good, func(f []byte) { f[0] = 0xff })}},
		{BadVersion, input{frame: frame(good, func(f []byte) { f[14] = 0x65 })}},
		{BadIHL, input{frame: frame(good, func(f []byte) { f[14] = 0x44 })}},
		{BadLength, input{frame: frame(good, func(f []byte) { f[17] = 19 })}},
		{BadLength, input{frame: frame(good, func(f []byte) { f[17] = 61 })}},
		{BadChecksum, input{frame: func() []byte { f := frame(good, nil); f[24] ^= 1; return f }()}},
		{BadOptions, input{frame: frame(good, func(f []byte) { f[14], f[34], f[35] = 0x46, 130, 9 })}},
		{MartianSource, input{frame: frame(good, func(f []byte) { f[26] = 127 })}},
		{MartianSource, input{frame: frame(good, func(f []byte) { f[26] = 224 })}},
		{MartianDestination, input{frame: frame(good, func(f []byte) { f[30] = 0 })}},
		{MartianDestination, input{frame: frame(good, func(f []byte) { f[30] = 255 })}},
		{Options, input{frame: frame(good, func(f []byte) { copy(f[14:], []byte{0x46}); copy(f[34:], []byte{148, 4, 0, 0}) })}},
		{NoRoute, input{frame: frame(11<<24, nil)}},
		{Discard, input{frame: frame(20<<24|7<<16, nil)}},
		{Reject, input{frame: frame(20<<24|8<<16, nil)}},
		{Local, input{frame: frame(20<<24|9<<16, nil)}},
		{Local, input{frame: frame(20<<24|9<<16, func(f []byte) { f[22] = 0 })}},
		{TTLExpired, input{frame: frame(good, func(f []byte) { f[22] = 1 })}},
		{TTLExpired, input{frame: frame(good, func(f []byte) { f[22] = 0 })}},
		{TTLExpired, input{frame: frame(20<<24|10<<16, func(f []byte) { f[22] = 1 })}},
		{Discard, input{frame: frame(20<<24|7<<16, func(f []byte) { f[22] = 1 })}},
		{Glean, input{frame: frame(20<<24|10<<16, nil)}},
		{MTUExceeded, input{frame: frame(20<<24|4<<16, func(f []byte) { f[20] = 0x40 })}},
		{Fragment, input{frame: frame(20<<24|4<<16, nil)}},
		{NoPort, input{frame: frame(20<<24|5<<16, nil)}},
		{NoPort, input{frame: frame(20<<24|6<<16, nil)}},
		{Unknown, input{frame: frame(20<<24|11<<16, nil)}},
	}
	b := twinBed(t)
	b.view.Adj[4].MTU = 59
	for _, live := range []bool{false, true} {
		for i, c := range cases {
			var slow *SlowPath
			if live {
				slow = newSlowPath(t, 4)
			}
			r := newRig(t, b, 0, 1, slow, 0)
			r.compare(t, []input{c.in})
			n := balanced(t, r.w)
			counts := n.Drops
			if live && c.reason.Verdict() == Slow {
				counts = n.Punts
			}
			if counts[c.reason] != 1 {
				t.Errorf("case %d, slow path %v: want %v, got %v", i, live, c.reason, n)
			}
		}
	}
}

// TestNoPortsInView: the view knows fewer ports than the worker has.
func TestNoPortsInView(t *testing.T) {
	b := twinBed(t)
	r := newRig(t, b, 0, 1, nil, 0)
	for _, ports := range [][]*[vrftable.VLANs]vrftable.Ingress{nil, {nil, nil, nil}} {
		v := *b.view
		v.Ports = ports
		b.current.Store(&v)
		r.src.fill([]input{{frame: ipv4Frame(host, remote, 64, 60)}})
		r.w.Poll()
	}
	if n := balanced(t, r.w); n.Drops[NoPrimary] != 2 {
		t.Error(n)
	}
}

// TestTTL forwards each TTL with its checksum over every value of the corner in which the carry comes around.
func TestTTL(t *testing.T) {
	b := twinBed(t)
	r := newRig(t, b, 0, 1024, nil, 0)
	var ins []input
	for ttl := range 256 {
		for id := range 4 {
			f := ipv4Frame(host, remote, uint8(ttl), 60)
			ip := packet.IPv4(f[14:])
			// An identification that makes the sum of the rest 0xffff-id: checksums 0 to 3 and their inverse.
			ip.SetID(0)
			ip.SetChecksum()
			ip.SetID(ip.Checksum() - uint16(id))
			ip.SetChecksum()
			ins = append(ins, input{frame: f})
		}
	}
	r.compare(t, ins)
	if n := balanced(t, r.w); n.Forwarded != 254*4 || n.Drops[TTLExpired] != 8 {
		t.Error(n)
	}
	for i := range ins { // the other zero: accepted, and updated to a sum that verifies
		ip := packet.IPv4(ins[i].frame[14:])
		if ip.Checksum() == 0 {
			ins[i].frame[24], ins[i].frame[25] = 0xff, 0xff
		}
	}
	r.compare(t, ins)
}

// TestTxFull: what a port does not take is dropped, freed, and not counted as sent by any interface.
func TestTxFull(t *testing.T) {
	b := newBed(t, 3, 1)
	b.primary(0, 0, 1, 0, true)
	b.adjacency(1, 2, 1)
	b.adjacency(2, 3, 2)
	b.route(0, "20.0.0.0", 8, 1)
	b.route(0, "30.0.0.0", 8, 2)
	a := newArena(t, 64, 128)
	in, narrow, wide := newMemPort(t, a, 64), newMemPort(t, a, 4), newMemPort(t, a, 64)
	w := b.worker(Config{Ports: []Port{in, narrow, wide}})
	var d []packet.Desc
	for i := range 20 {
		one := a.Desc(i)
		f := ipv4Frame(host, uint32(20+i%2*10)<<24, 9, 60)
		one.Len, one.Mark = uint16(len(f)), uint32(i)
		copy(a.Frame(one), f)
		d = append(d, one)
	}
	in.Inject(d)
	if n := w.Poll(); n != 20 {
		t.Fatalf("Poll handled %d", n)
	}
	n := balanced(t, w)
	if n.Forwarded != 14 || n.Drops[TxFull] != 6 {
		t.Error(n)
	}
	if c := SumIface(2, w).Tx; c != (Traffic{4, 240}) {
		t.Errorf("the narrow port's interface sent %+v", c)
	}
	if c := SumIface(3, w).Tx; c != (Traffic{10, 600}) {
		t.Errorf("the wide port's interface sent %+v", c)
	}
	if n.Ports[1].Tx != (Traffic{4, 4 * 74}) || n.Ports[2].Tx != (Traffic{10, 740}) {
		t.Errorf("ports sent %+v", n.Ports[:3])
	}
	back := make([]packet.Desc, 20)
	if got := in.Freed(back); got != 6 || back[0].Mark != 8 {
		t.Errorf("freed %d: %v", got, back[:got])
	}
}

// TestPacketOf: each frame that rewrite has queued is the packet that it was, whatever left before it.
func TestPacketOf(t *testing.T) {
	twice(t, func(t *testing.T) {
		b := newBed(t, 3, 1)
		b.primary(0, 0, 1, 0, true)
		b.adjacency(1, 2, 1)
		b.adjacency(2, 3, 2, 7)
		b.adjacency(3, 4, 2, 8, 9)
		b.kind(4, vrftable.Discard)
		for i := range 4 { // none to 24.0.0.0/8
			b.route(0, fmt.Sprintf("%d.0.0.0", 20+i), 8, lpm.Hop(1+i))
		}
		var frames [][]byte
		r := rand.New(rand.NewPCG(17, 18))
		for range MaxBurst {
			f := ipv4Frame(host, (20+r.Uint32N(5))<<24, uint8(1+r.IntN(10)), 60)
			if r.IntN(20) == 0 {
				f[14]++ // no such header length
			}
			frames = append(frames, f)
		}
		from := newLooped(t, frames)
		w := b.worker(Config{Ports: []Port{from, &FuncPort{Memory: from.Memory}, &FuncPort{Memory: from.Memory}}})
		w.receive(&w.in[0])
		for i := range w.b.d {
			w.b.d[i].Mark = uint32(i)
		}
		w.classify(b.view)
		w.validate(b.view)
		w.lookup(b.view)
		w.rewrite(b.view)
		queued := 0
		for i, out := range w.out[1:3] {
			j := 0
			for k, d := range out.d[:out.n] {
				if j = w.b.packetOf(d, j); d.Mark != uint32(w.b.at[j]) {
					t.Fatalf("port %d: frame %d is packet %d, not the %d.", 1+i, k, d.Mark, j)
				}
			}
			queued += out.n
		}
		if queued+w.b.gone != MaxBurst || queued < MaxBurst/4 || w.b.gone < MaxBurst/4 {
			t.Errorf("%d queued, %d left, of %d", queued, w.b.gone, MaxBurst)
		}
	})
}

// TestBadDescriptor: a port that describes bytes outside its arena does no harm, among good frames either.
func TestBadDescriptor(t *testing.T) {
	b := twinBed(t)
	a := newArena(t, 10, 128)
	size := uint32(len(a.Bytes()))
	frame := ipv4Frame(host, 20<<24, 64, 46) // 60 bytes, to hop 1
	bad := []packet.Desc{
		{Off: 0, Len: 60}, {Off: Reserve - 1, Len: 60}, {Off: size - 59, Len: 60}, {Off: size, Len: 60},
		{Off: ^uint32(0), Len: ^uint16(0)}, {Off: ^uint32(31), Len: 60}, {Off: size, Len: 0},
	}
	var burst []packet.Desc
	freed := 0
	p := &FuncPort{Memory: a, Done: func(d []packet.Desc) { freed += len(d) }}
	p.Rx = func(d []packet.Desc) int { n := copy(d, burst); burst = burst[n:]; return n }
	p.Tx = func(_ *packet.Arena, d []packet.Desc) int { return len(d) }
	w := b.worker(Config{Ports: []Port{p}})
	for i, d := range bad {
		for at := range 8 {
			burst = nil
			for slot := range 8 {
				good := a.Desc(1 + slot) // the first and the last are bad ones'
				good.Len = uint16(copy(a.Frame(packet.Desc{Off: good.Off, Len: 128}), frame))
				burst = append(burst, good)
			}
			if int(d.Off)+int(d.Len) <= len(a.Bytes()) {
				copy(a.Bytes()[d.Off:], frame) // good, if it were not for the place
			}
			burst[at] = d
			before := Sum(w)
			freed = 0
			w.Poll()
			n := balanced(t, w)
			n = n.Sub(&before)
			want := BadDescriptor
			if i == len(bad)-1 {
				want = Runt
			}
			if n.Drops[want] != 1 || n.Forwarded != 7 || freed != 1 {
				t.Errorf("%+v as number %d of 8: %v; freed %d", d, at, n, freed)
			}
		}
	}
}

// TestSlowPathFull: half of the slow path is kept for what is not an ICMP error; what finds no room is dropped.
func TestSlowPathFull(t *testing.T) {
	b := twinBed(t)
	slow := newSlowPath(t, 8)
	r := newRig(t, b, 0, 64, slow, 0)
	send := func(n int, dst uint32) {
		var ins []input
		for range n {
			ins = append(ins, input{frame: ipv4Frame(host, dst, 64, 60)})
		}
		r.src.fill(ins)
		r.w.Poll()
	}
	const unreachable, local, glean = 11 << 24, 20<<24 | 9<<16, 20<<24 | 10<<16
	send(2, unreachable)
	send(20, glean)
	send(20, unreachable)
	send(20, local)
	arp := make([]input, 20)
	for i := range arp {
		arp[i].frame = ipv4Frame(host, local, 64, 60)
		arp[i].frame[13] = byte(packet.EtherTypeARP & 0xff)
	}
	r.src.fill(arp)
	r.w.Poll()
	n := balanced(t, r.w)
	if n.Punts[NoRoute] != 2 || n.Drops[NoRoute] != 20 || n.Punts[Glean] != 2 || n.Punts[Local] != 3 || n.Punts[ARP] != 1 ||
		n.Drops[SlowFull] != 18+17+19 || n.Drops[Local]+n.Drops[Glean]+n.Drops[ARP] != 0 {
		t.Error(n)
	}
	d := make([]packet.Desc, 16)
	if got := slow.Pop(d); got != 8 || Reason(d[0].Mark) != NoRoute || Reason(d[2].Mark) != Glean || Reason(d[7].Mark) != ARP {
		t.Fatalf("%d: %v", got, d)
	}
	slow.Free(d[:8])
	send(20, local)
	if n := balanced(t, r.w); n.Punts[Local] != 3+7 {
		t.Error(n)
	}
}

// TestViewPerBurst: a view is loaded once per burst, and a worker at rest delays no writer.
func TestViewPerBurst(t *testing.T) {
	b := twinBed(t)
	loads := 0
	src := newSource(t, 600, 2048, 3, 0)
	w, err := NewWorker(Config{
		Ports:   src.sinks,
		View:    func() *vrftable.View { loads++; return b.view },
		Readers: &b.readers,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var ins []input
	for range 600 {
		ins = append(ins, input{frame: ipv4Frame(host, remote, 64, 60)})
	}
	src.fill(ins)
	for i, want := range []int{256, 256, 88, 0} {
		token := b.readers.Advance()
		if n := w.Poll(); n != want || loads != min(i+1, 3) {
			t.Errorf("Poll %d handled %d and has loaded %d views", i, n, loads)
		}
		if !b.readers.Passed(token) {
			t.Error("the worker holds up writers after Poll")
		}
	}
	if n := balanced(t, w); n.Polls != 4 || n.Idle != 1 {
		t.Errorf("polls %d idle %d", n.Polls, n.Idle)
	}
}

func TestRun(t *testing.T) {
	b := twinBed(t)
	a := newArena(t, 64, 128)
	ports := []Port{newMemPort(t, a, 64), newMemPort(t, a, 64), newMemPort(t, a, 64)}
	w := b.worker(Config{Ports: ports})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	in, out := ports[0].(*MemPort), ports[0].(*MemPort)
	spare := make([]packet.Desc, 0, 64)
	for i := range 64 {
		spare = append(spare, a.Desc(i))
	}
	got := make([]packet.Desc, 64)
	deadline := time.Now().Add(20 * time.Second)
	for round := range 50 {
		d := spare[round%4*16:][:16]
		for i := range d {
			f := ipv4Frame(host, 20<<24, 64, 60)
			d[i].Off, d[i].Len = a.Desc(a.Slot(d[i])).Off, uint16(len(f))
			copy(a.Frame(d[i]), f)
		}
		in.Inject(d)
		for n := 0; n < 16; n += out.Collect(got) {
			if time.Now().After(deadline) {
				t.Fatalf("round %d: %d of 16 came back: %v", round, n, Sum(w))
			}
		}
		if round%10 == 0 {
			time.Sleep(20 * time.Millisecond) // let the worker go to sleep
			b.readers.Synchronize()
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	b.readers.Synchronize()
	if n := balanced(t, w); n.Forwarded != 800 {
		t.Error(n)
	}
}

// TestPaddingIsNotCounted: bytes are those of the packets, however long the port makes the frames.
func TestPaddingIsNotCounted(t *testing.T) {
	b := twinBed(t)
	r := newRig(t, b, 0, 1, nil, 0)
	r.compare(t, []input{{frame: ipv4Frame(host, remote, 64, 20)}})
	if n := Sum(r.w); n.Ports[0].Rx.Bytes != 60 || n.Ports[0].Tx.Bytes != 34 || SumIface(11, r.w).Tx.Bytes != 20 {
		t.Errorf("%+v, %+v", n.Ports[0], SumIface(11, r.w))
	}
}

func TestRunPinned(t *testing.T) {
	b := twinBed(t)
	w := b.worker(Config{Pin: true, CPU: 1 << 20})
	if err := w.Run(context.Background()); err == nil {
		t.Error("a worker was pinned to CPU 1048576")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := pinnable(t, b).Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestNewWorkerRefuses(t *testing.T) {
	b := twinBed(t)
	for _, c := range []Config{
		{},
		{View: b.current.Load},
		{Readers: &qsbr.Domain{}},
		{View: b.current.Load, Readers: &b.readers, Burst: 257},
		{View: b.current.Load, Readers: &b.readers, Burst: -1},
		{View: b.current.Load, Readers: &b.readers, Ports: make([]Port, MaxPorts+1)},
	} {
		if _, err := NewWorker(c); err == nil {
			t.Errorf("NewWorker accepts %+v", c)
		}
	}
}

// TestPollStages: what is timed is forwarded as ever, and each stage takes time.
func TestPollStages(t *testing.T) {
	b := twinBed(t)
	r := rand.New(rand.NewPCG(9, 10))
	var ins []input
	for range 500 {
		ins = append(ins, randomFrame(r))
	}
	rigs := [2]*rig{newRig(t, b, 0, len(ins), nil, 0), newRig(t, b, 0, len(ins), nil, 0)}
	for _, rig := range rigs {
		rig.src.fill(ins)
	}
	for rigs[0].w.Poll() > 0 {
	}
	var spent [NumStages]time.Duration
	for rigs[1].w.PollStages(&spent) > 0 {
	}
	if want, got := balanced(t, rigs[0].w), balanced(t, rigs[1].w); got.Received != 500 || got != want {
		t.Errorf("timed: %v, not timed: %v", got, want)
	}
	for s, d := range spent {
		if d <= 0 {
			t.Errorf("%v took %v", Stage(s), d)
		}
	}
}

// TestCopyBetweenArenas: a port with an arena of its own gets copies, and the originals go back where they came from.
func TestCopyBetweenArenas(t *testing.T) {
	b := twinBed(t)
	a, other := newArena(t, 8, 128), newArena(t, 8, 128)
	in, out := newMemPort(t, a, 8), newMemPort(t, other, 8)
	out.Lend(frames(other, 0, 8, 0))
	w := b.worker(Config{Ports: []Port{in, out}})
	f := ipv4Frame(host, 20<<24|1<<16, 64, 60)
	d := a.Desc(3)
	d.Len, d.Mark = uint16(len(f)), 77
	copy(a.Frame(d), f)
	in.Inject([]packet.Desc{d})
	w.Poll()
	got, back := make([]packet.Desc, 8), make([]packet.Desc, 8)
	if n := out.Collect(got); n != 1 || got[0].Mark != 77 {
		t.Fatalf("collected %d: %v: %v", n, got[0], Sum(w))
	}
	if want := twin(b, 0, input{frame: f}).frame; !bytes.Equal(other.Frame(got[0]), want) {
		t.Errorf("sent %x, want %x", other.Frame(got[0]), want)
	}
	if n := in.Freed(back); n != 1 || a.Slot(back[0]) != 3 {
		t.Errorf("freed %d: %v", n, back[0])
	}
	balanced(t, w)
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for r := range NumReasons {
		s := r.String()
		if s == "" || seen[s] || strings.Contains(s, "Reason") {
			t.Errorf("reason %d is called %q", r, s)
		}
		seen[s] = true
		if r.ICMPError() && r.Verdict() != Slow {
			t.Errorf("%v is answered by nobody", r)
		}
	}
	var zero Verdict
	if zero != Drop || fmt.Sprint(Drop, Fast, Slow) != "drop fast slow" || NumReasons.String() != "Reason(27)" {
		t.Error(zero, Drop, Fast, Slow, NumReasons)
	}
	if fmt.Sprint(Receive, Transmit, NumStages) != "receive transmit Stage(6)" {
		t.Error(Receive, Transmit, NumStages)
	}
	n := Totals{Received: 3, Forwarded: 1, Punted: 1, Dropped: 1}
	n.Drops[Runt], n.Punts[Local] = 1, 1
	if n.String() != "received 3 forwarded 1 punted 1 dropped 1; punted local 1; dropped runt 1" {
		t.Error(n.String())
	}
}

// TestFallbackSemantics: any VRF route, however short and whatever its kind, beats the parent's (DESIGN 3.3).
func TestFallbackSemantics(t *testing.T) {
	b := newBed(t, 2, 3)
	b.primary(0, 1, 1, 1, true)
	b.primary(0, 2, 2, 1, false)
	b.primary(0, 3, 3, 2, true)
	b.adjacency(1, 10, 1)
	b.adjacency(2, 11, 1)
	b.kind(3, vrftable.Discard)
	b.route(0, "20.1.2.0", 24, 1)
	b.route(0, "30.1.2.0", 24, 1)
	b.route(1, "20.0.0.0", 7, 2)
	b.route(2, "0.0.0.0", 0, 3)
	r := newRig(t, b, 0, 8, nil, 0)
	to := func(vlan uint16, dst string) input { return input{frame: ipv4Frame(host, ip4(t, dst), 9, 60, vlan)} }
	r.compare(t, []input{
		to(1, "20.1.2.3"), // the VRF's /7 beats the parent's /24
		to(1, "30.1.2.3"), // fallback
		to(2, "30.1.2.3"), // the same VRF without the flag: no route
		to(3, "30.1.2.3"), // the VRF's discard default beats the parent
	})
	n := balanced(t, r.w)
	if SumIface(11, r.w).Tx.Packets != 1 || SumIface(10, r.w).Tx.Packets != 1 ||
		n.Drops[NoRoute] != 1 || n.Drops[Discard] != 1 {
		t.Error(n)
	}
}
