package live

import (
	"strings"
	"testing"
)

func TestScheduleAdmits(t *testing.T) {
	for _, c := range []struct {
		is      schedule
		threads int
		want    string // in the error; "": none
	}{
		{schedule{false, 1}, 3, ""},
		{schedule{true, 1}, 2, "or on 3 CPUs"},
		{schedule{true, 2}, 2, "2 threads that send and receive, at real-time priority, on 2 CPUs"},
		{schedule{true, 3}, 2, ""},
		{schedule{true, 2}, 1, ""},
	} {
		err := c.is.admits(c.threads)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v, %d threads: %v, want %q", c.is, c.threads, err, c.want)
		}
	}
}
