package live

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vrfwd/gen"
)

func TestExample(t *testing.T) {
	s := mustSpec(t, string(Example()))
	if len(s.Ports) != 2 || len(s.Circuits) != 11 || len(s.VRFs) != 11 || len(s.Streams) != 2 {
		t.Fatalf("%+v", s)
	}
	c := s.Circuits[3]
	if c.Name != "sites/104" || c.VLAN != 104 || s.VRFs[c.VRF] != "vpn104" || c.Gateway != 0x0a000001 || !c.Addresses.Holds(0x0a000002) {
		t.Errorf("%+v", c)
	}
	out, back := s.Streams[0], s.Streams[1]
	mean := (64.*7 + 594*4 + 1518) / 12
	if want := 1e8 / 8 / mean; out.Rate < want-1 || out.Rate > want+1 || out.Burst != 4 || out.Duration != 10*time.Second ||
		len(out.From) != 10 || out.To[9] != 10 || out.Except[0].To[0] != Discard || out.Flows != 1000 || len(out.Sizes) != 3 {
		t.Errorf("%+v, want %g frames a second", out, want)
	}
	if back.First != 1000 || back.Flows != 1024 || back.Count != 5000 || back.To[0] != 0 || back.Except[0].To[0] != 1 {
		t.Errorf("%+v", back)
	}
	all, err := s.traffics(make([]macs, len(s.Circuits)))
	if err != nil {
		t.Fatal(err)
	}
	egress := map[uint16]int{}
	for i := range all[1].Flows() {
		f := all[1].Flow(i)
		want := map[uint32]uint16{0x1: 1, 0x2: 2, 0x3: nowhere}[f.Dst>>4&0xf]
		if f.Egress != want {
			t.Fatalf("%08x to %d, want %d", f.Dst, f.Egress, want)
		}
		egress[f.Egress]++
	}
	if len(egress) != 3 {
		t.Error(egress)
	}
}

const minimal = `
circuits:
- {name: a, port: eth0, vlan: 5, vrf: red}
- {name: b, port: eth1}
- {name: g, port: eth2, vlan: 1-3}
streams:
- {name: x, from: a, to: b, destination: 10.0.0.0/8, rate: 1kpps}
`

// TestFaults: each fault of a stream file is told with its line and column, what is wrong, and what is allowed.
func TestFaults(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bad"), []byte("10.0.0.0/8\n10.0.0.1/8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const at = "f.yaml:"
	for _, c := range []struct {
		old, new string // in minimal; "" for all of it
		place    string
		says     string
	}{
		{"", "", at + "1:1", "empty"},
		{"", "# nothing\n", at + "1:1", "empty"},
		{"", "circuits: {\n", at + "1:11", "flow mapping"},
		{"", "- a\n", at + "1:1", "circuits, streams"},
		{"", "seed: 1\n", at + "1:1", "no streams"},
		{"", "streams: 5\n", at + "1:10", "a list is needed"},
		{"", "streams:\n- 5\n", at + "2:3", "keys are needed"},
		{"", minimal + "---\nseed: 2\n", at + "9:1", "a second document"},
		{"streams:", "strems:", at + "6:1", "unknown key \"strems\": seed, ports, circuits, streams are allowed"},
		{"rate: 1kpps", "rat: 1kpps", at + "7:54", "unknown key \"rat\""},
		{"name: x,", "name: x, name: y,", at + "7:13", "name"},
		{"name: x,", "name: &x x,", at + "7:10", "anchors"},
		{"name: x,", "name: ,", at + "7:9", "no value"},
		{"name: x,", "name: [x],", at + "7:10", "a single value"},
		{"destination: 10.0.0.0/8", "destination: {a: 1}", at + "7:42", "a single value"},
		{"from: a,", "", at + "7:3", "x lacks from"},
		{"to: b,", "", at + "7:3", "x lacks to"},
		{"destination: 10.0.0.0/8, ", "", at + "7:3", "x lacks destination"},
		{", rate: 1kpps", "", at + "7:3", "x lacks rate"},
		{"from: a", "from: c", at + "7:19", "no circuit \"c\": there are a, b, g"},
		{"to: b", "to: c", at + "7:26", "no circuit \"c\""},
		{"from: a, to: b", "from: g, to: g2", at + "7:26", "no circuit \"g2\""},
		{"to: b", "to: g", at + "7:26", "g has 3 circuits and the stream comes from 1"},
		{"10.0.0.0/8", "10.0.0.1/8", at + "7:42", "host bits"},
		{"10.0.0.0/8", "[10.0.0.0/8, 10.0.0.300]", at + "7:55", "not a set of addresses"},
		{"10.0.0.0/8", "table:nowhere", at + "7:42", "no such file"},
		{"10.0.0.0/8", "table:" + dir + "/bad", at + "7:42", "bad:2:1: 10.0.0.1/8 has host bits set"},
		{"10.0.0.0/8", "[224.0.0.0/4, 127.0.0.1]", at + "7:43", "no unicast address"},
		{"10.0.0.0/8", "10.0.0.0/8, source: 0.0.0.0/8", at + "7:62", "no unicast address"},
		{"rate: 1kpps", "rate: 1000", at + "7:60", "a unit"},
		{"rate: 1kpps", "rate: 50%", at + "7:60", "Give port eth0 a line"},
		{"rate: 1kpps", "rate: 2Gpps", at + "7:60", "at most"},
		{"rate: 1kpps", "rate: 1kpps, size: 40", at + "7:73", "64 to 9018"},
		{"rate: 1kpps", "rate: 1kpps, keys: uniform", at + "7:73", "routed, covered and each"},
		{"rate: 1kpps", "rate: 1kpps, flows: 0", at + "7:74", "1 to 4194304"},
		{"rate: 1kpps", "rate: 1kpps, flows: 1.5", at + "7:74", "1 to 4194304"},
		{"rate: 1kpps", "rate: 1kpps, burst: 5000", at + "7:74", "1 to 4096"},
		{"rate: 1kpps", "rate: 1kpps, ttl: 256", at + "7:72", "1 to 255"},
		{"rate: 1kpps", "rate: 1kpps, count: -1", at + "7:74", "a number of frames"},
		{"rate: 1kpps", "rate: 1kpps, duration: 10", at + "7:77", "10s"},
		{"rate: 1kpps", "rate: 1kpps, delay: -1s", at + "7:74", "10s"},
		{"rate: 1kpps", "rate: 1kpps, except: [{to: b}]", at + "7:76", "needs destination and to"},
		{"rate: 1kpps", "rate: 1kpps, except: [{destination: 1.0.0.0/8, to: q}]", at + "7:105", "no circuit \"q\""},
		{"name: a, port: eth0", "port: eth0", at + "3:3", "a circuit needs a name"},
		{"name: a, port: eth0", "name: a", at + "3:3", "a needs a port"},
		{"name: a", "name: discard", at + "3:10", "no circuit can have this name"},
		{"name: b", "name: a", at + "4:10", "circuit \"a\" for the second time"},
		{"port: eth0", "port: eth0@", at + "3:19", "name@namespace"},
		{"vlan: 5", "vlan: 4095", at + "3:31", "1 to 4094"},
		{"vlan: 5", "vlan: 0-5", at + "3:31", "1 to 4094"},
		{"vlan: 5", "vlan: 9-5", at + "3:31", "1 to 4094"},
		{"port: eth0, vlan: 5", "port: eth2, vlan: 2", at + "5:3", "eth2 VLAN 2 is circuit a already"},
		{"port: eth0, vlan: 5", "port: eth1", at + "4:3", "eth1 untagged is circuit a already"},
		{"vrf: red", "mac: 01:00:00:00:00:01", at + "3:39", "station's MAC"},
		{"vrf: red", "gateway-mac: 1", at + "3:47", "station's MAC"},
		{"vrf: red", "gateway: 10.0.0.0/8", at + "3:43", "not an IPv4 address"},
		{"vrf: red", "address: x", at + "3:43", "not a set of addresses"},
		{"circuits:", "seed: x\ncircuits:", at + "2:7", "a seed is a number"},
		{"circuits:", "ports: [{interface: e}]\ncircuits:", at + "2:9", "a port needs a name"},
		{"circuits:", "ports: [{name: e}, {name: e}]\ncircuits:", at + "2:27", "second time"},
		{"circuits:", "ports: [{name: e, line: 50%}]\ncircuits:", at + "2:25", "pps or bit/s"},
		{"circuits:", "ports: [{name: e, line: x}]\ncircuits:", at + "2:25", "unit"},
		{"- {name: x", "- {name: x, from: a, to: b, destination: 1.0.0.0/8, rate: max}\n- {name: x", at + "8:10", "second time"},
	} {
		text := c.new
		if c.old != "" {
			if text = strings.Replace(minimal, c.old, c.new, 1); text == minimal {
				t.Fatalf("%q is not in the file", c.old)
			}
		}
		d, err := Parse("f.yaml", dir, []byte(text))
		if err == nil {
			_, err = d.Spec()
		}
		if err == nil || !strings.HasPrefix(err.Error(), c.place+":") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q:\n   %v\n   want %s and %q", c.new, err, c.place, c.says)
		}
		var syntax *gen.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: %T", c.new, err)
		}
	}
	mustSpec(t, minimal)
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("routes", "198.51.100.0/24\n")
	d, err := ReadFile(write("ok.yaml", strings.Replace(minimal, "10.0.0.0/8", "table:routes", 1)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Spec() // the table file lies beside the stream file
	if err != nil || s.Streams[0].Destination.First() != 0xc6336400 {
		t.Error(err, s)
	}
	if _, err := ReadFile(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := ReadFile(write("big", strings.Repeat("#", MaxFile+1))); err == nil || !strings.Contains(err.Error(), "larger than 4 MiB") {
		t.Error(err)
	}
}

// TestFlagFault: what a flag gave is told with the flag.
func TestFlagFault(t *testing.T) {
	w := func(flag, text string) Word { return Word{Text: text, Flag: flag} }
	d := Document{
		Circuits: []CircuitEntry{{Name: w("port", "in"), Port: w("port", "eth0")}},
		Streams: []StreamEntry{{From: w("port", "in"), To: w("sink", "in"), Destination: []Word{w("dst", "1.0.0.0/8")},
			Rate: w("rate", "5")}},
	}
	_, err := d.Spec()
	var flag *FlagError
	if !errors.As(err, &flag) || flag.Flag != "rate" || !strings.HasPrefix(err.Error(), "--rate 5: ") {
		t.Error(err)
	}
}

func TestSides(t *testing.T) {
	s := mustSpec(t, strings.Replace(minimal, "rate: 1kpps", "rate: 1kpps, except: [{destination: 10.1.0.0/16, to: discard}]", 1))
	for _, c := range []struct {
		send, receive, arp bool
		want               []Side
	}{
		{true, true, false, []Side{{true, true}, {false, true}, {false, true}}},
		{false, false, true, []Side{{}, {}, {}}},
		{true, false, false, []Side{{true, false}, {}, {}}},
		{true, false, true, []Side{{true, true}, {}, {}}},
		{false, true, false, []Side{{}, {false, true}, {false, true}}},
	} {
		if got := s.Sides(c.send, c.receive, c.arp); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

// FuzzDocument: whatever the file says, it is read or refused with a place in it.
func FuzzDocument(f *testing.F) {
	f.Add(Example())
	f.Add([]byte(minimal))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("circuits:\n- {name: a, port: b, vlan: 1-4094}\nstreams:\n- from: a\n  to: discard\n  rate: max\n  destination: 0.0.0.0/0\n"))
	f.Add([]byte("? - a\n: b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(string(text), "table:") {
			return // files of this machine
		}
		d, err := Parse("f.yaml", "none", text)
		var s *Spec
		if err == nil {
			s, err = d.Spec()
		}
		var syntax *gen.SyntaxError
		switch {
		case err != nil:
			if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Column < 1 {
				t.Fatalf("%T %v", err, err)
			}
		case len(s.Streams) == 0:
			t.Fatal("no streams, no error")
		default:
			for i := range s.Streams {
				st := &s.Streams[i]
				if len(st.From) == 0 || len(st.To) != len(st.From) || st.Flows < 1 || st.Burst < 1 || st.Rate < 0 || st.Destination.Size() == 0 {
					t.Fatalf("%+v", st)
				}
			}
		}
	})
}
