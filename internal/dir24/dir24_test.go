package dir24

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/gaissmai/bart"
)

func TestAgainstBart(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var routes []Route
	var twin bart.Table[uint32]
	ip := func(a uint32) netip.Addr {
		return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
	}
	for range 3000 {
		length := uint8(8 + r.IntN(25))
		addr := (10<<24 | r.Uint32()&0x3ffff) & (^uint32(0) << (32 - length))
		routes = append(routes, Route{addr, length, uint32(1 + r.IntN(maxHop))})
	}
	slices.SortStableFunc(routes, func(a, b Route) int { return int(a.Len) - int(b.Len) })
	for _, x := range routes {
		twin.Insert(netip.PrefixFrom(ip(x.Addr), int(x.Len)), x.Hop)
	}
	table, err := New(routes)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	addrs := make([]uint32, 50_000)
	hops := make([]uint32, len(addrs))
	for i := range addrs {
		addrs[i] = 10<<24 | r.Uint32()&0x7ffff
	}
	LookupBurst(table, addrs, hops)
	for i, a := range addrs {
		want, _ := twin.Lookup(ip(a))
		if hops[i] != want || table.Lookup(a) != want {
			t.Fatalf("%v: burst %d, single %d, bart %d", ip(a), hops[i], table.Lookup(a), want)
		}
	}
}

func TestRefusesWideHops(t *testing.T) {
	_, err := New([]Route{{Hop: maxHop + 1}})
	if err == nil {
		t.Fatal("a hop of 16 bits must be refused")
	}
}
