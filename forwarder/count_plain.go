//go:build !race

package forwarder

// add is the owner's.
func (c *counter) add(n uint64) { c.v += n }

// raceDetector: the build is watched by it. It sees Go code alone.
const raceDetector = false
