package gen

import (
	"fmt"
	"strconv"
	"strings"
)

// Rate is a rate of frames, of bits, or a share of another rate. Bits are those of the frames from the destination MAC
// to the FCS: without preamble and gap.
type Rate struct {
	Value float64
	Unit  RateUnit
}

// RateUnit is what a Rate counts.
type RateUnit uint8

const (
	Unlimited       RateUnit = iota // as many as the port takes
	FramesPerSecond                 // "pps"
	BitsPerSecond                   // "bit/s"
	Percent                         // of another rate
)

// rateUnits are the ways to write a unit, without the prefixes k, M and G.
var rateUnits = []struct {
	text string
	unit RateUnit
}{{"pps", FramesPerSecond}, {"bit/s", BitsPerSecond}, {"bps", BitsPerSecond}, {"%", Percent}}

// ParseRate reads "max", or a number with a unit: pps, bit/s (or bps), with k, M or G before it, or %.
func ParseRate(text string) (Rate, error) {
	if text == "max" {
		return Rate{}, nil
	}
	for _, u := range rateUnits {
		number, ok := strings.CutSuffix(text, u.text)
		if !ok {
			continue
		}
		number, factor := strings.TrimSpace(number), 1.0
		if u.unit != Percent && number != "" {
			if i := strings.IndexByte("kMG", number[len(number)-1]); i >= 0 {
				number = strings.TrimSpace(number[:len(number)-1])
				factor = []float64{1e3, 1e6, 1e9}[i]
			}
		}
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || !(v > 0 && v < 1e18) {
			break
		}
		return Rate{v * factor, u.unit}, nil
	}
	return Rate{}, fmt.Errorf("gen: rate %q: max, or a number above 0 and a unit: 500pps, 100kpps, 10Mbit/s, 50%%", text)
}

// String gives the rate as ParseRate reads it.
func (r Rate) String() string {
	unit := ""
	for _, u := range rateUnits {
		if u.unit == r.Unit {
			unit = u.text
			break
		}
	}
	v := r.Value
	switch {
	case r.Unit == Unlimited:
		return "max"
	case r.Unit == Percent:
	case v >= 1e9:
		v, unit = v/1e9, "G"+unit
	case v >= 1e6:
		v, unit = v/1e6, "M"+unit
	case v >= 1e3:
		v, unit = v/1e3, "k"+unit
	}
	return strconv.FormatFloat(v, 'g', 6, 64) + unit
}

// Frames returns the rate in frames a second for a mix of sizes, 0: no limit. line is what percentages are of.
func (r Rate) Frames(sizes []Size, line Rate) (float64, error) {
	switch r.Unit {
	case FramesPerSecond:
		return r.Value, nil
	case BitsPerSecond:
		return r.Value / (8 * meanSize(sizes)), nil
	case Percent:
		if line.Unit != FramesPerSecond && line.Unit != BitsPerSecond {
			return 0, fmt.Errorf("gen: rate %v: of what? a line rate in pps or bit/s is needed", r)
		}
		return Rate{line.Value * r.Value / 100, line.Unit}.Frames(sizes, Rate{})
	}
	return 0, nil
}

// meanSize returns the mean bytes of a frame.
func meanSize(sizes []Size) float64 {
	bytes, weight := 0, 0
	for _, s := range sizes {
		bytes += s.Bytes * s.Weight
		weight += s.Weight
	}
	return float64(bytes) / float64(max(weight, 1))
}
