package vrftable

// journal remembers how to take the changes of a batch back.
//
// Apply stages changes one after the other on the control side's own records, which no reader sees, and only when all
// of them stand derives and publishes. A change that is refused takes the ones before it back, last first. This keeps
// each check where the fact is: the alternative, checking against an overlay of what the batch would have done, needs
// every check written twice and, for a full table, a second copy of a million route identities.
type journal struct {
	steps []step
	funcs []func()
}

type step struct {
	what uint8
	id   uint32 // path, or index in funcs
}

const (
	stepFunc uint8 = iota
	stepAdd
	stepRemove
)

func (j *journal) note(what uint8, id uint32) { j.steps = append(j.steps, step{what, id}) }

// last returns the path that was noted last.
func (j *journal) last() uint32 { return j.steps[len(j.steps)-1].id }

// undo notes how to take back what was just done.
func (j *journal) undo(f func()) {
	j.note(stepFunc, uint32(len(j.funcs)))
	j.funcs = append(j.funcs, f)
}

func (j *journal) clear() {
	clear(j.funcs)
	j.steps, j.funcs = trim(j.steps), j.funcs[:0]
}

// trim empties a slice for the next batch. What one bulk load needed is not kept for ever.
func trim[T any](s []T) []T {
	if cap(s) > 1<<16 {
		return nil
	}
	return s[:0]
}

// rollback takes everything back, last first.
func (t *Table) rollback() {
	for i := len(t.journal.steps) - 1; i >= 0; i-- {
		switch s := t.journal.steps[i]; s.what {
		case stepAdd:
			t.undoAdd(s.id)
		case stepRemove:
			t.undoRemove(s.id)
		default:
			t.journal.funcs[s.id]()
		}
	}
	t.journal.clear()
}
