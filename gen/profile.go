package gen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"vrfwd/lpm"
)

// Profile names a population of VRFs by how many routes each has.
type Profile uint8

const (
	// Typical: log-normal, median 20 routes, sigma 2.5, at least 1, at most 20,000: many small customers, few huge ones.
	Typical Profile = iota
	// Lab: 800 routes in every VRF, as test plans ask.
	Lab
	// Tiny: 5 to 10 routes, uniform.
	Tiny
)

var profileNames = [...]string{Typical: "typical", Lab: "lab", Tiny: "tiny"}

// String gives the profile as flags and results name it.
func (p Profile) String() string {
	if int(p) < len(profileNames) {
		return profileNames[p]
	}
	return fmt.Sprintf("Profile(%d)", uint8(p))
}

// ParseProfile is String's inverse.
func ParseProfile(name string) (Profile, error) {
	if i := slices.Index(profileNames[:], name); i >= 0 {
		return Profile(i), nil
	}
	return 0, fmt.Errorf("gen: profile %q: typical, lab and tiny are known", name)
}

// MaxVRFs is the largest population: table numbers have 16 bits and 0 is the parent VR.
const MaxVRFs = 1<<16 - 1

// ProfileConfig describes a population of VRFs.
type ProfileConfig struct {
	Profile Profile
	VRFs    int    // 1..MaxVRFs
	Seed    uint64 // VRF i depends on Seed and i alone: a larger population begins with the smaller one
	// Sites is the number of next-hop indices in each VRF: a route's hop is 1..Sites, the same for all routes of one
	// site (the CE that announces them). 0: 1.
	Sites int
	// Public is the table that public prefixes are taken from (its prefixes or subnets of them); empty: any
	// routable address.
	Public []lpm.Route
}

// Typical's log-normal distribution.
const (
	typicalMedian = 20
	typicalSigma  = 2.5
	typicalCap    = 20_000
)

// Assumptions of a VRF's address plan.
const (
	publicLow, publicHigh = 0.05, 0.10 // a VRF's share of public prefixes is uniform between them
	siteRoutes            = 12         // mean private routes of a site
	siteGap               = 0.3        // a site leaves a hole after this share of its subnets
)

// VRFs makes the routes of a population of customers: result[i] is VRF i, sorted, each prefix once.
//
// Lengths: /24 45 %, /25 to /30 20 % (uniform), /32 15 %, /16 to /23 20 % (each length 1.5 times as frequent as the
// one a bit shorter, about as in the global table). 5 to 10 % of the routes are public; the others lie in RFC 1918
// space, which VRFs use without regard to each other.
//
// How private routes lie is an assumption, from how address plans are drawn: a customer has sites of some 12 routes;
// each site has an aggregate, /16 to /20, in 10/8 (70 %), 192.168/16 (20 %) or 172.16/12 (10 %), low numbers first
// (10.0, 10.1, 192.168.0, ... are in most VRFs); its /24s follow each other from the aggregate's start with holes;
// longer prefixes (links, loopbacks) lie inside the area of its /24s; shorter ones cover them.
func VRFs(c ProfileConfig) ([][]lpm.Route, error) {
	if int(c.Profile) >= len(profileNames) {
		return nil, fmt.Errorf("gen: %v: typical, lab and tiny are known", c.Profile)
	}
	if c.VRFs < 1 || c.VRFs > MaxVRFs {
		return nil, fmt.Errorf("gen: %d VRFs: 1 to %d are possible", c.VRFs, MaxVRFs)
	}
	if c.Sites == 0 {
		c.Sites = 1
	}
	if err := checkHops(c.Sites); err != nil {
		return nil, err
	}
	vrfs := make([][]lpm.Route, c.VRFs)
	for i := range vrfs {
		p := plan{rng: rand.New(rand.NewPCG(c.Seed, uint64(i))), config: &c}
		vrfs[i] = p.vrf()
	}
	return vrfs, nil
}

// plan makes one VRF's routes.
type plan struct {
	rng    *rand.Rand
	config *ProfileConfig
	routes []lpm.Route
	taken  map[uint64]struct{}
}

// site is where one location's private routes lie.
type site struct {
	aggregate lpm.Route
	next      uint32 // index of the next /24 in the aggregate
	hop       lpm.Hop
}

func (p *plan) vrf() []lpm.Route {
	n := p.size()
	p.routes = make([]lpm.Route, 0, n)
	p.taken = make(map[uint64]struct{}, n)
	share := publicLow + (publicHigh-publicLow)*p.rng.Float64()
	public := int(share*float64(n) + p.rng.Float64())

	sites := make([]site, 1+(n-public)/siteRoutes)
	for i := range sites {
		sites[i] = p.site()
	}
	for len(p.routes) < n {
		if len(p.routes) < public {
			if length := p.length(); !p.add(p.public(length), p.hop()) {
				p.add(p.anywhere(length), p.hop()) // a small table runs out
			}
			continue
		}
		// A full site moves on: a fresh aggregate keeps a crowded VRF from searching for the last free subnet.
		i := p.rng.IntN(len(sites))
		if r := p.subnet(&sites[i], p.length()); !p.add(r, sites[i].hop) {
			sites[i] = p.site()
		}
	}
	slices.SortFunc(p.routes, compare)
	return p.routes
}

// size draws the number of routes.
func (p *plan) size() int {
	switch p.config.Profile {
	case Lab:
		return 800
	case Tiny:
		return 5 + p.rng.IntN(6)
	}
	n := math.Round(typicalMedian * math.Exp(typicalSigma*p.rng.NormFloat64()))
	return int(min(max(n, 1), typicalCap))
}

// length draws a prefix length.
func (p *plan) length() uint8 {
	switch x := p.rng.IntN(100); {
	case x < 45:
		return 24
	case x < 65:
		return uint8(25 + p.rng.IntN(6))
	case x < 80:
		return 32
	}
	return p.shorter(16, 23)
}

// shorter draws a length between low and high, each 1.5 times as frequent as the one before.
func (p *plan) shorter(low, high int) uint8 {
	length := high
	for length > low && p.rng.IntN(3) < 2 {
		length--
	}
	if length == low && p.rng.IntN(3) < 2 {
		return p.shorter(low, high) // what is beyond low goes round again
	}
	return uint8(length)
}

func (p *plan) hop() lpm.Hop { return lpm.Hop(1 + p.rng.IntN(p.config.Sites)) }

// site draws an aggregate: the block's offset is squared-uniform, which puts half of all sites in the lowest quarter.
func (p *plan) site() site {
	length := uint8(16 + p.rng.IntN(5))
	space := lpm.Route{Addr: 10 << 24, Len: 8}
	switch x := p.rng.IntN(10); {
	case x < 2:
		space = lpm.Route{Addr: 192<<24 | 168<<16, Len: 16}
	case x < 3:
		space = lpm.Route{Addr: 172<<24 | 16<<16, Len: 12}
	}
	u := p.rng.Float64()
	block := uint32(u * u * float64(uint32(1)<<(length-space.Len)))
	return site{
		aggregate: lpm.Route{Addr: space.Addr | block<<(32-uint(length)), Len: length},
		hop:       p.hop(),
	}
}

// subnet draws a prefix of the given length that belongs to the site.
func (p *plan) subnet(s *site, length uint8) lpm.Route {
	a := s.aggregate
	slots := uint32(1) << (24 - a.Len) // /24s in the aggregate
	switch {
	case length == 24:
		r := lpm.Route{Addr: a.Addr | (s.next%slots)<<8, Len: 24}
		s.next++
		if p.rng.Float64() < siteGap {
			s.next += uint32(geometric(p.rng, 2))
		}
		return r
	case length > 24:
		area := p.rng.Uint32N(min(s.next+1, slots))
		return lpm.Route{Addr: (a.Addr | area<<8 | p.rng.Uint32N(256)) & mask(length), Len: length}
	case length <= a.Len:
		return lpm.Route{Addr: a.Addr & mask(length), Len: length}
	}
	// Between aggregate and /24: one of the blocks from the aggregate's start that hold the /24s so far, or the next.
	used := s.next>>(24-length) + 2
	return lpm.Route{Addr: a.Addr | p.rng.Uint32N(min(used, 1<<(length-a.Len)))<<(32-uint(length)), Len: length}
}

// public draws a public prefix of the given length: a subnet of one of the table's prefixes.
func (p *plan) public(length uint8) lpm.Route {
	table := p.config.Public
	if len(table) == 0 {
		return p.anywhere(length)
	}
	of := table[p.rng.IntN(len(table))]
	for range 16 { // a shorter one, if one comes by; else the prefix that covers it
		if of.Len <= length {
			break
		}
		of = table[p.rng.IntN(len(table))]
	}
	r := lpm.Route{Addr: (of.Addr | p.rng.Uint32()&^mask(of.Len)) & mask(length), Len: length}
	if !routable(r) {
		return p.anywhere(length)
	}
	return r
}

// anywhere draws a routable prefix of the given length.
func (p *plan) anywhere(length uint8) lpm.Route {
	for {
		if r := (lpm.Route{Addr: p.rng.Uint32() & mask(length), Len: length}); routable(r) {
			return r
		}
	}
}

// add appends the route unless the VRF has the prefix already.
func (p *plan) add(r lpm.Route, hop lpm.Hop) bool {
	key := uint64(r.Addr)<<8 | uint64(r.Len)
	if _, dup := p.taken[key]; dup {
		return false
	}
	p.taken[key] = struct{}{}
	r.Hop = hop
	p.routes = append(p.routes, r)
	return true
}

// unroutable lists what no global table holds: RFC 6890's special-purpose blocks that are not globally reachable,
// multicast (RFC 5771) and class E (RFC 1112 4), sorted.
var unroutable = [...]lpm.Route{
	{Addr: 0, Len: 8},                          // this network
	{Addr: 10 << 24, Len: 8},                   // RFC 1918
	{Addr: 100<<24 | 64<<16, Len: 10},          // shared address space, RFC 6598
	{Addr: 127 << 24, Len: 8},                  // loopback
	{Addr: 169<<24 | 254<<16, Len: 16},         // link local
	{Addr: 172<<24 | 16<<16, Len: 12},          // RFC 1918
	{Addr: 192 << 24, Len: 24},                 // IETF protocol assignments
	{Addr: 192<<24 | 2<<8, Len: 24},            // TEST-NET-1
	{Addr: 192<<24 | 168<<16, Len: 16},         // RFC 1918
	{Addr: 198<<24 | 18<<16, Len: 15},          // benchmarking, RFC 2544
	{Addr: 198<<24 | 51<<16 | 100<<8, Len: 24}, // TEST-NET-2
	{Addr: 203<<24 | 113<<8, Len: 24},          // TEST-NET-3
	{Addr: 224 << 24, Len: 3},                  // multicast and class E
}

// routable tells whether the prefix shares no address with the unroutable blocks.
func routable(r lpm.Route) bool {
	for _, u := range unroutable {
		if (r.Addr^u.Addr)&mask(min(r.Len, u.Len)) == 0 {
			return false
		}
	}
	return true
}

// private tells whether the prefix lies in RFC 1918 space.
func private(r lpm.Route) bool {
	return r.Addr>>24 == 10 && r.Len >= 8 || r.Addr>>20 == 172<<4|1 && r.Len >= 12 || r.Addr>>16 == 192<<8|168 && r.Len >= 16
}
