package lpm

import (
	"fmt"
	"math/bits"
	"sync/atomic"

	"vrfwd/internal/offheap"
	"vrfwd/internal/qsbr"
)

// Geometry of the global table: 18 bits index the root, 6 bits the slots of a chunk, 8 bits are left to long prefixes.
const (
	rootBits  = 18
	rootShift = 32 - rootBits
	chunkBits = 24 - rootBits
	chunkLen  = 1 << chunkBits
)

// Table is one large table: 18-6-8 with chunks of variable stride.
//
// A root entry names a chunk and how coarse it is; the chunk holds one leaf per 2^s /24 blocks:
//
//	root[addr>>14]   31                      3 2  0
//	                |  offset into leaves     |  s  |      leaf = leaves[offset + (addr>>8&63)>>s]
//
// An /18 that one hop covers has s = 6 and names the one shared leaf of that hop, so every lookup makes the same two
// loads and takes no branch. A leaf is one byte and the hop itself while no hop is above 254, one byte and translated
// by ids (1 KiB, always in L1) while there are at most 254 distinct hops, and 16 bits with more. The real table of 901,899 prefixes has 262,144
// root entries (1 MiB) and 3,036,102 leaves in 64,802 chunks: 3.9 MiB.
//
// The largest leaf is an escape: the /24 holds longer prefixes, which stand with their cover in a Set of one table.
//
// Readers: Lookup and LookupBurst never lock, never wait and see each prefix either before or after a change. A
// published chunk is immutable; a change writes a new one and swaps the root word. One writer at a time.
type Table struct {
	domain *qsbr.Domain
	dense  atomic.Pointer[dense] // loaded once per burst
	long   *Set                  // prefixes beyond /24 and their covers, in table 1
	shelf  shelf
	old    []oldDense // replaced by Build, waiting for their readers

	// Escapes, the writer's view. A cover outlives its escape by a grace period: a reader may still follow it.
	escapes map[uint32]uint64 // by root entry: its slots that are escapes
	covers  map[uint32]uint16 // by /24: the hop that stands for it in long
	dropped []uint32          // /24s whose escape is gone, no token yet
	stale   map[uint32]uint64 // by /24: token after which its cover may go

	paint [chunkLen]uint16 // scratch: one chunk's hops
}

// dense is one generation of root and leaves. It lives until Build replaces it, or a hop arrives that it has no leaf for.
type dense struct {
	root   []uint32
	ids    []uint32        // translated: leaf -> hop; else nil
	narrow *pool[uint8]    // direct or translated; else nil
	wide   *pool[uint16]   // wide; else nil
	leaf8  []uint8         // narrow's memory
	leaf16 []uint16        // wide's memory
	escape uint32          // what a lookup gives where long must answer: escape8 if direct, or else escape16
	region *offheap.Region // root and ids

	// The writer's, unless wide: hop -> leaf, 0 where it has none, and the leaves given out, 0 included.
	leafOf *[1 << 16]uint8
	used   int
}

// width is how a dense part stores its hops.
type width uint8

const (
	direct     width = iota // one byte, the hop itself: hops up to 254
	translated              // one byte, by ids: up to 254 distinct hops
	wide                    // two bytes, the hop itself
)

type oldDense struct {
	d     *dense
	token uint64
}

const (
	escape8   = 1<<8 - 1
	escape16  = 1<<16 - 1
	maxNarrow = escape8 - 1
	// Reservations, in leaves: the worst case is a /24 of its own hop in every slot, twice for runs in their grace period.
	reserve8  = 1 << 26
	reserve16 = 1 << 26
)

// NewTable makes an empty table whose readers pass quiescent states in d. The caller closes it.
func NewTable(d *qsbr.Domain) (*Table, error) {
	long, err := newSet(d, 2, reserveLong)
	if err != nil {
		return nil, err
	}
	t := &Table{domain: d, long: long, escapes: map[uint32]uint64{}, covers: map[uint32]uint16{}, stale: map[uint32]uint64{}}
	if err := t.Build(nil); err != nil {
		long.Close()
		return nil, err
	}
	return t, nil
}

func newDense(d *qsbr.Domain, w width) (*dense, error) {
	region, err := offheap.Alloc(offheap.HugePage) // a whole one, though half would do: 4 KiB pages cost 1 ns a lookup
	if err != nil {
		return nil, fmt.Errorf("lpm: %w", err)
	}
	words := offheap.Slice[uint32](region, 1<<rootBits+1<<8)
	n := &dense{region: region, root: words[:1<<rootBits], escape: escape16}
	if w == wide {
		if n.wide, err = newPool[uint16](d, reserve16); err == nil {
			n.leaf16 = n.wide.all
			_, err = n.wide.alloc(16) // one shared leaf per hop
			for h := range 1 << 16 {
				n.leaf16[h] = uint16(h)
			}
		}
	} else if n.narrow, err = newPool[uint8](d, reserve8); err == nil {
		n.leaf8 = n.narrow.all
		n.leafOf, n.used = new([1 << 16]uint8), 1
		if w == direct {
			n.escape = escape8
		} else {
			n.ids = words[1<<rootBits:]
			n.ids[escape8] = escape16
		}
		_, err = n.narrow.alloc(8) // one shared leaf per id
		for id := range 1 << 8 {
			n.leaf8[id] = uint8(id)
		}
	}
	if err != nil {
		n.close()
		return nil, err
	}
	for i := range n.root {
		n.root[i] = chunkBits // s = 6, leaf 0: no route
	}
	return n, nil
}

func (d *dense) close() {
	if d.narrow != nil {
		d.narrow.close()
	}
	if d.wide != nil {
		d.wide.close()
	}
	d.region.Close()
}

// Len returns the number of prefixes.
func (t *Table) Len() int { return t.shelf.count }

// Lookup returns the hop of the longest prefix that holds addr, 0 when there is none.
func (t *Table) Lookup(addr uint32) Hop {
	d := t.dense.Load()
	e := atomic.LoadUint32(&d.root[addr>>rootShift])
	i := e>>3 + addr>>8&(chunkLen-1)>>(e&7)
	var h uint32
	switch {
	case d.wide != nil:
		h = uint32(d.leaf16[i])
	case d.ids != nil:
		h = d.ids[d.leaf8[i]]
	default:
		h = uint32(d.leaf8[i])
	}
	if h == d.escape {
		return t.long.Lookup(1, addr)
	}
	return Hop(h)
}

// LookupBurst looks addrs[i] up into hops[i] for all i. len(hops) must be at least len(addrs).
func (t *Table) LookupBurst(addrs []uint32, hops []Hop) {
	hops = hops[:len(addrs)]
	d := t.dense.Load()
	if !d.burst(addrs, hops) {
		return
	}
	for i, h := range hops { // some addresses in a thousand
		if h == Hop(d.escape) {
			hops[i] = t.long.Lookup(1, addrs[i])
		}
	}
}

// Build replaces the whole content by routes, in any order; of equal prefixes the last wins, hop 0 is left out. Readers
// see the old content until the new one is complete. Sorted input (address, then length) builds fastest.
func (t *Table) Build(routes []Route) error {
	if err := checkAll(routes); err != nil {
		return err
	}
	old := t.shelf
	t.shelf = shelf{}
	t.shelf.fill(routes)
	err := t.rebuild(t.width(maxNarrow))
	if err != nil {
		t.shelf = old
	}
	return err
}

// width returns the narrowest way to store the shelf's hops; limit is how many distinct ones may be translated.
func (t *Table) width(limit int) width {
	seen := new([1 << 16]bool)
	distinct, highest := 0, uint16(0)
	for r := range t.shelf.each {
		if h := r.hop(); !seen[h] {
			seen[h] = true
			distinct++
			highest = max(highest, h)
		}
	}
	switch {
	case highest <= maxNarrow:
		return direct
	case distinct <= limit:
		return translated
	}
	return wide
}

// rebuild compiles the shelf into a fresh dense part and publishes it.
func (t *Table) rebuild(w width) error {
	d, err := newDense(t.domain, w)
	if err != nil {
		return err
	}
	if w != wide {
		for r := range t.shelf.each {
			d.admit(r.hop())
		}
	}
	// What an escape leads to must stand before the root that names it: long is brought up to date first.
	if err = t.rebuildLong(); err == nil {
		for i := uint32(0); i < 1<<rootBits && err == nil; i++ {
			err = t.compile(d, i)
		}
	}
	if err != nil {
		d.close()
		return err
	}
	if old := t.dense.Swap(d); old != nil {
		t.old = append(t.old, oldDense{old, t.domain.Advance()})
	}
	t.seal()
	return nil
}

// admit gives a hop its leaf and reports whether there was room for it.
func (d *dense) admit(hop uint16) bool {
	switch {
	case hop == 0 || d.wide != nil || d.leafOf[hop] != 0:
		return true
	case d.ids == nil:
		if hop > maxNarrow {
			return false
		}
		d.leafOf[hop] = uint8(hop)
		return true
	case d.used > maxNarrow:
		return false
	}
	atomic.StoreUint32(&d.ids[d.used], uint32(hop)) // before any leaf names it
	d.leafOf[hop] = uint8(d.used)
	d.used++
	return true
}

// Apply inserts, replaces (hop above 0) and deletes (hop 0) prefixes in place, while readers look up. All changes are
// checked before the first is made; deleting a prefix that is not there changes nothing.
func (t *Table) Apply(changes []Route) error {
	if err := checkAll(changes); err != nil {
		return err
	}
	for _, c := range changes {
		if !t.shelf.put(c) {
			continue
		}
		d := t.dense.Load()
		if !d.admit(uint16(c.Hop)) {
			// The first hop above 254, or the 255th distinct one. The margin keeps this from happening again soon.
			if err := t.rebuild(t.width(maxNarrow * 7 / 8)); err != nil {
				return err
			}
			continue
		}
		if c.Len > 24 {
			if err := t.long.Apply(1, []Route{c}); err != nil {
				return err
			}
		}
		first := c.Addr >> rootShift
		last := (c.Addr | ^mask(c.Len)) >> rootShift
		for i := first; ; i++ {
			if err := t.compile(d, i); err != nil {
				return err
			}
			if i == last {
				break
			}
		}
	}
	t.seal()
	return nil
}

// compile writes the chunk of root entry i from the shelf and publishes it.
func (t *Table) compile(d *dense, i uint32) error {
	base := i << rootShift
	end := base + 1<<rootShift - 1
	cover := t.shelf.top.cover(base, 0)
	var low records
	if o := t.shelf.octets[base>>24]; o != nil {
		cover = o.mid.cover(base, cover)
		low = o.low(uint8(base >> 16))
	}
	if len(low) > 0 { // /17 and /18, then what is longer
		var k int
		for k = 0; k < len(low) && low[k].addr() <= base; k++ {
			if r := low[k]; r.len() <= rootBits && r.last() >= end {
				cover = r.hop()
			}
		}
		k, _ = low.search(newRecord(Route{Addr: base, Len: rootBits + 1}).key())
		n := k
		for n < len(low) && low[n].addr() <= end {
			n++
		}
		low = low[k:n]
	}
	if len(low) == 0 {
		t.setEscapes(i, 0)
		return d.publish(i, nil, cover)
	}
	slots := &t.paint
	for j := range slots {
		slots[j] = cover
	}
	var escapes uint64
	for _, r := range low {
		first := r.addr() >> 8 & (chunkLen - 1)
		if r.len() > 24 {
			escapes |= 1 << first
			continue
		}
		last := r.last() >> 8 & (chunkLen - 1)
		h := r.hop()
		for j := first; j <= last; j++ {
			slots[j] = h
		}
	}
	for m := escapes; m != 0; m &= m - 1 {
		j := bits.TrailingZeros64(m)
		if err := t.setCover(base>>8+uint32(j), slots[j]); err != nil {
			return err
		}
		slots[j] = escape16
	}
	t.setEscapes(i, escapes)
	return d.publish(i, slots, 0)
}

// setCover has a /24 with longer prefixes stand in long with its own hop, before its escape is published.
func (t *Table) setCover(block uint32, hop uint16) error {
	delete(t.stale, block)
	if have, ok := t.covers[block]; ok && have == hop {
		return nil
	}
	t.covers[block] = hop
	return t.long.Apply(1, []Route{{Addr: block << 8, Len: 24, Hop: Hop(hop)}})
}

// setEscapes notes which slots of a root entry are escapes, and which no longer are.
func (t *Table) setEscapes(i uint32, escapes uint64) {
	old := t.escapes[i]
	if old == escapes {
		return
	}
	for m := old &^ escapes; m != 0; m &= m - 1 {
		t.dropped = append(t.dropped, i<<chunkBits+uint32(bits.TrailingZeros64(m)))
	}
	if escapes == 0 {
		delete(t.escapes, i)
	} else {
		t.escapes[i] = escapes
	}
}

// rebuildLong brings long up to date with the shelf's prefixes beyond /24. Covers follow as chunks are compiled.
func (t *Table) rebuildLong() error {
	var routes []Route
	want := map[uint64]bool{}
	for r := range t.shelf.each {
		if r.len() > 24 {
			routes = append(routes, r.route())
			want[r.key()] = true
		}
	}
	if have := t.long.tables[1]; have != nil {
		for r := range have.each {
			if r.len() > 24 && !want[r.key()] {
				routes = append(routes, Route{Addr: r.addr(), Len: r.len()})
			}
		}
	}
	return t.long.Apply(1, routes)
}

// publish writes a chunk of hops (escape16: escape), or for nil slots the one hop of the whole /18, and swaps the
// root entry to it. The old chunk is retired.
func (d *dense) publish(i uint32, slots *[chunkLen]uint16, hop uint16) error {
	s := uint32(chunkBits)
	if slots != nil {
		s, hop = stride(slots), slots[0]
	}
	order := int(chunkBits - s)
	var off uint32
	var err error
	switch {
	case order == 0 && d.wide != nil:
		off = uint32(hop)
	case order == 0:
		off = uint32(d.leaf(hop))
	case d.wide != nil:
		if off, err = d.wide.alloc(order); err != nil {
			return err
		}
		for j := range 1 << order {
			d.leaf16[int(off)+j] = slots[j<<s]
		}
	default:
		if off, err = d.narrow.alloc(order); err != nil {
			return err
		}
		for j := range 1 << order {
			d.leaf8[int(off)+j] = d.leaf(slots[j<<s])
		}
	}
	old := d.root[i]
	atomic.StoreUint32(&d.root[i], off<<3|s)
	if order := int(chunkBits - old&7); order > 0 {
		if d.wide != nil {
			d.wide.retire(old>>3, order)
		} else {
			d.narrow.retire(old>>3, order)
		}
	}
	return nil
}

// leaf is the leaf of a hop that admit has let in.
func (d *dense) leaf(hop uint16) uint8 {
	if hop == escape16 {
		return escape8
	}
	return d.leafOf[hop]
}

// stride returns the largest s for which runs of 2^s slots are equal throughout the chunk.
func stride(slots *[chunkLen]uint16) uint32 {
	// The lowest slot number at which neighbours differ, over all of them, has the chunk's granularity as its lowest bit.
	low := uint32(chunkLen)
	for j := uint32(1); j < chunkLen; j++ {
		if slots[j] != slots[j-1] {
			low |= j
		}
	}
	s := uint32(0)
	for low>>s&1 == 0 {
		s++
	}
	return s
}

// seal starts the grace period of the covers that the last changes dropped, and frees what has passed its own.
func (t *Table) seal() {
	if len(t.dropped) > 0 {
		token := t.domain.Advance()
		for _, block := range t.dropped {
			if t.escapes[block>>chunkBits]>>(block&(chunkLen-1))&1 == 0 {
				t.stale[block] = token
			}
		}
		t.dropped = t.dropped[:0]
	}
	n := 0
	for ; n < len(t.old) && t.domain.Passed(t.old[n].token); n++ {
		t.old[n].d.close()
	}
	t.old = t.old[n:]
	for block, token := range t.stale {
		if t.domain.Passed(token) {
			delete(t.stale, block)
			delete(t.covers, block)
			// Should memory be short, the cover stays: no escape names it, so it is harmless.
			_ = t.long.Apply(1, []Route{{Addr: block << 8, Len: 24}})
		}
	}
}

// Memory returns the bytes that lookups read (fib) and those of the writer's own records on the heap (writer).
func (t *Table) Memory() (fib, writer int) {
	d := t.dense.Load()
	fib, writer = t.long.Memory()
	fib += 4 * (len(d.root) + len(d.ids))
	if d.wide != nil {
		fib += 2 * d.wide.top
	} else {
		fib += d.narrow.top
	}
	return fib, writer + t.shelf.bytes() + 16*len(t.covers)
}

// Close gives the memory back. No reader may use the table any more.
func (t *Table) Close() {
	if d := t.dense.Swap(nil); d != nil {
		d.close()
	}
	for _, o := range t.old {
		o.d.close()
	}
	t.old = nil
	t.long.Close()
}
