package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"vrfwd/bench/sample"
	"vrfwd/bench/search"
	"vrfwd/bench/sweep"
)

// searchView shows how far a search is: on a terminal a block in place, with the last trials, what is known, and the time left;
// otherwise a line for each trial and each point. Its methods belong to one goroutine.
type searchView struct {
	w     io.Writer
	quiet bool
	tty   bool
	lines int // drawn and to be drawn over

	title  string
	points sweep.Progress
	swept  bool
	recent []search.Progress
}

// recentTrials is how many trials the block has.
const recentTrials = 8

func newSearchView(w io.Writer, quiet bool) *searchView {
	return &searchView{w: w, quiet: quiet, tty: terminal(w)}
}

// warn says what will cost frames.
func (v *searchView) warn(lines []string) {
	for _, l := range lines {
		v.clear()
		fmt.Fprintln(v.w, "warning:", l)
	}
}

// step says what takes a while.
func (v *searchView) step(what string) {
	if !v.quiet {
		v.clear()
		fmt.Fprintln(v.w, what)
	}
}

// begin forgets the last measurement's trials.
func (v *searchView) begin(title string) { v.title, v.recent = title, nil }

// point shows which point of a sweep begins.
func (v *searchView) point(p sweep.Progress) {
	v.points, v.swept = p, true
	if v.quiet || p.Name == "" || v.tty {
		return
	}
	fmt.Fprintln(v.w, pointLine(p))
}

func pointLine(p sweep.Progress) string {
	text := fmt.Sprintf("point %d of %d: %s", p.Kept+p.Done+p.Unfit+1, p.Kept+p.Done+p.Unfit+p.Left, p.Name)
	if p.Kept > 0 {
		text += fmt.Sprintf(", %d kept", p.Kept)
	}
	if p.Rest > 0 {
		text += ", about " + left(p.Rest) + " left"
	}
	return text
}

// trial shows a trial that is over.
func (v *searchView) trial(p search.Progress) {
	if v.quiet {
		return
	}
	if !v.tty {
		fmt.Fprintln(v.w, trialLine(p))
		return
	}
	v.recent = append(v.recent, p)
	v.recent = v.recent[max(0, len(v.recent)-recentTrials):]
	v.draw(v.block(p))
}

// trialLine is a trial on a line of its own.
func trialLine(p search.Progress) string {
	t := &p.Last
	text := fmt.Sprintf("%s trial %d: %s offered, %s came out, %.3g %% lost", p.Kind, p.Trials, offered(t), sample.PPS(t.Rate), 100*t.LossRatio())
	if t.Missed > 0 {
		text += fmt.Sprintf(", %.3g %% not sent", 100*t.Shortfall())
	}
	if k := known(p); k != "" {
		text += "; " + k
	}
	if p.Left > 0 {
		text += "; about " + left(p.Left) + " left"
	}
	return text
}

// offered is a trial's load.
func offered(t *sample.Trial) string {
	switch {
	case t.Burst > 0:
		return fmt.Sprintf("%d frames", t.Burst)
	case t.Offered == 0:
		return "all"
	}
	return sample.PPS(t.Offered)
}

// known is the interval that a search has come to.
func known(p search.Progress) string {
	show := sample.PPS
	if p.Kind == sample.BackToBack {
		show = func(v float64) string { return fmt.Sprintf("%.0f frames", v) }
	}
	switch {
	case p.High == 0 && p.Low == 0:
		return ""
	case p.High == 0 || p.High <= p.Low:
		return "at least " + show(p.Low)
	case p.Low == 0:
		return "less than " + show(p.High)
	}
	return fmt.Sprintf("%s to %s (%.2g %%)", show(p.Low), show(p.High), 100*(p.High-p.Low)/p.High)
}

func left(d time.Duration) string {
	if d > 10*time.Second {
		return d.Round(time.Second).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// block is the view on a terminal.
func (v *searchView) block(p search.Progress) (lines []string) {
	if v.swept {
		lines = append(lines, pointLine(v.points))
	}
	head := fmt.Sprintf("%s  %s  %s", p.Kind, v.title, left(p.Elapsed))
	if p.Left > 0 {
		head += ", about " + left(p.Left) + " left"
	}
	lines = append(lines, head)
	if k := known(p); k != "" {
		lines = append(lines, k)
	}
	lines = append(lines, fmt.Sprintf("%6s  %13s  %13s  %9s  %9s", "TRIAL", "OFFERED", "CAME OUT", "LOST", "NOT SENT"))
	for _, r := range v.recent {
		t := &r.Last
		lines = append(lines, fmt.Sprintf("%6d  %13s  %13s  %7.3g %%  %7.3g %%", r.Trials, offered(t), sample.PPS(t.Rate), 100*t.LossRatio(), 100*t.Shortfall()))
	}
	return lines
}

// draw puts a block where the last one was. Long lines are cut by the terminal, not wrapped.
func (v *searchView) draw(lines []string) {
	b := new(strings.Builder)
	if v.lines > 0 {
		fmt.Fprintf(b, "\x1b[%dA", v.lines)
	}
	b.WriteString("\r\x1b[J\x1b[?7l")
	for _, l := range lines {
		b.WriteString(l + "\n")
	}
	b.WriteString("\x1b[?7h")
	_, _ = io.WriteString(v.w, b.String())
	v.lines = len(lines)
}

// clear takes the block away.
func (v *searchView) clear() {
	if v.lines > 0 {
		fmt.Fprintf(v.w, "\x1b[%dA\r\x1b[J", v.lines)
		v.lines = 0
	}
}

// end takes the block away for good.
func (v *searchView) end() { v.clear() }
