package slowpath

import (
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vrfwd/forwarder"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// The tests' router, made by newBed. Workers' and slow path's frames are collected together, by port.
//
//	p0  untagged   parent          uplink 192.0.2.1/30            ISP  192.0.2.2
//	               VRF a           a-up (share)
//	p1  VLAN 10    VRF a           a-ce   10.0.0.1/24, fallback   CE A 10.0.0.2
//	               parent          to-a (share)
//	    VLAN 20    VRF b           b-ce   10.0.0.1/24             CE B 10.0.0.2
//	loopbacks      parent: lo 198.18.0.1, VRF a: a-lo 10.255.0.1
//	routes         parent: 8.0.0.0/8 via the ISP, 7.0.0.0/8 reject, 6.0.0.0/8 discard; VRF a: 10.1.0.0/16 via CE A
var (
	macP0  = vrftable.MAC{2, 0, 0, 0, 0, 0}
	macP1  = vrftable.MAC{2, 0, 0, 0, 0, 1}
	macISP = vrftable.MAC{2, 0, 0, 0, 1, 1}
	macCEA = vrftable.MAC{2, 0, 0, 0, 2, 1}
	macCEB = vrftable.MAC{2, 0, 0, 0, 2, 2}
)

const bedFrame = 9000 // bytes of the bed's frames

type bed struct {
	testing.TB
	tab    *vrftable.Table
	worker *forwarder.Worker
	slow   *forwarder.SlowPath
	path   *Path
	now    time.Time
	rx     [2][]rxFrame
	tx     [2][][]byte // sent on each port, by whoever, and not yet taken
	full   bool        // ports take nothing
}

type rxFrame struct {
	data []byte
	tci  int // a tag received out of band; -1: none
}

func newBed(t testing.TB, c Config, changes ...vrftable.Change) *bed {
	t.Helper()
	tab, err := vrftable.New(vrftable.Config{VRFs: 4, Ports: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	b := &bed{TB: t, tab: tab, now: time.Date(2026, 3, 1, 0, 0, 10, 0, time.UTC)}
	b.apply(
		vrftable.AddPort{Name: "p0", Number: 0, MAC: macP0},
		vrftable.AddPort{Name: "p1", Number: 1, MAC: macP1},
		vrftable.AddVRF{Name: "a"}, vrftable.AddVRF{Name: "b"},
		vrftable.AddLayer2{Name: "core", Port: "p0"},
		vrftable.AddLayer2{Name: "ce-a", Port: "p1", VLAN: 10},
		vrftable.AddLayer2{Name: "ce-b", Port: "p1", VLAN: 20},
		vrftable.AddInterface{Name: "uplink", Layer2: "core", Addresses: prefixes("192.0.2.1/30")},
		vrftable.AddInterface{Name: "a-up", VR: "a", Layer2: "core", Shared: true},
		vrftable.AddInterface{Name: "a-ce", VR: "a", Layer2: "ce-a", Addresses: prefixes("10.0.0.1/24"), FallbackGlobal: true},
		vrftable.AddInterface{Name: "to-a", Layer2: "ce-a", Shared: true},
		vrftable.AddInterface{Name: "b-ce", VR: "b", Layer2: "ce-b", Addresses: prefixes("10.0.0.1/24")},
		vrftable.AddInterface{Name: "lo", Addresses: prefixes("198.18.0.1/32")},
		vrftable.AddInterface{Name: "a-lo", VR: "a", Addresses: prefixes("10.255.0.1/32")},
		static("", "8.0.0.0/8", vrftable.Via{Gateway: ip("192.0.2.2")}),
		static("", "7.0.0.0/8", vrftable.Reject),
		static("", "6.0.0.0/8", vrftable.Discard),
		static("a", "10.1.0.0/16", vrftable.Via{Gateway: ip("10.0.0.2")}),
	)
	b.apply(changes...)
	if b.slow, err = forwarder.NewSlowPath(256, bedFrame); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.slow.Close() })
	arena, err := packet.NewArena(256, bedFrame)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { arena.Close() })
	workers, slow := make([]forwarder.Port, 2), make([]forwarder.Port, 2)
	for number := range workers {
		workers[number] = &forwarder.FuncPort{Memory: arena, Tx: b.txOn(number), Rx: func(d []packet.Desc) int {
			n := min(len(d), len(b.rx[number]))
			for i, f := range b.rx[number][:n] {
				d[i] = arena.Desc(i)
				d[i].Len = uint16(len(f.data))
				if f.tci >= 0 {
					d[i].Flags, d[i].TCI = packet.FlagTCI, uint16(f.tci)
				}
				copy(arena.Frame(d[i]), f.data)
			}
			b.rx[number] = b.rx[number][n:]
			return n
		}}
		slow[number] = &forwarder.FuncPort{Memory: arena, Tx: b.txOn(number)}
	}
	if b.worker, err = forwarder.NewWorker(forwarder.Config{
		Ports: workers, View: tab.View, Readers: tab.Domain(), Slow: b.slow,
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.worker.Close)
	c.Table, c.Sources, c.Ports = tab, []*forwarder.SlowPath{b.slow}, slow
	c.Now = func() time.Time { return b.now }
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if b.path, err = New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.path.Close(); err != nil {
			t.Error(err)
		}
	})
	b.path.Poll()
	b.tx = [2][][]byte{} // the announcements
	return b
}

func (b *bed) txOn(number int) func(from *packet.Arena, d []packet.Desc) int {
	return func(from *packet.Arena, d []packet.Desc) int {
		if b.full {
			return 0
		}
		for _, one := range d {
			b.tx[number] = append(b.tx[number], append([]byte(nil), from.Frame(one)...))
		}
		return len(d)
	}
}

func (b *bed) apply(c ...vrftable.Change) {
	b.Helper()
	if err := b.tab.Apply(c); err != nil {
		b.Fatal(err)
	}
}

// receive has a frame come in and everything that follows from it happen.
func (b *bed) receive(port int, frame []byte) {
	b.Helper()
	b.rx[port] = append(b.rx[port], rxFrame{frame, -1})
	b.poll()
}

func (b *bed) poll() {
	b.Helper()
	for b.worker.Poll() > 0 {
	}
	b.path.Poll()
	b.balanced()
}

// balanced checks the accounts.
func (b *bed) balanced() {
	b.Helper()
	c, totals := b.path.Counters(), forwarder.Sum(b.worker)
	in, out := c.FromHost+c.Originated, uint64(0)
	for r, n := range c.Punted {
		in += n
		if n != totals.Punts[r] {
			b.Errorf("%v: %d punted, %d popped", forwarder.Reason(r), totals.Punts[r], n)
		}
	}
	for _, n := range c.Outcomes {
		out += n
	}
	if in != out {
		b.Errorf("%d in, %d out: %v", in, out, c)
	}
	waiting := uint64(b.path.waiting)
	for _, w := range b.path.partial {
		waiting += uint64(len(w.parts))
	}
	if c.Outcomes[Waiting] != waiting {
		b.Errorf("%d packets wait, counted are %d", waiting, c.Outcomes[Waiting])
	}
}

// pass lets time pass, in steps of 100 ms.
func (b *bed) pass(d time.Duration) {
	b.Helper()
	for end := b.now.Add(d); b.now.Before(end); {
		b.now = b.now.Add(min(100*time.Millisecond, end.Sub(b.now)))
		b.poll()
	}
}

// sent takes what was sent on a port.
func (b *bed) sent(port int) [][]byte {
	f := b.tx[port]
	b.tx[port] = nil
	return f
}

// one takes the only frame that was sent, on a port, and decodes it.
func (b *bed) one(port int) gopacket.Packet {
	b.Helper()
	if n := len(b.tx[1-port]); n > 0 {
		b.Fatalf("%d frames left by the other port: %v", n, decode(b, b.tx[1-port][0]))
	}
	f := b.sent(port)
	if len(f) != 1 {
		b.Fatalf("%d frames left by port %d, want 1: %v", len(f), port, b.path.Counters())
	}
	return decode(b, f[0])
}

// none checks that nothing was sent.
func (b *bed) none() {
	b.Helper()
	for port := range b.tx {
		for _, f := range b.sent(port) {
			b.Errorf("port %d: %v", port, decode(b, f))
		}
	}
}

// outcome checks how often one was counted.
func (b *bed) outcome(o Outcome, want uint64) {
	b.Helper()
	if c := b.path.Counters(); c.Outcomes[o] != want {
		b.Errorf("%v: %d, want %d: %v", o, c.Outcomes[o], want, c)
	}
}

// known makes the stations known, as configured.
func known() []vrftable.Change {
	return []vrftable.Change{
		vrftable.AddNeighbor{Interface: "uplink", Addr: ip("192.0.2.2"), MAC: macISP},
		vrftable.AddNeighbor{Interface: "a-ce", Addr: ip("10.0.0.2"), MAC: macCEA},
		vrftable.AddNeighbor{Interface: "b-ce", Addr: ip("10.0.0.2"), MAC: macCEB},
	}
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func prefixes(s ...string) (all []netip.Prefix) {
	for _, p := range s {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

func static(vr, prefix string, nh vrftable.NextHop) vrftable.AddRoute {
	return vrftable.AddRoute{Route: vrftable.Route{VR: vr, Prefix: netip.MustParsePrefix(prefix), Source: vrftable.Static, NextHop: nh}}
}

// decode decodes a frame and checks every checksum in it by building it again.
func decode(t testing.TB, frame []byte) gopacket.Packet {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	if fail := p.ErrorLayer(); fail != nil {
		t.Errorf("not a good frame: %v: % x", fail.Error(), frame)
	}
	if v := p.Layer(layers.LayerTypeIPv4); v != nil {
		header := v.LayerContents()
		if packet.Checksum(header) != 0 {
			t.Errorf("bad header checksum: % x", header)
		}
		four := v.(*layers.IPv4)
		if icmp := p.Layer(layers.LayerTypeICMPv4); icmp != nil && four.Flags&layers.IPv4MoreFragments == 0 && four.FragOffset == 0 {
			if packet.Checksum(append(slices.Clone(icmp.LayerContents()), icmp.LayerPayload()...)) != 0 {
				t.Errorf("bad ICMP checksum: %v", p)
			}
		}
	}
	return p
}

// frame builds a frame: to a port's MAC address, tagged unless vlan is 0.
func frame(to, from vrftable.MAC, vlan uint16, l ...gopacket.SerializableLayer) []byte {
	etherType := layers.EthernetTypeIPv4
	if _, ok := l[0].(*layers.ARP); ok {
		etherType = layers.EthernetTypeARP
	}
	eth := &layers.Ethernet{DstMAC: to[:], SrcMAC: from[:], EthernetType: etherType}
	all := []gopacket.SerializableLayer{eth}
	if vlan != 0 {
		eth.EthernetType = layers.EthernetTypeDot1Q
		all = append(all, &layers.Dot1Q{VLANIdentifier: vlan, Type: etherType})
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		append(all, l...)...); err != nil {
		panic(err)
	}
	f := append([]byte(nil), buf.Bytes()...)
	for len(f) < forwarder.MinFrame {
		f = append(f, 0)
	}
	return f
}

// header is an IPv4 header; set changes it.
func header(src, dst string, protocol layers.IPProtocol, set ...func(*layers.IPv4)) *layers.IPv4 {
	h := &layers.IPv4{Version: 4, Id: 4711, TTL: 64, Protocol: protocol,
		SrcIP: net.ParseIP(src).To4(), DstIP: net.ParseIP(dst).To4()}
	for _, f := range set {
		f(h)
	}
	return h
}

func ttl(n uint8) func(*layers.IPv4) { return func(h *layers.IPv4) { h.TTL = n } }

// udp is a datagram with size bytes of data.
func udp(h *layers.IPv4, size int) []gopacket.SerializableLayer {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i*7 + i>>8)
	}
	u := &layers.UDP{SrcPort: 1000, DstPort: 33434}
	u.SetNetworkLayerForChecksum(h)
	return []gopacket.SerializableLayer{h, u, gopacket.Payload(data)}
}

// ping is an echo request with size bytes of data.
func ping(h *layers.IPv4, size int) []gopacket.SerializableLayer {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i)
	}
	return []gopacket.SerializableLayer{h, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 77, Seq: 5}, gopacket.Payload(data)}
}

// fromA, fromB and fromISP are frames of the stations.
func fromA(l ...gopacket.SerializableLayer) []byte   { return frame(macP1, macCEA, 10, l...) }
func fromB(l ...gopacket.SerializableLayer) []byte   { return frame(macP1, macCEB, 20, l...) }
func fromISP(l ...gopacket.SerializableLayer) []byte { return frame(macP0, macISP, 0, l...) }

// arpOf is an ARP packet.
func arpOf(op uint16, mac vrftable.MAC, sender string, target vrftable.MAC, wanted string) *layers.ARP {
	return &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: op,
		SourceHwAddress: mac[:], SourceProtAddress: net.ParseIP(sender).To4(),
		DstHwAddress: target[:], DstProtAddress: net.ParseIP(wanted).To4(),
	}
}

var everyone = vrftable.MAC{255, 255, 255, 255, 255, 255}

// wantL2 checks a frame's layer 2 header.
func wantL2(t testing.TB, p gopacket.Packet, to, from vrftable.MAC, vlan uint16) {
	t.Helper()
	eth := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	tag := uint16(0)
	if d := p.Layer(layers.LayerTypeDot1Q); d != nil {
		tag = d.(*layers.Dot1Q).VLANIdentifier
	}
	if string(eth.DstMAC) != string(to[:]) || string(eth.SrcMAC) != string(from[:]) || tag != vlan {
		t.Errorf("to %v from %v VLAN %d, want to %v from %v VLAN %d", eth.DstMAC, eth.SrcMAC, tag, to, from, vlan)
	}
}

// wantARP checks an ARP packet.
func wantARP(t testing.TB, p gopacket.Packet, op uint16, mac vrftable.MAC, sender string, target vrftable.MAC, wanted string) {
	t.Helper()
	a, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP)
	if !ok {
		t.Fatalf("not ARP: %v", p)
	}
	want := arpOf(op, mac, sender, target, wanted)
	if a.Operation != op || string(a.SourceHwAddress) != string(mac[:]) || string(a.DstHwAddress) != string(target[:]) ||
		string(a.SourceProtAddress) != string(want.SourceProtAddress) || string(a.DstProtAddress) != string(want.DstProtAddress) {
		t.Errorf("%+v, want %+v", a, want)
	}
}

// wantICMP checks an ICMP packet and returns its IPv4 header and message.
func wantICMP(t testing.TB, p gopacket.Packet, src, dst string, kind, code uint8) (*layers.IPv4, *layers.ICMPv4) {
	t.Helper()
	v, _ := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	m, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	if !ok {
		t.Fatalf("not ICMP: %v", p)
	}
	if v.SrcIP.String() != src || v.DstIP.String() != dst || m.TypeCode != layers.CreateICMPv4TypeCode(kind, code) {
		t.Errorf("%v > %v %v, want %s > %s type %d code %d", v.SrcIP, v.DstIP, m.TypeCode, src, dst, kind, code)
	}
	return v, m
}

// packetOf returns a frame's IPv4 packet without padding.
func packetOf(frame []byte) []byte {
	l2, err := packet.ParseVLAN(frame)
	if err != nil {
		panic(err)
	}
	p := frame[len(l2):]
	return p[:binary.BigEndian.Uint16(p[2:])]
}
