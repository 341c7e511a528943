package forwarder

import (
	"fmt"

	"vrfwd/vrftable"
)

// Stage is one stage of a worker's pipeline, in the order in which a burst passes them.
type Stage uint8

// The stages.
const (
	Receive Stage = iota
	Classify
	Validate
	Lookup
	Rewrite
	Transmit
	NumStages // the number of stages
)

// String names the stage.
func (s Stage) String() string {
	if s < NumStages {
		return [NumStages]string{"receive", "classify", "validate", "lookup", "rewrite", "transmit"}[s]
	}
	return fmt.Sprintf("Stage(%d)", uint8(s))
}

// PollUntil is Poll for trials of cost: bursts pass the stages up to and including last, and what is still on the fast
// path then is dropped with reason Trial. The difference in time between two trials is the cost of the stages between.
// PollUntil(Transmit) is Poll.
func (w *Worker) PollUntil(last Stage) int {
	w.reader.Online()
	defer w.reader.Offline()
	sum := 0
	for i := range w.in {
		n := w.receive(&w.in[i])
		if n == 0 {
			continue
		}
		sum += n
		v := w.view()
		if last >= Classify {
			w.classify(v)
		}
		if last >= Validate {
			w.validate(v)
		}
		if last >= Lookup {
			w.lookup(v)
		}
		if last >= Rewrite {
			w.rewrite(v)
		}
		if last >= Transmit {
			w.transmit(v)
		} else {
			w.abandon(v, last)
		}
		w.settle(v)
	}
	w.count.polls.add(1)
	if sum == 0 {
		w.count.idle.add(1)
	}
	return sum
}

// abandon drops what has passed the stage last.
func (w *Worker) abandon(v *vrftable.View, last Stage) {
	b := &w.b
	switch {
	case last >= Rewrite:
		for _, number := range b.queue[:b.queues] {
			w.untaken(v, w.out[number], 0, Trial)
			w.out[number].n = 0
		}
		b.queues = 0
	case last == Receive:
		w.count.dropped[Trial].add(uint64(b.n))
		b.in.port.Free(b.d[:b.n])
	default:
		for k, i := range b.at[:b.live] {
			b.back[k] = b.d[i]
		}
		w.count.dropped[Trial].add(uint64(b.live))
		b.in.port.Free(b.back[:b.live])
	}
}
