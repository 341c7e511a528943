package slowpath

import (
	"strings"
	"testing"

	"vrfwd/forwarder"
)

// TestNames: every outcome, message and state has a name of its own.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	check := func(name string) {
		t.Helper()
		if name == "" || seen[name] || strings.Contains(name, "(") {
			t.Errorf("name %q", name)
		}
		seen[name] = true
	}
	for o := range NumOutcomes {
		check(o.String())
	}
	for m := range NumMessages {
		check(m.String())
	}
	for s := range Static + 1 {
		check(s.String())
	}
	if s := NumOutcomes.String() + NumMessages.String() + (Static + 1).String(); strings.Count(s, "(") != 3 {
		t.Errorf("names of what is not there: %s", s)
	}
	var c Counters
	c.Punted[forwarder.Glean], c.Originated, c.Outcomes[Sent], c.Outcomes[TxFull] = 2, 1, 2, 1
	if got, want := c.String(), "in 3, sent 2, tx full 1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
