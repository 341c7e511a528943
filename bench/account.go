package bench

import "fmt"

// Account is what became of the frames that were sent: Sent = Received + Lost + Discarded.
type Account struct {
	Sent       uint64 `json:"sent"`
	Received   uint64 `json:"received"`   // distinct frames that came out
	Lost       uint64 `json:"lost"`       // did not come out, though they should have
	Discarded  uint64 `json:"discarded"`  // did not come out, as the model expects
	Duplicated uint64 `json:"duplicated"` // came out again

	WrongEgress uint64 `json:"wrong_egress"` // came out elsewhere, or should not have
	Leak        uint64 `json:"leak"`         // came out at another customer's circuit; with check=count in WrongEgress
	Reordered   uint64 `json:"reordered"`    // part of Received; not seen with check=count
	Corrupt     uint64 `json:"corrupt"`      // not a frame of the generator's any more
	Mismatched  uint64 `json:"mismatched"`   // not the model's frame, byte by byte; with check=verify
	Interfaces  uint64 `json:"interfaces"`   // IP interfaces whose counters are not what the frames received add up to
	Missing     uint64 `json:"missing"`      // frames whose memory did not come back after the drain
}

// faults lists what must not happen.
func (a *Account) faults() []fault {
	return []fault{{&a.Lost, "lost"}, {&a.Duplicated, "duplicated"}, {&a.WrongEgress, "at a wrong egress"},
		{&a.Leak, "leaked"}, {&a.Reordered, "reordered"}, {&a.Corrupt, "corrupt"}, {&a.Mismatched, "unlike the model's"},
		{&a.Interfaces, "interfaces miscounted"}, {&a.Missing, "not given back"}}
}

type fault struct {
	n    *uint64
	what string
}

// OK tells that every frame came back once and in order, from where it should, or did not come out and should not.
func (a Account) OK() bool {
	for _, f := range a.faults() {
		if *f.n > 0 {
			return false
		}
	}
	return a.Sent == a.Received+a.Discarded
}

// Verdict is OK in words.
func (a Account) Verdict() string {
	text := ""
	for _, f := range a.faults() {
		if *f.n > 0 {
			text += fmt.Sprintf(", %d %s", *f.n, f.what)
		}
	}
	switch {
	case text != "":
		return text[2:]
	case !a.OK():
		return fmt.Sprintf("%d sent, but %d received and %d discarded", a.Sent, a.Received, a.Discarded)
	}
	return "ok"
}

func (a *Account) add(b Account) {
	a.Sent += b.Sent
	a.Received += b.Received
	a.Discarded += b.Discarded
	of := b.faults()
	for i, f := range a.faults() {
		*f.n += *of[i].n
	}
}
