package gen

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func mustPacer(t testing.TB, rate float64, burst int) *Pacer {
	t.Helper()
	p, err := NewPacer(rate, burst)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPacerHoldsItsRate: asked at every instant that it names, and at random ones, it lets out exactly the frames of
// the schedule, each burst at its time and not before.
func TestPacerHoldsItsRate(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		rate  float64
		burst int
		want  uint64 // in one second
	}{
		{1, 1, 1}, {3, 1, 3}, {1000, 1, 1000}, {1000, 16, 1008}, {1e6, 32, 1e6}, {333_333.3, 7, 333_340}, {7e6, 64, 7e6}, {1.5, 1, 2},
	} {
		p, now := mustPacer(t, c.rate, c.burst), int64(1e15)
		p.Start(now, time.Second, 0)
		steps := 0
		for ; !p.Over(now); steps++ {
			if n := p.Due(now); n > 0 {
				if n > c.burst && p.at(p.sent) < now-int64(Slack) {
					t.Fatalf("%v: %d frames due at once", c, n)
				}
				p.Sent(n, now)
			}
			next := p.Next()
			if next == math.MaxInt64 {
				next = p.end
			} else if p.Due(next-2) != 0 || p.Due(next) < c.burst {
				t.Fatalf("%v: %d due before %d, %d at it", c, p.Due(next-2), next-p.start, p.Due(next))
			}
			now = next + rng.Int64N(1e5)
		}
		if a := p.Pace(now); a.Sent != c.want || a.Missed != 0 || a.Late > 100*time.Microsecond {
			t.Errorf("%v: %+v in %d steps", c, a, steps)
		}
	}
}

// TestPacerMisses: what a sender that slept has missed is not made up for beyond the slack, and counted.
func TestPacerMisses(t *testing.T) {
	p := mustPacer(t, 1e6, 4)
	p.Start(0, time.Second, 0)
	p.Sent(p.Due(0), 0)
	now := int64(500 * time.Millisecond)
	n := p.Due(now)
	if most := int(1e6*Slack.Seconds()) + 4; n > most || n < most-4 {
		t.Fatalf("%d frames due after half a second, slack is %d", n, most)
	}
	p.Sent(n, now)
	a := p.Pace(now)
	if a.Sent+a.Missed != 500_004 || a.Late < Slack-10*time.Microsecond || a.Late > Slack+10*time.Microsecond {
		t.Errorf("%+v", a)
	}
	if n := p.Due(now + int64(time.Hour)); !p.Over(now+int64(time.Hour)+1) && n == 0 {
		t.Error("not over an hour later")
	}
	// Nothing taken by the port: all of it is missed.
	p.Start(0, time.Second, 0)
	if a := p.Pace(2e9); a.Missed != 1e6 || a.Sent != 0 {
		t.Errorf("%+v", a)
	}
}

// TestPacerCounts: a count ends the schedule, whatever was missed on the way.
func TestPacerCounts(t *testing.T) {
	p, now, sent := mustPacer(t, 1e5, 16), int64(0), 0
	p.Start(1000, 0, 100)
	if p.Due(999) != 0 || p.Next() != 1000 {
		t.Error("due before the start")
	}
	for i := 0; !p.Over(now); i++ {
		if now = p.Next(); i == 3 {
			now += int64(time.Second) // asleep
		}
		n := p.Due(now)
		p.Sent(n, now)
		sent += n
	}
	if a := p.Pace(now); sent != 100 || a.Sent != 100 || a.Missed == 0 || p.Next() != math.MaxInt64 || p.Due(now+1e9) != 0 {
		t.Errorf("%d sent, %+v", sent, a)
	}
	free := mustPacer(t, 0, 1)
	free.Start(10, time.Second, 70)
	if free.Due(9) != 0 || free.Due(10) != 70 || free.Next() != 10 {
		t.Error("without a rate:", free.Due(10), free.Next())
	}
	free.Sent(70, 10)
	if !free.Over(10) || free.Pace(1e9) != (Pace{Sent: 70}) {
		t.Errorf("%+v", free.Pace(1e9))
	}
}

func TestPacerRefuses(t *testing.T) {
	for _, c := range []struct {
		rate  float64
		burst int
	}{{-1, 1}, {math.NaN(), 1}, {math.Inf(1), 1}, {MaxRate * 2, 1}, {1, 0}, {1, 1<<20 + 1}} {
		if p, err := NewPacer(c.rate, c.burst); err == nil || p != nil {
			t.Errorf("%v: no error", c)
		}
	}
}

func TestParseRate(t *testing.T) {
	line := Rate{10e9, BitsPerSecond}
	for _, c := range []struct {
		text string
		want float64 // frames of 1000 bytes a second
	}{
		{"max", 0}, {"500pps", 500}, {"1.5 kpps", 1500}, {"2Mpps", 2e6}, {"8Mbit/s", 1000}, {"8 kbps", 1}, {"0.8Gbit/s", 1e5},
		{"50%", 625_000}, {"100 %", 1_250_000},
	} {
		r, err := ParseRate(c.text)
		if err != nil {
			t.Error(err)
			continue
		}
		if got, err := r.Frames(FixedSize(1000), line); err != nil || math.Abs(got-c.want) > 1e-9*c.want {
			t.Errorf("%s: %g frames a second, %v; want %g", c.text, got, err, c.want)
		}
		if again, err := ParseRate(r.String()); err != nil || again != r {
			t.Errorf("%s comes back as %v, %v", c.text, again, err)
		}
	}
	for _, text := range []string{"", "100", "pps", "kpps", "-1pps", "0pps", "NaNpps", "Infpps", "1e99pps", "5k%", "1 Tbit/s", "x%"} {
		if r, err := ParseRate(text); err == nil {
			t.Errorf("%q: %v", text, r)
		}
	}
	if _, err := (Rate{50, Percent}).Frames(FixedSize(64), Rate{}); err == nil {
		t.Error("a share of nothing")
	}
	if got, err := (Rate{8 * 3618, BitsPerSecond}).Frames(IMIX(), Rate{}); err != nil || math.Abs(got-10) > 0.1 {
		t.Error(got, err)
	}
}

// FuzzParseRate: what is taken is a rate, and String gives it back.
func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"max", "1kpps", "1.5Mbit/s", "50%", "1e3 Gbps", "%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRate(text)
		if err != nil {
			return
		}
		if v, err := r.Frames(IMIX(), Rate{1e6, FramesPerSecond}); err != nil || v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("%q: %v, %v", text, v, err)
		}
		if _, err := ParseRate(r.String()); err != nil {
			t.Error(err)
		}
	})
}
