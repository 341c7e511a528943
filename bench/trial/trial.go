// Package trial is what searches stand on: a device that a trial can be run on, whatever it is. bench's beds in memory,
// bench/live's ports and doubles of a known capacity are all Devices, so that a search is written once.
//
// A trial is that of RFC 2544 23: learning frames (warm-up), run, stop, wait for what is in flight, then read the counters.
package trial

import (
	"context"
	"time"

	"vrfwd/bench/sample"
)

// Order says what a trial is to do.
type Order struct {
	Rate     float64       // frames a second offered, on all ports together; 0: as many as the generator makes
	Duration time.Duration // of the offered load; not with Frames
	Frames   uint64        // so many instead, at Rate and without a pause between them; 0: for Duration
	Warmup   time.Duration // at the same rate before, neither counted nor timed; 0: none
	Latency  bool          // time each frame, from when it was due
}

// Outcome is what a trial found.
type Outcome struct {
	sample.Trial
	Latency *Latency          // nil: not ordered
	Clock   sample.ClockError // of the latencies
	Stopped bool              // before its time: counters add up, but are of less
}

// Device is a device under test between a generator and a sink. Trials follow one another, on one goroutine.
type Device interface {
	// Trial runs one trial. If ctx ends it, the outcome is of what was sent until then, with Stopped set, and no error.
	Trial(ctx context.Context, o Order) (Outcome, error)
	// SelfTest runs one from the generator to the sink, without the device between them, on the same threads: what
	// the tester itself can do. It judges frames as Trial does.
	SelfTest(ctx context.Context, o Order) (Outcome, error)
	// Point tells what is measured, as samples name it.
	Point() sample.Point
}
