package slowpath

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"vrfwd/packet"
	"vrfwd/vrftable"
)

// inject gives the slow path a frame as a worker would that punts everything.
func (b *bed) inject(frame []byte, d packet.Desc) Outcome {
	b.Helper()
	p, before, o := b.path, slices.Clone(frame), NumOutcomes
	p.pass(func() {
		p.count.Punted[0]++
		o = p.punted(frame, d)
		p.settle(o)
		if !p.now.Before(p.due) {
			p.tick()
		}
	})
	if !bytes.Equal(before, frame) {
		b.Errorf("%v: the frame was changed", o)
	}
	b.accounted()
	return o
}

// accounted checks that what came in is what became of it.
func (b *bed) accounted() {
	b.Helper()
	c, out := b.path.Counters(), uint64(0)
	for _, n := range c.Outcomes {
		out += n
	}
	if in := c.FromHost + c.Originated + c.Punted[0]; in != out {
		b.Errorf("%d in, %d out: %v", in, out, c)
	}
}

// checkSent checks every frame that was sent: headers and checksums good, errors by the rules.
func (b *bed) checkSent() {
	b.Helper()
	for port := range b.tx {
		for _, f := range b.sent(port) {
			l2, err := packet.ParseVLAN(f)
			if err != nil || l2.Tags() > 1 {
				b.Fatalf("sent % x", f)
			}
			if l2.EtherType() == packet.EtherTypeARP {
				if a, err := packet.ParseARP(f[len(l2):]); err != nil || a.SenderMAC().IsGroup() {
					b.Errorf("sent ARP % x: %v", f, err)
				}
				continue
			}
			v, err := packet.ParseIPv4(f[len(l2):])
			if err != nil || !v.ChecksumOK() || packet.Ethernet(f).Dst().IsGroup() {
				b.Errorf("sent IPv4 % x: %v", f, err)
			}
		}
	}
}

// newFuzzBed makes a bed without limits.
func newFuzzBed(t testing.TB) *bed {
	limits := map[Message]Limit{}
	for m := range NumMessages {
		limits[m] = Limit{Rate: 1 << 30, Burst: 1 << 30}
	}
	return newBed(t, Config{Limits: limits}, append(known()[:2], vrftable.SetMTU{Interface: "uplink", MTU: 576})...)
}

// FuzzPunted: whatever a worker punts has one outcome, and what is sent for it is well formed.
func FuzzPunted(f *testing.F) {
	for _, seed := range [][]byte{
		fromA(udp(header("10.1.0.2", "8.8.8.8", 17), 1000)...), fromA(ping(header("10.0.0.2", "10.0.0.1", 1), 56)...),
		fromB(udp(header("10.0.0.2", "10.0.0.9", 17), 10)...), fromISP(tcp(header("8.8.8.8", "192.0.2.1", 6))...),
		frame(everyone, macCEA, 10, arpOf(1, macCEA, "10.0.0.2", vrftable.MAC{}, "10.0.0.1")),
		withOptions(fromA(udp(header("10.1.0.2", "8.8.8.8", 17), 1400)...), []byte{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
	} {
		f.Add(seed, uint8(1), uint16(0), false)
		f.Add(seed, uint8(0), uint16(10), true)
	}
	b := newFuzzBed(f)
	f.Fuzz(func(t *testing.T, data []byte, port uint8, tci uint16, tagged bool) {
		if len(data) > bedFrame {
			return
		}
		b.TB = t
		d := packet.Desc{Port: uint16(port), TCI: tci}
		if tagged {
			d.Flags = packet.FlagTCI
		}
		b.now = b.now.Add(10_000_000)
		b.inject(data, d)
		b.checkSent()
	})
}

// FuzzARP: no ARP packet makes a neighbour of an own address, a group or a broadcast address.
func FuzzARP(f *testing.F) {
	for _, op := range []uint16{1, 2} {
		for _, ips := range [][2]string{{"10.0.0.2", "10.0.0.1"}, {"10.0.0.1", "10.0.0.1"}, {"0.0.0.0", "10.0.0.1"}, {"10.0.0.255", "10.0.0.1"}, {"10.0.0.9", "10.0.0.9"}} {
			f.Add(frame(everyone, macCEA, 10, arpOf(op, macCEA, ips[0], vrftable.MAC{}, ips[1]))[18:])
		}
	}
	b := newFuzzBed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		b.TB = t
		head := []byte{255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 2, 1, 0x81, 0, 0, 10, 8, 6}
		o := b.inject(append(head, data[:min(len(data), 100)]...), packet.Desc{Port: 1})
		b.checkSent()
		if o != ARPAnswered && o != ARPTaken && o != ARPIgnored && o != ARPConflict && o != Malformed {
			t.Errorf("%v", o)
		}
		for key, n := range b.path.neighbors {
			on := b.path.links.byKey[key.link]
			if n.mac.IsGroup() || on.owns(key.addr) || on.broadcast(key.addr) || !unicast(key.addr) {
				t.Errorf("neighbour %v: %+v", address(key.addr), n)
			}
		}
		b.path.FlushNeighbors("")
	})
}

// FuzzAnswer: an error about any packet keeps the rules, or is not made.
func FuzzAnswer(f *testing.F) {
	for m := range NumMessages {
		f.Add(packetOf(fromA(udp(header("10.1.0.2", "8.8.8.8", 17), 1000)...)), uint8(m))
		f.Add(packetOf(fromA(ping(header("10.1.0.2", "8.8.8.8", 1), 0)...)), uint8(m))
	}
	b := newFuzzBed(f)
	f.Fuzz(func(t *testing.T, data []byte, kind uint8) {
		ip, err := packet.ParseIPv4(data)
		if err != nil {
			return
		}
		b.TB = t
		m, p, o := Message(kind)%NumMessages, b.path, NumOutcomes
		p.pass(func() {
			p.count.Punted[0]++
			in := p.view.Ports[1][10]
			o = p.answer(&datagram{scope: scope{in.Table, in.Flags, in.Iface}, ip: ip}, m, 0)
			p.settle(o)
		})
		b.accounted()
		frames := append(b.sent(0), b.sent(1)...)
		if o != Answered && len(frames) > 0 {
			t.Errorf("%v, and sent % x", o, frames)
		}
		if o == Answered && (ip.FragmentOffset() != 0 || !unicast(ip.Src()) || ip.Protocol() == 1 && !query(ip.Payload()[0])) {
			t.Errorf("answered % x", ip)
		}
		for _, f := range frames {
			l2, _ := packet.ParseVLAN(f)
			v, err := packet.ParseIPv4(f[len(l2):])
			if l2.EtherType() == packet.EtherTypeARP {
				continue // the way back is not known
			}
			icmp := packet.ICMPv4(v.Payload())
			if err != nil || len(v) > 576 || v.Dst() != ip.Src() || !icmp.ChecksumOK() || icmp.Type() != messages[m].icmpType ||
				icmp.Code() != messages[m].code || !bytes.HasPrefix(ip, icmp.Payload()) || len(icmp.Payload()) < min(len(ip), 28) {
				t.Errorf("% x about % x", v, ip)
			}
		}
	})
}

// FuzzOptions: options that pass the check can be stamped, and keep their place, length and the rest of the packet.
func FuzzOptions(f *testing.F) {
	for _, o := range [][]byte{{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0}, {68, 12, 5, 3, 10, 0, 0, 1, 0, 0, 0, 0},
		{148, 4, 0, 0}, {131, 7, 4, 1, 2, 3, 4, 0}, {1, 1, 1, 0}} {
		f.Add(o)
	}
	b := newFuzzBed(f)
	f.Fuzz(func(t *testing.T, o []byte) {
		o = o[:min(len(o), 40)&^3]
		if fault, _ := checkOptions(o); fault >= 0 {
			if fault >= len(o)+2 {
				t.Errorf("% x: fault at %d", o, fault)
			}
			return
		}
		ip := randomPacket(rand.New(rand.NewPCG(1, 1)), 100, o)
		before := slices.Clone(ip)
		b.path.pass(func() { b.path.stamp(ip, scope{}, 0xc0000201) })
		if !ip.ChecksumOK() || !bytes.Equal(ip.Payload(), before.Payload()) {
			t.Errorf("% x became % x", before, ip)
		}
		var kinds, after []byte
		for opt := range options(before.Options()) {
			kinds = append(kinds, opt[0], opt[1])
		}
		for opt := range options(ip.Options()) {
			after = append(after, opt[0], opt[1])
		}
		if !bytes.Equal(kinds, after) {
			t.Errorf("% x became % x", before.Options(), ip.Options())
		}
		recorders(o)
	})
}

// FuzzFragments: any packet, cut up and glued together by the naive twin, is the same.
func FuzzFragments(f *testing.F) {
	f.Add(packetOf(fromA(udp(header("10.1.0.2", "8.8.8.8", 17), 1000)...)), uint16(100))
	f.Add(packetOf(withOptions(fromA(udp(header("10.1.0.2", "8.8.8.8", 17), 1000)...), []byte{7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 0})), uint16(500))
	f.Add(packetOf(withOptions(fromA(udp(header("10.1.0.2", "8.8.8.8", 17), 1000)...), []byte{148, 4, 0, 0, 1, 7, 3, 4, 240, 3, 63, 0})), uint16(500))
	f.Fuzz(func(t *testing.T, data []byte, mtu uint16) {
		ip, err := packet.ParseIPv4(data)
		if err != nil || mtu < 68 || ip.DF() || int(ip.Fragment()&packet.FragmentOffset)*8+len(ip.Payload()) > 65535 {
			return
		}
		if fault, _ := checkOptions(ip.Options()); fault >= 0 || len(ip) <= int(mtu) {
			return
		}
		if ip.MF() && len(ip.Payload())%8 != 0 { // no good fragment: its tail has no place
			return
		}
		checkFragments(t, slices.Clone(ip), int(mtu))
	})
}

// FuzzReassemble: pieces that arrive in any order, some of them twice or at wrong places, either make the packet that the
// naive twin makes, or none.
func FuzzReassemble(f *testing.F) {
	f.Add(uint16(1000), uint16(200), []byte{0, 1, 2, 3, 4, 5})
	f.Add(uint16(1000), uint16(200), []byte{5, 4, 0x83, 3, 0x42, 2, 1, 0})
	b := newFuzzBed(f)
	id := uint16(0)
	f.Fuzz(func(t *testing.T, size, mtu uint16, order []byte) {
		if mtu < 68 || mtu > 1500 || size > 8000 {
			return
		}
		b.TB = t
		whole := randomPacket(rand.New(rand.NewPCG(1, uint64(size))), int(size)+8, nil)
		whole.SetSrc(0x0a000002)
		whole.SetDst(0x0a000001)
		whole.SetProtocol(packet.ProtoICMP)
		id++
		whole.SetID(id)
		whole.SetChecksum()
		var pieces []packet.IPv4
		for p := range fragments(whole, int(mtu), make([]byte, mtu)) {
			pieces = append(pieces, slices.Clone(p))
		}
		b.path.pass(func() { reassembleAll(t, b.path, pieces, order) })
		b.accounted()
		if c := b.path.Counters(); c.Outcomes[Waiting] != 0 {
			t.Errorf("%d still wait", c.Outcomes[Waiting])
		}
	})
}

// reassembleAll offers pieces in an order, moved up where a bit of 0x80 is set and with the other flag where 0x40 is, and
// checks what is made of them. What is left over is given up.
func reassembleAll(t *testing.T, p *Path, pieces []packet.IPv4, order []byte) {
	var used [][]byte
	for _, o := range order[:min(len(order), 40)] {
		piece := slices.Clone(pieces[int(o&0x3f)%len(pieces)])
		if o&0x80 != 0 {
			piece.SetFragment(piece.Fragment() + 1)
		}
		if o&0x40 != 0 {
			piece.SetFragment(piece.Fragment() ^ packet.FlagMF)
		}
		p.count.Punted[0]++
		got, outcome := p.reassemble(&datagram{ip: piece})
		p.settle(outcome)
		switch {
		case outcome == ReassemblyFailed && len(p.partial) == 0:
			used = nil
		case outcome == Waiting || got != nil:
			used = append(used, piece)
		}
		if got == nil {
			continue
		}
		payload, more, ok := glue(used)
		if !ok || more || !bytes.Equal(payload, got.ip.Payload()) || got.ip.IsFragment() || !got.ip.ChecksumOK() {
			t.Errorf("made %d bytes of %d pieces, the twin %d, %v, %v", len(got.ip), len(used), len(payload), more, ok)
		}
		used = nil
	}
	for key, w := range p.partial {
		p.abandon(key, w)
	}
}

// FuzzFromHost: whatever a program writes into its device has one outcome.
func FuzzFromHost(f *testing.F) {
	for _, dst := range []string{"8.8.8.8", "10.0.0.2", "192.0.2.2", "198.18.0.1", "7.1.1.1"} {
		f.Add(packetOf(fromA(udp(header("198.18.0.1", dst, 17), 1000)...)))
		f.Add(packetOf(fromA(ping(header("10.0.0.1", dst, 1), 1000)...)))
	}
	b := newFuzzBed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		b.TB = t
		for _, vr := range []string{"default", "a", "gone"} {
			b.path.pass(func() { b.path.fromHost(hostPacket{vr, data}) })
		}
		b.checkSent()
		b.accounted()
	})
}
