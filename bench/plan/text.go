package plan

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// WriteText writes an answer for people.
func (a *Answer) WriteText(w io.Writer) error {
	var b bytes.Buffer
	a.wanted(&b)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "method\tcores\tloss-free rate\tof it used\ta core\tns/pkt\tcycles\tlimited by\tmemory\trate is\tmemory is")
	for i := range a.Methods {
		m := &a.Methods[i]
		cores, rate, used, core, ns, cycles, limit, memory := "-", "-", "-", "-", "-", "-", "-", "-"
		if m.PerCore != nil {
			core, ns, cycles = m.PerCore.text(), fmt.Sprintf("%.1f", m.NS), fmt.Sprintf("%.0f", m.Cycles)
		}
		if m.Rate != nil {
			cores, rate, used = fmt.Sprint(m.Cores), m.Rate.text(), fmt.Sprintf("%.0f %%", m.Utilization)
		}
		if m.Bottleneck != "" {
			limit = m.Bottleneck
		}
		if m.Total > 0 {
			memory = BytesText(m.Total)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", m.Method, cores, rate, used, core, ns, cycles, limit, memory,
			m.CoresGround.Basis, m.MemoryGround.Basis)
	}
	fmt.Fprint(t, "\n\nmemory")
	for i := range a.Methods {
		fmt.Fprintf(t, "\t%s", a.Methods[i].Method)
	}
	fmt.Fprintln(t)
	for _, p := range a.parts() {
		fmt.Fprint(t, p.Name)
		for i := range a.Methods {
			fmt.Fprintf(t, "\t%s", a.Methods[i].part(p.Key))
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(&b)
	for i := range a.Methods {
		m := &a.Methods[i]
		for _, refused := range m.Refused {
			fmt.Fprintf(&b, "%s: not answered: %s; --extrapolate answers\n", m.Method, refused)
		}
		for _, why := range m.reasons() {
			fmt.Fprintf(&b, "%s: %s\n", m.Method, why)
		}
	}
	a.model(&b)
	for line := range strings.Lines(b.String()) { // tabwriter pads empty cells
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func (a *Answer) wanted(w io.Writer) {
	q := &a.Want
	routes := q.Profile
	if routes == "" {
		routes = fmt.Sprintf("%g routes each", q.VRFRoutes)
	}
	mean, _ := MeanSize(q.Size)
	fmt.Fprintf(w, "wanted: %s VRFs (%s), %s global routes; %.4g Mpps of %.4g bytes, %.4g Gbit/s; %g %% to the Internet, %s destinations; "+
		"%g %% headroom, at most %g %% loss\n\n", number(float64(q.VRFs)), routes, number(float64(q.Routes)), a.Offered/1e6, mean,
		a.Offered*(mean+wire)*8/1e9, q.Fallback, q.Keys, q.Headroom, q.Loss)
}

// parts are those of the first method that has any.
func (a *Answer) parts() []Bytes {
	for i := range a.Methods {
		if len(a.Methods[i].Memory) > 0 {
			return a.Methods[i].Memory
		}
	}
	return nil
}

func (m *MethodAnswer) part(key string) string {
	for _, p := range m.Memory {
		if p.Key == key {
			return BytesText(p.Bytes)
		}
	}
	return "-"
}

// reasons are why what was given is not simply measured, each once.
func (m *MethodAnswer) reasons() (why []string) {
	seen := map[string]bool{}
	for _, g := range []struct {
		what string
		Ground
	}{{"rate", m.CoresGround}, {"memory", m.MemoryGround}} {
		for _, w := range g.Why {
			if line := g.what + ": " + w; !seen[line] {
				seen[line] = true
				why = append(why, line)
			}
		}
	}
	return why
}

func (a *Answer) model(w io.Writer) {
	s, h := &a.Scaling, &a.Held
	fmt.Fprintf(w, "\nfrom samples of %s, commit %.12s, %s to %s UTC\n", a.Samples.Machine, a.Samples.Commit, a.Samples.From.Format("2006-01-02 15:04"),
		a.Samples.To.Format("15:04"))
	fmt.Fprintf(w, "scaling over cores: σ %.4g, κ %.4g, fitted to up to %d workers, off by at most %.1f %%\n", s.Sigma, s.Kappa, s.Most, 100*s.Fit)
	if h.Points > 0 {
		fmt.Fprintf(w, "at %d points held back from the fit: rates off by at most %.1f %%, memory by %.1f %%\n", h.Points, 100*h.Rate, 100*h.Memory)
	}
	for _, n := range a.Notes {
		fmt.Fprintln(w, n)
	}
	if len(a.Samples.Others) > 0 {
		fmt.Fprintf(w, "there are samples of other machines, too: %s; --cpu and a part of such a name asks for them\n", names(a.Samples.Others))
	}
}

func (r *Rate) text() string {
	return fmt.Sprintf("%.3g Mpps [%.3g, %.3g]", r.Value/1e6, r.Low/1e6, r.High/1e6)
}

// BytesText gives a number of bytes in a unit that people read: powers of 1024.
func BytesText(n float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; n >= 1024 && i < len(units)-1; i++ {
		n /= 1024
	}
	if i == 0 {
		return fmt.Sprintf("%.0f B", n)
	}
	return fmt.Sprintf("%s %s", digits(n), units[i])
}

// digits prints three significant digits, without an exponent.
func digits(v float64) string {
	if math.Abs(v) >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
