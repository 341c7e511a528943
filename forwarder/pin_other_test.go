//go:build !linux

package forwarder

import "testing"

// pinnable returns a worker that is not pinned: only Linux is supported.
func pinnable(_ *testing.T, b *bed) *Worker { return b.worker(Config{}) }
