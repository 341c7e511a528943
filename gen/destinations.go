package gen

import (
	"fmt"
	"math/rand/v2"

	"vrfwd/lpm"
)

// Destinations are the addresses that lookups are measured with, as results name them: Uniform over all addresses;
// Routed, uniform over prefixes, then within the prefix; Zipf (s = 1.1) over 64 Ki routed flows.
const (
	DestinationsUniform = "uniform"
	DestinationsRouted  = "routed"
	DestinationsZipf    = "zipf"
)

const (
	destinationFlows = 64 << 10
	destinationSkew  = 1.1
)

// Destinations draws n addresses of a kind, shuffled as drawn: enough of them (4 Mi) are more than a cache holds. The
// same arguments give the same addresses. Errors: a kind that is not known, or no routes where they are needed.
func Destinations(kind string, routes []lpm.Route, n int) ([]uint32, error) {
	r := rand.New(rand.NewPCG(7, 11))
	routed := func() uint32 {
		p := routes[r.IntN(len(routes))]
		return p.Addr | r.Uint32()&uint32(uint64(1)<<(32-p.Len)-1)
	}
	if kind != DestinationsUniform && len(routes) == 0 {
		return nil, fmt.Errorf("gen: %s destinations need routes", kind)
	}
	addrs := make([]uint32, n)
	switch kind {
	case DestinationsUniform:
		for i := range addrs {
			addrs[i] = r.Uint32()
		}
	case DestinationsRouted:
		for i := range addrs {
			addrs[i] = routed()
		}
	case DestinationsZipf:
		flows := make([]uint32, destinationFlows)
		for i := range flows {
			flows[i] = routed()
		}
		z := rand.NewZipf(r, destinationSkew, 1, destinationFlows-1)
		for i := range addrs {
			addrs[i] = flows[z.Uint64()]
		}
	default:
		return nil, fmt.Errorf("gen: destinations %q: uniform, routed and zipf are known", kind)
	}
	return addrs, nil
}
