package lpm

import (
	"math/rand/v2"
	"testing"
)

// TestShelfCover asks the shelf for covers of every length, against a walk over all its prefixes, while prefixes come and go. They crowd
// in some blocks of one octet, several to a word of its bits, and nest.
func TestShelfCover(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 0))
	var s shelf
	type prefix struct {
		addr uint32
		len  uint8
	}
	have := map[prefix]Hop{}
	var listed []prefix // what was ever announced
	addr := func() uint32 {
		return 10<<24 | r.Uint32N(4)<<22 | r.Uint32N(4)<<16 | r.Uint32N(8)<<13 | r.Uint32N(4)<<8 | r.Uint32N(256)
	}
	for step := range 20000 {
		p := prefix{len: uint8(r.IntN(33))}
		p.addr = addr() & mask(p.len)
		hop := Hop(1 + r.IntN(1000))
		if r.IntN(100) < 40 && len(listed) > 0 {
			p, hop = listed[r.IntN(len(listed))], 0
		}
		listed = append(listed, p)
		s.put(Route{p.addr, p.len, hop})
		if have[p] = hop; hop == 0 {
			delete(have, p)
		}
		if step%20 > 0 {
			continue
		}
		a, most := addr(), uint8(r.IntN(33))
		want, longest := Hop(0), -1
		for q, h := range have {
			if q.len <= most && a&mask(q.len) == q.addr && int(q.len) > longest {
				want, longest = h, int(q.len)
			}
		}
		if got := Hop(s.cover(a, most)); got != want {
			t.Fatalf("step %d, %d prefixes: cover of %v up to /%d: hop %d, not %d", step, len(have), addrOf(a), most, got, want)
		}
		if s.count != len(have) {
			t.Fatalf("step %d: %d prefixes, not %d", step, s.count, len(have))
		}
	}
	for _, q := range listed {
		s.put(Route{Addr: q.addr, Len: q.len})
	}
	if s.count != 0 || len(s.top) != 0 || s.octets != [256]*octet{} {
		t.Errorf("%d prefixes are left of none", s.count)
	}
}
