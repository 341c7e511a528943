package packet

import (
	"bytes"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func TestTCP(t *testing.T) {
	p, err := ParseIPv4(tcpPacket(t))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseTCP(p.Payload())
	if err != nil {
		t.Fatal(err)
	}
	if s.SrcPort() != 179 || s.DstPort() != 40000 || s.Seq() != 0x01020304 || s.Ack() != 0x05060708 ||
		s.Flags() != TCPSyn|TCPAck || s.Window() != 0xfff0 || s.Urgent() != 9 || s.HeaderLen() != 24 {
		t.Errorf("%x", []byte(s))
	}
	if !bytes.Equal(s.Options(), []byte{2, 4, 5, 0xb4}) || string(s.Payload()) != "data" {
		t.Errorf("options %x payload %q", s.Options(), s.Payload())
	}
	want := s.Checksum() // gopacket's
	if !s.ChecksumOK(p.Src(), p.Dst()) || s.ChecksumOK(p.Src()+1, p.Dst()) {
		t.Error("ChecksumOK is wrong")
	}
	s.SetChecksum(p.Src(), p.Dst())
	if s.Checksum() != want {
		t.Errorf("SetChecksum: %#04x, gopacket %#04x", s.Checksum(), want)
	}
	s.SetSrcPort(1)
	s.SetDstPort(2)
	if !bytes.Equal(s[:4], []byte{0, 1, 0, 2}) {
		t.Errorf("wrote %x", s[:4])
	}
}

func TestParseTCPRefuses(t *testing.T) {
	offset := func(n, words int) []byte {
		b := make([]byte, n)
		b[12] = byte(words) << 4
		return b
	}
	for _, c := range []struct {
		b    []byte
		want error
	}{
		{nil, ErrShort}, {offset(19, 5), ErrShort}, {offset(20, 4), ErrHeaderLen}, {offset(60, 0), ErrHeaderLen},
		{offset(20, 5), nil}, {offset(20, 6), ErrTruncated}, {offset(59, 15), ErrTruncated}, {offset(60, 15), nil},
	} {
		if s, err := ParseTCP(c.b); err != c.want || (s == nil) != (err != nil) {
			t.Errorf("%x: %v, want %v", c.b, err, c.want)
		}
	}
}

// FuzzTCP compares with gopacket. Ours is laxer in one point: it does not parse options, where gopacket refuses
// malformed ones.
func FuzzTCP(f *testing.F) {
	f.Add(tcpPacket(f)[20:])
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseTCP(b)
		var g layers.TCP
		gerr := g.DecodeFromBytes(b, gopacket.NilDecodeFeedback)
		if err != nil {
			if gerr == nil {
				t.Fatalf("ours: %v, gopacket takes %x", err, b)
			}
			return
		}
		if gerr != nil {
			if len(s.Options()) > 0 {
				return
			}
			t.Fatalf("gopacket: %v, ours takes %x", gerr, b)
		}
		var flags uint8
		for i, set := range []bool{g.FIN, g.SYN, g.RST, g.PSH, g.ACK, g.URG, g.ECE, g.CWR} {
			if set {
				flags |= 1 << i
			}
		}
		if s.SrcPort() != uint16(g.SrcPort) || s.DstPort() != uint16(g.DstPort) || s.Seq() != g.Seq || s.Ack() != g.Ack ||
			s.HeaderLen() != int(g.DataOffset)*4 || s.Flags() != flags || s.Window() != g.Window ||
			s.Checksum() != g.Checksum || s.Urgent() != g.Urgent {
			t.Errorf("ours %x, gopacket %+v", []byte(s), g)
		}
		if !bytes.Equal(s.Payload(), g.Payload) || !bytes.Equal(s.Options(), g.Contents[TCPHeaderLen:]) {
			t.Errorf("options %x payload %x, gopacket %x %x", s.Options(), s.Payload(), g.Contents[TCPHeaderLen:], g.Payload)
		}
	})
}
