//go:build race

package forwarder

import "sync/atomic"

// add is the owner's.
func (c *counter) add(n uint64) { atomic.StoreUint64(&c.v, c.v+n) }

// raceDetector: the build is watched by it. It sees Go code alone.
const raceDetector = true
