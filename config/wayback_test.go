package config

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// TestAstray: a part is found exactly where an address of the prefix is that the parent leads elsewhere, every address of the
// part is one, and no larger prefix is such a part.
func TestAstray(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	within := func(bits int) netip.Prefix { // of 203.0.113.0/26
		length := bits + rng.IntN(33-bits)
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(rng.IntN(64))}), length).Masked()
	}
	found := 0
	for range 20_000 {
		var parent ways
		taken := map[netip.Prefix]bool{}
		for range rng.IntN(8) {
			if p := within(20); !taken[p] {
				taken[p] = true
				parent = append(parent, way{p, []string{"red", "red", "blue", ""}[rng.IntN(4)]})
			}
		}
		sorted := func(all ways) { slices.SortFunc(all, func(a, b way) int { return a.compare(b.prefix) }) }
		sorted(parent)
		p := within(26)
		own := ways{{p, "red"}}
		for range rng.IntN(3) {
			if q := within(26); !slices.Contains(own, way{q, "red"}) {
				own = append(own, way{q, "red"})
			}
		}
		sorted(own)
		wrong := func(a netip.Addr) bool { // the naive twin: an address's longest match
			longest, vrf := -1, ""
			for _, w := range parent {
				if w.prefix.Contains(a) && w.prefix.Bits() > longest {
					longest, vrf = w.prefix.Bits(), w.vrf
				}
			}
			return vrf != "red"
		}
		theirs := func(a netip.Addr) bool { // decided by a longer route of the VRF
			return slices.ContainsFunc(own, func(w way) bool { return w.prefix.Bits() > p.Bits() && w.prefix.Contains(a) })
		}
		all, some := true, false // of p's addresses are astray
		for a := p.Addr(); p.Contains(a); a = a.Next() {
			bad := wrong(a) && !theirs(a)
			all, some = all && bad, some || bad
		}
		part, ok := parent.astray(p, "red", own)
		if some != ok || all != (ok && part == p) {
			t.Fatalf("%v in %v, own %v: %v, %v; all %v, some %v", p, parent, own, part, ok, all, some)
		}
		if !ok {
			continue
		}
		found++
		for a := part.Addr(); part.Contains(a); a = a.Next() {
			if !p.Contains(a) || !wrong(a) || theirs(a) {
				t.Fatalf("%v in %v, own %v: %v, but %v is well", p, parent, own, part, a)
			}
		}
	}
	if found == 0 {
		t.Fatal("nothing was ever astray")
	}
}

func TestStretches(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	prefix := func() (r lpm.Route) {
		r.Len = uint8(rng.IntN(33))
		r.Addr = (198<<24 | rng.Uint32N(1<<10)) &^ (1<<(32-r.Len) - 1)
		return r
	}
	met := 0
	for range 5000 {
		var statics []static
		var asked []lpm.Route
		for range rng.IntN(5) {
			r := prefix()
			r.Len, r.Addr = max(r.Len, 16), r.Addr&^(1<<(32-max(r.Len, 16))-1)
			asked = append(asked, r)
			statics = append(statics, static{route: vrftable.Route{VR: "red", Prefix: netip.PrefixFrom(addr4(r.Addr), int(r.Len)), NextHop: vrftable.Via{}}})
		}
		r, want := prefix(), false
		for _, a := range asked {
			short := min(a.Len, r.Len)
			want = want || short == 0 || (a.Addr^r.Addr)>>(32-short) == 0
		}
		if want {
			met++
		}
		if got := waysBack(statics).touch(r); got != want {
			t.Fatalf("%v and %v: %v", r, asked, got)
		}
	}
	if met == 0 {
		t.Fatal("nothing ever met")
	}
}
