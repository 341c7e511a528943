package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"vrfwd/vrftable"
)

// TestDiff: what is planned for small differences, and what is refused.
func TestDiff(t *testing.T) {
	t.Chdir("testdata")
	cases(t, "diffs.txt", func(name, text string) string {
		from, to, _ := strings.Cut(text, "=>\n")
		old, err := Parse("old.yaml", []byte(from))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		new, err := Parse("pe.yaml", []byte(to))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p, err := Diff(old, new, nil)
		if err != nil {
			return err.Error()
		}
		tab := newTable(t)
		load(t, tab, old)
		if err := p.Apply(tab); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var all []string
		for i, c := range p.Changes() {
			all = append(all, fmt.Sprintf("%d: %T %s", p.steps[i].at.Line, c, described(c)))
		}
		if len(all) == 0 {
			return "nothing"
		}
		return strings.Join(all, "\n")
	})
}

func described(c vrftable.Change) string {
	var routes []vrftable.Route
	switch c := c.(type) {
	case vrftable.AddRoutes:
		routes = c.Routes
	case vrftable.DeleteRoutes:
		routes = c.Routes
	case vrftable.AddRoute:
		return describedStatic(c.Route)
	case vrftable.DeleteRoute:
		return describedStatic(c.Route)
	default:
		return strings.Trim(fmt.Sprintf("%v", c), "{}")
	}
	var all []string
	for _, r := range routes {
		all = append(all, fmt.Sprintf("%v %v %v", r.Prefix, r.Attrs.NextHop, r.Attrs.Communities))
	}
	return strings.Join(all, ", ")
}

func describedStatic(r vrftable.Route) string {
	return fmt.Sprint(r.VR, " ", r.Prefix, " ", r.Source, " ", r.Distance, " ", r.NextHop, " ", r.Tag)
}

const onePort = "ports: {core: {device: eth0, mtu: 1400}}\nvr: {interfaces: {up: {layer2: core, addresses: [192.0.2.1/30]}}}\n"

// TestFacts: a port has its device's address and, unless the file says less, its MTU.
func TestFacts(t *testing.T) {
	mac := vrftable.MAC{2, 0, 0, 0, 0, 7}
	for _, c := range []struct {
		text string
		mtu  int
		ok   bool
		want string
	}{
		{onePort, 1500, true, "1400"},
		{strings.Replace(onePort, ", mtu: 1400", "", 1), 9000, true, "9000"},
		{strings.Replace(onePort, ", mtu: 1400", "", 1), 65536, true, "65535"}, // the loopback device's
		{onePort, 1300, true, "pe.yaml:1:35: port core: mtu 1400 is more than device eth0's 1300: raise that first"},
		{onePort, 0, false, "pe.yaml:1:24: port core: there is no device eth0"},
	} {
		conf, err := Parse("pe.yaml", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		p, err := conf.Changes(func(port string) (vrftable.MAC, int, bool) {
			if port != "core" {
				t.Errorf("asked for port %s", port)
			}
			return mac, c.mtu, c.ok
		})
		if err != nil {
			if err.Error() != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
			continue
		}
		add, _ := p.Changes()[0].(vrftable.AddPort)
		if fmt.Sprint(add.MTU) != c.want || add.MAC != mac {
			t.Errorf("%+v, want MTU %s", add, c.want)
		}
	}
}

// TestExplain: what a table refuses is told with its place in the file, and wraps the table's error.
func TestExplain(t *testing.T) {
	c, err := Parse("pe.yaml", []byte(onePort+"vrfs: {red: {}, blue: {}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Changes(nil)
	if err != nil {
		t.Fatal(err)
	}
	small, err := vrftable.New(vrftable.Config{VRFs: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	const want = "pe.yaml:3:17: VRF blue: no room: 1 VRFs are all there is room for: raise Config.VRFs"
	for _, err := range []error{p.Explain(small.Apply(p.Changes())), p.Apply(small)} {
		if err == nil || err.Error() != want || !errors.Is(err, vrftable.ErrCapacity) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	other := errors.New("other")
	if err := p.Explain(other); err != other {
		t.Errorf("%v", err)
	}
	small.Close()
	if err := p.Apply(small); !errors.Is(err, vrftable.ErrClosed) {
		t.Errorf("%v of a closed table", err)
	}
}

// TestApplyRefused: a plan that the table refuses leaves it as it was.
func TestApplyRefused(t *testing.T) {
	read := func(text string) *Config {
		c, err := Parse("pe.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	old := read(onePort)
	new := read(strings.Replace(onePort, "192.0.2.1/30", "198.51.100.1/30", 1) + "vrfs: {red: {}}\n")
	tab := newTable(t)
	load(t, tab, old)
	// Somebody else has taken the name.
	if err := tab.Apply([]vrftable.Change{vrftable.AddVRF{Name: "red"}}); err != nil {
		t.Fatal(err)
	}
	before := dump(tab)
	p, err := Diff(old, new, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = p.Apply(tab)
	if want := "pe.yaml:3:8: VRF red: exists already: delete it first or choose another name"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if after := dump(tab); after != before {
		t.Error(differences(after, before))
	}
}

// TestLists: what the router asks a configuration for.
func TestLists(t *testing.T) {
	c, err := Load("../examples/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(c.Hosts()), "[{default pe0 } {red red0 red}]"; got != want {
		t.Errorf("hosts %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(c.Neighbors()), "[{core 192.0.2.2 02:00:00:00:00:02 uplink}]"; got != want {
		t.Errorf("neighbours %s, want %s", got, want)
	}
	var speakers []string
	for _, s := range c.Speakers() {
		for _, n := range s.Neighbors {
			speakers = append(speakers, fmt.Sprintf("%s %s %v: %v to %v", s.VR, s.Netns, s.RouterID, n.Value.LocalAddress, n.Key))
		}
	}
	if got, want := strings.Join(speakers, "\n"), `default  198.18.0.1: 192.0.2.1 to 192.0.2.2
default  198.18.0.1: 192.0.2.9 to 192.0.2.10
default  198.18.0.1: 198.18.0.1 to 198.18.10.1
default  198.18.0.1: 198.18.0.1 to 198.18.9.1
red red 10.0.0.1: 10.0.0.1 to 10.0.0.2`; got != want {
		t.Errorf("speakers\n%s\nwant\n%s", got, want)
	}
	var ports []string
	for _, p := range c.Ports {
		ports = append(ports, fmt.Sprintf("%s=%s#%d", p.Name, p.Device, p.Number))
	}
	if got, want := strings.Join(ports, " "), "core=eth0#1 core2=eth1#2 access=eth2#0 metro=metro#3"; got != want {
		t.Errorf("ports %s, want %s", got, want)
	}
	if c, err := Load("."); err == nil || c != nil {
		t.Error("a folder is a configuration")
	}
	if c, err := Load("no-such.yaml"); err == nil || c != nil {
		t.Error("nothing is a configuration")
	}
}
