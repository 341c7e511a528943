//go:build !amd64 || race || purego

package ring

import "sync/atomic"

// storeRelease stores v in *p after every load and store that came before the call. The race detector understands
// this form.
func storeRelease(p *atomic.Uint32, v uint32) { p.Store(v) }
