package gen

import "unsafe"

// Ahead returns the address of the line that Fill makes the next frame of, and how many bytes on that of the frame after it lies; 0 where
// lines are not read in the order in which they lie. A frame costs Fill its line's way through the caches, half of its time: who has other
// work to do in between can prefetch as many lines as there will be frames. Nothing may be read there.
func (t *Traffic) Ahead() (line, step uintptr) {
	switch {
	case t.order != nil:
		return 0, 0
	case t.packed != nil:
		return uintptr(unsafe.Pointer(&t.packed[t.position])), packedLen
	}
	return uintptr(unsafe.Pointer(&t.lines[t.position])), LineLen
}
