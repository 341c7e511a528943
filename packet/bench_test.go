package packet

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/google/gopacket/layers"
)

// benchFrames is the number of frames that the benchmarks walk: their headers fill half of a 32 KiB L1 cache.
const benchFrames = 256

// benchArena is benchFrames frames with different addresses, and their descriptors.
func benchArena(b *testing.B, tags ...[2]uint16) (*Arena, []Desc) {
	b.Helper()
	a := mustArena(b, benchFrames, 256)
	frame := tagged(b, udpPacket(b), layers.EthernetTypeIPv4, tags...)
	descs := make([]Desc, benchFrames)
	for i := range descs {
		d := a.Desc(i)
		d.Len = uint16(len(frame))
		f := a.Frame(d)
		copy(f, frame)
		p := IPv4(f[EthernetLen+TagLen*len(tags):])
		p.SetDst(uint32(i+1) * 0x9e3779b1)
		p.SetChecksum()
		descs[i] = d
	}
	return a, descs
}

// BenchmarkChecksum times the checksum of n bytes beside the naive twin; header20 is the inlined form for IPv4 headers.
func BenchmarkChecksum(b *testing.B) {
	run := func(engine string, n int, sum func([]byte) uint16) {
		b.Run(fmt.Sprintf("bytes=%d/engine=%s", n, engine), func(b *testing.B) {
			buf := make([]byte, n)
			for i := range buf {
				buf[i] = byte(i * 7)
			}
			b.SetBytes(int64(n))
			var sink uint16
			for i := range b.N {
				buf[0] = byte(i)
				sink += sum(buf)
			}
			runtime.KeepAlive(sink)
		})
	}
	for _, n := range []int{20, 60, 64, 576, 1500, 9000} {
		run("packet", n, Checksum)
		run("naive", n, naiveChecksum)
	}
	b.Run("bytes=20/engine=header20", func(b *testing.B) {
		a, descs := benchArena(b)
		b.SetBytes(20)
		var sink uint16
		for i := range b.N {
			sink += ChecksumHeader20(a.Frame(descs[i%benchFrames])[EthernetLen:])
		}
		runtime.KeepAlive(sink)
	})
}

// BenchmarkParse times the checks of one packet each, over frames that lie in L1. Stage frame is the cost of finding
// the frame alone, which all others contain.
func BenchmarkParse(b *testing.B) {
	type stage struct {
		name string
		tags [][2]uint16
		run  func(f []byte) uint32
	}
	for _, s := range []stage{
		{"frame", nil, func(f []byte) uint32 { return uint32(len(f)) }},
		{"ethernet", nil, func(f []byte) uint32 {
			e, err := ParseEthernet(f)
			if err != nil {
				return 0
			}
			return uint32(e.EtherType())
		}},
		{"vlan-0", nil, parseVLAN},
		{"vlan-1", [][2]uint16{{0x8100, 100}}, parseVLAN},
		{"vlan-2", [][2]uint16{{0x88a8, 100}, {0x8100, 200}}, parseVLAN},
		{"ipv4", nil, func(f []byte) uint32 {
			p, err := ParseIPv4(f[EthernetLen:])
			if err != nil {
				return 0
			}
			return p.Dst()
		}},
		{"ipv4-plain", nil, func(f []byte) uint32 {
			if !IsPlainIPv4(f[EthernetLen:]) {
				return 0
			}
			return IPv4(f[EthernetLen:]).Dst()
		}},
		{"ipv4-plain-checksum", nil, func(f []byte) uint32 {
			if p := f[EthernetLen:]; !IsPlainIPv4(p) || ChecksumHeader20(p) != 0 {
				return 0
			}
			return IPv4(f[EthernetLen:]).Dst()
		}},
		{"ipv4-checksum", nil, func(f []byte) uint32 {
			p, err := ParseIPv4(f[EthernetLen:])
			if err != nil || !p.ChecksumOK() {
				return 0
			}
			return p.Dst()
		}},
		{"udp", nil, func(f []byte) uint32 {
			u, err := ParseUDP(f[EthernetLen+IPv4HeaderLen:])
			if err != nil {
				return 0
			}
			return uint32(u.DstPort())
		}},
	} {
		b.Run("stage="+s.name, func(b *testing.B) {
			a, descs := benchArena(b, s.tags...)
			var sink uint64
			b.ReportAllocs()
			for i := range b.N {
				v := s.run(a.Frame(descs[i%benchFrames]))
				if v == 0 {
					b.Fatal("a good frame was refused")
				}
				sink += uint64(v)
			}
			runtime.KeepAlive(sink)
		})
	}
}

func parseVLAN(f []byte) uint32 {
	v, err := ParseVLAN(f)
	if err != nil {
		return 0
	}
	return uint32(v.EtherType())
}

// BenchmarkDecrementTTL times the incremental update beside setting the TTL and summing the header anew.
func BenchmarkDecrementTTL(b *testing.B) {
	for _, engine := range []struct {
		name string
		run  func(p IPv4)
	}{
		{"incremental", func(p IPv4) { p.DecrementTTL() }},
		{"recompute", func(p IPv4) { p.SetTTL(p.TTL() - 1); p.SetChecksum() }},
	} {
		b.Run("engine="+engine.name, func(b *testing.B) {
			a, descs := benchArena(b)
			for i := range b.N {
				p := IPv4(a.Frame(descs[i%benchFrames])[EthernetLen:])
				if p.TTL() < 2 {
					p.SetTTL(64)
					p.SetChecksum()
				}
				engine.run(p)
			}
		})
	}
}

// BenchmarkSlot times the way from a descriptor to its slot number.
func BenchmarkSlot(b *testing.B) {
	a, descs := benchArena(b)
	var sink uint64
	for i := range b.N {
		sink += uint64(a.Slot(descs[i%benchFrames]))
	}
	runtime.KeepAlive(sink)
}
