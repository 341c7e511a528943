package bench

import (
	"net/netip"
	"testing"

	"vrfwd/vrftable"
)

type vrftableChange = vrftable.Change

// TestPlan: no two things of the largest network have the same number, VLAN or address.
func TestPlan(t *testing.T) {
	p := plan{uplinks: MaxUplinks, customers: MaxVRFs}
	if p.ports() > 256 {
		t.Errorf("%d ports", p.ports())
	}
	numbers := map[uint16]circuit{}
	check := func(c circuit, number, owner uint16) {
		t.Helper()
		if other, ok := numbers[number]; ok || number == 0 || c.vlan > 4094 {
			t.Fatalf("%v and %v have number %d", c, other, number)
		}
		numbers[number] = c
		if n, o := p.layer2(c); n != number || o != owner {
			t.Fatalf("%v: number %d of %d, want %d of %d", c, n, o, number, owner)
		}
	}
	for u := range p.uplinks {
		check(p.uplink(u), uplinkL2(u), 0)
	}
	for c := range p.customers {
		check(p.first(c), p.firstL2(c), ownerOf(c))
		check(p.second(c), p.secondL2(c), ownerOf(c))
	}
	for _, c := range []circuit{{0, 1}, {uint16(p.uplinks), 0}, {uint16(p.uplinks), 4001}, {uint16(p.ports()), 1}, {999, 7}} {
		if n, o := p.layer2(c); n != 0 || o != 0 {
			t.Errorf("%v is number %d of %d", c, n, o)
		}
	}

	var blocks []netip.Prefix
	for u := range p.uplinks {
		blocks = append(blocks, prefix4(uplinkNet(u), 16))
	}
	firstPublic, _ := p.public(0)
	lastPublic, bits := p.public(p.customers - 1)
	blocks = append(blocks, prefix4(publicSpace, 12), prefix4(secondNet(0), 13), prefix4(ceLoopback(0), 14),
		prefix4(loopback, 32), prefix4(ceNet, 30))
	for i, a := range blocks {
		if a != a.Masked() || !planned().Overlaps(a) {
			t.Errorf("%v", a)
		}
		for _, b := range blocks[:i] {
			if a.Overlaps(b) {
				t.Errorf("%v and %v overlap", a, b)
			}
		}
	}
	inside := func(block netip.Prefix, addrs ...uint32) {
		t.Helper()
		for _, a := range addrs {
			if !block.Contains(host4(a)) {
				t.Errorf("%v is not in %v", host4(a), block)
			}
		}
	}
	inside(prefix4(publicSpace, 12), firstPublic, lastPublic|(1<<(32-bits)-1))
	inside(prefix4(secondNet(0), 13), secondNet(p.customers-1)+3)
	inside(prefix4(ceLoopback(0), 14), ceLoopback(p.customers-1))
	one := plan{uplinks: 1, customers: 1}
	inside(prefix4(uplinkNet(0), 16), one.nextHop(0), one.nextHop(MaxNextHops-1))
}
