package gen

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vrfwd/lpm"
	"vrfwd/packet"
)

// The tests' network: circuits on port 1 (VLAN 100+i, the last one untagged on port 2), an uplink on port 9.
const uplinkIface = 999

func testNetwork(t testing.TB, vrfs int) Config {
	t.Helper()
	global := mustSynthetic(t, TableConfig{Routes: 20_000, NextHops: 8, Seed: 5})
	tables := mustVRFs(t, ProfileConfig{Profile: Tiny, VRFs: vrfs, Seed: 5})
	c := Config{Global: global, Seed: 1, Expect: testExpect}
	var public []lpm.Route
	for i, routes := range tables {
		in := Ingress{
			Port: 1, VLAN: uint16(100 + i), Table: uint16(i + 1), Routes: routes,
			SrcMAC: packet.MAC{2, 0, 0, 0, 1, byte(i)}, DstMAC: packet.MAC{2, 0, 0, 0, 0, 1},
		}
		if i == vrfs-1 {
			in.Port, in.VLAN = 2, 0
		}
		c.VPN = append(c.VPN, in)
		for _, r := range routes {
			if routable(r) {
				public = append(public, r)
			}
		}
	}
	c.Uplink = []Ingress{{
		Port: 9, SrcMAC: packet.MAC{2, 0, 0, 0, 2, 1}, DstMAC: packet.MAC{2, 0, 0, 0, 0, 1}, Routes: public,
	}}
	return c
}

// testExpect makes up a plausible answer: an interface of the ingress' VRF for private addresses, else the uplink.
func testExpect(in *Ingress, dst uint32) (egress, context uint16) {
	if private(lpm.Route{Addr: dst, Len: 32}) {
		return 1000 + in.Table, in.Table
	}
	return uplinkIface, 0
}

func mustTraffic(t testing.TB, c Config) *Traffic {
	t.Helper()
	traffic, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return traffic
}

// slots are descriptors into plain memory.
func slots(n, size int) ([]byte, []packet.Desc) {
	mem, d := make([]byte, n*size), make([]packet.Desc, n)
	for i := range d {
		d[i].Off = uint32(i * size)
	}
	return mem, d
}

func frameOf(mem []byte, d packet.Desc) []byte { return mem[d.Off:][:d.Len] }

func matches(routes []lpm.Route, addr uint32) bool {
	for _, r := range routes {
		if holds(r, addr) {
			return true
		}
	}
	return false
}

// TestFrames decodes frames of every kind with gopacket.
func TestFrames(t *testing.T) {
	c := testNetwork(t, 20)
	c.Flows, c.Fallback, c.Inbound = 150, 0.5, 0.2
	for _, sizes := range [][]Size{nil, FixedSize(64), FixedSize(65), FixedSize(1518), FixedSize(MaxSize), IMIX(), {{1518, 1}, {100, 3}}} {
		for _, zipf := range []float64{0, 1} {
			for _, keys := range []Keys{Routed, Covered, Uniform} {
				c.Sizes, c.FlowZipf, c.Keys = sizes, zipf, keys
				traffic := mustTraffic(t, c)
				mem, d := slots(200, MaxSize)
				traffic.fill(mem, d)
				sent := make([]uint32, traffic.Flows())
				for i := range d {
					checkFrame(t, &c, traffic, frameOf(mem, d[i]), d[i], sent)
				}
			}
		}
	}
}

func checkFrame(t *testing.T, c *Config, traffic *Traffic, frame []byte, d packet.Desc, sent []uint32) {
	t.Helper()
	f := traffic.Flow(int(d.Mark - c.First))
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	if p.ErrorLayer() != nil {
		t.Fatalf("gopacket: %v", p.ErrorLayer().Error())
	}
	eth := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	if !bytes.Equal(eth.SrcMAC, f.Ingress.SrcMAC[:]) || !bytes.Equal(eth.DstMAC, f.Ingress.DstMAC[:]) || d.Port != f.Ingress.Port {
		t.Fatalf("frame of port %d with MACs %v > %v is not of %+v", d.Port, eth.SrcMAC, eth.DstMAC, f.Ingress)
	}
	tag, _ := p.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q)
	if (tag != nil) != (f.Ingress.VLAN != 0) || tag != nil && tag.VLANIdentifier != f.Ingress.VLAN {
		t.Fatalf("tag %+v, want VLAN %d", tag, f.Ingress.VLAN)
	}
	ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	udp := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	head := len(eth.Contents)
	if tag != nil {
		head += 4
	}
	if int(ip.Length) != len(frame)-head || int(udp.Length) != int(ip.Length)-20 || ip.IHL != 5 || ip.TTL != 64 {
		t.Fatalf("frame of %d bytes: IP length %d, UDP length %d, IHL %d, TTL %d", len(frame), ip.Length, udp.Length, ip.IHL, ip.TTL)
	}
	if udp.Checksum != 0 || ip.Flags != layers.IPv4DontFragment || ip.Id != 0 {
		t.Fatalf("UDP checksum %#x, flags %v, ID %d", udp.Checksum, ip.Flags, ip.Id)
	}
	if !packet.IPv4(ip.Contents).ChecksumOK() {
		t.Fatalf("IP header checksum of % x", ip.Contents)
	}
	dst, src := uint32(0), uint32(0)
	for i := range 4 {
		dst, src = dst<<8|uint32(ip.DstIP[i]), src<<8|uint32(ip.SrcIP[i])
	}
	if dst != f.Dst || src != f.Src || !unicast(dst) || !unicast(src) {
		t.Fatalf("%v > %v, want %08x > %08x", ip.SrcIP, ip.DstIP, f.Src, f.Dst)
	}
	own := matches(f.Ingress.Routes, dst)
	switch {
	case (f.Class == Inbound) != (f.Ingress.Port == 9):
		t.Fatalf("%v flow on port %d", f.Class, f.Ingress.Port)
	case f.Class != Internet && !own, f.Class == Internet && own:
		t.Fatalf("%v flow to %v: in the ingress' routes %v", f.Class, ip.DstIP, own)
	case f.Class == Internet && c.Keys != Uniform && !matches(c.Global, dst):
		t.Fatalf("Internet flow to %v, which the global table lacks", ip.DstIP)
	case f.Class == Inbound && !matches(c.Global, src), f.Class != Inbound && !matches(f.Ingress.Routes, src):
		t.Fatalf("%v flow from %v, which is not there", f.Class, ip.SrcIP)
	}
	egress, context := testExpect(f.Ingress, dst)
	want := Signature{Flow: d.Mark, Seq: sent[d.Mark-c.First], Context: context, Egress: egress}
	if s, ok := ParseSignature(frame); !ok || s != want || f.Egress != egress || f.Context != context {
		t.Fatalf("signature %+v, want %+v", s, want)
	}
	var put [signatureLen]byte
	want.Put(put[:])
	if !bytes.HasPrefix(udp.Payload, put[:]) {
		t.Fatalf("payload % x does not start with % x", udp.Payload[:signatureLen], put)
	}
	sent[d.Mark-c.First]++
}

func TestFillIntoArena(t *testing.T) {
	a, err := packet.NewArena(256, 60)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	c := testNetwork(t, 5)
	c.Flows = 100
	traffic := mustTraffic(t, c)
	d := make([]packet.Desc, a.Frames())
	for i := range d {
		d[i] = a.Desc(i)
		d[i].TCI, d[i].Flags = 7, packet.FlagTCI
	}
	traffic.Fill(a, d)
	for i := range d {
		if s, ok := ParseSignature(a.Frame(d[i])); !ok || s.Flow != d[i].Mark || d[i].TCI != 0 || d[i].Flags != 0 || d[i].Off != a.Desc(i).Off {
			t.Fatalf("frame %d: %+v, %+v", i, d[i], s)
		}
	}
	if traffic.Total() != 256 || traffic.MaxLen() != 60 {
		t.Errorf("%d frames of at most %d bytes", traffic.Total(), traffic.MaxLen())
	}
	if n := testing.AllocsPerRun(10, func() { traffic.Fill(a, d) }); n != 0 {
		t.Errorf("Fill allocates %v times", n)
	}
}

// TestShares counts frames by class, VRF and size over whole rounds of the order: shares of classes are exact.
func TestShares(t *testing.T) {
	for _, x := range []struct {
		zipf, fallback float64
		frames         int
	}{{0, 0, 1 << 17}, {0, 0.25, 1 << 17}, {0, 1, 1 << 17}, {1, 0.25, orderLen}} {
		c := testNetwork(t, 10)
		c.Flows, c.Fallback, c.Inbound, c.FlowZipf, c.Sizes = 16384, x.fallback, 0.5, x.zipf, IMIX()
		traffic := mustTraffic(t, c)
		mem, d := slots(1024, LineLen)
		var class [classes]float64
		size, vrf := map[uint16]float64{}, map[uint16]float64{}
		one := 1 / float64(x.frames)
		for range x.frames / len(d) {
			traffic.fill(mem, d)
			for i := range d {
				kind := traffic.kinds[d[i].Mark]
				class[kind.class] += one
				size[d[i].Len] += one
				if kind.class != Inbound {
					vrf[c.VPN[kind.ingress].Table] += one
				}
			}
		}
		name := fmt.Sprintf("zipf %g, fallback %g: ", x.zipf, x.fallback)
		within(t, name+"inbound", class[Inbound], 0.4999, 0.5001)
		within(t, name+"internet", class[Internet], x.fallback/2-0.0001, x.fallback/2+0.0001)
		within(t, name+"64 bytes", size[60], 7./12-0.003, 7./12+0.003)
		within(t, name+"594 bytes", size[590], 4./12-0.003, 4./12+0.003)
		within(t, name+"1518 bytes", size[1514], 1./12-0.003, 1./12+0.003)
		for table := range uint16(10) {
			if x.zipf == 0 {
				within(t, name+"one of 10 VRFs", vrf[table+1], 0.0495, 0.0505)
			}
		}
	}
}

func TestVRFZipf(t *testing.T) {
	c := testNetwork(t, 50)
	c.Flows, c.VRFZipf, c.Fallback = 20_000, 1, 0.5
	traffic := mustTraffic(t, c)
	count := make([]float64, 51)
	for i := range traffic.Flows() {
		count[traffic.Flow(i).Ingress.Table]++
	}
	harmonic, busiest, least := 0.0, 0.0, math.Inf(1)
	for i, n := range count[1:] {
		harmonic += 1 / float64(i+1)
		busiest, least = max(busiest, n), min(least, n)
	}
	within(t, "busiest VRF", busiest/20_000, 0.98/harmonic, 1.02/harmonic)
	within(t, "ratio of busiest to least VRF", busiest/least, 45, 55)
}

func TestFlowZipf(t *testing.T) {
	c := testNetwork(t, 5)
	c.FlowZipf, c.Fallback = 1, 1
	traffic := mustTraffic(t, c)
	if traffic.Flows() != DefaultFlows {
		t.Fatalf("%d flows", traffic.Flows())
	}
	mem, d := slots(1<<20, LineLen)
	traffic.fill(mem, d)
	count := map[uint32]float64{}
	for i := range d {
		count[d[i].Mark]++
	}
	busiest := 0.0
	for _, n := range count {
		busiest = max(busiest, n)
	}
	within(t, "share of the busiest flow", busiest/(1<<20), 0.0845, 0.0870) // 1/H(65536) = 0.0857
	within(t, "flows seen in a million frames", float64(len(count)), 40_000, 65_536)
}

// TestFlowsInTurn: every flow once before one comes again, and neighbours in the order are not neighbours in address.
func TestFlowsInTurn(t *testing.T) {
	c := testNetwork(t, 30)
	c.Flows, c.First = 5000, 70_000
	traffic := mustTraffic(t, c)
	mem, d := slots(10_000, LineLen)
	traffic.fill(mem, d)
	seen := map[uint32]int{}
	for i := range d {
		if at, again := seen[d[i].Mark]; again && i-at != 5000 {
			t.Fatalf("flow %d in frames %d and %d", d[i].Mark, at, i)
		}
		seen[d[i].Mark] = i
	}
	if len(seen) != 5000 {
		t.Errorf("%d flows", len(seen))
	}
	ascending := 0
	for i := 1; i < 5000; i++ {
		if traffic.Flow(i).Dst > traffic.Flow(i-1).Dst {
			ascending++
		}
	}
	within(t, "share of ascending destinations", float64(ascending)/5000, 0.45, 0.55)
}

// lineNetworks are networks whose lines can be packed, and whose cannot: one port's tagged circuits, and an untagged one on another port
// beside them.
func lineNetworks(t *testing.T, f func(t *testing.T, c Config)) {
	for _, packable := range []bool{true, false} {
		c := testNetwork(t, 10)
		if packable {
			c.VPN = c.VPN[:9]
		}
		c.Flows, c.First = 700, 90_000
		t.Run(fmt.Sprintf("packable=%v", packable), func(t *testing.T) {
			if packed := mustTraffic(t, c).packed != nil; packed != (packable && unpacks) {
				t.Fatalf("lines are packed: %v", packed)
			}
			f(t, c)
		})
	}
}

// TestLines: frames made a run of lines at a time are those made one by one; a slot outside the arena is refused before anything is
// written to it.
func TestLines(t *testing.T) {
	lineNetworks(t, func(t *testing.T, c Config) {
		for _, unsigned := range []bool{false, true} {
			c.Unsigned = unsigned
			traffic := mustTraffic(t, c)
			for round := range uint32(3) {
				mem, d := slots(traffic.flows, 128)
				slow, want := slots(traffic.flows, 128)
				for i := range want {
					want[i].Flags, want[i].TCI = packet.FlagTCI, 5
					d[i].Flags, d[i].TCI = packet.FlagTCI, 5
					seq := round
					if unsigned {
						seq = 0
					}
					stamp(&want[i], (*[LineLen]byte)(slow[want[i].Off:]), &traffic.lines[i], traffic.sizes[0].length, c.First+uint32(i), seq)
				}
				for rest := d; len(rest) > 0; rest = rest[min(97, len(rest)):] {
					traffic.fill(mem, rest[:min(97, len(rest))])
				}
				if !bytes.Equal(mem, slow) || !slices.Equal(d, want) {
					t.Fatalf("unsigned %v, round %d: frames differ", unsigned, round)
				}
			}
		}
		traffic := mustTraffic(t, c)
		mem, d := slots(8, LineLen)
		d[5].Off = uint32(len(mem) - LineLen + 1)
		defer func() {
			if recover() == nil {
				t.Error("a slot outside the arena was filled")
			}
			if d[4].Len == 0 || d[5].Len != 0 || !bytes.Equal(mem[5*LineLen:], make([]byte, len(mem)-5*LineLen)) {
				t.Error("not the slots up to that one were filled")
			}
		}()
		traffic.fill(mem, d)
	})
}

// TestPack: a packed line and what all have in common are the line; lines that differ too much, or in what descriptors are made of, are not
// packed.
func TestPack(t *testing.T) {
	lines := make([][LineLen]byte, 300)
	differ := func(at int) {
		for i := range lines {
			lines[i][at] = byte(i)
		}
	}
	for at := range LineLen {
		for i := range lines {
			lines[i][at] = byte(100 + at)
		}
	}
	for n := range 16 {
		differ(2 * n)
		differ(packedLen + n)
		differ(seqLow + n%4)
	}
	f, packed := pack(lines)
	if len(packed) != len(lines) {
		t.Fatalf("%d lines of %d were packed", len(packed), len(lines))
	}
	f.number(0x01020304)
	for i := range lines {
		got := f.common
		for at, from := range f.from {
			if from < 0x80 {
				got[at] |= packed[i][at/packedLen*packedLen/2+int(from)]
			}
		}
		want := lines[i]
		copy(want[want[seqOff]&seqMask|seqLow:], []byte{1, 2, 3, 4})
		if got != want {
			t.Fatalf("line %d is %x, want %x", i, got, want)
		}
	}
	for _, at := range []int{1, packedLen + 20, portAt, portAt + 1, seqOff} {
		were := slices.Clone(lines)
		differ(at)
		if _, packed := pack(lines); packed != nil {
			t.Errorf("lines that differ in byte %d too were packed", at)
		}
		lines = were
	}
}

// TestFillSlots: frames in slots that follow each other are those that descriptors of these slots give, over the ends of rounds; slots
// outside the arena are refused.
func TestFillSlots(t *testing.T) {
	arena := func() *packet.Arena {
		a, err := packet.NewArena(300, 1600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		return a
	}
	lineNetworks(t, func(t *testing.T, c Config) {
		for _, zipf := range []float64{0, 1} {
			for _, sizes := range [][]Size{FixedSize(64), IMIX()} {
				c.FlowZipf, c.Sizes = zipf, sizes
				a, b, traffic, twin := arena(), arena(), mustTraffic(t, c), mustTraffic(t, c)
				for n := range 120 {
					first := n % 43
					d, want := make([]packet.Desc, n), make([]packet.Desc, n)
					for i := range want {
						d[i] = packet.Desc{Off: 7, TCI: 5, Flags: packet.FlagTCI}
						want[i] = b.Desc(first + i)
					}
					traffic.FillSlots(a, first, d)
					twin.Fill(b, want)
					if !slices.Equal(d, want) || !bytes.Equal(a.Bytes(), b.Bytes()) || traffic.Total() != twin.Total() {
						t.Fatalf("zipf %g, %d frames from slot %d on: they differ", zipf, n, first)
					}
				}
			}
		}
		defer func() {
			if recover() == nil {
				t.Error("a slot outside the arena was filled")
			}
		}()
		mustTraffic(t, c).FillSlots(arena(), 299, make([]packet.Desc, 3))
	})
}

func TestTrafficIsDeterministic(t *testing.T) {
	frames := func(seed uint64, bursts ...int) []byte {
		c := testNetwork(t, 10)
		c.Flows, c.Seed, c.Sizes, c.FlowZipf = 1000, seed, IMIX(), 0.9
		traffic := mustTraffic(t, c)
		var all []byte
		for _, n := range bursts {
			mem, d := slots(n, 1600)
			traffic.fill(mem, d)
			all = append(all, mem...)
		}
		return all
	}
	if !bytes.Equal(frames(3, 256, 256), frames(3, 100, 412)) {
		t.Error("the same seed gives different frames")
	}
	if bytes.Equal(frames(3, 256), frames(4, 256)) {
		t.Error("different seeds give the same frames")
	}
}

// TestRewind: what was taken back comes again, over the ends of flows, order and pattern.
func TestRewind(t *testing.T) {
	for _, zipf := range []float64{0, 1} {
		c := testNetwork(t, 10)
		c.Flows, c.FlowZipf, c.Sizes = 300, zipf, IMIX()
		traffic, twin := mustTraffic(t, c), mustTraffic(t, c)
		for n := range 60 {
			a, da := slots(256, 1600)
			b, db := slots(256, 1600)
			traffic.fill(a, da)
			twin.fill(b, db)
			traffic.Rewind(da[n:])
			redo := da[n:]
			traffic.fill(a, redo)
			if !bytes.Equal(a, b) || !reflect.DeepEqual(da, db) || traffic.Total() != twin.Total() {
				t.Fatalf("zipf %g, round %d: frames differ after a rewind", zipf, n)
			}
		}
		for i := range traffic.Flows() {
			if traffic.Sent(i) != twin.Sent(i) {
				t.Fatalf("flow %d: %d sent, want %d", i, traffic.Sent(i), twin.Sent(i))
			}
		}
	}
}

func TestUnsigned(t *testing.T) {
	c := testNetwork(t, 4)
	c.Flows, c.Unsigned, c.Expect = 64, true, nil
	traffic := mustTraffic(t, c)
	mem, d := slots(128, LineLen)
	traffic.fill(mem, d)
	for i := range d {
		if _, ok := ParseSignature(frameOf(mem, d[i])); ok {
			t.Fatal("an unsigned frame has a signature")
		}
	}
	if !bytes.Equal(mem[:64*LineLen], mem[64*LineLen:]) || traffic.Sent(0) != 0 || traffic.Total() != 128 {
		t.Error("unsigned frames of one flow differ, or were counted as signed")
	}
}

func TestTrafficRefuses(t *testing.T) {
	good := testNetwork(t, 3)
	good.Flows = 16
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(c *Config){
		"flows":             func(c *Config) { c.Flows = MaxFlows + 1 },
		"negative flows":    func(c *Config) { c.Flows = -1 },
		"flow numbers":      func(c *Config) { c.First = math.MaxUint32 },
		"share":             func(c *Config) { c.Fallback = 1.1 },
		"NaN":               func(c *Config) { c.Inbound = math.NaN() },
		"exponent":          func(c *Config) { c.FlowZipf = -1 },
		"keys":              func(c *Config) { c.Keys = 9 },
		"small":             func(c *Config) { c.Sizes = FixedSize(63) },
		"large":             func(c *Config) { c.Sizes = FixedSize(MaxSize + 1) },
		"weight":            func(c *Config) { c.Sizes = []Size{{64, 0}} },
		"weights":           func(c *Config) { c.Sizes = []Size{{64, 4096}, {65, 1}} },
		"no Expect":         func(c *Config) { c.Expect = nil },
		"no VPN":            func(c *Config) { c.VPN = nil },
		"no uplink":         func(c *Config) { c.Uplink, c.Inbound = nil, 0.5 },
		"no inbound routes": func(c *Config) { c.Uplink, c.Inbound = []Ingress{{Port: 9}}, 0.5 },
		"no local routes":   func(c *Config) { c.VPN = []Ingress{{Port: 1}} },
		"no global table":   func(c *Config) { c.Global, c.Fallback = nil, 0.5 },
		"VLAN":              func(c *Config) { c.VPN = []Ingress{{VLAN: 4095, Routes: good.VPN[0].Routes}} },
		"no way to fall back": func(c *Config) {
			c.VPN, c.Fallback = []Ingress{{Routes: []lpm.Route{{Len: 0, Hop: 1}}}}, 0.5
		},
		"loopback": func(c *Config) { c.VPN = []Ingress{{Routes: []lpm.Route{{Addr: 127 << 24, Len: 8}}}} },
	} {
		c := good
		spoil(&c)
		if traffic, err := New(c); err == nil || traffic != nil {
			t.Errorf("%s: %v, %v; want an error alone", name, traffic, err)
		}
	}
}

func TestParseSizes(t *testing.T) {
	for text, want := range map[string][]Size{
		"imix": {{64, 7}, {594, 4}, {1518, 1}}, "64": {{64, 1}}, "64:3,128:1": {{64, 3}, {128, 1}},
		"": nil, "x": nil, "64:": nil, "63": nil, "64:0": nil, "64,,65": nil,
	} {
		if got, err := ParseSizes(text); err == nil && !reflect.DeepEqual(got, want) || (err != nil) != (want == nil) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	c := testNetwork(b, 200)
	c.Fallback = 0.5
	for b.Loop() {
		mustTraffic(b, c)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/DefaultFlows, "ns/flow")
}

func BenchmarkFill(b *testing.B) {
	for _, bench := range []struct {
		name string
		set  func(c *Config)
	}{
		{"order=turn/size=64", func(c *Config) {}},
		{"order=zipf/size=64", func(c *Config) { c.FlowZipf = 1 }},
		{"order=turn/size=imix", func(c *Config) { c.Sizes = IMIX() }},
		{"order=turn/size=64/unsigned", func(c *Config) { c.Unsigned = true }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c := testNetwork(b, 200)
			c.Fallback = 0.5
			bench.set(&c)
			traffic := mustTraffic(b, c)
			a, err := packet.NewArena(1024, 1518)
			if err != nil {
				b.Fatal(err)
			}
			defer a.Close()
			d := make([]packet.Desc, 256)
			slot := 0
			for b.Loop() {
				for i := range d {
					d[i] = a.Desc(slot)
					slot = (slot + 1) & 1023
				}
				traffic.Fill(a, d)
			}
			reportPackets(b, len(d))
		})
	}
}

// reportPackets reports the rate of a benchmark whose iteration is a burst.
func reportPackets(b *testing.B, burst int) {
	ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / float64(burst)
	b.ReportMetric(ns, "ns/pkt")
	b.ReportMetric(1e3/ns, "Mpps")
}
