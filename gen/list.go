package gen

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"

	"vrfwd/lpm"
)

// Limits of a prefix list. A file that exceeds one is refused, not cut.
const (
	MaxEntries = 8 << 20 // prefixes: several times the Internet's table
	MaxLine    = 4096    // bytes of one line
)

// Entry is one IPv4 prefix of a list.
type Entry struct {
	Addr    uint32 // host order, host bits zero
	Len     uint8  // 0..32
	NextHop uint32 // host order; 0: the line names none
	Line    int    // where it stands, from 1
}

// List is a prefix list: the IPv4 entries sorted by (Addr, Len), each prefix once.
type List struct {
	Entries []Entry
	IPv6    int // lines with an IPv6 prefix: well-formed, skipped
}

// SyntaxError says where a list is malformed, what was wrong and what is allowed.
type SyntaxError struct {
	File   string
	Line   int // from 1
	Column int // in bytes, from 1
	Reason string
}

// Error gives "file:line:column: reason".
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Reason)
}

// ReadTableFile reads a prefix list from a file; see ReadTable.
func ReadTableFile(path string) (*List, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("gen: prefix list: %w", err)
	}
	defer f.Close()
	return ReadTable(f, path)
}

// ReadTable reads a prefix list, plain or gzip (told by its first two bytes, RFC 1952 2.3.1): one
//
//	prefix [next-hop]    # comment
//
// a line, fields separated by blanks, in any order of prefixes; empty lines are allowed. A prefix is an IPv4 address
// in dotted decimal, a slash and a length 0..32, host bits zero; a next hop is an IPv4 address other than 0.0.0.0.
// Lines with an IPv6 prefix are checked, counted and skipped. A prefix that occurs twice is an error.
// name stands for the input in errors, which are *SyntaxError or come from r. Nothing is returned with an error.
func ReadTable(r io.Reader, name string) (*List, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	if magic, _ := br.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		zr, err := gzip.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf("%s: not a gzip file: %w", name, err)
		}
		r = zr
	} else {
		r = br
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, MaxLine), MaxLine)
	list := new(List)
	n := 0
	for lines.Scan() {
		n++
		if err := list.addLine(lines.Bytes(), n); err != nil {
			err.File, err.Line = name, n
			return nil, err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, &SyntaxError{name, n + 1, MaxLine, fmt.Sprintf("line too long: at most %d bytes are allowed", MaxLine-1)}
	case err != nil:
		return nil, fmt.Errorf("%s:%d: %w", name, n+1, err)
	}
	if err := list.sort(name); err != nil {
		return nil, err
	}
	return list, nil
}

// addLine adds one line's entry, if it has one. The error lacks file and line.
func (l *List) addLine(line []byte, n int) *SyntaxError {
	if i := bytes.IndexByte(line, '#'); i >= 0 {
		line = line[:i]
	}
	prefix, at, rest := field(line, 0)
	if len(prefix) == 0 {
		return nil
	}
	if bytes.IndexByte(prefix, ':') >= 0 {
		if _, err := netip.ParsePrefix(string(prefix)); err != nil {
			return wrong(at, "%q is not an IPv6 prefix: address/length, length 0 to 128", prefix)
		}
		l.IPv6++
		return nil
	}
	e := Entry{Line: n}
	var used int
	if e.Addr, used = parseIPv4(prefix); used < 0 {
		return wrong(at, "%q is not an IPv4 prefix: a.b.c.d/length with numbers 0 to 255 without leading zeros", prefix)
	}
	if used == len(prefix) || prefix[used] != '/' {
		return wrong(at+used, "%q has no /length: a.b.c.d/0 to a.b.c.d/32 are allowed", prefix)
	}
	length := prefix[used+1:]
	if bits, used := decimal(length, 32); used == len(length) && used > 0 {
		e.Len = uint8(bits)
	} else {
		return wrong(at+len(prefix)-len(length), "%q is not a prefix length: 0 to 32 is allowed", length)
	}
	if canonical := e.Addr & mask(e.Len); canonical != e.Addr {
		return wrong(at, "%s has host bits set: %s is the prefix", prefix, prefixText(canonical, e.Len))
	}
	hop, at, rest := field(line, rest)
	if len(hop) > 0 {
		var used int
		if e.NextHop, used = parseIPv4(hop); used != len(hop) {
			return wrong(at, "%q is not a next hop: an IPv4 address is allowed", hop)
		}
		if e.NextHop == 0 {
			return wrong(at, "next hop 0.0.0.0: name a router's address, or none")
		}
	}
	if extra, at, _ := field(line, rest); len(extra) > 0 {
		return wrong(at, "%q after the next hop: a line is `prefix [next-hop]`", extra)
	}
	if len(l.Entries) == MaxEntries {
		return wrong(at, "more than %d prefixes", MaxEntries)
	}
	l.Entries = append(l.Entries, e)
	return nil
}

// sort orders the entries and refuses duplicates, naming both lines.
func (l *List) sort(name string) error {
	order := func(a, b Entry) int {
		if c := compare(lpm.Route{Addr: a.Addr, Len: a.Len}, lpm.Route{Addr: b.Addr, Len: b.Len}); c != 0 {
			return c
		}
		return a.Line - b.Line
	}
	if !slices.IsSortedFunc(l.Entries, order) {
		slices.SortFunc(l.Entries, order)
	}
	for i := 1; i < len(l.Entries); i++ {
		a, b := l.Entries[i-1], l.Entries[i]
		if a.Addr == b.Addr && a.Len == b.Len {
			return &SyntaxError{name, b.Line, 1, fmt.Sprintf("%s was already given on line %d: each prefix is allowed once",
				prefixText(b.Addr, b.Len), a.Line)}
		}
	}
	return nil
}

// Routes turns the list into routes. Entries with a next hop get the index of that address among the list's distinct
// next hops, ascending from 1; entries without are spread by locality over nextHops further indices. gateways[i-1] is
// the address of index i, 0 where the list has none. nextHops counts only where some entry has no next hop.
func (l *List) Routes(nextHops int, locality Locality, seed uint64) (routes []lpm.Route, gateways []uint32, err error) {
	var bare []lpm.Route // the entries without a next hop
	for _, e := range l.Entries {
		if e.NextHop != 0 {
			gateways = append(gateways, e.NextHop)
		} else {
			bare = append(bare, lpm.Route{Addr: e.Addr, Len: e.Len})
		}
	}
	slices.Sort(gateways)
	gateways = slices.Clip(slices.Compact(gateways))
	named := len(gateways)
	total := named
	if len(bare) > 0 {
		if err := AssignHops(bare, nextHops, locality, seed); err != nil {
			return nil, nil, err
		}
		total += nextHops
	}
	if total > int(lpm.MaxHop) {
		return nil, nil, fmt.Errorf("gen: %d next hops (%d of them named): at most %d are possible", total, named, lpm.MaxHop)
	}
	gateways = append(gateways, make([]uint32, total-named)...)
	routes = make([]lpm.Route, len(l.Entries))
	for i, e := range l.Entries {
		r := lpm.Route{Addr: e.Addr, Len: e.Len}
		if e.NextHop != 0 {
			at, _ := slices.BinarySearch(gateways[:named], e.NextHop)
			r.Hop = lpm.Hop(at + 1)
		} else {
			r.Hop = bare[0].Hop + lpm.Hop(named)
			bare = bare[1:]
		}
		routes[i] = r
	}
	return routes, gateways, nil
}

// WriteTable writes entries as ReadTable reads them, plain, one a line.
func WriteTable(w io.Writer, entries []Entry) error {
	bw := bufio.NewWriter(w)
	var line []byte
	for _, e := range entries {
		line = appendPrefix(line[:0], e.Addr, e.Len)
		if e.NextHop != 0 {
			line = append(line, ' ')
			line = appendIPv4(line, e.NextHop)
		}
		line = append(line, '\n')
		if _, err := bw.Write(line); err != nil {
			return fmt.Errorf("gen: write prefix list: %w", err)
		}
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("gen: write prefix list: %w", err)
	}
	return nil
}

// field returns the next run of non-blanks from offset from on, where it starts, and where to go on.
func field(line []byte, from int) (word []byte, at, next int) {
	for from < len(line) && blank(line[from]) {
		from++
	}
	next = from
	for next < len(line) && !blank(line[next]) {
		next++
	}
	return line[from:next], from, next
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// wrong makes a SyntaxError of a byte offset and a reason.
func wrong(offset int, format string, args ...any) *SyntaxError {
	return &SyntaxError{Column: offset + 1, Reason: fmt.Sprintf(format, args...)}
}

// parseIPv4 reads a dotted quad at the head of b; used is -1 where there is none.
func parseIPv4(b []byte) (addr uint32, used int) {
	for i := range 4 {
		if i > 0 {
			if used == len(b) || b[used] != '.' {
				return 0, -1
			}
			used++
		}
		v, n := decimal(b[used:], 255)
		if n == 0 {
			return 0, -1
		}
		addr = addr<<8 | uint32(v)
		used += n
	}
	return addr, used
}

// decimal reads the number at the head of b: at most limit (< 1000), no leading zeros; used is 0 where there is none.
func decimal(b []byte, limit int) (v, used int) {
	for used < len(b) && b[used] >= '0' && b[used] <= '9' {
		v = v*10 + int(b[used]-'0')
		used++
		if v > limit || used > 1 && b[0] == '0' {
			return 0, 0
		}
	}
	return v, used
}

func prefixText(addr uint32, length uint8) string { return string(appendPrefix(nil, addr, length)) }

func appendPrefix(b []byte, addr uint32, length uint8) []byte {
	b = append(appendIPv4(b, addr), '/')
	return appendDecimal(b, uint32(length))
}

func appendIPv4(b []byte, addr uint32) []byte {
	for shift := 24; shift > 0; shift -= 8 {
		b = append(appendDecimal(b, addr>>shift&255), '.')
	}
	return appendDecimal(b, addr&255)
}

func appendDecimal(b []byte, v uint32) []byte {
	if v >= 100 {
		b = append(b, byte('0'+v/100))
	}
	if v >= 10 {
		b = append(b, byte('0'+v/10%10))
	}
	return append(b, byte('0'+v%10))
}
