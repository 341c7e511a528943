//go:build !linux

package offheap

// Without mmap the region is one pointer-free heap object: the collector keeps it but does not scan it.
func (r *Region) mmap(n int) error {
	r.mapping = make([]byte, n)
	r.bytes = r.mapping
	return nil
}

func munmap([]byte) error { return nil }
