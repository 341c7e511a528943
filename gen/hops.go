package gen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"vrfwd/lpm"
)

// Locality says how next hops lie over the prefixes of a table.
type Locality uint8

const (
	// Clustered: neighbouring prefixes tend to share a next hop, and a few next hops carry most prefixes. See AssignHops.
	Clustered Locality = iota
	// Hashed: a hash of the prefix, uniform over the next hops: no run to compress, the worst case of a compiled FIB.
	Hashed
)

var localityNames = [...]string{Clustered: "clustered", Hashed: "hashed"}

// String gives the locality as results and flags name it.
func (l Locality) String() string {
	if int(l) < len(localityNames) {
		return localityNames[l]
	}
	return fmt.Sprintf("Locality(%d)", uint8(l))
}

// ParseLocality is String's inverse.
func ParseLocality(name string) (Locality, error) {
	if i := slices.Index(localityNames[:], name); i >= 0 {
		return Locality(i), nil
	}
	return 0, fmt.Errorf("gen: next-hop locality %q: clustered and hashed are known", name)
}

// Parameters of Clustered.
const (
	hopZipf    = 1.0     // exponent of the share of next hops by rank
	hopRun     = 4.0     // mean number of address-adjacent prefixes of one origin
	hopInherit = 0.7     // a prefix inside a shorter one takes the shorter one's next hop
	hopStream  = 0x686f7 // PCG stream of the assignment
)

// AssignHops sets every route's hop to a next-hop index 1..nextHops. routes are sorted by (Addr, Len).
//
// Hashed mixes the prefix and the seed (splitmix64's finaliser) and takes the remainder.
//
// Clustered is a model, not a measurement: the real table in bart's module has no next hops. Its assumptions are
// those of a PE that learns the table from some peers: prefixes of one origin AS are neighbours in the address space
// and are reached the same way, so next hops come in runs (geometric, mean 4 prefixes: 901,899 prefixes in some
// 75,000 origins are 12 a piece, and an origin's space is fragmented into about three); a more specific prefix
// mostly follows the prefix that covers it (70 %), else it is traffic engineering and draws anew; and next hops are
// used by rank after Zipf (exponent 1): few transit providers carry most of the table, many peers a little.
func AssignHops(routes []lpm.Route, nextHops int, locality Locality, seed uint64) error {
	if err := checkHops(nextHops); err != nil {
		return err
	}
	switch locality {
	case Hashed:
		for i := range routes {
			r := &routes[i]
			r.Hop = hashHop(r.Addr, r.Len, nextHops, seed)
		}
	case Clustered:
		assignClustered(routes, nextHops, seed)
	default:
		return fmt.Errorf("gen: %v: not a locality: clustered or hashed", locality)
	}
	return nil
}

func checkHops(nextHops int) error {
	if nextHops < 1 || nextHops > int(lpm.MaxHop) {
		return fmt.Errorf("gen: %d next hops: 1 to %d are possible", nextHops, lpm.MaxHop)
	}
	return nil
}

// hashHop is splitmix64's finaliser over prefix and seed, reduced to 1..nextHops.
func hashHop(addr uint32, length uint8, nextHops int, seed uint64) lpm.Hop {
	x := (uint64(addr)<<8 | uint64(length)) + seed*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return lpm.Hop(x>>32*uint64(nextHops)>>32) + 1
}

func assignClustered(routes []lpm.Route, nextHops int, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, hopStream))
	zipf := newZipf(nextHops, hopZipf)
	order := rng.Perm(nextHops) // rank -> next hop, so that index 1 is not always the busiest
	draw := func() lpm.Hop { return lpm.Hop(order[zipf.draw(rng)] + 1) }

	var cover []lpm.Route // the prefixes that hold the current one, shortest first
	var run int           // prefixes left in the current run
	var hop lpm.Hop
	for i := range routes {
		r := &routes[i]
		for len(cover) > 0 && !holds(cover[len(cover)-1], r.Addr) {
			cover = cover[:len(cover)-1]
		}
		if run == 0 {
			run = geometric(rng, hopRun)
			hop = draw()
		}
		run--
		r.Hop = hop
		if len(cover) > 0 && rng.Float64() < hopInherit {
			r.Hop = cover[len(cover)-1].Hop
		}
		cover = append(cover, *r)
	}
}

// holds tells whether the prefix holds the address.
func holds(r lpm.Route, addr uint32) bool { return (addr^r.Addr)&mask(r.Len) == 0 }

// mask returns the network mask of a prefix length 0..32; Go's shift by 32 gives 0.
func mask(length uint8) uint32 { return math.MaxUint32 << (32 - uint(length)) }

// last returns the prefix's last address.
func last(r lpm.Route) uint32 { return r.Addr | ^mask(r.Len) }

// compare orders routes by address, then shorter first: the order of all tables here.
func compare(a, b lpm.Route) int {
	switch ka, kb := uint64(a.Addr)<<8|uint64(a.Len), uint64(b.Addr)<<8|uint64(b.Len); {
	case ka < kb:
		return -1
	case ka > kb:
		return 1
	}
	return 0
}
