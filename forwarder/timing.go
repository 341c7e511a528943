package forwarder

import (
	"fmt"
	"time"
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

// PollStages is Poll that adds to each of spent what a stage took of the time of bursts; Transmit's is settle's too. Two readings of the
// clock a burst are in each: some tenths of a nanosecond a packet. No Tap sees its frames, and a pass over empty ports is in none.
func (w *Worker) PollStages(spent *[NumStages]time.Duration) int {
	w.reader.Online()
	defer w.reader.Offline()
	sum := 0
	for i := range w.in {
		from := time.Now()
		ends := func(s Stage) {
			now := time.Now()
			spent[s] += now.Sub(from)
			from = now
		}
		n := w.receive(&w.in[i])
		if n == 0 {
			continue
		}
		ends(Receive)
		sum += n
		v := w.view()
		w.classify(v)
		ends(Classify)
		w.validate(v)
		ends(Validate)
		w.lookup(v)
		ends(Lookup)
		w.rewrite(v)
		ends(Rewrite)
		w.transmit(v)
		w.settle(v)
		ends(Transmit)
	}
	w.count.polls.add(1)
	if sum == 0 {
		w.count.idle.add(1)
	}
	return sum
}
