package slowpath

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vrfwd/packet"
	"vrfwd/vrftable"
)

// glue is the naive reassembler: it puts payloads where their offsets say, and returns what is there from the first
// fragment's place on. ok: there is no hole and no overlap.
func glue(fs [][]byte) (payload []byte, more, ok bool) {
	owner := map[int]bool{}
	place := map[int]byte{}
	first, end := 1<<20, 0
	for _, f := range fs {
		v := packet.IPv4(f)
		for i, b := range v.Payload() {
			at := v.FragmentOffset() + i
			if owner[at] {
				return nil, false, false
			}
			owner[at], place[at] = true, b
			first, end = min(first, at), max(end, at+1)
		}
		if v.FragmentOffset()+len(v.Payload()) == end {
			more = v.MF()
		}
	}
	for at := first; at < end; at++ {
		if !owner[at] {
			return nil, false, false
		}
		payload = append(payload, place[at])
	}
	return payload, more, true
}

// TestFragments: sizes, offsets, flags and options of fragments, of whole packets and of fragments.
func TestFragments(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		options := [][]byte{nil, {7, 7, 8, 1, 2, 3, 4, 0}, {148, 4, 0, 0, 7, 3, 4, 0}, {130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}[r.IntN(4)]
		ip := randomPacket(r, 100+r.IntN(4000), options)
		if r.IntN(2) == 0 {
			ip.SetFragment(uint16(r.IntN(500)) | packet.FlagMF*uint16(r.IntN(2)))
			ip.SetChecksum()
		}
		checkFragments(t, ip, 68+r.IntN(1500))
	}
}

func randomPacket(r *rand.Rand, size int, options []byte) packet.IPv4 {
	ip := packet.IPv4(make([]byte, 20+len(options)+size))
	for i := range ip {
		ip[i] = byte(r.Uint32())
	}
	copy(ip[20:], options)
	ip.SetHeaderLen(20 + len(options))
	ip.SetTotalLen(len(ip))
	ip.SetFragment(0)
	ip.SetChecksum()
	return ip
}

// checkFragments cuts a packet up, checks every piece and glues them together.
func checkFragments(t *testing.T, ip packet.IPv4, mtu int) {
	t.Helper()
	before := slices.Clone(ip)
	var all [][]byte
	for f := range fragments(ip, mtu, make([]byte, mtu)) {
		v, err := packet.ParseIPv4(f)
		if err != nil || len(v) != len(f) || len(f) > mtu || !v.ChecksumOK() || v.DF() ||
			v.ID() != ip.ID() || v.TTL() != ip.TTL() || v.Protocol() != ip.Protocol() || v.Src() != ip.Src() || v.Dst() != ip.Dst() || v.TOS() != ip.TOS() {
			t.Fatalf("%v: % x of % x", err, f, ip)
		}
		if len(all) == 0 && !bytes.Equal(v.Options(), ip.Options()) {
			t.Errorf("first fragment's options % x, want % x", v.Options(), ip.Options())
		}
		if len(all) > 0 {
			var copied [][]byte
			for o := range options(ip.Options()) {
				if o[0]&0x80 != 0 {
					copied = append(copied, o)
				}
			}
			if has := slices.Collect(options(v.Options())); !slices.EqualFunc(has, copied, bytes.Equal) {
				t.Errorf("a later fragment's options % x, want % x", has, copied)
			}
		}
		all = append(all, slices.Clone(f))
	}
	if !bytes.Equal(before, ip) {
		t.Error("the packet was changed")
	}
	for i, f := range all[:max(len(all)-1, 0)] {
		if v := packet.IPv4(f); !v.MF() || len(v.Payload())%8 != 0 || len(f)+8 <= mtu && i < len(all)-1 {
			t.Errorf("fragment %d of %d: % x, MTU %d", i, len(all), f, mtu)
		}
	}
	if rest := len(ip.Payload()); rest > 0 { // RFC 791 3.2: no more than needed, the last one fills the MTU
		header := ip.HeaderLen()
		size, want := (mtu-header)&^7, 1
		for ; header+rest > mtu; rest -= size {
			want++
		}
		if len(all) != want {
			t.Errorf("%d fragments, want %d", len(all), want)
		}
	}
	payload, more, ok := glue(all)
	if !ok || more != ip.MF() || !bytes.Equal(payload, ip.Payload()) || len(all) > 0 && packet.IPv4(all[0]).FragmentOffset() != ip.FragmentOffset() {
		t.Errorf("glued together: %d bytes, more %v, want %d, %v", len(payload), more, len(ip.Payload()), ip.MF())
	}
}

// TestFragmentOnTheWay: a packet larger than the egress MTU leaves in pieces, with one hop less; also when its neighbour
// had to be found first, and where only one interface has the smaller MTU.
func TestFragmentOnTheWay(t *testing.T) {
	for _, gleaned := range []bool{false, true} {
		changes := append(known(), vrftable.SetMTU{Interface: "uplink", MTU: 580})
		if gleaned {
			changes = changes[1:]
		}
		b := newBed(t, Config{}, changes...)
		f := fromA(udp(header("10.1.0.2", "8.8.8.8", 17), 1400)...)
		b.receive(1, f)
		if gleaned {
			b.one(0)
			b.receive(0, fromISP(arpOf(2, macISP, "192.0.2.2", macP0, "192.0.2.1")))
		}
		var all [][]byte
		for _, s := range b.sent(0) {
			p := decode(t, s)
			wantL2(t, p, macISP, macP0, 0)
			if v := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4); v.TTL != 63 {
				t.Errorf("TTL %d", v.TTL)
			}
			all = append(all, packetOf(s))
		}
		payload, _, ok := glue(all)
		if len(all) != 3 || !ok || !bytes.Equal(payload, packet.IPv4(packetOf(f)).Payload()) {
			t.Errorf("%d fragments, %d bytes", len(all), len(payload))
		}
		b.outcome(Fragmented, 1)
		if n := b.path.IfaceTx(b.tab.InterfaceIndex("uplink")); n.Packets != 3 || n.Bytes != 1428+2*20 {
			t.Errorf("counted %+v", n)
		}
	}
}

// TestBigEcho: a ping larger than the MTU, in fragments there and back, in any order; and what does not fit together.
func TestBigEcho(t *testing.T) {
	l := ping(header("10.0.0.2", "10.0.0.1", 1), 4000)
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, l...); err != nil {
		t.Fatal(err)
	}
	whole := packet.IPv4(buf.Bytes())
	piece := func(f packet.IPv4) []byte {
		return append(append(slices.Clone(macP1[:]), append(slices.Clone(macCEA[:]), 0x81, 0, 0, 10, 8, 0)...), f...)
	}
	var pieces [][]byte
	for f := range fragments(whole, 1500, make([]byte, 1500)) {
		pieces = append(pieces, piece(f))
	}
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 1, 2, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			b := newBed(t, Config{}, known()...)
			for _, i := range order {
				b.receive(1, pieces[i])
			}
			var back [][]byte
			for _, s := range b.sent(1) {
				back = append(back, packetOf(s))
			}
			payload, _, ok := glue(back)
			if !ok || len(payload) != 4008 || packet.Checksum(payload) != 0 || payload[0] != 0 || !bytes.Equal(payload[8:], whole.Payload()[8:]) {
				t.Errorf("reply of %d bytes in %d pieces", len(payload), len(back))
			}
			b.outcome(Reassembled, 2)
			b.outcome(Answered, 1)
			b.outcome(Fragmented, 1)
		})
	}
	t.Run("overlap", func(t *testing.T) {
		b := newBed(t, Config{}, known()...)
		b.receive(1, pieces[0])
		evil := slices.Clone(pieces[1])
		v := packet.IPv4(evil[18:])
		v.SetFragment(v.Fragment() - 1)
		v.SetChecksum()
		b.receive(1, evil)
		b.outcome(ReassemblyFailed, 2)
		b.outcome(Waiting, 0)
		b.none()
	})
	t.Run("timeout", func(t *testing.T) {
		b := newBed(t, Config{}, known()...)
		b.receive(1, pieces[0])
		b.receive(1, pieces[2])
		b.pass(partialTime - 100*time.Millisecond)
		b.outcome(Waiting, 2)
		b.pass(100 * time.Millisecond)
		b.outcome(Waiting, 0)
		b.outcome(ReassemblyFailed, 1)
		b.outcome(Answered, 1)
		wantICMP(t, b.one(1), "10.0.0.1", "10.0.0.2", 11, 1)
	})
	t.Run("too many", func(t *testing.T) {
		b := newBed(t, Config{}, known()...)
		for i := range partialMost + 10 {
			f := slices.Clone(pieces[0])
			v := packet.IPv4(f[18:])
			v.SetID(uint16(i))
			v.SetChecksum()
			b.receive(1, f)
		}
		b.outcome(Waiting, partialMost)
		b.outcome(ReassemblyFailed, 10)
	})
	t.Run("contexts are apart", func(t *testing.T) {
		b := newBed(t, Config{}, known()...)
		b.receive(1, pieces[0])
		b.receive(1, pieces[1])
		other := slices.Clone(pieces[2])
		other[15] = 20 // VLAN of b
		b.receive(1, other)
		b.outcome(Waiting, 3)
		b.none()
	})
}
