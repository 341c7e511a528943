package gen

import (
	"fmt"
	"math/bits"
	"path/filepath"
	"slices"
	"strings"

	"vrfwd/lpm"
)

// Pool is a set of addresses: sorted prefixes, each once, which may lie in each other. Immutable.
type Pool struct {
	Routes []lpm.Route // hop 0
	space  *space
}

// PoolError says which item of a pool is wrong.
type PoolError struct {
	Item   int // from 0
	Reason string
	Err    error // what a table file's reader said; nil otherwise
}

// Error gives the reason.
func (e *PoolError) Error() string { return e.Reason }

// Unwrap returns the reader's error.
func (e *PoolError) Unwrap() error { return e.Err }

// ParsePool reads a pool's items:
//
//	10.0.0.0/8            a prefix
//	10.0.0.5              an address
//	10.0.0.5-10.0.1.20    a range, both ends included
//	table:routes.txt.gz   the prefixes of a list (ReadTable); the path is relative to dir
//
// Errors are *PoolError.
func ParsePool(items []string, dir string) (*Pool, error) {
	p := new(Pool)
	for i, item := range items {
		if err := p.add(strings.TrimSpace(item), dir); err != nil {
			return nil, &PoolError{i, err.Error(), err}
		}
	}
	slices.SortFunc(p.Routes, compare)
	p.Routes = slices.CompactFunc(p.Routes, func(a, b lpm.Route) bool { return a.Addr == b.Addr && a.Len == b.Len })
	p.space = newSpace(p.Routes)
	return p, nil
}

func (p *Pool) add(item, dir string) error {
	if path, ok := strings.CutPrefix(item, "table:"); ok {
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		list, err := ReadTableFile(path)
		if err != nil {
			return err
		}
		for _, e := range list.Entries {
			p.Routes = append(p.Routes, lpm.Route{Addr: e.Addr, Len: e.Len})
		}
		if len(list.Entries) == 0 {
			return fmt.Errorf("%s has no IPv4 prefix", path)
		}
		return nil
	}
	if from, to, ok := strings.Cut(item, "-"); ok {
		first, okFirst := parseAddr(from)
		last, okLast := parseAddr(to)
		if !okFirst || !okLast || first > last {
			return fmt.Errorf("%q is not a range: two IPv4 addresses a.b.c.d-e.f.g.h, the lower one first", item)
		}
		p.Routes = append(p.Routes, cover(first, last)...)
		return nil
	}
	text, length, prefix := strings.Cut(item, "/")
	addr, ok := parseAddr(text)
	n := 32
	if prefix {
		var used int
		n, used = decimal([]byte(length), 32)
		ok = ok && used > 0 && used == len(length)
	}
	if !ok {
		return fmt.Errorf("%q is not a set of addresses: a.b.c.d, a.b.c.d/length, a.b.c.d-e.f.g.h or table:FILE", item)
	}
	if canonical := addr & mask(uint8(n)); canonical != addr {
		return fmt.Errorf("%s has host bits set: %s is the prefix", item, prefixText(canonical, uint8(n)))
	}
	p.Routes = append(p.Routes, lpm.Route{Addr: addr, Len: uint8(n)})
	return nil
}

// cover returns the fewest prefixes that are exactly a range.
func cover(first, last uint32) (routes []lpm.Route) {
	for {
		// The largest prefix that begins here and does not go beyond the end.
		free := min(bits.TrailingZeros32(first), bits.Len64(uint64(last-first)+1)-1)
		routes = append(routes, lpm.Route{Addr: first, Len: uint8(32 - free)})
		end := first + uint32(uint64(1)<<free-1)
		if end == last {
			return routes
		}
		first = end + 1
	}
}

func parseAddr(text string) (uint32, bool) {
	addr, used := parseIPv4([]byte(text))
	return addr, used == len(text)
}

// Holds tells whether the address is in the pool. A nil pool holds none.
func (p *Pool) Holds(addr uint32) bool { return p != nil && p.space.holds(addr) }

// Size returns the number of addresses.
func (p *Pool) Size() uint64 { return p.space.size }

// First returns the lowest address; the pool is not empty.
func (p *Pool) First() uint32 { return p.Routes[0].Addr }
