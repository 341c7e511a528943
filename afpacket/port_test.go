package afpacket_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"vrfwd/afpacket"
	"vrfwd/forwarder"
	"vrfwd/internal/testnet"
	"vrfwd/packet"
)

var _ forwarder.Port = (*afpacket.Port)(nil)

// pair is a veth pair: a port on one end, and the other end's namespace and wire.
type pair struct {
	port  *afpacket.Port
	near  *testnet.NS // the port's, interface "port"
	far   *testnet.NS // interface "wire"
	wire  *testnet.Wire
	descs []packet.Desc
}

func open(t testing.TB, ns *testnet.NS, o afpacket.Options) *afpacket.Port {
	t.Helper()
	var p *afpacket.Port
	var err error
	ns.Do(func() { p, err = afpacket.Open(o) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func newPair(t testing.TB, o afpacket.Options, opts ...testnet.VethOption) *pair {
	t.Helper()
	testnet.Need(t, "net_raw")
	n := testnet.New(t)
	p := &pair{near: n.NS("near"), far: n.NS("far"), descs: make([]packet.Desc, 256)}
	n.Veth(p.near, "port", p.far, "wire", opts...)
	o.Interface = "port"
	p.port = open(t, p.near, o)
	p.wire = p.far.Wire("wire")
	return p
}

// within is how long a busy machine may take.
const within = 20 * time.Second

// receive returns the next frames of the port, n of them.
func (p *pair) receive(t testing.TB, n int) []packet.Desc {
	t.Helper()
	got := []packet.Desc{}
	for end := time.Now().Add(within); len(got) < n && time.Now().Before(end); {
		if err := afpacket.Wait([]*afpacket.Port{p.port}, 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		got = append(got, p.descs[:p.port.RxBurst(p.descs)]...)
	}
	if len(got) != n {
		t.Fatalf("received %d frames, want %d; %+v", len(got), n, p.port.Stats())
	}
	return got
}

// quiet checks that the port receives nothing.
func (p *pair) quiet(t testing.TB) {
	t.Helper()
	for range 5 {
		time.Sleep(2 * time.Millisecond)
		if n := p.port.RxBurst(p.descs); n != 0 {
			t.Fatalf("received %d frames, want none: % x", n, p.port.Arena().Frame(p.descs[0]))
		}
	}
}

// frame makes a frame to the port, of an EtherType that no one else uses, numbered.
func (p *pair) frame(number, size int) []byte {
	f := make([]byte, size)
	mac := p.port.MAC()
	copy(f, mac[:])
	copy(f[6:], p.far.MAC("wire"))
	binary.BigEndian.PutUint16(f[12:], 0x88b5)
	for i := 14; i < size; i++ {
		f[i] = byte(i + number)
	}
	return f
}

func tagged(f []byte, tpid, tci uint16) []byte {
	out := append([]byte{}, f[:12]...)
	out = binary.BigEndian.AppendUint16(out, tpid)
	out = binary.BigEndian.AppendUint16(out, tci)
	return append(out, f[12:]...)
}

// versions runs a test with each version in both directions.
func versions(t *testing.T, run func(t *testing.T, v afpacket.Version)) {
	for _, v := range []afpacket.Version{afpacket.V3, afpacket.V2, afpacket.Msg} {
		t.Run(v.String(), func(t *testing.T) { run(t, v) })
	}
}

func TestReceive(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		// A block for each frame of a round and more: where the test pauses between frames, the kernel retires one for each.
		p := newPair(t, afpacket.Options{Rx: v, BlockSize: 1 << 15, Blocks: 16})
		sizes := []int{60, 61, 64, 127, 128, 1000, 1513, 1514}
		for round := range 40 { // several times around the ring
			for i, size := range sizes {
				p.wire.Send(p.frame(round+i, size))
			}
			got := p.receive(t, len(sizes))
			for i, d := range got {
				if d.Off < forwarder.Reserve || d.Port != 0 || d.Flags != 0 || d.Mark != 0 {
					t.Fatalf("descriptor %+v", d)
				}
				f := p.port.Arena().Frame(d)
				if !bytes.Equal(f, p.frame(round+i, sizes[i])) {
					t.Fatalf("round %d: frame %d differs: % x", round, i, f)
				}
				// The whole reserve may be written to without harm to another frame.
				clear(p.port.Arena().Bytes()[d.Off-forwarder.Reserve : d.Off])
			}
			for i, d := range got { // back out of order, start moved
				d.Off = uint32(int(d.Off) + []int{-16, 0, 16}[i%3])
				got[i] = d
			}
			p.port.Free(got[4:])
			p.port.Free(got[:4])
		}
		if s := p.port.Stats(); s != (afpacket.Stats{RxFrames: uint64(40 * len(sizes))}) {
			t.Errorf("%+v", s)
		}
	})
}

func TestReceiveTag(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		p := newPair(t, afpacket.Options{Rx: v})
		f := p.frame(1, 100)
		for _, tci := range []uint16{0, 1, 0xffff} {
			p.wire.Send(tagged(f, 0x8100, tci))
			d := p.receive(t, 1)
			if d[0].TCI != tci || d[0].Flags != packet.FlagTCI || !bytes.Equal(p.port.Arena().Frame(d[0]), f) {
				t.Errorf("tag %#x: %+v % x", tci, d[0], p.port.Arena().Frame(d[0]))
			}
			p.port.Free(d)
		}
		p.wire.Send(tagged(f, 0x88a8, 5))
		p.quiet(t)
		inner := tagged(f, 0x8100, 7)
		p.wire.Send(tagged(inner, 0x8100, 6))
		d := p.receive(t, 1)
		if d[0].TCI != 6 || !bytes.Equal(p.port.Arena().Frame(d[0]), inner) {
			t.Errorf("two tags: %+v % x", d[0], p.port.Arena().Frame(d[0]))
		}
		p.port.Free(d)
		if s := p.port.Stats(); s.RxTag != 1 || s.RxFrames != 4 {
			t.Errorf("%+v", s)
		}
	})
}

// fill makes an arena with the frames, and descriptors of them.
func fill(t testing.TB, frames ...[]byte) (*packet.Arena, []packet.Desc) {
	t.Helper()
	a, err := packet.NewArena(len(frames), 9216)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	descs := make([]packet.Desc, len(frames))
	for i, f := range frames {
		d := a.Desc(i)
		d.Len = uint16(len(f))
		copy(a.Bytes()[d.Off:], bytes.Repeat([]byte{0xee}, 64))
		copy(a.Frame(d), f)
		descs[i] = d
	}
	return a, descs
}

// expect receives one frame on the wire.
func (p *pair) expect(t testing.TB, want []byte) {
	t.Helper()
	got, ok := p.wire.Recv(within)
	if !ok || !bytes.Equal(got, want) {
		t.Fatalf("on the wire (%v)\n% x, want\n% x", ok, got, want)
	}
}

func TestSend(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		p := newPair(t, afpacket.Options{Tx: v, TxFrames: 8})
		const count = 100 // several times around the ring in one burst
		frames := [][]byte{}
		for i := range count {
			frames = append(frames, p.frame(i, 60+13*i))
		}
		a, d := fill(t, frames...)
		if n := p.port.TxBurst(a, d); n != count {
			t.Fatalf("took %d of %d: %+v", n, count, p.port.Stats())
		}
		for _, f := range frames {
			p.expect(t, f)
		}
		if s := p.port.Stats(); s != (afpacket.Stats{TxFrames: count}) {
			t.Errorf("%+v", s)
		}
	})
}

// TestQdisc sends through the queueing discipline.
func TestQdisc(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		p := newPair(t, afpacket.Options{Tx: v, Qdisc: true})
		a, d := fill(t, p.frame(1, 60), p.frame(2, 1514))
		if n := p.port.TxBurst(a, d); n != 2 {
			t.Fatalf("took %d: %+v", n, p.port.Stats())
		}
		p.expect(t, p.frame(1, 60))
		p.expect(t, p.frame(2, 1514))
	})
}

// TestSendOdd: short frames are padded with zeros, a tag out of band goes in line, what is too long is dropped alone.
func TestSendOdd(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		p := newPair(t, afpacket.Options{Tx: v})
		padded := func(f []byte) []byte { return append(f, make([]byte, max(0, 60-len(f)))...) }
		short, full, long := p.frame(1, 20), p.frame(2, 1514), p.frame(3, 1515)
		frames := [][]byte{short, long, full, full, long, tagged(full, 0x8100, 9), p.frame(4, 3000), short, p.frame(5, 57)}
		a, d := fill(t, frames...)
		d[3].TCI, d[3].Flags = 77, packet.FlagTCI
		d[7].TCI, d[7].Flags = 78, packet.FlagTCI
		d[8].TCI, d[8].Flags = 79, packet.FlagTCI
		d = append(d, packet.Desc{Off: 1<<32 - 1, Len: 100}) // outside the arena
		if n := p.port.TxBurst(a, d); n != len(d) {
			t.Fatalf("took %d: %+v", n, p.port.Stats())
		}
		p.expect(t, padded(short))
		p.expect(t, full)
		p.expect(t, tagged(full, 0x8100, 77))
		p.expect(t, tagged(full, 0x8100, 9))
		p.expect(t, padded(tagged(short, 0x8100, 78)))
		p.expect(t, tagged(frames[8], 0x8100, 79))
		if s := p.port.Stats(); s != (afpacket.Stats{TxFrames: 6, TxTooLong: 4}) {
			t.Errorf("%+v", s)
		}
	})
}

// TestEcho sends frames back out of the receive ring: by hand-over, so that the ring goes on for ever.
func TestEcho(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		p := newPair(t, afpacket.Options{Rx: v, Tx: v, BlockSize: 1 << 14, Blocks: 2})
		for round := range 100 {
			f := p.frame(round, 1000)
			p.wire.Send(f)
			d := p.receive(t, 1)
			if n := p.port.TxBurst(p.port.Arena(), d); n != 1 {
				t.Fatalf("round %d: took %d", round, n)
			}
			p.expect(t, f)
		}
	})
}

// TestRingFull: frames that nobody takes are dropped by the kernel and counted; afterwards all goes on.
func TestRingFull(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		if v == afpacket.Msg {
			t.Skip("its ring is the socket's buffer, sized by memory, not frames")
		}
		p := newPair(t, afpacket.Options{Rx: v, BlockSize: 1 << 13, Blocks: 2})
		const count = 100
		for i := range count {
			p.wire.Send(p.frame(i, 1000))
		}
		var held []packet.Desc
		for end := time.Now().Add(within); len(held)+int(p.port.Stats().RxDrops) < count && time.Now().Before(end); {
			held = append(held, p.descs[:p.port.RxBurst(p.descs)]...)
		}
		s := p.port.Stats()
		if len(held) == 0 || s.RxDrops != uint64(count-len(held)) || v == afpacket.V3 && s.RxFreezes == 0 {
			t.Errorf("held %d of %d: %+v", len(held), count, s)
		}
		if n := p.port.RxBurst(p.descs); n != 0 {
			t.Errorf("%d more frames", n)
		}
		p.port.Free(held)
		p.wire.Send(p.frame(7, 1000))
		p.port.Free(p.receive(t, 1))
	})
}

func TestOtherHost(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		p := newPair(t, afpacket.Options{Rx: v})
		mine, other, group := p.frame(1, 60), p.frame(2, 60), p.frame(3, 60)
		other[5] ^= 1
		group[0] |= 1
		p.wire.Send(other)
		p.wire.Send(group)
		p.wire.Send(mine)
		d := p.receive(t, 2)
		if !bytes.Equal(p.port.Arena().Frame(d[0]), group) || !bytes.Equal(p.port.Arena().Frame(d[1]), mine) {
			t.Error("not the frames that were sent to the port")
		}
		p.port.Free(d)
		if s := p.port.Stats(); s.RxOtherHost != 1 {
			t.Errorf("%+v", s)
		}
		all := open(t, p.near, afpacket.Options{Interface: "port", Rx: v, Promiscuous: true})
		if link := p.near.Run(t, "ip", "-d", "link", "show", "port"); !strings.Contains(link, "promiscuity 1") {
			t.Error("the device is not promiscuous:", link)
		}
		p.wire.Send(other)
		p.port = all
		p.port.Free(p.receive(t, 1))
	})
}

func TestTooLong(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		p := newPair(t, afpacket.Options{Rx: v, FrameSize: 500}, testnet.MTU(9000))
		p.wire.Send(p.frame(1, 501))
		p.wire.Send(p.frame(2, 9000))
		p.wire.Send(p.frame(3, 500))
		d := p.receive(t, 1)
		if !bytes.Equal(p.port.Arena().Frame(d[0]), p.frame(3, 500)) {
			t.Error("not the short one")
		}
		p.port.Free(d)
		if s := p.port.Stats(); s.RxTooLong != 2 || s.RxFrames != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestJumbo(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		p := newPair(t, afpacket.Options{Rx: v, Tx: v}, testnet.MTU(9000))
		f := p.frame(1, 9014)
		p.wire.Send(f)
		d := p.receive(t, 1)
		if n := p.port.TxBurst(p.port.Arena(), d); n != 1 {
			t.Fatalf("%+v", p.port.Stats())
		}
		p.expect(t, f)
	})
}

func TestTimestamps(t *testing.T) {
	for _, v := range []afpacket.Version{afpacket.V3, afpacket.V2} {
		p := newPair(t, afpacket.Options{Rx: v, Timestamps: true})
		before := uint32(time.Now().UnixNano())
		p.wire.Send(p.frame(1, 60))
		d := p.receive(t, 1)
		if after := uint32(time.Now().UnixNano()); d[0].Mark-before > after-before {
			t.Errorf("%v: received at %d, sent after %d, seen before %d", v, d[0].Mark, before, after)
		}
		p.port.Free(d)
	}
}

// TestFanout: the members of a group share what is received, each frame once.
func TestFanout(t *testing.T) {
	for _, mode := range []afpacket.FanoutMode{afpacket.FanoutHash, afpacket.FanoutCPU, afpacket.FanoutQM} {
		p := newPair(t, afpacket.Options{TxOnly: true})
		var groups [2]uint16
		p.near.Do(func() {
			for i := range groups {
				var err error
				if groups[i], err = afpacket.FanoutGroup(); err != nil {
					t.Fatal(err)
				}
			}
		})
		if groups[0] == groups[1] {
			t.Fatalf("group %d twice", groups[0])
		}
		ports := []*afpacket.Port{}
		for range 3 {
			ports = append(ports, open(t, p.near, afpacket.Options{Interface: "port", RxOnly: true,
				Fanout: afpacket.Fanout{Mode: mode, Group: groups[0]}}))
		}
		const count = 200
		for i := range count {
			f := p.frame(0, 60)
			binary.BigEndian.PutUint16(f[12:], 0x0800)
			copy(f[14:], []byte{0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, byte(i), 10, 0, 1, byte(i)})
			p.wire.Send(f)
		}
		sum, users := 0, 0
		for end := time.Now().Add(within); sum < count && time.Now().Before(end); {
			if err := afpacket.Wait(ports, 10*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			users = 0
			for _, port := range ports {
				n := port.RxBurst(p.descs)
				port.Free(p.descs[:n])
				sum += n
				if port.Stats().RxFrames > 0 {
					users++
				}
			}
		}
		if sum != count || mode == afpacket.FanoutHash && users < 2 {
			t.Errorf("mode %d: %d frames of %d, %d members had some", mode, sum, count, users)
			for _, port := range ports {
				t.Errorf("%+v", port.Stats())
			}
		}
		var err error
		p.near.Do(func() {
			_, err = afpacket.Open(afpacket.Options{Interface: "lo", Fanout: afpacket.Fanout{Mode: mode, Group: groups[0]}})
		})
		if err == nil || !strings.Contains(err.Error(), "a group belongs to one interface") {
			t.Errorf("another interface in the group: %v", err)
		}
	}
}

// TestDown: a port outlives what happens to its device, says so, and works again when the device does.
func TestDown(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		p := newPair(t, afpacket.Options{Rx: v, Tx: v, TxFrames: 16})
		ports := []*afpacket.Port{p.port}
		a, d := fill(t, p.frame(1, 60), p.frame(2, 60), p.frame(3, 60))
		check := func(what string, want error) {
			t.Helper()
			err := p.port.State()
			for end := time.Now().Add(5 * time.Second); !errors.Is(err, want) && time.Now().Before(end); err = p.port.State() {
				time.Sleep(time.Millisecond) // the kernel passes the carrier on by and by
			}
			if !errors.Is(err, want) {
				t.Fatalf("%s: state %v", what, err)
			}
			if want == nil {
				return
			}
			for range 20 {
				if n := p.port.RxBurst(p.descs); n != 0 {
					t.Fatalf("%s: received %d", what, n)
				}
				if n := p.port.TxBurst(a, d); n != 0 {
					t.Fatalf("%s: sent %d", what, n)
				}
			}
			// Waiting is not cut short for ever by the error that the kernel left.
			waits := 0
			for start := time.Now(); time.Since(start) < 30*time.Millisecond; waits++ {
				if err := afpacket.Wait(ports, 30*time.Millisecond); err != nil {
					t.Fatal(err)
				}
			}
			if waits > 100 { // signals of the runtime end some of them early
				t.Fatalf("%s: waited %d times in 30 ms", what, waits)
			}
		}
		check("up", nil)
		p.near.SetDown("port")
		check("down", afpacket.ErrDown)
		p.near.SetUp("port")
		check("up again", nil)
		p.wire.Send(p.frame(1, 60))
		p.port.Free(p.receive(t, 1))
		for { // what the veth itself said when it came up
			if _, ok := p.wire.Recv(20 * time.Millisecond); !ok {
				break
			}
		}
		if n := p.port.TxBurst(a, d[:1]); n != 1 {
			t.Fatalf("sent %d after the device came up: %+v", n, p.port.Stats())
		}
		p.expect(t, p.frame(1, 60)) // and nothing of what was refused while it was down
		p.far.SetDown("wire")
		check("no carrier", afpacket.ErrDown)
		p.far.SetUp("wire")
		p.near.Delete("port")
		check("removed", afpacket.ErrRemoved)
		if s := p.port.Stats(); s.TxRefused == 0 {
			t.Errorf("%+v", s)
		}
		if w := p.port.Warnings(); w != nil {
			t.Errorf("warnings about a device that is gone: %q", w)
		}
	})
}

func TestOpenErrors(t *testing.T) {
	p := newPair(t, afpacket.Options{TxOnly: true})
	p.near.Run(t, "ip", "tuntap", "add", "tunnel", "mode", "tun")
	for _, c := range []struct {
		o    afpacket.Options
		want string
	}{
		{afpacket.Options{Interface: "absent"}, `afpacket: interface "absent": no such interface`},
		{afpacket.Options{Interface: ""}, "no such interface"},
		{afpacket.Options{Interface: "a-name-longer-than-fits"}, "no such interface"},
		{afpacket.Options{Interface: "tunnel"}, "not an Ethernet interface"},
		{afpacket.Options{Interface: "port", Blocks: 1 << 20}, "together at most 2 GiB"},
		{afpacket.Options{Interface: "port", Blocks: 1}, "at least 2"},
		{afpacket.Options{Interface: "port", TxFrames: 1}, "at least 2"},
		{afpacket.Options{Interface: "port", BlockSize: 4096, FrameSize: 5000}, "a frame of 5000 needs"},
		{afpacket.Options{Interface: "port", FrameSize: 70000}, "60 to 65535"},
		{afpacket.Options{Interface: "port", RxOnly: true, TxOnly: true}, "nothing is left"},
		{afpacket.Options{Interface: "port", Rx: 9}, "V3, V2 or Msg"},
		{afpacket.Options{Interface: "port", Fanout: afpacket.Fanout{Mode: 9}}, "FanoutHash, FanoutCPU or FanoutQM"},
		{afpacket.Options{Interface: "port", Rx: afpacket.Msg, Timestamps: true}, "timestamps are for V3 and V2"},
		{afpacket.Options{Interface: "port", BlockSize: 5000}, "a power of two"},
		{afpacket.Options{Interface: "port", RetireTimeout: time.Microsecond}, "whole milliseconds"},
	} {
		var err error
		p.near.Do(func() { _, err = afpacket.Open(c.o) })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
}

// TestFanoutDown: a member of a group needs a device that is up.
func TestFanoutDown(t *testing.T) {
	p := newPair(t, afpacket.Options{TxOnly: true})
	p.near.SetDown("port")
	var err error
	p.near.Do(func() {
		_, err = afpacket.Open(afpacket.Options{Interface: "port", Fanout: afpacket.Fanout{Mode: afpacket.FanoutHash}})
	})
	if !errors.Is(err, afpacket.ErrDown) || !strings.Contains(err.Error(), "ip link set port up") {
		t.Error(err)
	}
}

// TestOpenDown: without a group a port may be opened first and its device brought up later.
func TestOpenDown(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		p := newPair(t, afpacket.Options{TxOnly: true})
		p.near.SetDown("port")
		p.port = open(t, p.near, afpacket.Options{Interface: "port", Rx: v})
		if err := p.port.State(); !errors.Is(err, afpacket.ErrDown) {
			t.Error(err)
		}
		p.near.SetUp("port")
		p.wire.Send(p.frame(1, 60))
		p.port.Free(p.receive(t, 1))
	})
}

// TestState: State brings the address and the MTU up to date, and what can be sent with it.
func TestState(t *testing.T) {
	p := newPair(t, afpacket.Options{})
	mac := [6]byte{2, 3, 4, 5, 6, 7}
	p.near.SetMAC("port", mac[:])
	p.near.Run(t, "ip", "link", "set", "port", "mtu", "1000")
	a, d := fill(t, p.frame(1, 1015))
	if err := p.port.State(); err != nil || p.port.MAC() != mac || p.port.MTU() != 1000 || p.port.Index() == 0 {
		t.Errorf("%v, %x, MTU %d, index %d", err, p.port.MAC(), p.port.MTU(), p.port.Index())
	}
	if n := p.port.TxBurst(a, d); n != 1 || p.port.Stats().TxTooLong != 1 {
		t.Errorf("%d frames, %+v", n, p.port.Stats())
	}
}

// TestClosed: a closed port is as harmless as one whose device is gone.
func TestClosed(t *testing.T) {
	p := newPair(t, afpacket.Options{})
	a, d := fill(t, p.frame(1, 60))
	for range 2 {
		if err := p.port.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if p.port.RxBurst(p.descs) != 0 || p.port.TxBurst(a, d) != 0 || p.port.Arena().Frame(packet.Desc{Len: 1}) != nil {
		t.Error("a closed port does something")
	}
	if err := p.port.State(); err == nil {
		t.Error("a closed port is well")
	}
}
