package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/forwarder"
	"vrfwd/gen"
	"vrfwd/packet"
)

// small is a network that is built in milliseconds.
func small(m Method) Network {
	return Network{Routes: 3000, VRFs: 20, NextHops: 10, Method: m, Imports: 500, Seed: 1}
}

func newScenario(t testing.TB, n Network) *Scenario {
	t.Helper()
	s, err := New(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// trial runs one trial and gives the bed back.
func trialOn(t testing.TB, s *Scenario, l Load, r Run) Trial {
	t.Helper()
	return trialThrough(t, s, l, r, nil)
}

func trialThrough(t testing.TB, s *Scenario, l Load, r Run, wrap func(forwarder.Port) forwarder.Port) Trial {
	t.Helper()
	b, err := s.newBed(l, wrap)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	tr, err := b.Run(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if n := tr.Totals; n.Received != n.Forwarded+n.Punted+n.Dropped {
		t.Errorf("the workers' counters do not add up: %v", n)
	}
	if a := tr.Account; a.Sent != a.Received+a.Lost+a.Discarded {
		t.Errorf("frames do not add up: %+v", a)
	}
	return tr
}

// good runs a trial that must be without fault.
func good(t testing.TB, s *Scenario, l Load, r Run) Trial {
	t.Helper()
	tr := trialOn(t, s, l, r)
	if !tr.Account.OK() {
		t.Errorf("%s: %+v\n%s", tr.Account.Verdict(), tr.Account, strings.Join(tr.Faults, "\n"))
	}
	return tr
}

// TestMethods verifies every method, byte by byte, through both kinds of ports, and that its interfaces carry what they
// should.
func TestMethods(t *testing.T) {
	const sent = 12_000
	for _, m := range Methods() {
		s := newScenario(t, small(m))
		for _, ports := range []Ports{SameCore, Rings} {
			t.Run(fmt.Sprintf("%v/%v", m, ports), func(t *testing.T) {
				tr := good(t, s, Load{Fallback: 0.5, Flows: 2000, Ports: ports, Check: Verify}, Run{Frames: sent})
				a := tr.Account
				if a.Sent != sent || a.Discarded != tr.Totals.Punted || tr.Totals.Dropped != 0 {
					t.Errorf("%+v, %v", a, tr.Totals)
				}
				if sessions := m == BGPCE; sessions != (tr.Totals.Punts[forwarder.Local] > 0) || sessions != (a.Discarded > 0) {
					t.Errorf("BGP sessions: %d discarded, %v", a.Discarded, tr.Totals)
				}
				if m.Inbound() && tr.Totals.Ports[0].Rx.Packets == 0 || !m.Inbound() && tr.Totals.Ports[0].Tx.Packets == 0 {
					t.Errorf("uplink 0: %+v", tr.Totals.Ports[0])
				}
			})
		}
	}
}

// TestInterfaces says for each method which interfaces send: the method is not another one in disguise.
func TestInterfaces(t *testing.T) {
	for m, want := range map[Method][]string{
		TwoCircuits: {"uplink0"}, DefaultShare: {"vpn0-uplink", "vpn19-uplink"}, Fallback: {"uplink0", "uplink3"},
		ImportMap: {"uplink0"}, FullCopy: {"uplink0"},
		StaticShare: {"to-vpn0", "to-vpn19"}, ExportMap: {"vpn0-ce", "vpn19-ce"}, BGPCE: {"to-vpn0"},
	} {
		s := newScenario(t, small(m))
		b, err := s.NewBed(Load{Fallback: 1, Flows: 2000})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Run(context.Background(), Run{Frames: 4000}); err != nil {
			t.Fatal(err)
		}
		counts := b.ifaceCounts()
		for _, name := range want {
			if counts[name] == 0 {
				t.Errorf("%v: interface %s has sent nothing: %v", m, name, counts)
			}
		}
		for name, n := range counts {
			if uplink := strings.HasPrefix(name, "uplink"); n > 0 && uplink && m == DefaultShare {
				t.Errorf("%v: %s has sent %d", m, name, n)
			}
		}
		b.Close()
	}
}

func TestLoads(t *testing.T) {
	both := small(Fallback)
	both.Return = StaticShare
	wide := Network{Routes: 2000, VRFs: trunkCustomers + 50, NextHops: 3, Profile: gen.Tiny, Method: TwoCircuits, Seed: 2}
	few := small(Fallback)
	few.NextHops, few.Uplinks = 1, 3
	for _, c := range []struct {
		name string
		n    Network
		l    Load
	}{
		{"both ways", both, Load{Fallback: 0.3, Inbound: 0.5}},
		{"both ways, rings", both, Load{Fallback: 0.3, Inbound: 0.2, Ports: Rings}},
		{"two circuits, both ways", small(TwoCircuits), Load{Fallback: 0.5, Inbound: 0.5}},
		{"two trunks", wide, Load{Fallback: 0.5, Flows: 10_000}},
		{"fewer next hops than uplinks", few, Load{Fallback: 1}},
		{"imix", small(Fallback), Load{Fallback: 0.5, Sizes: gen.IMIX(), Ports: Rings}},
		{"largest", small(StaticShare), Load{Sizes: gen.FixedSize(maxWire)}},
		{"zipf", small(Fallback), Load{Fallback: 0.5, Keys: Zipf}},
		{"covered", small(Fallback), Load{Fallback: 0.5, Keys: Covered}},
		{"uniform", small(Fallback), Load{Fallback: 1, Keys: Uniform}},
		{"two workers", small(Fallback), Load{Fallback: 0.5, Workers: 2}},
		{"two workers, rings", small(Fallback), Load{Fallback: 0.5, Workers: 2, Ports: Rings}},
		{"odd burst", small(Fallback), Load{Fallback: 0.5, Burst: 37, Frames: 64, Ports: Rings}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.l.Flows == 0 {
				c.l.Flows = 2000
			}
			s := newScenario(t, c.n)
			for _, check := range []Check{Count, Signed, Verify} {
				c.l.Check = check
				tr := good(t, s, c.l, Run{Frames: 6000})
				if dropped := tr.Account.Discarded > 0; dropped != (c.l.Keys == Uniform) {
					t.Errorf("%+v", tr.Account)
				}
			}
		})
	}
}

// TestDeterminism: the same seed gives the same tables and frames.
func TestDeterminism(t *testing.T) {
	a, b := newScenario(t, small(Fallback)), newScenario(t, small(Fallback))
	other := small(Fallback)
	other.Seed = 2
	c := newScenario(t, other)
	if a.TableHash() != b.TableHash() || a.VRFHash() != b.VRFHash() || a.TableHash() == c.TableHash() || a.VRFHash() == c.VRFHash() {
		t.Error("hashes:", a.TableHash(), b.TableHash(), c.TableHash(), a.VRFHash(), b.VRFHash(), c.VRFHash())
	}
	l := Load{Fallback: 0.5, Flows: 1000}
	x, y := trialOn(t, a, l, Run{Frames: 5000}), trialOn(t, b, l, Run{Frames: 5000})
	if x.Totals != y.Totals || x.Account != y.Account {
		t.Errorf("%v\n%v", x.Totals, y.Totals)
	}
}

// double stands between a worker and a port, and does harm to every k-th frame that the worker sends.
type double struct {
	forwarder.Port
	k, n int
	harm func(p forwarder.Port, d packet.Desc) []packet.Desc // what is sent instead
	out  []packet.Desc
}

func (p *double) TxBurst(from *packet.Arena, d []packet.Desc) int {
	p.out = p.out[:0]
	for i := range d {
		if p.n++; p.n%p.k == 0 {
			p.out = append(p.out, p.harm(p.Port, d[i])...)
		} else {
			p.out = append(p.out, d[i])
		}
	}
	p.Port.TxBurst(from, p.out)
	return len(d)
}

// TestFaults: a trial sees what goes wrong, and how often.
func TestFaults(t *testing.T) {
	const k, sent = 100, 10_000
	drop := func(p forwarder.Port, d packet.Desc) []packet.Desc { p.Free([]packet.Desc{d}); return nil }
	lose := func(forwarder.Port, packet.Desc) []packet.Desc { return nil }
	twice := func(_ forwarder.Port, d packet.Desc) []packet.Desc { return []packet.Desc{d, d} }
	elsewhere := func(_ forwarder.Port, d packet.Desc) []packet.Desc {
		d.Port = (d.Port + 1) % 4
		return []packet.Desc{d}
	}
	spoil := func(p forwarder.Port, d packet.Desc) []packet.Desc {
		p.Arena().Frame(d)[3] ^= 1
		return []packet.Desc{d}
	}
	s := newScenario(t, small(Fallback))
	for _, c := range []struct {
		name  string
		harm  func(forwarder.Port, packet.Desc) []packet.Desc
		ports Ports
		sees  map[Check]func(*Account) *uint64 // the counter that has the harm; nil: cannot be seen
	}{
		{"dropped", drop, SameCore, map[Check]func(*Account) *uint64{
			Count: lost, Signed: lost, Verify: lost}},
		{"dropped", drop, Rings, map[Check]func(*Account) *uint64{Count: lost, Signed: lost, Verify: lost}},
		{"vanished", lose, Rings, map[Check]func(*Account) *uint64{Signed: lost}},
		{"duplicated", twice, SameCore, map[Check]func(*Account) *uint64{
			Count: duplicated, Signed: duplicated, Verify: duplicated}},
		{"misrouted", elsewhere, SameCore, map[Check]func(*Account) *uint64{
			Count: wrongEgress, Signed: wrongEgress, Verify: wrongEgress}},
		{"spoilt", spoil, SameCore, map[Check]func(*Account) *uint64{
			Count: nil, Signed: nil, Verify: mismatched}},
	} {
		for check, counter := range c.sees {
			t.Run(fmt.Sprintf("%s/%v/%v", c.name, c.ports, check), func(t *testing.T) {
				var doubles []*double
				tr := trialThrough(t, s, Load{Fallback: 1, Flows: 64, Ports: c.ports, Check: check}, Run{Frames: sent},
					func(p forwarder.Port) forwarder.Port {
						d := &double{Port: p, k: k, harm: c.harm}
						doubles = append(doubles, d)
						return d
					})
				harmed := uint64(0)
				for _, d := range doubles {
					harmed += uint64(d.n / k)
				}
				a := tr.Account
				if a.Sent != sent || harmed == 0 {
					t.Fatalf("%d harmed of %d", harmed, a.Sent)
				}
				if counter == nil {
					if !a.OK() {
						t.Errorf("nothing can be seen, but: %s", a.Verdict())
					}
					return
				}
				if got := *counter(&a); got != harmed || a.OK() || a.Verdict() == "ok" {
					t.Errorf("%d were harmed, the account has %d: %s", harmed, got, a.Verdict())
				}
				if missing := c.name == "vanished"; missing != (a.Missing == harmed) {
					t.Errorf("%d frames vanished, %d are missing", harmed, a.Missing)
				}
			})
		}
	}
}

func lost(a *Account) *uint64        { return &a.Lost }
func duplicated(a *Account) *uint64  { return &a.Duplicated }
func wrongEgress(a *Account) *uint64 { return &a.WrongEgress }
func mismatched(a *Account) *uint64  { return &a.Mismatched }

// TestLeak: a frame that comes out at another customer's circuit is a leak, or at least at a wrong egress.
func TestLeak(t *testing.T) {
	s := newScenario(t, small(Fallback))
	vlan := func(p forwarder.Port, d packet.Desc) []packet.Desc {
		p.Arena().Frame(d)[15] ^= 2 // the neighbouring customer's circuit
		return []packet.Desc{d}
	}
	for check, counter := range map[Check]func(*Account) *uint64{
		Count: wrongEgress, Signed: func(a *Account) *uint64 { return &a.Leak }} {
		tr := trialThrough(t, s, Load{Fallback: 0, Flows: 64, Check: check}, Run{Frames: 5000},
			func(p forwarder.Port) forwarder.Port { return &double{Port: p, k: 10, harm: vlan} })
		if a := tr.Account; *counter(&a) == 0 || a.OK() {
			t.Errorf("%v: %s", check, a.Verdict())
		}
	}
}

func TestDuration(t *testing.T) {
	s := newScenario(t, small(Fallback))
	for _, ports := range []Ports{SameCore, Rings} {
		b, err := s.NewBed(Load{Fallback: 0.5, Flows: 1000, Ports: ports, Check: Signed})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		shown := 0
		for round := range 2 { // the second trial begins where the first has ended
			tr, err := b.Run(context.Background(), Run{Warmup: 20 * time.Millisecond, Duration: 300 * time.Millisecond,
				Progress: func(Progress) { shown++ }})
			if err != nil {
				t.Fatal(err)
			}
			if !tr.Account.OK() || tr.Stopped || tr.Frames == 0 || tr.PPS <= 0 || tr.NS <= 0 || tr.BPS <= tr.PPS {
				t.Errorf("%v, trial %d: %+v", ports, round, tr)
			}
			if tr.Frames > tr.Account.Received {
				t.Errorf("%v: %d frames measured of %d", ports, tr.Frames, tr.Account.Received)
			}
		}
		if shown == 0 {
			t.Errorf("%v: no progress was shown", ports)
		}
	}
}

func TestStop(t *testing.T) {
	s := newScenario(t, small(Fallback))
	for _, ports := range []Ports{SameCore, Rings} {
		b, err := s.NewBed(Load{Fallback: 0.5, Flows: 1000, Ports: ports})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		tr, err := b.Run(ctx, Run{Duration: time.Hour, Progress: func(Progress) {}})
		if err != nil || !tr.Stopped || !tr.Account.OK() || tr.Account.Received == 0 {
			t.Errorf("%v: %v %+v", ports, err, tr)
		}
	}
}

// TestChurn verifies every frame while the parent's routes change, and that the routes are as before afterwards.
func TestChurn(t *testing.T) {
	for _, m := range []Method{Fallback, ImportMap, DefaultShare} {
		s := newScenario(t, small(m))
		before := s.Table.VRs()
		for _, ports := range []Ports{SameCore, Rings} {
			tr := good(t, s, Load{Fallback: 1, Flows: 2000, Ports: ports, Check: Verify},
				Run{Duration: 250 * time.Millisecond, Churn: 2000})
			if tr.Churn == nil || tr.Churn.Changes == 0 || tr.Churn.Batches == 0 {
				t.Errorf("%v: %+v", m, tr.Churn)
			}
		}
		for i, after := range s.Table.VRs() {
			if after != before[i] {
				t.Errorf("%v: %+v has become %+v", m, before[i], after)
			}
		}
		good(t, s, Load{Fallback: 1, Flows: 2000, Check: Verify}, Run{Frames: 4000}) // with the next hops of before
	}
}

// TestChurnFlips: frames do take the other next hop meanwhile.
func TestChurnFlips(t *testing.T) {
	s := newScenario(t, small(Fallback))
	c := s.newChurner()
	for range 200 {
		if err := c.apply(nil, []vrftableChange{c.change()}); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.undo) == 0 {
		t.Fatal("everything has been withdrawn")
	}
	strict := trialOn(t, s, Load{Fallback: 1, Flows: 20_000, Check: Verify}, Run{Frames: 20_000})
	if strict.Account.Mismatched == 0 || strict.Account.WrongEgress != 0 || strict.Account.Lost != 0 {
		t.Errorf("%+v", strict.Account)
	}
	if err := c.apply(nil, c.end()); err != nil {
		t.Fatal(err)
	}
	good(t, s, Load{Fallback: 1, Flows: 20_000, Check: Verify}, Run{Frames: 20_000})
}

func TestBudget(t *testing.T) {
	s := newScenario(t, small(BGPCE))
	b, err := s.NewBed(Load{Flows: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	costs, err := b.Budget(context.Background(), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, c := range costs {
		names += " " + c.Stage
	}
	if names != " generate classify validate lookup rewrite transmit" || slices.ContainsFunc(costs, func(c sample.Stage) bool { return c.NS <= 0 }) {
		t.Errorf("%+v", costs)
	}
	good(t, s, Load{Flows: 1000, Check: Verify}, Run{Frames: 1000})

	rings, err := s.NewBed(Load{Flows: 1000, Ports: Rings})
	if err != nil {
		t.Fatal(err)
	}
	defer rings.Close()
	if _, err := rings.Budget(context.Background(), time.Millisecond); !isConfig(err, "ports") {
		t.Error(err)
	}
}

func isConfig(err error, field string) bool {
	var c *ConfigError
	return errors.As(err, &c) && c.Field == field && strings.Contains(c.Error(), field)
}

func TestConfigErrors(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, []byte("# nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		field string
		n     Network
	}{
		{"routes", Network{Routes: gen.MaxRoutes + 1}},
		{"routes", Network{Routes: -1}},
		{"next-hops", Network{NextHops: MaxNextHops + 1}},
		{"vrfs", Network{VRFs: MaxVRFs + 1}},
		{"uplinks", Network{Uplinks: MaxUplinks + 1}},
		{"imports", Network{Imports: -1}},
		{"method", Network{Method: methods}},
		{"method", Network{Method: FullCopy, VRFs: 10_000}},
		{"method", Network{Method: ImportMap, Imports: gen.MaxRoutes, VRFs: 10_000, Routes: gen.MaxRoutes}},
		{"return", Network{Method: StaticShare, Return: ExportMap}},
		{"return", Network{Return: Fallback}},
		{"return", Network{Method: ImportMap, Return: BGPCE}},
		{"table", Network{Table: empty}},
	} {
		if s, err := New(c.n); !isConfig(err, c.field) {
			t.Errorf("%+v: %v", c.n, err)
			if s != nil {
				s.Close()
			}
		}
	}
	full := Network{Method: FullCopy, Routes: 2_000_000, VRFs: 10_000}
	if err := full.complete(); err == nil || !strings.Contains(err.Error(), "GiB") || !strings.Contains(err.Error(), "VRFs fit") {
		t.Error("a full copy does not say what it needs:", err)
	}
	s := newScenario(t, small(Fallback))
	cpus := len(allowedCPUs())
	for _, c := range []struct {
		field string
		l     Load
	}{
		{"fallback", Load{Fallback: 1.1}},
		{"fallback", Load{Fallback: -0.1}},
		{"inbound", Load{Inbound: 0.5}},
		{"keys", Load{Keys: Zipf + 1}},
		{"ports", Load{Ports: Rings + 1}},
		{"check", Load{Check: Verify + 1}},
		{"burst", Load{Burst: forwarder.MaxBurst + 1, Frames: 1024}},
		{"frames", Load{Frames: 1000}},
		{"frames", Load{Frames: 64}},
		{"flows", Load{Flows: gen.MaxFlows + 1}},
		{"workers", Load{Workers: -1}},
		{"workers", Load{Workers: cpus + 1, Pin: true}},
		{"workers", Load{Workers: cpus, Pin: true, Ports: Rings}},
		{"size", Load{Sizes: gen.FixedSize(60)}},
		{"size", Load{Sizes: gen.FixedSize(maxWire + 1)}},
	} {
		if b, err := s.NewBed(c.l); !isConfig(err, c.field) {
			t.Errorf("%+v: %v", c.l, err)
			if b != nil {
				b.Close()
			}
		}
	}
}

func TestTableFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) Network {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		n := small(Fallback)
		n.Table = path
		return n
	}
	s := newScenario(t, write("table", "8.0.0.0/8 10.0.0.9\n9.0.0.0/16 10.0.0.1 # two next hops\n8.8.8.0/24 10.0.0.1\n"))
	if s.nextHops != 2 || len(s.global) != 3 || s.Built.Routes != 3 {
		t.Errorf("%d next hops, %d routes", s.nextHops, len(s.global))
	}
	good(t, s, Load{Fallback: 1, Flows: 500, Check: Verify}, Run{Frames: 2000})

	var syntax *gen.SyntaxError
	if _, err := New(write("bad", "8.0.0.0/8\n9.0.0.1/8\n")); !errors.As(err, &syntax) || syntax.Line != 2 {
		t.Error(err)
	}
	if _, err := New(Network{Table: filepath.Join(dir, "missing")}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
