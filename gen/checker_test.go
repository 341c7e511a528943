package gen

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"vrfwd/packet"
)

func mustChecker(t testing.TB, from ...*Traffic) *Checker {
	t.Helper()
	c, err := NewChecker(from...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func testTraffic(t testing.TB, flows int, first uint32) *Traffic {
	t.Helper()
	c := testNetwork(t, 10)
	c.Flows, c.First, c.Seed, c.Fallback = flows, first, uint64(first), 0.5
	return mustTraffic(t, c)
}

// expected is where a frame must come out.
func expected(frame []byte) (egress, context uint16) {
	s, _ := ParseSignature(frame)
	return s.Egress, s.Context
}

func TestCheckerPassesWhatIsRight(t *testing.T) {
	traffic := testTraffic(t, 64, 10)
	c := mustChecker(t, traffic)
	mem, d := slots(1000, LineLen)
	for range 3 {
		traffic.fill(mem, d)
		for i := range d {
			frame := frameOf(mem, d[i])
			if v := c.Check(frame, traffic.Flow(int(d[i].Mark-10)).Egress, traffic.Flow(int(d[i].Mark-10)).Context); v != 0 {
				t.Fatalf("frame %d: %v", i, v)
			}
		}
	}
	want := Summary{Count: Count{Sent: 3000, Received: 3000}, InOrder: 3000}
	if s := c.Summary(); s != want || !s.OK() || s.Frames() != 3000 {
		t.Errorf("%+v, want %+v", s, want)
	}
	frame := frameOf(mem, d[0])
	egress, context := expected(frame)
	if n := testing.AllocsPerRun(10, func() { c.Check(frame, egress, context) }); n != 0 {
		t.Errorf("Check allocates %v times", n)
	}
}

// TestCheckerDetects spoils one frame in one way at a time.
func TestCheckerDetects(t *testing.T) {
	for _, x := range []struct {
		name  string
		spoil func(frame []byte, egress, context *uint16) []byte
		want  Verdict
	}{
		{"wrong egress", func(f []byte, egress, context *uint16) []byte { *egress++; return f }, WrongEgress},
		{"no egress", func(f []byte, egress, context *uint16) []byte { *egress = 0; return f }, WrongEgress},
		{"leak", func(f []byte, egress, context *uint16) []byte { *egress++; *context++; return f }, Leak},
		{"leak through a share", func(f []byte, egress, context *uint16) []byte { *context++; return f }, Leak},
		{"magic", func(f []byte, egress, context *uint16) []byte { f[len(f)-18]++; return f }, Corrupt},
		{"flow", func(f []byte, egress, context *uint16) []byte { f[len(f)-16]++; return f }, Corrupt},
		{"short", func(f []byte, egress, context *uint16) []byte { return f[:50] }, Corrupt},
		{"empty", func(f []byte, egress, context *uint16) []byte { return nil }, Corrupt},
		{"context", func(f []byte, egress, context *uint16) []byte { f[len(f)-8]++; return f }, Corrupt},
		{"three tags", func(f []byte, egress, context *uint16) []byte {
			return append(append(f[:12:12], 0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3), f[12:]...)
		}, Corrupt},
		{"one tag", func(f []byte, egress, context *uint16) []byte {
			return append(append(f[:12:12], 0x81, 0, 0, 1), f[12:]...)
		}, 0},
		{"two tags", func(f []byte, egress, context *uint16) []byte {
			return append(append(f[:12:12], 0x88, 0xa8, 0, 1, 0x81, 0, 0, 2), f[12:]...)
		}, 0},
	} {
		config := testNetwork(t, 1) // one untagged circuit
		config.Flows = 8
		traffic := mustTraffic(t, config)
		c := mustChecker(t, traffic)
		mem, d := slots(1, LineLen)
		traffic.fill(mem, d)
		frame := frameOf(mem, d[0])
		egress, context := expected(frame)
		frame = x.spoil(frame, &egress, &context)
		if v := c.Check(frame, egress, context); v != x.want {
			t.Errorf("%s: %v, want %v", x.name, v, x.want)
		}
		if s := c.Summary(); s.OK() != (x.want == 0) || s.Frames() != 1 || s.Sent != 1 || s.Received+s.Lost != 1 {
			t.Errorf("%s: %+v", x.name, s)
		}
	}
}

func TestCheckerExpectsDiscards(t *testing.T) {
	config := testNetwork(t, 4)
	config.Flows = 32
	config.Expect = func(in *Ingress, dst uint32) (egress, context uint16) { return 0, in.Table }
	traffic := mustTraffic(t, config)
	c := mustChecker(t, traffic)
	mem, d := slots(100, LineLen)
	traffic.fill(mem, d)
	if s := c.Summary(); s.Discarded != 100 || s.Lost != 0 || !s.OK() {
		t.Errorf("%+v", s)
	}
	frame := frameOf(mem, d[0])
	_, context := expected(frame)
	if v := c.Check(frame, 7, context); v != WrongEgress {
		t.Errorf("a frame that had to be discarded: %v", v)
	}
}

// twin is the checker's naive twin: it remembers every sequence number.
type twin struct {
	seen                                map[uint32]map[uint32]bool
	newest                              map[uint32]int64
	inOrder, reordered, duplicate, late uint64
	received                            map[uint32]uint64
}

func (w *twin) check(s Signature, egress, context uint16) (v Verdict) {
	if context != s.Context {
		v = Leak
	} else if egress != s.Egress {
		v = WrongEgress
	}
	if w.seen[s.Flow] == nil {
		w.seen[s.Flow], w.newest[s.Flow] = map[uint32]bool{}, -1
	}
	switch newest, seq := w.newest[s.Flow], int64(s.Seq); {
	case seq <= newest-64:
		w.late++
		return v | Late
	case w.seen[s.Flow][s.Seq]:
		w.duplicate++
		return v | Duplicate
	case seq < newest:
		w.reordered++
		v |= Reordered
	default:
		w.inOrder++
		w.newest[s.Flow] = seq
	}
	w.seen[s.Flow][s.Seq] = true
	w.received[s.Flow]++
	return v
}

// TestCheckerAgainstTwin sends frames of two generators through a network that loses, duplicates, delays and
// misdirects, and compares every verdict and every account.
func TestCheckerAgainstTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	traffics := []*Traffic{testTraffic(t, 7, 100), testTraffic(t, 5, 107)}
	c := mustChecker(t, traffics[1], traffics[0])
	w := &twin{seen: map[uint32]map[uint32]bool{}, newest: map[uint32]int64{}, received: map[uint32]uint64{}}
	var flight [][]byte
	for range 400 {
		for _, traffic := range traffics {
			mem, d := slots(100, LineLen)
			traffic.fill(mem, d)
			for i := range d {
				flight = append(flight, frameOf(mem, d[i]))
			}
		}
		for i := range flight {
			switch rng.IntN(40) {
			case 0:
				flight[i] = nil // lost
			case 1:
				flight = append(flight, flight[rng.IntN(len(flight))])
			case 2:
				j := min(i+rng.IntN(50), len(flight)-1)
				flight[i], flight[j] = flight[j], flight[i]
			case 3:
				if rng.IntN(20) == 0 {
					j := rng.IntN(len(flight))
					flight[i], flight[j] = flight[j], flight[i]
				}
			}
		}
		arrive := max(len(flight)-rng.IntN(1500), 0)
		for _, frame := range flight[:arrive] {
			if frame == nil {
				continue
			}
			s, _ := ParseSignature(frame)
			egress, context := s.Egress, s.Context
			switch rng.IntN(100) {
			case 0:
				egress++
			case 1:
				context++
			}
			if got, want := c.Check(frame, egress, context), w.check(s, egress, context); got != want {
				t.Fatalf("%+v: %v, want %v", s, got, want)
			}
		}
		flight = flight[arrive:]
	}
	s := c.Summary()
	if s.InOrder != w.inOrder || s.Reordered != w.reordered || s.Duplicate != w.duplicate || s.Late != w.late {
		t.Errorf("%+v, the twin has %+v", s, w)
	}
	if s.Reordered == 0 || s.Duplicate == 0 || s.Late == 0 || s.Leak == 0 || s.WrongEgress == 0 || s.Lost == 0 {
		t.Errorf("%+v: the network was too kind", s)
	}
	var sum Count
	for _, traffic := range traffics {
		for i := range traffic.Flows() {
			number := traffic.first + uint32(i)
			f := c.Flow(number)
			if f.Sent != uint64(traffic.Sent(i)) || f.Received != w.received[number] || f.Sent != f.Received+f.Lost {
				t.Errorf("flow %d: %+v, the twin received %d", number, f, w.received[number])
			}
			sum.Sent, sum.Received, sum.Lost = sum.Sent+f.Sent, sum.Received+f.Received, sum.Lost+f.Lost
			sum.Reordered, sum.Duplicate, sum.Late = sum.Reordered+f.Reordered, sum.Duplicate+f.Duplicate, sum.Late+f.Late
		}
	}
	if sum != s.Count || s.InOrder+s.Reordered != s.Received || s.Sent != 80_000 {
		t.Errorf("the flows sum up to %+v, the summary is %+v", sum, s)
	}
}

func TestCheckerReset(t *testing.T) {
	traffic := testTraffic(t, 16, 0)
	mem, d := slots(100, LineLen)
	traffic.fill(mem, d) // a warm-up that nobody checks
	c := mustChecker(t, traffic)
	for range 2 {
		if s := c.Summary(); s != (Summary{}) {
			t.Errorf("at the start: %+v", s)
		}
		traffic.fill(mem, d)
		for i := range d {
			egress, context := expected(frameOf(mem, d[i]))
			c.Check(frameOf(mem, d[i]), egress, context)
		}
		if s := c.Summary(); s.Sent != 100 || s.InOrder != 100 || !s.OK() {
			t.Errorf("%+v", s)
		}
		c.Reset()
	}
}

// TestCheckerWraps: sequence numbers go round after 2^32 frames of a flow.
func TestCheckerWraps(t *testing.T) {
	traffic := testTraffic(t, 1, 0)
	traffic.round = 0xfffffff0
	c := mustChecker(t, traffic)
	mem, d := slots(64, LineLen)
	traffic.fill(mem, d)
	for i := range d {
		frame := frameOf(mem, d[i^1]) // pairs swapped
		egress, context := expected(frame)
		c.Check(frame, egress, context)
	}
	if s := c.Summary(); s.Sent != 64 || s.InOrder != 32 || s.Reordered != 32 || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
}

func TestCheckerCountsInventedFrames(t *testing.T) {
	traffic := testTraffic(t, 1, 0)
	c := mustChecker(t, traffic)
	mem, d := slots(1, LineLen)
	traffic.fill(mem, d)
	traffic.Rewind(d) // never sent
	egress, context := expected(frameOf(mem, d[0]))
	c.Check(frameOf(mem, d[0]), egress, context)
	if s := c.Summary(); s.Unsent != 1 || s.Lost != 0 || s.OK() {
		t.Errorf("%+v", s)
	}
}

func TestNewCheckerRefuses(t *testing.T) {
	unsigned := testNetwork(t, 2)
	unsigned.Flows, unsigned.Unsigned = 8, true
	for name, from := range map[string][]*Traffic{
		"nothing":  nil,
		"gap":      {testTraffic(t, 4, 0), testTraffic(t, 4, 5)},
		"overlap":  {testTraffic(t, 4, 0), testTraffic(t, 4, 3)},
		"unsigned": {mustTraffic(t, unsigned)},
	} {
		if c, err := NewChecker(from...); err == nil || c != nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFlowStateSize(t *testing.T) {
	if n := reflect.TypeFor[flowState]().Size(); n != 16 {
		t.Errorf("a flow's state has %d bytes: four must fit in a cache line", n)
	}
}

// FuzzCheck: no frame makes the checker panic or miscount.
func FuzzCheck(f *testing.F) {
	traffic := testTraffic(f, 16, 0)
	mem, d := slots(4, LineLen)
	traffic.fill(mem, d)
	for i := range d {
		f.Add(frameOf(mem, d[i]), uint16(uplinkIface), uint16(0))
	}
	f.Fuzz(func(t *testing.T, frame []byte, egress, context uint16) {
		c := mustChecker(t, traffic)
		c.Check(frame, egress, context)
		c.Check(frame, egress, context)
		if n := c.Summary().Frames(); n != 2 {
			t.Fatalf("%d frames accounted for, want 2", n)
		}
	})
}

// BenchmarkCheck times the checks alone; filling the frames between them is left out.
func BenchmarkCheck(b *testing.B) {
	for _, zipf := range []float64{0, 1} {
		name := "order=turn"
		if zipf != 0 {
			name = "order=zipf"
		}
		b.Run(name, func(b *testing.B) {
			config := testNetwork(b, 200)
			config.Fallback, config.FlowZipf = 0.5, zipf
			config.Expect = func(*Ingress, uint32) (egress, context uint16) { return uplinkIface, 0 }
			traffic := mustTraffic(b, config)
			c := mustChecker(b, traffic)
			a, err := packet.NewArena(256, 60)
			if err != nil {
				b.Fatal(err)
			}
			defer a.Close()
			d := make([]packet.Desc, a.Frames())
			for i := range d {
				d[i] = a.Desc(i)
			}
			var checking time.Duration
			for b.Loop() {
				traffic.Fill(a, d)
				start := time.Now()
				for i := range d {
					c.Check(a.Frame(d[i]), uplinkIface, 0)
				}
				checking += time.Since(start)
			}
			if s := c.Summary(); !s.OK() {
				b.Fatalf("%+v", s)
			}
			ns := float64(checking.Nanoseconds()) / float64(b.N) / float64(len(d))
			b.ReportMetric(ns, "ns/pkt")
			b.ReportMetric(1e3/ns, "Mpps")
		})
	}
}
