package gen

import (
	"fmt"
	"math/rand/v2"

	"vrfwd/lpm"
)

// Sizes of a synthetic table.
const (
	DefaultRoutes = 1_000_000
	MaxRoutes     = 2_000_000
)

// TableConfig describes a synthetic table.
type TableConfig struct {
	Routes   int // 1..MaxRoutes; 0: DefaultRoutes
	NextHops int // 1..lpm.MaxHop; 0: 1
	Locality Locality
	Seed     uint64
}

// blockDepth is where a table of fewer routes than the measured one is cut into blocks: customers' allocations.
const blockDepth = 16

// Synthetic makes a full Internet table with exactly c.Routes routes, sorted by (Addr, Len), each prefix once,
// without a default route and without unroutable space, after the model in model.go.
//
// A table larger than the measured one (901,899) has more prefixes in about the same blocks, as the real table grows
// since addresses ran out: by deaggregation. A smaller one is a random choice of the measured size's blocks (/16s
// with what is in them, and shorter prefixes), so that its clustering stays that of the full table.
func Synthetic(c TableConfig) ([]lpm.Route, error) {
	if c.Routes == 0 {
		c.Routes = DefaultRoutes
	}
	if c.NextHops == 0 {
		c.NextHops = 1
	}
	if c.Routes < 1 || c.Routes > MaxRoutes {
		return nil, fmt.Errorf("gen: synthetic table of %d routes: 1 to %d are possible", c.Routes, MaxRoutes)
	}
	m, err := parseModel(internetModel)
	if err != nil {
		return nil, err
	}
	routes := m.grow(c.Routes, rand.New(rand.NewPCG(c.Seed, 0)))
	if err := AssignHops(routes, c.NextHops, c.Locality, c.Seed); err != nil {
		return nil, err
	}
	return routes, nil
}

// node is a node of the trie that a cascade grows from: n prefixes in its subtree.
type node struct {
	addr    uint32
	depth   int
	n       int
	covered int // 1: a shorter prefix holds it
}

// cascade grows trees down to a depth; there, nodes are left as they are.
type cascade struct {
	*model
	rng    *rand.Rand
	stop   int // depth at which nodes are kept; 33: none
	kept   []node
	routes []lpm.Route
}

func (m *model) grow(n int, rng *rand.Rand) []lpm.Route {
	top := cascade{model: m, rng: rng, stop: blockDepth}
	for octet, count := range m.split(max(n, m.routes)) {
		if count > 0 {
			top.grow(node{addr: uint32(octet) << 24, depth: topDepth, n: count})
		}
	}
	if n < m.routes {
		top.choose(n)
	}
	all := cascade{model: m, rng: rng, stop: 33, routes: make([]lpm.Route, 0, n)}
	for _, b := range top.kept {
		if b.depth < blockDepth {
			all.routes = append(all.routes, lpm.Route{Addr: b.addr, Len: uint8(b.depth)})
		} else {
			all.grow(b)
		}
	}
	return all.routes
}

// split divides n routes over the /8s as measured: by cumulative rounding, so that the sum is exact.
func (m *model) split(n int) (counts [256]int) {
	seen, given := 0, 0
	for i, c := range m.octets {
		seen += c
		counts[i] = seen*n/m.routes - given
		given += counts[i]
	}
	return counts
}

// grow places the node's prefixes in address order, shorter ones first.
func (c *cascade) grow(v node) {
	if v.depth == c.stop {
		c.kept = append(c.kept, v)
		return
	}
	own, left := c.decide(v)
	right := v.n - left
	if own {
		right--
		v.covered = 1
		if c.stop == blockDepth {
			c.kept = append(c.kept, node{addr: v.addr, depth: v.depth, n: 1})
		} else {
			c.routes = append(c.routes, lpm.Route{Addr: v.addr, Len: uint8(v.depth)})
		}
	}
	if left > 0 {
		c.grow(node{addr: v.addr, depth: v.depth + 1, n: left, covered: v.covered})
	}
	if right > 0 {
		c.grow(node{addr: v.addr | 1<<(31-v.depth), depth: v.depth + 1, n: right, covered: v.covered})
	}
}

// decide draws whether the node is a prefix and how many of the others go left, such that both halves have room.
func (c *cascade) decide(v node) (own bool, left int) {
	s := &c.states[v.depth][v.covered][sizeOf(v.n)]
	code := s.deal(c.rng)
	own = code&codeOwn != 0
	code &^= codeOwn

	// Large numbers are drawn by class, and the fringe of a class would fill subtrees with more prefixes than real ones
	// have. So a half gets at most what it holds without anything longer than /24 (nested) or, every second time, its
	// /24s and their aggregate (flat): the even chance is fitted to the measured share of
	// /24s. Codes that say exactly how many
	// go where are followed to the letter.
	half := 1<<(32-v.depth) - 1
	if v.depth < 24 && (s.borrowed || code >= codeEven) {
		flat, nested := 1<<(23-v.depth)+1, 1<<(24-v.depth)-1
		if v.n <= 2*nested+1 {
			half = nested
		}
		if v.n <= 2*flat+1 && c.rng.Uint64()&1 == 0 {
			half = min(flat, nested)
		}
	}
	own = own || v.n > 2*half
	lower, upper := 0, v.n
	if reserved[v.addr>>24] {
		own, lower, upper = c.avoid(v, own)
	}
	m := v.n
	if own {
		m--
	}
	left = splitLeft(code, m, c.rng)
	return own, min(max(left, lower, m-half), upper, half, m)
}

// avoid keeps a node's prefixes out of unroutable space: the node is no prefix if it overlaps some, and a half that
// lies inside gets nothing.
func (c *cascade) avoid(v node, own bool) (_ bool, lower, upper int) {
	upper = v.n
	r := lpm.Route{Addr: v.addr, Len: uint8(v.depth)}
	if v.depth == 32 || routable(r) {
		return own, 0, upper
	}
	r.Len++
	if inside(r) {
		upper = 0
	}
	r.Addr |= 1 << (31 - v.depth)
	if inside(r) {
		lower = v.n
	}
	return false, lower, upper
}

// reserved marks the /8s that are partly unroutable.
var reserved = func() (octets [256]bool) {
	for _, u := range unroutable {
		if u.Len > topDepth {
			octets[u.Addr>>24] = true
		}
	}
	return octets
}()

// inside tells whether the prefix lies in an unroutable block.
func inside(r lpm.Route) bool {
	for _, u := range unroutable {
		if r.Len >= u.Len && holds(u, r.Addr) {
			return true
		}
	}
	return false
}

// choose keeps a random choice of the nodes with n prefixes in all; the last one chosen gives what is still missing.
func (c *cascade) choose(n int) {
	keep := make([]bool, len(c.kept))
	for _, i := range c.rng.Perm(len(c.kept)) {
		b := &c.kept[i]
		b.n = min(b.n, n)
		n -= b.n
		if keep[i] = true; n == 0 {
			break
		}
	}
	kept := c.kept[:0]
	for i, b := range c.kept {
		if keep[i] {
			kept = append(kept, b)
		}
	}
	c.kept = kept
}
