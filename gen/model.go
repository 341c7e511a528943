package gen

import (
	_ "embed"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"

	"vrfwd/lpm"
)

// The model of an Internet table: a cascade over the binary trie of prefixes.
//
// A node of the trie at some depth holds n prefixes in its subtree. Of them one may be the node's own, and the
// others fall to its left and right half. How often which split happens was measured in the real table, once for
// every state of a node:
//
//	state   = (depth 8..32, covered by a shorter prefix or not, size class of n)
//	outcome = (own prefix or not, how the rest splits)
//
// Growing a tree downwards with these frequencies keeps what tables are made of: the histogram of lengths and the
// overlap (own prefix, by depth and covered), the space covered (own prefix where not covered), the clustering of
// prefixes in few blocks and runs of full /24s (splits by size: 16 prefixes under a /20 split 8:8, a lone one goes
// to one side). Because n is handed down and divided, a tree of N routes has exactly N. Such multiplicative cascades
// are known to describe how the Internet uses addresses: Kohler, Li, Paxson, Shenker, "Observed Structure of Addresses
// in IP Traffic" (IMW 2002). Depth 8 starts from the measured number of prefixes in every /8.
//
// A split of m prefixes is written as a code: the number that goes left for m up to exactSplit; for more, one of
// "none", "all", "even" (halves, rounded either way) or the smaller half's side and size class, drawn uniformly within.
//
// Rejected: drawing addresses uniformly for the measured lengths. It makes 56,492 /16 blocks of some 15 prefixes each
// (the real table 25,398 of 2 to 97, 10th to 90th percentile), leaves 93 % of the /24s alone (real: 15 %), covers 60 %
// of the space (71 %) and nests 67 % of the prefixes (51 %).
// Rejected too: telling apart how far above the covering prefix stands, which made the model a fifth to a half larger
// and the tables no more alike; and independent draws instead of dealing (see state), which let the share of /24s stray
// by a point from seed to seed.
const (
	exactSplit = 16
	codeNone   = exactSplit + 1
	codeAll    = exactSplit + 2
	codeEven   = exactSplit + 3
	codeLeft   = codeEven       // + size class of the left, smaller half
	codeRight  = codeLeft + 100 // + size class of the right, smaller half
	codeOwn    = 256            // flag of an outcome: the node is a prefix itself

	topDepth  = 8
	sizeClass = 80 // more than there are
)

// sizeOf maps n >= 1 to its size class: n itself up to 17; then two classes an octave, and one each for 2^k and 2^k+1,
// the sizes of completely deaggregated blocks without and with their aggregate. 18 is {18..23}, 19 {24..31}, 20 {32},
// 21 {33}, 22 {34..47}, ...
func sizeOf(n int) int {
	if n <= exactSplit+1 {
		return n
	}
	octave := bits.Len(uint(n)) - 1 // 4: 16..31
	class := exactSplit + 2 + (octave-4)*4
	switch power := 1 << octave; {
	case n <= power+1:
		return class - 2 + n - power
	case n < power*3/2:
		return class
	}
	return class + 1
}

// sizesOf is sizeOf's inverse: the smallest and largest n of a class.
func sizesOf(class int) (low, high int) {
	if class <= exactSplit+1 {
		return class, class
	}
	octave, quarter := 4+(class-exactSplit-2)/4, (class-exactSplit-2)%4
	switch power := 1 << octave; quarter {
	case 0:
		return power + 2, power*3/2 - 1
	case 1:
		return power * 3 / 2, power*2 - 1
	case 2:
		return power * 2, power * 2
	default:
		return power*2 + 1, power*2 + 1
	}
}

// splitCode tells how left of m were split off; splitLeft is its inverse up to the draw within a size class.
func splitCode(left, m int) uint16 {
	right := m - left
	switch {
	case m <= exactSplit:
		return uint16(left)
	case left == 0:
		return codeNone
	case right == 0:
		return codeAll
	case left-right <= 1 && right-left <= 1:
		return codeEven
	case left < right:
		return uint16(codeLeft + sizeOf(left))
	}
	return uint16(codeRight + sizeOf(right))
}

func splitLeft(code uint16, m int, rng *rand.Rand) int {
	minor := func(class int) int {
		low, high := sizesOf(class)
		return min(low+rng.IntN(high-low+1), m/2)
	}
	switch {
	case code == codeNone:
		return 0
	case code == codeAll:
		return m
	case code == codeEven:
		return m/2 + m&1*rng.IntN(2)
	case code > codeRight:
		return m - minor(int(code-codeRight))
	case code > codeLeft:
		return minor(int(code - codeLeft))
	}
	return min(int(code), m)
}

// outcome is one way a node may go on.
type outcome struct {
	code  uint16 // split code, plus codeOwn
	count uint32 // nodes that did so in the measured table
	left  uint32 // of them not dealt yet
}

// state is the outcomes of one kind of node, most frequent first. They are dealt like cards, without replacement, and
// all come back when the last is gone: a table then has the measured frequencies almost exactly, whatever the seed,
// where independent draws would let a few large blocks near the root decide the whole table's shape.
type state struct {
	total, left uint32
	borrowed    bool // not measured: a neighbour's, see fill
	outcomes    []outcome
}

// deal draws the code of one of the outcomes that are left.
func (s *state) deal(rng *rand.Rand) uint16 {
	if s.left == 0 {
		for i := range s.outcomes {
			s.outcomes[i].left = s.outcomes[i].count
		}
		s.left = s.total
	}
	x := uint32(rng.Uint64() >> 32 * uint64(s.left) >> 32)
	s.left--
	i := 0
	for x >= s.outcomes[i].left {
		x -= s.outcomes[i].left
		i++
	}
	s.outcomes[i].left--
	return s.outcomes[i].code
}

// model is the measured cascade. Immutable once made.
type model struct {
	octets [256]int // prefixes of the measured table in every /8
	routes int      // their sum
	states [33][2][sizeClass]state
}

// internetModel is the model measured in the real table; TestModelIsMeasured measures it again and compares.
//
// First 256 numbers: prefixes in every /8. Then a line for each state: depth, covered (0, 1), size class, and
// code:count for each outcome.
//
//go:embed internet.model
var internetModel string

// parseModel reads the text form. The text is the package's own: an error is a defect of the build.
func parseModel(text string) (*model, error) {
	m := new(model)
	head, body, _ := strings.Cut(text, "\n\n")
	octets := strings.Fields(head)
	if len(octets) != len(m.octets) {
		return nil, fmt.Errorf("gen: model: %d octets", len(octets))
	}
	for i, f := range octets {
		if _, err := fmt.Sscan(f, &m.octets[i]); err != nil {
			return nil, fmt.Errorf("gen: model: octet %d: %w", i, err)
		}
		m.routes += m.octets[i]
	}
	for line := range strings.Lines(body) {
		if err := m.parseState(line); err != nil {
			return nil, fmt.Errorf("gen: model: %q: %w", line, err)
		}
	}
	m.fill()
	return m, nil
}

// parseState reads "depth covered class code:count code:count ...".
func (m *model) parseState(line string) error {
	f := strings.Fields(line)
	if len(f) < 4 {
		return errors.New("too few fields")
	}
	var key [3]int
	for i := range key {
		v, err := strconv.Atoi(f[i])
		if err != nil {
			return err
		}
		key[i] = v
	}
	if key[0] < topDepth || key[0] > 32 || key[1]>>1 != 0 || key[2] < 1 || key[2] >= sizeClass {
		return errors.New("no such state")
	}
	s := &m.states[key[0]][key[1]][key[2]]
	for _, pair := range f[3:] {
		code, count, _ := strings.Cut(pair, ":")
		c, err := strconv.ParseUint(code, 10, 16)
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(count, 10, 32)
		if err != nil {
			return err
		}
		s.outcomes = append(s.outcomes, outcome{code: uint16(c), count: uint32(n)})
		s.total += uint32(n)
	}
	return nil
}

// append writes the text form that parseModel reads, states that were not measured left out.
func (m *model) append(b []byte) []byte {
	for i, n := range m.octets {
		b = strconv.AppendInt(b, int64(n), 10)
		if b = append(b, ' '); i%16 == 15 {
			b[len(b)-1] = '\n'
		}
	}
	b = append(b, '\n')
	for depth := range m.states {
		for covered := range m.states[depth] {
			for class, s := range m.states[depth][covered] {
				if s.total == 0 || s.borrowed {
					continue
				}
				b = fmt.Appendf(b, "%d %d %d", depth, covered, class)
				for _, o := range s.outcomes {
					b = fmt.Appendf(b, " %d:%d", o.code, o.count)
				}
				b = append(b, '\n')
			}
		}
	}
	return b
}

// measure fills an empty model with a table's frequencies. routes are sorted and no shorter than /8.
func (m *model) measure(routes []lpm.Route) {
	m.routes = len(routes)
	for _, r := range routes {
		m.octets[r.Addr>>24]++
	}
	for _, n := range m.octets {
		if n > 0 {
			m.count(routes[:n], topDepth, 0)
		}
		routes = routes[n:]
	}
	m.sort()
}

// count counts the nodes of one subtree: the prefixes under routes[0]'s first depth bits.
func (m *model) count(routes []lpm.Route, depth, covered int) {
	rest, own := routes, uint16(0)
	if int(routes[0].Len) == depth {
		rest, own = routes[1:], codeOwn
	}
	left := sort.Search(len(rest), func(i int) bool { return depth == 32 || rest[i].Addr>>(31-depth)&1 == 1 })
	m.add(depth, covered, len(routes), own|splitCode(left, len(rest)))
	if own != 0 {
		covered = 1
	}
	if left > 0 {
		m.count(rest[:left], depth+1, covered)
	}
	if left < len(rest) {
		m.count(rest[left:], depth+1, covered)
	}
}

// add counts one node.
func (m *model) add(depth, covered, n int, code uint16) {
	s := &m.states[depth][covered][sizeOf(n)]
	s.total++
	for i := range s.outcomes {
		if s.outcomes[i].code == code {
			s.outcomes[i].count++
			return
		}
	}
	s.outcomes = append(s.outcomes, outcome{code: code, count: 1})
}

// fill gives states that the measured table lacks (a larger table meets them) the outcomes of the nearest size at
// the same depth, else of the other coverage.
func (m *model) fill() {
	for depth := topDepth; depth <= 32; depth++ {
		measured := m.states[depth]
		for covered := range 2 {
			for class := 1; class < sizeClass; class++ {
				s := &m.states[depth][covered][class]
				if s.total > 0 {
					continue
				}
				for d := 0; s.total == 0 && d < sizeClass; d++ {
					for _, c := range [2]int{covered, 1 - covered} {
						if class-d > 0 && s.total == 0 {
							*s = measured[c][class-d]
						}
						if class+d < sizeClass && s.total == 0 {
							*s = measured[c][class+d]
						}
					}
				}
				s.borrowed = true
				s.outcomes = slices.Clone(s.outcomes)
			}
		}
	}
}

func (m *model) sort() {
	for d := range m.states {
		for c := range m.states[d] {
			for k := range m.states[d][c] {
				slices.SortFunc(m.states[d][c][k].outcomes, func(a, b outcome) int {
					if a.count != b.count {
						return int(b.count) - int(a.count)
					}
					return int(a.code) - int(b.code)
				})
			}
		}
	}
}
