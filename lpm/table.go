package lpm

import (
	"maps"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"vrfwd/internal/qsbr"
)

// Table is one large table: 18-6-8 with chunks of variable stride.
//
// A root entry names a chunk and how coarse it is; the chunk holds one leaf per 2^s /24 blocks:
//
//	root[addr>>14]   31 29 28                  6 5      0
//	                |  s  | offset / 4 of leaves | claims |      leaf = leaves[offset + (addr>>8&63)>>s]
//
// claims are not the table's own matter: they tell LookupDual which addresses a VRF may have a route for (claims.go).
//
// An /18 that one hop covers has s = 6 and names the one shared leaf of that hop, so every lookup makes the same two
// loads and takes no branch. A leaf is one byte and the hop itself while no hop is above 254, one byte and translated
// by ids (1 KiB, always in L1) while there are at most 254 distinct hops, and 16 bits with more. The real table of
// 901,899 prefixes has 262,144 root entries (1 MiB) and 3,036,102 leaves in 64,802 chunks: 3.9 MiB.
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
	claims *claims    // of the Sets made for it; nil: none so far

	// Escapes, the writer's view. A cover outlives its escape by a grace period: a reader may still follow it.
	escapes map[uint32]uint64 // by root entry: its slots that are escapes
	covers  map[uint32]uint16 // by /24: the hop that stands for it in long
	dropped []uint32          // /24s whose escape is gone, no token yet
	stale   map[uint32]uint64 // by /24: token after which its cover may go

	paint [chunkLen]uint16 // scratch: one chunk's hops
	undo  []Route          // of the batch at hand
	owed  []Route          // that could not be taken back for want of memory
	torn  bool             // long does not hold what the shelf says
}

type oldDense struct {
	d     *dense
	token uint64
}

// NewTable makes an empty table whose readers pass quiescent states in d. The caller closes it.
func NewTable(d *qsbr.Domain) (*Table, error) {
	long, err := newSet(d, nil, 2, reserveLong)
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

// Len returns the number of prefixes.
func (t *Table) Len() int { return t.shelf.count }

// Lookup returns the hop of the longest prefix that holds addr, 0 when there is none.
func (t *Table) Lookup(addr uint32) Hop {
	d := t.dense.Load()
	e := atomic.LoadUint32(&d.root[addr>>RootShift])
	i := offsetOf(e) + addr>>8&(chunkLen-1)>>strideOf(e)
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
		return t.long.walk(1, addr)
	}
	return Hop(h)
}

// LookupBurst looks addrs[i] up into hops[i] for all i. len(hops) must be at least len(addrs).
func (t *Table) LookupBurst(addrs []uint32, hops []Hop) {
	hops = hops[:len(addrs)]
	d := t.dense.Load()
	for len(addrs) > 0 {
		n := min(len(addrs), maxBurst)
		part, out := addrs[:n], hops[:n]
		var escapes marks
		d.burst(part, out, &escapes)
		escapes.each(func(i int) { out[i] = t.long.walk(1, part[i]) }) // some addresses in a thousand
		addrs, hops = addrs[n:], hops[n:]
	}
}

// Build replaces the whole content by routes, in any order; of equal prefixes the last wins, hop 0 is left out. Readers
// see the old content until the new one is complete. Sorted input (address, then length) builds fastest. All or nothing, as
// Apply.
func (t *Table) Build(routes []Route) error {
	if err := checkAll(routes); err != nil {
		return err
	}
	if err := t.settle(); err != nil {
		return err
	}
	old := t.shelf
	t.shelf = shelf{}
	t.shelf.fill(routes)
	err := t.rebuild(t.width(maxNarrow))
	if err != nil {
		t.shelf = old
		t.takeBack(nil)
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
	for i := range d.root {
		d.root[i] |= t.claimed(uint32(i))
	}
	// What an escape leads to must stand before the root that names it: long is brought up to date first.
	escapes := maps.Clone(t.escapes)
	if err = t.rebuildLong(); err == nil {
		for i := uint32(0); i < 1<<rootBits && err == nil; i++ {
			err = t.compile(d, i)
		}
	}
	if err != nil {
		d.close()
		t.escapes, t.torn = escapes, true
		return err
	}
	t.torn = false
	if old := t.dense.Swap(d); old != nil {
		t.old = append(t.old, oldDense{old, t.domain.Advance()})
	}
	t.seal()
	return nil
}

// Apply inserts, replaces (hop above 0) and deletes (hop 0) prefixes in place, while readers look up. All changes are
// checked before the first is made; deleting a prefix that is not there changes nothing. All or nothing: where memory is
// full, what was done is taken back (see Owes).
func (t *Table) Apply(changes []Route) error {
	if err := checkAll(changes); err != nil {
		return err
	}
	if err := t.settle(); err != nil {
		return err
	}
	t.undo = again(t.undo)
	for len(changes) > 0 {
		n := 1 // prefixes beyond /24 of one root entry in a row are compiled together
		for n < len(changes) && changes[0].Len > 24 && changes[n].Len > 24 && (changes[0].Addr^changes[n].Addr)>>RootShift == 0 {
			n++
		}
		if err := t.apply(changes[:n]); err != nil {
			t.takeBack(t.undo)
			return err
		}
		changes = changes[n:]
	}
	t.seal()
	return nil
}

// apply makes one change, or several together.
func (t *Table) apply(changes []Route) error {
	dirty := changes[:0:0]
	for i, c := range changes {
		before, changed := t.shelf.put(c)
		if !changed {
			continue
		}
		t.undo = append(t.undo, Route{c.Addr, c.Len, before})
		if len(changes) == 1 {
			dirty = changes
		} else {
			dirty = append(dirty, changes[i])
		}
	}
	if len(dirty) == 0 {
		return nil
	}
	return t.install(dirty)
}

// install brings what readers see up to date with the shelf after one prefix has changed, or several beyond /24 of one
// root entry.
func (t *Table) install(changes []Route) error {
	d := t.dense.Load()
	for _, c := range changes {
		if !d.admit(uint16(c.Hop)) {
			// The first hop above 254, or the 255th distinct one. The margin keeps this from happening again soon.
			return t.rebuild(t.width(maxNarrow * 7 / 8))
		}
	}
	c := changes[0]
	if c.Len > 24 {
		if err := t.long.Apply(1, changes); err != nil {
			return err
		}
	}
	first := c.Addr >> RootShift
	last := (c.Addr | ^mask(c.Len)) >> RootShift
	for i := first; ; i++ {
		if err := t.compile(d, i); err != nil {
			return err
		}
		if i == last {
			return nil
		}
	}
}

// compile writes the chunk of root entry i from the shelf and publishes it.
func (t *Table) compile(d *dense, i uint32) error {
	base := i << RootShift
	end := base + 1<<RootShift - 1
	cover := t.shelf.cover(base, rootBits)
	var low records // what is longer
	if o := t.shelf.octets[base>>24]; o != nil {
		low = o.low(uint8(base >> 16))
		k, _ := low.search(newRecord(Route{Addr: base, Len: rootBits + 1}).key())
		low = low[k:]
	}
	if len(low) == 0 || low[0].addr() > end {
		err := d.publish(i, nil, cover)
		if err == nil {
			t.setEscapes(i, 0)
		}
		return err
	}
	slots := &t.paint
	for j := range slots {
		slots[j] = cover
	}
	var escapes uint64
	for _, r := range low {
		if r.addr() > end {
			break
		}
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
	err := d.publish(i, slots, 0)
	if err == nil {
		t.setEscapes(i, escapes)
	}
	return err
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
	if t.claims != nil {
		writer += int(unsafe.Sizeof(*t.claims))
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
