package lpm

import "slices"

// Taking changes back. A batch that finds memory full half way is undone: the shelves get their prefixes of before, and what
// readers see is compiled from them again. That takes memory too, for readers may hold what the batch has replaced; so each pool
// keeps a reserve that nothing else may touch. Should even that not do, readers see, for some prefixes of the batch and for
// these alone, still the hop of after instead of that of before, and the prefixes are owed: every later change sees to them
// first, and fails, having done nothing, while it cannot.
//
// What lets packets through to a prefix, claims and marks, stands until no reader can see it any more, whichever way.

// Owes tells that readers may still see changes that were refused: those of an earlier call that failed. Whoever gives hops a
// meaning must keep that of the refused ones until it is false. Apply, of nothing too, settles it if it can.
func (s *Set) Owes() bool { return s.owing != 0 }

// Owes tells that readers may still see changes that were refused, as of a Set.
func (t *Table) Owes() bool { return len(t.owed) > 0 || t.torn || t.long.Owes() }

// Reserve opens the memory that is kept for taking changes back to other changes, or closes it: for an owner of several
// tables who takes back what one of them has done because another one could not. It is closed at first.
func (s *Set) Reserve(open bool) { s.words.reserve(open) }

// Reserve opens or closes the memory that is kept for taking changes back, as of a Set.
func (t *Table) Reserve(open bool) { t.reserve(open) }

func (t *Table) reserve(open bool) (was bool) {
	if d := t.dense.Load(); d.wide != nil {
		d.wide.reserve(open)
	} else {
		d.narrow.reserve(open)
	}
	return t.long.words.reserve(open)
}

// again empties a slice for the next batch. What one large batch needed is not kept for ever.
func again[T any](s []T) []T {
	if cap(s) > 1<<16 {
		return nil
	}
	return s[:0]
}

// takeBack undoes the batch in s.undo.
func (s *Set) takeBack(table uint16) {
	for i := len(s.undo) - 1; i >= 0; i-- {
		s.put(table, s.undo[i])
	}
	s.owing = table
	_ = s.settle() // else later
}

// unbuild puts a table's old content back after a build that was not compiled to its end; old may be nil.
func (s *Set) unbuild(table uint16, old *shelf) {
	s.failed = s.tables[table]
	s.replace(table, old)
	s.owing, s.undo = table, again(s.undo)
	_ = s.settle()
}

// settle has readers see what is owed.
func (s *Set) settle() error {
	if s.owing == 0 {
		return nil
	}
	if err := s.restore(s.owing); err != nil {
		s.words.seal()
		return err // what is dead is not laid to rest: readers may see it
	}
	s.tidy(s.owing)
	s.owing = 0
	return nil
}

// restore compiles a table's prefixes that were changed from its records again, and then gives the claims of those back that
// had none before. Which way readers see a block, by its key or by tops, they see before or after, in any order.
func (s *Set) restore(table uint16) error {
	defer s.words.reserve(s.words.reserve(true)) // open until the end, then as it was
	if s.failed != nil {
		if err := s.compileTable(table); err != nil {
			return err
		}
		for r := range s.failed.each {
			s.claim(table, r.route(), -1)
		}
		s.failed = nil
	}
	if slices.ContainsFunc(s.undo, func(r Route) bool { return r.Len <= 16 }) {
		if err := s.compileTops(table); err != nil {
			return err
		}
	}
	for n := len(s.undo) - 1; n >= 0; n-- {
		if err := s.compile(table, s.undo[n]); err != nil {
			return err
		}
		if s.undo[n].Hop == 0 {
			s.claim(table, s.undo[n], -1)
		}
		s.undo = s.undo[:n]
	}
	return nil
}

// takeBack undoes changes, whose last one was not compiled to its end.
func (t *Table) takeBack(undo []Route) {
	for i := len(undo) - 1; i >= 0; i-- {
		t.shelf.put(undo[i])
	}
	t.owed = append(t.owed, undo...)
	_ = t.settle() // else later
	t.seal()
}

// settle compiles what is owed.
func (t *Table) settle() error {
	if !t.Owes() {
		return nil
	}
	was := t.reserve(true)
	defer func() { t.reserve(was) }() // of what is there then
	if t.torn {
		if err := t.rebuildLong(); err != nil {
			return err
		}
		if err := t.restoreCovers(); err != nil {
			return err
		}
		t.torn = false
	}
	if err := t.long.Apply(1, nil); err != nil {
		return err
	}
	d := t.dense.Load()
	for _, o := range t.owed {
		if !d.admit(t.shelf.hop(o)) { // it was rebuilt meanwhile, without the hops of before
			err := t.rebuild(t.width(maxNarrow * 7 / 8))
			if err == nil {
				t.owed = t.owed[:0]
			}
			return err
		}
	}
	for n := len(t.owed) - 1; n >= 0; n-- {
		o := t.owed[n]
		if err := t.install([]Route{{o.Addr, o.Len, Hop(t.shelf.hop(o))}}); err != nil {
			return err
		}
		t.owed = t.owed[:n]
	}
	return nil
}
