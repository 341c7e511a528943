// Package offheap gives out memory that the garbage collector neither scans nor moves: the packet arenas, the FIBs
// and the adjacencies live in it. Everything placed there must be free of Go pointers.
package offheap

import (
	"errors"
	"fmt"
)

// HugePage is the size in bytes of the large page that regions are aligned to and ask for.
const HugePage = 2 << 20

// ErrNoMemory is returned (wrapped) when the kernel refuses a mapping.
var ErrNoMemory = errors.New("offheap: the kernel refused the mapping")

// Region is one mapping. Its zero value is an empty region. A Region must not be copied after use.
//
// Memory is zeroed by the kernel and backed lazily: a page costs nothing until it is first touched. On Linux regions
// of HugePage or more are aligned to HugePage and advised MADV_HUGEPAGE (Documentation/admin-guide/mm/transhuge.rst).
type Region struct {
	mapping []byte // as mapped, including the slack for alignment
	bytes   []byte // the aligned part given out
	huge    bool
}

// Alloc maps n zeroed bytes. n of 0 gives an empty region.
func Alloc(n int) (*Region, error) {
	if n < 0 {
		return nil, fmt.Errorf("offheap: negative size %d", n)
	}
	r := &Region{}
	if n == 0 {
		return r, nil
	}
	if err := r.mmap(n); err != nil {
		return nil, fmt.Errorf("%w: %d bytes: %v (raise the memory limit or use smaller tables)", ErrNoMemory, n, err)
	}
	return r, nil
}

// Bytes returns the whole region. The slice is valid until Close.
func (r *Region) Bytes() []byte { return r.bytes }

// Huge reports whether the kernel accepted the advice to use huge pages for this region.
func (r *Region) Huge() bool { return r.huge }

// Close unmaps the region. Closing twice is harmless.
func (r *Region) Close() error {
	m := r.mapping
	r.mapping, r.bytes = nil, nil
	if m == nil {
		return nil
	}
	return munmap(m)
}
