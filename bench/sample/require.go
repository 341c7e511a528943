package sample

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Requirement is what a figure must reach: "ndr>=20Mpps". Latencies are figures too: "p99" is that percentile at the highest
// share of the NDR that was measured, "p99@50" at 50 %, and "max" the longest.
type Requirement struct {
	Text  string
	name  string
	op    string // >=, <=, > or <
	value float64
	unit  string

	percent float64 // of a latency: 100 is the longest
	share   float64 // 0: the highest
}

var requirement = regexp.MustCompile(`^\s*([a-z][a-z0-9.@-]*)\s*(>=|<=|>|<)\s*(\S+)\s*$`)

// figuresOf is which figures the kinds have, and their units: the package's table.
var figuresOf = map[Kind][][2]string{
	OfTrial:    {{FigRate, "pps"}, {FigBits, "bit/s"}, {FigTime, "ns/pkt"}, {FigCycles, "cycles/pkt"}, {FigLoss, "1"}},
	MRR:        {{FigRate, "pps"}, {FigBits, "bit/s"}, {FigTime, "ns/pkt"}, {FigCycles, "cycles/pkt"}},
	Throughput: {{FigThroughput, "pps"}, {FigBits, "bit/s"}},
	NDR: {{FigNDR, "pps"}, {FigPDR, "pps"}, {FigNDRBits, "bit/s"}, {FigPDRBits, "bit/s"}, {FigNDR + "-conditional", "pps"},
		{FigPDR + "-conditional", "pps"}},
	Loss:       {{FigLossFree, "pps"}},
	OfLatency:  {{FigRate, "pps"}},
	BackToBack: {{FigBurst, "frames"}, {FigBufferTime, "ns"}, {FigCorrected, "ns"}},
	Soak:       {{FigRate, "pps"}, {FigBits, "bit/s"}, {FigTime, "ns/pkt"}, {FigCycles, "cycles/pkt"}, {FigLoss, "1"}},
}

// ParseRequirement reads a requirement of a kind of measurement. Errors say what is allowed.
func ParseRequirement(kind Kind, text string) (r Requirement, err error) {
	m := requirement.FindStringSubmatch(text)
	if m == nil {
		return r, fmt.Errorf("%q: a figure, >=, <=, > or <, and a value are needed, as in %s>=1.5%s", text, figuresOf[kind][0][0], figuresOf[kind][0][1])
	}
	r = Requirement{Text: strings.Join(m[1:], ""), name: m[1], op: m[2]}
	names := []string{}
	for _, f := range figuresOf[kind] {
		names = append(names, f[0])
		if f[0] == r.name {
			r.unit = f[1]
		}
	}
	if kind == OfLatency {
		names = append(names, "p50", "p99.9@50", "max")
		if r.unit == "" && r.latency() {
			r.unit = "ns"
		}
	}
	if r.unit == "" {
		return r, fmt.Errorf("%q: %s has no figure %q, but %s", text, kind, r.name, strings.Join(names, ", "))
	}
	if r.value, err = parseQuantity(m[3], r.unit); err != nil {
		return r, fmt.Errorf("%q: %w", text, err)
	}
	return r, nil
}

// latency reads "p99.9@50".
func (r *Requirement) latency() bool {
	name, share, at := strings.Cut(r.name, "@")
	if at {
		v, err := strconv.ParseFloat(share, 64)
		if err != nil || !(v > 0) {
			return false
		}
		r.share = v
	}
	if name == "max" {
		r.percent = 100
		return true
	}
	number, ok := strings.CutPrefix(name, "p")
	v, err := strconv.ParseFloat(number, 64)
	r.percent = v
	return ok && err == nil && v > 0 && v < 100
}

// Judge tells why a sample does not meet the requirement; nil: it does. A figure that was not measured is not met. Of a search's
// figure the value counts, which is the load that met the goal.
func (r *Requirement) Judge(s *Sample) error {
	got, err := r.of(s)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Text, err)
	}
	met := false
	switch r.op {
	case ">=":
		met = got >= r.value
	case "<=":
		met = got <= r.value
	case ">":
		met = got > r.value
	case "<":
		met = got < r.value
	}
	if !met {
		return fmt.Errorf("%s: it is %s", r.Text, Quantity(got, r.unit))
	}
	return nil
}

func (r *Requirement) of(s *Sample) (float64, error) {
	if r.percent == 0 {
		f, ok := s.Figure(r.name)
		if !ok {
			return 0, fmt.Errorf("it was not measured")
		}
		return f.Value, nil
	}
	at := len(s.Latency) - 1
	if r.share > 0 {
		at = slices.IndexFunc(s.Latency, func(l Latency) bool { return l.Share == r.share })
	} else {
		for i := range s.Latency {
			if s.Latency[i].Share > s.Latency[at].Share {
				at = i
			}
		}
	}
	if at < 0 {
		return 0, fmt.Errorf("no latency was measured there")
	}
	l := &s.Latency[at]
	if r.percent == 100 {
		return float64(l.Max), nil
	}
	for _, p := range l.Percentiles {
		if p.Percent == r.percent {
			return float64(p.NS), nil
		}
	}
	return 0, fmt.Errorf("%d frames do not give that percentile", l.Frames)
}
