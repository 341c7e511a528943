package sample

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// WriteBench writes samples in Go benchmark format (golang.org/design/14313-benchmark-format), so that benchstat reads
// them: conditions as configuration lines, then a line for each repetition with the point in the benchmark's name and the
// figures by unit. Where a kind has several figures, each unit is "name-unit": ndr-pps, pdr-pps. Latencies, memory and
// stages are benchmarks of their own.
func WriteBench(w io.Writer, samples ...Sample) error {
	var b bytes.Buffer
	var last [][2]string
	for i := range samples {
		s := &samples[i]
		conditions := s.configuration()
		for n, kv := range conditions {
			// A key that is absent keeps its last value in this format: so all are written, changed ones only.
			if last == nil || last[n] != kv {
				fmt.Fprintf(&b, "%s: %s\n", kv[0], kv[1])
			}
		}
		last = conditions
		s.lines(&b)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// configuration is what is alike in most samples of a file.
func (s *Sample) configuration() [][2]string {
	c, p := &s.Conditions, &s.Point
	all := [][2]string{
		{"goos", c.GOOS}, {"goarch", c.GOARCH}, {"pkg", "vrfwd/bench"}, {"cpu", c.CPU}, {"cpus", fmt.Sprint(c.CPUs)},
		{"cpu-flags", c.Flags}, {"kernel", c.Kernel}, {"mitigations", c.Mitigations}, {"huge-pages", c.HugePages}, {"load", c.Load},
		{"go", c.Go}, {"goamd64", c.GOAMD64}, {"gomaxprocs", fmt.Sprint(c.GOMAXPROCS)}, {"commit", c.Commit},
		{"tsc-ghz", fmt.Sprintf("%.4f (%s)", c.TSC.GHz, c.TSC.How)}, {"date", s.Time.UTC().Format(time.RFC3339)},
		{"table", p.Table}, {"table-hash", p.TableHash}, {"next-hops", fmt.Sprint(p.NextHops)}, {"locality", p.Locality},
		{"vrf-hash", p.VRFHash}, {"vrf-routes", fmt.Sprint(p.VRFRoutes)}, {"check", p.Check}, {"pinned", fmt.Sprint(p.Pinned)},
		{"seed", fmt.Sprint(p.Seed)}, {"command", s.Command},
	}
	for i := range all {
		all[i][1] = strings.Join(strings.Fields(all[i][1]), " ")
	}
	return all
}

// name is the benchmark's: the parameters that sweeps go along, those that are not there left out.
func (s *Sample) name(kind string) string {
	p := &s.Point
	b := new(strings.Builder)
	b.WriteString("Benchmark" + camel(kind))
	part := func(key, value string) {
		if value != "" && value != "0" {
			fmt.Fprintf(b, "/%s=%s", key, strings.Map(plain, value))
		}
	}
	part("method", p.Method)
	if p.Return != "none" {
		part("return", p.Return)
	}
	part("ports", p.Ports)
	part("target", p.Target)
	part("routes", strconv.Itoa(p.Routes))
	part("vrfs", strconv.Itoa(p.VRFs))
	part("profile", p.Profile)
	fmt.Fprintf(b, "/fallback=%g", p.Fallback)
	part("inbound", fmt.Sprint(p.Inbound))
	part("keys", p.Keys)
	part("size", p.Size)
	part("flows", strconv.Itoa(p.Flows))
	part("workers", strconv.Itoa(p.Workers))
	part("burst", strconv.Itoa(p.Burst))
	fmt.Fprintf(b, "/churn=%d", p.Churn)
	return b.String()
}

// camel makes BackToBack of back-to-back.
func camel(kind string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(kind, "-") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// plain keeps a benchmark's name in one word.
func plain(r rune) rune {
	if unicode.IsSpace(r) || r == '/' {
		return '_'
	}
	return r
}

func (s *Sample) lines(b *bytes.Buffer) {
	name, most := s.name(string(s.Kind)), 1
	for _, f := range s.Figures {
		most = max(most, len(f.Raw))
	}
	for i := range most {
		var values strings.Builder
		for _, f := range s.Figures {
			switch {
			case i < len(f.Raw):
				value(&values, f.Raw[i], s.unit(&f))
			case i == 0 && len(f.Raw) == 0:
				value(&values, f.Value, s.unit(&f))
			}
		}
		if values.Len() > 0 {
			fmt.Fprintf(b, "%s 1%s\n", name, values.String())
		}
	}
	for i := range s.Latency {
		l := &s.Latency[i]
		fmt.Fprintf(b, "%s/load=%g 1", s.name("latency"), l.Share)
		for _, p := range l.Percentiles {
			value(b, float64(p.NS), fmt.Sprintf("p%g-ns", p.Percent))
		}
		fmt.Fprintln(b)
	}
	for _, st := range s.Curve {
		fmt.Fprintf(b, "%s/offered=%g 1", s.name("loss-curve"), st.Offered)
		value(b, st.Loss.Value, "loss")
		value(b, st.Rate, "pps")
		fmt.Fprintln(b)
	}
	if s.Memory != nil {
		for _, p := range s.Memory.Parts() {
			fmt.Fprintf(b, "%s/part=%s 1", s.name("memory"), p.Key)
			value(b, float64(p.Bytes), "B")
			fmt.Fprintln(b)
		}
	}
	if s.Build != nil {
		fmt.Fprintf(b, "%s 1 %d ns/op\n", s.name("build"), s.Build.Load)
	}
	for _, st := range s.Stages {
		fmt.Fprintf(b, "%s/stage=%s 1", s.name("stages"), st.Stage)
		value(b, st.NS, "ns/op")
		value(b, st.Cycles, "cycles/pkt")
		fmt.Fprintln(b)
	}
}

// unit tells figures of the same unit apart.
func (s *Sample) unit(f *Figure) string {
	switch {
	case f.Name == FigTime:
		return "ns/op"
	case f.Unit == "1":
		return f.Name
	}
	for i := range s.Figures {
		if g := &s.Figures[i]; g.Unit == f.Unit && g.Name != f.Name {
			return f.Name + "-" + f.Unit
		}
	}
	return f.Unit
}

func value(w io.Writer, v float64, unit string) { fmt.Fprintf(w, " %.8g %s", v, unit) }
