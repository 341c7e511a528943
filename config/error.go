package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a file, from 1; Column counts characters. The zero value is no place.
type Position struct{ Line, Column int }

// Error is one fault of a configuration: where it is, what is wrong and what is allowed.
type Error struct {
	File string // the configuration, or the table file that it names
	Position
	Text string
	Err  error // what was refused below, for errors.Is; nil: found here
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Error gives "file:line:column: text", or "file: text" for the file as a whole.
func (e *Error) Error() string { return place(e.File, e.Position) + ": " + e.Text }

func place(file string, at Position) string {
	if at == (Position{}) {
		return file
	}
	return fmt.Sprintf("%s:%d:%d", file, at.Line, at.Column)
}

// Errors is all faults of a configuration, in the order of their places. errors.As finds the first *Error.
type Errors []*Error

// maxShown bounds a report: what follows is mostly the consequence of the first.
const maxShown = 20

// Error gives one fault a line.
func (e Errors) Error() string {
	var b strings.Builder
	for i, one := range e {
		if i == maxShown {
			fmt.Fprintf(&b, "\nand %d more", len(e)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(one.Error())
	}
	return b.String()
}

// Unwrap returns the faults.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

func (e Errors) sort() {
	slices.SortStableFunc(e, func(a, b *Error) int { return comparePositions(a.Position, b.Position) })
}

func comparePositions(a, b Position) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// Warning is what a configuration may well mean, but most likely does not.
type Warning struct {
	File string
	Position
	Text string
}

// String gives "file:line:column: text".
func (w Warning) String() string { return place(w.File, w.Position) + ": " + w.Text }
