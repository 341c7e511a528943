package bench

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"vrfwd/bench/sample"
)

// WriteText writes the result as a summary for people.
func (r *Result) WriteText(w io.Writer) error {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	s, c, a := &r.Settings, &r.Conditions, &r.Trial.Account
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }

	row("table", "%s, %s routes, %d next hops (%s)", s.Table, thousands(r.Built.Routes), r.Built.NextHops, s.TableHash)
	row("VRFs", "%s %s, %s routes, %s imported", thousands(s.VRFs), s.Profile, thousands(r.Built.VRFRoutes), thousands(r.Built.Imported))
	row("method", "%s", r.method())
	row("traffic", "%s, %s keys, %s bytes, %s flows", r.mix(), s.Keys, s.Size, thousands(s.Flows))
	row("workers", "%d, ports %s, bursts of %d, pinned %v", s.Workers, s.Ports, s.Burst, s.Pinned)
	row("build", "%v RIB and FIB, %v reading or generating, %v slow model", short(r.Built.Load), short(r.Built.Generate), short(r.Built.Model))
	row("on", "%s, %d CPUs, TSC %.3f GHz (%s)", c.CPU, c.CPUs, c.TSC.GHz, c.TSC.How)
	row("", "%s, %s GOAMD64=%s, huge pages %s, commit %.12s", c.Kernel, c.Go, c.GOAMD64, c.HugePages, c.Commit)
	row("", "in memory: no network card, no kernel, no driver in any figure")
	fmt.Fprintln(t)

	row("rate", "%.2f Mpps", r.Trial.PPS/1e6)
	row("", "%.1f ns, %.0f cycles per packet and worker%s", r.Trial.NS, r.Cycles, r.includes())
	row("", "%.2f Gbit/s on layer 1 (with FCS 4, preamble 8 and gap 12 bytes a frame)", r.Trial.BPS/1e9)
	row("time", "%v measured, %s frames%s", short(r.Trial.Elapsed), thousands(int(r.Trial.Frames)), stopped(r.Trial.Stopped))
	if ch := r.Trial.Churn; ch != nil {
		row("route changes", "%s in %s batches, %.0f a second, longest batch %v", thousands(int(ch.Changes)),
			thousands(int(ch.Batches)), float64(ch.Changes)/max(ch.Elapsed.Seconds(), 1e-9), short(ch.Longest))
		if s.Updates != "" {
			row("", "of %s, in which %s more change nothing here", s.Updates, thousands(int(ch.Ignored)))
		}
	}
	if len(r.Budget) > 0 {
		row("stages", "ns  cycles  (one core, the clock read between stages; receive is the generator)")
		for _, st := range append(slices.Clone(r.Budget), total(r.Budget)) {
			row("  "+st.Stage, "%5.1f  %4.0f", st.NS, st.Cycles)
		}
	}
	fmt.Fprintln(t)

	row("sent", "%s", thousands(int(a.Sent)))
	row("  came out", "%s", thousands(int(a.Received)))
	row("  expected to stay", "%s", thousands(int(a.Discarded)))
	row("  lost", "%s", thousands(int(a.Lost)))
	row("workers received", "%s", thousands(int(r.Received)))
	row("  forwarded", "%s", thousands(int(r.Forwarded)))
	for _, arm := range []struct {
		name   string
		counts map[string]uint64
	}{{"punted", r.Punts}, {"dropped", r.Drops}} {
		for _, reason := range sortedKeys(arm.counts) {
			row("  "+arm.name+", "+reason, "%s", thousands(int(arm.counts[reason])))
		}
	}
	if len(r.Drops) == 0 {
		row("  dropped", "0")
	}
	if r.Trial.Backoff > 0 && s.Ports == Rings {
		row("generator waited", "%s times for free frames", thousands(int(r.Trial.Backoff)))
	}
	fmt.Fprintln(t)

	row("memory", "")
	sum := 0
	for _, p := range r.Memory.Parts() {
		row("  "+p.Name, "%s", bytesText(int64(p.Bytes)))
		sum += p.Bytes
	}
	row("  all", "%s", bytesText(int64(sum)))
	fmt.Fprintln(t)

	verdict := "ok"
	if !r.OK() {
		verdict = "FAILED: " + a.Verdict()
		if !r.Balanced() {
			verdict += "; the workers' counters do not add up"
		}
	}
	row("verdict", "%s (%s)", verdict, r.checked())
	for _, f := range r.Trial.Faults {
		row("", "%s", f)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) { // tabwriter pads empty cells
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// method names the methods both ways.
func (r *Result) method() string {
	switch s := &r.Settings; {
	case s.Method == None:
		return s.Return.String() + " from the Internet"
	case s.Return == None:
		return s.Method.String()
	default:
		return fmt.Sprintf("%v to the Internet, %v back", s.Method, s.Return)
	}
}

func (r *Result) mix() string {
	s := &r.Settings
	if s.Inbound == 1 {
		return "all from the Internet"
	}
	text := fmt.Sprintf("%g %% of the VPNs' frames to the Internet", 100*s.Fallback)
	if s.Inbound > 0 {
		text += fmt.Sprintf(", %g %% of all from it", 100*s.Inbound)
	}
	return text
}

func (r *Result) includes() string {
	if r.Settings.Ports == SameCore {
		return ", generator and sink included"
	}
	return " (as the generator and sink thread sees it)"
}

func (r *Result) checked() string {
	switch r.Settings.Check {
	case Signed:
		return "each frame's port, VLAN, order and number"
	case Verify:
		return "each frame's every byte, against bart and gopacket"
	}
	return "each frame's port and VLAN, each flow's number of frames"
}

func total(budget []sample.Stage) sample.Stage {
	sum := sample.Stage{Stage: "all"}
	for _, s := range budget {
		sum.NS += s.NS
		sum.Cycles += s.Cycles
	}
	return sum
}

func stopped(s bool) string {
	if s {
		return ", stopped early"
	}
	return ""
}

// short rounds a time to three or four digits.
func short(d time.Duration) time.Duration {
	switch {
	case d >= 10*time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Microsecond)
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func sortedKeys(m map[string]uint64) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
