package forwarder

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vrfwd/lpm"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// input is one frame as a port receives it.
type input struct {
	frame []byte
	tci   uint16
	flags uint16
}

// outcome is what becomes of a frame: sent on a port, or a reason.
type outcome struct {
	verdict Verdict
	reason  Reason
	port    uint16
	iface   uint16
	frame   []byte
	valid   uint64 // its total length, once it is known to be a valid IPv4 packet
	from    uint16 // its ingress interface
}

// twin forwards one frame the slow and obvious way: gopacket reads the layers, every prefix is tried, the checksum is
// summed byte by byte. It follows DESIGN 3 and RFC 1812, not the worker's code.
func twin(b *bed, port int, in input) outcome {
	var valid outcome
	drop := func(r Reason) outcome {
		o := valid
		o.verdict, o.reason = Drop, r
		return o
	}
	if len(in.frame) < 34 {
		return drop(Runt)
	}
	var eth layers.Ethernet
	if err := eth.DecodeFromBytes(in.frame, gopacket.NilDecodeFeedback); err != nil && eth.Contents == nil {
		return drop(Runt)
	}
	// gopacket takes small EtherTypes for 802.3 lengths and cuts the payload; read on from the bytes themselves.
	etherType, payload := binary.BigEndian.Uint16(in.frame[12:]), in.frame[14:]
	vlan := uint16(0)
	switch {
	case in.flags&packet.FlagTCI != 0:
		vlan = in.tci & 0xfff
	case etherType == uint16(layers.EthernetTypeDot1Q) || etherType == uint16(layers.EthernetTypeQinQ):
		var tag layers.Dot1Q
		if err := tag.DecodeFromBytes(payload, gopacket.NilDecodeFeedback); err != nil {
			return drop(Runt)
		}
		vlan, etherType, payload = tag.VLANIdentifier, uint16(tag.Type), tag.Payload
	}
	var primary vrftable.Ingress
	if port < len(b.view.Ports) && b.view.Ports[port] != nil {
		primary = b.view.Ports[port][vlan]
	}
	switch {
	case primary.Iface == 0:
		return drop(NoPrimary)
	case primary.State&vrftable.IngressUp == 0:
		return drop(InterfaceDown)
	case etherType == uint16(layers.EthernetTypeARP):
		return drop(ARP)
	case etherType != uint16(layers.EthernetTypeIPv4):
		return drop(NotIPv4)
	case len(payload) < 20:
		return drop(Runt)
	case in.frame[0]&1 != 0:
		return drop(LinkMulticast)
	}
	if payload[0]>>4 != 4 {
		return drop(BadVersion)
	}
	header := int(payload[0]&15) * 4
	if header < 20 || header > len(payload) {
		return drop(BadIHL)
	}
	total := int(payload[2])*256 + int(payload[3])
	if total < header || total > len(payload) {
		return drop(BadLength)
	}
	if naiveSum(payload[:header]) != 0xffff {
		return drop(BadChecksum)
	}
	martian := func(a byte) bool { return a == 0 || a == 127 || a >= 224 }
	if martian(payload[12]) {
		return drop(MartianSource)
	}
	if martian(payload[16]) {
		return drop(MartianDestination)
	}
	var ip layers.IPv4
	if err := ip.DecodeFromBytes(payload, gopacket.NilDecodeFeedback); err != nil {
		return drop(BadOptions) // all else has been checked
	}
	for _, o := range ip.Options {
		if o.OptionType > 1 && o.OptionLength < 2 {
			return drop(BadOptions)
		}
	}
	for _, o := range ip.Options {
		switch o.OptionType {
		case 7, 68, 131, 137, 148:
			return drop(Options)
		}
	}
	valid = outcome{valid: uint64(total), from: primary.Iface}
	table := primary.Table
	hop, ok := linear(b, table, binary.BigEndian.Uint32(payload[16:]))
	if !ok && table != 0 && primary.Flags&lpm.Fallback != 0 {
		hop, _ = linear(b, 0, binary.BigEndian.Uint32(payload[16:]))
	}
	a := b.view.Adj[hop]
	if a.Kind == vrftable.Group {
		ports := uint32(0)
		switch p := ip.Payload; {
		case ip.FragOffset != 0 || ip.Flags&layers.IPv4MoreFragments != 0 || len(p) < 4:
		case ip.Protocol == layers.IPProtocolTCP, ip.Protocol == layers.IPProtocolUDP:
			ports = binary.BigEndian.Uint32(p)
		}
		hash := b.view.Seed.FlowHash(binary.BigEndian.Uint32(ip.SrcIP), binary.BigEndian.Uint32(ip.DstIP), ports, uint8(ip.Protocol))
		a = *b.view.Member(&a, hash)
	}
	switch a.Kind {
	case vrftable.NoRoute:
		return drop(NoRoute)
	case vrftable.Discard:
		return drop(Discard)
	case vrftable.Reject:
		return drop(Reject)
	case vrftable.Local:
		return drop(Local)
	case vrftable.Forward, vrftable.Glean:
	default:
		return drop(Unknown)
	}
	if ip.TTL <= 1 {
		return drop(TTLExpired)
	}
	if a.Kind == vrftable.Glean {
		return drop(Glean)
	}
	if total > int(a.MTU) {
		if ip.Flags&layers.IPv4DontFragment != 0 {
			return drop(MTUExceeded)
		}
		return drop(Fragment)
	}
	if int(a.Port) >= len(b.view.Ports) {
		return drop(NoPort)
	}
	out := append([]byte(nil), a.Header[:a.HdrLen]...)
	out = append(out, payload[:total]...)
	p := out[a.HdrLen:]
	p[8]--
	p[10], p[11] = 0, 0
	binary.BigEndian.PutUint16(p[10:], ^naiveSum(p[:header]))
	for len(out) < 60 {
		out = append(out, 0)
	}
	valid.verdict, valid.port, valid.iface, valid.frame = Fast, a.Port, a.Iface, out
	return valid
}

func naiveSum(b []byte) uint16 {
	s := 0
	for i := 0; i < len(b); i += 2 {
		s += int(b[i])*256 + int(b[i+1])
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// linear tries every prefix of a table.
func linear(b *bed, table uint16, addr uint32) (lpm.Hop, bool) {
	best, found, hop := uint8(0), false, lpm.Hop(0)
	for _, r := range b.routes {
		if r.table == table && uint64(addr)>>(32-r.Len) == uint64(r.Addr)>>(32-r.Len) && (!found || r.Len >= best) {
			best, found, hop = r.Len, true, r.Hop
		}
	}
	return hop, found
}

// twinBed has an interface and a route of every sort.
//
//	port 0   VLAN 0 parent, 10 VRF 1 with fallback, 20 VRF 2 without, 30 VRF 1 down
//	port 1   VLAN 0 VRF 3 with fallback, 0xfff none
//	port 2   none
func twinBed(t testing.TB) *bed {
	b := newBed(t, 3, 4)
	b.primary(0, 0, 1, 0, true)
	b.primary(0, 10, 2, 1, true)
	b.primary(0, 20, 3, 2, false)
	b.primary(0, 30, 4, 1, true)
	b.view.Ports[0][30].State = 0
	b.primary(1, 0, 5, 3, true)
	b.adjacency(1, 11, 0)
	b.adjacency(2, 12, 1, 10)
	b.adjacency(3, 13, 2, 100, 0x6000|200)
	b.adjacency(4, 11, 2).MTU = 100
	b.adjacency(5, 15, 1, 0xffff).MTU = 40
	b.adjacency(6, 16, 77)
	b.adjacency(7, 16, MaxPorts+1) // not port 1
	b.kind(10, vrftable.Discard)
	b.kind(11, vrftable.Reject)
	b.kind(12, vrftable.Local)
	b.kind(13, vrftable.Glean)
	b.kind(14, vrftable.Kind(99))
	b.group(20, 1, 1, 2, 3, 4, 5, 13)
	b.group(21, 7, 6)
	hops := []lpm.Hop{1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 20, 20, 21}
	for table := uint16(0); table < 4; table++ {
		for i, hop := range hops {
			// The tables disagree: the same address is another hop in each, and some only in the parent.
			b.route(table, fmt.Sprintf("10.%d.0.0", (i+int(table)*5)%len(hops)), 16, hop)
			if table == 0 {
				b.route(0, fmt.Sprintf("20.%d.0.0", i), 16, hop)
				b.route(0, fmt.Sprintf("10.%d.1.0", i), 24, hops[(i+1)%len(hops)])
			}
		}
	}
	b.route(2, "0.0.0.0", 0, 2)
	b.route(1, "20.3.0.0", 20, 3)
	return b
}

// randomFrame makes a frame that is good more often than not, and otherwise wrong in one or several of many ways.
func randomFrame(r *rand.Rand) input {
	one := func(of int) bool { return r.IntN(of) == 0 }
	total := 20 + r.IntN(60)
	if one(4) {
		total = 20 + r.IntN(1481)
	}
	dst := uint32(10+10*r.IntN(2))<<24 | r.Uint32N(16)<<16 | r.Uint32N(3)<<8 | r.Uint32N(256)
	in := input{}
	var tags []uint16
	if one(2) {
		tags = append(tags, []uint16{0, 10, 10, 10, 20, 30, 40, 0xfff}[r.IntN(8)]|uint16(r.IntN(16))<<12)
		if one(10) {
			tags = append(tags, uint16(r.IntN(0x10000)))
		}
		if one(3) {
			in.flags, in.tci, tags = packet.FlagTCI, tags[0], tags[1:]
		}
	}
	f := ipv4Frame(r.Uint32N(223<<24)|1<<24, dst, uint8(r.IntN(256)), total, tags...)
	l3 := 14 + 4*len(tags)
	ip := f[l3:]
	if one(5) {
		ip[8] = uint8(r.IntN(3))
	}
	if one(3) {
		ip[6] ^= 0x40
	}
	if one(3) {
		ip[9] = []byte{6, 17, 1}[r.IntN(3)]
	}
	if one(6) { // a fragment
		ip[6], ip[7] = ip[6]&0xc0|byte(r.IntN(0x40)), byte(r.IntN(2))
	}
	if total >= 24 {
		binary.BigEndian.PutUint32(ip[20:], r.Uint32())
	}
	if one(6) && total >= 24 {
		words := 6 + r.IntN(min(15, total/4)-5)
		ip[0] = byte(0x40 | words)
		for i := 20; i < words*4; i++ {
			ip[i] = []byte{0, 1, 1, 7, 68, 131, 137, 148, 3, 4, 8, 130}[r.IntN(12)]
		}
	}
	if one(20) {
		ip[0] = byte(r.IntN(256))
	}
	if one(20) {
		binary.BigEndian.PutUint16(ip[2:], uint16(r.IntN(total*2)))
	}
	if one(30) {
		ip[12] = byte(r.IntN(256))
	}
	if one(30) {
		ip[16] = byte(r.IntN(256))
	}
	if one(15) { // a checksum that needs the carry
		ip[9], ip[4], ip[5] = byte(r.IntN(256)), 0, 0
		binary.BigEndian.PutUint16(ip[10:], 0)
		if n := int(ip[0]&15) * 4; n >= 20 && n <= len(ip) {
			binary.BigEndian.PutUint16(ip[4:], ^naiveSum(ip[:n])) // now the sum is 0xffff, the checksum 0
		}
	}
	if n := int(ip[0]&15) * 4; !one(20) && n >= 20 && n <= len(ip) {
		ip[10], ip[11] = 0, 0
		binary.BigEndian.PutUint16(ip[10:], ^naiveSum(ip[:n]))
	}
	if one(40) {
		f[0] |= 1
	}
	if one(40) {
		binary.BigEndian.PutUint16(f[l3-2:], []uint16{0x0806, 0x86dd, 0x8847, 0x88a8, 46, 0}[r.IntN(6)])
	}
	if one(20) {
		f = f[:r.IntN(len(f)+1)]
	}
	if one(60) {
		for i := range f {
			f[i] = byte(r.Uint32())
		}
	}
	in.frame = f
	return in
}

// source is a port that receives given frames, and the other ports that send them, in one arena.
type source struct {
	FuncPort
	frames []packet.Desc
	seen   []int // times that an input was sent or freed
	got    []outcome
	sinks  []Port
}

// newSource makes ports 0 to ports-1; frames, of up to size bytes, are received on port at.
func newSource(t testing.TB, frames, size, ports, at int) *source {
	s := &source{}
	s.Memory = newArena(t, frames, size)
	s.Rx = func(d []packet.Desc) int {
		n := copy(d, s.frames)
		s.frames = s.frames[n:]
		return n
	}
	s.Done = func(d []packet.Desc) {
		for i := range d {
			s.seen[d[i].Mark]++
		}
	}
	for p := range ports {
		tx := func(from *packet.Arena, d []packet.Desc) int {
			if from != s.Memory {
				t.Error("frames of another arena")
			}
			Pad(from, d)
			for i := range d {
				if d[i].Port != uint16(p) || d[i].Flags != 0 || d[i].TCI != 0 {
					t.Errorf("descriptor %+v sent on port %d", d[i], p)
				}
				s.seen[d[i].Mark]++
				frame := append([]byte(nil), from.Frame(d[i])...)
				s.got[d[i].Mark] = outcome{verdict: Fast, port: uint16(p), frame: frame}
			}
			return len(d)
		}
		if p == at {
			s.Tx = tx
			s.sinks = append(s.sinks, s)
		} else {
			s.sinks = append(s.sinks, &FuncPort{Memory: s.Memory, Tx: tx})
		}
	}
	return s
}

// fill puts the inputs into slots that are full of what must not be sent.
func (s *source) fill(ins []input) {
	s.seen, s.got, s.frames = make([]int, len(ins)), make([]outcome, len(ins)), nil
	stride := s.Memory.Stride()
	for i, in := range ins {
		slot := s.Memory.Bytes()[i*stride:][:stride]
		for j := range slot {
			slot[j] = 0xa5
		}
		d := s.Memory.Desc(i)
		d.Len, d.TCI, d.Flags, d.Mark = uint16(len(in.frame)), in.tci, in.flags, uint32(i)
		copy(s.Memory.Frame(d), in.frame)
		s.frames = append(s.frames, d)
	}
}

// rig is a worker that receives on one port what a test gives it, beside its twin.
type rig struct {
	b    *bed
	w    *Worker
	port int
	src  *source
	slow *SlowPath
}

// newRig makes a rig for up to frames inputs at a time.
func newRig(t testing.TB, b *bed, port, frames int, slow *SlowPath, burst int) *rig {
	src := newSource(t, frames, 2048, len(b.view.Ports), port)
	return &rig{b, b.worker(Config{Ports: src.sinks, Slow: slow, Burst: burst}), port, src, slow}
}

// compare sends the inputs and checks the results against the twin's: every frame sent byte by byte, every reason by
// its count, every punted frame by its contents, every interface's counters.
func (r *rig) compare(t *testing.T, ins []input) {
	src, w, slow, port, got := r.src, r.w, r.slow, r.port, []outcome(nil)
	before, ifBefore := Sum(w), map[uint16]IfaceCount{}
	for iface := range uint16(20) {
		ifBefore[iface] = SumIface(iface, w)
	}
	src.fill(ins)
	for w.Poll() > 0 {
	}
	got = src.got
	var want Totals
	var wantPunted []string
	ifs := map[uint16]IfaceCount{}
	for i, in := range ins {
		o := twin(r.b, port, in)
		if src.seen[i] != 1 {
			t.Fatalf("frame %d was sent or freed %d times: %x", i, src.seen[i], in.frame)
		}
		if o.verdict != got[i].verdict || o.port != got[i].port || !bytes.Equal(o.frame, got[i].frame) {
			t.Fatalf("frame %d on port %d, tci %#x: %x\ngot  %v port %d %x\nwant %v %v port %d %x",
				i, port, in.tci, in.frame, got[i].verdict, got[i].port, got[i].frame, o.verdict, o.reason, o.port, o.frame)
		}
		if o.valid > 0 {
			c := ifs[o.from]
			c.Rx.Packets++
			c.Rx.Bytes += o.valid
			ifs[o.from] = c
		}
		switch {
		case o.verdict == Fast:
			wellFormed(t, o.frame)
			want.Forwarded++
			c := ifs[o.iface]
			c.Tx.Packets++
			c.Tx.Bytes += l3Bytes(o.frame)
			ifs[o.iface] = c
		case slow != nil && o.reason.Verdict() == Slow:
			want.Punts[o.reason]++
			want.Punted++
			wantPunted = append(wantPunted, fmt.Sprintf("%v %d %x %x", o.reason, port, in.tci, in.frame))
		default:
			want.Drops[o.reason]++
			want.Dropped++
		}
	}
	now := balanced(t, w)
	n := now.Sub(&before)
	bytes := uint64(0)
	for _, in := range ins {
		bytes += uint64(len(in.frame))
	}
	if got := n.Ports[port].Rx; got.Packets != uint64(len(ins)) || got.Bytes != bytes {
		t.Errorf("port %d received %+v, want %d frames of %d bytes", port, got, len(ins), bytes)
	}
	if n.Received != uint64(len(ins)) || n.Forwarded != want.Forwarded || n.Drops != want.Drops || n.Punts != want.Punts {
		t.Errorf("got  %v\nwant %v", n, want)
	}
	for iface, c := range ifs {
		got := SumIface(iface, w)
		got.Rx.sub(ifBefore[iface].Rx)
		got.Tx.sub(ifBefore[iface].Tx)
		if got != c {
			t.Errorf("interface %d counted %+v, want %+v", iface, got, c)
		}
	}
	if slow != nil {
		var gotPunted []string
		d := make([]packet.Desc, len(ins))
		d = d[:slow.Pop(d)]
		for _, d := range d {
			s := fmt.Sprintf("%v %d %x %x", Reason(d.Mark), d.Port, d.TCI, slow.Arena().Frame(d))
			gotPunted = append(gotPunted, s)
		}
		slow.Free(d)
		sort.Strings(gotPunted)
		sort.Strings(wantPunted)
		if fmt.Sprint(gotPunted) != fmt.Sprint(wantPunted) {
			t.Errorf("punted frames differ:\ngot  %v\nwant %v", gotPunted, wantPunted)
		}
	}
}

// l3Of returns where the IPv4 header of a frame with any number of tags is.
func l3Of(f []byte) int {
	at := packet.EthernetLen
	for binary.BigEndian.Uint16(f[at-2:]) != packet.EtherTypeIPv4 {
		at += packet.TagLen
	}
	return at
}

// l3Bytes reads the total length of an IPv4 frame.
func l3Bytes(f []byte) uint64 { return uint64(binary.BigEndian.Uint16(f[l3Of(f)+2:])) }

// wellFormed lets gopacket decode a sent frame and write it again: the same bytes.
func wellFormed(t *testing.T, frame []byte) {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if !ok {
		t.Fatalf("no IPv4 in %x: %v", frame, p.ErrorLayer())
	}
	if ip.IHL > 5 {
		return // gopacket does not keep an option list's padding
	}
	again := *ip
	buf := gopacket.NewSerializeBuffer()
	payload := gopacket.Payload(ip.Payload)
	o := gopacket.SerializeOptions{ComputeChecksums: true, FixLengths: true}
	if err := gopacket.SerializeLayers(buf, o, &again, payload); err != nil {
		t.Fatal(err)
	}
	if whole := append(append([]byte(nil), ip.Contents...), ip.Payload...); !bytes.Equal(buf.Bytes(), whole) {
		t.Fatalf("gopacket writes %x for %x", buf.Bytes(), whole)
	}
}

// TestTwin sends random frames, good and malformed, through a worker and its naive twin.
func TestTwin(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	b := twinBed(t)
	twice(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for round := range rounds {
			var ins []input
			for range 1 + r.IntN(600) {
				ins = append(ins, randomFrame(r))
			}
			compareRound(t, b, round%3, round, ins)
			if t.Failed() {
				return
			}
		}
	})
}

// TestTwinRuns sends runs of frames that are forwarded, as long as kernels need them, with some that nearly are here and there.
func TestTwinRuns(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 12
	}
	b := twinBed(t)
	twice(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 10))
		var good [2][]input // that come in by this port
		for port := range good {
			for len(good[port]) < 500 {
				in := randomFrame(r)
				if o := twin(b, port, in); o.verdict == Fast {
					if port == 1 { // none of them is padded
						in.frame = in.frame[:l3Of(in.frame)+int(o.valid)]
					}
					good[port] = append(good[port], in)
				}
			}
		}
		for round := range rounds {
			var ins []input
			port, odd := round%2, []int{3, 10, 30, 100, 1000}[r.IntN(5)]
			for range 1 + r.IntN(600) {
				in := good[port][r.IntN(len(good[port]))]
				if r.IntN(odd) == 0 {
					in = nearly(r, in)
				}
				ins = append(ins, in)
			}
			compareRound(t, b, port, round/2, ins)
			if t.Failed() {
				return
			}
		}
	})
}

// TestTwinLarge sends packets of up to the largest size that a frame can have, to interfaces that take few of them and all.
func TestTwinLarge(t *testing.T) {
	b := newBed(t, 2, 1)
	b.primary(0, 0, 1, 0, true)
	b.adjacency(1, 11, 1)
	b.adjacency(2, 12, 1).MTU = 40_000
	b.adjacency(3, 13, 1).MTU = packet.MaxFrameSize - packet.EthernetLen
	for hop := range lpm.Hop(3) {
		b.route(0, fmt.Sprintf("%d.0.0.0", 10+hop), 8, 1+hop)
	}
	twice(t, func(t *testing.T) {
		for hop := range uint32(3) {
			for _, total := range []int{1500, 1501, 32_767, 32_768, 40_000, 40_001, packet.MaxFrameSize - packet.EthernetLen} {
				var ins []input
				for i := range 8 {
					in := input{frame: ipv4Frame(host, (10+hop)<<24, 64, 60)}
					if i == 3 {
						in.frame = ipv4Frame(host, (10+hop)<<24, 64, total)
					}
					ins = append(ins, in)
				}
				src := newSource(t, len(ins), packet.MaxFrameSize, 2, 0)
				(&rig{b, b.worker(Config{Ports: src.sinks}), 0, src, nil}).compare(t, ins)
			}
		}
	})
}

// nearly changes one thing of a frame that is forwarded.
func nearly(r *rand.Rand, in input) input {
	f := append([]byte(nil), in.frame...)
	in.frame = f
	l3 := l3Of(f)
	ip := f[l3:]
	header := int(ip[0]&15) * 4
	sum := func() {
		ip[10], ip[11] = 0, 0
		binary.BigEndian.PutUint16(ip[10:], ^naiveSum(ip[:header]))
	}
	octets := []byte{0, 1, 126, 127, 128, 223, 224, 255}
	switch r.IntN(10) {
	case 0:
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+r.IntN(3)))
		sum()
	case 1:
		binary.BigEndian.PutUint16(ip[2:], uint16(header-1+r.IntN(2)))
		sum()
	case 2:
		ip[10+r.IntN(2)] ^= 1 << r.IntN(8)
	case 3:
		in.flags, in.tci = packet.FlagTCI, []uint16{0, 10, 20, 30, 0xf00a}[r.IntN(5)]
	case 4:
		ip[8] = byte(r.IntN(3))
		sum()
	case 5:
		in.frame = f[:r.IntN(len(f))]
	case 6:
		ip[12] = octets[r.IntN(len(octets))]
		sum()
	case 7:
		ip[16] = octets[r.IntN(len(octets))]
		sum()
	case 8: // a checksum whose increment carries
		ip[4], ip[5] = 0, 0
		sum()
		id := uint32(binary.BigEndian.Uint16(ip[10:])) + 0xffff - []uint32{0xffff, 0xfeff, 0xfdff, 0}[r.IntN(4)]
		binary.BigEndian.PutUint16(ip[4:], uint16(id+id>>16))
		sum()
	case 9:
		f[[]int{0, 12, 13, l3 - 2, l3 - 1, l3}[r.IntN(6)]] ^= 1 << r.IntN(8)
	}
	return in
}

// compareRound compares with and without a slow path, and with the sizes of burst, in turn.
func compareRound(t *testing.T, b *bed, port, round int, ins []input) {
	var slow *SlowPath
	if round%2 == 1 {
		slow = newSlowPath(t, 4096)
	}
	newRig(t, b, port, len(ins), slow, []int{0, 1, 7, 32, 256}[round%5]).compare(t, ins)
}

// TestTwinCoversReasons keeps the random frames honest: each reason that a frame can cause occurs.
func TestTwinCoversReasons(t *testing.T) {
	b := twinBed(t)
	r := rand.New(rand.NewPCG(5, 6))
	var seen [NumReasons]int
	fast := 0
	for range 30000 {
		o := twin(b, 0, randomFrame(r))
		seen[o.reason]++
		if o.verdict == Fast {
			fast++
		}
	}
	if fast < 2000 {
		t.Errorf("only %d of 30000 frames are forwarded", fast)
	}
	for reason := range NumReasons {
		switch reason {
		case BadDescriptor, TxFull, SlowFull: // not the frame's doing
		default:
			if seen[reason] == 0 {
				t.Errorf("no frame causes %q", reason)
			}
		}
	}
}

func newSlowPath(t testing.TB, frames int) *SlowPath {
	s, err := NewSlowPath(frames, 2048)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// FuzzWorker feeds arbitrary bytes, as frames with and without a tag received out of band.
func FuzzWorker(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 50 {
		in := randomFrame(r)
		f.Add(in.frame, in.tci, in.flags != 0, uint8(r.IntN(4)))
	}
	b := twinBed(f)
	var rigs []*rig
	for port := range 3 {
		rigs = append(rigs, newRig(f, b, port, 9, newSlowPath(f, 32), 0))
	}
	f.Fuzz(func(t *testing.T, frame []byte, tci uint16, tagged bool, port uint8) {
		if len(frame) > 2048 {
			frame = frame[:2048]
		}
		in := input{frame: frame}
		if tagged {
			in.tci, in.flags = tci, packet.FlagTCI
		}
		rigs[port%3].compare(t, []input{in, in, in, in, in, in, in, in, in}) // as kernels take them, and one more
	})
}
