package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"vrfwd/bench/sample"
	"vrfwd/bench/search"
	"vrfwd/bench/trial"
	"vrfwd/cmd/internal/bed"
	"vrfwd/gen"
)

// runner is a search that knows its rules.
type runner func(ctx context.Context, d trial.Device, progress func(search.Progress)) (*sample.Sample, error)

// kind is one kind of measurement as a command.
type kind struct {
	kind        sample.Kind
	short, long string
	flags       string // names of searchFlags' flags that it has besides the common ones
}

// kinds are the measurements, in the order of the help.
func kinds() []kind {
	return []kind{
		{sample.Throughput, "Find the highest rate without loss, by bisection (RFC 2544 26.1)",
			"A rate is too high if a trial loses and those that verify the loss do too: for a device that loses a frame now and then, see ndr.", "width recheck"},
		{sample.NDR, "Find the rates without loss, and with little: NDR and PDR (RFC 9971, MLRsearch)",
			"Trials of one length are repeated at each load until it is decided whether it meets the goal, whatever the trials that lack would\nfind: by default 21 of 1 s, of which half may exceed the loss that the goal allows.", "width sum exceed pdr"},
		{sample.Loss, "Measure the loss at falling rates (RFC 2544 26.3)",
			"From the highest rate down, until two steps in a row lose nothing.", "step repeat"},
		{sample.OfLatency, "Measure latency at shares of the NDR",
			"Every frame is timed, from when it was due to its reception, so that a late generator hides nothing (coordinated omission).", "width ndr shares length"},
		{sample.BackToBack, "Find the longest burst without loss at the highest rate (RFC 9004)",
			"And from it how long the device's buffers hold.", "width recheck throughput most repeat"},
		{sample.MRR, "Measure how many frames come out when as many go in as can",
			"No search: trials at the highest rate, and their median.", "repeat"},
		{sample.Soak, "Offer one rate for long, and account for every frame",
			"Each trial is an interval.", "rate length"},
	}
}

func kindNames() (names []string) {
	for _, k := range kinds() {
		names = append(names, string(k.kind))
	}
	return names
}

// searchFlags are the rules of a search.
type searchFlags struct {
	trial, warmup, sum, length      time.Duration
	max, min, ndr, throughput, rate string
	width, exceed, pdr, step        float64
	repeat, recheck                 int
	most                            uint64
	shares                          string
}

func (f *searchFlags) add(fl *pflag.FlagSet, k kind) {
	fl.DurationVar(&f.trial, "trial", 0, "length of each `trial`; default 1s, of a soak's intervals 10s")
	fl.DurationVar(&f.warmup, "warmup", 0, "`time` at the same rate before each trial")
	if k.kind != sample.Soak {
		fl.StringVar(&f.max, "max", "", "highest `rate` offered: 2Mpps, 10Gbit/s; default: as many frames as the generator makes")
	}
	fl.StringVar(&f.min, "min", "", "lowest `rate` offered; default a ten-thousandth of the highest")
	add := map[string]func(){
		"width": func() {
			fl.Float64Var(&f.width, "width", 100*search.DefaultWidth, "`percent` of the rate found that the interval may be wide")
		},
		"recheck": func() {
			fl.IntVar(&f.recheck, "recheck", search.DefaultRecheck, "how often a `trial` of the throughput that lost is repeated, and its best counts")
		},
		"sum": func() {
			fl.DurationVar(&f.sum, "sum", 0, "duration sum: `time` of all trials that decide on a load; default 21 trials")
		},
		"exceed": func() {
			fl.Float64Var(&f.exceed, "exceed", 50, "exceed ratio: `percent` of the duration sum that may lose more than a goal allows")
		},
		"pdr":  func() { fl.Float64Var(&f.pdr, "pdr", 0.5, "`percent` of the frames that PDR's goal allows to be lost") },
		"step": func() { fl.Float64Var(&f.step, "step", 10, "`percent` of the highest rate from one step to the next") },
		"repeat": func() {
			fl.IntVar(&f.repeat, "repeat", 0, "`trials`: of mrr (default 10), at each step of loss (3), of bursts (5; RFC 9004 asks for 50)")
		},
		"ndr":    func() { fl.StringVar(&f.ndr, "ndr", "", "`rate` that shares are of; default: found first") },
		"shares": func() { fl.StringVar(&f.shares, "shares", "10,50,90", "loads in `percent` of the NDR") },
		"length": func() {
			fl.DurationVar(&f.length, "length", 0, "`time` at each share (default 10s), or of a soak (1m)")
		},
		"throughput": func() {
			fl.StringVar(&f.throughput, "throughput", "", "`rate` that the device forwards, to correct the buffer time by; default: found first")
		},
		"most": func() {
			fl.Uint64Var(&f.most, "most", 0, "`frames` of the longest burst; default two seconds' at the highest rate")
		},
		"rate": func() { fl.StringVar(&f.rate, "rate", "", "`rate` offered; default: as many as the generator makes") },
	}
	for name := range strings.FieldsSeq(k.flags) {
		add[name]()
	}
}

// parse checks the rules. sizes are of the frames, for rates in bits.
func (f *searchFlags) parse(changed func(string) bool, k kind, sizes []gen.Size) (run runner, err error) {
	for _, d := range []struct {
		flag string
		d    time.Duration
	}{{"trial", f.trial}, {"warmup", f.warmup}, {"sum", f.sum}, {"length", f.length}} {
		if d.d < 0 || d.d == 0 && changed(d.flag) && d.flag != "warmup" {
			return nil, bed.Bad(d.flag, d.d.String(), errors.New("a time such as 500ms or 10s is needed"))
		}
	}
	for _, p := range []struct {
		flag         string
		v, low, high float64
	}{{"width", f.width, 0.01, 50}, {"exceed", f.exceed, 0, 99}, {"pdr", f.pdr, 0, 99}, {"step", f.step, 0.1, 10}} {
		if changed(p.flag) && !(p.v >= p.low && p.v <= p.high) {
			return nil, bed.Bad(p.flag, strconv.FormatFloat(p.v, 'g', -1, 64), fmt.Errorf("%g to %g percent are possible", p.low, p.high))
		}
	}
	if changed("repeat") && f.repeat < 1 || f.repeat > 10_000 {
		return nil, bed.Bad("repeat", strconv.Itoa(f.repeat), errors.New("1 to 10000 are possible"))
	}
	if f.recheck < 0 || f.recheck > 100 {
		return nil, bed.Bad("recheck", strconv.Itoa(f.recheck), errors.New("0 to 100 are possible"))
	}
	if changed("most") && f.most < 1 {
		return nil, bed.Bad("most", "0", errors.New("1 or more"))
	}
	o := search.Options{Trial: f.trial, Warmup: f.warmup, Width: f.width / 100, Recheck: f.recheck}
	if changed("recheck") && f.recheck == 0 {
		o.Recheck = -1
	}
	rates := map[string]float64{}
	for flag, text := range map[string]string{"max": f.max, "min": f.min, "ndr": f.ndr, "throughput": f.throughput, "rate": f.rate} {
		if rates[flag], err = frames(flag, text, sizes); err != nil {
			return nil, err
		}
	}
	o.Max, o.Min = rates["max"], rates["min"]
	if o.Max > 0 && o.Min > o.Max {
		return nil, bed.Bad("min", f.min, fmt.Errorf("it is above --max %s", f.max))
	}
	shares, err := f.percents()
	if err != nil {
		return nil, err
	}
	return f.runner(k, o, rates, shares), nil
}

// runner is the search itself.
func (f *searchFlags) runner(k kind, o search.Options, rates map[string]float64, shares []float64) runner {
	return func(ctx context.Context, d trial.Device, progress func(search.Progress)) (*sample.Sample, error) {
		o := o
		o.Progress = progress
		switch k.kind {
		case sample.Throughput:
			return search.Throughput(ctx, d, o)
		case sample.NDR:
			if o.Trial == 0 {
				o.Trial = search.DefaultTrial
			}
			goals := search.Goals(o.Trial)
			for i := range goals {
				goals[i].Width, goals[i].Exceed = o.Width, f.exceed/100
				if f.sum > 0 {
					goals[i].Sum = f.sum
				}
			}
			goals[1].Loss = f.pdr / 100
			return search.NDR(ctx, d, o, goals)
		case sample.Loss:
			return search.Loss(ctx, d, search.LossOptions{Options: o, Step: f.step, Repeat: f.repeat})
		case sample.OfLatency:
			return search.Latency(ctx, d, search.LatencyOptions{Options: o, NDR: rates["ndr"], Shares: shares, Length: f.length})
		case sample.BackToBack:
			return search.BackToBack(ctx, d, search.BurstOptions{Options: o, Throughput: rates["throughput"], Most: f.most, Repeat: f.repeat})
		case sample.MRR:
			return search.MRR(ctx, d, o, f.repeat)
		case sample.Soak:
			return search.Soak(ctx, d, search.SoakOptions{Options: o, Rate: rates["rate"], Length: f.length})
		}
		return nil, fmt.Errorf("no search of kind %s", k.kind)
	}
}

// frames reads a rate as frames a second, 0 where none is given.
func frames(flag, text string, sizes []gen.Size) (float64, error) {
	if text == "" {
		return 0, nil
	}
	r, err := gen.ParseRate(text)
	if err == nil && r.Unit == gen.Percent {
		err = errors.New("a rate in pps or bit/s is needed")
	}
	var pps float64
	if err == nil {
		pps, err = r.Frames(sizes, gen.Rate{})
	}
	if err == nil && pps > gen.MaxRate {
		err = fmt.Errorf("at most %g frames a second are possible", gen.MaxRate)
	}
	if err != nil {
		return 0, bed.Bad(flag, text, err)
	}
	return pps, nil
}

// percents reads the shares.
func (f *searchFlags) percents() (all []float64, err error) {
	if f.shares == "" {
		return nil, nil
	}
	for text := range strings.SplitSeq(f.shares, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !(v > 0 && v <= 100) {
			return nil, bed.Bad("shares", f.shares, errors.New("numbers above 0 and up to 100 are needed, with commas between them"))
		}
		all = append(all, v)
	}
	return all, nil
}
