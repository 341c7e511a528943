package gen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Verdict says what is wrong with one received frame. 0: nothing.
type Verdict uint8

const (
	Reordered   Verdict = 1 << iota // a later frame of its flow was here before (RFC 4737 3: sequence below the next expected)
	Duplicate                       // this very frame was here before
	Late                            // 64 and more behind its flow's newest frame: late or duplicate, nobody knows
	WrongEgress                     // left through another interface than expected, or was to be discarded
	Leak                            // left into another VR or VRF than expected
	Corrupt                         // no signature, an unknown flow, or a signature that is not this flow's
)

var verdictNames = [...]string{"reordered", "duplicate", "late", "wrong egress", "leak", "corrupt"}

// String names what is wrong, "ok" for nothing.
func (v Verdict) String() string {
	var names []string
	for i, name := range verdictNames {
		if v>>i&1 != 0 {
			names = append(names, name)
		}
	}
	if names == nil {
		return "ok"
	}
	return strings.Join(names, ", ")
}

// Checker receives what the router sent and finds wrong egress, VRF leak, loss, reordering and duplication.
//
// Every frame is exactly one of: corrupt, in order, reordered, duplicate, late; and besides, may have come out at a wrong
// place. Frames of one flow that are in order or reordered are distinct frames: its received. So, when the router has
// drained,
//
//	sent = received + lost                              per flow, where
//	frames that came back = received + duplicate + late
//
// and of flows that were to be discarded, what is not received is not lost but discarded. Late frames are beyond
// the window of 64 sequence numbers: which of them are first arrivals cannot be told, so they count as lost too.
//
// A Checker belongs to one goroutine; Summary and Flow read the Traffics, so these must have stopped. It starts at the
// sequence numbers that the Traffics have reached, and expects no older frame in flight.
type Checker struct {
	states []flowState
	faults []flowFaults
	base   uint32     // first flow
	from   []*Traffic // by first flow
	sum    Summary    // the counters that are not a flow's
}

// flowState is what every frame of a flow needs: four flows to a cache line.
//
//	| window 8 | next 4 | context 2 | egress 2 |
//
// No frame that is as it should be counts anything: what was received follows from next and from holes.
type flowState struct {
	window uint64 // bit i: sequence next-1-i was here
	next   uint32 // one more than the newest sequence
	expect uint32 // context<<16 | egress
}

// flowFaults is the rest, touched only when something is out of turn. received = next - start - holes.
type flowFaults struct {
	start     uint32 // sequence that the account begins with
	holes     uint32 // sequences before next that are not here
	reordered uint32
	duplicate uint32
	late      uint32
}

const window = 64

// NewChecker makes a checker of everything that the given Traffics send. Their flow numbers must follow each other
// (Config.First) without gap. They must be signed.
func NewChecker(from ...*Traffic) (*Checker, error) {
	if len(from) == 0 {
		return nil, errors.New("gen: a checker needs the traffic that it checks")
	}
	c := &Checker{from: slices.Clone(from)}
	slices.SortFunc(c.from, func(a, b *Traffic) int { return int(int64(a.first) - int64(b.first)) })
	c.base = c.from[0].first
	for _, t := range c.from {
		if next := c.base + uint32(len(c.states)); t.first != next {
			return nil, fmt.Errorf("gen: traffic begins with flow %d, where %d must follow", t.first, next)
		}
		if !t.signed {
			return nil, fmt.Errorf("gen: traffic from flow %d on is not signed", t.first)
		}
		for i := range t.flows {
			f := t.Flow(i)
			c.states = append(c.states, flowState{expect: place16(f.Context, f.Egress)})
		}
	}
	c.faults = make([]flowFaults, len(c.states))
	c.Reset()
	return c, nil
}

// Reset forgets everything received and sent so far, after a warm-up for instance. The Traffics must have stopped and
// their frames have drained.
func (c *Checker) Reset() {
	c.sum = Summary{}
	for _, t := range c.from {
		for i := range t.flows {
			at := t.first - c.base + uint32(i)
			start := t.Sent(i)
			c.states[at] = flowState{next: start, expect: c.states[at].expect}
			c.faults[at] = flowFaults{start: start}
		}
	}
}

// place16 packs where a frame comes out.
func place16(context, egress uint16) uint32 { return uint32(context)<<16 | uint32(egress) }

// Check judges one received frame: Ethernet with none, one or two tags, without FCS. egress is the IP interface that it
// left through and context the table of that interface's VR or VRF. It keeps nothing of the frame.
func (c *Checker) Check(frame []byte, egress, context uint16) Verdict {
	at := signatureOffset(frame)
	if at > len(frame)-signatureLen {
		c.sum.Corrupt++
		return Corrupt
	}
	// Two loads hold the signature, magic and flow first, then sequence and place: see Signature.
	s := (*[signatureLen]byte)(frame[at : at+signatureLen : at+signatureLen])
	head, tail := binary.BigEndian.Uint64(s[:]), binary.BigEndian.Uint64(s[seqAt:])
	flow := uint32(head>>16) - c.base
	if head>>48 != signatureMagic || uint64(flow) >= uint64(len(c.states)) {
		c.sum.Corrupt++
		return Corrupt
	}
	f := &c.states[flow]
	seq, got := uint32(tail>>32), place16(context, egress)
	if seq == f.next && uint32(tail) == f.expect && got == f.expect && egress != 0 {
		f.window = f.window<<1 | 1
		f.next++
		return 0
	}
	return c.fault(flow, tail, got)
}

// fault judges a frame with a known flow that is not next and right.
func (c *Checker) fault(flow uint32, tail uint64, got uint32) (v Verdict) {
	f, faults := &c.states[flow], &c.faults[flow]
	switch {
	case uint32(tail) != f.expect:
		c.sum.Corrupt++
		return Corrupt
	case got>>16 != f.expect>>16:
		v = Leak
		c.sum.Leak++
	case got != f.expect || uint16(got) == 0:
		v = WrongEgress
		c.sum.WrongEgress++
	}
	seq := uint32(tail >> 32)
	if ahead := seq - f.next; int32(ahead) >= 0 { // a shift by 64 and more clears the window
		f.window = f.window<<(uint64(ahead)+1) | 1
		f.next = seq + 1
		faults.holes += ahead
		return v
	}
	switch age := f.next - 1 - seq; {
	case age >= window:
		faults.late++
		return v | Late
	case f.window>>age&1 != 0:
		faults.duplicate++
		return v | Duplicate
	default:
		f.window |= 1 << age
		faults.holes--
		faults.reordered++
		return v | Reordered
	}
}

// Count is the account of one flow, or of all: Sent + Unsent = Received + Lost + Discarded.
type Count struct {
	Sent      uint64
	Received  uint64 // distinct frames, reordered ones included
	Lost      uint64
	Discarded uint64 // not received, as expected
	Reordered uint64 // part of Received
	Duplicate uint64
	Late      uint64
	Unsent    uint64 // received more than was ever sent: somebody changed or invented sequence numbers
}

// Summary is the account of all flows and frames. All frames checked are
// Corrupt + InOrder + Reordered + Duplicate + Late; InOrder + Reordered = Received.
type Summary struct {
	Count
	InOrder     uint64
	WrongEgress uint64
	Leak        uint64
	Corrupt     uint64
}

// Frames returns the number of frames checked.
func (s Summary) Frames() uint64 { return s.Corrupt + s.InOrder + s.Reordered + s.Duplicate + s.Late }

// OK tells that every frame came back once, in order, where it should, and none that should have been discarded.
func (s Summary) OK() bool {
	return s.Lost|s.Reordered|s.Duplicate|s.Late|s.Unsent|s.WrongEgress|s.Leak|s.Corrupt == 0
}

// Flow returns the account of the flow with this number (First..First+Flows-1 of one of the Traffics).
func (c *Checker) Flow(number uint32) Count {
	for _, t := range c.from {
		if i := number - t.first; i < uint32(t.flows) {
			return c.count(number-c.base, t.Sent(int(i)))
		}
	}
	return Count{}
}

// Summary adds up all flows. It takes some nanoseconds a flow.
func (c *Checker) Summary() Summary {
	s := c.sum
	for _, t := range c.from {
		for i := range t.flows {
			f := c.count(t.first-c.base+uint32(i), t.Sent(i))
			s.Sent += f.Sent
			s.Received += f.Received
			s.Lost += f.Lost
			s.Discarded += f.Discarded
			s.Reordered += f.Reordered
			s.Duplicate += f.Duplicate
			s.Late += f.Late
			s.Unsent += f.Unsent
		}
	}
	s.InOrder = s.Received - s.Reordered
	return s
}

// count is the account of one flow, of which the Traffic has sent up to a sequence number.
func (c *Checker) count(flow, sent uint32) Count {
	f, faults := &c.states[flow], &c.faults[flow]
	n := Count{
		Sent:      uint64(sent - faults.start),
		Received:  uint64(f.next - faults.start - faults.holes),
		Reordered: uint64(faults.reordered),
		Duplicate: uint64(faults.duplicate),
		Late:      uint64(faults.late),
	}
	switch {
	case n.Received > n.Sent:
		n.Unsent = n.Received - n.Sent
	case uint16(f.expect) == 0:
		n.Discarded = n.Sent - n.Received
	default:
		n.Lost = n.Sent - n.Received
	}
	return n
}
