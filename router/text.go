package router

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// table writes aligned columns. Errors of w are kept until flush.
func table(w io.Writer, head string, rows func(row func(cells ...any))) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, head)
	rows(func(cells ...any) {
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, c)
		}
		fmt.Fprintln(t)
	})
	return t.Flush()
}

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// WriteText writes ports, then IP interfaces.
func (i *Interfaces) WriteText(w io.Writer) error {
	err := table(w, "PORT\tDEVICE\tSTATE\tMAC\tMTU\tRX FRAMES\tRX BYTES\tTX FRAMES\tTX BYTES\tRING DROPS", func(row func(...any)) {
		for _, p := range i.Ports {
			state := upDown(p.Up)
			if p.Why != "" {
				state += " (" + p.Why + ")"
			}
			row(p.Name, p.Device, state, p.MAC, p.MTU, p.Rx.Packets, p.Rx.Bytes, p.Tx.Packets, p.Tx.Bytes, p.Ring.Drops)
		}
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	return table(w, "INTERFACE\tVR\tKIND\tPORT\tVLAN\tSTATE\tFALLBACK\tMTU\tADDRESSES\tRX PACKETS\tRX BYTES\tTX PACKETS\tTX BYTES", func(row func(...any)) {
		for _, f := range i.Interfaces {
			state, fallback, mtu, vlan := upDown(f.Up), "-", "-", "-"
			if !f.Admin {
				state = "disabled"
			}
			if f.Fallback {
				fallback = "global"
			}
			if f.MTU != 0 {
				mtu = fmt.Sprint(f.MTU)
			}
			if f.VLAN != 0 {
				vlan = fmt.Sprint(f.VLAN)
			}
			row(f.Name, f.VR, f.Kind, dash(f.Port), vlan, state, fallback, mtu, dash(strings.Join(f.Addresses, ",")),
				f.Rx.Packets, f.Rx.Bytes, f.Tx.Packets, f.Tx.Bytes)
		}
	})
}

// RouteHead is the line above routes.
const RouteHead = "  PREFIX              SOURCE       DIST  NEXT HOP                                  EGRESS"

// WriteText writes a line: "*" marks a route in use, "=" one that is used together with it.
func (r *Route) WriteText(w io.Writer) error {
	mark, egress := " ", r.Egress
	switch {
	case r.Best:
		mark = "*"
	case r.Group != 0 && r.Kind == "via":
		mark = "="
	}
	if r.Neighbor != "" && r.Neighbor != r.Gateway {
		egress += " to " + r.Neighbor
	}
	if r.From != "" {
		egress += " (from " + r.From + ")"
	}
	_, err := fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%s %-18s  %-11s  %4d  %-40s  %s", mark, r.Prefix, r.Source, r.Distance,
		nextHopText(*r), egress), " "))
	return err
}

func nextHopText(r Route) string {
	switch {
	case r.Kind == "group":
		return fmt.Sprint("group ", r.Group)
	case r.Kind != "via":
		return r.Kind
	case r.Interface != "":
		return "via " + r.Gateway + " on " + r.Interface
	}
	return "via " + r.Gateway
}

// WriteText writes a line for each VR.
func (l *VRs) WriteText(w io.Writer) error {
	return table(w, "VR\tPREFIXES\tFIB\tIMPORTED\tROUTES BY SOURCE", func(row func(...any)) {
		for _, v := range l.VRs {
			var counts []string
			for _, source := range slices.Sorted(maps.Keys(v.Routes)) {
				counts = append(counts, fmt.Sprintf("%s %d", source, v.Routes[source]))
			}
			row(v.Name, v.Prefixes, v.FIB, v.Imported, dash(strings.Join(counts, ", ")))
		}
	})
}

// WriteText writes a line for each step.
func (l *Lookup) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s in %s\n", l.Address, l.VRF)
	var err error
	for _, s := range l.Steps {
		_, err = fmt.Fprintf(w, "  %-9s  %s\n", s.Step, s.Text)
	}
	return err
}

// WriteText writes a line for each member of each group.
func (g *Groups) WriteText(w io.Writer) error {
	return table(w, "GROUP\tROUTES\tNEXT HOP\tEGRESS\tBUCKETS\tPACKETS\tBYTES", func(row func(...any)) {
		for _, e := range g.Groups {
			for _, m := range e.Members {
				row(e.Number, e.Routes, m.nextHop(), dash(m.egress()), m.Buckets, m.Tx.Packets, m.Tx.Bytes)
			}
		}
	})
}

func (m *Member) nextHop() string {
	return nextHopText(Route{Kind: "via", Gateway: m.Gateway, Interface: m.Interface})
}

func (m *Member) egress() string {
	if m.Neighbor != "" && m.Neighbor != m.Gateway {
		return m.Egress + " to " + m.Neighbor
	}
	return m.Egress
}

// WriteText writes a line for each neighbour.
func (n *Neighbors) WriteText(w io.Writer) error {
	return table(w, "ADDRESS\tMAC\tLAYER 2\tINTERFACE\tSTATE\tAGE", func(row func(...any)) {
		for _, e := range n.Neighbors {
			age := "-"
			if e.State != "static" {
				age = time.Duration(e.Age * float64(time.Second)).Round(time.Second).String()
			}
			row(e.Address, dash(e.MAC), e.Layer2, dash(e.Interface), e.State, age)
		}
	})
}

// WriteText writes the account, then the counters that are not 0.
func (c *Counters) WriteText(w io.Writer) error {
	_, err := fmt.Fprintf(w, "received   %d\nforwarded  %d\npunted     %d\ndropped    %d\n", c.Received, c.Forwarded, c.Punted, c.Dropped)
	for _, part := range []struct {
		name   string
		counts map[string]uint64
	}{{"dropped", c.Drops}, {"punted", c.Punts}, {"slow path", c.SlowPath}, {"rings", c.Ring.byName()}} {
		if err == nil {
			err = writeCounts(w, part.name, part.counts)
		}
	}
	return err
}

// ringNames are the names of a Ring's counters, as people read them.
var ringNames = []string{"drops", "freezes", "too long", "merged", "other host", "other tag", "bad", "tx full", "tx refused",
	"tx too long", "tx wrong"}

func (r Ring) byName() map[string]uint64 {
	out := map[string]uint64{}
	for i, n := range []uint64{r.Drops, r.Freezes, r.TooLong, r.Merged, r.OtherHost, r.OtherTag, r.Bad, r.TxFull, r.TxRefused,
		r.TxTooLong, r.TxWrong} {
		out[ringNames[i]] = n
	}
	return out
}

func writeCounts(w io.Writer, head string, counts map[string]uint64) (err error) {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[name]; n > 0 {
			if head != "" {
				fmt.Fprintf(w, "\n%s\n", head)
				head = ""
			}
			_, err = fmt.Fprintf(w, "  %-22s %d\n", name, n)
		}
	}
	return err
}

// WriteText writes a line for each worker.
func (l *Workers) WriteText(w io.Writer) error {
	return table(w, "WORKER\tCPU\tTHREAD\tRECEIVED\tFORWARDED\tPUNTED\tDROPPED\tPOLLS\tIDLE\tCPU TIME\tNS/FRAME\tLOAD", func(row func(...any)) {
		for _, k := range l.Workers {
			cpu := "any"
			if k.CPU >= 0 {
				cpu = fmt.Sprint(k.CPU)
			}
			row(k.Number, cpu, k.Thread, k.Received, k.Forwarded, k.Punted, k.Dropped, k.Polls, k.Idle,
				fmt.Sprintf("%.2fs", k.Busy), fmt.Sprintf("%.0f", k.Cost), fmt.Sprintf("%.1f%%", 100*k.Load))
		}
	})
}

// WriteText writes a line for each import map.
func (l *Imports) WriteText(w io.Writer) error {
	return table(w, "VRF\tROUTE MAP\tMAX ROUTES\tIMPORTED\tREFUSED\tLIMITED", func(row func(...any)) {
		for _, i := range l.Imports {
			row(i.VRF, i.RouteMap, i.MaxRoutes, i.Imported, i.Refused, i.Limited)
		}
	})
}

// WriteText writes a line for each export map.
func (l *Exports) WriteText(w io.Writer) error {
	return table(w, "VRF\tROUTE MAP\tORIGINATED\tDISTANCE\tEXPORTED", func(row func(...any)) {
		for _, e := range l.Exports {
			row(e.VRF, e.RouteMap, e.Originated, e.Distance, e.Exported)
		}
	})
}

// WriteText says what was done.
func (r *Reloaded) WriteText(w io.Writer) error {
	for _, warning := range r.Warnings {
		fmt.Fprintln(w, "warning:", warning)
	}
	text := fmt.Sprintf("%s: %d changes applied", r.File, r.Changes)
	if r.BGP > 0 {
		text += fmt.Sprintf(", and %d of BGP", r.BGP)
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// WriteText writes a line of the progress, or of all of it.
func (p *Replayed) WriteText(w io.Writer) error {
	rate := 0.0
	if p.Elapsed > 0 {
		rate = float64(p.Changes) / p.Elapsed
	}
	if !p.Ended {
		_, err := fmt.Fprintf(w, "%4.0f s  %d of %d changes  %.0f a second  %.3f s behind\n", p.Elapsed, p.Changes, p.Total, rate, p.Behind)
		return err
	}
	_, err := fmt.Fprintf(w, "%s: %d of %d changes of %d peers in VR %s in %.3f s, %.0f a second\n"+
		"%d announcements, %d withdrawals, %d ended sessions; left out: %d of peers without an IPv4 address\n"+
		"behind its times: %.3f s at the end, %.3f s at most; all of it was taken back\n",
		p.File, p.Changes, p.Total, p.Peers, p.VR, p.Elapsed, rate, p.Announcements, p.Withdrawals, p.Downs, p.LeftOut, p.Behind, p.MostBehind)
	return err
}
