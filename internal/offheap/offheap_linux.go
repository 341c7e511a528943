package offheap

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func (r *Region) mmap(n int) error {
	slack := 0
	if n >= HugePage {
		slack = HugePage
	}
	m, err := unix.Mmap(-1, 0, n+slack, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return err
	}
	skip := 0
	if slack > 0 {
		skip = int(-uintptr(unsafe.Pointer(&m[0])) & (HugePage - 1))
	}
	r.mapping, r.bytes = m, m[skip:skip+n:skip+n]
	if slack > 0 {
		r.huge = unix.Madvise(r.bytes, unix.MADV_HUGEPAGE) == nil
	}
	return nil
}

func munmap(m []byte) error { return unix.Munmap(m) }
