package live

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"vrfwd/bench/sample"
)

// WriteText writes the report for people.
func (p *Report) WriteText(w io.Writer) error {
	b := &strings.Builder{}
	p.writeSent(b)
	p.writeReceived(b)
	p.writeFlows(b)
	p.writeRest(b)
	_, err := io.WriteString(w, b.String())
	return err
}

// table aligns columns to the right, but for the first.
func table(b *strings.Builder, head string, rows func(row func(cells ...any))) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	cells := strings.Fields(head)
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "_", " ")
	}
	width := len(cells[0])
	var lines [][]string
	rows(func(values ...any) {
		line := make([]string, len(values))
		for i, v := range values {
			line[i] = fmt.Sprint(v)
		}
		width = max(width, len(line[0]))
		lines = append(lines, line)
	})
	for _, line := range append([][]string{cells}, lines...) {
		line[0] += strings.Repeat(" ", width-len(line[0]))
		fmt.Fprintln(t, strings.Join(line, "\t")+"\t")
	}
	t.Flush()
}

func (p *Report) sends() bool {
	return slices.ContainsFunc(p.Streams, func(s StreamReport) bool { return !s.Remote })
}

func (p *Report) writeSent(b *strings.Builder) {
	if !p.sends() {
		return
	}
	table(b, "sent frames rate bits wanted missed late_by", func(row func(...any)) {
		for _, s := range p.Streams {
			if s.Remote {
				continue
			}
			wanted := "max"
			if s.Wanted > 0 {
				wanted = sample.PPS(s.Wanted)
			}
			row(s.Name, s.Sent, sample.PPS(s.SentRate), sample.BitRate(s.SentBits), wanted, s.Missed, sample.Span(s.LateMax))
		}
	})
	b.WriteByte('\n')
}

func (p *Report) writeReceived(b *strings.Builder) {
	if p.Total.Observed == 0 && p.Total.Received == 0 && p.sends() {
		return
	}
	table(b, "received frames rate lost loss discarded twice late reordered wrong leaked", func(row func(...any)) {
		line := func(name, rate string, c *Count) {
			row(name, c.Received, rate, c.Lost, percent(c.Lost, c.Observed), c.Discarded, c.Duplicate, c.Late, c.Reordered, c.WrongEgress, c.Leak)
		}
		for i := range p.Streams {
			line(p.Streams[i].Name, sample.PPS(p.Streams[i].RxRate), &p.Streams[i].Count)
		}
		if len(p.Streams) > 1 {
			line("total", "", &p.Total)
		}
	})
	if !slices.ContainsFunc(p.Streams, func(s StreamReport) bool { return s.Latency != nil && s.Latency.Frames > 0 }) {
		return
	}
	b.WriteByte('\n')
	table(b, "latency min mean p50 p90 p99 p99.9 p99.99 max", func(row func(...any)) {
		for _, s := range p.Streams {
			if l := s.Latency; l != nil && l.Frames > 0 {
				cells := []any{s.Name, sample.Span(l.Min), sample.Span(l.Mean)}
				for _, q := range quantiles {
					cells = append(cells, sample.Span(l.Quantiles[q.name]))
				}
				row(append(cells, sample.Span(l.Max))...)
			}
		}
	})
	fmt.Fprintf(b, "         of the %s's time of reception; clock: %s to read, steps of %s, wall clock moved by %s against the monotonic one\n",
		p.Clock.Of, sample.Span(p.Clock.Read), sample.Span(p.Clock.Step), sample.Span(p.Clock.Drift))
}

// writeFlows writes all flows where they were asked for, else the worst.
func (p *Report) writeFlows(b *strings.Builder) {
	flows := p.Flows
	if flows == nil {
		flows = p.Faulty
	}
	if len(flows) == 0 {
		return
	}
	b.WriteByte('\n')
	table(b, "flow from to source destination sent received lost twice late reordered wrong leaked p50 max", func(row func(...any)) {
		for i := range flows {
			f := &flows[i]
			p50, most := "", ""
			if f.Latency != nil {
				if most = sample.Span(f.Latency.Max); f.Latency.Quantiles != nil {
					p50 = sample.Span(f.Latency.Quantiles["p50"])
				}
			}
			row(fmt.Sprintf("%s #%d", f.Stream, f.Flow), f.From, f.To, f.Src, f.Dst, f.Sent, f.Received, f.Lost, f.Duplicate, f.Late,
				f.Reordered, f.WrongEgress, f.Leak, p50, most)
		}
	})
	if p.Flows == nil && p.FaultyFlows > len(flows) {
		fmt.Fprintf(b, "         and %d more flows with faults\n", p.FaultyFlows-len(flows))
	}
}

func (p *Report) writeRest(b *strings.Builder) {
	b.WriteByte('\n')
	if len(p.Foreign) > 0 {
		var parts []string
		for _, kind := range slices.Sorted(maps.Keys(p.Foreign)) {
			parts = append(parts, fmt.Sprintf("%d %s", p.Foreign[kind], kind))
		}
		fmt.Fprintln(b, "foreign ", strings.Join(parts, ", "))
	}
	if p.ARP.Answered > 0 {
		fmt.Fprintf(b, "ARP      requests answered: %d\n", p.ARP.Answered)
	}
	for _, n := range p.Notes {
		fmt.Fprintln(b, "note    ", n)
	}
	if p.Interrupted {
		fmt.Fprintf(b, "stopped  after %s\n", sample.Span(int64(p.Seconds*1e9)))
	}
	if p.OK {
		fmt.Fprintln(b, "verdict  ok")
		return
	}
	for _, f := range p.Faults {
		fmt.Fprintln(b, "FAULT   ", f)
	}
}

func percent(part, whole uint64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g %%", 100*float64(part)/float64(whole))
}

// WriteText writes the report for people.
func (p *ReplayReport) WriteText(w io.Writer) error {
	b := &strings.Builder{}
	passes := "1 pass"
	if p.Passes != 1 {
		passes = fmt.Sprintf("%d passes", p.Passes)
	}
	fmt.Fprintf(b, "sent      %d frames in %s, %s, %s, %s\n", p.Frames, sample.Span(int64(p.Seconds*1e9)), passes, sample.PPS(p.Rate), sample.BitRate(p.Bits))
	if p.LateMax > 0 {
		fmt.Fprintf(b, "late      %s at most\n", sample.Span(p.LateMax))
	}
	for _, s := range []struct {
		n    uint64
		text string
	}{
		{p.Missed, "frames fewer than the rate asks for"},
		{p.Cut, "frames not sent: the capture has cut them"},
		{p.Short, "frames not sent: shorter than an Ethernet header"},
		{p.Long, "frames not sent: longer than the interface's MTU"},
		{p.Backwards, "frames with a time before that of the frame ahead of them: sent with it"},
	} {
		if s.n > 0 {
			fmt.Fprintf(b, "note      %d %s\n", s.n, s.text)
		}
	}
	for _, port := range p.Ports {
		if port.Received > 0 || port.Sent == 0 {
			fmt.Fprintf(b, "received  %d frames at %s", port.Received, port.Name)
			if port.Dropped > 0 {
				fmt.Fprintf(b, ", and %d that there was no room for", port.Dropped)
			}
			b.WriteByte('\n')
		}
		for _, t := range port.Trouble {
			fmt.Fprintf(b, "note      %s: %s\n", port.Name, t)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Received)) {
		fmt.Fprintf(b, "          %d %s\n", p.Received[kind], kind)
	}
	if p.Interrupted {
		fmt.Fprintf(b, "stopped   after %s\n", sample.Span(int64(p.Seconds*1e9)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
