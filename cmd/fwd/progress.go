package main

import (
	"fmt"
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"vrfwd/bench"
)

// progress shows what goes on: a bar on a terminal, a line a second otherwise. Its methods belong to one goroutine.
type progress struct {
	w     io.Writer
	quiet bool
	tty   bool
	whole time.Duration // of the trial

	bars *mpb.Progress
	bar  *mpb.Bar
	rate string
	last bench.Progress
	said time.Duration
}

func newProgress(w io.Writer, quiet bool, whole time.Duration) *progress {
	return &progress{w: w, quiet: quiet, tty: terminal(w), whole: whole}
}

// step says what begins.
func (p *progress) step(what string) {
	if !p.quiet {
		fmt.Fprintln(p.w, what)
	}
}

// trial shows how far the trial is, with the rate since it was last called.
func (p *progress) trial(now bench.Progress) {
	mpps := float64(now.Frames-p.last.Frames) / max((now.Elapsed-p.last.Elapsed).Seconds(), 1e-9) / 1e6
	if !p.tty {
		if now.Elapsed-p.said >= time.Second {
			fmt.Fprintf(p.w, "%4.0f of %.0f s  %7.2f Mpps\n", now.Elapsed.Seconds(), p.whole.Seconds(),
				float64(now.Frames-p.last.Frames)/(now.Elapsed-p.said).Seconds()/1e6)
			p.said, p.last = now.Elapsed, now
		}
		return
	}
	p.last, p.rate = now, fmt.Sprintf("%7.2f Mpps", mpps)
	if p.bar == nil {
		p.bars = mpb.New(mpb.WithOutput(p.w), mpb.WithWidth(48), mpb.WithAutoRefresh())
		p.bar = p.bars.AddBar(p.whole.Milliseconds(),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return p.rate })))
	}
	p.bar.SetCurrent(min(now.Elapsed, p.whole).Milliseconds())
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.bars.Wait()
	}
}
