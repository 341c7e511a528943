package config

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vrfwd/bgp/mrt"
	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// fakeDisk makes up table files: name N-M is M routes out of N's own choice.
type fakeDisk struct{}

func (fakeDisk) file(path string) (*gen.List, error) {
	var seed uint64
	var n int
	if _, err := fmt.Sscanf(path, "%d-%d", &seed, &n); err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(seed, 1))
	l := new(gen.List)
	for i := range uint32(n) {
		if r.IntN(10) > 0 { // another seed leaves out others
			l.Entries = append(l.Entries, gen.Entry{Addr: 20<<24 + i<<8, Len: 24, NextHop: number4(gateway(0, r.IntN(3)))})
		}
	}
	return l, nil
}

// dump makes up a dump of 50 prefixes: name N is of peers' own choice, with paths of N's own choice.
func (fakeDisk) dump(path string, c mrt.Choice) (*mrt.Dump, error) {
	seed, err := strconv.ParseUint(path, 10, 64)
	if err != nil {
		return nil, err
	}
	routes, err := gen.Synthetic(gen.TableConfig{Routes: 50, Seed: 1})
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	if err := gen.WriteDump(&file, gen.DumpConfig{Routes: routes, Peers: 3, Seed: seed}); err != nil {
		return nil, err
	}
	return mrt.Read(bytes.NewReader(file.Bytes()), path, c)
}

func (fakeDisk) synthetic(c gen.TableConfig) ([]lpm.Route, error) {
	c.Routes = min(c.Routes, 200)
	return gen.Synthetic(c)
}

// gateway is address 2+i of network k%16 of VR k/16: no two VRs have the same, so that no tie between what they export is
// decided by numbers that depend on the table's history.
func gateway(k, i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(k), 0, byte(2 + i)}) }

// script writes random configurations.
type script struct {
	*rand.Rand            // what there is
	detail     *rand.Rand // what it is like
	strings.Builder
	primary map[string]bool
	neighs  map[string]bool
}

func (s *script) line(indent int, format string, args ...any) {
	s.WriteString(strings.Repeat("  ", indent))
	fmt.Fprintf(s, format+"\n", args...)
}

func (s *script) chance(percent int) bool { return s.IntN(100) < percent }

func randomConfig(r, detail *rand.Rand) string {
	s := &script{Rand: r, detail: detail, primary: map[string]bool{}, neighs: map[string]bool{}}
	s.line(0, "ports: {p0: {mtu: %d}, p1: }", 1500+100*s.detail.IntN(2))
	s.line(0, "layer2:")
	names := []string{"p0.30", "p1.30"} // these need no line
	taken := map[string]bool{}
	for n := range 5 {
		slot := fmt.Sprintf("port: p%d, vlan: %d", r.IntN(2), 10*r.IntN(3))
		if taken[slot] || s.chance(20) {
			continue
		}
		taken[slot] = true
		names = append(names, fmt.Sprintf("l%d", n))
		s.line(1, "l%d: {%s, shutdown: %v}", n, slot, s.detail.IntN(9) == 0)
	}
	vrs := []string{"vr"}
	for _, v := range []string{"red", "blue", "green"} {
		if s.chance(75) {
			vrs = append(vrs, v)
		}
	}
	ifaces := s.Perm(12)
	for n, v := range vrs {
		indent, number := 1, slices.Index([]string{"vr", "red", "blue", "green"}, v)
		if n > 0 {
			if n == 1 {
				s.line(0, "vrfs:")
			}
			s.line(1, "%s:", v)
			indent = 2
		} else {
			s.line(0, "vr:")
		}
		s.router(indent, number, names, ifaces[n*3:n*3+3])
	}
	s.policies()
	return s.String()
}

func (s *script) router(indent, vr int, layer2s []string, numbers []int) {
	var primaries, shares []string
	s.line(indent, "interfaces:")
	for k, n := range numbers {
		l := layer2s[s.IntN(len(layer2s))]
		if s.primary[l] || s.chance(20) {
			continue
		}
		s.primary[l] = true
		primaries = append(primaries, fmt.Sprintf("i%d", n))
		k = vr*16 + k + s.IntN(2)*8
		s.line(indent+1, "i%d: {layer2: %s, addresses: [10.%d.0.1/24], mtu: %d, fallback-global: %v, shutdown: %v, neighbors: {%s}}", n, l, k,
			1400+100*s.detail.IntN(2), vr > 0 && s.detail.IntN(2) == 0, s.detail.IntN(9) == 0, s.neighbors(l, k))
	}
	if s.chance(50) {
		s.line(indent, "loopbacks: {lo%d: {addresses: [198.51.100.%d/32]}}", vr, s.IntN(2))
	}
	s.line(indent, "shares:")
	for n := range 3 {
		if l := layer2s[s.IntN(len(layer2s))]; s.chance(70) {
			shares = append(shares, fmt.Sprintf("s%d-%d", vr, n))
			s.line(indent+1, "s%d-%d: {layer2: %s, neighbors: {%s}}", vr, n, l, s.neighbors(l, vr*16+n))
		}
	}
	if s.chance(40) {
		s.line(indent, "maximum-paths: %d", 1+s.IntN(3))
	}
	s.line(indent, "routes:")
	seen := map[string]bool{}
	for n := range 8 {
		to := "gateway: " + gateway(vr*16+s.IntN(3), s.IntN(2)).String()
		switch s.IntN(5) {
		case 0:
			s.line(indent+1, "- {prefix: 172.16.%d.0/24, discard: true, distance: %d}", vr*16+n, 1+s.IntN(3))
			continue
		case 1:
			s.line(indent+1, "- {prefix: 172.16.%d.0/24, reject: true, tag: %d}", vr*16+n, 1+s.detail.IntN(3))
			continue
		case 2:
			if len(shares) > 0 {
				to += ", share: " + shares[s.IntN(len(shares))]
			}
		case 3:
			if len(primaries) > 0 {
				to += ", interface: " + primaries[s.IntN(len(primaries))]
			}
		}
		// 12 prefixes for 8 routes of each VR, the same in all.
		if line := fmt.Sprintf("- {prefix: 172.17.%d.0/24, %s, distance: %d}", s.IntN(12), to, 10+n/3); !seen[line] {
			seen[line] = true
			s.line(indent+1, "%s", line)
		}
	}
	if vr > 0 && s.chance(70) {
		return
	}
	s.line(indent, "tables:")
	if s.chance(80) {
		s.line(indent+1, "- {file: %d-100, communities: [64500:%d], translate: {10.0.0.2: %v}}", s.IntN(3), s.IntN(2), gateway(vr*16, 2))
	}
	if s.chance(50) {
		s.line(indent+1, "- {synthetic: {routes: %d, seed: 1}, source: static, next-hops: [%v], distance: 99}", 100+s.IntN(3), gateway(vr*16, 0))
	}
	if s.chance(50) {
		s.line(indent+1, "- {file: %d-20, source: ibgp, as-path: [1, 2]}", s.IntN(3))
	}
	if s.chance(50) {
		s.line(indent+1, "- {mrt: {file: %d, peers: [%s]}, distance: 30, next-hops: [%v, %v]%s}", s.IntN(3), []string{"", "all", "198.18.0.2"}[s.IntN(3)],
			gateway(vr*16, 0), gateway(vr*16, s.IntN(3)), []string{"", ", local-preference: 150", ", communities: [64500:7]"}[s.IntN(3)])
	}
	if s.chance(50) {
		s.line(indent+1, "- {file: %d-30, source: ibgp, distance: 190, as-path: [1, 2]}", s.IntN(3))
	}
}

func (s *script) neighbors(layer2 string, k int) string {
	var all []string
	for n := range 2 {
		a := gateway(k, n)
		if key := layer2 + a.String(); !s.neighs[key] && s.chance(40) {
			s.neighs[key] = true
			all = append(all, fmt.Sprintf("%v: 02:00:00:00:00:%02x", a, s.detail.IntN(3)))
		}
	}
	return strings.Join(all, ", ")
}

func (s *script) policies() {
	text := s.String()
	// Maps go in behind the VRFs' names.
	s.Reset()
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		s.line(0, "%s", line)
		if !slices.Contains([]string{"  red:", "  blue:", "  green:"}, line) {
			continue
		}
		if s.chance(50) {
			s.line(2, "global-import-map: {route-map: m%d, max-routes: 100000, distance: %d}", s.IntN(3), 230+s.detail.IntN(2))
		}
		if s.chance(50) {
			s.line(2, "global-export-map: {route-map: m%d, originated: %s}", s.IntN(3), []string{"local", "all"}[s.IntN(2)])
		}
	}
	s.line(0, "prefix-lists: {p0: [permit 172.16.0.0/%d le 32], p1: [permit 172.17.0.0/16 le 24, permit 20.0.%d.0/24]%s}", 14+s.IntN(3), s.IntN(9),
		[]string{"", ", more: [permit 0.0.0.0/0]"}[s.IntN(2)])
	s.line(0, "route-maps:")
	if s.chance(50) {
		s.line(1, "unused: [permit: {}]")
	}
	for n := range 3 {
		s.line(1, "m%d:", n)
		if s.chance(30) {
			s.line(2, "- deny: {tag: %d}", 1+s.IntN(3))
		}
		s.line(2, "- {permit: {prefix-list: p%d}, set: {local-preference: %d}}", s.IntN(2), 100+s.IntN(2))
		if s.chance(50) {
			s.line(2, "- permit: {communities: [64500:1]}")
		}
	}
}

// dump writes down what queries and readers see of a table, by names instead of numbers, which depend on its history.
func dump(t *vrftable.Table) string {
	var b strings.Builder
	var lines []string
	names := map[uint16]string{}
	for _, i := range t.Interfaces() {
		i.Index, i.Table = 0, 0
		lines = append(lines, fmt.Sprintf("interface %+v", i))
	}
	for _, n := range t.Neighbors() {
		lines = append(lines, fmt.Sprintf("neighbor %+v", n))
	}
	for _, i := range t.Imports() {
		i.Refused = 0
		lines = append(lines, fmt.Sprintf("import %+v", i))
	}
	for _, e := range t.Exports() {
		lines = append(lines, fmt.Sprintf("export %+v", e))
	}
	vrs := t.VRs()
	for _, v := range vrs {
		names[v.Table] = v.Name
	}
	v := t.View()
	var adjacency func(h lpm.Hop) string
	adjacency = func(h lpm.Hop) string {
		a := v.Adj[h]
		if a.Kind == vrftable.Group { // numbers, and who has a bucket more, are of the table's history
			var members []string
			for b := range v.Groups[a.Group] {
				slot, _ := v.Groups[a.Group].Load(uint32(b) << 24)
				members = append(members, adjacency(lpm.Hop(slot)))
			}
			slices.Sort(members)
			return strings.Join(slices.Compact(members), " or ")
		}
		iface := t.InterfaceName(a.Iface)
		vr := names[a.VR]
		a.Iface, a.VR = 0, 0
		return fmt.Sprintf("%+v %s %s", a, iface, vr)
	}
	for port, p := range v.Ports {
		if p == nil {
			continue
		}
		for vlan, in := range p {
			if in.Iface != 0 {
				lines = append(lines, fmt.Sprintf("ingress %d.%d %s %s %d %d", port, vlan, t.InterfaceName(in.Iface), names[in.Table], in.Flags, in.State))
			}
		}
	}
	for _, info := range vrs {
		table := info.Table
		info.Table = 0
		lines = append(lines, fmt.Sprintf("vr %+v", info))
		r := rand.New(rand.NewPCG(1, 1))
		lookup := func(addr uint32) {
			h := v.Global.Lookup(addr)
			if table != 0 {
				h = v.VRFs.Lookup(table, addr)
			}
			lines = append(lines, fmt.Sprintf("lookup %s %v %s", info.Name, addr4(addr), adjacency(h)))
		}
		for route := range t.Routes(info.Name) {
			attrs := route.Attrs
			route.Attrs, route.Hop, route.Group = nil, 0, 0
			lines = append(lines, fmt.Sprintf("route %+v attrs %+v", route, attrs))
			lookup(number4(route.Prefix.Addr()) | r.Uint32()&^mask(route.Prefix.Bits()))
		}
		for range 50 {
			lookup(r.Uint32())
		}
	}
	slices.Sort(lines)
	for _, l := range lines {
		b.WriteString(l + "\n")
	}
	return b.String()
}

// differences shows the lines that are in one of two dumps only.
func differences(have, want string) string {
	a, b := strings.Split(have, "\n"), strings.Split(want, "\n")
	var out []string
	for _, s := range a {
		if _, found := slices.BinarySearch(b[:len(b)-1], s); !found {
			out = append(out, "have "+s)
		}
	}
	for _, s := range b {
		if _, found := slices.BinarySearch(a[:len(a)-1], s); !found {
			out = append(out, "want "+s)
		}
	}
	return strings.Join(out, "\n")
}

func newTable(t *testing.T) *vrftable.Table {
	t.Helper()
	tab, err := vrftable.New(vrftable.Config{VRFs: 64})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	return tab
}

func load(t *testing.T, tab *vrftable.Table, c *Config) {
	t.Helper()
	p, err := c.Changes(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(tab); err != nil {
		t.Fatal(err)
	}
}

// TestDiffRandom takes one table through random configurations by Diff. Each time it must look like a table that knows
// nothing but the last one.
func TestDiffRandom(t *testing.T) {
	chains, length := 6, 12
	if testing.Short() {
		chains = 3
	}
	refused, kinds := map[string]int{}, map[string]int{}
	for chain := range chains {
		r := rand.New(rand.NewPCG(uint64(chain), 7))
		tab := newTable(t)
		var now *Config
		var text string
		var seed uint64
		for n := 0; n < length; {
			if r.IntN(2) == 0 {
				seed++
			}
			next := randomConfig(rand.New(rand.NewPCG(uint64(chain), seed)), r)
			c, err := parse("random.yaml", []byte(next), fakeDisk{})
			if err != nil {
				refused[err.(Errors)[0].Text]++ // chance made something that does not fit together
				continue
			}
			n++
			if now == nil {
				load(t, tab, c)
			} else {
				learn(t, r, tab, now)
				before := indexes(tab)
				p, err := Diff(now, c, nil)
				if err == nil {
					err = p.Apply(tab)
				}
				for _, c := range p.Changes() {
					kinds[fmt.Sprintf("%T", c)]++
				}
				if err != nil {
					t.Fatalf("%v\nfrom\n%s\nto\n%s", err, text, next)
				}
				forgetLearned(t, tab)
				stable(t, now, c, before, indexes(tab))
			}
			fresh := newTable(t)
			load(t, fresh, c)
			if have, want := dump(tab), dump(fresh); have != want {
				t.Fatalf("chain %d:\n%s\nfrom\n%s\nto\n%s", chain, differences(have, want), text, next)
			}
			again, err := parse("random.yaml", []byte(next), fakeDisk{})
			if err != nil {
				t.Fatal(err)
			}
			if p, err := Diff(c, again, nil); err != nil || !p.Empty() {
				t.Fatalf("%v: %d changes from a configuration to itself:\n%s", err, p.Len(), next)
			}
			now, text = c, next
		}
	}
	for _, why := range slices.Sorted(maps.Keys(refused)) {
		t.Logf("refused %4d times: %s", refused[why], why)
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		t.Logf("%6d %s", kinds[kind], kind)
	}
	// All that Changes and Diff use but AddPort, which comes before what is counted.
	if len(kinds) < 26 && !testing.Short() {
		t.Errorf("only %d kinds of changes", len(kinds))
	}
}

// learn has a slow path's neighbours appear, some of them in the way of what comes.
func learn(t *testing.T, r *rand.Rand, tab *vrftable.Table, c *Config) {
	for _, i := range tab.Interfaces() {
		a := gateway(r.IntN(64), r.IntN(3)-1)
		static := slices.ContainsFunc(c.objects.neighbors, func(n neighbor) bool { return n.layer2 == i.Layer2 && n.addr == a })
		own := slices.ContainsFunc(tab.Interfaces(), func(o vrftable.InterfaceInfo) bool {
			return o.Layer2 == i.Layer2 && slices.ContainsFunc(o.Addresses, func(p netip.Prefix) bool { return p.Addr() == a })
		})
		if i.Layer2 == "" || static || own || r.IntN(2) == 0 {
			continue
		}
		if err := tab.Apply([]vrftable.Change{vrftable.LearnNeighbor{Interface: i.Name, Addr: a, MAC: vrftable.MAC{2, 9}}}); err != nil {
			t.Fatal(err)
		}
	}
}

func forgetLearned(t *testing.T, tab *vrftable.Table) {
	for _, n := range tab.Neighbors() {
		if !n.Learned {
			continue
		}
		if err := tab.Apply([]vrftable.Change{vrftable.ForgetNeighbor{Interface: n.Via, Addr: n.Addr}}); err != nil {
			t.Fatal(err)
		}
	}
}

func indexes(tab *vrftable.Table) map[string]uint16 {
	m := map[string]uint16{}
	for _, i := range tab.Interfaces() {
		m[i.Name] = i.Index
	}
	return m
}

// stable: an interface that is what it was, on what it was, keeps its number, and with it its counters.
func stable(t *testing.T, old, new *Config, before, after map[string]uint16) {
	t.Helper()
	slots := func(c *Config) map[string]slot {
		m := map[string]slot{}
		for _, l := range c.objects.layer2s {
			m[l.name] = l.slot
		}
		return m
	}
	a, b := slots(old), slots(new)
	for _, i := range old.objects.ifaces {
		for _, j := range new.objects.ifaces {
			if i.name == j.name && i.kind == j.kind && i.vr == j.vr && i.layer2 == j.layer2 && a[i.layer2] == b[i.layer2] &&
				slices.Equal(i.addresses, j.addresses) && before[i.name] != after[i.name] {
				t.Errorf("%s was made anew", i.name)
			}
		}
	}
}
