package lpm

import "math/bits"

// Escapes: a /24 that holds longer prefixes has an escape for its leaf, and stands in Table.long as its own cover, with
// the longer ones above it.

// setCover has a /24 with longer prefixes stand in long with its own hop, before its escape is published.
func (t *Table) setCover(block uint32, hop uint16) error {
	delete(t.stale, block)
	if have, ok := t.covers[block]; ok && have == hop {
		return nil
	}
	if err := t.long.Apply(1, []Route{{Addr: block << 8, Len: 24, Hop: Hop(hop)}}); err != nil {
		return err
	}
	t.covers[block] = hop
	return nil
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

// restoreCovers has every /24 that is an escape stand in long with the hop that the shelf has for it.
func (t *Table) restoreCovers() error {
	for i, slots := range t.escapes {
		for m := slots; m != 0; m &= m - 1 {
			block := i<<chunkBits + uint32(bits.TrailingZeros64(m))
			if err := t.setCover(block, t.shelf.cover(block<<8, 24)); err != nil {
				return err
			}
		}
	}
	return nil
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
