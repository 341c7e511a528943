package vrftable

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ASPathRegexp is a regular expression over an AS path written as "64500 64501 64502", nearest AS first; the empty
// path is the empty string. Safe for concurrent use.
type ASPathRegexp struct {
	expr string
	re   *regexp.Regexp
}

// CompileASPath compiles a Go regular expression (RE2: linear time) in which, as in router command lines, an underscore
// outside a character class and not escaped stands for a boundary: start, end, or the space between two AS numbers. So
// "_64500_" is any path through AS 64500, "^64500_" one received from it, "_64500$" one that it originated, "^$" a local
// route. As in those command lines a boundary consumes its space: "_1__2_" never matches, "_1_2_" does.
func CompileASPath(expr string) (*ASPathRegexp, error) {
	var b strings.Builder
	class, first, escaped := false, false, false
	for _, r := range expr {
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case class:
			class = r != ']' || first
			first = first && r == '^'
			b.WriteRune(r)
			continue
		case r == '[':
			class, first = true, true
			b.WriteRune(r)
			continue
		case r == '_':
			b.WriteString(`(?:^|$| )`)
			continue
		}
		first = false
		b.WriteRune(r)
	}
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("AS path expression %q: %w", expr, err)
	}
	return &ASPathRegexp{expr, re}, nil
}

// Match tells whether the expression matches a path.
func (e *ASPathRegexp) Match(path []uint32) bool {
	b := make([]byte, 0, 64)
	for i, as := range path {
		b = appendAS(b, i, as)
	}
	return e.re.Match(b)
}

// String returns the expression as it was given.
func (e *ASPathRegexp) String() string { return e.expr }

func (e *ASPathRegexp) match(s *attrSet, n uint32) bool {
	b := s.buf[:0]
	for i := range s.pathLen(n) {
		b = appendAS(b, i, s.as(n, i))
	}
	s.buf = b
	return e.re.Match(b)
}

func appendAS(b []byte, i int, as uint32) []byte {
	if i > 0 {
		b = append(b, ' ')
	}
	return strconv.AppendUint(b, uint64(as), 10)
}
