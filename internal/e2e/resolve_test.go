//go:build linux

package e2e

import (
	"testing"
	"time"

	"vrfwd/internal/testnet"
)

// TestResolveAtRate: traffic at full rate to neighbours that nobody has asked for yet. What is lost until they have answered is
// counted, each packet once, and nothing is after that.
func TestResolveAtRate(t *testing.T) {
	testnet.Need(t, "root")
	s := newSoak(t)
	r := start(t, s.pe, soakConfig("192.0.2.3")) // of the tester's two addresses the one that it does not ask for fwd's MAC with
	for _, known := range []bool{false, true} {
		before, veths := r.counters(), s.refused(t)
		report := s.offer(t, 40_000, 500*time.Millisecond)
		after := r.counters()
		counted := after.SlowPath["queue full"] - before.SlowPath["queue full"] + after.Drops["slow full"] - before.Drops["slow full"]
		t.Logf("%+v: %d counted; slow path %v, drops %v", report.Total, counted, after.SlowPath, after.Drops)
		ours := report.dropped() + s.refused(t) - veths // which the tester and the veths lost
		if lost := report.Total.Lost; lost < counted || lost > counted+ours || known && counted != 0 {
			t.Errorf("known %v: lost %d: fwd counted %d, and others lost %d", known, lost, counted, ours)
		}
	}
}
