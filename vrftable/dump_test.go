package vrftable

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"vrfwd/lpm"
)

// dump writes down everything that queries and readers can see of a table.
func dump(t *Table) string {
	var b strings.Builder
	for _, i := range t.Interfaces() {
		fmt.Fprintf(&b, "interface %+v\n", i)
	}
	for _, n := range t.Neighbors() {
		fmt.Fprintf(&b, "neighbor %+v\n", n)
	}
	for _, i := range t.Imports() {
		fmt.Fprintf(&b, "import %+v\n", i)
	}
	v := t.View()
	fmt.Fprintf(&b, "view %d\n", v.Generation)
	for _, info := range t.VRs() {
		fmt.Fprintf(&b, "vr %+v\n", info)
		for r := range t.Routes(info.Name) {
			attrs := r.Attrs
			r.Attrs = nil
			fmt.Fprintf(&b, "route %+v attrs %+v\n", r, attrs)
			fmt.Fprintf(&b, "  fib %+v\n", v.Adj[fibHop(v, info.Table, addr4(r.Prefix.Addr()))])
		}
	}
	for _, g := range t.Groups() {
		fmt.Fprintf(&b, "group %+v\n  %v\n", g, v.Groups[g.Number])
	}
	for n, p := range v.Ports {
		if p == nil {
			continue
		}
		for vlan, r := range p {
			if r != (Ingress{}) {
				fmt.Fprintf(&b, "ingress %d.%d %+v\n", n, vlan, r)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		addr := r.Uint32()
		for _, info := range t.VRs() {
			fmt.Fprintf(&b, "%d:%d ", info.Table, fibHop(v, info.Table, addr))
		}
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	fmt.Fprintf(&b, "\nnext hops %d, attributes %d, peers %d, ports %d, layer 2 %d, lists %d, maps %d\n", len(t.nhIndex), len(t.attrs.index), len(t.peers.index),
		len(t.ports), len(t.layer2s), len(t.policies.lists), len(t.policies.maps))
	for _, v := range t.vrs {
		if v != nil {
			fmt.Fprintf(&b, "%s: %d interfaces, %d subnets, %d gateways, import %v, export %v\n", v.name, v.ifaces,
				v.subnets.Size4(), v.gateways[0].Size4()+v.gateways[1].Size4(), v.imp != nil, v.exp != nil)
		}
	}
	return b.String()
}

func fibHop(v *View, table uint16, addr uint32) lpm.Hop {
	if table == 0 {
		return v.Global.Lookup(addr)
	}
	return v.VRFs.Lookup(table, addr)
}

// diff shows the lines that differ.
func diff(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	in := func(all []string) map[string]int {
		m := map[string]int{}
		for _, s := range all {
			m[s]++
		}
		return m
	}
	mx, my := in(x), in(y)
	var out []string
	for _, s := range x {
		if my[s] < mx[s] {
			out = append(out, "- "+s)
		}
	}
	for _, s := range y {
		if mx[s] < my[s] {
			out = append(out, "+ "+s)
		}
	}
	return strings.Join(out, "\n")
}
