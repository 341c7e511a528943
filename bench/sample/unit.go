package sample

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// PPS gives a rate of frames with four digits.
func PPS(v float64) string { return scaled(v, "pps") }

// BitRate gives a rate of bits with four digits.
func BitRate(v float64) string { return scaled(v, "bit/s") }

// scaled gives a number with four digits and a prefix.
func scaled(v float64, unit string) string {
	for _, s := range []struct {
		factor float64
		prefix string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= s.factor {
			return significant(v/s.factor, 4) + " " + s.prefix + unit
		}
	}
	return strings.TrimSuffix(significant(v, 4), ".000") + " " + unit
}

// significant gives n significant digits and no exponent.
func significant(v float64, n int) string {
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', n, 64), 64) // 99.996 becomes 100.0, not 100.00
	for x := v; x >= 10 && n > 1; x /= 10 {
		n--
	}
	return strconv.FormatFloat(v, 'f', n-1, 64)
}

// Span gives a time in nanoseconds with three digits.
func Span(ns int64) string {
	sign, v := "", float64(ns)
	if v < 0 {
		sign, v = "-", -v
	}
	for _, unit := range []string{"ns", "µs", "ms"} {
		if v < 1000 {
			return sign + strings.TrimSuffix(significant(v, 3), ".00") + " " + unit
		}
		v /= 1000
	}
	return sign + significant(v, 4) + " s"
}

// Quantity gives a figure's number for people.
func Quantity(v float64, unit string) string {
	switch unit {
	case "pps", "bit/s":
		return scaled(v, unit)
	case "ns":
		return Span(int64(v))
	case "1":
		return strconv.FormatFloat(100*v, 'g', 4, 64) + " %"
	case "B", "frames":
		return strconv.FormatFloat(v, 'f', -1, 64) + " " + unit
	}
	if v >= 1e4 {
		return strconv.FormatFloat(v, 'f', 0, 64) + " " + unit
	}
	return strconv.FormatFloat(v, 'g', 4, 64) + " " + unit
}

// parseQuantity reads a number in a figure's unit, or in a multiple of it that people write: 20Mpps, 9.5Gbit/s, 250us, 0.1%.
func parseQuantity(text, unit string) (float64, error) {
	allowed := "a number of " + unit
	switch unit {
	case "pps", "bit/s":
		number, ok := strings.CutSuffix(text, unit)
		factor := 1.0
		if i := strings.IndexAny(number, "kMG"); ok && i == len(number)-1 && i > 0 {
			i = strings.IndexByte("kMG", number[i])
			number, factor = number[:len(number)-1], []float64{1e3, 1e6, 1e9}[i]
		}
		if v, err := strconv.ParseFloat(number, 64); ok && err == nil {
			return v * factor, nil
		}
		allowed = "a rate such as 2M" + unit
	case "ns":
		if d, err := time.ParseDuration(text); err == nil {
			return float64(d), nil
		}
		allowed = "a time such as 250us"
	case "1":
		number, share := strings.CutSuffix(text, "%")
		if v, err := strconv.ParseFloat(number, 64); err == nil {
			if share {
				v /= 100
			}
			return v, nil
		}
		allowed = "a share such as 0.1% or 0.001"
	default:
		if v, err := strconv.ParseFloat(strings.TrimSuffix(text, unit), 64); err == nil {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%q: %s is needed", text, allowed)
}
