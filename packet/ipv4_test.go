package packet

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

var routerAlert = layers.IPv4Option{OptionType: 0x94, OptionLength: 4, OptionData: []byte{0, 0}}

func TestIPv4(t *testing.T) {
	b := append(udpPacket(t, routerAlert), "padding"...)
	p, err := ParseIPv4(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(p) != 20+4+8+7 || cap(p) != len(p) || p.TotalLen() != len(p) || p.HeaderLen() != 24 || p.Version() != 4 {
		t.Errorf("len %d cap %d total %d header %d", len(p), cap(p), p.TotalLen(), p.HeaderLen())
	}
	if !bytes.Equal(p.Options(), []byte{0x94, 4, 0, 0}) || !bytes.Equal(p.Payload(), b[24:39]) {
		t.Errorf("options %x payload %x", p.Options(), p.Payload())
	}
	if p.TOS() != 0xb8 || p.ID() != 0x1234 || p.TTL() != 64 || p.Protocol() != ProtoUDP {
		t.Errorf("TOS %#x ID %#x TTL %d protocol %d", p.TOS(), p.ID(), p.TTL(), p.Protocol())
	}
	if p.Src() != 0x0a000001 || p.Dst() != 0xc00002c8 {
		t.Errorf("%#x to %#x", p.Src(), p.Dst())
	}
	if !p.ChecksumOK() {
		t.Error("gopacket's checksum is refused")
	}
	for bit := range 8 * p.HeaderLen() {
		p[bit/8] ^= 1 << (bit % 8)
		// Damage to the IHL changes what is summed; the parser judges that field.
		if bit >= 8 && p.ChecksumOK() {
			t.Errorf("bit %d flipped and the checksum is still right", bit)
		}
		p[bit/8] ^= 1 << (bit % 8)
	}
}

func TestIPv4Fragment(t *testing.T) {
	p := IPv4(udpPacket(t))
	for v := range 1 << 16 {
		p.SetFragment(uint16(v))
		if p.Fragment() != uint16(v) || p.DF() != (v&0x4000 != 0) || p.MF() != (v&0x2000 != 0) ||
			p.FragmentOffset() != v%0x2000*8 || p.IsFragment() != (v&0x3fff != 0) {
			t.Fatalf("%#04x: DF %v MF %v offset %d fragment %v", v, p.DF(), p.MF(), p.FragmentOffset(), p.IsFragment())
		}
	}
}

func TestIPv4Ports(t *testing.T) {
	for _, c := range []struct {
		protocol uint8
		fragment uint16
		header   int
		size     int
		want     uint32
	}{
		{ProtoTCP, 0, 20, 40, 0x14151617}, {ProtoUDP, FlagDF, 20, 28, 0x14151617}, {ProtoUDP, 0, 32, 36, 0x20212223},
		{ProtoICMP, 0, 20, 28, 0}, {ProtoTCP, FlagMF, 20, 40, 0}, {ProtoUDP, 5, 20, 40, 0}, {ProtoUDP, 0, 20, 23, 0}, {ProtoTCP, 0, 60, 63, 0},
	} {
		p := IPv4(make([]byte, c.size))
		for i := range p {
			p[i] = byte(i)
		}
		p.SetHeaderLen(c.header)
		p.SetProtocol(c.protocol)
		p.SetFragment(c.fragment)
		if got := p.Ports(); got != c.want {
			t.Errorf("%+v: %#x", c, got)
		}
	}
}

func TestParseIPv4Refuses(t *testing.T) {
	good := udpPacket(t, routerAlert)
	with := func(f func(b []byte)) []byte {
		b := append([]byte(nil), good...)
		f(b)
		return b
	}
	total := func(n int) func([]byte) { return func(b []byte) { binary.BigEndian.PutUint16(b[2:], uint16(n)) } }
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"good":                    {good, nil},
		"empty":                   {nil, ErrShort},
		"19 bytes":                {good[:19], ErrShort},
		"version 6":               {with(func(b []byte) { b[0] = 0x66 }), ErrVersion},
		"version 0":               {with(func(b []byte) { b[0] = 0x06 }), ErrVersion},
		"IHL 4":                   {with(func(b []byte) { b[0] = 0x44 }), ErrHeaderLen},
		"IHL 0":                   {with(func(b []byte) { b[0] = 0x40 }), ErrHeaderLen},
		"total 0":                 {with(total(0)), ErrLength},
		"total below the options": {with(total(23)), ErrLength},
		"total is the header":     {with(total(24)), nil},
		"total above the buffer":  {with(total(len(good) + 1)), ErrTruncated},
		"header above the buffer": {good[:22], ErrTruncated},
		"total is the buffer":     {with(total(len(good))), nil},
	} {
		p, err := ParseIPv4(c.b)
		if err != c.want || (p == nil) != (err != nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestDecrementTTL compares with full recomputation: for every TTL and protocol, and for every checksum that a header
// can carry, 0x0000 and RFC 1624's corners included.
func TestDecrementTTL(t *testing.T) {
	p := IPv4(udpPacket(t))
	check := func() {
		t.Helper()
		before := append(IPv4(nil), p...)
		want := append(IPv4(nil), p...)
		want.SetTTL(p.TTL() - 1)
		want.SetChecksum()
		p.DecrementTTL()
		if !bytes.Equal(p, want) {
			t.Fatalf("%x became %x, want %x", before[:20], p[:20], want[:20])
		}
	}
	for ttl := 1; ttl < 256; ttl++ {
		for proto := range 256 {
			p.SetTTL(uint8(ttl))
			p.SetProtocol(uint8(proto))
			p.SetChecksum()
			check()
		}
	}
	seen := map[uint16]bool{}
	for id := range 1 << 16 {
		p.SetTTL(64)
		p.SetID(uint16(id))
		p.SetChecksum()
		seen[p.Checksum()] = true
		check()
	}
	if !seen[0x0000] || !seen[0xfeff] || len(seen) != 1<<16-1 {
		t.Errorf("%d checksums seen, want all but 0xffff", len(seen))
	}
}

// TestDecrementTTLCorners: a TTL of 0 stays, a wrong checksum stays wrong, and 0xffff, which some senders write for
// 0, leads to a header that verifies.
func TestDecrementTTLCorners(t *testing.T) {
	p := IPv4(udpPacket(t))
	p.SetTTL(0)
	p.SetChecksum()
	before := append(IPv4(nil), p...)
	if p.DecrementTTL(); !bytes.Equal(p, before) {
		t.Errorf("TTL 0: %x became %x", before, p)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1 << 16 {
		for _, i := range rng.Perm(19) {
			p[i+1] = byte(rng.Uint32())
		}
		p.SetTTL(max(1, p.TTL()))
		ok := p.ChecksumOK()
		if p.DecrementTTL(); p.ChecksumOK() != ok {
			t.Fatalf("%x: the checksum was right: %v, now: %v", p[:20], ok, p.ChecksumOK())
		}
	}
	for id := range 1 << 16 {
		p.SetTTL(9)
		p.SetID(uint16(id))
		p.SetChecksum()
		if p.Checksum() != 0 {
			continue
		}
		p[10], p[11] = 0xff, 0xff
		if p.DecrementTTL(); !p.ChecksumOK() {
			t.Errorf("%x: a checksum of 0xffff led to a wrong one", p[:20])
		}
	}
}

func TestIPv4Setters(t *testing.T) {
	b := bytes.Repeat([]byte{0xff}, 28)
	p := IPv4(b)
	p.SetHeaderLen(20)
	p.SetTOS(0x12)
	p.SetTotalLen(28)
	p.SetID(0x3456)
	p.SetFragment(FlagDF)
	p.SetTTL(64)
	p.SetProtocol(ProtoUDP)
	p.SetSrc(0x0a000001)
	p.SetDst(0x0a000002)
	p.SetChecksum()
	want := []byte{0x45, 0x12, 0, 28, 0x34, 0x56, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	binary.BigEndian.PutUint16(want[10:], naiveChecksum(want))
	if !bytes.Equal(b[:20], want) {
		t.Errorf("wrote %x, want %x", b[:20], want)
	}
	if q, err := ParseIPv4(b); err != nil || !q.ChecksumOK() || !IsPlainIPv4(b) {
		t.Errorf("%v", err)
	}
	p.SetHeaderLen(60)
	if p.HeaderLen() != 60 || p.Version() != 4 {
		t.Errorf("header length %d", p.HeaderLen())
	}
}

// FuzzIPv4 compares with gopacket. Ours is rightly stricter: gopacket does not look at the version, takes a total
// length of 0 (segmentation offload) and one beyond the buffer (it only notes the truncation). Ours is laxer in one
// point: it does not parse options, where gopacket refuses malformed ones.
func FuzzIPv4(f *testing.F) {
	f.Add(udpPacket(f))
	f.Add(udpPacket(f, routerAlert))
	f.Add(append(tcpPacket(f), 0, 0, 0))
	f.Add(icmpPacket(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseIPv4(b)
		if plain := IsPlainIPv4(b); plain != (err == nil && p.HeaderLen() == IPv4HeaderLen) {
			t.Errorf("IsPlainIPv4 = %v, ParseIPv4: %v", plain, err)
		}
		var g layers.IPv4
		gerr := g.DecodeFromBytes(b, gopacket.NilDecodeFeedback)
		if err != nil {
			if gerr != nil {
				return
			}
			total := binary.BigEndian.Uint16(b[2:])
			if g.Version != 4 && err == ErrVersion || total == 0 && err == ErrLength ||
				int(total) > len(b) && err == ErrTruncated {
				return
			}
			t.Fatalf("ours: %v, gopacket takes %x", err, b)
		}
		if gerr != nil {
			if len(p.Options()) > 0 {
				return
			}
			t.Fatalf("gopacket: %v, ours takes %x", gerr, b)
		}
		if p.Version() != g.Version || p.HeaderLen() != int(g.IHL)*4 || p.TOS() != g.TOS || p.TotalLen() != int(g.Length) ||
			p.ID() != g.Id || p.Fragment()>>13 != uint16(g.Flags) || p.FragmentOffset() != int(g.FragOffset)*8 ||
			p.DF() != (g.Flags&layers.IPv4DontFragment != 0) || p.MF() != (g.Flags&layers.IPv4MoreFragments != 0) ||
			p.TTL() != g.TTL || p.Protocol() != uint8(g.Protocol) || p.Checksum() != g.Checksum {
			t.Errorf("ours %x, gopacket %+v", []byte(p), g)
		}
		if p.Src() != binary.BigEndian.Uint32(g.SrcIP) || p.Dst() != binary.BigEndian.Uint32(g.DstIP) {
			t.Errorf("%#x to %#x, gopacket %v to %v", p.Src(), p.Dst(), g.SrcIP, g.DstIP)
		}
		if !bytes.Equal(p.Header(), g.Contents) || !bytes.Equal(p.Payload(), g.Payload) {
			t.Errorf("header %x payload %x, gopacket %x %x", p.Header(), p.Payload(), g.Contents, g.Payload)
		}
		if !bytes.Equal(p.Options(), joinIPv4Options(g.Options, g.Padding)) {
			t.Errorf("options %x, gopacket %v %x", p.Options(), g.Options, g.Padding)
		}
		if p.ChecksumOK() != (naiveChecksum(p.Header()) == 0) {
			t.Errorf("ChecksumOK = %v for %x", p.ChecksumOK(), p.Header())
		}
	})
}

// joinIPv4Options gives back the bytes that gopacket decoded the options from.
func joinIPv4Options(options []layers.IPv4Option, padding []byte) (b []byte) {
	for _, o := range options {
		b = append(b, o.OptionType)
		if o.OptionType > 1 {
			b = append(append(b, o.OptionLength), o.OptionData...)
		}
	}
	return append(b, padding...)
}
