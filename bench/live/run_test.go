package live

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"

	"vrfwd/gen"
	"vrfwd/packet"
)

// A router between two ports in memory: VLANs 101 and 102 of the trunk, the uplink untagged.
const vpns = `
circuits:
- {name: vpn, port: trunk, vlan: 101-102, vrf: "vpn{vlan}", gateway-mac: "02:00:00:00:00:fe"}
- {name: uplink, port: up, vrf: internet}
streams:
- name: out
  from: vpn
  to: uplink
  except: [{destination: 198.19.0.0/16, to: discard}]
  destination: [198.18.0.0/16, 198.19.0.0/16]
  rate: max
  count: 20000
  flows: 500
  size: "64,128"
`

// bench is a tester with its ports in memory.
type testbed struct {
	spec    *Spec
	links   Links
	there   *cable // from the trunk to the uplink
	back    *cable // what arrives at the trunk
	replies [][]byte
}

func newTestbed(t *testing.T, text string) *testbed {
	b := &testbed{spec: mustSpec(t, text), there: newCable(t), back: newCable(t)}
	reply := func(frame []byte) { b.replies = append(b.replies, frame) }
	b.links = Links{All: []Link{
		{MAC: packet.MAC{2, 0, 0, 0, 0, 1}, Tx: b.there.tx(), Rx: b.back.rx(reply)},
		{MAC: packet.MAC{2, 0, 0, 0, 0, 2}, Rx: b.there.rx(reply)},
	}}
	return b
}

func (b *testbed) run(t *testing.T, o Options) *Report {
	t.Helper()
	if o.Drain == 0 {
		o.Drain = 50 * time.Millisecond
	}
	r, err := Run(context.Background(), b.spec, b.links, o)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if !o.PerFlow {
		t.Log("\n" + text.String())
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	for _, c := range append([]Count{r.Total}, flowCounts(r)...) {
		if c.Observed+c.Unsent != c.Received+c.Lost+c.Discarded {
			t.Errorf("the account does not balance: %+v", c)
		}
	}
	return r
}

func flowCounts(r *Report) (all []Count) {
	for i := range r.Flows {
		all = append(all, r.Flows[i].Count)
	}
	return all
}

// forward is a router that does as it should: TTL, checksum, no tag; 198.19.0.0/16 is discarded.
func forward(frame []byte) [][]byte {
	frame = retag(frame, 0)
	if frame[31] == 19 {
		return nil
	}
	ip := packet.IPv4(frame[14:])
	ip.SetTTL(ip.TTL() - 1)
	ip.SetChecksum()
	return [][]byte{frame}
}

// TestRun: through a router that does as it should, all is well; streams are as wanted.
func TestRun(t *testing.T) {
	for _, strip := range []bool{false, true} {
		b := newTestbed(t, vpns)
		b.there.router, b.there.strip = forward, strip
		r := b.run(t, Options{PerFlow: true})
		if !r.OK || r.Total.Sent != 20_000 || r.Total.Received+r.Total.Discarded != 20_000 || r.Total.Discarded < 8000 || len(r.Flows) != 500 ||
			r.Streams[0].Latency.Frames != r.Total.Received || r.Ports[1].Received != r.Total.Received || r.Ports[0].Sent != 20_000 {
			t.Errorf("%+v", r)
		}
		vlans := map[uint16]int{}
		for _, frame := range b.there.sent {
			if eth := packet.Ethernet(frame); eth.Dst() != (packet.MAC{2, 0, 0, 0, 0, 0xfe}) || eth.Src() != (packet.MAC{2, 0, 0, 0, 0, 1}) {
				t.Fatalf("%x", frame[:14])
			}
			vlans[binary.BigEndian.Uint16(frame[14:])]++
		}
		if len(vlans) != 2 || vlans[101] != 10_000 {
			t.Error(vlans)
		}
	}
}

// TestRunFaults: every fault of a router is found, counted exactly, and laid at the right flow.
func TestRunFaults(t *testing.T) {
	type fault func(b *testbed, n int, frame []byte) [][]byte
	out := func(b *testbed, frame []byte) [][]byte { return forward(frame) }
	for _, c := range []struct {
		name  string
		every int // n-th frame that should come out
		fault fault
		want  func(n uint64) Count // of n faults
		says  string
	}{
		{"loss", 100, func(*testbed, int, []byte) [][]byte { return nil }, func(n uint64) Count { return Count{Lost: n} }, "lost of 20000 frames"},
		{"twice", 50, func(b *testbed, _ int, f []byte) [][]byte { return append(out(b, f), out(b, f)...) },
			func(n uint64) Count { return Count{Duplicate: n} }, "twice"},
		{"wrong place, same VRF", 70, func(b *testbed, _ int, f []byte) [][]byte { return [][]byte{retag(out(b, f)[0], 7)} },
			func(n uint64) Count { return Count{WrongEgress: n} }, "came out where they should not"},
		{"a place nobody named", 70, func(b *testbed, _ int, f []byte) [][]byte { return [][]byte{retag(out(b, f)[0], 9)} },
			func(n uint64) Count { return Count{WrongEgress: n} }, "came out where they should not"},
		{"leak", 70, func(b *testbed, _ int, f []byte) [][]byte {
			b.back.mu.Lock()
			defer b.back.mu.Unlock()
			b.back.put(retag(out(b, f)[0], 102))
			return nil
		}, func(n uint64) Count { return Count{Leak: n} }, "another VRF"},
		{"changed", 70, func(b *testbed, _ int, f []byte) [][]byte {
			ip := packet.IPv4(out(b, f)[0][14:])
			ip.SetDst(1)
			ip.SetChecksum()
			return [][]byte{append(make([]byte, 12), append([]byte{8, 0}, ip...)...)}
		}, func(n uint64) Count { return Count{Lost: n} }, "stamp of no flow"},
		{"damaged", 70, func(b *testbed, _ int, f []byte) [][]byte {
			f = out(b, f)[0]
			f[22]--
			return [][]byte{f}
		}, func(n uint64) Count { return Count{Lost: n} }, "lost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newTestbed(t, strings.Replace(vpns, "streams:", "- {name: other, port: up, vlan: 7, vrf: internet}\nstreams:", 1))
			good, faults := 0, uint64(0)
			b.there.router = func(frame []byte) [][]byte {
				was := bytes.Clone(frame)
				if now := forward(frame); now == nil {
					return nil
				} else if good++; good%c.every != 0 {
					return now
				}
				faults++
				return c.fault(b, good, was)
			}
			r := b.run(t, Options{PerFlow: true})
			want := c.want(faults)
			want.Sent, want.Observed, want.Discarded = 20_000, 20_000, uint64(20_000-good)
			want.Received = 20_000 - want.Lost - want.Discarded
			if want.Leak > 0 { // another way takes another time
				want.Reordered = r.Total.Reordered
			}
			if r.Total != want || r.OK || !strings.Contains(strings.Join(r.Faults, "; "), c.says) || r.FaultyFlows == 0 || len(r.Faulty) == 0 {
				t.Errorf("%d faults: %+v\nwant %+v\n%q", faults, r.Total, want, r.Faults)
			}
			again := b.run(t, Options{MaxLoss: 0.5}) // a place or a VRF is never right
			if again.OK != (c.want(1).Leak+c.want(1).WrongEgress == 0 && again.Unknown == 0) {
				t.Error(again.OK, again.Faults)
			}
		})
	}
}

// TestRunReorders: frames overtaken within 64 of their flow are out of order and not lost, and so the accounts balance
// whatever the order.
func TestRunReorders(t *testing.T) {
	b := newTestbed(t, strings.Replace(vpns, "flows: 500", "flows: 4", 1))
	rng := rand.New(rand.NewPCG(1, 1))
	var held [][]byte
	b.there.router = func(frame []byte) (now [][]byte) {
		now = forward(frame)
		if len(now) == 0 {
			return nil
		}
		if rng.IntN(20) == 0 && len(held) < 8 {
			held = append(held, now...)
			return nil
		}
		if rng.IntN(10) == 0 && len(held) > 0 {
			now, held = append(now, held[0]), held[1:]
		}
		return now
	}
	r := b.run(t, Options{PerFlow: true})
	if r.OK || r.Total.Reordered == 0 || r.Total.Duplicate != 0 || r.Total.Lost > uint64(len(held))+r.Total.Late || !strings.Contains(r.Faults[0], "out of order") {
		t.Errorf("%d held, %+v %q", len(held), r.Total, r.Faults)
	}
	if ok := b.run(t, Options{MaxLoss: 0.5}); !ok.OK {
		t.Error(ok.Faults)
	}
}

// TestSinkAlone: a sink in another process, which has the streams and nothing else, comes to the sender's account.
func TestSinkAlone(t *testing.T) {
	for name, text := range map[string]string{
		"count":    vpns,
		"duration": strings.Replace(vpns, "count: 20000", "duration: 40ms", 1),
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestbed(t, text)
			good := 0
			b.there.router = func(frame []byte) [][]byte {
				now := forward(frame)
				if good += len(now); good%97 == 0 || good%500 > 480 && len(now) > 0 && now[0][33]%7 == 0 {
					return nil
				}
				return now
			}
			rx := b.links.All[1]
			b.links.All[1] = Link{}
			sent := b.run(t, Options{})
			if sent.Total.Observed != sent.Total.Discarded || sent.Total.Sent == 0 || !strings.Contains(strings.Join(sent.Notes, ";"), "nothing is known of them") {
				t.Errorf("%+v %q", sent.Total, sent.Notes)
			}
			arrived := uint64(len(b.there.queue))
			b.links.All = []Link{{}, rx}
			r := b.run(t, Options{Idle: 60 * time.Millisecond, Duration: 10 * time.Second})
			// Without a count it knows of all that was sent before the newest frame that came.
			tail := sent.Total.Sent - r.Total.Sent
			if r.Total.Received != arrived || r.Interrupted || r.OK || !r.Streams[0].Remote || tail > 100 || name == "count" && tail != 0 {
				t.Errorf("%+v: %d sent, %d arrived", r.Total, sent.Total.Sent, arrived)
			}
			if note := strings.Contains(strings.Join(r.Notes, ";"), "without a count"); note != (name != "count") {
				t.Error(r.Notes)
			}
		})
	}
}

// TestSinkSilent: where nothing comes, all is lost, and not nothing.
func TestSinkSilent(t *testing.T) {
	b := newTestbed(t, strings.Replace(vpns, "count: 20000", "duration: 1s", 1))
	b.links.All[0] = Link{}
	r := b.run(t, Options{Duration: 150 * time.Millisecond, Idle: time.Millisecond})
	if r.OK || !strings.Contains(r.Faults[0], "stream out: no frame came") {
		t.Errorf("%+v", r)
	}
	b.links.All[1] = Link{}
	if _, err := Run(context.Background(), b.spec, b.links, Options{}); err == nil {
		t.Error("no port is here, and no error")
	}
}

// TestRunStops: a signal ends a run that would last for ever, and the account is complete.
func TestRunStops(t *testing.T) {
	b := newTestbed(t, strings.Replace(strings.Replace(vpns, "count: 20000", "ttl: 9", 1), "rate: max", "rate: 20kpps", 1))
	b.there.router = forward
	ctx, stop := context.WithCancel(context.Background())
	lines := 0
	r, err := Run(ctx, b.spec, b.links, Options{Drain: 20 * time.Millisecond, Progress: func(p Progress) {
		if lines++; p.Sent == 0 || p.Received == 0 || !p.Sending || !p.Receiving || p.LatencyMax == 0 {
			t.Errorf("%+v", p)
		}
		stop()
	}})
	if err != nil || !r.Interrupted || !r.OK || r.Total.Sent == 0 || lines != 1 {
		t.Fatalf("%v %+v", err, r)
	}
	b = newTestbed(t, strings.Replace(vpns, `gateway-mac: "02:00:00:00:00:fe"`, "gateway: 10.0.0.1", 1))
	if _, err := Run(ctx, b.spec, b.links, Options{}); err != context.Canceled {
		t.Error(err)
	}
}

// TestARP: the gateway is asked for, the tester's addresses are answered for, and those of streams if that is wanted.
func TestARP(t *testing.T) {
	b := newTestbed(t, strings.Replace(strings.Replace(vpns, `gateway-mac: "02:00:00:00:00:fe"`, "gateway: 10.0.0.1, address: 10.0.0.2", 1),
		"count: 20000", "count: 100", 1))
	router := packet.MAC{2, 0, 0, 0, 0, 0xaa}
	b.there.router = forward
	say := func(vlan uint16, op uint16, from uint32, of uint32) {
		frame := make([]byte, 14+28)
		packet.Ethernet(frame).SetSrc(router)
		packet.Ethernet(frame).SetEtherType(packet.EtherTypeARP)
		packet.ARP(frame[14:]).Set(op, router, from, packet.MAC{}, of)
		b.back.put(retag(frame, vlan))
	}
	b.links.All[0].Rx = b.back.rx(func(frame []byte) {
		if _, err := packet.ParseARP(frame[18:]); err != nil {
			t.Errorf("%x", frame)
			return
		}
		b.replies = append(b.replies, frame)
		if a := packet.ARP(frame[18:]); a.Op() == packet.ARPRequest && a.TargetIP() == 0x0a000001 && a.SenderIP() == 0x0a000002 {
			if vlan := binary.BigEndian.Uint16(frame[14:]); vlan == 101 || len(b.replies) > 2 { // the first to VLAN 102 is lost
				say(vlan, packet.ARPReply, 0x0a000001, 0x0a000002)
			}
		}
	})
	r := b.run(t, Options{})
	if !r.OK || r.ARP.Requests != 3 {
		t.Fatalf("%+v", r.ARP)
	}
	for _, frame := range b.there.sent {
		if packet.Ethernet(frame).Dst() != router {
			t.Fatalf("%x", frame)
		}
	}
	for _, c := range []struct {
		vlan   uint16
		op     uint16
		target uint32
		all    bool
		want   bool
	}{
		{101, packet.ARPRequest, 0x0a000002, false, true},  // its address
		{102, packet.ARPRequest, 0x0a000002, false, true},  // on every circuit
		{103, packet.ARPRequest, 0x0a000002, false, false}, // no circuit
		{101, packet.ARPReply, 0x0a000002, false, false},
		{101, packet.ARPRequest, 0x0a000003, false, false}, // a source address
		{101, packet.ARPRequest, 0x0a000003, true, true},
		{101, packet.ARPRequest, 0x0a000001, true, false}, // the router's own: a gratuitous one, or a probe
		{101, packet.ARPRequest, 0x0b000003, true, false},
	} {
		h, err := newARPHost(b.spec, b.links.All, c.all)
		if err != nil {
			t.Fatal(err)
		}
		k := newSink(b.spec, &b.links, new(fakeClock), h, nil)
		b.replies = nil
		say(c.vlan, c.op, 0x0a000001, c.target)
		k.poll()
		if (len(b.replies) == 1) != c.want {
			t.Errorf("%+v: %x", c, b.replies)
		}
		if len(b.replies) == 1 {
			a := packet.ARP(b.replies[0][18:])
			if a.Op() != packet.ARPReply || a.SenderIP() != c.target || a.SenderMAC() != b.links.All[0].MAC || a.TargetMAC() != router ||
				packet.Ethernet(b.replies[0]).Dst() != router || binary.BigEndian.Uint16(b.replies[0][14:]) != c.vlan {
				t.Errorf("%+v: %x", c, b.replies[0])
			}
		}
		h.close()
	}
}

// TestARPSilence: a gateway that does not answer is named, with its circuit.
func TestARPSilence(t *testing.T) {
	b := newTestbed(t, strings.Replace(vpns, `gateway-mac: "02:00:00:00:00:fe"`, "gateway: 10.0.0.1", 1))
	b.links.Wait = func(time.Duration) {}
	clock := new(fakeClock)
	b.links.Wait = func(d time.Duration) { clock.Wait(d) }
	_, err := Run(context.Background(), b.spec, b.links, Options{Clock: clock})
	if err == nil || !strings.Contains(err.Error(), "circuit vpn/101: no ARP reply from gateway 10.0.0.1 on trunk VLAN 101") {
		t.Error(err)
	}
	b.links.All[0].Rx = nil
	if _, err := Run(context.Background(), b.spec, b.links, Options{}); err == nil || !strings.Contains(err.Error(), "only sends") {
		t.Error(err)
	}
	b = newTestbed(t, strings.Replace(vpns, `, gateway-mac: "02:00:00:00:00:fe"`, "", 1))
	b.links.All[1] = Link{}
	if _, err := Run(context.Background(), b.spec, b.links, Options{}); err == nil || !strings.Contains(err.Error(), "which MAC") {
		t.Error(err)
	}
}

// TestForeign: what others send is told apart by kind, and disturbs nothing.
func TestForeign(t *testing.T) {
	b := newTestbed(t, vpns)
	ipv4 := func(proto uint8, payload ...byte) []byte {
		frame := append(make([]byte, 14+20), payload...)
		packet.Ethernet(frame).SetEtherType(packet.EtherTypeIPv4)
		ip := packet.IPv4(frame[14:])
		ip.SetHeaderLen(20)
		ip.SetTotalLen(20 + len(payload))
		ip.SetProtocol(proto)
		ip.SetChecksum()
		return frame
	}
	damaged := ipv4(6)
	damaged[22]++
	typed := func(t uint16) []byte {
		frame := make([]byte, 60)
		packet.Ethernet(frame).SetEtherType(t)
		return frame
	}
	want := map[string]uint64{}
	for kind, frame := range map[string][]byte{
		"ARP": typed(0x806), "IPv6": typed(0x86dd), "802.3": typed(100), "EtherType 0x88cc": typed(0x88cc), "malformed IPv4": typed(0x800),
		"TCP": ipv4(6), "UDP": ipv4(17, make([]byte, 40)...), "IPv4 protocol 89": ipv4(89), "IPv4 with a wrong checksum": damaged,
		"ICMP echo request": ipv4(1, 8, 0, 0, 0, 0, 0, 0, 0), "ICMP echo reply": ipv4(1, 0, 0, 0, 0, 0, 0, 0, 0), "malformed": typed(0x8100)[:15],
		"ICMP time exceeded": ipv4(1, 11, 0, 0, 0, 0, 0, 0, 0), "ICMP unreachable, code 13": ipv4(1, 3, 13, 0, 0, 0, 0, 0, 0),
		"ICMP type 5": ipv4(1, 5, 0, 0, 0, 0, 0, 0, 0), "malformed ICMP": ipv4(1, 8),
	} {
		b.back.queue = append(b.back.queue, frame)
		want[kind] = 1
	}
	b.there.router = forward
	r := b.run(t, Options{})
	if !r.OK || len(r.Foreign) != len(want) {
		t.Errorf("%v", r.Foreign)
	}
	for kind := range want {
		if r.Foreign[kind] != 1 {
			t.Errorf("no %s", kind)
		}
	}
}

// TestDump: the file has every frame received, with its tag, port and time, as pcapgo reads it.
func TestDump(t *testing.T) {
	b := newTestbed(t, strings.Replace(vpns, "count: 20000", "count: 300", 1))
	b.there.router, b.there.strip = func(f []byte) [][]byte {
		return [][]byte{retag(forward(append(bytes.Clone(f[:31]), append([]byte{18}, f[32:]...)...))[0], 5)}
	}, true
	b.there.router, b.there.strip = func(f []byte) [][]byte { return [][]byte{retag(f, 5)} }, true
	var file bytes.Buffer
	d, err := NewDump(&file, b.spec)
	if err != nil {
		t.Fatal(err)
	}
	b.back.queue = [][]byte{make([]byte, 60)}
	b.run(t, Options{Dump: d})
	if err := d.Close(); err != nil || d.Frames != 301 {
		t.Fatal(err, d.Frames)
	}
	r, err := pcapgo.NewNgReader(&file, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	byPort := map[int]int{}
	for {
		frame, info, err := r.ReadPacketData()
		if err != nil {
			break
		}
		byPort[info.InterfaceIndex]++
		if s, ok := gen.ParseStamp(frame); info.InterfaceIndex == 1 && (!ok || frame[12] != 0x81 || frame[15] != 5 || s.Age(info.Timestamp.UnixNano()) < 0) {
			t.Fatalf("%x %v", frame, info)
		}
	}
	if byPort[0] != 1 || byPort[1] != 300 {
		t.Error(byPort)
	}
	full := failing(100)
	if d, err = NewDump(&full, b.spec); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		d.write(0, make([]byte, 1000), &packet.Desc{}, 0)
	}
	if d.Close() == nil {
		t.Error("no error of a full disk")
	}
}

// failing is a file on a disk with so many bytes left.
type failing int

func (f *failing) Write(b []byte) (int, error) {
	if *f -= failing(len(b)); *f < 0 {
		return 0, context.DeadlineExceeded
	}
	return len(b), nil
}

// TestTimed: the kernel's time of reception counts, not when the sink came by; clocks that disagree are told.
func TestTimed(t *testing.T) {
	for _, offset := range []time.Duration{50 * time.Microsecond, time.Second, -time.Millisecond} {
		spec := mustSpec(t, vpns)
		all, err := spec.traffics(make([]macs, len(spec.Circuits)))
		if err != nil {
			t.Fatal(err)
		}
		arena, err := packet.NewArena(1, 128)
		if err != nil {
			t.Fatal(err)
		}
		clock := new(fakeClock)
		links := Links{All: []Link{{}, {Timed: true}}}
		arp, err := newARPHost(spec, links.All, false)
		if err != nil {
			t.Fatal(err)
		}
		k := newSink(spec, &links, clock, arp, nil)
		if err := k.expect(all); err != nil {
			t.Fatal(err)
		}
		c := newCable(t)
		tx, rx := c.tx(), c.rx(nil)
		links.All[1].Rx = marked{rx, uint32(fakeWall + int64(offset))}
		d := []packet.Desc{arena.Desc(0)}
		all[0].Fill(arena, d)
		gen.PutStamp(arena.Frame(d[0]), clock.Wall())
		tx.TxBurst(arena, d)
		clock.Wait(1500 * time.Millisecond) // the sink was asleep
		if k.poll() != 1 {
			t.Fatal("nothing came")
		}
		l := k.streams[0].latency
		if offset >= 0 && (l.Frames != 1 || l.Max != int64(offset)) || offset < 0 && (l.Frames != 0 || l.Negative != 1) {
			t.Errorf("%v: %+v", offset, l)
		}
		arp.close()
		arena.Close()
	}
}
