package slowpath

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vrfwd/forwarder"
	"vrfwd/vrftable"
)

// fakeTUN is a TUN device in memory.
type fakeTUN struct {
	mu      sync.Mutex
	addrs   []netip.Addr
	written [][]byte
	full    bool
	in      chan []byte
	closed  chan struct{}
}

func (f *fakeTUN) Read(b []byte) (int, error) {
	select {
	case p := <-f.in:
		return copy(b, p), nil
	case <-f.closed:
		return 0, io.EOF
	}
}

func (f *fakeTUN) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full {
		return 0, errors.New("full")
	}
	f.written = append(f.written, slices.Clone(b))
	return len(b), nil
}

func (f *fakeTUN) SetAddresses(a []netip.Addr) error {
	f.addrs = slices.Clone(a)
	return nil
}

func (f *fakeTUN) Close() error {
	close(f.closed)
	return nil
}

// take returns what was written to the device.
func (f *fakeTUN) take() [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.written
	f.written = nil
	return w
}

// newHostBed makes a bed with devices in memory, by VR.
func newHostBed(t testing.TB, c Config, hosts []Host, changes ...vrftable.Change) (*bed, map[string]*fakeTUN) {
	t.Helper()
	b, all := newBed(t, c, changes...), map[string]*fakeTUN{}
	b.path.open = func(h Host) (device, error) {
		if h.Device == "broken" {
			return nil, errors.New("no such thing")
		}
		all[h.VR] = &fakeTUN{in: make(chan []byte), closed: make(chan struct{})}
		return all[h.VR], nil
	}
	if err := b.path.SetHosts(hosts); err != nil {
		t.Fatal(err)
	}
	return b, all
}

// program has a program send a packet by a device.
func (b *bed) program(f *fakeTUN, l ...gopacket.SerializableLayer) {
	b.Helper()
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, l...); err != nil {
		b.Fatal(err)
	}
	n := b.path.Counters().FromHost
	f.in <- buf.Bytes()
	for deadline := time.Now().Add(10 * time.Second); b.path.Counters().FromHost == n; {
		if time.Now().After(deadline) {
			b.Fatal("the packet was not read")
		}
		b.poll()
	}
}

// oneWritten takes the only packet that a device was given.
func (b *bed) oneWritten(f *fakeTUN) gopacket.Packet {
	b.Helper()
	w := f.take()
	if len(w) != 1 {
		b.Fatalf("%d packets, want 1: %v", len(w), b.path.Counters())
	}
	b.none()
	return gopacket.NewPacket(w[0], layers.LayerTypeIPv4, gopacket.Default)
}

// TestDelivery: what is for the router itself goes to the device of the VR that has the address, unchanged, whatever
// interface it came in by.
func TestDelivery(t *testing.T) {
	b, tun := newHostBed(t, Config{}, []Host{{Device: "t0"}, {VR: "a", Device: "t1"}}, known()...)
	parent, a := tun["default"], tun["a"]
	unreachable := []gopacket.SerializableLayer{header("8.8.8.8", "192.0.2.1", 1),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 1)}, gopacket.Payload(make([]byte, 28))}
	for _, c := range []struct {
		name  string
		in    int
		frame []byte
		to    *fakeTUN
	}{
		{"TCP to the loopback", 0, fromISP(tcp(header("8.8.8.8", "198.18.0.1", 6))...), parent},
		{"TCP with a TTL of 1", 0, fromISP(tcp(header("8.8.8.8", "198.18.0.1", 6, ttl(1)))...), parent},
		{"TCP from a, by fallback", 1, fromA(tcp(header("10.0.0.2", "198.18.0.1", 6))...), parent},
		{"TCP to a's primary", 1, fromA(tcp(header("10.0.0.2", "10.0.0.1", 6))...), a},
		{"UDP to a's loopback", 1, fromA(udp(header("10.0.0.2", "10.255.0.1", 17), 10)...), a},
		{"a fragment", 1, fromA(udp(header("10.0.0.2", "10.255.0.1", 17, func(h *layers.IPv4) { h.FragOffset = 10 }), 10)...), a},
		{"OSPF", 0, fromISP(header("8.8.8.8", "192.0.2.1", 89), gopacket.Payload(make([]byte, 44))), parent},
		{"an ICMP error", 0, fromISP(unreachable...), parent},
		{"an echo reply", 0, fromISP(header("8.8.8.8", "192.0.2.1", 1), &layers.ICMPv4{}, gopacket.Payload("data")), parent},
	} {
		b.receive(c.in, c.frame)
		if p := b.oneWritten(c.to); !bytes.Equal(p.Data(), packetOf(c.frame)) {
			t.Errorf("%s: % x, want % x", c.name, p.Data(), packetOf(c.frame))
		}
	}
	b.outcome(Delivered, 9)
	b.receive(0, fromISP(ping(header("8.8.8.8", "192.0.2.1", 1), 10)...))
	wantICMP(t, b.one(0), "192.0.2.1", "8.8.8.8", 0, 0)
	b.receive(1, fromB(tcp(header("10.0.0.2", "10.0.0.1", 6))...)) // b has no device
	wantICMP(t, b.one(1), "10.0.0.1", "10.0.0.2", 3, 3)
	parent.full = true
	b.receive(0, fromISP(tcp(header("8.8.8.8", "198.18.0.1", 6))...))
	b.outcome(HostFull, 1)
	if n := len(parent.take()) + len(a.take()); n != 0 {
		t.Errorf("%d packets more", n)
	}
}

// TestFromHost: what programs send is routed in their VR, with the TTL they chose, and waits for ARP like any other.
func TestFromHost(t *testing.T) {
	b, tun := newHostBed(t, Config{}, []Host{{Device: "t0"}, {VR: "a", Device: "t1"}, {VR: "b", Device: "t2", Netns: "n"}},
		append(known()[1:], vrftable.SetMTU{Interface: "b-ce", MTU: 600})...)
	parent, a := tun["default"], tun["a"]
	b.program(parent, tcp(header("198.18.0.1", "8.8.8.8", 6, ttl(1)))...)
	wantARP(t, b.one(0), 1, macP0, "192.0.2.1", vrftable.MAC{}, "192.0.2.2")
	b.receive(0, fromISP(arpOf(2, macISP, "192.0.2.2", macP0, "192.0.2.1")))
	p := b.one(0)
	wantL2(t, p, macISP, macP0, 0)
	if v := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4); v.TTL != 1 {
		t.Errorf("TTL %d, want 1: BGP to a direct neighbour has it", v.TTL)
	}

	// The VR's own table first; then the parent's, if the interface with the source address falls back: the primary does.
	b.program(a, tcp(header("10.0.0.1", "10.1.2.3", 6))...)
	wantL2(t, b.one(1), macCEA, macP1, 10)
	b.program(a, tcp(header("10.0.0.1", "8.8.8.8", 6))...)
	wantL2(t, b.one(0), macISP, macP0, 0)
	b.program(a, tcp(header("10.255.0.1", "8.8.8.8", 6))...)
	wantICMP(t, b.oneWritten(a), "8.8.8.8", "10.255.0.1", 3, 0)

	// Errors come to the program from where its packet was going.
	big := udp(header("10.0.0.1", "10.0.0.2", 17, func(h *layers.IPv4) { h.Flags = layers.IPv4DontFragment }), 1000)
	b.program(tun["b"], big...)
	_, m := wantICMP(t, b.oneWritten(tun["b"]), "10.0.0.2", "10.0.0.1", 3, 4)
	if m.Seq != 600 {
		t.Errorf("MTU %d, want 600", m.Seq)
	}
	b.program(parent, tcp(header("198.18.0.1", "7.8.8.8", 6))...)
	wantICMP(t, b.oneWritten(parent), "7.8.8.8", "198.18.0.1", 3, 1)
	b.program(parent, tcp(header("198.18.0.1", "6.8.8.8", 6))...)
	b.outcome(Discarded, 1)

	// From addresses that are not the VR's own, and what is not IPv4.
	b.program(parent, tcp(header("10.0.0.1", "8.8.8.8", 6))...)
	b.program(a, tcp(header("198.18.0.1", "8.8.8.8", 6))...)
	b.outcome(Martian, 2)
	b.program(a, &layers.IPv6{Version: 6, SrcIP: make([]byte, 16), DstIP: make([]byte, 16)})
	b.outcome(Malformed, 1)
	b.none()

	// From one VR's program to another VR's address, which answers.
	b.program(a, ping(header("10.0.0.1", "198.18.0.1", 1), 10)...)
	wantICMP(t, b.oneWritten(a), "198.18.0.1", "10.0.0.1", 0, 0)
	b.program(a, tcp(header("10.0.0.1", "198.18.0.1", 6))...)
	if p := b.oneWritten(parent); p.Layer(layers.LayerTypeTCP) == nil {
		t.Errorf("%v", p)
	}
}

// TestHostAddresses: a device has its VR's addresses, as they come and go; an address that another device has in the same
// namespace is left out.
func TestHostAddresses(t *testing.T) {
	var text bytes.Buffer
	b, tun := newHostBed(t, Config{Log: slog.New(slog.NewTextHandler(&text, nil))},
		[]Host{{Device: "t0"}, {VR: "a", Device: "t1"}, {VR: "b", Device: "t2", Netns: "n"}})
	has := func(vr string, want ...string) {
		t.Helper()
		var got []string
		for _, a := range tun[vr].addrs {
			got = append(got, a.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", vr, got, want)
		}
	}
	has("default", "192.0.2.1", "198.18.0.1")
	has("a", "10.0.0.1", "10.255.0.1")
	has("b", "10.0.0.1")
	b.apply(vrftable.DeleteInterface{Name: "lo"}, vrftable.AddInterface{Name: "lo2", Addresses: prefixes("198.18.0.2/32")})
	b.poll()
	has("default", "192.0.2.1", "198.18.0.2")
	if text.Len() > 0 {
		t.Error(text.String())
	}
	gone := tun["b"]
	if err := b.path.SetHosts([]Host{{Device: "t0"}, {VR: "a", Device: "t1"}, {VR: "b", Device: "t2"}}); err != nil {
		t.Fatal(err)
	}
	<-gone.closed
	has("a", "10.0.0.1", "10.255.0.1")
	has("b")
	if !strings.Contains(text.String(), "10.0.0.1") {
		t.Errorf("log: %s", text.String())
	}
	was := tun["a"]
	if err := b.path.SetHosts([]Host{{VR: "a", Device: "t1"}}); err != nil {
		t.Fatal(err)
	}
	if tun["a"] != was {
		t.Error("a device that is named again was made anew")
	}
}

// TestSetHosts: what cannot be is refused, and changes nothing.
func TestSetHosts(t *testing.T) {
	b, tun := newHostBed(t, Config{}, []Host{{Device: "t0"}})
	for _, c := range []struct {
		want  string
		hosts []Host
	}{
		{"there is no VR c", []Host{{VR: "c", Device: "t1"}}},
		{"one for each VR", []Host{{VR: "a", Device: "t1"}, {VR: "a", Device: "t2"}}},
		{"cannot share one", []Host{{VR: "a", Device: "t1"}, {VR: "b", Device: "t1"}}},
		{"a name of 1 to 15 bytes", []Host{{VR: "a", Device: "a-name-that-is-too-long"}}},
		{"a name of 1 to 15 bytes", []Host{{VR: "a"}}},
		{"host of a: no such thing", []Host{{VR: "a", Device: "broken"}}},
	} {
		if err := b.path.SetHosts(c.hosts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.hosts, err, c.want)
		}
	}
	b.receive(0, fromISP(tcp(header("8.8.8.8", "198.18.0.1", 6))...))
	b.oneWritten(tun["default"])
}

// TestNew: what a configuration must have.
func TestNew(t *testing.T) {
	b := newBed(t, Config{})
	good := Config{Table: b.tab, Sources: b.path.sources}
	for want, change := range map[string]func(*Config){
		"a Table and":   func(c *Config) { c.Table = nil },
		"at least one":  func(c *Config) { c.Sources = nil },
		"negative":      func(c *Config) { c.Neighbors.Retry = -1 },
		"limit of echo": func(c *Config) { c.Limits = map[Message]Limit{EchoReply: {Rate: -1}} },
		"no VR x":       func(c *Config) { c.Hosts = []Host{{VR: "x", Device: "t"}} },
		"ports":         func(c *Config) { c.Ports = make([]forwarder.Port, forwarder.MaxPorts+1) },
	} {
		c := good
		change(&c)
		if p, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v, want %q", p, err, want)
		}
	}
	p, err := New(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Error(err)
	}
	if n := p.Poll(); n != 0 {
		t.Errorf("a closed path polled %d", n)
	}
}

// TestRun: workers, slow path, programs and readers of counters at once; all packets are accounted for in the end.
func TestRun(t *testing.T) {
	b, tun := newHostBed(t, Config{Limits: map[Message]Limit{EchoReply: {Rate: 1 << 20, Burst: 1 << 20}}}, []Host{{Device: "t0"}}, known()...)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { b.path.Run(ctx) })
	running.Go(func() {
		for ctx.Err() == nil {
			b.path.Counters()
			b.path.Neighbors()
			b.path.FlushNeighbors("")
			b.path.IfaceTx(1)
		}
	})
	const programs, pings = 50, 500
	running.Go(func() {
		for range programs {
			buf := gopacket.NewSerializeBuffer()
			gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, tcp(header("198.18.0.1", "8.8.8.8", 6))...)
			tun["default"].in <- buf.Bytes()
		}
	})
	sent := 0
	for deadline := time.Now().Add(30 * time.Second); ; {
		if sent < pings {
			b.rx[1] = append(b.rx[1], rxFrame{fromA(ping(header("10.0.0.2", "10.0.0.1", 1), 56)...), -1})
			sent++
		}
		b.worker.Poll()
		c := b.path.Counters()
		if c.Outcomes[Answered] == pings && c.Outcomes[Sent] == pings+programs {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v", c)
		}
		time.Sleep(10 * time.Microsecond)
	}
	cancel()
	running.Wait()
	b.balanced()
}
