package live

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/gen"
)

// Report is the account of a run.
type Report struct {
	Started     time.Time      `json:"started"`
	Seconds     float64        `json:"seconds"` // sending, or receiving where nothing was sent
	Interrupted bool           `json:"interrupted,omitempty"`
	OK          bool           `json:"ok"`
	Faults      []string       `json:"faults"` // why it is not OK
	Notes       []string       `json:"notes,omitempty"`
	Streams     []StreamReport `json:"streams"`
	Total       Count          `json:"total"`
	Ports       []PortReport   `json:"ports"`
	// Foreign are the frames without a stamp, by kind, and Unknown those whose stamp is of no flow of these streams.
	Foreign map[string]uint64 `json:"foreign,omitempty"`
	Unknown uint64            `json:"unknown"`
	ARP     ARPReport         `json:"arp"`
	Clock   sample.ClockError `json:"clock"`
	// Faulty are the flows with faults, the worst first, at most 20 of FaultyFlows. Flows are all of them, where asked for.
	FaultyFlows int          `json:"faulty_flows"`
	Faulty      []FlowReport `json:"faulty,omitempty"`
	Flows       []FlowReport `json:"flows,omitempty"`
}

// Count is the account of frames: Sent = Received + Lost + Discarded, in all flows that were Observed, and frames that
// came back = Received + Duplicate + Late.
type Count struct {
	Sent        uint64 `json:"sent"`
	Observed    uint64 `json:"observed"` // of these, of flows that come out where this process receives, or must not come out
	Received    uint64 `json:"received"` // different frames
	Lost        uint64 `json:"lost"`
	Discarded   uint64 `json:"discarded"` // did not come out, as it should be
	Reordered   uint64 `json:"reordered"` // part of Received
	Duplicate   uint64 `json:"duplicate"`
	Late        uint64 `json:"late"`   // more than 64 behind their flow's newest: nobody knows whether first arrivals, so they are lost as well
	Unsent      uint64 `json:"unsent"` // received beyond what was sent: sequence numbers that nobody gave
	WrongEgress uint64 `json:"wrong_egress"`
	Leak        uint64 `json:"leak"` // came out in another VRF than they should
}

// countOf is a flow's account.
func countOf(n gen.Count, seen *flowSeen, observed bool) Count {
	c := Count{Sent: n.Sent, Received: n.Received, Reordered: n.Reordered, Duplicate: n.Duplicate, Late: n.Late, Unsent: n.Unsent,
		WrongEgress: uint64(seen.wrong), Leak: uint64(seen.leak)}
	if observed {
		c.Observed, c.Lost, c.Discarded = n.Sent, n.Lost, n.Discarded
	}
	return c
}

func (c *Count) add(o *Count) {
	c.Sent += o.Sent
	c.Observed += o.Observed
	c.Received += o.Received
	c.Lost += o.Lost
	c.Discarded += o.Discarded
	c.Reordered += o.Reordered
	c.Duplicate += o.Duplicate
	c.Late += o.Late
	c.Unsent += o.Unsent
	c.WrongEgress += o.WrongEgress
	c.Leak += o.Leak
}

// faults is what counts against the loss that is allowed.
func (c *Count) faults() uint64 { return c.Lost + c.Reordered + c.Duplicate + c.Late + c.Unsent }

// bad tells whether anything is not as it should be.
func (c *Count) bad() bool { return c.faults()+c.WrongEgress+c.Leak > 0 }

// StreamReport is the account of one stream.
type StreamReport struct {
	Name string `json:"name"`
	Count
	Seconds  float64        `json:"seconds"`   // that it was sent for, or received
	Wanted   float64        `json:"wanted"`    // frames a second; 0: as many as the port takes
	SentRate float64        `json:"sent_rate"` // frames a second; 0: sent by another process
	SentBits float64        `json:"sent_bits"` // bits a second, with FCS
	Missed   uint64         `json:"missed"`    // the generator's own shortfall: frames that fell due and were not sent in time
	LateMax  int64          `json:"late_ns"`   // the latest that it sent a frame after its time
	Remote   bool           `json:"remote,omitempty"`
	RxRate   float64        `json:"received_rate"`
	RxBits   float64        `json:"received_bits"`
	Latency  *LatencyReport `json:"latency,omitempty"`
}

// FlowReport is the account of one flow.
type FlowReport struct {
	Stream string `json:"stream"`
	Flow   uint32 `json:"flow"`
	From   string `json:"from"`
	To     string `json:"to"`
	Src    string `json:"source"`
	Dst    string `json:"destination"`
	Count
	Latency *LatencyReport `json:"latency,omitempty"`
}

// PortReport is the account of one port of this process.
type PortReport struct {
	Name     string   `json:"name"`
	Sent     uint64   `json:"sent"`
	Refused  uint64   `json:"refused"` // frames that the port had no room for at first; they were sent later, or missed
	Received uint64   `json:"received"`
	Dropped  uint64   `json:"dropped"` // frames that arrived and that the sink was too slow for: lost here, not by the router
	State    string   `json:"state,omitempty"`
	Trouble  []string `json:"trouble,omitempty"`
}

// ARPReport is what was asked and answered.
type ARPReport struct {
	Requests uint64 `json:"requests"`
	Answered uint64 `json:"answered"`
}

// maxFaulty is the number of faulty flows that are reported.
const maxFaulty = 20

// report makes the account. All threads have stopped.
func (r *run) report(began time.Time, took time.Duration, interrupted bool, clocks clockFrom) *Report {
	p := &Report{Started: began, Seconds: took.Seconds(), Interrupted: interrupted, Foreign: r.sink.foreign, Unknown: r.sink.unknown,
		ARP: ARPReport{r.arp.Requests, r.arp.Answered}, Clock: clocks.report(r.clock), Faults: []string{}}
	p.Clock.Of = r.timeOf()
	silent := 0
	for i, t := range r.all {
		if r.sending[i] == nil { // another process': what it must have sent
			if n := r.spec.Streams[i].Count; n > 0 {
				t.Skip(n)
			} else {
				t.Skip(r.sink.checker.Reached(t))
			}
		}
		s := r.stream(i)
		observed := r.flows(p, i, &s.Count)
		if observed && s.Sent == 0 {
			silent++
			p.Faults = append(p.Faults, fmt.Sprintf("stream %s: no frame %s", s.Name, map[bool]string{true: "came", false: "was sent"}[s.Remote]))
		}
		p.Streams = append(p.Streams, s)
	}
	for i := range p.Streams {
		p.Total.add(&p.Streams[i].Count)
	}
	r.ports(p)
	slices.SortStableFunc(p.Faulty, func(a, b FlowReport) int { return b.weight() - a.weight() })
	p.Faulty = p.Faulty[:min(len(p.Faulty), maxFaulty)]
	r.judge(p)
	return p
}

// weight orders faulty flows: leaks first, then wrong places, then other faults by number.
func (f *FlowReport) weight() int {
	return int(min(f.faults(), 1<<30) + min(f.WrongEgress, 1)<<40 + min(f.Leak, 1)<<41)
}

// timeOf tells whose time of reception latencies are measured with.
func (r *run) timeOf() string {
	for i := range r.links.All {
		if l := &r.links.All[i]; l.Rx != nil && !l.Timed {
			return "sink"
		}
	}
	return "kernel"
}

// stream is what is known of a stream without its flows.
func (r *run) stream(i int) StreamReport {
	stream, seen := &r.spec.Streams[i], &r.sink.streams[i]
	s := StreamReport{Name: stream.Name, Wanted: stream.Rate, Latency: latencyReport(&seen.latency), Remote: r.sending[i] == nil}
	// From the first to the last frame there is one interval less than there are frames.
	if seen.frames > 1 {
		took := time.Duration(seen.last-seen.first) * time.Duration(seen.frames) / time.Duration(seen.frames-1)
		s.RxRate, s.RxBits = rate(seen.frames, took), rate(8*(seen.bytes+fcs*seen.frames), took)
		s.Seconds = took.Seconds()
	}
	if st := r.sending[i]; st != nil {
		s.Seconds, s.Missed, s.LateMax = st.took.Seconds(), st.pace.Missed, int64(st.pace.Late)
		s.SentRate, s.SentBits = rate(st.pace.Sent, st.took), rate(8*(st.bytes.Load()+fcs*st.pace.Sent), st.took)
	}
	return s
}

// flows adds a stream's flows up, and tells whether it receives any of them here.
func (r *run) flows(p *Report, i int, total *Count) (observed bool) {
	t, stream := r.all[i], &r.spec.Streams[i]
	for j := range t.Flows() {
		f, seen := t.Flow(j), &r.sink.flows[stream.First+uint32(j)]
		here := r.observed(f)
		observed = observed || here
		one := FlowReport{Flow: stream.First + uint32(j)}
		one.Count = countOf(r.sink.checker.Flow(one.Flow), seen, here)
		total.add(&one.Count)
		if !one.bad() && !r.opts.PerFlow {
			continue
		}
		one.Stream, one.Src, one.Dst, one.Latency = stream.Name, addrText(f.Src), addrText(f.Dst), latencyReport(&seen.latency)
		one.From = r.spec.Circuits[r.sink.circuits[f.Ingress.Port][f.Ingress.VLAN]-1].Name
		if one.To = discardName; f.Egress != nowhere {
			one.To = r.spec.Circuits[f.Egress-1].Name
		}
		if r.opts.PerFlow {
			p.Flows = append(p.Flows, one)
		}
		if one.bad() {
			p.FaultyFlows++
			if p.Faulty = append(p.Faulty, one); len(p.Faulty) > 64*maxFaulty { // the worst are enough
				slices.SortStableFunc(p.Faulty, func(a, b FlowReport) int { return b.weight() - a.weight() })
				p.Faulty = p.Faulty[:maxFaulty]
			}
		}
	}
	return observed
}

func (r *run) ports(p *Report) {
	for i := range r.links.All {
		l := &r.links.All[i]
		if l.Tx == nil && l.Rx == nil {
			continue
		}
		one := PortReport{Name: r.spec.Ports[i].Name, Received: r.sink.ports[i], Dropped: l.dropped(), Trouble: l.trouble()}
		if err := l.state(); err != nil {
			one.State = err.Error()
		}
		for _, s := range r.senders {
			if s.link == l {
				one.Sent, one.Refused = s.sent(), s.refused.Load()
			}
		}
		p.Ports = append(p.Ports, one)
	}
}

// judge says whether all is as it should be, and what to know besides.
func (r *run) judge(p *Report) {
	fault := func(format string, args ...any) { p.Faults = append(p.Faults, fmt.Sprintf(format, args...)) }
	for _, tx := range r.senders {
		if tx.err != nil {
			fault("%v", tx.err)
		}
	}
	t := &p.Total
	if faults := t.faults(); float64(faults) > r.opts.MaxLoss*float64(t.Observed) {
		fault("%s of %d frames; %g %% are allowed", t.faultText(), t.Observed, 100*r.opts.MaxLoss)
	}
	if t.WrongEgress > 0 {
		fault("%d frames came out where they should not", t.WrongEgress)
	}
	if t.Leak > 0 {
		fault("%d frames came out in another VRF", t.Leak)
	}
	if p.Unknown > 0 {
		fault("%d frames with a stamp of no flow of these streams: another sender, another seed, or addresses changed on the way", p.Unknown)
	}
	p.OK = len(p.Faults) == 0
	note := func(format string, args ...any) { p.Notes = append(p.Notes, fmt.Sprintf(format, args...)) }
	for _, port := range p.Ports {
		if port.Dropped > 0 {
			note("port %s: the sink was too slow for %d frames that had arrived: they count as lost, but not by the router", port.Name, port.Dropped)
		}
		for _, t := range port.Trouble {
			note("port %s: %s", port.Name, t)
		}
		if port.State != "" {
			note("port %s: %s", port.Name, port.State)
		}
	}
	for _, s := range p.Streams {
		if s.Missed > 0 {
			note("stream %s: the generator itself fell short by %d frames (%.3g %%)", s.Name, s.Missed, 100*float64(s.Missed)/float64(s.Missed+s.Sent))
		}
		if s.Remote && r.spec.stream(s.Name).Count == 0 {
			note("stream %s: sent elsewhere and without a count: what was lost after the last frame that came is not known", s.Name)
		}
		if s.Remote && p.Interrupted && r.spec.stream(s.Name).Count > 0 {
			note("stream %s: stopped before its sender, perhaps: frames that it had not sent yet count as lost", s.Name)
		}
		if s.Latency != nil && s.Latency.Negative > 0 {
			note("stream %s: %d frames came before they were sent: the clocks of sender and sink disagree, latencies are worthless", s.Name, s.Latency.Negative)
		}
	}
	if d := time.Duration(p.Clock.Drift); d.Abs() > 100*time.Microsecond {
		note("the wall clock was set or slewed by %s during the run: latencies are uncertain by that", sample.Span(int64(d)))
	}
	if r.assumed && p.Total.Lost > 0 {
		note("frames were addressed to the port that they come out on, as no gateway was given: a router in between drops them")
	}
	if p.Total.Observed < p.Total.Sent {
		note("%d frames come out where this process does not receive: nothing is known of them", p.Total.Sent-p.Total.Observed)
	}
}

func (s *Spec) stream(name string) *Stream {
	i := slices.IndexFunc(s.Streams, func(s Stream) bool { return s.Name == name })
	return &s.Streams[i]
}

// faultText says what faults there are, those that there are none of left out.
func (c *Count) faultText() string {
	var parts []string
	for _, f := range []struct {
		n    uint64
		name string
	}{{c.Lost, "lost"}, {c.Duplicate, "twice"}, {c.Late, "late"}, {c.Reordered, "out of order"}, {c.Unsent, "never sent"}} {
		if f.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", f.n, f.name))
		}
	}
	return strings.Join(parts, ", ")
}
