package main

import (
	"fmt"
	"io"
	"strings"

	"vrfwd/bench/live"
	"vrfwd/bench/sample"
)

// view shows a line every second while a run lasts: in place on a terminal, one below the other otherwise. Its methods
// belong to one goroutine.
type view struct {
	w     io.Writer
	quiet bool
	tty   bool
	drawn bool
	last  live.Progress
}

func newView(w io.Writer, quiet bool) *view {
	return &view{w: w, quiet: quiet, tty: terminal(w)}
}

// warn says what will cost frames.
func (v *view) warn(lines []string) {
	for _, l := range lines {
		fmt.Fprintln(v.w, "warning:", l)
	}
}

// line shows how far the run is, with rates since the last line.
func (v *view) line(p live.Progress) {
	if v.quiet {
		return
	}
	text := lineOf(p, v.last)
	v.last = p
	if !v.tty {
		fmt.Fprintln(v.w, text)
		return
	}
	fmt.Fprintf(v.w, "\r%s\x1b[K", text)
	v.drawn = true
}

// end takes the line away.
func (v *view) end() {
	if v.drawn {
		fmt.Fprint(v.w, "\r\x1b[K")
		v.drawn = false
	}
}

// lineOf says what happened between two moments. Faults are those since the start, and only if there are any.
func lineOf(p, last live.Progress) string {
	seconds := (p.Elapsed - last.Elapsed).Seconds()
	rate := func(now, before uint64) float64 { return float64(now-before) / seconds }
	b := new(strings.Builder)
	fmt.Fprintf(b, "%4.0f s", p.Elapsed.Seconds())
	if p.Sending {
		fmt.Fprintf(b, "  tx %11s  %12s", sample.PPS(rate(p.Sent, last.Sent)), sample.BitRate(8*rate(p.SentBytes, last.SentBytes)))
	}
	if p.Receiving {
		fmt.Fprintf(b, "  rx %11s  %12s", sample.PPS(rate(p.Received, last.Received)), sample.BitRate(8*rate(p.ReceivedBytes, last.ReceivedBytes)))
		if p.LatencyMax > 0 {
			fmt.Fprintf(b, "  latency %s, at most %s", sample.Span(int64(p.LatencyMean)), sample.Span(int64(p.LatencyMax)))
		}
	}
	for _, f := range []struct {
		n    uint64
		name string
	}{{p.Missing, "missing"}, {p.WrongEgress, "wrong"}, {p.Leak, "leaked"}, {p.Duplicate, "twice"}, {p.Reordered, "reordered"}, {p.Foreign, "foreign"}} {
		if f.n > 0 {
			fmt.Fprintf(b, "  %s %d", f.name, f.n)
		}
	}
	for _, port := range p.Down {
		fmt.Fprintf(b, "  %s is down", port)
	}
	return b.String()
}
