package gen

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vrfwd/packet"
)

// TestStamp: what is stamped comes back, from frames with none, one and two tags, of all sizes, padded or with a tag
// added or taken away on the way.
func TestStamp(t *testing.T) {
	const now = int64(0x1234_5678_9abc_def0)
	for _, size := range []int{64, 67, 68, 72, 594, 1518} {
		c := testNetwork(t, 6)
		c.Flows, c.Sizes = 50, FixedSize(size)
		traffic := mustTraffic(t, c)
		mem, d := slots(60, 2048)
		traffic.fill(mem, d)
		for i := range d {
			frame := frameOf(mem, d[i])
			before, _ := ParseSignature(frame)
			if _, ok := ParseStamp(frame); ok {
				t.Fatal("a stamp before there is one")
			}
			PutStamp(frame, now)
			f := traffic.Flow(int(d[i].Mark))
			tagged := f.Ingress.VLAN != 0
			for name, as := range map[string][]byte{
				"as sent": frame, "tag added": tag(frame, 7), "two tags": tag(tag(untag(frame), 7), 8), "no tag": untag(frame),
				"padded": append(slices.Clone(frame), make([]byte, 9)...),
			} {
				s, ok := ParseStamp(as)
				full := size >= 68 || !tagged
				if !ok || s.Flow != d[i].Mark || s.Seq != before.Seq || s.Full != full || s.Src != f.Src || s.Dst != f.Dst {
					t.Fatalf("size %d, %s: %+v %v of flow %d, %+v", size, name, s, ok, d[i].Mark, f)
				}
				for _, age := range []time.Duration{0, 1, time.Millisecond, 2 * time.Second, -time.Second} {
					if got := s.Age(now + int64(age)); got != int64(age) {
						t.Fatalf("size %d, %s: age %d, want %d", size, name, got, age)
					}
				}
				if age := int64(10 * time.Second); (s.Age(now+age) == age) != full {
					t.Fatalf("size %d: 10 s old: %d", size, s.Age(now+age))
				}
			}
			checkUnchanged(t, frame)
		}
	}
}

// checkUnchanged: the packet that gopacket reads is one whose sums and lengths are right.
func checkUnchanged(t *testing.T, frame []byte) {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	ip, _ := p.NetworkLayer().(*layers.IPv4)
	if p.ErrorLayer() != nil || ip == nil || packet.Checksum(ip.Contents) != 0 {
		t.Fatalf("%x: %v", frame, p)
	}
}

func tag(frame []byte, vid uint16) []byte {
	return slices.Concat(frame[:12], []byte{0x81, 0, byte(vid >> 8), byte(vid)}, frame[12:])
}

func untag(frame []byte) []byte {
	if frame[12] != 0x81 {
		return frame
	}
	frame = slices.Concat(frame[:12], frame[16:])
	return append(frame, make([]byte, max(0, 60-len(frame)))...)
}

// TestJudge: a checker fed with stamps says what one fed with the whole frames does.
func TestJudge(t *testing.T) {
	a, b := testTraffic(t, 100, 7), testTraffic(t, 100, 7)
	whole, stamps := mustChecker(t, a), mustChecker(t, b)
	rng := rand.New(rand.NewPCG(3, 3))
	mem, d := slots(256, 64)
	var frames [][]byte
	for range 200 {
		a.fill(mem, d)
		b.Skip(uint64(len(d)))
		for i := range d {
			frames = append(frames, bytes.Clone(frameOf(mem, d[i])))
		}
	}
	for i := range frames { // nearly in order, some far off, some twice
		j := min(i+rng.IntN(1+rng.IntN(3000)), len(frames)-1)
		frames[i], frames[j] = frames[j], frames[i]
	}
	frames = append(frames[100:], frames[500:700]...)
	for _, f := range frames {
		egress, context := expected(f)
		switch rng.IntN(50) {
		case 0:
			egress++
		case 1:
			context++
		}
		s, _ := ParseSignature(f)
		PutStamp(f, 1)
		stamp, ok := ParseStamp(f)
		if !ok || stamp.Flow != s.Flow || stamp.Seq != s.Seq {
			t.Fatal(stamp, s)
		}
		s.Put(f[signatureOffset(f):])
		if x, y := whole.Check(f, egress, context), stamps.Judge(stamp.Flow, stamp.Seq, egress, context); x != y {
			t.Fatalf("%v by the frame, %v by the stamp", x, y)
		}
	}
	for _, flow := range []uint32{6, 107, 1 << 31} {
		if v := stamps.Judge(flow, 0, 1, 1); v != Corrupt {
			t.Error(flow, v)
		}
	}
	x, y := whole.Summary(), stamps.Summary()
	if x.Corrupt += 3; x != y || x.Sent != 200*256 || x.Lost == 0 {
		t.Errorf("%+v by the frames, %+v by the stamps", x, y)
	}
}

// TestSkip: skipping is filling without the frames.
func TestSkip(t *testing.T) {
	for _, c := range []Config{
		{Flows: 1000}, {Flows: 1000, FlowZipf: 1}, {Flows: 33, Sizes: IMIX()}, {Flows: 1000, FlowZipf: 1, Unsigned: true},
	} {
		base := testNetwork(t, 3)
		base.Flows, base.FlowZipf, base.Sizes, base.Unsigned = c.Flows, c.FlowZipf, c.Sizes, c.Unsigned
		a, b := mustTraffic(t, base), mustTraffic(t, base)
		mem, d := slots(256, 2048)
		for _, n := range []int{0, 1, 255, 3000, 77} {
			for left := n; left > 0; left -= len(d) {
				d = d[:min(left, 256)]
				a.fill(mem, d)
			}
			d = d[:256]
			b.Skip(uint64(n))
		}
		b.Skip(3 << 20)
		for range 3 << 20 / 256 {
			a.fill(mem, d)
		}
		for i := range c.Flows {
			if a.Sent(i) != b.Sent(i) {
				t.Fatalf("flow %d: %d filled, %d skipped", i, a.Sent(i), b.Sent(i))
			}
		}
		other, e := slots(256, 2048)
		a.fill(mem, d)
		b.fill(other, e)
		if !bytes.Equal(mem[:64], other[:64]) || !slices.Equal(d, e) || a.Total() != b.Total() {
			t.Error("the frames after it differ")
		}
	}
}

// TestReached: the newest frame that came says how far the sender must have come.
func TestReached(t *testing.T) {
	sender, twin := testTraffic(t, 100, 7), testTraffic(t, 100, 7)
	c := mustChecker(t, twin)
	mem, d := slots(1, 64)
	for i := range 1234 {
		sender.fill(mem, d)
		if s, _ := ParseSignature(frameOf(mem, d[0])); i%100 != 33 && i < 1200 { // a flow that never comes, and a lost tail
			egress, context := expected(frameOf(mem, d[0]))
			c.Judge(s.Flow, s.Seq, egress, context)
		}
	}
	if n := c.Reached(twin); n != 1200 {
		t.Error(n)
	}
	twin.Skip(c.Reached(twin))
	if s := c.Summary(); s.Sent != 1200 || s.Lost != 12 || c.Flow(7+33).Lost != 12 || s.Unsent != 0 {
		t.Errorf("%+v", s)
	}
	if fresh := testTraffic(t, 10, 0); mustChecker(t, fresh).Reached(fresh) != 0 {
		t.Error("something came of what was never sent")
	}
}

// TestEach: as many flows as prefixes meet every prefix.
func TestEach(t *testing.T) {
	c := testNetwork(t, 3)
	c.Global, c.Keys, c.Fallback, c.Flows = c.Global[:500], Each, 1, 500
	for i := range c.VPN {
		c.VPN[i].Routes = nil
	}
	traffic := mustTraffic(t, c)
	for i, r := range c.Global {
		if f := traffic.Flow(i); f.Dst&mask(r.Len) != r.Addr {
			t.Fatalf("flow %d goes to %08x, not to %v", i, f.Dst, r)
		}
	}
}

// FuzzParseStamp: whatever comes from the wire is read or refused; what is read says the same behind another tag.
func FuzzParseStamp(f *testing.F) {
	traffic := testTraffic(f, 10, 0)
	mem, d := slots(10, 64)
	traffic.fill(mem, d)
	for i := range d {
		PutStamp(frameOf(mem, d[i]), 1<<40)
		f.Add(frameOf(mem, d[i]))
	}
	f.Add([]byte{})
	f.Add(make([]byte, 60))
	f.Fuzz(func(t *testing.T, frame []byte) {
		s, ok := ParseStamp(frame)
		if !ok {
			return
		}
		if v, err := packet.ParseVLAN(frame); err != nil || v.EtherType() != packet.EtherTypeIPv4 {
			t.Fatalf("%+v in %x", s, frame)
		} else if v.Tags() < 2 {
			if again, ok := ParseStamp(tag(frame, 5)); !ok || again != s {
				t.Fatalf("%+v behind a tag, %+v without", again, s)
			}
		}
		PutStamp(frame, s.Time)
	})
}
