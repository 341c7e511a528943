package mrt

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"vrfwd/vrftable"
)

// MaxRoutes is how many routes are taken from a file at most: 1 GiB of them.
const MaxRoutes = 64 << 20

// Route is a peer's route to a prefix: 16 bytes.
type Route struct {
	Addr  uint32 // host order, host bits zero
	ID    uint32 // path identifier (RFC 8050); 0: none
	Attrs uint32 // in Dump.Attrs
	Peer  uint16 // in Dump.Peers
	Len   uint8
}

// Dump is what was taken of a collector's table. It is not changed after Read; any number of goroutines may read it.
type Dump struct {
	File  string
	Time  time.Time // of the first record
	Peers []Peer    // of the file's index
	// Routes of the chosen peers, sorted by prefix, peer and path identifier, each once.
	Routes []Route
	// Attrs are the distinct sets of attributes. Those that a route names have an IPv4 next hop. Sets may be equal: they then
	// differ in what vrftable does not know.
	Attrs   []vrftable.Attributes
	Skipped Skipped
	ASSets  int // routes of whose path an AS_SET counts as its lowest AS
}

// ReadFile is Read of a file, which must be a regular one.
func ReadFile(path string, c Choice) (*Dump, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(f, path, c)
}

// IsDump tells, by its content, whether a regular file begins as a table dump: plain, gzip or bzip2. Others it does not read.
// Errors: opening's.
func IsDump(path string) (bool, error) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return false, err
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	r, err := decompress(f)
	if err != nil {
		return false, nil
	}
	defer r.Close()
	var head [headerLen]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return false, nil
	}
	kind, subtype, length := binary.BigEndian.Uint16(head[4:]), binary.BigEndian.Uint16(head[6:]), binary.BigEndian.Uint32(head[8:])
	return kind == tableDumpV2 && subtype <= ribGenericAddPath && length <= MaxRecord, nil
}

// openRegular opens a file. What is no file may have no end, and cannot be read twice.
func openRegular(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, cmp.Or(err, fmt.Errorf("%s: not a regular file", path))
	}
	return f, nil
}

// Read reads the IPv4 unicast routes of a TABLE_DUMP_V2 file, plain, gzip or bzip2, from where r stands. What else is in the
// file is skipped and counted. name stands for the file in errors. Errors: *Error where the file is malformed or cut short; a
// choice that the file cannot serve; r's. Nothing is returned with an error.
func Read(r io.ReadSeeker, name string, c Choice) (*Dump, error) {
	start, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d := &dumpReader{dump: &Dump{File: name}, choice: &c}
	if !c.All && len(c.Peers) == 0 {
		if err := d.read(r, true); err != nil {
			return nil, err
		}
		peers := d.dump.Peers
		mostRoutes(peers)
		for i := range peers {
			peers[i].Routes = 0
		}
		d.dump = &Dump{File: name}
		d.marked = peers
	}
	// A route takes some 16 bytes of a compressed file with one peer, and more of any other.
	end, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	room := int(min((end-start)/16, 1<<20))
	d.dump.Routes, d.sets = make([]Route, 0, room), newAttrSets(room/8)
	if _, err := r.Seek(start, io.SeekStart); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := d.read(r, false); err != nil {
		return nil, err
	}
	d.finish()
	return d.dump, nil
}

// dumpReader makes a Dump.
type dumpReader struct {
	reader
	dump   *Dump
	choice *Choice
	marked []Peer // as the first reading marked them; nil: by choice
	count  bool   // routes alone
	index  []byte // the body of the PEER_INDEX_TABLE
	sets   *attrSets
}

// read reads the file once: to count each peer's routes, or to take those of the chosen ones.
func (d *dumpReader) read(r io.Reader, count bool) error {
	d.reader = reader{stream: newStream(r), name: d.dump.File}
	defer d.Close()
	d.count, d.index = count, nil
	for first := true; ; first = false {
		more, err := d.next()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if first {
			d.dump.Time = d.time()
		}
		if err := d.take(); err != nil {
			return d.fail(err)
		}
	}
	if d.index == nil {
		return &Error{File: d.name, Offset: d.stream.offset, Reason: "no PEER_INDEX_TABLE before the end: a table dump in MRT's " +
			"TABLE_DUMP_V2 format (RFC 6396 4.3) is needed; it has " + d.dump.Skipped.String()}
	}
	return nil
}

// take takes what is in a record. Errors are *fault.
func (d *dumpReader) take() error {
	if d.kind != tableDumpV2 {
		d.dump.Skipped[OtherRecord]++
		return nil
	}
	switch d.subtype {
	case peerIndexTable:
		return d.peers()
	case ribIPv4, ribIPv4AddPath:
		c := cursor{b: d.body}
		if _, err := c.bytes(4, "a sequence number"); err != nil {
			return err
		}
		return d.prefix(&c, d.subtype == ribIPv4AddPath)
	case ribGeneric, ribGenericAddPath:
		return d.generic()
	case ribIPv6, ribIPv6AddPath:
		d.dump.Skipped[IPv6]++
	case ribIPv4Multicast, ribIPv4McAddPath, ribIPv6Multicast, ribIPv6McAddPath:
		d.dump.Skipped[OtherFamily]++
	default: // GEO_PEER_TABLE (RFC 6397), and what comes after RFC 8050
		d.dump.Skipped[OtherRecord]++
	}
	return nil
}

func (d *dumpReader) peers() error {
	if d.index != nil {
		if string(d.index) == string(d.body) {
			return nil
		}
		return wrong(0, "a second PEER_INDEX_TABLE with other peers: one is allowed in a file")
	}
	peers, err := parsePeers(d.body)
	if err != nil {
		return err
	}
	d.index = append([]byte{}, d.body...)
	d.dump.Peers = peers
	if d.marked != nil {
		if len(d.marked) != len(peers) {
			return wrong(0, "the file changed while it was read")
		}
		for i := range peers {
			peers[i].Chosen = d.marked[i].Chosen
		}
		return nil
	}
	if err := d.choice.choose(peers); err != nil {
		return &fault{0, err.Error(), err}
	}
	return nil
}

// generic takes a RIB_GENERIC record (RFC 6396 4.3.3) if it is of IPv4 unicast.
func (d *dumpReader) generic() error {
	const afi, afi6, safi = 1, 2, 1
	c := cursor{b: d.body}
	b, err := c.bytes(7, "sequence number, AFI and SAFI")
	if err != nil {
		return err
	}
	switch family, sub := binary.BigEndian.Uint16(b[4:]), b[6]; {
	case family == afi && sub == safi:
		return d.prefix(&c, d.subtype == ribGenericAddPath)
	case family == afi6 && sub == safi:
		d.dump.Skipped[IPv6]++
	default:
		d.dump.Skipped[OtherFamily]++
	}
	return nil
}

// prefix takes a prefix and its RIB entries (RFC 6396 4.3.4, RFC 8050 4): those of peers that were not chosen are stepped over.
func (d *dumpReader) prefix(c *cursor, addPath bool) error {
	if d.index == nil {
		return wrong(0, "a RIB record before the PEER_INDEX_TABLE, which says whose routes these are")
	}
	addr, length, err := c.prefix()
	if err != nil {
		return err
	}
	b, err := c.bytes(2, "an entry count")
	if err != nil {
		return err
	}
	head := 8 // peer index, time, length of the attributes
	if addPath {
		head = 12
	}
	peers, outside := d.dump.Peers, martian(addr, length)
	for left := binary.BigEndian.Uint16(b); left > 0; left-- {
		if c.left() < head {
			return wrong(c.at, "an entry of a route needs %d bytes: %d are left, and %d entries to come", head, c.left(), left)
		}
		e := c.b[c.at:]
		peer, size := binary.BigEndian.Uint16(e), int(binary.BigEndian.Uint16(e[head-2:]))
		if int(peer) >= len(peers) {
			return wrong(c.at, "a route of peer %d: the PEER_INDEX_TABLE has %d, from 0", peer, len(peers))
		}
		if len(e)-head < size {
			return wrong(c.at+head-2, "%d bytes of attributes: %d are left", size, len(e)-head)
		}
		from := c.at + head
		c.at = from + size
		p := &peers[peer]
		p.Routes++
		switch {
		case d.count:
			continue
		case !p.Chosen:
			d.dump.Skipped[OtherPeer]++
			continue
		case outside:
			d.dump.Skipped[Martian]++
			continue
		}
		n, err := d.sets.intern(e[head:head+size], dumped)
		if err != nil {
			if f, ok := errors.AsType[*fault](err); ok {
				f.at += from
			}
			return err
		}
		switch m := d.sets.marks[n]; {
		case m&noNextHop != 0:
			d.dump.Skipped[NoNextHop]++
			continue
		case m&asSet != 0:
			d.dump.ASSets++
		}
		if len(d.dump.Routes) == MaxRoutes {
			return wrong(from-head, "more than %d routes: choose fewer peers", MaxRoutes)
		}
		r := Route{Addr: addr, Attrs: uint32(n), Peer: peer, Len: length}
		if addPath {
			r.ID = binary.BigEndian.Uint32(e[6:])
		}
		d.dump.Routes = append(d.dump.Routes, r)
	}
	if c.left() > 0 {
		return wrong(c.at, "%d bytes after the last entry", c.left())
	}
	return nil
}

// finish brings the routes in order and lets go of what was for reading alone.
func (d *dumpReader) finish() {
	t := d.dump
	t.Attrs = d.sets.sets
	if !slices.IsSortedFunc(t.Routes, Route.compare) {
		slices.SortStableFunc(t.Routes, Route.compare)
	}
	all := len(t.Routes)
	t.Routes = slices.CompactFunc(t.Routes, func(a, b Route) bool { return a.compare(b) == 0 })
	t.Skipped[Repeated] += all - len(t.Routes)
}

func (r Route) compare(o Route) int {
	if c := cmp.Compare(uint64(r.Addr)<<8|uint64(r.Len), uint64(o.Addr)<<8|uint64(o.Len)); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(r.Peer, o.Peer), cmp.Compare(r.ID, o.ID))
}

// Chosen returns the peers whose routes were taken.
func (d *Dump) Chosen() (chosen []Peer) {
	for _, p := range d.Peers {
		if p.Chosen {
			chosen = append(chosen, p)
		}
	}
	return chosen
}

// Summary says in a line what was taken and what was skipped.
func (d *Dump) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s routes with %s sets of attributes", thousands(len(d.Routes)), thousands(len(d.Attrs)))
	if chosen := d.Chosen(); len(chosen) == 1 {
		fmt.Fprintf(&b, " of peer %v, one of %d", &chosen[0], len(d.Peers))
	} else {
		fmt.Fprintf(&b, " of %d of %d peers", len(chosen), len(d.Peers))
	}
	fmt.Fprintf(&b, ", at %s; skipped: %v", d.Time.Format(time.RFC3339), &d.Skipped)
	if d.ASSets > 0 {
		fmt.Fprintf(&b, "; %s with an AS_SET, which counts as its lowest AS", thousands(d.ASSets))
	}
	return b.String()
}
