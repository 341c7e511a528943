package vrftable

import (
	"errors"
	"fmt"
)

// What a refused change broke. Errors of Apply wrap exactly one of them.
var (
	ErrExists   = errors.New("exists already")
	ErrNotFound = errors.New("not found")
	ErrInUse    = errors.New("in use")
	ErrInvalid  = errors.New("invalid")
	ErrCapacity = errors.New("no room")
	// ErrBusy: readers have not passed a quiescent state for so long that nothing can be reused. Let the workers poll
	// or go offline, then apply again.
	ErrBusy   = errors.New("readers hold too much of what was replaced")
	ErrClosed = errors.New("table is closed")
)

// ChangeError tells which change of a batch was refused and why. Nothing of the batch was applied.
type ChangeError struct {
	Index  int    // in the batch
	Change Change // the change itself
	Object string // what was refused, such as "route 10.0.0.0/8 in default"
	Err    error  // why and what to do about it; wraps one of the Err... of this package
}

func (e *ChangeError) Error() string {
	return fmt.Sprintf("vrftable: change %d (%T): %s: %v", e.Index, e.Change, e.Object, e.Err)
}

func (e *ChangeError) Unwrap() error { return e.Err }

// refusal is a ChangeError in the making: the stage of a change knows the object, Apply the index.
type refusal struct {
	object string
	err    error
}

func (r *refusal) Error() string { return r.object + ": " + r.err.Error() }

// refuse makes a refusal: object names what is refused, why is one of Err..., and format says more and the remedy.
func refuse(why error, object, format string, args ...any) error {
	return &refusal{object, fmt.Errorf("%w: %s", why, fmt.Sprintf(format, args...))}
}
