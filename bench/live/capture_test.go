package live

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// captured is a frame for a capture.
type captured struct {
	at   time.Time
	data []byte
	wire int // 0: as long as data
	port int
}

func someFrames(n int) (frames []captured) {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	at := time.Unix(1_700_000_000, 123_456_789).UTC()
	for i := range n {
		f := captured{at: at, data: make([]byte, 14+rng.IntN(1500)), port: i % 2}
		for j := range f.data {
			f.data[j] = byte(rng.Uint32())
		}
		if i%10 == 9 {
			f.wire = len(f.data) + 100
		}
		frames = append(frames, f)
		at = at.Add(time.Duration(rng.IntN(1e7)))
	}
	return frames
}

func (f captured) info() gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: f.at, CaptureLength: len(f.data), Length: max(f.wire, len(f.data)), InterfaceIndex: f.port}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func pcapOf(t testing.TB, frames []captured, nano bool, link layers.LinkType) []byte {
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if nano {
		w = pcapgo.NewWriterNanos(&b)
	}
	must(t, w.WriteFileHeader(65536, link))
	for _, f := range frames {
		must(t, w.WritePacket(f.info(), f.data))
	}
	return b.Bytes()
}

func pcapngOf(t testing.TB, frames []captured) []byte {
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
	must(t, err)
	_, err = w.AddInterface(pcapgo.NgInterface{Name: "second", LinkType: layers.LinkTypeEthernet, Comment: "odd length"})
	must(t, err)
	for _, f := range frames {
		must(t, w.WritePacket(f.info(), f.data))
	}
	must(t, w.WriteInterfaceStats(0, pcapgo.NgInterfaceStatistics{LastUpdate: time.Unix(1, 0)}))
	must(t, w.Flush())
	return b.Bytes()
}

func zipped(b []byte) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(b)
	w.Close()
	return z.Bytes()
}

// readAll reads a capture to its end, or to its fault.
func readAll(file []byte) (frames []CapturedFrame, err error) {
	c, err := NewCapture(bytes.NewReader(file), "f")
	if err != nil {
		return nil, err
	}
	for {
		f, err := c.Next()
		if err == io.EOF {
			return frames, nil
		}
		if err != nil {
			return frames, err
		}
		f.Data = bytes.Clone(f.Data)
		frames = append(frames, f)
	}
}

// TestCapture: what pcapgo wrote is read, in each format.
func TestCapture(t *testing.T) {
	frames := someFrames(200)
	for name, file := range map[string][]byte{
		"pcap": pcapOf(t, frames, false, layers.LinkTypeEthernet), "pcap, ns": pcapOf(t, frames, true, layers.LinkTypeEthernet),
		"pcapng": pcapngOf(t, frames), "pcapng twice": append(pcapngOf(t, frames[:100]), pcapngOf(t, frames[100:])...),
		"pcapng.gz": zipped(pcapngOf(t, frames)), "pcap.gz": zipped(pcapOf(t, frames, true, layers.LinkTypeEthernet)),
	} {
		got, err := readAll(file)
		if err != nil || len(got) != len(frames) {
			t.Fatalf("%s: %d frames, %v", name, len(got), err)
		}
		for i, f := range frames {
			want := f.at
			if name == "pcap" {
				want = want.Truncate(time.Microsecond)
			}
			if got[i].Number != i+1 || got[i].Time != want.UnixNano() || !bytes.Equal(got[i].Data, f.data) || got[i].Length != max(f.wire, len(f.data)) {
				t.Fatalf("%s: frame %d at %v: %+v", name, i+1, want.UnixNano(), got[i])
			}
		}
	}
}

// block makes a pcapng block.
func block(order binary.ByteOrder, kind uint32, body ...byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	b := make([]byte, 8)
	order.PutUint32(b, kind)
	order.PutUint32(b[4:], uint32(len(body)+12))
	b = append(b, body...)
	return append(b, b[4:8]...)
}

func section(order binary.ByteOrder) []byte {
	b := make([]byte, 16)
	order.PutUint32(b, ngOrder)
	order.PutUint16(b[4:], 1)
	copy(b[8:], "\xff\xff\xff\xff\xff\xff\xff\xff")
	return block(order, ngSection, b...)
}

// ngFile is a file of a section, an interface with options, and one packet.
func ngFile(order binary.ByteOrder, link uint16, options []byte, high, low uint32) []byte {
	iface := make([]byte, 8)
	order.PutUint16(iface, link)
	packet := make([]byte, 20)
	order.PutUint32(packet[4:], high)
	order.PutUint32(packet[8:], low)
	order.PutUint32(packet[12:], 14)
	order.PutUint32(packet[16:], 14)
	packet = append(packet, make([]byte, 14)...)
	return bytes.Join([][]byte{section(order), block(order, 77, 1, 2, 3), block(order, ngInterface, append(iface, options...)...),
		block(order, ngEnhanced, packet...)}, nil)
}

func option(order binary.ByteOrder, code uint16, value ...byte) []byte {
	b := make([]byte, 4)
	order.PutUint16(b, code)
	order.PutUint16(b[2:], uint16(len(value)))
	for len(value)%4 != 0 {
		value = append(value, 0)
	}
	return append(b, value...)
}

// TestCaptureTimes: pcapng's resolutions and offsets, in both byte orders.
func TestCaptureTimes(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		var thousand [8]byte
		order.PutUint64(thousand[:], 1000)
		for _, c := range []struct {
			options []byte
			units   uint64
			want    int64
		}{
			{nil, 1_700_000_000_123_456, 1_700_000_000_123_456_000},
			{option(order, ngResolution, 9), 1_700_000_000_123_456_789, 1_700_000_000_123_456_789},
			{option(order, ngResolution, 3), 1_700_000_000_123, 1_700_000_000_123_000_000},
			{option(order, ngResolution, 0), 1_700_000_000, 1_700_000_000_000_000_000},
			{option(order, ngResolution, 12), 1_700_000_000_123_456, 1_700_000_000_123}, // not far from 1970
			{option(order, ngResolution, 0x80|10), 1_700_000_000<<10 | 512, 1_700_000_000_500_000_000},
			{append(option(order, 2, []byte("a name")...), append(option(order, ngTimeOffset, thousand[:]...), option(order, 0)...)...), 5_000_000, 1_005_000_000_000},
		} {
			got, err := readAll(ngFile(order, linkEthernet, c.options, uint32(c.units>>32), uint32(c.units)))
			if err != nil || len(got) != 1 || got[0].Time != c.want || len(got[0].Data) != 14 {
				t.Errorf("%v %x: %+v %v, want %d", order, c.options, got, err, c.want)
			}
		}
	}
	simple := append(section(binary.LittleEndian), block(binary.LittleEndian, ngInterface, 1, 0, 0, 0, 20, 0, 0, 0)...)
	simple = append(simple, block(binary.LittleEndian, ngSimple, append([]byte{30, 0, 0, 0}, make([]byte, 20)...)...)...)
	if got, err := readAll(simple); err != nil || len(got) != 1 || len(got[0].Data) != 20 || got[0].Length != 30 {
		t.Error(got, err)
	}
}

// TestCaptureFaults: each fault is told with byte and packet.
func TestCaptureFaults(t *testing.T) {
	le := binary.LittleEndian
	frames := someFrames(3)
	pcap, ng := pcapOf(t, frames, true, layers.LinkTypeEthernet), pcapngOf(t, frames)
	change := func(file []byte, at int, b ...byte) []byte {
		file = bytes.Clone(file)
		copy(file[at:], b)
		return file
	}
	second := pcapHeaderLen + pcapRecordLen + len(frames[0].data)
	for name, c := range map[string]struct {
		file []byte
		good int // frames before it
		says string
	}{
		"empty":             {nil, 0, "f: byte 0, packet 0: no capture file: it has fewer than 4 bytes"},
		"text":              {[]byte("hello, world"), 0, "which is neither pcap nor pcapng"},
		"short head":        {pcap[:20], 0, "packet 0: the file ends here, 4 bytes early"},
		"version":           {change(pcap, 4, 9), 0, "pcap version 9.4"},
		"link":              {pcapOf(t, nil, false, layers.LinkTypeLinuxSLL), 0, "link type 113: only Ethernet"},
		"bad gzip":          {[]byte{0x1f, 0x8b, 0, 0, 0}, 0, "not a gzip file"},
		"cut gzip":          {zipped(pcap)[:len(zipped(pcap))-30], -1, "packet"},
		"cut in a head":     {pcap[:second+5], 1, "packet 2: the file ends here, 11 bytes early"},
		"cut before data":   {pcap[:second+16], 1, "packet 2: the file ends here"},
		"cut in data":       {pcap[:len(pcap)-1], 2, "packet 3: the file ends here, 1 bytes early"},
		"length":            {change(pcap, second+8, 0, 0, 0, 0x10), 1, "packet 2: a frame of 268435456 bytes: at most 262144"},
		"ng cut":            {ng[:len(ng)-100], -1, "bytes early"},
		"ng order":          {change(ng, 8, 1, 2, 3, 4), 0, "byte order mark 01020304"},
		"ng version":        {change(ng, 12, 7), 0, "pcapng version 7.0"},
		"ng block":          {append(section(le), 5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff), 0, "a block of 4294967295 bytes"},
		"ng odd block":      {append(section(le), 5, 0, 0, 0, 13, 0, 0, 0), 0, "a block of 13 bytes"},
		"ng lengths":        {append(section(le), 5, 0, 0, 0, 12, 0, 0, 0, 16, 0, 0, 0), 0, "a block's lengths differ: 12 before it, 16 behind it"},
		"ng short section":  {block(le, ngSection, 0x4d, 0x3c, 0x2b, 0x1a), 0, "too short"},
		"ng no interface":   {append(section(le), block(le, ngEnhanced, make([]byte, 40)...)...), 0, "byte 28, packet 1: interface 0: the section has 0"},
		"ng simple":         {append(section(le), block(le, ngSimple, 1, 0, 0, 0)...), 0, "a packet before the first interface"},
		"ng link":           {ngFile(le, 101, nil, 0, 0), 0, "link type 101: only Ethernet"},
		"ng resolution":     {ngFile(le, 1, option(le, ngResolution, 20), 0, 0), 0, "a time resolution of 10^-20 s"},
		"ng bits":           {ngFile(le, 1, option(le, ngResolution, 0xc0), 0, 0), 0, "a time resolution of 2^-64 s"},
		"ng option":         {ngFile(le, 1, []byte{9, 0, 200, 0}, 0, 0), 0, "option 9 of 200 bytes where 0 are left"},
		"ng short iface":    {append(section(le), block(le, ngInterface, 1, 0)...), 0, "too short"},
		"ng short packet":   {append(section(le), block(le, ngEnhanced, 1, 0)...), 0, "too short"},
		"ng frame too long": {change(ngFile(le, 1, nil, 0, 0), 28+16+20+8+12, 0xff), 0, "a frame of 255 bytes in a block with room for 16"},
	} {
		got, err := readAll(c.file)
		var fault *CaptureError
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), c.says) || c.good >= 0 && len(got) != c.good {
			t.Errorf("%s: %d frames, %v; want %d, %q", name, len(got), err, c.good, c.says)
		}
	}
	if _, err := OpenCapture(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// FuzzCapture: whatever the file holds, it is read or refused with a place, without asking for more memory than a block may
// have; and where pcapgo reads it, it reads the same.
func FuzzCapture(f *testing.F) {
	frames := someFrames(2)
	for _, file := range [][]byte{
		pcapOf(f, frames, true, layers.LinkTypeEthernet), pcapngOf(f, frames), ngFile(binary.BigEndian, 1, option(binary.BigEndian, ngResolution, 9), 1, 2),
		zipped(pcapngOf(f, frames)), append(section(binary.LittleEndian), block(binary.LittleEndian, ngInterface, 1, 0, 0, 0, 0, 0, 0, 0)...),
	} {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := readAll(file)
		var fault *CaptureError
		if err != nil && !errors.As(err, &fault) {
			t.Fatalf("%T %v", err, err)
		}
		for i, f := range got {
			if f.Number != i+1 || len(f.Data) > maxFrame || f.Length < len(f.Data) {
				t.Fatalf("%+v", f)
			}
		}
		if len(file) < 4 || err != nil {
			return
		}
		if magic := binary.LittleEndian.Uint32(file); magic != magicMicro && magic != magicNano {
			return // pcapgo's pcapng reader panics
		}
		r, err := pcapgo.NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		r.SetSnaplen(maxFrame)
		for _, f := range got {
			data, info, err := r.ReadPacketData()
			if err != nil {
				return
			}
			if !bytes.Equal(data, f.Data) || info.Length != f.Length {
				t.Fatalf("%+v, pcapgo %v %x", f, info, data)
			}
		}
	})
}
