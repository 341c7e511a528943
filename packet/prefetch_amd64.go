//go:build !purego

package packet

import "unsafe"

// Prefetch asks the CPU for the first cache line of each frame, to be written: for a burst that another core has had. A
// prefetch retires at once, where loads that miss hold up what comes after them; and of frames in no order the hardware
// cannot tell which is next. CPUs without PREFETCHW take it for a NOP. An offset outside the arena does no harm.
func (a *Arena) Prefetch(d []Desc) {
	if len(d) > 0 {
		prefetch(unsafe.SliceData(a.bytes), unsafe.SliceData(d), len(d))
	}
}

//go:noescape
func prefetch(base *byte, d *Desc, n int)
