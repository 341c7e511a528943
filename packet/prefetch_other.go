//go:build !amd64 || purego

package packet

// Prefetch does nothing here.
func (*Arena) Prefetch([]Desc) {}
