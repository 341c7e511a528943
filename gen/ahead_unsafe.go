package gen

import "unsafe"

// Ahead returns the address of the first line that Fill copies next, 0 where lines are not copied in the order in which they lie. A frame
// costs Fill its line's way through the caches, half of its time: who has other work to do in between can prefetch as many lines, of
// LineLen bytes each, as there will be frames. Nothing may be read there.
func (t *Traffic) Ahead() uintptr {
	if t.order != nil {
		return 0
	}
	return uintptr(unsafe.Pointer(&t.lines[t.position]))
}
